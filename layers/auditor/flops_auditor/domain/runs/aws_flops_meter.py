"""The file flops_meter.json that the AWS toolkit writes in a training container: its counts and their known defects.

Source: aws-samples/amazon-sagemaker-generativeai, 0_model_customization_recipes/supervised_finetuning, flops_meter.py
(commit 5e2b590). Tokens and trainable parameters are used; its FLOP figures are three digits of the same product and
its hardware figure is occupancy x peak on the first host, so neither is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.runs.observations import Emitted, Observations
from flops_auditor.domain.values.amounts import UnreadableAmount, parse_amount, scientific
from flops_auditor.domain.values.errors import AuditorError

FILE_NAME = "flops_meter.json"
PADDING = f"{FILE_NAME} counts padding as tokens unless the trainer's arguments carry a pad id"
_PACKED = 3  # 4-bit packing halves a count (embeddings stay whole); less than a third of the model is a shard
AS_STORED = f"{FILE_NAME} counts parameters as stored: 4-bit weights packed, sharded weights by shard"


class MalformedFlopsMeter(AuditorError):
    """A file of that name without the toolkit's counts."""

    remedy = "Pass the flops_meter.json of the toolkit unchanged."


@dataclass(frozen=True)
class FlopsMeter:
    """Counts of one run, as the file gives them; `tokens` are summed over all processes. None: absent or zero."""

    parameters: int | None
    trainable_parameters: int | None
    tokens: int | None


def read_flops_meter(text: str) -> FlopsMeter:
    """Read the counts. Raises MalformedFlopsMeter."""
    try:
        document = json.loads(text)
        if not isinstance(document, Mapping) or "tokens_processed" not in document:
            raise MalformedFlopsMeter("no JSON object with tokens_processed")
        names = ("N_total", "N_trainable", "tokens_processed")
        counts = [parse_amount(value) if (value := document.get(name)) else None for name in names]
        return FlopsMeter(*counts)
    except (ValueError, RecursionError, UnreadableAmount) as error:
        raise MalformedFlopsMeter(f"{type(error).__name__}: {error}") from error


def apply_flops_meter(
    files: Mapping[str, str], declared: Declared, observed: Observations, size: ModelSize | None
) -> tuple[Declared, Observations]:
    """Complete what is known of a job with the toolkit's counts; what the job says itself, or emits, goes first.

    The number of parameters is not taken from the file, since a packed or sharded count would understate the compute.
    """
    name = next((name for name in sorted(files) if name.rsplit("/", 1)[-1] == FILE_NAME), None)
    if name is None:
        return declared, observed
    try:
        meter = read_flops_meter(files[name])
    except MalformedFlopsMeter as error:
        doubt = f"{FILE_NAME} could not be read: {error}"
        return replace(declared, figure_doubts=(*declared.figure_doubts, doubt)), observed
    notes = []
    if meter.tokens is not None and "tokens" not in observed.emitted:
        counted = Emitted(Fraction(meter.tokens), f"{FILE_NAME} tokens_processed")
        observed = replace(observed, emitted={**observed.emitted, "tokens": counted})
        notes.append(PADDING)
    if size is None and meter.parameters is not None:
        notes.append(f"{AS_STORED}, so its {scientific(meter.parameters)} are not used: name the base model")
    if size is not None and declared.trainable_parameters is None:
        declared, said = _trainable(declared, meter, size)
        notes.append(said)
    return replace(declared, notes=(*declared.notes, *notes)), observed


def _trainable(declared: Declared, meter: FlopsMeter, size: ModelSize) -> tuple[Declared, str]:
    """How many parameters were trained: all, a known number, or (where the file's counts are shards) an unknown one."""
    trained, stored = meter.trainable_parameters, meter.parameters
    if trained is None or stored is None or trained == stored:
        return declared, f"{FILE_NAME} names no frozen parameters"
    if _PACKED * stored < size.total:
        return replace(declared, parameter_efficient=True), f"{AS_STORED}, so its trainable parameters are not used"
    return replace(declared, trainable_parameters=trained), f"{FILE_NAME}: {scientific(trained)} trainable parameters"
