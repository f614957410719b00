"""How an audit is shown: of a file, of a live job, of a record, of a plan."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from flops_auditor.domain.law.policy import BASES
from flops_auditor.domain.messages.duties import OTHER_WORDING, duties_in_words
from flops_auditor.domain.messages.record_alert import (
    binds_nobody_yet,
    disputed_line,
    is_disputed,
    limits_in_words,
    placing_in_words,
    remedies,
    unassessed_doubts,
)
from flops_auditor.domain.values.amounts import flop, percent
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
ON_ITS_WORD = "below, on the job's word"
SOURCES = {
    "measured": "measured by AWS",
    "emitted": "emitted by the job",
    "declared": "declared by the job",
    "table": "from a table",
    "amended": "said by a person who signs for it",
}
SILENT = "is not assessed: nothing of the chosen policies applies to it"
HEADLINES = {
    "below": "is below every threshold",
    "above": "is above a threshold",
    "indeterminate": "may be above a threshold: on which side it is cannot be said",
    "disputed": "is over a threshold of which it is disputed whether it counts",
    "not in force": "is above a threshold of a law that is not in force yet",
    "silent": SILENT,
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


def with_shares(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what every assessment counts as a share of its own threshold."""
    assessed = [
        {
            **each,
            "lower_share": share_of(each["lower_flop"], each["threshold_flop"]),
            "best_share": share_of(each["best_flop"], each["threshold_flop"]),
            "upper_share": share_of(each["upper_flop"], each["threshold_flop"]),
        }
        for each in document["assessments"]
    ]
    return {**document, "assessments": assessed}


def share_of(amount: str | None, threshold: str) -> float | None:
    """An amount as a share of a threshold, to four digits; None where it is not known or the threshold is 0."""
    if amount is None or not int(threshold):
        return None
    return float(f"{float(Fraction(int(amount), int(threshold))):.4g}")


def nearest(assessments: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The assessment whose threshold the upper bound comes nearest to, or is farthest over."""
    shares = [each for each in assessments if each["upper_share"] is not None]
    return max(shares, key=lambda each: each["upper_share"], default=None)


def headline(document: Mapping[str, Any]) -> str:
    """Who is on which side, in one sentence."""
    rests = document.get("rests_on")
    if rests and rests["on_the_jobs_word"]:
        without = rests["verdict_without_statements"]
        saying = f"without {'; '.join(rests['milder'][:3])} it would be {without}"
        return f"{document['job']['name']} is below every threshold, on the job's word: {saying}"
    over = [each["title"] for each in document["assessments"] if each["verdict"] == "above"]
    which = f": {'; '.join(over)}" if over else ""
    return f"{document['job']['name']} {HEADLINES[verdict_in_words(document)]}{which}"


def verdict_in_words(document: Mapping[str, Any]) -> str:
    """The verdict, or that it is only disputed what a crossed line means, that its law is not in force yet, or that no
    policy has a line for the run.
    """
    if is_disputed(document):
        return "disputed"
    if binds_nobody_yet(document, datetime.now(UTC).date()):
        return "not in force"
    silent = document["not_assessed"] and not document["assessments"]
    return "silent" if silent and document["verdict"] == "below" else str(document["verdict"])


def blocks(document: Mapping[str, Any]) -> Iterator[Block]:
    """The audit for people: the verdict first, then figures, thresholds, and what they rest on."""
    estimate, lineage = document["estimate"], document.get("lineage") or {}
    yield Headline(headline(document))
    yield FactList(list(facts(document)), "Training compute")
    rows = [
        {
            **each,
            "threshold": flop(each["threshold_flop"]),
            "least": percent(each["lower_share"]),
            "best": percent(each["best_share"]),
            "most": percent(each["upper_share"]),
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
    yield PointList([each["words"] for each in document["not_assessed"]], "Not assessed")
    yield PointList(list(remedies(document)), "What settles it")
    yield PointList(due_by_a_day(document), "Due")
    yield duties(document)
    yield PointList([each["words"] for each in estimate["assumptions"]], "Assumptions")


def said_of(assessment: Mapping[str, Any]) -> str:
    """A verdict, that it is disputed what a crossed line means, and whether only the job's word makes it below."""
    open_ = assessment["verdict"] == "indeterminate" and disputed_line(assessment)
    verdict = verdict_of(assessment["verdict"], assessment["verdict_without_statements"])
    return "disputed" if open_ else verdict


def verdict_of(verdict: str, without: str | None) -> str:
    """A verdict, and whether only the job's word makes it below."""
    return ON_ITS_WORD if verdict == "below" and without not in (None, "below") else verdict


def grounds(document: Mapping[str, Any]) -> Iterator[str]:
    """What the verdict rests on, and what it would be without each of it."""
    rests = document.get("rests_on") or {"grounds": []}
    for each in rests["grounds"]:
        value = f" = {each['value']}" if each["value"] else ""
        without = f" (without it: {each['verdict_without']})" if each["verdict_without"] else ""
        yield f"{SOURCES[each['source']]}: {each['what']}{value}{without}"
    if rests["grounds"]:
        yield f"without all that the job says of itself: {rests['verdict_without_statements']}"


def reasons(document: Mapping[str, Any]) -> Iterator[str]:
    """Why each verdict is what it is, with the names that options and rules use: what is counted, by which sentence."""
    for each in document["assessments"]:
        reading = {"text": "", "ours": ", a reading of ours", "disputed": ", disputed"}[each["reading"]]
        open_ = f": {each['left_open']}" if each["verdict"] != "below" and each["left_open"] else ""
        counted = f"Counted: {BASES[each['basis']]}, by {each['source']}{reading}{open_}"
        yield f"{each['title']} ({each['policy']}, {each['scenario']}): {each['reason']}. {counted}"


def left_open(document: Mapping[str, Any]) -> list[str]:
    """What is in doubt about the lines, each once; where there are none, about what kind of run it is."""
    remarks = [each["words"] for a in document["assessments"] for each in (*a["doubts"], *a["notes"])]
    return list(dict.fromkeys([*remarks, *(each["words"] for each in unassessed_doubts(document))]))


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
    due = document.get("due", ())
    days = {(each["policy"], each["duty"]) for each in due}
    kept = [
        {**a, "duties": [duty for duty in a["duties"] if ((a["policy"], duty["id"]) in days) == dated]}
        for a in document["assessments"]
    ]
    return duties_in_words(kept, due, datetime.now(UTC).date())


def facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The figures; where the job continues others, what they took together comes first, as lists show it."""
    estimate, total = document["estimate"], document["cumulative"]
    lineage = document.get("lineage") or {}
    count = lineage.get("ancestors", len(total["ancestors"]))
    yield "Status", document["job"]["status"]
    yield "Method", estimate["method"]
    if count:
        runs = f"{count} earlier run{'' if count == 1 else 's'}"
        yield "Lower bound", f"{flop(total['lower_flop'])} FLOP, with {runs}"
        yield "Best estimate", f"{flop(total['best_flop'])} FLOP, with {runs}"
        yield "Upper bound", f"{flop(total['upper_flop'])} FLOP, with {runs}"
        yield "This run alone", f"{flop(estimate['best_flop'])} FLOP, at most {flop(estimate['upper_flop'])} FLOP"
    else:
        yield "Lower bound", f"{flop(estimate['lower_flop'])} FLOP"
        yield "Best estimate", f"{flop(estimate['best_flop'])} FLOP"
        yield "Upper bound", f"{flop(estimate['upper_flop'])} FLOP"
    if estimate["cautious_upper_flop"] != estimate["upper_flop"]:
        yield "Cautious bound", f"{flop(estimate['cautious_upper_flop'])} FLOP"
    if estimate["ceiling_flop"] is not None:
        yield "Hardware ceiling", f"{flop(estimate['ceiling_flop'])} FLOP"
    energy = estimate["energy_kwh"]
    yield "Energy", "unknown" if energy is None else f"{digits(float(energy))} kWh"
    name = document["original"]["base_model"]
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
