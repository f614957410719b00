"""The event that points at a training job. It is a pointer: everything it says is asked again.

Facts: Amazon EventBridge, "SageMaker Training Job State Change".
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.evidence import TRAINING_JOB, plain
from flops_auditor.domain.runs.pointer import JobPointer, read_creation_time
from flops_auditor.domain.runs.run import NOT_ENDED
from flops_auditor.domain.runs.sources.training_job_answer import (
    PLACES_NOT_KNOWN,
    MalformedJob,
    TrainingJob,
    parse_training_job,
    state_of_training,
)
from flops_auditor.domain.values.errors import MalformedEvent

_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):(\d{12}):training-job/([A-Za-z0-9][A-Za-z0-9-]{0,62})")
AWS_EVENT_SOURCE = "aws.sagemaker"
AWS_DETAIL_TYPE = "SageMaker Training Job State Change"


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The training job of an event of that source; None where it names none. Raises MalformedEvent."""
    if "TrainingJobArn" not in detail:
        return None
    pointer = pointer_to(str(detail["TrainingJobArn"]))
    created = read_creation_time(detail, "CreationTime")
    status = str(detail.get("TrainingJobStatus", ""))
    members = {str(key): value for key, value in detail.items()}
    told = {
        "status": status,
        "finished": state_of_training(status) not in NOT_ENDED,
        "source": source,
        "detail": members,
    }
    return pointer.model_copy(update={"creation_time": created, **told})


def pointer_to(arn: str, created: datetime | None = None) -> JobPointer:
    """A training job by its ARN. Raises MalformedEvent for another ARN."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise MalformedEvent(f"TrainingJobArn is {arn[:120]!r}")
    region, account, name = match.groups()
    return JobPointer(
        service=TRAINING_JOB,
        event_source=AWS_EVENT_SOURCE,
        arn=arn,
        name=name,
        region=region,
        account=account,
        creation_time=created,
    )


def last_word(pointer: JobPointer) -> tuple[Mapping[str, Any], TrainingJob]:
    """A description of a job that is gone, from its event and what was noted of it while it ran; only who it was, where
    the rest cannot be read.
    """
    identity: dict[str, Any] = {
        "TrainingJobName": pointer.name,
        "TrainingJobArn": pointer.arn,
        "TrainingJobStatus": pointer.status,
        "CreationTime": pointer.creation_time,
    }
    if "TrainingJobArn" not in pointer.seen:  # nothing was noted, or of a long description the most needed parts
        identity |= {PLACES_NOT_KNOWN: True}
    members = {**pointer.seen, **pointer.detail}
    whole = plain({key: value for key, value in members.items() if key != "Tags"} | identity)
    try:
        return whole, parse_training_job(whole)
    except MalformedJob:
        return plain(identity), parse_training_job(plain(identity))
