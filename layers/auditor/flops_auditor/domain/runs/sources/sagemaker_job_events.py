"""What points at a SageMaker job of the newer kinds: the reconciliation's messages, or an event of the same form.

Everything they say is asked again; it counts only of a job that was deleted since.
"""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE, JobPointer, Pointing
from flops_auditor.domain.runs.sources.sagemaker_job_answer import (
    SAGEMAKER_JOB_ARN,
    MalformedSageMakerJob,
    SageMakerJob,
    parse_sagemaker_job,
    state_of_sagemaker_job,
)

SAGEMAKER_JOB_CHANGE = "SageMaker Job State Change"
"""Our own word, as SageMaker calls events of training jobs."""


_POINTING = Pointing(
    service=SAGEMAKER_JOB,
    event_source=RECONCILE_SOURCE,
    form=SAGEMAKER_JOB_ARN,
    arn_in="JobArn",
    created_in="CreationTime",
    status_in="JobStatus",
    state_of=state_of_sagemaker_job,
)
pointer_to = _POINTING.by_arn
"""A job by its ARN. Raises MalformedEvent for another ARN."""


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The job of an event of that source; None where it names none. Raises MalformedEvent."""
    return _POINTING.by_event(source, detail) if "JobArn" in detail else None


def last_word(pointer: JobPointer) -> tuple[Mapping[str, Any], SageMakerJob]:
    """A description of a job that is gone, from what points at it; only who it was, where the rest cannot be read."""
    identity = {
        "JobName": pointer.name,
        "JobArn": pointer.arn,
        "JobStatus": pointer.status,
        "CreationTime": pointer.creation_time,
    }
    whole = plain({key: value for key, value in pointer.detail.items() if key != "Tags"} | identity)
    try:
        return whole, parse_sagemaker_job(whole)
    except MalformedSageMakerJob:
        return plain(identity), parse_sagemaker_job(plain(identity))
