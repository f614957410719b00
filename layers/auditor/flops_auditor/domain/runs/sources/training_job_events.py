"""The event that points at a training job. It is a pointer: everything it says is asked again.

Facts: Amazon EventBridge, "SageMaker Training Job State Change".
"""

import re
from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.evidence import TRAINING_JOB, plain
from flops_auditor.domain.runs.pointer import JobPointer, Pointing
from flops_auditor.domain.runs.sources.training_job_answer import (
    PLACES_NOT_KNOWN,
    MalformedJob,
    TrainingJob,
    parse_training_job,
    state_of_training,
)

_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):"
    r"training-job/(?P<name>[A-Za-z0-9][A-Za-z0-9-]{0,62})"
)
AWS_EVENT_SOURCE = "aws.sagemaker"
AWS_DETAIL_TYPE = "SageMaker Training Job State Change"


_POINTING = Pointing(
    service=TRAINING_JOB,
    event_source=AWS_EVENT_SOURCE,
    form=_ARN,
    arn_in="TrainingJobArn",
    created_in="CreationTime",
    status_in="TrainingJobStatus",
    state_of=state_of_training,
)
pointer_to = _POINTING.by_arn
"""A training job by its ARN. Raises MalformedEvent for another ARN."""


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The training job of an event of that source; None where it names none. Raises MalformedEvent."""
    return _POINTING.by_event(source, detail) if "TrainingJobArn" in detail else None


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
