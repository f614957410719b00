"""The event that points at a job of AWS Batch. It is a pointer: what it says is asked again.

Facts: AWS Batch User Guide, "AWS Batch EventBridge events" ("Batch Job State Change"): the detail is what DescribeJobs
says of the job, so that what is no run is passed over before anything is asked.
"""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.evidence import BATCH_JOB, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE, JobPointer, PassedOver, Pointing
from flops_auditor.domain.runs.sources.batch_job import NO_ACCELERATORS, passed_over, passed_over_by_name
from flops_auditor.domain.runs.sources.batch_job_answer import (
    BATCH_JOB_ARN,
    BatchJob,
    MalformedBatchJob,
    is_of_batch,
    parse_batch_job,
    state_of_batch_job,
)
from flops_auditor.domain.runs.sources.training_job_answer import PLACES_NOT_KNOWN

BATCH_EVENT_SOURCE = "aws.batch"
BATCH_DETAIL_TYPE = "Batch Job State Change"

_POINTING = Pointing(
    service=BATCH_JOB,
    event_source=BATCH_EVENT_SOURCE,
    form=BATCH_JOB_ARN,
    arn_in="jobArn",
    created_in="createdAt",
    status_in="status",
    state_of=state_of_batch_job,
)
pointer_to = _POINTING.by_arn
"""A job by its ARN. Raises MalformedEvent for another ARN."""


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The job of an event of that source; None where it names none. Raises MalformedEvent, and PassedOver where AWS
    says of it what no run has.
    """
    if not is_of_batch(detail.get("jobArn")):
        return None
    pointer = _POINTING.by_event(source, detail)
    reason = passed_over_by_name(pointer.arn) or _as_told(pointer)
    if reason:
        raise PassedOver(f"{pointer.arn}: {reason}")
    return pointer


def _as_told(pointer: JobPointer) -> str:
    """Why it is no run by what AWS's own event says of it; empty where that is not enough to tell."""
    if pointer.source != BATCH_EVENT_SOURCE:
        return ""
    try:
        job = parse_batch_job(plain(pointer.detail))
    except MalformedBatchJob:
        return ""
    reason = passed_over(job)
    return "" if reason == NO_ACCELERATORS and not job.says_what_it_asks_for else reason


def last_word(pointer: JobPointer) -> tuple[Mapping[str, Any], BatchJob]:
    """A description of a job that is gone, from AWS's event; only who it was, where there is none that can be read."""
    identity = {
        "jobName": pointer.detail.get("jobName") or pointer.name,
        "jobArn": pointer.arn,
        "jobId": pointer.name,
        "jobQueue": "",
        "status": pointer.status,
        "createdAt": pointer.creation_time,
        "stoppedAt": pointer.detail.get("stoppedAt"),
    }
    if pointer.source != RECONCILE_SOURCE:
        try:
            whole = plain({**pointer.detail, "createdAt": pointer.creation_time})
            return whole, parse_batch_job(whole)
        except MalformedBatchJob:
            pass
    known = plain({**identity, PLACES_NOT_KNOWN: True})
    return known, parse_batch_job(known)
