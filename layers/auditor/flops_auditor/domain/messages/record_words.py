"""A record in sentences: on which side it is of which line, why, what that rests on and what is in doubt.

The command line and the report say the same. What is read is a predicate, or an audit that was not recorded.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from flops_auditor.domain.law.policy import BASES
from flops_auditor.domain.lineage.lineage import BEHIND_SHUT_DOORS, added_up, listed
from flops_auditor.domain.messages.record_alert import (
    binds_nobody_yet,
    disputed_line,
    is_disputed,
    unassessed_doubts,
)
from flops_auditor.domain.values.amounts import Bound, flop, percent, share_number
from flops_auditor.domain.values.remarks import as_word

ON_ITS_WORD = "below, on the job's word"
NOT_ASSESSED = "not assessed"
ALONE = "this run alone"
"""Beside a figure that is of the last run, where others are of it and of those that it continues."""
SOURCES = {
    "measured": "measured by AWS",
    "emitted": "emitted by the job",
    "declared": "declared by the job",
    "table": "from a table",
    "amended": "said by a person who signs for it",
}
BEHIND_DATA = (
    "earlier runs that trained the models which generated data; a line that is open since a run may have trained "
    "instead counts them"
)
SILENT = "is not assessed: nothing of the chosen policies applies to it"
WITH_ORIGINAL = "with original"
"""Beside a share that counts what the original took, which no FLOP of the job include."""
HEADLINES = {
    "below": "is below every threshold",
    "above": "is above a threshold",
    "indeterminate": "may be above a threshold: on which side it is cannot be said",
    "disputed": "is over a threshold of which it is disputed whether it counts",
    "not in force": "is above a threshold of a law that is not in force yet",
    "silent": SILENT,
}


def with_shares(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what every assessment counts as a share of its own threshold, for machines."""
    assessed = [
        {
            **each,
            "lower_share": share_of(each["lower_flop"], each["threshold_flop"], "lower"),
            "best_share": share_of(each["best_flop"], each["threshold_flop"]),
            "upper_share": share_of(each["upper_flop"], each["threshold_flop"], "upper"),
        }
        for each in document["assessments"]
    ]
    return {**document, "assessments": assessed}


def share_of(amount: str | None, threshold: str, bound: Bound = "best") -> float | None:
    """An amount as a share of a threshold, to four digits, bounds rounded outward, and to more where it would be on
    another side of the threshold; None where it is not known, or the threshold is 0. For machines: people are shown
    `share_in_words`.
    """
    if amount is None or not int(threshold):
        return None
    return share_number(Fraction(int(amount), int(threshold)), 4, bound)


def line_in_words(threshold: str) -> str:
    """A threshold in FLOP as tables show it; 0 is that of a rule that applies at any compute."""
    return flop(threshold) if int(threshold) else "any"


def line_named(threshold: int, no_law: bool) -> str:
    """A threshold in FLOP, and that it is of no law where its policy only words one."""
    return f"{line_in_words(str(threshold))}{' (no law)' if no_law else ''}"


def share_in_words(amount: str | None, threshold: str, bound: Bound = "best") -> str:
    """An amount as a share of a threshold, as people are shown it: rounded once. Where any compute will do, it has
    none.
    """
    if not int(threshold):
        return "-"
    return percent(None if amount is None else Fraction(int(amount), int(threshold)), bound)


def counts_original(assessment: Mapping[str, Any]) -> bool:
    """Whether shares of a threshold count what the original took beside what the job did."""
    return int(assessment.get("inherited_flop") or 0) > 0


def headline(document: Mapping[str, Any], today: date) -> str:
    """Who is on which side, in one sentence."""
    rests = document.get("rests_on")
    if rests and rests["on_the_jobs_word"]:
        without = rests["verdict_without_statements"]
        saying = f"without {'; '.join(rests['milder'][:3])} it would be {without}"
        where = "below every threshold" if document["assessments"] else "compared with no threshold"
        return f"{document['job']['name']} is {where}, on the job's word: {saying}"
    over = [each["title"] for each in document["assessments"] if each["verdict"] == "above"]
    which = f": {'; '.join(over)}" if over else ""
    return f"{document['job']['name']} {HEADLINES[verdict_in_words(document, today)]}{which}"


def verdict_in_words(document: Mapping[str, Any], today: date) -> str:
    """The verdict, or that it is only disputed what a crossed line means, that its law is not in force yet, or that no
    policy has a line for the run.
    """
    if is_disputed(document):
        return "disputed"
    if binds_nobody_yet(document, today):
        return "not in force"
    silent = document["verdict"] == "below" and not document["assessments"]
    return "silent" if silent else str(document["verdict"])


def said_of(assessment: Mapping[str, Any]) -> str:
    """A verdict, that it is disputed what a crossed line means, and whether only the job's word makes it below."""
    open_ = assessment["verdict"] == "indeterminate" and disputed_line(assessment)
    verdict = verdict_of(assessment["verdict"], assessment["verdict_without_statements"])
    return "disputed" if open_ else verdict


def verdict_of(verdict: str, without: str | None, compared_with: int | None = None) -> str:
    """A verdict, and whether only the job's word makes it below; of a run that was compared with 0 thresholds, that."""
    shown = NOT_ASSESSED if verdict == "below" and compared_with == 0 else verdict
    return f"{shown}, on the job's word" if verdict == "below" and without not in (None, "below") else shown


def grounds(document: Mapping[str, Any]) -> Iterator[str]:
    """What the verdict rests on, and what it would be without each of it."""
    rests = document.get("rests_on") or {"grounds": []}
    for each in rests["grounds"]:
        value = f" = {as_word(each['value'])}" if each["value"] else ""
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
    doubts = [each["words"] for a in document["assessments"] for each in a["doubts"]]
    return list(dict.fromkeys([*doubts, *(each["words"] for each in unassessed_doubts(document))]))


def not_counted(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """That runs behind generated data are not among the earlier runs, where there are some; as a fact with its name."""
    if not (document.get("lineage") or {}).get("parents"):
        return []
    lineage = listed(document)
    counts = added_up(lineage, document["job"]["activity"])
    return [("Not counted", BEHIND_DATA)] if len(counts) < len(lineage.ancestors) else []


def noted(document: Mapping[str, Any]) -> list[str]:
    """What is to be known of the verdicts, and of doors that were shut, and keeps none open, each once."""
    of_lineage = (document.get("lineage") or {}).get("notes", ())
    unseen = [each["words"] for each in of_lineage if each["kind"] == BEHIND_SHUT_DOORS.name]
    return list(dict.fromkeys([*(each["words"] for a in document["assessments"] for each in a["notes"]), *unseen]))
