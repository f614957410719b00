"""What speaks against an estimate: each contradiction with the upper bound that it would give if it were right.

A verdict "below" releases people from duties (docs/adr/0002), so it rests on the highest of these bounds; the estimate
itself stays what its tier says.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from flops_auditor.domain.compute.tiers import Caution, HardwareUse, Tier, TierChoice, ceiling, doubted_by_tiers
from flops_auditor.domain.runs.declared import PREFERENCE_TECHNIQUES, REINFORCEMENT_TECHNIQUES, Declared
from flops_auditor.domain.runs.model_size import ModelSize, is_partial
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values.amounts import at_least, scientific

REFERENCE_PASS = Fraction(8, 6)
"""Preference tuning: 6 N for the trained model and 2 N for the reference model's forward pass, per token."""


def cautions_of(
    choice: TierChoice,
    declared: Declared,
    model: ModelSize | None,
    time: TrainingTime,
    uses: Sequence[HardwareUse],
    *,
    tagged_tokens: bool,
) -> tuple[Caution, ...]:
    """All cautions about the chosen tier; none without one. `tagged_tokens`: a tag alone says how many tokens."""
    chosen = choice.chosen
    if chosen is None:
        return ()
    limit = ceiling(uses)
    partial = Fraction(3, 2) if is_partial(declared, model) else Fraction(1)
    experts = Fraction(model.total, model.active) if model and model.total > model.active else Fraction(1)
    found = [*doubted_by_tiers(choice, limit, partial * experts), *_longer(time, uses)]
    if chosen.method == "architecture":
        if chosen.counts_tokens:
            found += [_times(chosen, limit, *c) for c in _factors(declared, model, tagged_tokens=tagged_tokens)]
            found += _reference_passes(chosen, limit, declared)
        found += _generated(choice, chosen, declared)
    return tuple(found)


def _times(chosen: Tier, limit: int | None, factor: Fraction, reason: str) -> Caution:
    flop = at_least(chosen.upper_flop * factor)
    return Caution(flop if limit is None else min(flop, limit), reason)


def _factors(declared: Declared, model: ModelSize | None, *, tagged_tokens: bool) -> list[tuple[Fraction, str]]:
    """By how much parameters x tokens would be too low, if something else than was assumed were true."""
    found = []
    if tagged_tokens and declared.tokens is not None and declared.epochs is not None and declared.epochs > 1:
        shown = f"{float(declared.epochs):g}"
        reason = (
            f"the declared tokens are taken as those of all {shown} epochs together; were they those of one epoch, the "
            f"compute would be {shown} times as much"
        )
        found.append((declared.epochs, reason))
    if model is not None and model.most_active is not None:
        reason = (
            f"contradictory evidence: {scientific(model.active)} active parameters ({model.source}) against "
            f"{scientific(model.most_active)} of the base-model table"
        )
        found.append((Fraction(model.most_active, model.active), reason))
    return found


def _reference_passes(chosen: Tier, limit: int | None, declared: Declared) -> list[Caution]:
    """Preference tuning: the reference model's passes update nothing, so they belong to the cumulative basis alone."""
    if declared.technique not in PREFERENCE_TECHNIQUES:
        return []
    reason = (
        f"{declared.technique.upper()} also passes every batch forward through a frozen reference model, which updates "
        "nothing and counts on the cumulative basis alone; with it a third more"
    )
    return [replace(_times(chosen, limit, REFERENCE_PASS, reason), updates=False)]


def _generated(choice: TierChoice, chosen: Tier, declared: Declared) -> list[Caution]:
    """Reinforcement learning: only the hardware bounds the rollouts."""
    if declared.technique not in REINFORCEMENT_TECHNIQUES:
        return []
    reason = (
        f"{declared.technique.upper()} generates the tokens it trains on: generation updates nothing and counts on the "
        "cumulative basis alone (Annex A.1), and tokens do not tell how much there was"
    )
    bound = next((tier for tier in choice.known if tier.method in {"hardware", "hardware + occupancy"}), chosen)
    return [Caution(bound.upper_flop, reason, updates=False)]


def _longer(time: TrainingTime, uses: Sequence[HardwareUse]) -> list[Caution]:
    """The spans may be incomplete: then hardware was in use for longer, fully busy for all we know."""
    if time.longest is None or time.seconds is None or not uses:
        return []
    flop = at_least(sum((replace(use, seconds=time.longest).most_flop for use in uses), Fraction(0)))
    reason = (
        f"TrainingTimeInSeconds is {float(time.longest):g} s, far more than the {float(time.seconds):g} s of the "
        "Training spans, which may be incomplete"
    )
    return [Caution(flop, reason)]
