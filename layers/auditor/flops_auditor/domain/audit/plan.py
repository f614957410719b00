"""The training compute of a run before it is launched, by the same tiers and policies as an audit.

A notification under Art. 52(1) of the AI Act is due already when it becomes known that a threshold *will* be met, so
planning is part of compliance. Pure: hardware, model size, tokens and policies come as arguments.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Literal

from flops_auditor.domain.audit.assessment_words import assessment_members
from flops_auditor.domain.audit.record import decimal, due_part, spoken, tier_members
from flops_auditor.domain.audit.rests_on import contradiction_of, doubt_of_the_activity
from flops_auditor.domain.audit.situation_of_run import circumstances_of, inherits, perhaps_own, roles_of
from flops_auditor.domain.compute.architecture import ALL, architecture
from flops_auditor.domain.compute.attention import shape_of
from flops_auditor.domain.compute.cautions import IMPLAUSIBLE, Caution, cautions_of
from flops_auditor.domain.compute.energy import ASSUMPTION, energy_kwh
from flops_auditor.domain.compute.run_estimate import METHOD, OTHER_TIER
from flops_auditor.domain.compute.run_tokens import Tokens, planned_tokens
from flops_auditor.domain.compute.tiers import (
    ASSUMED_UTILISATION,
    ON_HARDWARE_ALONE,
    HardwareUse,
    Tier,
    TierChoice,
    ceiling,
    choose,
    hardware_mfu,
    hardware_occupancy,
)
from flops_auditor.domain.law.assessment import Assessment, assess_under, crossed_lines
from flops_auditor.domain.law.due_dates import DueDate, dated_duties, due_dates
from flops_auditor.domain.law.policy import Circumstance, Policy
from flops_auditor.domain.law.situation import Situation
from flops_auditor.domain.lineage.lineage import NO_LINEAGE
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import Activity, Declared
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.stated import NOTHING_STATED, Stated
from flops_auditor.domain.runs.training_time import UNKNOWN_TIME, TrainingTime
from flops_auditor.domain.values.amounts import Bound, at_least, nearest, shortened
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.figures import Figures, Verdict, exactly, most_severe
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

Training = Literal["full", "lora", "spectrum"]
Targets = Literal["attention", "all-linear"]

ATTENTION_WIDTHS = 8
"""Rank-1 adapters on q, k, v and o, four h x h matrices, have 4 x (h + h) parameters per layer."""
ALL_LINEAR_WIDTHS = 19
"""And on the three h x (8/3) h matrices of a gated MLP another 3 x (h + 8/3 h) = 11 h: 19 h per layer."""

UTILISATION_ASSUMED = Kind("utilisation-assumed", "U = 0.5 is assumed")
DURATION_DERIVED = Kind(
    "duration-derived", "duration derived from the tokens at U = {utilisation:g}: {hours:.0f} hours"
)
COUNT_IT = Kind("planned", "the figures are planned", Remedy("count-the-run", "count the run itself"))
FULL = Kind("full-training", "full training: every parameter is updated, 6 x parameters x tokens")
LORA = Kind(
    "lora",
    "LoRA: {trainable:flop} trainable parameters ({origin}), (4 x parameters + 2 x trainable) x tokens",
)
UNKNOWN_ADAPTERS = Kind(
    "unknown-adapters", "adapters of which nothing says how many parameters they train: at most all of them"
)
SPECTRUM = Kind(
    "spectrum",
    "Spectrum: {share:.0%} of the parameters ({trainable:flop}) trainable, (4 x parameters + 2 x trainable) x tokens",
)


CONTRADICTION = Kind(
    "contradicting-inputs",
    "the tokens need {needed:flop} FLOP, {times:times} times the {limit:flop} FLOP that the hardware can do at most in "
    "its time",
)


UNDER_THE_FLOOR = Kind(
    "plan-under-the-floor",
    "{method} gives {flop:flop} FLOP, {used:percent} of what the hardware can do in its time; the lowest of all "
    "published runs on such hardware is {lowest:percent}",
)
STRANGE_PEAK = Kind(
    "plan-of-a-strange-peak",
    "the peak as given, {given:flop4} FLOP/s, is far from the {known:flop4} FLOP/s of {name}",
)
PEAK_OF_NONE = Kind(
    "plan-of-a-peak-of-none",
    "the peak as given, {given:flop4} FLOP/s, is that of no accelerator: those that are known have {least:flop4} to "
    "{most:flop4} FLOP/s",
)
TIMES_PLANNED_MFU = Kind("hardware-times-planned-mfu", "N L H x MFU {mfu:.3g}")
"""Of the peak that the plan shows, and of no other; of which peak an emitted MFU is a share, a job has to say."""
NOTHING = exactly(0)
NOTHING_OBSERVED = Observations({}, {})
AS_LONG_AS_PLANNED = TrainingTime((), None, UNKNOWN_TIME())
"""No field of a description speaks against the planned time."""
FAR_FROM_THE_PEAK = 2
"""Datasheets differ by so much: with sparsity, or in another precision."""


class NothingToPlan(WrongInput):
    """Neither hardware for a time nor a model and tokens are given."""

    remedy = "Give hardware with --hours, a model (--base-model or --params) with --tokens, or both."


@dataclass(frozen=True)
class Wanted:
    """A run as planned. `hardware.seconds` is zero when the duration is to be derived from the tokens.

    `declared` is what is said of the run, by options or by its own definition; its tokens are those of all epochs.
    `activity_tagged`: only a tag says what kind of run it is. `earlier` is the compute of the runs that this one
    continues (Annex A.1: compute accumulates along the chain), `generated` that of generating its training data, which
    counts on the cumulative basis alone. `doubts` are about what else counts and is not known, `contradictions` are
    known before any figure.
    `on` is the day of the plan; `known_peak` the peak of the table, in FLOP/s of a unit, where another one is given,
    and `known_peaks` the lowest and the highest of all accelerators, where it is not said which one it is.
    """

    hardware: HardwareUse | None
    size: ModelSize | None
    mfu: Fraction | None
    original: Original
    declared: Declared = field(default_factory=Declared)
    activity_tagged: bool = False
    earlier: Figures = NOTHING
    generated: Figures = NOTHING
    notes: tuple[Remark, ...] = ()
    doubts: tuple[Remark, ...] = ()
    contradictions: tuple[Remark, ...] = ()
    on: date | None = None
    known_peak: Fraction | None = None
    known_peaks: tuple[Fraction, Fraction] | None = None

    @property
    def before(self) -> Figures:
        """What counts already on the cumulative basis, the original apart."""
        return self.earlier.beside(self.generated)

    @property
    def tokens(self) -> int | None:
        """Tokens of all epochs."""
        return self.declared.tokens

    @property
    def activity(self) -> Activity:
        """What kind of run it is."""
        return self.declared.activity

    @property
    def stated(self) -> Stated:
        """What is said of the original and of the resulting model."""
        return self.declared.stated

    def declared_of(self, way: "Way") -> Declared:
        """What is declared, trained in this way."""
        return replace(self.declared, parameter_efficient=way.partial, trainable_parameters=way.trainable)


@dataclass(frozen=True)
class Way:
    """One way of training: what it is called and how many parameters it trains (None: all, or an unknown part)."""

    name: Training
    trainable: int | None
    basis: Remark

    @property
    def partial(self) -> bool:
        """Whether only a part of the parameters is trained."""
        return self.name != "full"


@dataclass(frozen=True)
class PlannedThreshold:
    """One threshold as seen from the plan: when this hardware reaches it.

    Hours are wall-clock hours on the planned hardware from the start of the run, at the utilisation of the best
    estimate and at U = 1 (no run can be faster); None without hardware. 0 when the threshold lies behind already.
    """

    assessment: Assessment
    expected_hours: Fraction | None
    earliest_hours: Fraction | None


@dataclass(frozen=True)
class Plan:
    """What a run would cost in one way of training. Amounts are FLOP."""

    way: Way
    choice: TierChoice
    lower_flop: int
    best_flop: int
    upper_flop: int
    ceiling_flop: int | None
    hardware: HardwareUse | None
    energy_kwh: Fraction | None
    outlooks: tuple[PlannedThreshold, ...]
    verdict: Verdict
    assumptions: tuple[Remark, ...]
    contradictions: tuple[Remark, ...] = ()
    not_assessed: tuple[Remark, ...] = ()
    firm_flop: int | None = None
    updates_upper_flop: int | None = None

    @property
    def alone(self) -> Figures:
        """The run without any other one."""
        return Figures(self.best_flop, self.upper_flop, lower_flop=self.lower_flop, firm_flop=self.firm_flop)


def lora_parameters(rank: int, layers: int, width: int, targets: Targets) -> int:
    """Parameters of LoRA adapters: rank x (inputs + outputs) for each adapted matrix (Hu et al. 2021)."""
    return rank * layers * width * (ALL_LINEAR_WIDTHS if targets == "all-linear" else ATTENTION_WIDTHS)


def make_plan(wanted: Wanted, way: Way, policies: Sequence[Policy]) -> Plan:
    """The figures, verdicts and outlook of one way of training. Raises NothingToPlan."""
    plan = _planned(wanted, way, policies)
    doubt = _doubt_of_the_activity(wanted, way, policies) if plan.verdict == "below" else None
    return plan if doubt is None else _planned(replace(wanted, doubts=(*wanted.doubts, doubt)), way, policies)


def _doubt_of_the_activity(wanted: Wanted, way: Way, policies: Sequence[Policy]) -> Remark | None:
    """Why a run is not below on the kind of run that a tag calls it, as in an audit; None where it may be."""
    if not wanted.activity_tagged:
        return None
    trained = replace(wanted, declared=replace(wanted.declared, activity="fine-tuning"), activity_tagged=False)
    otherwise = _planned(trained, way, policies).verdict
    return doubt_of_the_activity(wanted.activity, contradiction_of(wanted.declared, NOTHING_OBSERVED), {otherwise})


def _planned(wanted: Wanted, way: Way, policies: Sequence[Policy]) -> Plan:
    utilisation = wanted.mfu if wanted.mfu is not None else ASSUMED_UTILISATION
    hardware, derived = _with_duration(wanted, way, utilisation)
    uses = (hardware,) if hardware is not None else ()
    bounding = () if derived else uses  # a time that follows from the tokens bounds none of them
    limit = at_least(sum((use.most_flop for use in bounding), Fraction(0))) if bounding else None
    tiers, attention = _tiers(wanted, way, bounding)
    over = contradicting(tiers, limit)
    contradictions = (*wanted.contradictions, *over, *implausible(tiers, wanted, hardware))
    needed = _tiers(wanted, way, ())[0] + tiers[1:]
    choice = choose(needed, None) if over else choose(tiers, limit)
    chosen = choice.chosen
    if chosen is None:
        raise NothingToPlan("there is neither hardware for a time nor a model with tokens")
    best, cautions = chosen.best_flop, _cautions(choice, wanted, way, uses, bounded=not over)
    updates_upper, upper = _at_most(chosen, cautions, wanted, way, bounding)
    if contradictions and not over:
        upper = max(upper, *(tier.upper_flop or 0 for tier in tiers))
        updates_upper = max(updates_upper, *(tier.upper_flop or 0 for tier in tiers))
    lower: int = chosen.lower_flop
    firm: int | None = None
    if contradictions:  # either side of the contradiction may be the wrong one
        lower, firm = min(tier.lower_flop for tier in tiers), min(tier.firm_flop for tier in tiers)
    updated = Figures(best, updates_upper, wanted.doubts, COUNT_IT(), lower, firm)
    alone = replace(updated, upper_flop=upper)
    situation = _situation(wanted, updated, alone)
    assessments, silent = assess_under(policies, situation)
    outlooks = tuple(_outlook(a, best, hardware, utilisation) for a in assessments)
    named = {remark.kind for remark in contradictions}
    assumptions = (
        *wanted.notes,
        *([way.basis] if wanted.tokens is not None else []),
        *derived,
        *([UTILISATION_ASSUMED()] if wanted.mfu is None and hardware is not None else []),
        *attention,
        *(caution.remark for caution in cautions if caution.remark.kind not in named),
        METHOD(method=chosen.method, basis=chosen.basis.words),
        *_other_tiers(choice),
        *([ASSUMPTION()] if uses else []),
    )
    unassessed: Verdict = "indeterminate" if wanted.doubts else "below"
    of_lines = unassessed if silent and not assessments else most_severe([a.verdict for a in assessments])
    verdict: Verdict = "indeterminate" if contradictions else of_lines
    energy = energy_kwh(uses)
    return Plan(
        way,
        choice,
        lower,
        best,
        upper,
        ceiling(bounding) if bounding else None,
        hardware,
        energy,
        outlooks,
        verdict,
        assumptions,
        contradictions,
        silent,
        firm,
        updates_upper,
    )


def _situation(wanted: Wanted, updated: Figures, alone: Figures) -> Situation:
    """What the law asks of the run, as planned: `updated` of it is what updates parameters."""
    declared, original = wanted.declared, wanted.original
    role, other, without_tag = roles_of(declared, original, NO_LINEAGE)
    only_tagged = wanted.activity_tagged or declared.activity != "pretraining"  # else a person says so, by an option
    earlier = updated.beside(wanted.earlier)
    return Situation(
        role=role,
        original=original,
        updates=earlier,
        cumulative=alone.beside(wanted.earlier).beside(wanted.generated),
        other_role=other,
        role_without_tag=without_tag if only_tagged else None,
        perhaps_own=perhaps_own(role, other, declared, original, NO_LINEAGE),
        inherits=inherits(role, declared, original, NO_LINEAGE),
        alone=(updated, alone),
        circumstances=frozenset(_circumstances(wanted, modifies="modifier" in (role, other))),
        on=wanted.on,
    )


def _circumstances(wanted: Wanted, *, modifies: bool) -> Iterator[Circumstance]:
    """What is planned of which a text may be silent."""
    if wanted.earlier.upper_flop:
        yield "several-runs"
    if wanted.generated.upper_flop:
        yield "generated-data"
    yield from circumstances_of(wanted.declared, wanted.original, modifies=modifies)


def contradicting(tiers: Sequence[Tier], limit: int | None) -> tuple[Remark, ...]:
    """What the tokens need beyond what the hardware can do in its time. The plan then shows what the tokens need,
    bounded by no hardware.
    """
    if limit is None:
        return ()
    over = [tier.best_flop for tier in tiers if tier.best_flop > limit]
    return tuple(CONTRADICTION(needed=flop, limit=limit, times=Fraction(flop, max(1, limit))) for flop in over)


def implausible(tiers: Sequence[Tier], wanted: Wanted, hardware: HardwareUse | None) -> tuple[Remark, ...]:
    """What is less than any published run made of such hardware in its time, or rests on a peak that is not its own.

    Where nobody gave the time it follows from the tokens, and only the MFU can be too low.
    """
    if hardware is None:
        return ()
    remarks: list[Remark] = []
    least = hardware_occupancy((hardware,)).lower_flop
    for tier in tiers:
        if tier.method not in ON_HARDWARE_ALONE and hardware.peak_flop and tier.best_flop < least:
            used, lowest = tier.best_flop / hardware.peak_flop, hardware.lowest_utilisation
            remarks.append(UNDER_THE_FLOOR(method=tier.method, flop=tier.best_flop, used=used, lowest=lowest))
    known, given = wanted.known_peak, hardware.peak
    if known is not None and not known <= FAR_FROM_THE_PEAK * given <= known * FAR_FROM_THE_PEAK**2:
        remarks.append(STRANGE_PEAK(given=given, known=known, name=hardware.name))
    if wanted.known_peaks is not None:
        lowest_peak, highest_peak = wanted.known_peaks
        if not lowest_peak <= given <= highest_peak * FAR_FROM_THE_PEAK:
            remarks.append(PEAK_OF_NONE(given=given, least=lowest_peak, most=highest_peak))
    return tuple(remarks)


def _tiers(wanted: Wanted, way: Way, uses: tuple[HardwareUse, ...]) -> tuple[list[Tier], tuple[Remark, ...]]:
    tiers: list[Tier] = []
    attention: tuple[Remark, ...] = ()
    if wanted.size is not None and wanted.tokens is not None:
        tier, attention = _architecture(wanted, wanted.size, wanted.tokens, way, uses)
        tiers.append(tier)
    if uses and wanted.mfu is not None:
        tiers.append(hardware_mfu(uses, wanted.mfu, basis=TIMES_PLANNED_MFU(mfu=wanted.mfu)))
    if uses:
        tiers.append(hardware_occupancy(uses))
    return tiers, attention


def _architecture(
    wanted: Wanted, size: ModelSize, tokens: int, way: Way, uses: tuple[HardwareUse, ...]
) -> tuple[Tier, tuple[Remark, ...]]:
    trainable = way.trainable if way.partial else ALL
    if trainable is not None and trainable >= size.active:
        trainable = ALL
    counted = Tokens(tokens, "plan", least=tokens, most=tokens)
    generates = wanted.activity == "synthetic-data"
    return architecture(size, trainable, counted, wanted.declared.sequence_length, uses, forward_only=generates)


def _cautions(
    choice: TierChoice, wanted: Wanted, way: Way, uses: tuple[HardwareUse, ...], *, bounded: bool
) -> tuple[Caution, ...]:
    """What speaks against the plan, as it would against the audit of the run; `bounded` by the hardware, unless what
    the tokens need contradicts it. What is under every published run is a contradiction already.
    """
    heard = choice if bounded else replace(choice, known=choice.known[:1])
    every = cautions_of(
        heard,
        wanted.declared_of(way),
        wanted.size,
        AS_LONG_AS_PLANNED,
        uses,
        NOTHING_OBSERVED,
        tagged_tokens=wanted.tokens is not None,
    )
    return tuple(caution for caution in every if caution.remark.kind is not IMPLAUSIBLE)


def _at_most(
    chosen: Tier, cautions: Sequence[Caution], wanted: Wanted, way: Way, uses: tuple[HardwareUse, ...]
) -> tuple[int, int]:
    """The upper bounds in FLOP, of what updates parameters and of everything: the highest of what speaks against the
    plan. A recipe may plan for more than the hardware does in the planned precision.
    """
    upper = chosen.upper_flop or chosen.best_flop
    planned = planned_tokens(wanted.declared, uses)
    if planned is not None and wanted.size is not None and wanted.tokens is None:
        recipe, most = _architecture(wanted, wanted.size, planned, way, uses)[0], ceiling(uses)
        if most is None or recipe.best_flop <= most:
            upper = max(upper, recipe.upper_flop or 0)
    updates = max([upper, *(caution.flop for caution in cautions if caution.updates)])
    return updates, max([updates, *(caution.flop for caution in cautions)])


def _with_duration(wanted: Wanted, way: Way, utilisation: Fraction) -> tuple[HardwareUse | None, list[Remark]]:
    """The hardware with its seconds; derived from the tokens at the utilisation when no time is given."""
    hardware = wanted.hardware
    if hardware is None or (hardware.seconds == 0 and (wanted.size is None or wanted.tokens is None)):
        return None, []
    if hardware.seconds or wanted.size is None or wanted.tokens is None:
        return hardware, []
    flop = _architecture(wanted, wanted.size, wanted.tokens, way, ())[0].best_flop
    seconds = Fraction(flop) / (hardware.units * hardware.peak * utilisation)
    return replace(hardware, seconds=seconds), [DURATION_DERIVED(utilisation=utilisation, hours=seconds / 3600)]


def _outlook(
    assessment: Assessment, best: int, hardware: HardwareUse | None, utilisation: Fraction
) -> PlannedThreshold:
    counted = assessment.counted.best_flop or 0
    left = max(0, assessment.threshold_flop - (counted - best))
    expected = earliest = None
    if hardware is not None:
        per_hour = hardware.units * hardware.peak * 3600
        earliest, expected = Fraction(left) / per_hour, Fraction(left) / (per_hour * utilisation)
    return PlannedThreshold(assessment, expected, earliest)


def _other_tiers(choice: TierChoice) -> list[Remark]:
    return [
        OTHER_TIER(method=tier.method, flop=tier.best_flop, utilisation=implied)
        for tier in choice.known
        if tier is not choice.chosen and (implied := tier.implied_utilisation) is not None
    ]


def due_in_plan(plan: Plan, now: datetime) -> tuple[DueDate, ...]:
    """The days of duties: if the run is launched as planned, it is known from now on that a line will be crossed."""
    crossed = crossed_lines([outlook.assessment for outlook in plan.outlooks])
    foreseen = {(policy, duty.duty_id): now for policy, duty in dated_duties(crossed)}
    return due_dates(crossed, foreseen, now)


def document(
    wanted: Wanted,
    plan: Plan,
    others: Sequence[Plan],
    base_model: str,
    instances: Sequence[Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """A plan as JSON: the fields of an audit, and `methods`, the ways of training side by side."""
    hardware, chosen, total = plan.hardware, plan.choice.chosen, plan.alone.beside(wanted.before)
    return {
        "job": {
            "source": "plan",
            "kind": "Plan",
            "name": "plan",
            "arn": None,
            "region": None,
            "id": None,
            "status": "Planned",
            "finished": False,
            "succeeded": False,
            "activity": wanted.activity,
            "creation_time": None,
            "start": None,
            "end": None,
            "instances": [dict(instance) for instance in instances],
        },
        "estimate": {
            "method": chosen.method if chosen else "unknown",
            "lower_flop": decimal(plan.lower_flop),
            "firm_flop": decimal(plan.choice.chosen.firm_flop if plan.choice.chosen else None),
            "best_flop": decimal(plan.best_flop),
            "upper_flop": decimal(plan.upper_flop),
            "cautious_upper_flop": decimal(plan.upper_flop),
            "updates_upper_flop": decimal(plan.updates_upper_flop),
            "signal_flop": decimal(0),
            "ceiling_flop": decimal(plan.ceiling_flop),
            "accelerator_seconds": decimal(hardware.unit_seconds) if hardware else None,
            "peak_flop_per_s": decimal(hardware.peak) if hardware else None,
            "occupancy": None,
            "energy_kwh": decimal(plan.energy_kwh),
            "assumptions": spoken(plan.assumptions, "plan"),
            "doubts": spoken(wanted.doubts, "plan"),
            "tiers": [tier_members(tier) for tier in plan.choice.known],
        },
        "cumulative": {
            "lower_flop": decimal(total.lower_flop),
            "best_flop": decimal(total.best_flop),
            "upper_flop": decimal(total.upper_flop),
            "ancestors": [],
        },
        "contradictions": spoken(plan.contradictions, "plan"),
        "original": {
            "base_model": base_model,
            "pretraining_flop": decimal(wanted.original.pretraining_flop),
            "highest_flop": decimal(wanted.original.highest_flop),
            "systemic_risk": wanted.original.systemic_risk,
            "general_purpose": wanted.original.general_purpose,
            "ours": wanted.original.ours,
            "source": wanted.original.source,
        },
        "stated": wanted.stated.to_json(),
        "assessments": [_assessment(outlook, wanted.stated, plan.outlooks) for outlook in plan.outlooks],
        "not_assessed": spoken(plan.not_assessed, "plan"),
        "verdict": plan.verdict,
        **due_part(due_in_plan(plan, now)),
        "methods": [_method(other) for other in others],
    }


def _assessment(
    outlook: PlannedThreshold, stated: Stated = NOTHING_STATED, outlooks: Sequence[PlannedThreshold] = ()
) -> dict[str, Any]:
    a = outlook.assessment
    return {
        **assessment_members(a, "JOB", stated, others=[each.assessment for each in outlooks]),
        "expected_hours_to_threshold": _significant(outlook.expected_hours),
        "earliest_hours_to_threshold": _significant(outlook.earliest_hours, "lower"),
    }


_OF_A_METHOD = frozenset(
    {
        "policy",
        "scenario",
        "threshold_flop",
        "verdict",
        "basis",
        "reading",
        "reason",
        "lower_flop",
        "best_flop",
        "upper_flop",
        "expected_hours_to_threshold",
        "earliest_hours_to_threshold",
    }
)
"""What is shown of an assessment where ways of training stand side by side."""


def _method(plan: Plan) -> dict[str, Any]:
    return {
        "method": plan.way.name,
        "trainable_parameters": decimal(plan.way.trainable),
        "lower_flop": decimal(plan.lower_flop),
        "best_flop": decimal(plan.best_flop),
        "upper_flop": decimal(plan.upper_flop),
        "hours": None if plan.hardware is None else decimal(plan.hardware.seconds / 3600),
        "energy_kwh": decimal(plan.energy_kwh),
        "assessments": [
            {name: value for name, value in _assessment(outlook).items() if name in _OF_A_METHOD}
            for outlook in plan.outlooks
        ],
        "verdict": plan.verdict,
    }


def _significant(value: Fraction | None, bound: Bound = "best") -> float | None:
    """A duration for reading, not for deciding: four significant digits; the earliest is never said to be later."""
    return None if value is None else float(shortened(value, 4, bound))


def ways(
    size: ModelSize | None,
    rank: int,
    targets: Targets,
    fraction: Fraction,
    trainable: int | None,
    *,
    unknown_adapters: bool = False,
) -> list[Way]:
    """Full, LoRA and Spectrum for a model. `trainable` overrides the adapters' derived parameters; of
    `unknown_adapters` nobody says which they are, and at most all parameters are trained.

    Spectrum (Hartford et al. 2024, arXiv:2406.06623) trains a share of the weight matrices, the rest is frozen.
    """
    possible = [Way("full", None, FULL())]
    if size is None:
        return possible
    layers, width = shape_of(size.active)
    unknown = unknown_adapters and trainable is None
    adapters = lora_parameters(rank, layers, width, targets) if trainable is None else trainable
    origin = (
        f"rank {rank} on {targets}, {layers} layers of width {width} taken from the parameter count"
        if trainable is None
        else "as given"
    )
    lora = Way("lora", adapters, LORA(trainable=adapters, origin=origin))
    possible.append(Way("lora", None, UNKNOWN_ADAPTERS()) if unknown else lora)
    share = at_least(size.active * fraction)
    possible.append(Way("spectrum", share, SPECTRUM(share=fraction, trainable=nearest(share))))
    return possible
