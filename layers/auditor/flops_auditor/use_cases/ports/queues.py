"""What is queued, and what reaches people."""

from collections.abc import Sequence
from typing import Protocol

from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.use_cases.ports.records import SeenJob


class AuditQueue(Protocol):
    """Where finished jobs wait for their audit."""

    def send(self, jobs: Sequence[SeenJob]) -> None:
        """Queue jobs, at least once each. Raises SourceUnavailable when one was not taken."""

    def waiting(self) -> int:
        """About how many messages wait. Raises SourceDenied, SourceUnavailable."""


class Reassessments(Protocol):
    """The queue in which jobs wait for being assessed again."""

    def send(self, messages: Sequence[Reassessment]) -> None:
        """Queue all of them."""


class Alerts(Protocol):
    """Reaches people."""

    def send(self, alert: Alert) -> None:
        """Publish once."""
