"""What a record explains of a bill: which run it is of, on how many hosts, and from when to when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flops_auditor.domain.values.arns import account_of
from flops_auditor.domain.values.moments import read_time


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A recorded run. `hosts`: type -> how many; `span` is None where the record does not say when it ran."""

    job_id: str
    arn: str
    account: str
    region: str
    hosts: Mapping[str, int]
    span: tuple[datetime, datetime] | None


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
    return RecordedRun(job["id"], job["arn"], account_of(job["arn"]), job["region"], hosts, span)
