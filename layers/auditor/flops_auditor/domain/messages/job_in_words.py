"""What people recognise a job by: its model, its hardware, when it ran, and where to look at it."""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.declared import LONGEST_NAME
from flops_auditor.domain.runs.sources.registry import page_of
from flops_auditor.domain.values.moments import to_the_minute
from flops_auditor.domain.values.remarks import printable

_MOST_GROUPS = 4


def job_in_words(job: Mapping[str, Any], base_model: str) -> list[str]:
    """One line each; `job` is that part of a record, `base_model` the original as the record names it."""
    page = page_of(job["source"], job["arn"])
    return [
        f"Model: {printable(base_model)[:LONGEST_NAME] or 'not named'}",
        f"Hardware: {_hardware(job)}",
        f"Training: {_time(job['start'])} to {_time(job['end'])} (UTC)",
        f"Job: {printable(job['arn'])}",
        *([page] if page else []),
    ]


def _hardware(job: Mapping[str, Any]) -> str:
    groups = [f"{group['count']} x {printable(group['type'])}" for group in job["instances"]]
    more = [f"and {len(groups) - _MOST_GROUPS} more kinds"] if len(groups) > _MOST_GROUPS else []
    return ", ".join([*groups[:_MOST_GROUPS], *more]) or "not known"


def _time(moment: str | None) -> str:
    return to_the_minute(moment) if moment else "not known"
