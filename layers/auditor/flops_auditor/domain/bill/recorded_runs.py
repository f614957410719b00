"""What a record explains of a bill: which run it is of, on how many hosts, and from when to when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flops_auditor.domain.bill.doors import Door, Purpose
from flops_auditor.domain.bill.explanation import RestReason
from flops_auditor.domain.bill.recorded_tokens import most_tokens
from flops_auditor.domain.values.arns import account_of
from flops_auditor.domain.values.moments import read_time


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A recorded run. `hosts`: type -> how many; `span` is None where the record does not say when it ran, `tokens` (at
    most so many) where it says of none.
    """

    job_id: str
    arn: str
    account: str
    region: str
    hosts: Mapping[str, int]
    span: tuple[datetime, datetime] | None
    tokens: int | None = None


def recorded_run(content: Mapping[str, Any]) -> RecordedRun:
    """The run that a record's predicate is of. What the service charges is the time from start to end, on every host
    (DescribeTrainingJob, TrainingStartTime: "You are billed for the time interval between this time and the value of
    TrainingEndTime").
    """
    job = content["job"]
    hosts: dict[str, int] = {}
    for each in job["instances"]:
        hosts[each["type"]] = hosts.get(each["type"], 0) + int(each["count"])
    start, end = (read_time(job[name]) if job[name] else None for name in ("start", "end"))
    span = (start, end) if start and end and start <= end else None
    tokens = most_tokens(content["estimate"])
    return RecordedRun(job["id"], job["arn"], account_of(job["arn"]), job["region"], hosts, span, tokens)


def why_unexplained(door: Door, resource: str, records: Mapping[str, Sequence[RecordedRun]]) -> RestReason:
    """Why what a bill charges of a resource is explained by none of the records, which are by ARN."""
    if resource in records:
        known = any(run.span for run in records[resource])
        return RestReason.BEYOND_RECORD if known else RestReason.RECORD_WITHOUT_HOURS
    if door.purpose is Purpose.OTHER:
        return RestReason.NOT_TRAINING
    if door.purpose is Purpose.POSSIBLE:
        return RestReason.DOOR_NOT_RECORDED
    return RestReason.NO_RECORD if resource else RestReason.NO_RESOURCE
