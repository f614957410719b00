"""What points at a SageMaker job of the newer kinds: the reconciliation's messages, or an event of the same form.

Everything they say is asked again; it counts only of a job that was deleted since.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE, JobPointer, read_creation_time
from flops_auditor.domain.runs.run import NOT_ENDED
from flops_auditor.domain.runs.sources.sagemaker_job_answer import (
    SAGEMAKER_JOB_ARN,
    MalformedSageMakerJob,
    SageMakerJob,
    parse_sagemaker_job,
    state_of_sagemaker_job,
)
from flops_auditor.domain.values.errors import MalformedEvent

SAGEMAKER_JOB_CHANGE = "SageMaker Job State Change"
"""Our own word, as SageMaker calls events of training jobs."""


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The job of an event of that source; None where it names none. Raises MalformedEvent."""
    if "JobArn" not in detail:
        return None
    pointer = pointer_to(str(detail["JobArn"]))
    created = read_creation_time(detail, "CreationTime")
    status = str(detail.get("JobStatus", ""))
    members = {str(key): value for key, value in detail.items()}
    finished = state_of_sagemaker_job(status) not in NOT_ENDED
    update = {"creation_time": created, "status": status, "finished": finished, "source": source, "detail": members}
    return pointer.model_copy(update=update)


def pointer_to(arn: str, created: datetime | None = None) -> JobPointer:
    """A job by its ARN. Raises MalformedEvent for another ARN."""
    match = SAGEMAKER_JOB_ARN.fullmatch(arn)
    if match is None:
        raise MalformedEvent(f"JobArn is {arn[:120]!r}")
    return JobPointer(
        service=SAGEMAKER_JOB,
        event_source=RECONCILE_SOURCE,
        arn=arn,
        name=match["name"],
        region=match["region"],
        account=match["account"],
        creation_time=created,
    )


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
