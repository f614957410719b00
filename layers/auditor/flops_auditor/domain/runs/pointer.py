"""What points at a run: an event of its service, a line of a listing, or the run itself. Everything is asked again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.domain.values.moments import read_time

RECONCILE_SOURCE = "flops-auditor.reconcile"
REPLAY_SOURCE = "flops-auditor.replay"


class JobPointer(BaseModel):
    """Where an event points. The service is asked again; what the event said counts only for a run that is gone then.

    `service` is the source that the run's evidence will name, `event_source` what AWS's own events of it call
    themselves. `source` is the event's source, `detail` what it says, unchecked, and `finished` whether it says that
    the run ended. `seen` is what its service said of it while it ran, as far as it was noted.
    """

    model_config = ConfigDict(frozen=True)

    service: str
    event_source: str
    arn: str
    name: str
    region: str
    account: str
    status: str = ""
    finished: bool = False
    creation_time: datetime | None = None
    source: str = ""
    detail: dict[str, Any] = {}
    seen: dict[str, Any] = {}

    @property
    def trusted(self) -> bool:
        """Whether AWS itself says so. Nobody but AWS sends `aws.*` events, and only reconcile may write to the queue;
        whoever may put events can replay one that names anything.
        """
        return self.source in {self.event_source, RECONCILE_SOURCE}

    @property
    def known_to_exist(self) -> bool:
        """Whether the pointer proves a finished run: its service's own event does, and a line of its listing does.

        Without a creation time the run has no identity.
        """
        return self.trusted and self.finished and self.creation_time is not None


def read_creation_time(told: Mapping[str, Any], member: str) -> datetime | None:
    """When an event says that its run was created; None where it does not. Raises MalformedEvent."""
    try:
        return None if told.get(member) is None else read_time(told[member])
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"{member}: {error}") from error


def is_replay(event: object) -> bool:
    """Whether somebody sent the event again with EventBridge's PutEvents."""
    return isinstance(event, Mapping) and event.get("source") == REPLAY_SOURCE
