"""Figures of a model's runs, from their records: added up, and without any rounding."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.compute.hardware_use import NOT_DISCLOSED, UNKNOWN_TYPE
from flops_auditor.domain.runs.evidence import CLUSTER_RUN
from flops_auditor.domain.values.moments import read_time

UNDISCLOSED = "the service does not disclose on which hardware it trained"
UNSAID = "the evidence does not say for how long which accelerators trained"
TRAINING = frozenset({"fine-tuning", "pretraining"})
"""Activities that train a model; what others took is no part of its training time and energy."""


def whole(amount: str | None) -> int | None:
    """An amount of a record, in FLOP; None where it is not known."""
    return None if amount is None else int(amount)


def wall_clock_seconds(records: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """The time from start to end of each run, pauses between runs left out; None where one does not say.

    A run that waits for capacity, as a spot job may, goes on: its records have no times of the pauses within it.
    """
    spans: list[tuple[datetime, datetime]] = []
    for content in records:
        job = content["job"]
        if not job["start"] or not job["end"]:
            return None
        spans.append((read_time(job["start"]), read_time(job["end"])))
    total, until = Decimal(0), None
    for start, end in sorted(spans):
        since = start if until is None else max(start, until)
        if end > since:
            total += Decimal(str((end - since).total_seconds()))
        until = end if until is None else max(until, end)
    return total


def accelerator_seconds(records: Sequence[Mapping[str, Any]], hardware: HardwareTable) -> dict[str, Decimal]:
    """Accelerators times seconds of training, by accelerator; empty where a run's hardware is not known.

    The time of a run on several kinds of hardware stands under all of their names: a record adds it up.
    """
    by_name: dict[str, Decimal] = {}
    for content in records:
        seconds = content["estimate"]["accelerator_seconds"]
        if seconds is None:
            return {}
        name = accelerators_of(content, hardware)
        by_name[name] = by_name.get(name, Decimal(0)) + Decimal(seconds)
    return by_name


def kept_secret(content: Mapping[str, Any]) -> bool:
    """Whether the service of a run does not disclose its hardware. Whoever runs a cluster is no service."""
    told = {each["kind"] for each in content["estimate"]["assumptions"]}
    return NOT_DISCLOSED.name in told and content["job"]["source"] != CLUSTER_RUN


def why_no_hardware(records: Sequence[Mapping[str, Any]]) -> str:
    """Why it is not known for how long which accelerators trained: of the runs of which it is not, each reason once."""
    unknown = [content for content in records if content["estimate"]["accelerator_seconds"] is None]
    return "; ".join(dict.fromkeys(map(_why_no_hardware, unknown)))


def _why_no_hardware(content: Mapping[str, Any]) -> str:
    not_in_table = [each["words"] for each in content["estimate"]["doubts"] if each["kind"] == UNKNOWN_TYPE.name]
    if not_in_table:
        return f"{' and '.join(not_in_table)} of this tool"
    return UNDISCLOSED if kept_secret(content) else UNSAID


def waited_seconds(content: Mapping[str, Any], hardware: HardwareTable) -> Decimal | None:
    """For how long a run did not train between its start and its end; None where nobody can say."""
    job, used = content["job"], content["estimate"]["accelerator_seconds"]
    hosts = [(hardware.find(each["type"]), int(each["count"])) for each in job["instances"]]
    accelerators = sum(((host.units * count) if host else Fraction(0) for host, count in hosts), Fraction(0))
    if used is None or not accelerators or not all(host for host, _ in hosts) or not (job["start"] and job["end"]):
        return None
    went_on = Fraction(str((read_time(job["end"]) - read_time(job["start"])).total_seconds()))
    waited = max(went_on - Fraction(used) / accelerators, Fraction(0))
    return Decimal(waited.numerator) / waited.denominator


def accelerators_of(content: Mapping[str, Any], hardware: HardwareTable) -> str:
    """The accelerators of a run's hosts; of a host that the table has not, its type."""
    types = [each["type"] for each in content["job"]["instances"]]
    known = ((hardware.find(name), name) for name in types)
    names = dict.fromkeys(host.unit_name if host else name for host, name in known)
    return ", ".join(names) or "accelerator"


class CountedAmount(NamedTuple):
    """The form's amount of computation with its bounds, and the member of the record that the best estimate is."""

    lower_flop: int | None
    best_flop: int | None
    upper_flop: int | None
    member: str


def amount_of(content: Mapping[str, Any]) -> CountedAmount:
    """Of a model with systemic risk the cumulative amount, of any other what updated parameters (Annex A.1)."""
    asked = {a["policy"] for a in content["assessments"] if any(duty.get("form") for duty in a["duties"])}
    over = (a for a in content["assessments"] if a["verdict"] == "above" and a["basis"] == "cumulative")
    if content["original"]["systemic_risk"] or any(a["policy"] in asked for a in over):
        part, member = content["cumulative"], "cumulative.best_flop"
        lower, best, upper = part["lower_flop"], part["best_flop"], part["upper_flop"]
    else:
        part, member = content["lineage"], "lineage.updates_best_flop"
        lower, best, upper = part["updates_lower_flop"], part["updates_best_flop"], part["updates_upper_flop"]
    return CountedAmount(whole(lower), whole(best), whole(upper), member)


def energies(records: Sequence[Mapping[str, Any]]) -> list[Decimal]:
    """Kilowatt-hours of the runs of which they are known."""
    return [Decimal(each) for each in (r["estimate"]["energy_kwh"] for r in records) if each is not None]
