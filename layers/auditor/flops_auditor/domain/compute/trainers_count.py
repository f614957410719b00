"""What a trainer counts of its own work: FLOP by 6 N D, and the elements of its input. What of it is certain.

Hugging Face's Trainer takes every parameter but those of embeddings as trained and as active for each token, and the
elements of the model's main input, be they pixels or frames of sound, as tokens (docs/meter.md measured both).
"""

from dataclasses import replace

from flops_auditor.domain.compute.tiers import HardwareUse, Measured, Tier, hardware_occupancy, reported
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.emitted import Emitted, said_of_share
from flops_auditor.domain.runs.model_size import ModelSize, overcounted
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.trainer_metrics import normalise
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.domain.values.spelling import squeezed

TRAINER_COUNTS = Kind(
    "what-the-trainer-counts", "{name:said80} takes every parameter as trained and leaves out embeddings"
)
TRAINER_COUNTS_TOO_HIGH = Kind(
    "trainer-counts-too-high",
    "{name:said80} counts what is not trained, or not active for a token, as if it were: the lower bound takes it that "
    "it is {times:.3g} times too high",
)
COUNTS_ELEMENTS = Kind(
    "may-count-elements",
    "{name:said80} may count pixels or frames of sound as tokens, and experts that rest, since no configuration of the "
    "model is known: of it no verdict of above rests on more than the hardware did at least",
)
COUNTS_ITS_INPUT = squeezed("num_input_tokens_seen")
"""Hugging Face's Trainer counts the elements of a model's main input so, whatever they are."""


def as_measured(emitted: Emitted, notes: list[Remark]) -> Measured:
    """What was emitted, in FLOP, as evidence of a tier; of which part of the time it speaks is noted."""
    remark = said_of_share(emitted)
    notes += [remark] if remark else []
    return Measured(
        emitted.value, emitted.share, emitted.lowest, emitted.highest, grown=emitted.grown, watched=emitted.watched
    )


def reported_by_trainer(
    declared: Declared,
    observed: Observations,
    uses: tuple[HardwareUse, ...],
    model: ModelSize | None,
    notes: list[Remark],
) -> list[Tier]:
    """The trainer's own count, of which no more is certain than what it surely counts too high leaves. Of a model whose
    configuration is not known it may count the elements of pictures or sounds as tokens, and experts that rest.
    """
    reading = observed.emitted.get("trainer_flop")
    if reading is None:
        return []
    count, too_high = as_measured(reading, notes), overcounted(declared, model)
    least = None if count.least is None else count.least / too_high
    grown = None if count.grown is None else count.grown / too_high
    tier = reported(replace(count, least=least, grown=grown), reading.name, uses)
    notes.append(TRAINER_COUNTS(name=reading.name))
    if model is not None and model.shape is not None:
        if too_high > 1:
            notes.append(TRAINER_COUNTS_TOO_HIGH(name=reading.name, times=too_high))
        return [tier]
    notes.append(COUNTS_ELEMENTS(name=reading.name))
    unsure = _no_surer_than_hardware(tier, uses)
    return [unsure if uses or model is not None else replace(unsure, upper_flop=None)]


def _no_surer_than_hardware(tier: Tier, uses: tuple[HardwareUse, ...]) -> Tier:
    """The same, certain of no more than what such hardware did at least."""
    least = hardware_occupancy(uses).lower_flop
    return replace(tier, lower_flop=min(tier.lower_flop, least), firm_flop=min(tier.firm_flop, least))


def of_input_elements(
    tier: Tier, observed: Observations, uses: tuple[HardwareUse, ...], model: ModelSize, notes: list[Remark]
) -> Tier:
    """What a trainer counts of its input, which of a model of pictures or sound are pixels or frames."""
    counter = observed.emitted.get("tokens")
    if (
        counter is None
        or squeezed(normalise(counter.name)) != COUNTS_ITS_INPUT
        or model.shape is not None
        or model.tagged
    ):
        return tier
    notes.append(COUNTS_ELEMENTS(name=counter.name))
    return _no_surer_than_hardware(tier, uses)
