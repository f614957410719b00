"""What is queued, and what reaches people."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.ports.records import SeenJob


class AuditQueue(Protocol):
    """Where finished jobs wait for their audit."""

    def send(self, jobs: Sequence[SeenJob]) -> Mapping[str, str]:
        """Queue jobs, at least once each; the ARN of each that was not taken, with a named error. Raises SourceDenied,
        SourceUnavailable where the queue takes none.
        """

    def waiting(self) -> int:
        """About how many messages wait. Raises SourceDenied, SourceUnavailable."""


class Reassessments(Protocol):
    """The queue in which jobs wait for being assessed again."""

    def send(self, messages: Sequence[Reassessment]) -> None:
        """Queue all of them."""


class NotPublished(AuditorError):
    """The topic refuses a message: it went to nobody."""

    remedy = (
        "See whether the topic's policy, and that of the key which encrypts it, let the function publish "
        "(`flops-auditor docs organisation`)."
    )


class Alerts(Protocol):
    """Reaches people."""

    def send(self, alert: Alert) -> None:
        """Publish once. Raises NotPublished where it is certain that nothing went out."""
