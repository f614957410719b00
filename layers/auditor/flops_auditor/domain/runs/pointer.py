"""What points at a run: an event of its service, a line of a listing, or the run itself. Everything is asked again."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from flops_auditor.domain.runs.run import NOT_ENDED, RunState
from flops_auditor.domain.values.errors import MalformedEvent, WrongInput
from flops_auditor.domain.values.moments import read_time

RECONCILE_SOURCE = "flops-auditor.reconcile"
REPLAY_SOURCE = "flops-auditor.replay"


class PassedOver(WrongInput):
    """What an event or a description is about is no training run, or part of one that is recorded by itself."""

    remedy = "Nothing to do: there is nothing to record."


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


@dataclass(frozen=True)
class Pointing:
    """How events of a service name one of its runs: the form of its ARN, with groups for `region`, `account` and, where
    the ARN is not its name as well, `name`; the members that hold the ARN, when the run was created, and its status;
    and what a status means.
    """

    service: str
    event_source: str
    form: re.Pattern[str]
    arn_in: str
    created_in: str
    status_in: str
    state_of: Callable[[str], RunState]

    def by_arn(self, arn: str, created: datetime | None = None) -> JobPointer:
        """A run by its ARN. Raises MalformedEvent for another ARN."""
        match = self.form.fullmatch(arn)
        if match is None:
            raise MalformedEvent(f"{self.arn_in} is {arn[:120]!r}")
        named = match.groupdict()
        return JobPointer(
            service=self.service,
            event_source=self.event_source,
            arn=arn,
            name=named.get("name", arn),
            region=named["region"],
            account=named["account"],
            creation_time=created,
        )

    def by_event(self, source: str, told: Mapping[str, Any]) -> JobPointer:
        """The run of which an event of that source says this. Raises MalformedEvent."""
        pointer = self.by_arn(str(told.get(self.arn_in, "")))
        try:
            created = None if told.get(self.created_in) is None else read_time(told[self.created_in])
        except (ValueError, OverflowError) as error:
            raise MalformedEvent(f"{self.created_in}: {error}") from error
        status = str(told.get(self.status_in, ""))
        finished = self.state_of(status) not in NOT_ENDED
        members = {str(key): value for key, value in told.items()}
        update = {"creation_time": created, "status": status, "finished": finished, "source": source, "detail": members}
        return pointer.model_copy(update=update)


def is_replay(event: object) -> bool:
    """Whether somebody sent the event again with EventBridge's PutEvents."""
    return isinstance(event, Mapping) and event.get("source") == REPLAY_SOURCE
