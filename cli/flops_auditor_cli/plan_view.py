"""How a plan is shown: one run, or the training steps of a pipeline one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from flops_auditor.domain.audit.plan import document
from flops_auditor.domain.messages.record_words import (
    SILENT,
    left_open,
    line_in_words,
    noted,
    reasons,
    said_of,
    share_in_words,
    verdict_in_words,
    with_shares,
)
from flops_auditor.domain.values.amounts import Bound, flop
from flops_auditor.domain.values.figures import Figures, Verdict, most_severe, nearest
from flops_auditor_cli.audit_view import CSV_FIELDS, csv_rows, due_by_a_day, duties
from flops_auditor_cli.near_names import unknown_model
from flops_auditor_cli.output import digits
from flops_auditor_cli.pipeline_graph import OtherStep
from flops_auditor_cli.planned_run import Planned
from flops_auditor_cli.view import Block, FactList, Headline, PointList, Table, View

HEADLINES = {
    "below": "stays below every threshold",
    "above": "is over a threshold",
    "indeterminate": "may be over a threshold: on which side it is cannot be said",
    "disputed": "is over a threshold of which it is disputed whether it counts",
    "not in force": "is over a threshold of a law that is not in force yet",
    "silent": SILENT,
}
COLUMNS = {
    "title": "Threshold",
    "threshold": "FLOP",
    "least": "At least",
    "best": "Best",
    "most": "At most",
    "hours": "Hours to it",
    "said": "Verdict",
}
WAY_COLUMNS = {
    "method": "Training",
    "best": "Best (FLOP)",
    "upper": "At most (FLOP)",
    "hours": "Hours",
    "verdict": "Verdict",
}
FIELDS = (*CSV_FIELDS, "training", "expected_hours_to_threshold")


def verdict_of(planned: Sequence[Planned], not_counted: Sequence[OtherStep] = ()) -> Verdict:
    """Of all steps together: a step that trains and was not counted leaves it open."""
    verdicts = [each.chosen.verdict for each in planned]
    if any(step.trains for step in not_counted):
        verdicts.append("indeterminate")
    return most_severe(verdicts)


def view_of(planned: Sequence[Planned], not_counted: Sequence[OtherStep] = (), *, pipeline: bool = False) -> View:
    """One plan, or those of a pipeline's steps with the steps that were not counted."""
    documents = [_document(each) for each in planned]
    blocks = [block for each, shown in zip(planned, documents, strict=True) for block in _blocks(each, shown)]
    rows = [row for each, shown in zip(planned, documents, strict=True) for row in _csv(shown, each.chosen.way.name)]
    if not pipeline:
        return View("plan", documents[0], blocks, rows, FIELDS)
    steps = [{"step": each.name, "plan": shown} for each, shown in zip(planned, documents, strict=True)]
    others = [{"step": each.name, "type": each.kind, "trains": each.trains} for each in not_counted]
    document = {"verdict": verdict_of(planned, not_counted), "steps": steps, "not_counted": others}
    told = [f"{each.name} ({each.kind}) {'trains' if each.trains else 'may train'}" for each in not_counted]
    return View("pipeline", document, [PointList(told, "Steps that were not counted"), *blocks], rows, FIELDS)


def _document(planned: Planned) -> dict[str, Any]:
    whole = document(planned.wanted, planned.chosen, planned.plans, planned.base_model, planned.hosts, planned.now)
    methods = [with_shares(each) for each in whole["methods"]]
    return {**with_shares(whole), "job": {**whole["job"], "name": planned.name}, "methods": methods}


def _csv(document: Mapping[str, Any], chosen: str) -> Iterator[dict[str, Any]]:
    """A line for each way of training and threshold; the day is that of the chosen way."""
    for way in document["methods"]:
        due = document["notification_due"] if way["method"] == chosen else None
        shown = {
            **document,
            **way,
            "notification_due": due,
            "cumulative": {name: way[name] for name in ("lower_flop", "best_flop", "upper_flop")},
        }
        for row, each in zip(csv_rows(shown), way["assessments"] or [{}], strict=True):
            hours = each.get("expected_hours_to_threshold")
            yield {**row, "training": way["method"], "expected_hours_to_threshold": hours}


def headlines(planned: Planned, document: Mapping[str, Any]) -> Iterator[str]:
    """What contradicts comes first, then who is on which side, and how near the nearest threshold is."""
    for remark in document["contradictions"]:
        yield f"The inputs contradict each other: {remark['words']}"
    name = "The run" if planned.name == "plan" else planned.name
    who = f"{name} ({planned.chosen.way.name} training)" if planned.wanted.tokens is not None else name
    closest = nearest(document["assessments"])
    near = f": {_range(closest)} of {closest['title']}" if closest is not None and closest["upper_flop"] else ""
    titles_at_any_compute = [
        each["title"] for each in document["assessments"] if each["verdict"] == "above" and each["best_share"] is None
    ]
    near = f": {titles_at_any_compute[0]}" if titles_at_any_compute else near
    verdict = verdict_in_words(document, datetime.now(UTC).date())
    contradicted = document["verdict"] == "indeterminate" and document["contradictions"]
    yield f"{who} {'cannot be placed' if contradicted else HEADLINES[verdict]}{near}"


def _range(assessed: Mapping[str, Any]) -> str:
    """The share of a threshold by the best estimate, and from the lower bound to the upper one, as in the digest."""
    line = assessed["threshold_flop"]
    bounds: tuple[Bound, ...] = ("best", "lower", "upper")
    best, least, most = (share_in_words(assessed[f"{bound}_flop"], line, bound) for bound in bounds)
    return f"best {best}, {least} to {most}"


def _blocks(planned: Planned, document: Mapping[str, Any]) -> Iterator[Block]:
    plan, estimate = planned.chosen, document["estimate"]
    for text in headlines(planned, document):
        yield Headline(text)
    name = planned.base_model
    unknown = unknown_model(name)
    facts = [
        ("Method", estimate["method"]),
        ("Best estimate", f"{flop(estimate['best_flop'])} FLOP"),
        ("Upper bound", f"{flop(estimate['upper_flop'], 'upper')} FLOP"),
    ]
    if planned.wanted.earlier.upper_flop:
        facts.append(("Earlier runs", _bounds(planned.wanted.earlier)))
    if planned.wanted.generated.upper_flop:
        facts.append(("Training data", f"{_bounds(planned.wanted.generated)} to generate it"))
    if plan.hardware is not None:
        facts.append(("Duration", f"{digits(plan.hardware.seconds / 3600)} hours"))
    if plan.energy_kwh:
        facts.append(("Energy", f"{digits(plan.energy_kwh)} kWh"))
    facts.append(("Original model", f"{name}: {unknown}" if unknown else document["original"]["source"]))
    yield FactList(facts, "Plan")
    rows = [
        {
            **each,
            "threshold": line_in_words(each["threshold_flop"]),
            "least": share_in_words(each["lower_flop"], each["threshold_flop"], "lower"),
            "best": share_in_words(each["best_flop"], each["threshold_flop"]),
            "most": share_in_words(each["upper_flop"], each["threshold_flop"], "upper"),
            "hours": _hours(outlook.expected_hours),
            "said": said_of(each),
        }
        for each, outlook in zip(document["assessments"], plan.outlooks, strict=True)
    ]
    if rows:
        yield Table(COLUMNS, rows, "Thresholds", right=("threshold", "least", "best", "most", "hours"))
    if len(document["methods"]) > 1:
        ways = [
            {
                **way,
                "best": flop(way["best_flop"]),
                "upper": flop(way["upper_flop"], "upper"),
                "hours": _hours(None if other.hardware is None else other.hardware.seconds / 3600),
                "verdict": way["verdict"] if rows else "",
            }
            for way, other in zip(document["methods"], planned.plans, strict=True)
        ]
        yield Table(WAY_COLUMNS, ways, "Ways of training", right=("best", "upper", "hours"))
    yield PointList(list(reasons(document)), "Why")
    yield PointList(left_open(document), "In doubt")
    yield PointList(noted(document), "Noted")
    yield PointList([each["words"] for each in document["not_assessed"]], "Not assessed")
    yield PointList(due_by_a_day(document), "Due, if it is launched as planned")
    yield duties(document)
    yield PointList([each["words"] for each in estimate["assumptions"]], "Assumptions")


def _bounds(figures: Figures) -> str:
    """An amount, and the most that it may be where that is more."""
    best, upper = flop(figures.best_flop), flop(figures.upper_flop, "upper")
    return f"{best} FLOP" if best == upper else f"{best} FLOP, at most {upper}"


def _hours(value: Fraction | None) -> str:
    return "" if value is None else digits(value)
