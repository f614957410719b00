"""What the doctor asks of the deployed stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Queues:
    """Messages in the queues: waiting for an audit, and dead."""

    waiting: int
    dead_jobs: int
    dead_deliveries: int


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm of the stack: `state` is OK, ALARM or INSUFFICIENT_DATA."""

    name: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class LogState:
    """The log: when its newest checkpoint was stored, and since when the oldest record waits for its place."""

    checkpoint_at: datetime | None
    waiting_since: datetime | None


@dataclass(frozen=True)
class Subscribers:
    """Who is told of alerts: subscriptions that are confirmed, and those that nobody has confirmed yet."""

    confirmed: int
    pending: int


class StackHealth(Protocol):
    """What can be asked of the deployed stack; each call may raise SourceDenied or SourceUnavailable."""

    def queues(self) -> Queues:
        """Depths of the queues."""

    def alarms(self) -> Sequence[Alarm]:
        """Every alarm of the stack."""

    def log(self) -> LogState:
        """State of the log."""

    def subscribers(self) -> Subscribers:
        """Of the topic of alerts."""
