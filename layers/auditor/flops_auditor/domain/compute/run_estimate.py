"""From a run and its evidence to the estimate that is signed: which tiers are known, which counts, and why.

Annex A.2 of the Guidelines, C(2025) 5045: any method within 30 %, assumptions documented. They are documented here, one
by one. Annex A.3 takes U = 0.5 where utilisation is not known. The words cite neither: they stand under every law.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from flops_auditor.domain.compute.architecture import ALL, architecture, generation
from flops_auditor.domain.compute.cautions import DERIVED, Caution, cautions_of
from flops_auditor.domain.compute.energy import ASSUMPTION, energy_kwh
from flops_auditor.domain.compute.hardware_use import Hardware, MeasuredHosts, hardware_of
from flops_auditor.domain.compute.run_tokens import AT_MOST_TRAINED, measured_tokens, other_readings, tokens_of
from flops_auditor.domain.compute.run_utilisation import believed, emitted_utilisations, mean_occupancy, mean_peak
from flops_auditor.domain.compute.tiers import (
    ERROR_MARGIN,
    ON_HARDWARE_ALONE,
    HardwareUse,
    Method,
    Tier,
    TierChoice,
    ceiling,
    choose,
    counted,
    hardware_occupancy,
)
from flops_auditor.domain.compute.trainers_count import as_measured, of_input_elements, reported_by_trainer
from flops_auditor.domain.runs.data_tokens import BOUND_BY_DATA
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.metric_signs import trains_no_language_model
from flops_auditor.domain.runs.model_size import ModelSize, is_partial
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.remedies import AMEND, ASK, BETTER, CORRECT_ACTIVITY, advised_anew
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.techniques import REINFORCEMENT_TECHNIQUES
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values.amounts import at_least, summed
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

METHOD = Kind("method", "method {method}: {basis}")
UTILISATION_ASSUMED = Kind(
    "utilisation-assumed",
    "utilisation is not known: the best estimate takes at most U = 0.5",
)
LOWEST_OF_PUBLISHED = Kind(
    "lowest-of-published-runs",
    "the lower bound is the least that any published run reached on such hardware, {share:percent} of what it was "
    "busy for",
)
ERROR_MARGIN_ADDED = Kind(
    "error-margin",
    "the bounds are an error margin of 30 % to either side, at most the hardware's ceiling",
)
ERROR_MARGIN_ALONE = Kind("error-margin-alone", "the bounds are an error margin of 30 % to either side")
FIRM_AT_MOST = Kind(
    "firm-at-most",
    "{method} alone is not certain, since other evidence, or generation, allows for less: no verdict of above rests on "
    "more than {flop:flop} FLOP",
)
FIRM_OF_HARDWARE = Kind(
    "firm-of-hardware",
    "what is certain of {method} is less than such hardware does at least, busy as it was: the lower bound is "
    "{flop:flop} FLOP",
)
EVALUATES = Kind(
    "evaluates-alone",
    "{name} says that it evaluates, or generates, and nothing says that it trains: no verdict of above rests on the "
    "hardware alone",
)
MODEL_TOO_SMALL = Kind(
    "hardware-beyond-the-model",
    "hardware and model contradict: busy as it was, such hardware does at least {flop:flop} FLOP; by the most tokens "
    "that any published model got, {parameters:flop} parameters take no more than {most:flop}",
)
MOST_TOKENS = 40 * 10**12
MOST_TOKENS_OF_A_PARAMETER = 60_500
"""The most that a model of the table of base models was trained on, at all and for each of its active parameters (held
against the table by tests/accuracy)."""
OTHER_TIER = Kind("other-tier", "{method} would give {flop:flop} FLOP, a utilisation of {utilisation:.3g}")
CAUTIOUS_BOUND = Kind("cautious-bound", "no verdict of below rests on less than {flop:flop} FLOP")
CAUTIOUS_BOUNDS = Kind(
    "cautious-bounds",
    "no verdict of below rests on less than {updates:flop} FLOP where what updated parameters counts alone, and on "
    "less than {flop:flop} FLOP where all that contributed counts",
)
ON_THE_FASTEST = Kind(
    "on-the-fastest-hosts",
    "nothing proves on which instance types it ran: on the fastest that have as many accelerators it may have taken "
    "{flop:flop} FLOP",
    AMEND,
)
NO_SIZE = Kind(
    "tokens-without-parameters",
    "tokens without parameters: {tokens:flop} tokens ({source}) say nothing without a model size",
)
SIZE_AND_TOKENS = Kind("parameters-and-tokens", "parameters: {size}; tokens: {tokens}")
SAMPLES = Kind(
    "samples-without-tokens",
    "metric {name:said80} counts samples, which say nothing without tokens per sample; it is not used",
)
NOT_TRAINING = Kind(
    "declared-not-training",
    "the job is declared not to be training (evaluation or processing), so its compute does not count",
)
TOLD_NOT_TO_TRAIN = Kind(
    "told-not-to-train",
    "{name} says that it does not train, so what else it is given that only training needs does not speak against that",
)
NOTHING_BOUNDS = Kind(
    "nothing-bounds-it",
    "the service keeps its hardware to itself and only a tag says {what}: nothing bounds the compute from above",
    AMEND,
)
WERE_IT_TRAINING = Kind(
    "were-it-training", "were it training, {best:flop} FLOP, at most {upper:flop}, would count ({method})"
)
TRAINS_ALL_THE_SAME = Kind(
    "not-training-contradicted",
    "contradictory evidence: the job is declared not to be training, but has {names:list}, which training has",
    CORRECT_ACTIVITY,
)
COUNT_THE_RUN = "count-the-run"
"""The one piece of advice on a running job's figure that names an amendment itself."""
AMEND_THE_FIGURE = "amend-the-figure"
NARROW_COUNT = Kind(
    "narrow-by-count",
    "the bounds are those of a declared or emitted number of tokens",
    Remedy(
        COUNT_THE_RUN,
        f"have the next run count its own model FLOP; for this one, give better evidence: {BETTER}",
    ),
)
RATE_OF_A_PART = Kind(
    "token-rate-of-a-part",
    "tokens/s of {name:said80} may be those of rollouts, or of update steps alone: of it no verdict of above rests on "
    "more than the hardware did at least",
)
NARROW_TOKENS = Kind(
    "narrow-by-tokens",
    "the bounds are those of the hardware and an emitted MFU",
    Remedy("tag-tokens", f"tag the job with flops-auditor:tokens; once it has ended: {ASK}"),
)
NARROW_TOKENS_AND_SIZE = Kind(
    "narrow-by-tokens-and-parameters",
    "the bounds are those of the hardware and an emitted MFU",
    Remedy(
        "tag-parameters-and-tokens",
        f"tag the job with flops-auditor:params and flops-auditor:tokens; once it has ended: {ASK}",
    ),
)
NARROW_MFU = Kind(
    "narrow-by-mfu",
    "the bounds are those of the hardware",
    Remedy(
        "emit-mfu-or-tag-tokens",
        f"emit the metric mfu, or tag the job with flops-auditor:tokens; once it has ended: {ASK}",
    ),
)
NARROW_MFU_AND_SIZE = Kind(
    "narrow-by-mfu-or-parameters",
    "the bounds are those of the hardware",
    Remedy(
        "emit-mfu-or-tag-parameters",
        "emit the metric mfu, or tag the job with flops-auditor:params and flops-auditor:tokens; "
        f"once it has ended: {ASK}",
    ),
)
NARROW_ENDED = Kind(
    "narrow-by-amendment",
    "the bounds are those of a run that has ended: it emits nothing more, and its tags were read",
    Remedy(AMEND_THE_FIGURE, AMEND.template),
)
NARROWS = (NARROW_COUNT, NARROW_TOKENS, NARROW_TOKENS_AND_SIZE, NARROW_MFU, NARROW_MFU_AND_SIZE, NARROW_ENDED)
NARROWING = frozenset(kind.remedy.name for kind in NARROWS if kind.remedy is not None)
"""What narrows a figure: better evidence of the run itself."""


@dataclass(frozen=True)
class Estimate:
    """The training compute of one run.

    FLOP are whole numbers; None where nothing bounds them. `firm_flop` is what "above" may rest on,
    `cautious_upper_flop` what "below" does: the upper bound if the evidence that speaks against the chosen tier
    were right; `updates_upper_flop` is the same for what updated parameters alone (Annex A.1), without passes that
    only made training data or a training signal; `signal_flop` is how much of these was counted, beside `best_flop`.
    `peak_flop_per_s` is the mean peak of one unit, weighted by unit-
    seconds, so that `accelerator_seconds` x peak is N L H. `doubts` forbid the verdict "below"; `settle` says what
    would narrow the figure. `otherwise` is, of a run that is declared not to be training, what it would be if it
    were.
    """

    method: Method
    lower_flop: int | None
    best_flop: int | None
    upper_flop: int | None
    firm_flop: int | None
    ceiling_flop: int | None
    accelerator_seconds: Fraction | None
    peak_flop_per_s: Fraction | None
    occupancy: Fraction | None
    energy_kwh: Fraction | None
    assumptions: tuple[Remark, ...]
    doubts: tuple[Remark, ...]
    tiers: tuple[Tier, ...]
    settle: Remark | None
    cautious_upper_flop: int | None = None
    updates_upper_flop: int | None = None
    signal_flop: int = 0
    otherwise: "Estimate | None" = None


def estimate_job(
    run: Run,
    declared: Declared,
    observed: Observations,
    hosts: MeasuredHosts,
    model: ModelSize | None,
    unread: Sequence[Remark] = (),
) -> Estimate:
    """Estimate one run. Never raises: what is missing or contradictory is said in assumptions and doubts."""
    hardware = hardware_of(run, declared, hosts)
    bounded = hardware.complete or hardware.idle
    unheard = () if bounded or declared.unheard is None else (declared.unheard,)
    of_data = () if declared.tokens_signed_for else run.data_doubts
    of_run = (*unheard, *of_data, *run.time.doubts)
    doubts = (*declared.figure_doubts, *of_run, *hardware.doubts, *observed.doubts, *unread)
    others = replace(hardware, uses=hardware.fastest) if hardware.fastest else None
    fastest = _estimated(run, declared, observed, others, model, doubts) if others else None
    estimate = _estimated(run, declared, observed, hardware, model, doubts, fastest)
    signs = (*observed.training_signs, *declared.signs_of_training)
    if declared.tokens_signed_for and model is not None:
        estimate = _advised_anew(estimate)
    return _not_training(estimate, signs, declared, run.time) if declared.activity == "not-training" else estimate


def _advised_anew(estimate: Estimate) -> Estimate:
    """The estimate of a run whose figures a person gave, which no remark asks for any more."""
    return replace(
        estimate,
        assumptions=tuple(map(advised_anew, estimate.assumptions)),
        doubts=tuple(map(advised_anew, estimate.doubts)),
        settle=None if estimate.settle is None else advised_anew(estimate.settle),
    )


def _estimated(
    run: Run,
    declared: Declared,
    observed: Observations,
    hardware: Hardware,
    model: ModelSize | None,
    doubts: tuple[Remark, ...],
    fastest: Estimate | None = None,
) -> Estimate:
    """`fastest` is the estimate on the fastest hosts that its own may have been."""
    time = run.time
    uses = hardware.uses if hardware.complete and time.seconds is not None else ()
    known, notes = _known_tiers(run, declared, observed, uses, model)
    if not run.hardware_disclosed:
        known = _unbounded(known, run, declared, observed, model, notes)
    limit = ceiling(uses) if uses else None
    if hardware.idle:
        known, limit = [*known, hardware_occupancy(())], 0
    choice = choose(known, limit)
    chosen = choice.chosen
    if chosen is not None and chosen.method == "counted" and not any(t.method in ON_HARDWARE_ALONE for t in known):
        doubts = (*doubts, *(each.remark for each in observed.suspicions if each.times is None))
    tagged_tokens = _by_a_tag_alone(run, declared, observed)
    of_evidence = cautions_of(choice, declared, model, time, uses, observed, tagged_tokens=tagged_tokens)
    cautions = (*of_evidence, *_of_the_fastest(chosen, fastest))
    of_language = _of_language(run, declared, observed, model)
    firm, contested = _firm(choice, declared, uses, model, of_language=of_language)
    lower = chosen.lower_flop if chosen else None
    if chosen is not None and firm is not None and firm > chosen.firm_flop:
        lower = firm
    cautious = updates = None
    if chosen is not None and chosen.upper_flop is not None:
        updates = max([chosen.upper_flop, *(caution.flop for caution in cautions if caution.updates)])
        signal = at_least(chosen.signal_flop * ERROR_MARGIN)
        every = chosen.upper_flop + signal if limit is None else min(chosen.upper_flop + signal, limit)
        cautious = max([updates, every, *(caution.flop for caution in cautions)])
    assumptions = (
        *_said_of(choice, uses, notes),
        *choice.contradictions,
        *contested,
        *([EVALUATES(name=declared.evaluates_alone)] if _evaluates(declared, observed) and not firm else []),
        *(caution.remark for caution in cautions),
        *_said_of_caution(chosen, updates, cautious),
        *declared.notes,
        time.basis,
        *time.notes,
        *hardware.notes,
        *notes,
        *observed.notes,
        *([ASSUMPTION()] if uses else []),
    )
    return Estimate(
        method=chosen.method if chosen else "unknown",
        lower_flop=lower,
        best_flop=chosen.best_flop if chosen else None,
        upper_flop=chosen.upper_flop if chosen else None,
        firm_flop=firm,
        ceiling_flop=limit,
        accelerator_seconds=summed(use.unit_seconds for use in uses) if uses else None,
        peak_flop_per_s=mean_peak(uses),
        occupancy=mean_occupancy(uses) if observed.busy and believed(uses) else None,
        energy_kwh=energy_kwh(uses),
        assumptions=assumptions,
        doubts=doubts,
        tiers=choice.known,
        settle=_settle(run, chosen, model, cautions),
        cautious_upper_flop=cautious,
        updates_upper_flop=updates,
        signal_flop=chosen.signal_flop if chosen else 0,
    )


def _of_the_fastest(chosen: Tier | None, fastest: Estimate | None) -> list[Caution]:
    """What the bounds of below would be on the fastest hosts that its own may have been, where that is more."""
    if chosen is None or fastest is None:
        return []
    told = dict.fromkeys((fastest.updates_upper_flop, fastest.cautious_upper_flop))
    return [
        Caution(flop, ON_THE_FASTEST(flop=flop), updates=flop == fastest.updates_upper_flop)
        for flop in told
        if flop is not None and flop > (chosen.upper_flop or 0)
    ]


def _said_of_caution(chosen: Tier | None, updates: int | None, cautious: int | None) -> list[Remark]:
    if chosen is None or cautious is None or updates is None or cautious == chosen.upper_flop:
        return []
    return [CAUTIOUS_BOUND(flop=cautious) if updates == cautious else CAUTIOUS_BOUNDS(updates=updates, flop=cautious)]


def _not_training(otherwise: Estimate, signs: tuple[str, ...], declared: Declared, time: TrainingTime) -> Estimate:
    """0 FLOP by Annex A.1, with what it would be, since the declaration cannot be checked, or why it did not train."""
    assumptions = [NOT_TRAINING()]
    if time.seconds == 0:
        assumptions.append(time.basis)
    elif otherwise.best_flop is not None:
        were = WERE_IT_TRAINING(best=otherwise.best_flop, upper=otherwise.cautious_upper_flop, method=otherwise.method)
        assumptions.append(were)
    if declared.told_not_to_train and declared.training_signs:
        assumptions.append(TOLD_NOT_TO_TRAIN(name=declared.told_not_to_train))
    doubts = otherwise.doubts
    if signs:
        doubts = (*doubts, TRAINS_ALL_THE_SAME(names=signs))
    return replace(
        otherwise,
        method="not training",
        lower_flop=0,
        best_flop=0,
        upper_flop=0,
        firm_flop=0,
        ceiling_flop=None,
        accelerator_seconds=None,
        peak_flop_per_s=None,
        occupancy=None,
        assumptions=tuple(assumptions),
        doubts=doubts,
        tiers=(),
        settle=None,
        cautious_upper_flop=0,
        updates_upper_flop=0,
        signal_flop=0,
        otherwise=otherwise,
    )


def _known_tiers(
    run: Run, declared: Declared, observed: Observations, uses: tuple[HardwareUse, ...], model: ModelSize | None
) -> tuple[list[Tier], list[Remark]]:
    notes: list[Remark] = []
    known: list[Tier] = []
    if "model_flop" in observed.emitted:
        known.append(counted(as_measured(observed.emitted["model_flop"], notes), uses, observed.signal_flop))
    known += _architecture(run, declared, observed, uses, model, notes)
    of_trainer = reported_by_trainer(declared, observed, uses, model, notes)
    generates = declared.technique in REINFORCEMENT_TECHNIQUES
    of_use = emitted_utilisations(observed, uses, notes, generates=generates) if uses else []
    configured = model is not None and model.shape is not None  # else nothing says what a trainer's count leaves out
    known += [*of_trainer, *of_use] if configured else [*of_use, *of_trainer]
    return known + ([hardware_occupancy(uses)] if uses else []), notes


def _unbounded(
    known: list[Tier],
    run: Run,
    declared: Declared,
    observed: Observations,
    model: ModelSize | None,
    notes: list[Remark],
) -> list[Tier]:
    """The tiers of a run on hardware that is not known: what a tag alone says has no upper bound."""
    alone = [
        *(["how large the model is"] if model is not None and model.tagged else []),
        *(
            ["how many tokens there were"]
            if declared.tokens is not None and _by_a_tag_alone(run, declared, observed)
            else []
        ),
    ]
    if not alone or not any(tier.counts_tokens for tier in known):
        return known
    notes.append(NOTHING_BOUNDS(what=" and ".join(alone)))
    return [replace(tier, upper_flop=None) if tier.counts_tokens else tier for tier in known]


def _by_a_tag_alone(run: Run, declared: Declared, observed: Observations) -> bool:
    """Whether nothing but a tag may say how many tokens there were."""
    return declared.tagged("tokens") and run.data_tokens is None and measured_tokens(run, observed) is None


def _architecture(
    run: Run,
    declared: Declared,
    observed: Observations,
    uses: tuple[HardwareUse, ...],
    model: ModelSize | None,
    notes: list[Remark],
) -> list[Tier]:
    tiers = []
    tokens = tokens_of(run, declared, observed, uses, notes)
    if tokens and model is None:
        notes.append(NO_SIZE(tokens=tokens.count, source=tokens.source))
    if tokens and model is not None:
        notes.append(SIZE_AND_TOKENS(size=model.source, tokens=tokens.source))
        trainable: int | None = ALL
        if is_partial(declared, model):
            trained = declared.trainable_parameters
            trainable = None if trained is None else min(trained, model.active)
        length, generates = declared.sequence_length, declared.activity == "synthetic-data"
        readings = [tokens, *other_readings(tokens, run, declared, observed, uses)]
        made = [architecture(model, trainable, each, length, uses, forward_only=generates) for each in readings]
        rollouts = declared.technique in REINFORCEMENT_TECHNIQUES
        for each, (tier, _) in zip(readings, made, strict=True):
            of_a_part = _of_a_part(tier, each.rate, uses, notes) if rollouts and each.rate else tier
            tiers.append(of_input_elements(of_a_part, observed, uses, model, notes) if each.emitted else of_a_part)
        notes += made[0][1]  # the attention, which is the same share of each
        if run.billed_tokens and not run.billed_all_trained:
            notes.append(AT_MOST_TRAINED(name=run.billed_as))
        tiers = _with_generation(tiers, run, model, length, notes)
    if "sample_rate" in observed.emitted and not tokens:
        notes.append(SAMPLES(name=observed.emitted["sample_rate"].name))
    return tiers


def _with_generation(
    tiers: list[Tier], run: Run, model: ModelSize, length: int | None, notes: list[Remark]
) -> list[Tier]:
    """The tiers with what the service counted beside the updates, however many of these there were."""
    if not run.generated_tokens:
        return tiers
    flop, beside = generation(model, run.generated_tokens, length)
    notes.append(beside)
    return [replace(tier, signal_flop=flop) for tier in tiers]


def _of_a_part(tier: Tier, rate: str, uses: tuple[HardwareUse, ...], notes: list[Remark]) -> Tier:
    """Tokens/s of a run with rollouts, which may hold while it generates, or while it trains, alone."""
    notes.append(RATE_OF_A_PART(name=rate))
    return replace(tier, firm_flop=min(tier.firm_flop, hardware_occupancy(uses).lower_flop))


def _of_language(run: Run, heard: Declared, observed: Observations, model: ModelSize | None) -> bool:
    """Whether anything says that the run trains a language model: it names one, counts tokens or emits what trainers
    of such models emit. AWS's own built-in algorithms train none, nor does what only evaluates, as far as it is `heard`
    to: what it names is said, whatever is left out.
    """
    if run.built_in or _evaluates(heard, observed):
        return False
    declared = run.declared
    signs = [name for name in observed.training_signs if not trains_no_language_model(name)]
    spoken = model is not None or declared.names or declared.tokens or declared.parameters or declared.sequence_length
    return bool(spoken or observed.emitted or signs or run.billed_tokens)


def _evaluates(declared: Declared, observed: Observations) -> bool:
    return bool(declared.evaluates_alone) and not observed.training_signs


def _firm(
    choice: TierChoice,
    declared: Declared,
    uses: Sequence[HardwareUse],
    model: ModelSize | None,
    *,
    of_language: bool,
) -> tuple[int | None, tuple[Remark, ...]]:
    """What "above" may rest on: no more than any other measured evidence allows, and where the hardware was not busy
    for so much, what it did at least. No less than that either, as far as what was measured is likely to be as much;
    while a count was watched, what it grew is what was done.

    Of reinforcement learning it may have done nothing but generate, and what published runs reached says nothing of
    what trains no language model, nor of one that is so small that it would have been trained on more than any model
    was. What a person signs for stands.
    """
    chosen = choice.chosen
    if chosen is None or declared.tokens_signed_for:
        return (chosen.firm_flop if chosen else None), ()
    firm, generates = chosen.firm_flop, declared.technique in REINFORCEMENT_TECHNIQUES
    contested: list[Remark] = []
    busy = at_least(summed(use.most_flop * use.surely_busy for use in uses))
    likely = chosen.best_flop
    of_hardware = min((tier.lower_flop for tier in choice.known if tier.method in ON_HARDWARE_ALONE), default=0)
    grown = [at for tier in choice.known if (at := tier.certain_beside(of_hardware)) is not None]
    for tier in choice.known[choice.known.index(chosen) :]:
        if tier.method not in ON_HARDWARE_ALONE:
            likely = min(likely, tier.best_flop)
            firm = firm if tier is chosen or tier.upper_flop is None else min(firm, tier.upper_flop)
            continue
        least = 0 if generates or not of_language else min([tier.lower_flop, *grown])
        if tier is chosen or firm > busy:
            firm = min(firm, least)
            if model is not None and firm > _most_of(model):
                contested.append(MODEL_TOO_SMALL(flop=firm, parameters=model.active, most=_most_of(model)))
                firm = _most_of(model)
        else:
            firm = max(firm, min(least, likely, least if model is None else _most_of(model)))
    if firm == chosen.firm_flop:
        return firm, ()
    kind = FIRM_OF_HARDWARE if firm > chosen.firm_flop else FIRM_AT_MOST
    return firm, (*contested, kind(method=chosen.method, flop=firm))


def _most_of(model: ModelSize) -> int:
    """FLOP of as much training as any published model of so many parameters got."""
    return 6 * model.active * min(MOST_TOKENS, MOST_TOKENS_OF_A_PARAMETER * model.active)


def _said_of(choice: TierChoice, uses: Sequence[HardwareUse], notes: Sequence[Remark]) -> list[Remark]:
    """How the figures were come by. Bounds by the size of the data are told by their own note."""
    chosen = choice.chosen
    assumptions: list[Remark] = []
    if chosen is not None:
        assumptions.append(METHOD(method=chosen.method, basis=chosen.basis.words))
    if chosen is not None and chosen.method in ON_HARDWARE_ALONE:
        assumptions.append(UTILISATION_ASSUMED())
        busy = summed(use.peak_flop * use.busy * use.given for use in uses)
        least = chosen.lower_flop
        assumptions += [LOWEST_OF_PUBLISHED(share=least / busy)] if busy and least else []
    elif chosen is not None and not any(note.kind is BOUND_BY_DATA for note in notes):
        assumptions.append(ERROR_MARGIN_ADDED() if uses else ERROR_MARGIN_ALONE())
    for tier in choice.known:
        if tier.implied_utilisation is not None and tier is not chosen:
            other = OTHER_TIER(method=tier.method, flop=tier.best_flop, utilisation=tier.implied_utilisation)
            assumptions.append(other)
    return assumptions


def _settle(run: Run, chosen: Tier | None, model: ModelSize | None, cautions: Sequence[Caution]) -> Remark:
    """What would narrow the figure: clear up what raises the bound most, or bring better evidence while that can be."""
    upper = None if chosen is None else chosen.upper_flop
    if cautions and upper is not None:
        by_flop = sorted(cautions, key=lambda caution: caution.flop, reverse=True)
        of_itself = [each for each in by_flop if each.remark.kind not in DERIVED]
        most = next(iter(of_itself if by_flop[0].remark.kind in DERIVED and of_itself else by_flop))
        if most.flop > upper and most.remark.kind.remedy is not None:
            return most.remark
    if run.finished:
        return NARROW_ENDED()
    if chosen is not None and chosen.method in {"counted", "architecture"}:
        return NARROW_COUNT()
    if chosen is not None and chosen.method == "hardware + MFU":
        return NARROW_TOKENS() if model else NARROW_TOKENS_AND_SIZE()
    return NARROW_MFU() if model else NARROW_MFU_AND_SIZE()
