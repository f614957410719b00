"""What people recognise a job by: its model, its hardware, when it ran, who created it, and where to look at it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flops_auditor.domain.runs.declared import LONGEST_NAME, TAG_PREFIX
from flops_auditor.domain.values.moments import to_the_minute
from flops_auditor.domain.values.remarks import bounded, printable, quoted

if TYPE_CHECKING:
    from flops_auditor.domain.runs.case import Case

_MOST_GROUPS = 4
_MOST_TAGS = 8
_LONGEST_ROLE = 160
_LONGEST_OF_TAG = 40


def job_in_words(job: Mapping[str, Any], base_model: str, case: "Case | None" = None) -> list[str]:
    """One line each; `job` is that part of a record, `base_model` the original as the record names it. A record does
    not hold who created the job: that is said where the case is at hand.
    """
    from flops_auditor.domain.runs.sources.registry import page_of  # noqa: PLC0415 - who plans needs no parser

    page = page_of(job["source"], job["arn"])
    return [
        f"Model: {_name(base_model) if base_model.strip() else 'not named'}",
        f"Hardware: {_hardware(job)}",
        f"Training: {_time(job['start'])} to {_time(job['end'])} (UTC)",
        f"Job: {printable(job['arn'])}",
        *(_creator(case) if case else []),
        *([page] if page else []),
    ]


def _name(text: str) -> str:
    """As it is, which its line shows for what it is; between quotation marks where it is several words."""
    return f"'{bounded(text, LONGEST_NAME)}'" if " " in text else bounded(text, LONGEST_NAME)


def _creator(case: "Case") -> list[str]:
    """The role that the job was given, and its tags, those first that are not the auditor's; all of it is foreign."""
    run = case.run
    tags = sorted(run.tags.items(), key=lambda tag: (tag[0].startswith(TAG_PREFIX), tag))
    shown = [f"{_foreign(key)} = {_foreign(value)}" for key, value in tags[:_MOST_TAGS]]
    more = [f"and {len(tags) - _MOST_TAGS} more"] if len(tags) > _MOST_TAGS else []
    unread = "none" if case.evidence.tags is not None else "could not be read"
    return [
        f"Created with the role: {_foreign(run.role, _LONGEST_ROLE) if run.role else 'not known'}",
        f"Created with the tags: {', '.join([*shown, *more]) or unread}",
    ]


def _foreign(text: str, most: int = _LONGEST_OF_TAG) -> str:
    """Between quotation marks; backticks would make a command of it."""
    return quoted(text.replace("`", "'"), most)


def _hardware(job: Mapping[str, Any]) -> str:
    groups = [f"{group['count']} x {printable(group['type'])}" for group in job["instances"]]
    more = [f"and {len(groups) - _MOST_GROUPS} more kinds"] if len(groups) > _MOST_GROUPS else []
    return ", ".join([*groups[:_MOST_GROUPS], *more]) or "not known"


def _time(moment: str | None) -> str:
    return to_the_minute(moment) if moment else "not known"
