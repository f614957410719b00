"""From a job and its evidence to the estimate that is signed: which tiers are known, which counts, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from flops_auditor.domain.amounts import scientific
from flops_auditor.domain.declared import Declared
from flops_auditor.domain.energy import ASSUMPTION, energy_kwh
from flops_auditor.domain.estimate import (
    HIGHEST_PLAUSIBLE_MFU,
    Choice,
    HardwareUse,
    Method,
    Tier,
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
from flops_auditor.domain.hardware import HardwareTable, InstanceType
from flops_auditor.domain.job import InstanceGroup, TrainingJob
from flops_auditor.domain.observations import Busy, Observations
from flops_auditor.domain.training_time import TrainingTime


@dataclass(frozen=True)
class ModelSize:
    """Parameters of the trained model: all, those active per token, and where the numbers come from."""

    total: int
    active: int
    source: str


@dataclass(frozen=True)
class Estimate:
    """The training compute of one job.

    FLOP are whole numbers; None where nothing bounds them. `peak_flop_per_s` is the mean peak of one unit, weighted
    by unit-seconds, so that `accelerator_seconds` x peak is N L H. `doubts` forbid the verdict "below".
    """

    method: Method
    best_flop: int | None
    upper_flop: int | None
    ceiling_flop: int | None
    accelerator_seconds: Fraction | None
    peak_flop_per_s: Fraction | None
    occupancy: Fraction | None
    energy_kwh: Fraction | None
    assumptions: tuple[str, ...]
    doubts: tuple[str, ...]
    tiers: tuple[Tier, ...]
    settle: str


@dataclass(frozen=True)
class _Hardware:
    uses: tuple[HardwareUse, ...]
    complete: bool
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def estimate_job(
    job: TrainingJob,
    declared: Declared,
    time: TrainingTime,
    observed: Observations,
    table: HardwareTable,
    model: ModelSize | None,
    unread: Sequence[str] = (),
) -> Estimate:
    """Estimate one job. Never raises: what is missing or contradictory is said in assumptions and doubts."""
    hardware = _hardware(job, declared, time, observed, table)
    doubts = (*declared.figure_doubts, *time.doubts, *hardware.doubts, *unread)
    if declared.activity == "not-training":
        return _not_training(hardware, doubts)
    uses = hardware.uses if hardware.complete and time.seconds is not None else ()
    known, notes = _known_tiers(job, declared, observed, uses, model)
    limit = ceiling(uses) if uses else None
    choice = choose(known, limit)
    chosen = choice.chosen
    occupancy = _mean_occupancy(uses) if observed.busy else None
    assumptions = (
        *declared.notes,
        f"training time: {time.basis}",
        *hardware.notes,
        *observed.notes,
        *notes,
        *choice.contradictions,
        *_said_of(choice),
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
        settle=_settle(chosen, model),
    )


def _not_training(hardware: _Hardware, doubts: tuple[str, ...]) -> Estimate:
    reason = "the job is declared not to be training (evaluation or processing): Annex A.1 does not count it"
    return Estimate(
        method="not training",
        best_flop=0,
        upper_flop=0,
        ceiling_flop=None,
        accelerator_seconds=None,
        peak_flop_per_s=None,
        occupancy=None,
        energy_kwh=energy_kwh(hardware.uses),
        assumptions=(reason,),
        doubts=doubts,
        tiers=(),
        settle="",
    )


def _known_tiers(
    job: TrainingJob, declared: Declared, observed: Observations, uses: tuple[HardwareUse, ...], model: ModelSize | None
) -> tuple[list[Tier], list[str]]:
    emitted = observed.emitted
    notes: list[str] = []
    known: list[Tier] = []
    if "model_flop" in emitted:
        known.append(counted(emitted["model_flop"].value, uses))
    known += _architecture(job, declared, observed, uses, model, notes)
    if uses:
        mfu = _mfu(observed, uses, notes)
        if mfu is not None:
            known.append(hardware_mfu(uses, mfu))
        known.append(hardware_occupancy(uses) if observed.busy else hardware_alone(uses))
    return known, notes


def _architecture(
    job: TrainingJob,
    declared: Declared,
    observed: Observations,
    uses: tuple[HardwareUse, ...],
    model: ModelSize | None,
    notes: list[str],
) -> list[Tier]:
    tiers = []
    tokens, source = _tokens(job, declared, observed, uses)
    if tokens and model is None:
        notes.append(
            f"tokens without parameters: {scientific(tokens)} tokens ({source}) say nothing without a model size"
        )
    if tokens and model is not None:
        notes.append(f"parameters: {model.source}; tokens: {source}")
        partial = declared.parameter_efficient or declared.trainable_parameters is not None
        if declared.trainable_parameters is not None and declared.trainable_parameters >= model.total:
            partial = False
        if partial:
            tiers.append(architecture_partial(model.active, declared.trainable_parameters, tokens, uses))
        else:
            tiers.append(architecture_full(model.active, tokens, uses))
    if "sample_rate" in observed.emitted and not tokens:
        name = observed.emitted["sample_rate"].name
        notes.append(f"metric {name!r} counts samples, which say nothing without tokens per sample; it is left aside")
    if "trainer_flop" in observed.emitted:
        reported = observed.emitted["trainer_flop"]
        tiers.append(architecture_reported(reported.value, reported.name, uses))
        notes.append(f"{reported.name} takes every parameter as trained and leaves out embeddings")
    return tiers


def _tokens(
    job: TrainingJob, declared: Declared, observed: Observations, uses: tuple[HardwareUse, ...]
) -> tuple[int | None, str]:
    if declared.tokens is not None:
        return declared.tokens, declared.tokens_source
    if "tokens" in observed.emitted:
        emitted = observed.emitted["tokens"]
        return round(emitted.value), f"metric {emitted.name}"
    if job.billable_token_count:
        return job.billable_token_count, "BillableTokenCount"
    return _tokens_from_rate(observed, uses)


def _tokens_from_rate(observed: Observations, uses: tuple[HardwareUse, ...]) -> tuple[int | None, str]:
    """Tokens/s times the training time: too many where training paused, never too few while it ran at that rate."""
    over = {
        "token_rate": max((use.seconds for use in uses), default=Fraction(0)),
        "token_rate_per_unit": sum((use.unit_seconds for use in uses), Fraction(0)),
    }
    for quantity, seconds in over.items():
        emitted = observed.emitted.get(quantity)
        if emitted is not None and seconds:
            return round(emitted.value * seconds), f"metric {emitted.name} over the training time"
    return None, ""


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
            f"contradictory evidence: metric {emitted.name!r} is an MFU of {float(value):.4g}, "
            "not a fraction of the peak; it is left aside"
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


def _hardware(
    job: TrainingJob, declared: Declared, time: TrainingTime, observed: Observations, table: HardwareTable
) -> _Hardware:
    if job.serverless is not None or not job.groups:
        missing = () if job.serverless is not None else ("the job names no hardware",)
        note = ("serverless job: its hardware is not disclosed",) if job.serverless is not None else ()
        return _Hardware((), False, note, missing)
    found = [(group, table.find(group.instance_type)) for group in job.groups]
    unknown = sorted({group.instance_type for group, kind in found if kind is None})
    known = [(group, kind) for group, kind in found if kind is not None]
    notes: list[str] = []
    occupancies = _occupancies(known, observed.busy, notes)
    uses = []
    for (group, kind), occupancy in zip(known, occupancies, strict=True):
        peak, basis = kind.peak(declared.precision or None)
        units = group.instance_count * kind.units
        notes.append(
            f"{group.instance_count} x {group.instance_type}: {float(units):g} x {kind.unit_name}, "
            f"{scientific(round(peak), 4)} FLOP/s each, {basis}"
        )
        seconds = time.seconds or Fraction(0)
        watts = Fraction(kind.power_watts or 0)
        uses.append(HardwareUse(kind.name, units, seconds, peak, kind.ceiling_peak, occupancy, watts))
    doubts = tuple(f"instance type {name[:60]!r} is not in the hardware table" for name in unknown)
    return _Hardware(tuple(uses), not unknown, tuple(notes), doubts)


def _occupancies(
    known: list[tuple[InstanceGroup, InstanceType]], busy: dict[str, Busy] | object, notes: list[str]
) -> list[Fraction | None]:
    """Occupancy per group. Only hosts with accelerators report; a host that reports nothing counts as fully busy.

    Which host belongs to which of several unlike groups is not known, so each of them takes the busiest host.
    """
    reports: dict[str, Busy] = dict(busy) if isinstance(busy, dict) else {}
    with_accelerators = [group for group, kind in known if kind.accelerator is not None]
    if not reports or not with_accelerators:
        return [None] * len(known)
    hosts = sum(group.instance_count for group, _ in known)
    silent = [f"algo-{i}" for i in range(1, hosts + 1) if f"algo-{i}" not in reports]
    expected_silent = hosts - sum(group.instance_count for group in with_accelerators)
    if len(silent) > expected_silent:
        shown = ", ".join(silent[:8]) + (", ..." if len(silent) > 8 else "")
        notes.append(f"{len(silent) - expected_silent} hosts report no occupancy and count as fully busy: {shown}")
    if any(report.coverage < 1 for report in reports.values()):
        least = min(report.coverage for report in reports.values())
        notes.append(
            f"occupancy covers {float(least):.1%} of the training time at least; the rest counts as fully busy"
        )
    result: list[Fraction | None] = []
    for group, kind in known:
        if kind.accelerator is None:
            result.append(None)
            continue
        devices = max(1, ceil(kind.units))
        shares = [_share(report, devices, host, notes) for host, report in sorted(reports.items())]
        if len(with_accelerators) > 1:
            missing = len(silent) > expected_silent
            result.append(Fraction(1) if missing else max(shares))
            continue
        counted_hosts = sorted(shares, reverse=True)[: group.instance_count]
        counted_hosts += [Fraction(1)] * (group.instance_count - len(counted_hosts))
        result.append(sum(counted_hosts, Fraction(0)) / group.instance_count if group.instance_count else None)
    if len(with_accelerators) > 1:
        notes.append(
            "unlike accelerators: each group counts with the busiest host, since hosts do not name their group"
        )
    return result


def _share(report: Busy, devices: int, host: str, notes: list[str]) -> Fraction:
    share = report.mean / devices
    if share > 1:
        notes.append(
            f"contradictory evidence: {host} reports more busy accelerators than it has; it counts as fully busy"
        )
        return Fraction(1)
    return share * report.coverage + (1 - report.coverage)


def _said_of(choice: Choice) -> list[str]:
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


def _settle(chosen: Tier | None, model: ModelSize | None) -> str:
    if chosen is not None and chosen.method in {"counted", "architecture"}:
        return "add the run's own count of model FLOP, or amend the record with better evidence"
    size = "" if model else "flops-auditor:params and "
    tags = f"tag the job with {size}flops-auditor:tokens"
    return tags if chosen is not None and chosen.method == "hardware + MFU" else f"emit the metric mfu, or {tags}"
