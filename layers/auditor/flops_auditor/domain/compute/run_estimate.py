"""From a job and its evidence to the estimate that is signed: which tiers are known, which counts, and why.

Annex A.2 of the Guidelines, C(2025) 7719: any method within 30 %, assumptions documented. They are documented here, in
words, one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flops_auditor.domain.compute.cautions import cautions_of
from flops_auditor.domain.compute.energy import ASSUMPTION, energy_kwh
from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.compute.hardware_use import Hardware, hardware_of
from flops_auditor.domain.compute.run_tokens import measured_tokens, tokens_of
from flops_auditor.domain.compute.tiers import (
    HIGHEST_PLAUSIBLE_MFU,
    Caution,
    HardwareUse,
    Method,
    Tier,
    TierChoice,
    architecture_full,
    architecture_partial,
    architecture_reported,
    ceiling,
    choose,
    counted,
    hardware_alone,
    hardware_mfu,
    hardware_occupancy,
)
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.model_size import ModelSize, is_partial
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.remarks import Remark


@dataclass(frozen=True)
class Estimate:
    """The training compute of one job.

    FLOP are whole numbers; None where nothing bounds them. `peak_flop_per_s` is the mean peak of one unit, weighted
    by unit-seconds, so that `accelerator_seconds` x peak is N L H. `doubts` forbid the verdict "below".
    `cautious_upper_flop` is the upper bound if the evidence that speaks against the chosen tier were right; it equals
    `upper_flop` where there is none, and a verdict "below" rests on it; `updates_upper_flop` is the same for what
    updated parameters alone (Annex A.1), without passes that only made training data or a training signal.
    """

    method: Method
    best_flop: int | None
    upper_flop: int | None
    ceiling_flop: int | None
    accelerator_seconds: Fraction | None
    peak_flop_per_s: Fraction | None
    occupancy: Fraction | None
    energy_kwh: Fraction | None
    assumptions: tuple[Remark | str, ...]
    doubts: tuple[Remark, ...]
    tiers: tuple[Tier, ...]
    settle: str
    cautious_upper_flop: int | None = None
    updates_upper_flop: int | None = None


def estimate_job(
    run: Run,
    declared: Declared,
    observed: Observations,
    table: HardwareTable,
    model: ModelSize | None,
    unread: Sequence[Remark] = (),
) -> Estimate:
    """Estimate one job. Never raises: what is missing or contradictory is said in assumptions and doubts."""
    time = run.time
    hardware = hardware_of(run, declared, observed, table)
    doubts = (*declared.figure_doubts, *time.doubts, *hardware.doubts, *observed.doubts, *unread)
    if declared.activity == "not-training":
        return _not_training(hardware, time, doubts)
    uses = hardware.uses if hardware.complete and time.seconds is not None else ()
    known, notes = _known_tiers(run, declared, observed, uses, model)
    limit = ceiling(uses) if uses else None
    if hardware.idle:
        known, limit = [*known, hardware_alone(())], 0
    choice = choose(known, limit)
    chosen = choice.chosen
    occupancy = _mean_occupancy(uses) if observed.busy else None
    tagged_tokens = declared.tagged("tokens") and measured_tokens(run, observed) is None
    cautions = cautions_of(choice, declared, model, time, uses, tagged_tokens=tagged_tokens)
    cautious = None if chosen is None else max([chosen.upper_flop, *(c.flop for c in cautions)])
    updates = None if chosen is None else max([chosen.upper_flop, *(c.flop for c in cautions if c.updates)])
    assumptions: tuple[Remark | str, ...] = (
        *_said_of(choice),
        *choice.contradictions,
        *(_said_of_caution(caution, chosen) for caution in cautions),
        *declared.notes,
        time.basis,
        *time.notes,
        *hardware.notes,
        *notes,
        *observed.notes,
        *([ASSUMPTION] if uses else []),
    )
    seconds = sum((use.unit_seconds for use in uses), Fraction(0)) if uses else None
    return Estimate(
        method=chosen.method if chosen else "unknown",
        best_flop=chosen.best_flop if chosen else None,
        upper_flop=chosen.upper_flop if chosen else None,
        ceiling_flop=limit,
        accelerator_seconds=seconds,
        peak_flop_per_s=_mean_peak(uses),
        occupancy=occupancy,
        energy_kwh=energy_kwh(uses),
        assumptions=assumptions,
        doubts=doubts,
        tiers=choice.known,
        settle=_settle(chosen, model, cautions),
        cautious_upper_flop=cautious,
        updates_upper_flop=updates,
    )


def _not_training(hardware: Hardware, time: TrainingTime, doubts: tuple[Remark, ...]) -> Estimate:
    """0 FLOP by Annex A.1, with what the hardware could have done, since the declaration cannot be checked."""
    reason = "the job is declared not to be training (evaluation or processing): Annex A.1 does not count it"
    known = hardware.complete and time.seconds is not None
    bound = f"; were it training, at most {scientific(hardware_alone(hardware.uses).upper_flop)} FLOP" if known else ""
    return Estimate(
        method="not training",
        best_flop=0,
        upper_flop=0,
        ceiling_flop=None,
        accelerator_seconds=None,
        peak_flop_per_s=None,
        occupancy=None,
        energy_kwh=energy_kwh(hardware.uses) if known else None,
        assumptions=(reason + bound,),
        doubts=doubts,
        tiers=(),
        settle="",
        cautious_upper_flop=0,
        updates_upper_flop=0,
    )


def _known_tiers(
    run: Run, declared: Declared, observed: Observations, uses: tuple[HardwareUse, ...], model: ModelSize | None
) -> tuple[list[Tier], list[str]]:
    emitted = observed.emitted
    notes: list[str] = []
    known: list[Tier] = []
    if "model_flop" in emitted:
        known.append(counted(emitted["model_flop"].value, uses))
    known += _architecture(run, declared, observed, uses, model, notes)
    if uses:
        mfu = _mfu(observed, uses, notes)
        if mfu is not None:
            known.append(hardware_mfu(uses, mfu))
        known.append(hardware_occupancy(uses) if observed.busy else hardware_alone(uses))
    return known, notes


def _architecture(
    run: Run,
    declared: Declared,
    observed: Observations,
    uses: tuple[HardwareUse, ...],
    model: ModelSize | None,
    notes: list[str],
) -> list[Tier]:
    tiers = []
    tokens, source = tokens_of(run, declared, observed, uses, notes)
    if tokens and model is None:
        notes.append(
            f"tokens without parameters: {scientific(tokens)} tokens ({source}) say nothing without a model size"
        )
    if tokens and model is not None:
        notes.append(f"parameters: {model.source}; tokens: {source}")
        if is_partial(declared, model):
            trainable = declared.trainable_parameters
            active = None if trainable is None else min(trainable, model.active)
            tiers.append(architecture_partial(model.active, active, tokens, uses))
        else:
            tiers.append(architecture_full(model.active, tokens, uses))
    if "sample_rate" in observed.emitted and not tokens:
        name = observed.emitted["sample_rate"].name
        notes.append(
            f"metric {name[:80]!r} counts samples, which say nothing without tokens per sample; it is not used"
        )
    if "trainer_flop" in observed.emitted:
        reported = observed.emitted["trainer_flop"]
        tiers.append(architecture_reported(reported.value, reported.name, uses))
        notes.append(f"{reported.name} takes every parameter as trained and leaves out embeddings")
    return tiers


def _mfu(observed: Observations, uses: tuple[HardwareUse, ...], notes: list[str]) -> Fraction | None:
    emitted = observed.emitted.get("mfu")
    value = emitted.value if emitted else None
    if emitted is None and "model_flop_rate" in observed.emitted:
        emitted, peak = observed.emitted["model_flop_rate"], _mean_peak(uses)
        value = emitted.value / peak if peak else None
    if emitted is None and "model_flop_rate_of_all" in observed.emitted:
        emitted = observed.emitted["model_flop_rate_of_all"]
        peak = sum((use.units * use.peak for use in uses), Fraction(0))
        value = emitted.value / peak if peak else None
    if emitted is None or value is None:
        return None
    if not 0 < value <= HIGHEST_PLAUSIBLE_MFU:
        notes.append(
            f"contradictory evidence: metric {emitted.name[:80]!r} is an MFU of {float(value):.4g}, "
            "not a fraction of the peak; it is not used"
        )
        return None
    occupancy = _mean_occupancy(uses) if observed.busy else None
    if occupancy is not None and value > occupancy:
        notes.append(
            f"the emitted MFU {float(value):.3g} is over the occupancy {float(occupancy):.3g} of the whole run"
        )
    return value


def _mean_peak(uses: Sequence[HardwareUse]) -> Fraction | None:
    """Mean peak of one unit in FLOP/s, weighted by unit-seconds (by units if no time was spent), Annex A.2."""
    weights = [use.unit_seconds for use in uses]
    if sum(weights) == 0:
        weights = [use.units for use in uses]
    total = sum(weights, Fraction(0))
    return sum((w * use.peak for w, use in zip(weights, uses, strict=True)), Fraction(0)) / total if total else None


def _mean_occupancy(uses: Sequence[HardwareUse]) -> Fraction | None:
    total = sum((use.peak_flop for use in uses), Fraction(0))
    if not total:
        return None
    one = Fraction(1)
    return sum((u.peak_flop * (one if u.occupancy is None else u.occupancy) for u in uses), Fraction(0)) / total


def _said_of_caution(caution: Caution, chosen: Tier | None) -> str:
    if chosen is None or caution.flop <= chosen.upper_flop:
        return caution.reason
    return f"{caution.reason}; no verdict of below rests on less than {scientific(caution.flop)} FLOP"


def _said_of(choice: TierChoice) -> list[str]:
    chosen = choice.chosen
    said = []
    if chosen is not None:
        said.append(f"method {chosen.method}: {chosen.basis}")
    if chosen is not None and chosen.method in {"hardware", "hardware + occupancy"}:
        said.append(
            "utilisation is not known: the best estimate takes at most U = 0.5, as Annex A.3 of the Guidelines does"
        )
    elif chosen is not None:
        said.append("the upper bound adds the error margin of 30 % of Annex A.2, at most the hardware's ceiling")
    for tier in choice.known:
        if tier.implied_utilisation is not None and tier is not chosen:
            said.append(
                f"{tier.method} would give {scientific(tier.best_flop)} FLOP, "
                f"a utilisation of {float(tier.implied_utilisation):.3g}"
            )
    return said


def _settle(chosen: Tier | None, model: ModelSize | None, cautions: Sequence[Caution]) -> str:
    """What would settle an indeterminate verdict, in words."""
    if cautions:
        most = max(cautions, key=lambda caution: caution.flop)
        if chosen is not None and most.flop > chosen.upper_flop:
            return f"clear up that {most.reason}"
    if chosen is not None and chosen.method in {"counted", "architecture"}:
        return "add the run's own count of model FLOP, or amend the record with better evidence"
    size = "" if model else "flops-auditor:params and "
    tags = f"tag the job with {size}flops-auditor:tokens"
    return tags if chosen is not None and chosen.method == "hardware + MFU" else f"emit the metric mfu, or {tags}"
