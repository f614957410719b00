"""What a record explains of a bill: which run it is of, on how many hosts, from when to when, and how many tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flops_auditor.domain.bill.doors import Door, Purpose
from flops_auditor.domain.bill.explanation import RestReason
from flops_auditor.domain.runs.billable_tokens import WAYS_TO_COUNT
from flops_auditor.domain.values.arns import account_of, region_of
from flops_auditor.domain.values.moments import read_time


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A recorded run. `hosts`: type -> how many; `span` is None where the record does not say when it ran, `life`
    where it does not say from when to when the service knew it, either. `tokens` are all that its service charges for,
    or what there were at most, None where the record does not count them in one way, or was made before the run had
    ended. `models` are all names that it gives to the model that was trained.
    """

    job_id: str
    arn: str
    account: str
    region: str
    hosts: Mapping[str, int]
    span: tuple[datetime, datetime] | None
    tokens: int | None = None
    models: tuple[str, ...] = ()
    life: tuple[datetime, datetime] | None = None


def recorded_run(content: Mapping[str, Any]) -> RecordedRun:
    """The run that a record's predicate is of. What the service charges is the time from start to end, on every host
    (DescribeTrainingJob, TrainingStartTime: "You are billed for the time interval between this time and the value of
    TrainingEndTime"), or the tokens that it counts.
    """
    job, lineage = content["job"], content["lineage"]
    hosts: dict[str, int] = {}
    for each in job["instances"]:
        hosts[each["type"]] = hosts.get(each["type"], 0) + int(each["count"])
    made, start, end = (read_time(job[name]) if job.get(name) else None for name in ("creation_time", "start", "end"))
    span = (start, end) if start and end and start <= end else None
    life = (made, end) if made and end and made <= end else span
    counted = job.get("billable_tokens") if job["finished"] else None
    tokens = sum(map(int, counted.values())) if counted and frozenset(counted) in WAYS_TO_COUNT else None
    named = (content["original"]["base_model"], lineage["base_model"], *lineage["other_names"])
    models = tuple(dict.fromkeys(name for name in named if name))
    account = account_of(job["arn"])
    return RecordedRun(job["id"], job["arn"], account, job["region"], hosts, span, tokens, models, life)


def is_foreign(account: str, region: str, resource: str) -> tuple[bool, bool]:
    """Whether a line is of another account, and of another region, than the resource that it names: the resource's own
    lines come first, so that none of another one takes of its records what is theirs.
    """
    return account != account_of(resource), region != region_of(resource)


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
