"""Evidence that lies where a run's is kept, left by an earlier try or put there: whether it can be of that run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import TOO_LARGE, Evidence, Unread, written_at
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.custom_models import is_custom_model
from flops_auditor.domain.runs.sources.registry import SERVICES, Services, read_run


def can_be_of(left: Case, now: Evidence, services: Services = SERVICES) -> bool:
    """Whether `left` contradicts nothing of what the run's service says `now`, and was listed of its data.

    Of a run that has ended its description tells the same of it for good, and what lies in S3 unchanged since that end
    is listed as it was. What may have changed, and what was refused then or now, contradicts nothing.
    Raises UnknownSource, and what the source's reader raises.
    """
    told = read_run(_told(left.evidence, now), services)
    if told.job_id != left.run.job_id:
        return False
    if not (told.finished and left.run.finished):
        return True
    cut = any(each.error == TOO_LARGE for each in (*left.evidence.unread, *now.unread))
    lasting = _of_no_text if cut else _but_metrics
    return lasting(left.run) == lasting(told) and _listed_alike(left.evidence, now, told.ended)


def _told(left: Evidence, now: Evidence) -> Evidence:
    """Evidence with what its service says now, of the run and of what made the custom models that it begins from."""
    both = [arn for arn in now.packages if is_custom_model(arn) and arn in left.packages]
    answered = {
        arn: now.packages[arn]
        for arn in both
        if not isinstance(now.packages[arn], Unread) and not isinstance(left.packages[arn], Unread)
    }
    return replace(left, description=now.description, source=now.source, packages={**left.packages, **answered})


def _but_metrics(run: Run) -> Run:
    return replace(run, final_values=(), metric_names=())


def _of_no_text(run: Run) -> tuple[object, ...]:
    """What stays where texts of a description are cut, which is never below."""
    return run.hosts, run.ended, run.time


def _listed_alike(left: Evidence, now: Evidence, ended: datetime | None) -> bool:
    """Whether objects that were last written before the run ended were listed alike, where both listings have them."""
    both = [(left.objects[place], entry) for place, entry in now.objects.items() if place in left.objects]
    return not any(
        was != entry
        for was, entry in both
        if not isinstance(was, Unread) and not isinstance(entry, Unread) and _written_by(entry, ended)
    )


def _written_by(entry: Mapping[str, Any], ended: datetime | None) -> bool:
    """Whether an object was written before a run ended; False where no time is listed of it."""
    written = written_at(entry)
    return written is not None and ended is not None and written < ended
