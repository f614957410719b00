"""Ask the sources about a recorded job once more: a tag was corrected, or a right was granted since."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.sources.artifacts import GET_ATTRIBUTES
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.tags_seen import TagsSeen, own_tags
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.audit_job import describe
from flops_auditor.use_cases.auditing.read_models import said_of_models
from flops_auditor.use_cases.auditing.recording import Recorder


class AskedInVain(AuditorError):
    """The sources refuse now what they answered when the job was recorded."""

    remedy = "Ask with rights to read what is named; the record stays as it is."


Answers = Mapping[str, Mapping[str, Any] | Unread]
"""Of packages or objects, by what was asked for."""


def ask_again(before: Case, recorder: Recorder) -> Case:
    """The case as the sources answer now; what people added to the record, metrics that are forgotten by now, packages
    that are deleted, objects as they were found first, and doors that were shut are kept, and what is said of its model
    is read again.

    Raises AskedInVain, UnknownTrainingJob (the job was deleted), SourceDenied, SourceUnavailable.
    """
    run, known = before.run, before.evidence
    collector = recorder.collectors.get(run.source)
    if collector is None:
        raise AskedInVain(f"{run.arn}: what is known of it was handed in, and no service can be asked")
    described = describe(collector.pointer(run.arn, run.created), recorder)
    fresh = described.collect(recorder.clock(), said_of_models(recorder))
    refused_then = {unread.source for unread in known.unread}
    lost = [unread for unread in fresh.evidence.unread if unread.source not in refused_then]
    packages, objects = _answered(known.packages), _answered(known.objects)
    lost += [*_refused(packages, fresh.evidence.packages), *_refused(objects, fresh.evidence.objects)]
    if lost:
        raise AskedInVain("; ".join(f"{each.source} answered {each.error}" for each in lost))
    seen = [*known.tags_seen]
    if known.tags is not None and known.collected_at is not None:
        seen.append(TagsSeen(known.collected_at, own_tags(run.tags)))
    now = own_tags(fresh.run.tags)
    own = tuple(amendment for amendment in known.amendments if not amendment.about)
    evidence = replace(
        fresh.evidence,
        amendments=(*fresh.evidence.amendments, *own),
        files=known.files,
        packages={**fresh.evidence.packages, **packages, **_answered(fresh.evidence.packages)},
        objects={**fresh.evidence.objects, **objects},
        shut_doors=tuple(sorted({*known.shut_doors, *fresh.evidence.shut_doors})),
        tags_seen=tuple(look for look in seen if look.tags != now),
    )
    if _points(known.metrics) > _points(evidence.metrics):
        evidence = replace(evidence, metrics=known.metrics, period_seconds=known.period_seconds)
    return case_of(evidence, recorder.services)


def _answered(answers: Answers) -> dict[str, Mapping[str, Any]]:
    return {name: each for name, each in answers.items() if not isinstance(each, Unread)}


def _refused(then: Answers, now: Answers) -> list[Unread]:
    """What is refused of what was answered then. Of what is gone S3 says that it is refused to whoever may not list it:
    its attributes were kept, so nothing is lost.
    """
    answers = [now.get(name) for name in then]
    return [each for each in answers if isinstance(each, Unread) and each.denied and each.source != GET_ATTRIBUTES]


def _points(metrics: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(series.get("Values") or ()) for series in metrics)
