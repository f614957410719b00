"""The file flops_meter.json that the AWS toolkit, or flops-meter, writes in a training container.

The toolkit's counts have known defects. flops-meter writes the toolkit's fields and, under `flops_auditor`, the words
of its last line, which are read like the line itself (meter_words.py).

Source: aws-samples/amazon-sagemaker-generativeai, 0_model_customization_recipes/supervised_finetuning, flops_meter.py
(commit 5e2b590). Tokens and trainable parameters are used; its FLOP figures are three digits of the same product and
its hardware figure is occupancy x peak on the first host, so neither is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.emitted import Emitted
from flops_auditor.domain.runs.meter_words import (
    CHECK_THE_LOG,
    MODEL_FLOP,
    OTHER_JOB,
    WORDS,
    Facts,
    check_of,
    counted,
)
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.values.amounts import LARGEST_AMOUNT, UnreadableAmount, exact, parse_amount
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.domain.values.texts import read_json

FILE_NAME = "flops_meter.json"
PADDING = Kind("meter-counts-padding", "{file} counts padding as tokens unless the trainer's arguments carry a pad id")
_PACKED = 3  # 4-bit packing halves a count (embeddings stay whole); less than a third of the model is a shard
_STORED = "{file} counts parameters as stored: 4-bit weights packed, sharded weights by shard"
TOTAL_AS_STORED = Kind(
    "meter-parameters-as-stored", _STORED + ", so its {parameters:flop} are not used: name the base model"
)
TRAINABLE_AS_STORED = Kind("meter-trainable-as-stored", _STORED + ", so its trainable parameters are not used")
UNREADABLE_METER = Kind("unreadable-flops-meter", "{file} could not be read: {error:said300}", AMEND)
NOTHING_FROZEN = Kind("meter-nothing-frozen", "{file} names no frozen parameters")
DISAGREE = Kind(
    "meter-file-and-lines-disagree",
    "contradictory evidence: {file} counts {counted:flop} FLOP, the lines {lines:flop}; the larger one counts",
    CHECK_THE_LOG,
)
_ROUNDED = 1 + Fraction(1, 10**6)
TRAINABLE = Kind("meter-trainable", "{file}: {trained:flop} trainable parameters")


class MalformedFlopsMeter(AuditorError):
    """A file of that name without the toolkit's counts."""

    remedy = "Pass the flops_meter.json of the toolkit unchanged."


@dataclass(frozen=True)
class ToolkitFile:
    """Counts of one run, as the file gives them; `tokens` are summed over all processes. None: absent or zero.

    `job` and `values` are flops-meter's own: the job's ARN, and the words of its last line that are numbers.
    """

    parameters: int | None
    trainable_parameters: int | None
    tokens: int | None
    job: str = ""
    values: Mapping[str, Fraction] = field(default_factory=dict)


def read_flops_meter(text: str) -> ToolkitFile:
    """Read the counts. Raises MalformedFlopsMeter."""
    try:
        document = read_json(text)
        if not isinstance(document, Mapping) or "tokens_processed" not in document:
            raise MalformedFlopsMeter("no JSON object with tokens_processed")
        names = ("N_total", "N_trainable", "tokens_processed")
        counts = [parse_amount(value) if (value := document.get(name)) else None for name in names]
        own = document.get("flops_auditor", {})
        if not isinstance(own, Mapping):
            raise MalformedFlopsMeter("flops_auditor is not an object")
        values = {name: _number(name, own[name]) for name in WORDS if name in own}
        parameters, trainable, tokens = counts
        return ToolkitFile(parameters, trainable, tokens, str(own.get("job", "")), values)
    except (ValueError, RecursionError, UnreadableAmount) as error:
        raise MalformedFlopsMeter(f"{type(error).__name__}: {error}") from error


def _number(name: str, value: object) -> Fraction:
    """A word that is a number from 0. Raises MalformedFlopsMeter, or ValueError for what is too long for a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedFlopsMeter(f"{name} is no number")
    number = exact(value)
    if not 0 <= number <= LARGEST_AMOUNT:
        raise MalformedFlopsMeter(f"{name} is not between 0 and 1e40")
    return number


def apply_flops_meter(
    files: Mapping[str, str], declared: Declared, observed: Observations, size: ModelSize | None, facts: Facts
) -> tuple[Declared, Observations]:
    """Complete what is known of a job with the file's counts; what the job says itself, or emits, goes first.

    The number of parameters is not taken from the file, since a packed or sharded count would understate the compute.
    Of flops-meter's file the count itself is taken, and the toolkit's formula is not.
    """
    name = next((name for name in sorted(files) if name.rsplit("/", 1)[-1] == FILE_NAME), None)
    if name is None:
        return declared, observed
    try:
        meter = read_flops_meter(files[name])
    except MalformedFlopsMeter as error:
        doubt = UNREADABLE_METER(file=FILE_NAME, error=str(error))
        return replace(declared, figure_doubts=(*declared.figure_doubts, doubt)), observed
    if meter.values:
        return declared, _with_count(meter, observed, facts)
    notes = []
    if meter.tokens is not None and "tokens" not in observed.emitted:
        counted = Emitted(Fraction(meter.tokens), f"{FILE_NAME} tokens_processed")
        observed = replace(observed, emitted={**observed.emitted, "tokens": counted})
        notes.append(PADDING(file=FILE_NAME))
    if size is None and meter.parameters is not None:
        notes.append(TOTAL_AS_STORED(file=FILE_NAME, parameters=meter.parameters))
    if size is not None and declared.trainable_parameters is None:
        declared, remark = _trainable(declared, meter, size)
        notes.append(remark)
    return replace(declared, notes=(*declared.notes, *notes)), observed


def _with_count(meter: ToolkitFile, observed: Observations, facts: Facts) -> Observations:
    """The count of flops-meter's file, unless the lines have as much: the larger one counts."""
    if MODEL_FLOP not in meter.values or meter.job != facts.arn or not _of_job(meter.values, facts.arn):
        return replace(observed, notes=(*observed.notes, OTHER_JOB(source=FILE_NAME)))
    count = counted(meter.values, facts, FILE_NAME)
    lines = observed.emitted.get(MODEL_FLOP)
    if lines is None:
        return observed.with_count(count)
    low, high = sorted((lines.value, count.model.value))
    notes = [DISAGREE(file=FILE_NAME, counted=count.model.value, lines=lines.value)] if high > low * _ROUNDED else []
    if count.model.value > lines.value * _ROUNDED:
        return observed.with_count(count, notes)
    return replace(observed, notes=(*observed.notes, *notes))


def _of_job(values: Mapping[str, Fraction], arn: str) -> bool:
    return values.get("job_check", check_of(arn)) == check_of(arn)


def _trainable(declared: Declared, meter: ToolkitFile, size: ModelSize) -> tuple[Declared, Remark]:
    """How many parameters were trained: all, a known number, or (where the file's counts are shards) an unknown one."""
    trained, stored = meter.trainable_parameters, meter.parameters
    if trained is None or stored is None or trained == stored:
        return declared, NOTHING_FROZEN(file=FILE_NAME)
    if _PACKED * stored < size.total:
        return replace(declared, parameter_efficient=True), TRAINABLE_AS_STORED(file=FILE_NAME)
    return replace(declared, trainable_parameters=trained), TRAINABLE(file=FILE_NAME, trained=trained)
