"""How an audit is shown: of a file, of a live job, of a record, of a plan."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from flops_auditor.domain.lineage.begun_with import models_begun_with
from flops_auditor.domain.lineage.tree import own_bound
from flops_auditor.domain.messages.duties import OTHER_WORDING, duties_in_words
from flops_auditor.domain.messages.record_alert import (
    limits_in_words,
    own_in_words,
    placing_in_words,
    remedies,
)
from flops_auditor.domain.messages.record_words import (
    ALONE,
    grounds,
    headline,
    left_open,
    line_in_words,
    not_counted,
    noted,
    reasons,
    said_of,
    share_in_words,
    with_shares,
)
from flops_auditor.domain.values.amounts import counted, flop
from flops_auditor_cli.near_names import unknown_model
from flops_auditor_cli.output import digits
from flops_auditor_cli.view import Block, FactList, Headline, PointList, Table, View

THRESHOLD_COLUMNS = {
    "title": "Threshold",
    "threshold": "FLOP",
    "least": "At least",
    "best": "Best",
    "most": "At most",
    "said": "Verdict",
}
SHARES = ("lower_share", "best_share", "upper_share")
CSV_FIELDS = (
    "job",
    "job_arn",
    "verdict",
    "verdict_without_statements",
    "lower_flop",
    "best_flop",
    "upper_flop",
    "method",
    "policy",
    "scenario",
    "threshold_flop",
    "counted_lower_flop",
    "counted_best_flop",
    "counted_upper_flop",
    "lower_share",
    "best_share",
    "upper_share",
    "threshold_verdict",
    "basis",
    "reading",
    "notification_due",
    "reason",
)


def view_of(document: Mapping[str, Any], schema: str, more: tuple[Block, ...] = ()) -> View:
    """An audit in every form; `document` has FLOP as decimal texts, as records hold them."""
    shown = with_shares(document)
    return View(schema, shown, (*blocks(shown), *more), list(csv_rows(shown)), CSV_FIELDS)


def blocks(document: Mapping[str, Any]) -> Iterator[Block]:
    """The audit for people: the verdict first, then figures, thresholds, and what they rest on."""
    estimate, lineage = document["estimate"], document.get("lineage") or {}
    yield Headline(headline(document, datetime.now(UTC).date()))
    yield FactList(list(facts(document)), "Training compute")
    rows = [
        {
            **each,
            "threshold": line_in_words(each["threshold_flop"]),
            "least": share_in_words(each["lower_flop"], each["threshold_flop"], "lower"),
            "best": share_in_words(each["best_flop"], each["threshold_flop"]),
            "most": share_in_words(each["upper_flop"], each["threshold_flop"], "upper"),
            "said": said_of(each),
        }
        for each in document["assessments"]
    ]
    if rows:
        yield Table(THRESHOLD_COLUMNS, rows, "Thresholds", right=("threshold", "least", "best", "most"))
    yield PointList(list(reasons(document)), "Why")
    yield PointList(list(grounds(document)), "Rests on")
    doubts = [each["words"] for each in (*estimate["doubts"], *lineage.get("doubts", []))]
    yield PointList(list(dict.fromkeys([*doubts, *left_open(document)])), "In doubt")
    yield PointList(noted(document), "Noted")
    yield PointList([each["words"] for each in document["not_assessed"]], "Not assessed")
    yield PointList(list(remedies(document)), "What settles it")
    yield PointList(due_by_a_day(document), "Due")
    yield duties(document)
    yield PointList([each["words"] for each in estimate["assumptions"]], "Assumptions")


def due_by_a_day(document: Mapping[str, Any]) -> list[str]:
    """What is due by a day, each once."""
    return _duties(document, dated=True)


def duties(document: Mapping[str, Any]) -> PointList:
    """What follows without a day, and where it binds at all."""
    over = [a for a in document["assessments"] if a["verdict"] != "below" and a["duties"]]
    binds = [f"{a['condition']}" for a in over if a["condition"]]
    limits = limits_in_words(a for a in over if any(duty["state"] != OTHER_WORDING for duty in a["duties"]))
    binds += [each for each in (placing_in_words(over, stated_in(document)), limits) if each]
    lead = ". ".join(each[0].upper() + each[1:] for each in dict.fromkeys(binds))
    return PointList(_duties(document, dated=False), "Duties", lead and f"{lead}.")


def stated_in(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What people say of the resulting model: a record keeps it with its lineage, what is not recorded beside it."""
    stated: Mapping[str, Any] = document.get("stated") or (document.get("lineage") or {}).get("stated") or {}
    return stated


def _duties(document: Mapping[str, Any], dated: bool) -> list[str]:
    return duties_in_words(document["assessments"], document.get("due", ()), datetime.now(UTC).date(), dated)


def facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The figures; where the job continues others, what they took together comes first, as lists show it."""
    estimate, total = document["estimate"], document["cumulative"]
    lineage = document.get("lineage") or {}
    count = lineage.get("ancestors", len(total["ancestors"]))
    alone = f", {ALONE}" if count else ""
    yield "Status", document["job"]["status"]
    yield "Method", f"{estimate['method']}{alone}"
    if count:
        runs = counted(count, "earlier run")
        yield "Lower bound", f"{flop(total['lower_flop'], 'lower')} FLOP, with {runs}"
        yield "Best estimate", f"{flop(total['best_flop'])} FLOP, with {runs}"
        yield "Upper bound", f"{flop(total['upper_flop'], 'upper')} FLOP, with {runs}"
        yield "This run alone", own_in_words(estimate)
    else:
        yield "Lower bound", f"{flop(estimate['lower_flop'], 'lower')} FLOP"
        yield "Best estimate", f"{flop(estimate['best_flop'])} FLOP"
        yield "Upper bound", f"{flop(own_bound(estimate), 'upper')} FLOP"
    yield from not_counted(document)
    if own_bound(estimate) != estimate["upper_flop"]:
        yield (
            "Method's own bound",
            f"{flop(estimate['upper_flop'], 'upper')} FLOP{alone}; the upper bound allows for more",
        )
    if estimate["ceiling_flop"] is not None:
        yield "Hardware ceiling", f"{flop(estimate['ceiling_flop'], 'upper')} FLOP{alone}"
    energy = estimate["energy_kwh"]
    yield "Energy", f"{'unknown' if energy is None else f'{digits(float(energy))} kWh'}{alone}"
    begun = models_begun_with(document) if lineage else (document["original"]["base_model"],)
    for name in begun or ("",):
        unknown = unknown_model(name)
        yield "Original model", (f"{name}: {unknown}" if unknown else name) or "not named"
    if document.get("previous_verdict"):
        yield "Earlier verdict", f"{document['previous_verdict']} (superseded)"


def csv_rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A line for each threshold, with the job and its compute in every one."""
    job, total = document["job"], document["cumulative"]
    common = {
        "job": job["name"],
        "job_arn": job["arn"],
        "verdict": document["verdict"],
        "verdict_without_statements": (document.get("rests_on") or {}).get("verdict_without_statements"),
        "lower_flop": total["lower_flop"],
        "best_flop": total["best_flop"],
        "upper_flop": total["upper_flop"],
        "method": document["estimate"]["method"],
    }
    for each in document["assessments"] or [{}]:
        yield {
            **common,
            **{key: each.get(key) for key in ("policy", "scenario", "threshold_flop", *SHARES)},
            "counted_lower_flop": each.get("lower_flop"),
            "counted_best_flop": each.get("best_flop"),
            "counted_upper_flop": each.get("upper_flop"),
            "threshold_verdict": each.get("verdict"),
            "basis": each.get("basis"),
            "reading": each.get("reading"),
            "notification_due": document.get("notification_due"),
            "reason": each.get("reason"),
        }
