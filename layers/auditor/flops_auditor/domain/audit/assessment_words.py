"""An assessment as records and plans hold it: figures, the reason in words, doubts and remedies with their kinds."""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.law.due_dates import bars_exemptions, state_beside
from flops_auditor.domain.law.later_day import later_day
from flops_auditor.domain.law.licences import standing
from flops_auditor.domain.law.policy import Duty
from flops_auditor.domain.runs.stated import NOTHING_STATED, Stated
from flops_auditor.domain.values.amounts import Bound, percent, scientific
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.remarks import Spoken

MOST_DOUBTS = 16
MORE_DOUBTS = "more-doubts"


def assessment_members(
    assessment: Assessment,
    job: str,
    stated: Stated = NOTHING_STATED,
    ended: date | None = None,
    others: Sequence[Assessment] = (),
) -> dict[str, Any]:
    """The fields of an assessment. `job` is the run's ARN, for commands that settle a doubt; `others` are
    all of the run.

    `stated` is what people say of the resulting model, and `ended` the day on which it was made: both bear on the
    duties.
    """
    a, rule = assessment, assessment.rule
    return {
        "policy": a.policy,
        "scenario": rule.scenario,
        "title": rule.title,
        "threshold_flop": str(a.threshold_flop),
        "comparison": rule.comparison,
        "verdict": a.verdict,
        "reason": reason_in_words(a),
        "basis": rule.basis,
        "inherited_flop": str(a.inherited_flop),
        "reading": a.reading,
        "left_open": a.left_open,
        "source": rule.source,
        "meaning": rule.meaning,
        "condition": a.condition,
        "condition_asks": a.condition_asks,
        "limited_to": rule.limited_to,
        "lower_flop": _text(a.counted.lower_flop),
        "best_flop": _text(a.counted.best_flop),
        "upper_flop": _text(a.counted.upper_flop),
        "met_at": iso(a.met_at) if a.met_at else None,
        "met_from": iso(a.met_from) if a.met_from else None,
        "rests_on": list(a.rests_on),
        "verdict_without_statements": a.without_statements,
        "role": a.role,
        **in_force_member(a.in_force),
        **({"wording_of": a.wording_of} if a.wording_of else {}),
        "duties": duties_of(a, stated, ended, others),
        "doubts": [each.to_json() for each in _bounded([doubt.spoken for doubt in a.doubts])],
        "notes": [note.spoken.to_json() for note in a.notes],
        "settle": [each.to_json() for each in remedies_of(a, job)],
    }


def duties_of(
    assessment: Assessment,
    stated: Stated = NOTHING_STATED,
    ended: date | None = None,
    others: Sequence[Assessment] = (),
) -> list[dict[str, Any]]:
    """The duties that follow, or would follow if the line is crossed, as records hold them."""
    return [
        {
            "id": duty.duty_id,
            "state": state,
            "what": duty.what,
            "article": duty.article,
            "to": duty.to,
            "within_days": duty.within_days,
            "since": duty.since if duty.within_days is not None else None,
            "reading": duty.reading,
            "left_open": duty.left_open,
            **in_force_member(assessment.in_force),
            **({"form": duty.form} if duty.form else {}),
            **_exemption(duty, bars_exemptions(assessment, others), stated),
            **_later_day(duty, stated, ended),
        }
        for duty in assessment.rule.duties
        if (state := state_beside(duty, assessment, others)) is not None
    ]


def in_force_member(day: date | None) -> dict[str, str]:
    """From which day a duty's law holds, where a day is known."""
    return {} if day is None else {"in_force": str(day)}


def _exemption(duty: Duty, barred: bool, stated: Stated) -> dict[str, Any]:
    """Who does not owe the duty, where somebody may not; `licence` says what is known of that."""
    exemption = duty.exemption
    if exemption is None or barred:
        return {}
    known = "not stated" if not stated.licence else standing(stated.licence, exemption.licences)
    by_tag = "licence" in stated.unconfirmed
    return {"exempt": {"what": exemption.what, "article": exemption.article, "licence": known, "by_tag": by_tag}}


def _later_day(duty: Duty, stated: Stated, ended: date | None) -> dict[str, Any]:
    """A later day for a model that was placed on the market before, or why there is none."""
    later = later_day(duty, stated, ended)
    if later is None:
        return {}
    if later.refused:
        return {"no_later_day": later.refused, "until_article": later.article}
    return {"until": str(later.until), "until_article": later.article}


def remedies_of(assessment: Assessment, job: str) -> list[Spoken]:
    """What would settle an open verdict, each once: remedies of its doubts, and a closer figure where that helps."""
    if assessment.verdict != "indeterminate":
        return []
    remedies = [doubt.settled_by(job) for doubt in assessment.doubts]
    if assessment.narrow and assessment.counted.settle is not None:
        remedies.append(assessment.counted.settle.settled_by(job))
    return list(dict.fromkeys(each for each in remedies if each is not None))


def _bounded(doubts: Sequence[Spoken]) -> Iterable[Spoken]:
    """So many that hostile input cannot make a record too large to store."""
    more = len(doubts) - MOST_DOUBTS
    return (*doubts[:MOST_DOUBTS], *([Spoken(MORE_DOUBTS, f"and {more} more doubts")] if more > 0 else []))


def reason_in_words(assessment: Assessment) -> str:
    """The figures beside the line, with their shares of it. What is in doubt stands beside it, not here."""
    figures, threshold = assessment.counted, assessment.threshold_flop
    inherited = assessment.inherited_flop
    line = f"{scientific(threshold)} FLOP"
    included = assessment.rule.comparison == "at least"
    over, not_over = ("reaches", "does not reach") if included else ("is over", "is not over")
    best, upper = figures.best_flop, figures.upper_flop
    if assessment.rule.at_any_compute and assessment.verdict != "below":
        return "what is said of the model decides, whatever its compute"
    together = f", pretraining {scientific(inherited)} and {scientific((best or 0) - inherited)}," if inherited else ""
    crossed = best is not None and (best > threshold or (best == threshold and included))
    if best is not None and assessment.likely:
        certain = figures.certain_flop or 0
        return (
            f"likely above: best estimate {_beside(best, threshold)}{together} {over} {line} "
            f"({_share(best, threshold)}), what is certain of it, {_beside(certain, threshold, 'lower')} "
            f"({_share(certain, threshold, 'lower')}), {not_over}"
        )
    if best is not None and (assessment.verdict == "above" or crossed):
        return f"best estimate {_beside(best, threshold)}{together} {over} {line} ({_share(best, threshold)})"
    if upper is not None and assessment.verdict == "below":
        at_most = _beside(upper, threshold, "upper")
        return f"upper bound {at_most} {not_over} {line} ({_share(upper, threshold, 'upper')})"
    if best is None or upper is None:
        return "the compute is not known"
    return (
        f"best estimate {scientific(best)}{together} ({_share(best, threshold)}), upper bound "
        f"{_beside(upper, threshold, 'upper')} ({_share(upper, threshold, 'upper')}) of {line}"
    )


def _beside(flop: int, threshold: int, bound: Bound = "best") -> str:
    """A figure beside a threshold: in full where three digits would hide on which side of it the figure lies."""
    shown = scientific(flop, bound=bound)
    return str(flop) if flop != threshold and shown == scientific(threshold) else shown


def _share(flop: int, threshold: int, bound: Bound = "best") -> str:
    if threshold == 0:
        return "of a threshold of 0"
    return percent(Fraction(flop, threshold), bound)


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
