"""What is queued, and what reaches people."""

from collections.abc import Sequence
from typing import Protocol

from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.use_cases.ports.sources import ListedJob


class AuditQueue(Protocol):
    """Where finished jobs wait for their audit."""

    def send(self, jobs: Sequence[ListedJob]) -> None:
        """Queue jobs, at least once each. Raises SourceUnavailable when one was not taken."""


class Reassessments(Protocol):
    """The queue in which jobs wait for being assessed again."""

    def send(self, messages: Sequence[Reassessment]) -> None:
        """Queue all of them."""


class Alerts(Protocol):
    """Reaches people."""

    def send(self, alert: Alert) -> None:
        """Publish once."""
