"""The draft of a notification, as values: for any dated duty, such as that of the AI Act, Art. 52(1).

It says what triggered it, the amount with two significant figures and the exact one beside, how it was estimated, what
was approximated and is uncertain, and the day. Whether to send it is for a person to decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flops_auditor.domain.lineage.begun_with import models_begun_with
from flops_auditor.domain.messages.roundings import two_digits
from flops_auditor.domain.values.amounts import counted, excess_in_percent, flop
from flops_auditor.domain.values.remarks import printable

Trigger = Literal[
    "the modification's compute",
    "the total of pretraining and modification",
    "the model's compute",
    "the compute of generating training data, which counts in each model trained on it, unless it is public",
    "what is said of the model, whatever its compute",
]


@dataclass(frozen=True)
class Draft:
    """A notification. Amounts are FLOP; `exact_flop` is the figure in full, `day` by when it is due.

    `generates`: the run made no model, only data to train one on, and `model` is what it was generated with.
    `open` says what leaves it open whether it is owed; empty where it certainly is. `in_force`: since when its law is.
    """

    to: str
    article: str
    what: str
    day: str
    model: str
    job_arn: str
    trigger: Trigger
    threshold_flop: int
    rounded_flop: str
    exact_flop: int
    upper_flop: int | None
    inherited_flop: int
    approach: str
    approximations: tuple[str, ...]
    uncertainties: tuple[str, ...]
    met_at: str | None
    open: str
    in_force: str | None = None
    generates: bool = False


def drafts(content: Mapping[str, Any]) -> tuple[Draft, ...]:
    """One draft for each dated duty of each policy that follows from a record's predicate: of its lines the one that
    was met first and is not open speaks. None where no such duty follows.
    """
    days = {(each["policy"], each["duty"]): each["day"] for each in content["due"]}
    by_key: dict[tuple[str, str], Draft] = {}
    for a in content["assessments"]:
        for duty in a["duties"]:
            key = (a["policy"], duty["id"])
            day = days.get(key)
            if duty["within_days"] is None or day is None or a["met_at"] is None or a["best_flop"] is None:
                continue
            draft = _draft(content, a, duty, day)
            by_key[key] = min(by_key.get(key, draft), draft, key=lambda each: (bool(each.open), each.met_at or ""))
    return tuple(by_key.values())


def _draft(
    content: Mapping[str, Any],
    assessment: Mapping[str, Any],
    duty: Mapping[str, Any],
    day: str,
) -> Draft:
    best, inherited = int(assessment["best_flop"]), int(assessment["inherited_flop"])
    upper = assessment["upper_flop"]
    return Draft(
        to=duty["to"],
        article=duty["article"],
        what=duty["what"],
        day=day,
        model=", ".join(models_begun_with(content)) or "not named",
        job_arn=printable(content["job"]["arn"]),
        trigger=_trigger(assessment, inherited, _generates(content)),
        threshold_flop=int(assessment["threshold_flop"]),
        rounded_flop=two_digits(best) or "0",
        exact_flop=best,
        upper_flop=None if upper is None else int(upper),
        inherited_flop=inherited,
        approach=content["estimate"]["method"],
        approximations=_approximations(content),
        uncertainties=_uncertainties(content, assessment, best, upper),
        met_at=assessment["met_at"],
        open=_open(assessment, duty),
        in_force=duty.get("in_force"),
        generates=_generates(content),
    )


def _approximations(content: Mapping[str, Any]) -> tuple[str, ...]:
    """What was assumed of the run, and that it is of this one alone where others are added up with it."""
    assumed, count = (each["words"] for each in content["estimate"]["assumptions"]), content["lineage"]["ancestors"]
    alone = f"approach and approximations are those of this run alone; {counted(count, 'earlier run')} added up with it"
    return (*([alone] if count else []), *assumed)


def _generates(content: Mapping[str, Any]) -> bool:
    """Whether the run made no model, only data to train one on."""
    return bool(content["job"]["activity"] == "synthetic-data")


def _open(assessment: Mapping[str, Any], duty: Mapping[str, Any]) -> str:
    """What leaves it open whether a duty is owed."""
    if duty["state"] == "disputed":
        return f"disputed: {assessment['left_open']}"
    if duty["state"] == "unless confirmed":
        return "; ".join(["not confirmed", *(doubt["words"] for doubt in assessment["doubts"])])
    return f"not certain: {assessment['reason']}" if duty["state"] == "if over" else ""


def _trigger(assessment: Mapping[str, Any], inherited: int, generates: bool) -> Trigger:
    """What went over the line: the amount that a notification states; of a line at any compute, what is said."""
    if not int(assessment["threshold_flop"]):
        return "what is said of the model, whatever its compute"
    if generates:
        return "the compute of generating training data, which counts in each model trained on it, unless it is public"
    if inherited:
        return "the total of pretraining and modification"
    return "the modification's compute" if assessment["role"] == "modifier" else "the model's compute"


def _uncertainties(
    content: Mapping[str, Any], assessment: Mapping[str, Any], best: int, upper: str | None
) -> tuple[str, ...]:
    bound = "nothing bounds the compute from above"
    if upper is not None and best:
        excess = excess_in_percent(int(upper), best)
        bound = f"upper bound {flop(upper, 'upper')} FLOP, {excess} % over the best estimate"
    remarks = [each["words"] for each in (*assessment["doubts"], *assessment["notes"])]
    what = "model that generated the data, whose training does not count" if _generates(content) else "original"
    return (bound, f"{what}: {content['original']['source']}", *remarks)
