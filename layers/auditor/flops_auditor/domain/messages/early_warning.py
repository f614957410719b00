"""What people are told about a job in progress, in time to act."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from flops_auditor.domain.audit.assessment_words import in_force_member
from flops_auditor.domain.audit.forecast import (
    CROSSED,
    IMMINENT,
    PROJECTED,
    UNBOUNDED,
    RunForecast,
    ThresholdForecast,
    nearest_first,
)
from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.law.policy import Duty
from flops_auditor.domain.messages.duties import duty_in_words
from flops_auditor.domain.messages.job_in_words import job_in_words
from flops_auditor.domain.messages.record_alert import (
    MOST_DOUBTS,
    WHAT_A_MAIL_MEANS,
    Alert,
    attributes,
    bounds_in_words,
    chain,
    earlier_runs,
    named,
    numbered,
    own_in_words,
    section,
    sentence,
    subject,
)
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.training_time import STILL_TRAINING
from flops_auditor.domain.values.amounts import percent, scientific
from flops_auditor.domain.values.moments import minute_of
from flops_auditor.domain.values.remarks import LONGEST_REMARK, bounded, printable


def warn(
    seen: RunForecast,
    level: str,
    content: Mapping[str, Any],
    case: Case,
    now: datetime,
    reached: Sequence[ThresholdForecast] = (),
) -> Alert:
    """The warning that a job has reached a level: a fraction ("0.5"), or one of the named levels of forecast.py.

    `content` has the fields of a record's predicate. `reached` are the lines that it is told of, the others stand
    beside them; of several fractions `level` is the highest.
    """
    name = content["job"]["name"]
    lines = nearest_first(reached)
    about = job_in_words(content["job"], content["original"]["base_model"], case)
    parts = [
        section("", [_happened(seen, level, content, name, lines)]),
        section("BY ITS END" if seen.as_a_whole else "SO FAR", _so_far(seen, content)),
        section("AGAINST THE THRESHOLDS", [_against(seen, o, now) for o in seen.outlooks]),
        section("IN DOUBT", _in_doubt(seen) if level == UNBOUNDED else []),
        section("THE CHAIN", chain(content), fill=False),
        section("WHAT TO DO", numbered(_steps(seen, level, content, now, lines))),
        section("THE JOB", [*about, "`flops-auditor watch`"]),
        section("", [WHAT_A_MAIL_MEANS]),
    ]
    return Alert(
        subject=subject(f"[FLOPs Auditor] {_headline(level)}: {name} (running)"),
        body="\n\n".join(part for part in parts if part) + "\n",
        attributes=attributes("warning", content, level=level, lines=[_line_of(each) for each in lines]),
    )


def _line_of(outlook: ThresholdForecast) -> dict[str, str]:
    return {"policy": outlook.assessment.policy, "scenario": outlook.assessment.scenario}


def _headline(level: str) -> str:
    named = {
        CROSSED: "OVER THE THRESHOLD",
        PROJECTED: "WILL CROSS",
        IMMINENT: "ABOUT TO CROSS",
        UNBOUNDED: "CANNOT BE WATCHED",
    }
    return named.get(level) or f"{percent(Fraction(level))} reached"


def _happened(
    seen: RunForecast, level: str, content: Mapping[str, Any], name: str, lines: Sequence[ThresholdForecast]
) -> str:
    kind, count = printable(content["job"]["kind"]), content["lineage"]["ancestors"]
    together = f", together with {earlier_runs(count)} it continues," if count else ""
    if level == UNBOUNDED:
        return f"{kind} {name} is running. Nothing bounds its compute from above: no warning can come in time."
    begins = f"{kind} {name} is running and{together} "
    best = percent(lines[0].best_of_line if lines else None)
    most = percent(lines[0].upper_share if lines else None, "upper")
    inherits = bool(lines) and lines[0].assessment.inherited_flop > 0
    about = f" This is about {_names(lines)}." if len(seen.outlooks) > 1 else ""
    if level == CROSSED:
        return begins + f"is OVER a threshold: the best estimate is {best} of it.{about}"
    if level == PROJECTED:
        of_all = f"by its end: the best estimate of all of it is {best} of that"
        when = of_all if seen.as_a_whole else "before its time limit, at the present rate"
        return begins + f"will be over a threshold {when}.{about}"
    if level == IMMINENT:
        why = "Its tag flops-auditor:never-stop keeps it running."
        if not seen.tags_read:
            why = "Its tags could not be read, so nothing says that it may be stopped: it keeps running."
        return begins + f"is about to cross a threshold ({best} of it).{about} {why}"
    room = "what its original leaves under a threshold" if inherits else "a threshold"
    expected = percent(lines[0].best_share if lines else None)
    used, until = ("may use", " by its end") if seen.as_a_whole else ("may have used", "")
    return begins + f"{used} {most} of {room}{until} (best estimate {expected}).{about}"


def _names(lines: Sequence[ThresholdForecast]) -> str:
    """The lines that a warning is about."""
    return ", and about ".join(
        named(each.assessment.policy, each.assessment.scenario, each.assessment.rule.title) for each in lines
    )


def _so_far(seen: RunForecast, content: Mapping[str, Any]) -> list[str]:
    total, estimate = content["cumulative"], content["estimate"]
    count = content["lineage"]["ancestors"]
    lines = [f"{bounds_in_words(total)}{f', with {earlier_runs(count)}' if count else ''}."]
    if count:
        lines.append(f"This run alone: {own_in_words(estimate)}.")
    lines.append(f"Method: {estimate['method']}. Warnings follow the upper bound, verdicts the best estimate.")
    if not content["rests_on"]["trusts_statements"] and content["rests_on"]["milder"]:
        lines.append("These figures leave out what the job says of itself, which is not trusted (TrustStatements).")
    if seen.as_a_whole:
        lines.append("Its service does not say how far it is: these are figures of all that it was given to train on.")
        return lines
    spent = "unknown" if seen.spent_seconds is None else _hours(seen.spent_seconds)
    limit = "no limit" if seen.limit_seconds is None else _hours(Fraction(seen.limit_seconds))
    lines.append(f"This run trained for {spent}; its time limit: {limit}.")
    return lines


def _hours(seconds: Fraction) -> str:
    hours = f"{float(seconds) / 3600:.4g}"
    return f"{hours} hour{'' if hours == '1' else 's'}"


def _with_pretraining(assessment: Assessment) -> str:
    inherited = assessment.inherited_flop
    return f", of which the original took {scientific(inherited)}" if inherited else ""


def _left_open(seen: RunForecast, outlook: ThresholdForecast) -> str:
    """What is disputed of a line that is or will be crossed; empty where nothing is."""
    disputed = outlook.assessment.rule.disputed
    crossed = {(o.assessment.policy, o.assessment.scenario) for o in seen.outlooks if o.will_cross}
    certain = disputed and any((outlook.assessment.policy, each) in crossed for each in disputed.certain_if_over)
    return disputed.left_open if disputed and outlook.will_cross and not certain else ""


def _against(seen: RunForecast, outlook: ThresholdForecast, now: datetime) -> str:
    a, left_open = outlook.assessment, _left_open(seen, outlook)
    line = (
        f"{named(a.policy, a.scenario, a.rule.title)}: best {percent(outlook.best_of_line)}, at most "
        f"{percent(outlook.upper_of_line, 'upper')} of {scientific(a.threshold_flop)} FLOP{_with_pretraining(a)}."
    )
    if outlook.projected_best_share is not None:
        line += (
            f" At its time limit: best {percent(outlook.projected_best_of_line)}, at most "
            f"{percent(outlook.projected_upper_of_line, 'upper')}."
        )
    line += f" Whether it counts is disputed: {left_open}." if left_open else ""
    if outlook.crossed:
        return line + (" It will be over." if seen.as_a_whole else " It is over.")
    if when := outlook.crosses_at(now):
        line += f" It would cross at {minute_of(when)}."
    return line


def _steps(
    seen: RunForecast,
    level: str,
    content: Mapping[str, Any],
    now: datetime,
    lines: Sequence[ThresholdForecast],
) -> list[str]:
    steps, arn = _dated_duties(seen, content, now), printable(seen.audited.run.arn)
    settle = seen.audited.estimate.settle
    narrow = settle.settled_by(arn) if settle else None
    if level == UNBOUNDED:
        doubts = (doubt.settled_by(arn) for doubt in seen.audited.estimate.doubts)
        advice = dict.fromkeys(remedy.words for remedy in doubts if remedy)
        steps += map(sentence, advice)
        return steps + ([sentence(f"to bound it: {narrow.words}")] if narrow else [])
    meanings = list(dict.fromkeys(_meaning(each) for each in lines))
    steps.append(f"Decide whether the run may cross the line{'s' if len(lines) > 1 else ''}: {'; '.join(meanings)}.")
    if seen.audited.run.stop_command:
        steps.append(f"To stop it: {printable(seen.audited.run.stop_command)}")
    if narrow:
        steps.append(f"To narrow the figure: {narrow.words}.")
    return steps


def _in_doubt(seen: RunForecast) -> list[str]:
    """What keeps the compute unknown; that the job is still training is no news here."""
    doubts = [doubt for doubt in seen.audited.estimate.doubts if doubt.kind != STILL_TRAINING]
    return [f"- {bounded(doubt.words, LONGEST_REMARK)}." for doubt in doubts[:MOST_DOUBTS]]


def _dated_duties(seen: RunForecast, content: Mapping[str, Any], now: datetime) -> list[str]:
    """What is due by a day, since it is known now that a line is or will be crossed."""
    outlooks = [o for o in seen.outlooks if o.will_cross]
    over = [o.assessment for o in outlooks]
    duties: dict[tuple[str, str], Duty] = {}
    in_force = {a.policy: a.in_force for a in over}
    sure: set[tuple[str, str]] = set()
    for outlook in outlooks:
        a = outlook.assessment
        named = {(a.policy, duty.duty_id): duty for duty in a.rule.duties}
        duties.update(named)
        if not a.disputed and not _left_open(seen, outlook):
            sure.update(named)
    steps = []
    for each in content["due"]:
        key = each["policy"], each["duty"]
        as_recorded = {
            "what": duties[key].what,
            "article": duties[key].article,
            "state": "owed" if key in sure else "disputed",
            **in_force_member(in_force[each["policy"]]),
        }
        steps.append(duty_in_words(as_recorded, each["day"], now.date()))
    return list(dict.fromkeys(steps))


def _meaning(outlook: ThresholdForecast) -> str:
    """What being over a line means."""
    condition = f", {outlook.assessment.condition}" if outlook.assessment.condition else ""
    return f"over it{condition}, {outlook.assessment.rule.meaning}"
