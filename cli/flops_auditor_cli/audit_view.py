"""How an audit is shown: two tables for people, one document for machines, the assessments as CSV."""

from datetime import UTC, datetime
from typing import Any

from flops_auditor.domain.messages.advice import to_know_the_hardware, unknown_hardware
from flops_auditor.domain.messages.duties import duty_in_words
from flops_auditor.domain.messages.record_alert import named, remedies
from flops_auditor.domain.values.amounts import scientific
from flops_auditor_cli.output import Output, digits, emit


def figures(document: dict[str, Any]) -> list[dict[str, str]]:
    """The result of an audit as rows of a table."""
    estimate, cumulative = document["estimate"], document["cumulative"]
    rows = [
        ("Job", document["job"]["name"]),
        ("Status", document["job"]["status"]),
        ("Method", estimate["method"]),
        ("Best estimate", _flop(estimate["best_flop"])),
        ("Upper bound", _flop(estimate["upper_flop"])),
        *_cautious(estimate),
        ("Hardware ceiling", _flop(estimate["ceiling_flop"])),
        ("Energy", "unknown" if estimate["energy_kwh"] is None else f"{digits(float(estimate['energy_kwh']))} kWh"),
    ]
    lineage = document.get("lineage") or {}
    if count := lineage.get("ancestors", len(cumulative["ancestors"])):
        total = f"{_flop(cumulative['best_flop'])}, at most {_flop(cumulative['upper_flop'])}"
        rows.append((f"With {count} earlier run{'' if count == 1 else 's'}", total))
    rows += [("Original model", document["original"]["base_model"] or "not named")]
    rows += [("Assumption", said["words"]) for said in estimate["assumptions"]]
    rows += [("Doubt", said["words"]) for said in [*estimate["doubts"], *lineage.get("doubts", [])]]
    if unknown_hardware(doubt["kind"] for doubt in estimate["doubts"]):
        rows.append(("What settles it", to_know_the_hardware(document["job"]["name"])))
    else:
        rows += [("What settles it", words) for words in remedies(document)]
    if document.get("previous_verdict"):
        rows.append(("Superseded verdict", document["previous_verdict"]))
    rows += [("Due", words) for words in _due(document)]
    return [{"what": what, "value": value} for what, value in rows]


def _due(document: dict[str, Any]) -> list[str]:
    """What is due by a day."""
    today = datetime.now(UTC).date()
    duties = {(a["policy"], duty["id"]): duty for a in document["assessments"] for duty in a["duties"]}
    named = ((duties.get((each["policy"], each["duty"])), each["day"]) for each in document.get("due", ()))
    return [duty_in_words(duty, day, today) for duty, day in named if duty is not None]


def _cautious(estimate: dict[str, Any]) -> list[tuple[str, str]]:
    """The bound that "below" rests on, where evidence speaks against the estimate's own."""
    bound = estimate["cautious_upper_flop"]
    return [] if bound == estimate["upper_flop"] else [("Cautious bound", _flop(bound))]


def _flop(amount: str | None) -> str:
    return "unknown" if amount is None else f"{scientific(int(amount))} FLOP"


ASSESSMENT_COLUMNS = {
    "policy": "Policy",
    "scenario": "Scenario",
    "threshold_flop": "Threshold (FLOP)",
    "verdict": "Verdict",
    "reason": "Reason",
}
COLUMNS_FOR_PEOPLE = {
    "threshold": "Threshold",
    "threshold_flop": "FLOP",
    "verdict": "Verdict",
    "reason": "Reason",
}


def show(document: dict[str, Any], output: Output) -> None:
    """Write an audit to stdout: two tables for people, one document for machines, the assessments as CSV."""
    if output is Output.TABLE:
        emit(figures(document), output, {"what": "", "value": ""}, title="Training compute")
        rows = [{**row, **_for_people(row)} for row in document["assessments"]]
        emit(rows, output, COLUMNS_FOR_PEOPLE, title="Verdicts", right=("threshold_flop",))
    else:
        emit(document["assessments"], output, ASSESSMENT_COLUMNS, document=document)


def _for_people(row: dict[str, Any]) -> dict[str, str]:
    """An assessment with the threshold by its title, and what is in doubt beside the reason."""
    return {
        "threshold": named(row["policy"], row["scenario"], row["title"]),
        "threshold_flop": scientific(int(row["threshold_flop"])),
        "reason": "; ".join([row["reason"], *(each["words"] for each in (*row["doubts"], *row["notes"]))]),
    }
