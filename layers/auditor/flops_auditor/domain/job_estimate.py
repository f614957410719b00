"""From a job and its evidence to the estimate that is signed: which tiers are known, which counts, and why.

Annex A.2 of the Guidelines, C(2025) 7719: any method within 30 %, assumptions documented. They are documented here, in
words, one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from flops_auditor.domain.amounts import at_least, scientific
from flops_auditor.domain.declared import PREFERENCE_TECHNIQUES, REINFORCEMENT_TECHNIQUES, Declared
from flops_auditor.domain.energy import ASSUMPTION, energy_kwh
from flops_auditor.domain.estimate import (
    HIGHEST_PLAUSIBLE_MFU,
    Caution,
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
    doubted_by_tiers,
    hardware_alone,
    hardware_mfu,
    hardware_occupancy,
)
from flops_auditor.domain.hardware import HardwareTable, InstanceType
from flops_auditor.domain.job import TrainingJob
from flops_auditor.domain.observations import AGREEMENT, Busy, Observations
from flops_auditor.domain.training_time import TrainingTime

REFERENCE_PASS = Fraction(8, 6)
"""Preference tuning: 6 N for the trained model and 2 N for the reference model's forward pass, per token."""


@dataclass(frozen=True)
class ModelSize:
    """Parameters of the trained model: all, those active per token, and where the numbers come from.

    `most_active` is another source's number of active parameters, where it is so much larger that it contradicts.
    """

    total: int
    active: int
    source: str
    most_active: int | None = None


@dataclass(frozen=True)
class Estimate:
    """The training compute of one job.

    FLOP are whole numbers; None where nothing bounds them. `peak_flop_per_s` is the mean peak of one unit, weighted
    by unit-seconds, so that `accelerator_seconds` x peak is N L H. `doubts` forbid the verdict "below".
    `cautious_upper_flop` is the upper bound if the evidence that speaks against the chosen tier were right; it equals
    `upper_flop` where there is none, and a verdict "below" rests on it.
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
    cautious_upper_flop: int | None = None


@dataclass(frozen=True)
class _Hardware:
    uses: tuple[HardwareUse, ...]
    complete: bool
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    idle: bool = False


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
    doubts = (*declared.figure_doubts, *time.doubts, *hardware.doubts, *observed.doubts, *unread)
    if declared.activity == "not-training":
        return _not_training(hardware, time, doubts)
    uses = hardware.uses if hardware.complete and time.seconds is not None else ()
    known, notes = _known_tiers(job, declared, observed, uses, model)
    limit = ceiling(uses) if uses else None
    if hardware.idle:
        known, limit = [*known, hardware_alone(())], 0
    choice = choose(known, limit)
    chosen = choice.chosen
    occupancy = _mean_occupancy(uses) if observed.busy else None
    cautions = _cautions(job, declared, observed, choice, limit, model)
    cautions += _longer(time, uses)
    cautious = None if chosen is None else max([chosen.upper_flop, *(c.flop for c in cautions)])
    assumptions = (
        *_said_of(choice),
        *choice.contradictions,
        *(_said_of_caution(caution) for caution in cautions),
        *declared.notes,
        f"training time: {time.basis}",
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
    )


def _cautions(
    job: TrainingJob,
    declared: Declared,
    observed: Observations,
    choice: Choice,
    limit: int | None,
    model: ModelSize | None,
) -> list[Caution]:
    """Everything that speaks against the chosen tier's upper bound, each with the bound it would give."""
    chosen = choice.chosen
    if chosen is None:
        return []
    partial = Fraction(3, 2) if _partial(declared, model) else Fraction(1)
    experts = Fraction(model.total, model.active) if model and model.total > model.active else Fraction(1)
    cautions = list(doubted_by_tiers(choice, limit, partial * experts))
    if chosen.method != "architecture":
        return cautions

    def times(factor: Fraction, reason: str) -> None:
        flop = at_least(chosen.upper_flop * factor)
        cautions.append(Caution(flop if limit is None else min(flop, limit), reason))

    if "reported" in chosen.basis:
        return cautions
    if declared.epochs and declared.epochs > 1 and _measured_tokens(job, observed) is None and declared.tokens:
        shown = f"{float(declared.epochs):g}"
        times(
            declared.epochs,
            f"the declared tokens are taken as those of all {shown} epochs together; were they those of one epoch, the "
            f"compute would be {shown} times as much",
        )
    if model is not None and model.most_active is not None and model.most_active > model.active:
        times(
            Fraction(model.most_active, model.active),
            f"contradictory evidence: {scientific(model.active)} active parameters ({model.source}) against "
            f"{scientific(model.most_active)} of the base-model table",
        )
    if declared.technique in PREFERENCE_TECHNIQUES:
        times(
            REFERENCE_PASS,
            f"{declared.technique.upper()} also passes every batch forward through a frozen reference model, which "
            "updates nothing and is not counted; were it counted, a third more",
        )
    if declared.technique in REINFORCEMENT_TECHNIQUES:
        reason = (
            f"{declared.technique.upper()} generates the tokens it trains on: generation updates nothing and counts on "
            "the cumulative basis alone (Annex A.1), and tokens do not tell how much there was"
        )
        bound = next((t for t in choice.known if t.method in {"hardware", "hardware + occupancy"}), chosen)
        cautions.append(Caution(bound.upper_flop, reason))
    return cautions


def _longer(time: TrainingTime, uses: Sequence[HardwareUse]) -> list[Caution]:
    """The spans may be incomplete: then hardware was in use for longer, fully busy for all we know."""
    if time.longest is None or time.seconds is None or not uses:
        return []
    flop = at_least(sum((u.units * time.longest * max(u.peak, u.bound_peak or u.peak) for u in uses), Fraction(0)))
    reason = (
        f"TrainingTimeInSeconds is {float(time.longest):g} s, far more than the {float(time.seconds):g} s of the "
        "Training spans, which may be incomplete"
    )
    return [Caution(flop, reason)]


def _said_of_caution(caution: Caution) -> str:
    return f"{caution.reason}; no verdict of below rests on less than {scientific(caution.flop)} FLOP"


def _not_training(hardware: _Hardware, time: TrainingTime, doubts: tuple[str, ...]) -> Estimate:
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
    tokens, source = _tokens(job, declared, observed, uses, notes)
    if tokens and model is None:
        notes.append(
            f"tokens without parameters: {scientific(tokens)} tokens ({source}) say nothing without a model size"
        )
    if tokens and model is not None:
        notes.append(f"parameters: {model.source}; tokens: {source}")
        if _partial(declared, model):
            trainable = declared.trainable_parameters
            active = None if trainable is None else min(trainable, model.active)
            tiers.append(architecture_partial(model.active, active, tokens, uses))
        else:
            tiers.append(architecture_full(model.active, tokens, uses))
    if "sample_rate" in observed.emitted and not tokens:
        name = observed.emitted["sample_rate"].name
        notes.append(
            f"metric {name[:80]!r} counts samples, which say nothing without tokens per sample; it is left aside"
        )
    if "trainer_flop" in observed.emitted:
        reported = observed.emitted["trainer_flop"]
        tiers.append(architecture_reported(reported.value, reported.name, uses))
        notes.append(f"{reported.name} takes every parameter as trained and leaves out embeddings")
    return tiers


def _partial(declared: Declared, model: ModelSize | None) -> bool:
    """Whether only a part of the parameters is trained; a statement that all are goes before a hint at adapters."""
    if declared.trainable_parameters is None:
        return declared.parameter_efficient
    return model is None or declared.trainable_parameters < model.total


def _measured_tokens(job: TrainingJob, observed: Observations) -> tuple[int, str] | None:
    if "tokens" in observed.emitted:
        emitted = observed.emitted["tokens"]
        return ceil(emitted.value), f"metric {emitted.name[:80]}"
    if job.billable_token_count:
        return job.billable_token_count, "BillableTokenCount"
    return None


def _tokens(
    job: TrainingJob,
    declared: Declared,
    observed: Observations,
    uses: tuple[HardwareUse, ...],
    notes: list[str],
) -> tuple[int | None, str]:
    """Tokens of all epochs and where they come from. What was declared goes first, unless more was measured."""
    measured, said = _measured_tokens(job, observed), declared.tokens
    if said is None:
        return measured or _tokens_from_rate(observed, uses)
    source = declared.tokens_source
    if measured is None:
        return said, source
    if measured[0] > said * AGREEMENT:
        notes.append(
            f"contradictory evidence: {scientific(said)} tokens ({source}), but {scientific(measured[0])} "
            f"({measured[1]}): the larger number counts"
        )
        return measured
    return said, source


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
            f"contradictory evidence: metric {emitted.name[:80]!r} is an MFU of {float(value):.4g}, "
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
    """Hosts by instance type (Annex A.2: periods and kinds of hardware are summed, never averaged)."""
    hosts: dict[str, int] = {}
    for group in job.groups:
        hosts[group.instance_type] = hosts.get(group.instance_type, 0) + group.instance_count
    if not sum(hosts.values()):
        if job.serverless is not None:
            return _Hardware((), False, ("serverless job: its hardware is not disclosed",), ())
        if time.seconds == 0 and not time.doubts:
            return _Hardware((), False, ("the job never had hardware",), (), idle=True)
        return _Hardware((), False, (), ("the job names no hosts",))
    found = [(count, table.find(name)) for name, count in hosts.items()]
    unknown = sorted(name for name in hosts if table.find(name) is None)
    known = [(count, kind) for count, kind in found if kind is not None]
    notes: list[str] = []
    occupancies = _occupancies(known, observed.busy, notes) if not unknown else [None] * len(known)
    uses = []
    for (count, kind), occupancy in zip(known, occupancies, strict=True):
        peak, basis = kind.peak(declared.precision or None)
        default = kind.peak(None)[0]
        units = count * kind.units
        notes.append(
            f"{count} x {kind.name}: {float(units):g} x {kind.unit_name}, "
            f"{scientific(round(peak), 4)} FLOP/s each, {basis}"
        )
        if peak < default:
            notes.append(_said_of_precision(declared, peak, default))
        if kind.power_watts is None:
            notes.append(f"{kind.power_basis}: its energy is not included")
        bound = peak if declared.precision_tagged else max(peak, default)
        watts = Fraction(kind.power_watts or 0)
        seconds = time.seconds or Fraction(0)
        uses.append(HardwareUse(kind.name, units, seconds, peak, kind.ceiling_peak, occupancy, watts, bound))
    doubts = tuple(f"instance type {name[:60]!r} is not in the hardware table" for name in unknown)
    return _Hardware(tuple(uses), not unknown, tuple(notes), doubts)


def _said_of_precision(declared: Declared, peak: Fraction, default: Fraction) -> str:
    if declared.precision_tagged:
        return (
            f"the tag flops-auditor:precision lowers the peak from {scientific(round(default), 4)} to "
            f"{scientific(round(peak), 4)} FLOP/s, and the upper bound with it: it must be true of the whole run"
        )
    return (
        f"hyperparameters point at {declared.precision.upper()}, slower than the default: the best estimate follows, "
        f"the upper bound keeps {scientific(round(default), 4)} FLOP/s"
    )


def _occupancies(
    known: Sequence[tuple[int, InstanceType]], busy: Mapping[str, Busy], notes: list[str]
) -> list[Fraction | None]:
    """Occupancy per kind of host. Only hosts with accelerators report; a silent one counts as fully busy.

    Which host is of which kind is not known (resourceconfig.json inside the container names them, in any order), so
    each of several kinds with accelerators takes the busiest host.
    """
    hosts = sum(count for count, _ in known)
    names = [f"algo-{i}" for i in range(1, hosts + 1)]
    strangers = sorted(set(busy) - set(names))
    if strangers:
        shown = ", ".join(strangers[:8])
        notes.append(f"contradictory evidence: the job has no host {shown}; its metrics are left aside")
    with_accelerators = [(count, kind) for count, kind in known if kind.accelerator is not None]
    expected = sum(count for count, _ in with_accelerators)
    # A host without accelerators that reports zero must not stand for one with accelerators that is silent.
    reports = {name: busy[name] for name in names if name in busy and (expected == hosts or busy[name].highest > 0)}
    if not busy or not with_accelerators:
        return [None] * len(known)
    silent = [name for name in names if name not in reports]
    missing = max(0, expected - len(reports))
    if missing:
        shown = ", ".join(silent[:8]) + (", ..." if len(silent) > 8 else "")
        among = "" if len(silent) == missing else "of "
        notes.append(f"{missing} hosts report no occupancy and count as fully busy: {among}{shown}")
    least = min((report.coverage for report in reports.values()), default=Fraction(1))
    if least < 1:
        notes.append(
            f"occupancy covers {float(least):.1%} of the training time at least; the rest counts as fully busy"
        )
    most_devices = max(_devices(kind) for _, kind in with_accelerators)
    for name, report in reports.items():
        if report.highest > most_devices:
            notes.append(
                f"contradictory evidence: {name} reports more busy accelerators than it has; "
                "such values count as fully busy"
            )
    alike = len(with_accelerators) == 1
    if not alike:
        notes.append("unlike accelerators: each kind counts with the busiest host, since hosts do not name their kind")
    result: list[Fraction | None] = []
    for count, kind in known:
        if kind.accelerator is None or not count:
            result.append(None)
            continue
        shares = sorted((report.occupancy(_devices(kind)) for report in reports.values()), reverse=True)
        if alike:
            busiest = shares[:count] + [Fraction(1)] * (count - len(shares))
            result.append(sum(busiest, Fraction(0)) / count)
        else:
            result.append(Fraction(1) if missing else shares[0])
    return result


def _devices(kind: InstanceType) -> int:
    """Accelerators that a host reports on: a share of one is reported as one."""
    return max(1, ceil(kind.units))


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
