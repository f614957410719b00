"""What speaks against an estimate: each contradiction with the upper bound that it would give if it were right.

A verdict "below" releases people from duties (docs/adr/0002), so it rests on the highest of these bounds; the estimate
itself stays what its tier says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from flops_auditor.domain.compute.attention import LONGEST_CONTEXT, known_attention, most_attention_flop, shape_of
from flops_auditor.domain.compute.run_tokens import planned_tokens, tokens_of_samples
from flops_auditor.domain.compute.tiers import (
    ERROR_MARGIN,
    ON_HARDWARE_ALONE,
    TIMES_MFU,
    HardwareUse,
    Tier,
    TierChoice,
    ceiling,
)
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.emitted import AGREEMENT
from flops_auditor.domain.runs.model_size import ModelSize, is_partial, overcounted
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.remedies import ASK, BETTER, SAY_THE_LENGTH
from flops_auditor.domain.runs.techniques import (
    PAIRED_TECHNIQUES,
    REFERENCE_PASSES,
    REINFORCEMENT_TECHNIQUES,
    REWARD_MODELS,
)
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values.amounts import at_least, summed
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

FORWARD_PASS = 2
"""Times N, per token (Annex A.2); of a full training step 6, with the gradients of activations alone 4."""
SPARSITY = Fraction(2)
"""Peaks with structured sparsity of two in four are twice the dense ones (NVIDIA H100 datasheet: 1,979 against 989.4
TFLOP/s in BF16)."""
UPDATES_OF_PPO = Fraction(4)
"""How often Hugging Face's PPO trains on each batch of rollouts, unless it is told (`num_ppo_epochs`)."""

_CLEAR_UP = Remedy("clear-up", "clear up what contradicts itself, and give the figures that hold: " + BETTER)
_SAY_THE_LENGTH = Remedy(
    "say-the-length",
    f"state the sequence length of the next run as a hyperparameter (max_seq_length); for this one: {SAY_THE_LENGTH}",
)
SHAPE_OPTIONS = "--layers NUMBER --width NUMBER"
"""With which a person says of what shape a model is."""
_SAY_THE_SHAPE = Remedy(
    "say-the-shape",
    "say how many layers the model has and how wide their queries are, which is mostly its hidden size: "
    "`flops-auditor amend {job} --who NAME --why REASON {options}`",
)
_SAY_THE_TOKENS = Remedy("say-the-tokens", f"say how many tokens it trained on: {BETTER}")
_SAY_THE_PRECISION = Remedy(
    "say-the-precision",
    f"say in which precision the run multiplies: tag flops-auditor:precision, then: {ASK}",
)
IMPLAUSIBLE = Kind(
    "implausible-utilisation",
    "{method} gives {flop:flop} FLOP, {used:percent} of the {busy:flop} FLOP that the hardware was busy for; the "
    "lowest of all published runs on such hardware is {lowest:percent}",
    _CLEAR_UP,
)
TIERS_CONTRADICT = Kind(
    "tiers-contradict",
    "contradictory evidence: {method} gives {flop:flop} FLOP ({basis}), more than the upper bound {upper:flop} of "
    "{chosen}",
    _CLEAR_UP,
)
TOKENS_OF_ONE_EPOCH = Kind(
    "tokens-of-one-epoch",
    "the declared tokens are taken as those of all {epochs:g} epochs together; were they those of one epoch, the "
    "compute would be {epochs:g} times as much",
    _CLEAR_UP,
)
ACTIVE_PARAMETERS_CONTRADICT = Kind(
    "active-parameters-contradict",
    "contradictory evidence: {active:flop} active parameters ({source}) against {most:flop} of the base-model table",
    _CLEAR_UP,
)
REFERENCE_MODEL = Kind(
    "reference-model",
    "{technique} also passes every batch forward through a frozen reference model, which updates nothing and counts "
    "on the cumulative basis alone; with it {share:percent} more",
)
ROLLOUTS = Kind(
    "rollouts",
    "{technique} generates the tokens it trains on: generation updates nothing and counts on the cumulative basis "
    "alone, and tokens do not tell how much there was",
)
ROLLOUTS_EMITTED = Kind(
    "rollouts-emitted",
    "it emits {names:list}, as runs do that generate the tokens they train on: it is taken for reinforcement learning",
)
ROLLOUTS_CONTRADICT = Kind(
    "rollouts-contradict",
    "contradictory evidence: it is called {technique}, which generates nothing, and emits {names:list}, as runs do "
    "that generate the tokens they train on: only the hardware bounds how much, and it counts on the cumulative "
    "basis alone",
    _CLEAR_UP,
)
ROLLOUTS_ELSEWHERE = Kind(
    "rollouts-elsewhere",
    "{technique} generates the tokens it trains on, and the meter saw no generation: where it ran in another process, "
    "only the hardware bounds it; it counts on the cumulative basis alone",
)
SEVERAL_UPDATES = Kind(
    "several-updates-of-one-rollout",
    "each batch of rollouts is trained on {updates:g} times; were the tokens those of one pass, the compute would be "
    "{updates:g} times as much",
    _CLEAR_UP,
)
ONE_ANSWER_OF_TWO = Kind(
    "tokens-of-one-answer",
    "{technique} trains on two answers of each sample; were the tokens those of one, the compute would be twice as "
    "much",
    _CLEAR_UP,
)
LESS_THAN_PLANNED = Kind(
    "tokens-under-the-plan",
    "{said:flop} tokens are known; by its hyperparameters (steps x sequences of a step x their length) the run "
    "may train on {planned:flop}",
    _CLEAR_UP,
)
LESS_THAN_SAMPLES = Kind(
    "tokens-under-the-samples",
    "{said:flop} tokens are known; the samples that it emits, each padded to its full length, would be {sampled:flop}",
    _CLEAR_UP,
)
TOGETHER = Kind(
    "cautions-together",
    "were several of these so at once, the compute would be {times:.3g} times as much",
    _CLEAR_UP,
)
BESIDE_THE_SPANS = Kind(
    "hardware-in-use-beside-training",
    "beside its training time the run had its hardware for {unexplained:g} s that nothing explains, and was at work "
    "for {busy:g} s of the rest, by its accelerators or by what its trainer emits: that time counts at the hardware "
    "bound",
    _CLEAR_UP,
)
LENGTH_UNKNOWN = Kind(
    "sequence-length-unknown",
    "the length of the sequences is not known: attention over the longest context that the model is made for, "
    "{context} tokens, would add {share:percent}",
    _SAY_THE_LENGTH,
)
CONTEXT_EXTENDED = Kind(
    "context-extended",
    "the length of the sequences is not known, and hyperparameters extend the context beyond the {own} tokens that the "
    "model is made for: attention over {context} tokens would add {share:percent}",
    _SAY_THE_LENGTH,
)
SHAPE_UNKNOWN = Kind(
    "shape-unknown",
    "the model's layers and width are not known: attention over {context} tokens of context may add {share:percent}",
    _SAY_THE_SHAPE,
)
PEAK_OF_THE_MFU = Kind(
    "peak-of-the-mfu-unknown",
    "nothing says in which precision the run multiplies: an MFU against the peak of a faster one stands for "
    "{times:g} times as much",
    _SAY_THE_PRECISION,
)
PEAK_WITH_SPARSITY = Kind(
    "peak-with-sparsity",
    "datasheets also print peaks with structured sparsity: an MFU against one stands for {times:g} times as much",
)
TRAINER_LEAVES_OUT = Kind(
    "trainer-leaves-out",
    "{name:said80} leaves out embeddings, and attention over the context: with them it may be {times:.3g} times as "
    "much",
    _SAY_THE_TOKENS,
)
TRAINER_LEAVES_OUT_UNKNOWN = Kind(
    "trainer-leaves-out-unknown",
    "{name:said80} leaves out embeddings, and attention over the context: of which model it counts is not known, so "
    "nothing but the hardware says how much that is",
    Remedy(
        "name-the-model",
        "name the model of the next run, and the length of its sequences, as hyperparameters (model_name_or_path, "
        f"max_seq_length); for this one: {BETTER}",
    ),
)
GENERATED_ALIKE = Kind(
    "generated-alike",
    "were it so of the {flop:flop} FLOP of generation as well, all would be {times:.3g} times as much",
)
DERIVED = (TOGETHER, GENERATED_ALIKE)
"""What follows from other cautions, and is settled with them."""
MOST_VOCABULARY = 262_400
"""Rows of the largest embedding in the table of base models (held against it by tests/accuracy)."""


@dataclass(frozen=True)
class Caution:
    """Evidence that speaks against the chosen tier: were it right, the compute could be up to `flop` (whole FLOP).

    `updates`: it bears on what updated parameters, too, and not on what contributed otherwise alone (Annex A.1).
    """

    flop: int
    remark: Remark
    updates: bool = True


def with_rollouts(declared: Declared, observed: Observations) -> Declared:
    """What is declared, with reinforcement learning as its technique where it names none and its metrics tell so."""
    if declared.technique or not observed.rollout_signs:
        return declared
    notes = (*declared.notes, ROLLOUTS_EMITTED(names=observed.rollout_signs))
    return replace(declared, technique="rl", notes=notes)


def cautions_of(
    choice: TierChoice,
    declared: Declared,
    model: ModelSize | None,
    time: TrainingTime,
    uses: Sequence[HardwareUse],
    observed: Observations,
    *,
    tagged_tokens: bool,
) -> tuple[Caution, ...]:
    """All cautions about the chosen tier; none without one. `tagged_tokens`: a tag alone says how many tokens."""
    chosen = choice.chosen
    if chosen is None:
        return ()
    result = _from_tiers(choice, uses, overcounted(declared, model), _least_share(chosen, declared, model))
    limit = next((tier.upper_flop for tier in choice.known if tier.method in ON_HARDWARE_ALONE), None)
    if chosen.method == "architecture":
        if chosen.counts_tokens:
            of_tokens = _of_tokens(chosen, declared, model, observed, uses, tagged_tokens=tagged_tokens)
            factors, of_models = of_tokens, _of_models(declared, model)
        else:
            left_out = _of_reported(chosen, declared, model)
            if left_out is None and limit is not None:
                result.append(Caution(limit, TRAINER_LEAVES_OUT_UNKNOWN(name=str(chosen.basis.fact("name")))))
            factors, of_models = _of_reference(declared, model), [left_out] if left_out else []
        result += _multiplied(chosen, limit, factors, of_models)
        result += _of_generation(chosen, [*factors, *_largest(of_models)])
        result += _generated(choice, chosen, declared, observed, ROLLOUTS)
    if chosen.method == "counted":
        result += _of_count(choice, chosen, declared, observed, limit)
        if not observed.generation_flop:
            result += _generated(choice, chosen, declared, observed, ROLLOUTS_ELSEWHERE)
    if declared.unheard is not None:
        result.append(Caution(at_least(summed(use.most_flop * use.busy for use in uses)), declared.unheard))
    if chosen.basis.kind is TIMES_MFU:
        named = bool(declared.precision)
        peaks = ((use.most_flop if named else use.unit_seconds * use.ceiling_peak) * use.busy for use in uses)
        of_peak = _multiplied(chosen, at_least(summed(peaks)), _of_peak(chosen, declared, uses))
        result += [
            each for each in of_peak if each.remark.kind is PEAK_OF_THE_MFU or each.flop > (chosen.upper_flop or 0)
        ]
    upper = max([chosen.upper_flop or 0, *(each.flop for each in result)])
    return (*result, *_beside_the_spans(upper, time, uses, observed))


def _multiplied(
    chosen: Tier,
    limit: int | None,
    factors: Sequence[tuple[Fraction, Remark]],
    of_models: Sequence[tuple[Fraction, Remark]] = (),
) -> list[Caution]:
    """The upper bound times each factor, and times all of them, since one does not exclude the other, as those
    `of_models` do, of which the largest counts; no more than the hardware gives, were nothing else known.
    """
    readings = [(factor, remark, remark.kind is not REFERENCE_MODEL) for factor, remark in (*factors, *of_models)]
    together = [*factors, *_largest(of_models)]
    of_updates = [factor for factor, remark in together if remark.kind is not REFERENCE_MODEL]
    for several, updates in ((of_updates, True), ([factor for factor, _ in together], False)):
        if len(several) > 1:
            times = prod(several, start=Fraction(1))
            readings.append((times, TOGETHER(times=times), updates))
    upper = chosen.upper_flop or chosen.best_flop
    return [
        Caution(at_least(upper * factor if limit is None else min(upper * factor, Fraction(limit))), remark, updates)
        for factor, remark, updates in readings
    ]


def _largest(readings: Sequence[tuple[Fraction, Remark]]) -> list[tuple[Fraction, Remark]]:
    return [max(readings, key=lambda reading: reading[0])] if readings else []


def _of_generation(chosen: Tier, factors: Sequence[tuple[Fraction, Remark]]) -> list[Caution]:
    """What was counted beside the updates, were all that speaks for more of these to hold of it, too."""
    if not chosen.signal_flop or not factors:
        return []
    every = chosen.upper_flop if chosen.upper_flop is not None else chosen.best_flop
    times = prod((factor for factor, _ in factors), start=Fraction(1))
    flop = at_least((every + chosen.signal_flop * ERROR_MARGIN) * times)
    return [Caution(flop, GENERATED_ALIKE(flop=chosen.signal_flop, times=times), updates=False)]


def _from_tiers(
    choice: TierChoice, uses: Sequence[HardwareUse], too_high: Fraction, least_share: Fraction
) -> list[Caution]:
    """What the tiers below the chosen one say against it.

    Annex A.2 allows a method that is accurate within its margin. So measured evidence whose best estimate lies above
    the chosen upper bound contradicts it, and so does hardware that was busy for more than any published run shows.
    `too_high` is by how much the trainer's own figure is known to be too high; `least_share` of the chosen tier is what
    the smallest model takes that contradicts its size.
    """
    chosen, cautions = choice.chosen, []
    if chosen is None or chosen.upper_flop is None:
        return []
    limit = ceiling(uses)
    for tier in choice.known[choice.known.index(chosen) + 1 :]:
        if tier.upper_flop is None:
            continue
        if tier.method in ON_HARDWARE_ALONE:
            least = chosen.all_flop * least_share
            if least < tier.lower_flop:
                busy = summed(use.peak_flop * use.busy for use in uses)
                remark = IMPLAUSIBLE(
                    method=chosen.method,
                    flop=at_least(least),
                    used=least / busy,
                    busy=busy,
                    lowest=Fraction(tier.lower_flop) / busy,
                )
                cautions.append(Caution(tier.upper_flop, remark))
        elif tier.best_flop > chosen.upper_flop * too_high and (limit is None or tier.best_flop <= limit):
            remark = TIERS_CONTRADICT(
                method=tier.method,
                flop=tier.best_flop,
                basis=tier.basis.words,
                upper=chosen.upper_flop,
                chosen=chosen.method,
            )
            cautions.append(Caution(tier.upper_flop, remark))
    return cautions


def _of_tokens(
    chosen: Tier,
    declared: Declared,
    model: ModelSize | None,
    observed: Observations,
    uses: Sequence[HardwareUse],
    *,
    tagged_tokens: bool,
) -> list[tuple[Fraction, Remark]]:
    """By how much parameters x tokens would be too low, if something else than was assumed were true."""
    factors = []
    technique, tagged = declared.technique, declared.tokens
    if tagged_tokens and tagged is not None and declared.epochs is not None and declared.epochs > 1:
        factors.append((declared.epochs, TOKENS_OF_ONE_EPOCH(epochs=declared.epochs)))
    planned, known = planned_tokens(declared, uses), int(str(chosen.basis.fact("tokens")))
    if known and planned is not None and planned > AGREEMENT * known and not declared.tokens_signed_for:
        factors.append((Fraction(planned, known), LESS_THAN_PLANNED(said=known, planned=planned)))
    sampled = tokens_of_samples(declared, observed, uses)
    if known and sampled is not None and sampled > AGREEMENT * known and not declared.tokens_signed_for:
        factors.append((Fraction(sampled, known), LESS_THAN_SAMPLES(said=known, sampled=sampled)))
    if tagged_tokens and technique in PAIRED_TECHNIQUES:
        factors.append((Fraction(2), ONE_ANSWER_OF_TWO(technique=technique.upper())))
    updates = _updates(declared)
    if updates > 1:
        factors.append((updates, SEVERAL_UPDATES(updates=updates)))
    return [*factors, *_of_reference(declared, model)]


def _of_reference(declared: Declared, model: ModelSize | None) -> list[tuple[Fraction, Remark]]:
    """Passes through a frozen model that stands beside the one that is trained."""
    technique = declared.technique
    if technique not in REFERENCE_PASSES:
        return []
    per_token = 4 if is_partial(declared, model) and declared.trainable_parameters is not None else 6
    share = Fraction(FORWARD_PASS * REFERENCE_PASSES[technique], per_token)
    return [(1 + share, REFERENCE_MODEL(technique=technique.upper(), share=share))]


def _updates(declared: Declared) -> Fraction:
    """How often a run trains on what it generated; a person's number of tokens is that of all passes."""
    if declared.technique not in REINFORCEMENT_TECHNIQUES or not declared.tagged("tokens"):
        return Fraction(1)
    usual = UPDATES_OF_PPO if declared.technique == "ppo" else Fraction(1)
    return declared.updates_of_a_rollout or usual


def _least_share(chosen: Tier, declared: Declared, model: ModelSize | None) -> Fraction:
    """How much of what the tokens took by the model's size they took by the smallest size that contradicts it."""
    if model is None or not chosen.counts_tokens:
        return Fraction(1)
    counted = _of_a_token(declared, model)
    return min([Fraction(1), *(Fraction(_of_a_token(declared, other), counted) for other in model.others)])


def _of_a_token(declared: Declared, model: ModelSize) -> int:
    """FLOP of a token by a model's size, at most, with attention as far as its length and the shape are known."""
    length, trained = declared.sequence_length, declared.trainable_parameters
    attention = known_attention(model, length)
    if trained is None or not is_partial(declared, model):
        return 6 * model.active + attention
    return 4 * model.active + 2 * min(trained, model.active) + attention


def _of_models(declared: Declared, model: ModelSize | None) -> list[tuple[Fraction, Remark]]:
    """By how much more each token may take than was counted: over the longest context, and were it a model that
    contradicts its size, over the longest context of that one. It is one of these models alone.
    """
    if model is None:
        return []
    read = _of_length(declared, model)
    factors = [] if read is None else [read]
    most, counted = (read[0] if read else Fraction(1)), _of_a_token(declared, model)
    for other in model.others:
        longer = _of_length(declared, other)
        times = Fraction(_of_a_token(declared, other), counted) * (longer[0] if longer else 1)
        if times > most:
            remark = ACTIVE_PARAMETERS_CONTRADICT(active=model.active, source=model.source, most=other.active)
            factors.append((times, remark))
    return factors


def _of_length(declared: Declared, model: ModelSize) -> tuple[Fraction, Remark] | None:
    partial, extended = is_partial(declared, model), declared.extends_the_context
    return unknown_attention(model, declared.sequence_length, partial, extended=extended)


def unknown_attention(
    model: ModelSize, length: int | None, partial: bool, *, extended: bool = False
) -> tuple[Fraction, Remark] | None:
    """By how much attention may raise parameters x tokens, since the length of the sequences (in tokens) or the model's
    shape is not known; None where both are. `partial`: only a part of the parameters is trained; `extended`: on a
    longer context than the model's own.
    """
    if length is not None and model.attended is not None:
        return None
    share = Fraction(most_attention_flop(model, length, extended=extended), (4 if partial else 6) * model.active)
    if model.attended is None:
        options = SHAPE_OPTIONS if length is not None else f"{SHAPE_OPTIONS} --sequence-length NUMBER"
        context = LONGEST_CONTEXT if length is None else length
        return 1 + share, SHAPE_UNKNOWN(context=context, share=share, options=options)
    if model.shape is None:
        return 1 + share, LENGTH_UNKNOWN(context=LONGEST_CONTEXT, share=share)
    own = model.shape.context
    if extended and own < LONGEST_CONTEXT:
        return 1 + share, CONTEXT_EXTENDED(own=own, context=LONGEST_CONTEXT, share=share)
    return 1 + share, LENGTH_UNKNOWN(context=own, share=share)


def _of_reported(chosen: Tier, declared: Declared, model: ModelSize | None) -> tuple[Fraction, Remark] | None:
    """The trainer's own 6 N D, of which Hugging Face's leaves out embeddings (and with them a tied output head); None
    where the model is not known well enough to say how much that is.
    """
    if model is None:
        return None
    each = [_times_reported(reading, declared) for reading in (model, *model.others)]
    known = [times for times in each if times is not None]
    if len(known) < len(each):
        return None
    times = max(known)
    return times, TRAINER_LEAVES_OUT(name=str(chosen.basis.fact("name")), times=times)


def _times_reported(model: ModelSize, declared: Declared) -> Fraction | None:
    """By how much 6 N D of a model without its embeddings is too low; None where that leaves none of it."""
    rows, width = (
        (MOST_VOCABULARY, shape_of(model.active)[1])
        if model.shape is None
        else (model.shape.vocabulary, model.shape.width)
    )
    counted = model.total - rows * width
    length, extended = declared.sequence_length, declared.extends_the_context
    attention = Fraction(most_attention_flop(model, length, extended=extended), 6)
    return None if counted <= 0 else (model.active + attention) / counted


def _of_peak(chosen: Tier, declared: Declared, uses: Sequence[HardwareUse]) -> list[tuple[Fraction, Remark]]:
    """An MFU may be a share of the peak of a faster precision than the one that is taken, or of one with sparsity,
    unless that would be more than any published run reached.
    """
    peak = summed(use.peak_flop for use in uses)
    if not peak:
        return []
    fastest = summed(use.unit_seconds * use.ceiling_peak for use in uses)
    dense, highest = Fraction(str(chosen.basis.fact("mfu"))) * SPARSITY, max(use.highest_utilisation for use in uses)
    factors = [(SPARSITY, PEAK_WITH_SPARSITY(times=SPARSITY))] if dense <= highest else []
    if not declared.precision and fastest > peak:
        factors.append((fastest / peak, PEAK_OF_THE_MFU(times=fastest / peak)))
    return factors


def _of_count(
    choice: TierChoice, chosen: Tier, declared: Declared, observed: Observations, limit: int | None
) -> list[Caution]:
    """What speaks against a meter's count. Where it may be short by an unknown amount the hardware bounds the run, or
    what a person said of its tokens; where nothing does, it is a doubt of the estimate.
    """
    of_a_person = declared.tokens_signed_for
    personal = [tier.upper_flop for tier in choice.known if of_a_person and tier.counts_tokens and tier.upper_flop]
    bounds = [bound for bound in (*personal, limit) if bound is not None]
    result = []
    for each in observed.suspicions:
        if each.times is not None:
            result += _multiplied(chosen, min(bounds, default=None), [(each.times, each.remark)])
        elif bounds:
            result.append(Caution(min(bounds), each.remark))
    return result


def _generated(
    choice: TierChoice, chosen: Tier, declared: Declared, observed: Observations, kind: Kind
) -> list[Caution]:
    """Reinforcement learning, by its name or by what it emits: only the hardware bounds the rollouts."""
    technique, signs = declared.technique, observed.rollout_signs
    if technique in REINFORCEMENT_TECHNIQUES:
        remark = kind(technique=technique.upper())
    elif signs and technique not in REWARD_MODELS:
        remark = ROLLOUTS_CONTRADICT(technique=technique.upper(), names=signs)
    else:
        return []
    bound = next((tier for tier in choice.known if tier.method in ON_HARDWARE_ALONE), chosen)
    return [Caution(bound.upper_flop or chosen.best_flop, remark, updates=False)]


def _beside_the_spans(
    upper: int, time: TrainingTime, uses: Sequence[HardwareUse], observed: Observations
) -> list[Caution]:
    """What the hardware did beside the training time, at most, comes on top of all that speaks for more in it."""
    unexplained, busy = time.unexplained, observed.busy_beside
    if not unexplained + busy or not uses:
        return []
    beside = summed(replace(use, seconds=unexplained + busy).most_flop for use in uses)
    return [Caution(upper + at_least(beside), BESIDE_THE_SPANS(unexplained=unexplained, busy=busy))]
