"""The compute and energy part of the Model Documentation Form (Code of Practice, Transparency chapter), as values.

For a modification only what concerns the modification; the roundings are those that the Form asks for: two significant
figures for the AI Office, the order of magnitude for national authorities. What only a person knows stays open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flops_auditor.domain.messages.duties import OTHER_WORDING
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.moments import read_time

KNOWN_FORM = "Model Documentation Form"
"""The form whose fields stand here; of another form only the name is known."""
RANGES = ((1, "less than 1 month"), (3, "1 to 3 months"), (6, "3 to 6 months"))
LONGEST_RANGE = "more than 6 months"
DAYS_IN_A_MONTH = Decimal("30.44")
NOT_DISCLOSED = "not known: the service does not disclose the hardware, or its power is not published"


@dataclass(frozen=True)
class FormField:
    """One field: its name in the transcription that tools read, what it asks for, the answer (None: for a person)."""

    name: str
    asks: str
    answer: str | None


def form_fields(records: Sequence[Mapping[str, Any]]) -> tuple[FormField, ...]:
    """The fields from the records of a model's runs: the run itself first, then those that it continues."""
    content = records[0]
    days, hardware_days, energy = wall_clock_days(records), accelerator_days(records), energy_mwh(records)
    best = counted_flop(content)
    missing = "" if len(records) > content["lineage"]["ancestors"] else "; runs that it continues are not included"
    clock = None if days is None else f"{significant(days)} days{missing}"
    hardware = None if hardware_days is None else f"{power(hardware_days)} {hardware_of(records)} days{missing}"
    used = NOT_DISCLOSED if energy is None else f"{significant(energy)} MWh{missing}"
    return (
        FormField("training_time_range", "Training time, as a range", None if days is None else range_of(days)),
        FormField("training_time_wall_clock", "Wall-clock days", clock),
        FormField("training_time_hardware", "Hardware days", hardware),
        FormField("computation_used_ai_office", "Amount of computation", two_digits(best)),
        FormField("computation_used_national_authorities", "Amount of computation, in magnitude", magnitude(best)),
        FormField("computation_methodology", "Measurement methodology", methodology(content)),
        FormField("energy_used", "Energy used for training", used),
        FormField("energy_methodology", "Methodology of the energy figure", energy_methodology(content)),
        FormField("inference_computation_benchmarked", "Benchmarked compute for inference, and its methodology", None),
        FormField("base_model", "Base model", content["original"]["base_model"] or None),
    )


def forms_of(content: Mapping[str, Any]) -> list[str]:
    """The forms that duties of this record ask for, by their names, each once."""
    forms = (
        duty.get("form", "") for a in content["assessments"] for duty in a["duties"] if duty["state"] != OTHER_WORDING
    )
    return list(dict.fromkeys(filter(None, forms)))


def form_of(content: Mapping[str, Any]) -> str:
    """The form among them whose fields are known here; empty where none is."""
    return KNOWN_FORM if KNOWN_FORM in forms_of(content) else ""


def wall_clock_days(records: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """Days in which the runs trained, added up; None where one does not say when it did."""
    days = Decimal(0)
    for content in records:
        job = content["job"]
        if not job["start"] or not job["end"]:
            return None
        days += Decimal((read_time(job["end"]) - read_time(job["start"])).total_seconds()) / 86400
    return days


def accelerator_days(records: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """Accelerators times days of training; None where a run's hardware is not known."""
    seconds = [content["estimate"]["accelerator_seconds"] for content in records]
    return None if None in seconds else sum((Decimal(each) for each in seconds), Decimal(0)) / 86400


def energy_mwh(records: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """Energy of the runs, in MWh; None where one is not known."""
    energies = [content["estimate"]["energy_kwh"] for content in records]
    return None if None in energies else sum((Decimal(each) for each in energies), Decimal(0)) / 1000


def hardware_of(records: Sequence[Mapping[str, Any]]) -> str:
    """The hosts that the runs trained on."""
    types = dict.fromkeys(each["type"] for content in records for each in content["job"]["instances"])
    return ", ".join(types) or "accelerator"


def counted_flop(content: Mapping[str, Any]) -> int | None:
    """The modification's parameter updates, or what the model as a whole took: best estimate."""
    best = content["lineage"]["updates_best_flop"]
    return None if best is None else int(best)


def methodology(content: Mapping[str, Any]) -> str:
    """How the amount was found: method and assumptions, as the record says them."""
    assumptions = [each["words"] for each in content["estimate"]["assumptions"]]
    return "; ".join([f"method: {content['estimate']['method']}", *assumptions])


def energy_methodology(content: Mapping[str, Any]) -> str:
    """How the energy was found."""
    if content["estimate"]["energy_kwh"] is None:
        return NOT_DISCLOSED
    return "rated power of the accelerators times their training time; hosts, network and cooling not included"


def range_of(days: Decimal) -> str:
    """The range that so many days lie in."""
    months = days / DAYS_IN_A_MONTH
    return next((words for most, words in RANGES if months < most), LONGEST_RANGE)


def two_digits(flop: int | None) -> str | None:
    """An amount with two significant figures, as the AI Office is told."""
    return None if flop is None else f"{scientific(flop, 2)} FLOP"


def magnitude(flop: int | None) -> str | None:
    """The order of magnitude, as national authorities are told."""
    return None if not flop else f"10^{len(str(flop)) - 1} FLOP"


def significant(number: Decimal) -> str:
    """Two significant figures, as a plain number."""
    return f"{Decimal(f'{number:.1e}'):f}" if number else "0"


def power(number: Decimal) -> str:
    """One significant figure, as 4x10^5."""
    if not number:
        return "0"
    digit, exponent = f"{number:.0e}".split("e")
    return f"{digit}x10^{int(exponent)}"
