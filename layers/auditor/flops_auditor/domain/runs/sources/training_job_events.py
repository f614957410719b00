"""The event that points at a training job. It is a pointer: everything it says is asked again.

Facts: Amazon EventBridge, "SageMaker Training Job State Change".
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.runs.sources.training_job_answer import (
    TERMINAL_STATUSES,
    MalformedJob,
    TrainingJob,
    parse_training_job,
)
from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.domain.values.moments import read_time

_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):(\d{12}):training-job/([A-Za-z0-9][A-Za-z0-9-]{0,62})")
AWS_EVENT_SOURCE = "aws.sagemaker"
RECONCILE_SOURCE = "flops-auditor.reconcile"
REPLAY_SOURCE = "flops-auditor.replay"


class JobPointer(BaseModel):
    """Where an event points. SageMaker is asked again; what the event said counts only for a job that is gone by then.

    `source` is the event's source and `said` its detail, unchecked.
    """

    model_config = ConfigDict(frozen=True)

    arn: str
    name: str
    region: str
    account: str
    status: str = ""
    creation_time: datetime | None = None
    source: str = ""
    said: dict[str, Any] = {}

    @property
    def trusted(self) -> bool:
        """Whether AWS itself says so. Nobody but AWS sends `aws.*` events, and only reconcile may write to the queue;
        whoever may put events can replay one that names anything.
        """
        return self.source in {AWS_EVENT_SOURCE, RECONCILE_SOURCE}

    @property
    def known_to_exist(self) -> bool:
        """Whether the pointer proves a finished job: SageMaker's own event does, and a line of its listing does.

        Without a creation time the run has no identity.
        """
        return self.trusted and self.status in TERMINAL_STATUSES and self.creation_time is not None

    def last_word(self) -> tuple[Mapping[str, Any], TrainingJob]:
        """A description of a job that is gone, from its event; only who it was, where the rest cannot be read."""
        identity = {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "CreationTime": self.creation_time,
        }
        whole = plain({key: value for key, value in self.said.items() if key != "Tags"} | identity)
        try:
            return whole, parse_training_job(whole)
        except MalformedJob:
            return plain(identity), parse_training_job(plain(identity))


def is_replay(event: object) -> bool:
    """Whether somebody sent the event again with EventBridge's PutEvents."""
    return isinstance(event, Mapping) and event.get("source") == REPLAY_SOURCE


def parse_event(event: object) -> JobPointer:
    """Read an EventBridge event "SageMaker Training Job State Change". Raises MalformedEvent."""
    detail = event.get("detail") if isinstance(event, Mapping) else None
    if not isinstance(detail, Mapping):
        raise MalformedEvent("the event has no detail object")
    match = _ARN.fullmatch(str(detail.get("TrainingJobArn", "")))
    if match is None:
        raise MalformedEvent(f"TrainingJobArn is {str(detail.get('TrainingJobArn'))[:120]!r}")
    region, account, name = match.groups()
    try:
        created = read_time(detail["CreationTime"]) if detail.get("CreationTime") is not None else None
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"CreationTime: {error}") from error
    return JobPointer(
        arn=match[0],
        name=name,
        region=region,
        account=account,
        status=str(detail.get("TrainingJobStatus", "")),
        creation_time=created,
        source=str(event.get("source", "")) if isinstance(event, Mapping) else "",
        said={str(key): value for key, value in detail.items()},
    )
