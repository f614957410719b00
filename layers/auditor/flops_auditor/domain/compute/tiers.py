"""The training compute of one job: a best estimate and an upper bound in FLOP, with everything they rest on.

Five tiers of evidence, best first (docs/methodology.md). Annex A.2 of the Commission's Guidelines on the scope of the
obligations for GPAI models, C(2025) 7719, allows any method within an error margin of 30 % and describes two:
hardware-based C = N L H U and architecture-based C = 6 P D. Each tier is one small function; `choose` picks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from flops_auditor.domain.values.amounts import at_least, nearest, scientific

Method = Literal[
    "counted",
    "architecture",
    "hardware + MFU",
    "hardware + occupancy",
    "hardware",
    "not training",
    "unknown",
]
ERROR_MARGIN = Fraction(13, 10)
"""Annex A.2: an overall error margin of 30 % of the reported estimate."""
ASSUMED_UTILISATION = Fraction(1, 2)
"""Annex A.3, examples B and H: U = 0.5 where the utilisation is not known."""
HIGHEST_PLAUSIBLE_MFU = Fraction(1)
LOWEST_PLAUSIBLE_SHARE = Fraction(1, 100)
"""A figure below this share of what the hardware was busy for is doubted: measured runs reach down to a twelfth
(Vilanakis 2026)."""


@dataclass(frozen=True)
class HardwareUse:
    """`units` alike accelerators (or CPU hosts) in use for `seconds` each.

    `peak` and `ceiling_peak` are FLOP/s of one unit: dense in the precision the job is counted in, and the highest
    dense peak of any precision. `occupancy` is the mean share of time (0..1) in which a unit ran some kernel, None
    when no host reported it. `bound_peak` is what an upper bound takes instead of `peak` where the precision is only
    guessed to be a slow one.
    """

    name: str
    units: Fraction
    seconds: Fraction
    peak: Fraction
    ceiling_peak: Fraction
    occupancy: Fraction | None = None
    watts: Fraction = Fraction(0)
    bound_peak: Fraction | None = None

    @property
    def unit_seconds(self) -> Fraction:
        """N L, in accelerator-seconds."""
        return self.units * self.seconds

    @property
    def peak_flop(self) -> Fraction:
        """N L H, in FLOP."""
        return self.unit_seconds * self.peak

    @property
    def most_flop(self) -> Fraction:
        """N L H with the peak that upper bounds take, in FLOP; never less than `peak_flop`."""
        return self.unit_seconds * max(self.peak, self.bound_peak or self.peak)


@dataclass(frozen=True)
class Tier:
    """What one tier of evidence says: whole FLOP, and the utilisation it implies on the known hardware.

    `counts_tokens` says that it is a product of parameters and tokens.
    """

    method: Method
    best_flop: int
    upper_flop: int
    basis: str
    implied_utilisation: Fraction | None = None
    counts_tokens: bool = False


@dataclass(frozen=True)
class Caution:
    """Evidence that speaks against the chosen tier: were it right, the compute could be up to `flop` (whole FLOP).

    `updates`: it bears on what updated parameters, too, and not on what contributed otherwise alone (Annex A.1).
    """

    flop: int
    reason: str
    updates: bool = True


@dataclass(frozen=True)
class TierChoice:
    """The tier that counts, all tiers that are known, and what contradicted the hardware."""

    chosen: Tier | None
    known: tuple[Tier, ...]
    contradictions: tuple[str, ...]


def ceiling(hardware: Sequence[HardwareUse]) -> int | None:
    """N L x the highest dense peak, summed over unlike hardware: no figure may exceed it. None without hardware."""
    return at_least(sum((u.unit_seconds * u.ceiling_peak for u in hardware), Fraction(0))) if hardware else None


def _bounded(upper: Fraction, limit: int | None) -> int:
    return at_least(upper) if limit is None else min(at_least(upper), limit)


def _implied(flop: Fraction, hardware: Sequence[HardwareUse]) -> Fraction | None:
    peak = sum((u.peak_flop for u in hardware), Fraction(0))
    return flop / peak if peak else None


def _tier(
    method: Method,
    flop: Fraction,
    hardware: Sequence[HardwareUse],
    basis: str,
    most: Fraction | None = None,
    *,
    counts_tokens: bool = False,
) -> Tier:
    upper = _bounded((flop if most is None else most) * ERROR_MARGIN, ceiling(hardware))
    return Tier(method, nearest(flop), upper, basis, _implied(flop, hardware), counts_tokens)


def counted(model_flop: Fraction, hardware: Sequence[HardwareUse]) -> Tier:
    """Model FLOP counted operation by operation inside the container; upper is 30 % more (Annex A.2)."""
    return _tier("counted", model_flop, hardware, f"{scientific(nearest(model_flop))} FLOP counted in the container")


def architecture_full(parameters: int, tokens: int, hardware: Sequence[HardwareUse]) -> Tier:
    """C = 6 P D for dense transformers trained in full (Annex A.2): P active parameters, D tokens of all epochs."""
    basis = f"6 x {scientific(parameters)} parameters x {scientific(tokens)} tokens"
    return _tier("architecture", Fraction(6 * parameters * tokens), hardware, basis, counts_tokens=True)


def architecture_partial(parameters: int, trainable: int | None, tokens: int, hardware: Sequence[HardwareUse]) -> Tier:
    """C = (4 N + 2 N_trainable) x tokens for parameter-efficient tuning (the AWS toolkit's formula).

    Every token passes forward (2 N) and its activation gradients pass back (2 N); weight gradients are computed for
    the trainable parameters alone. With an unknown number of them the best estimate takes none, the upper bound all.
    """
    best = Fraction((4 * parameters + 2 * (trainable or 0)) * tokens)
    most = Fraction((4 * parameters + 2 * (parameters if trainable is None else trainable)) * tokens)
    share = "an unknown number of" if trainable is None else scientific(trainable)
    basis = f"(4 x {scientific(parameters)} + 2 x {share} trainable) x {scientific(tokens)} tokens"
    return _tier("architecture", best, hardware, basis, most, counts_tokens=True)


def architecture_reported(flop: Fraction, name: str, hardware: Sequence[HardwareUse]) -> Tier:
    """The trainer's own 6 N D (Hugging Face Trainer's `total_flos` and the like)."""
    return _tier("architecture", flop, hardware, f"{scientific(nearest(flop))} FLOP reported by the trainer as {name}")


def hardware_mfu(hardware: Sequence[HardwareUse], mfu: Fraction) -> Tier:
    """C = N L H MFU, with the model FLOP utilisation that the training code emitted (Annex A.2)."""
    flop = sum((u.peak_flop for u in hardware), Fraction(0)) * mfu
    most = sum((u.most_flop for u in hardware), Fraction(0)) * mfu
    return _tier("hardware + MFU", flop, hardware, f"N L H x MFU {float(mfu):.3g}", most)


def hardware_occupancy(hardware: Sequence[HardwareUse]) -> Tier:
    """N L H x occupancy bounds the compute from above; the best estimate takes U = min(occupancy, 0.5) (Annex A.3).

    A kernel that runs need not use the unit fully, so occupancy is never a best estimate. Hardware that reports no
    occupancy counts as fully occupied.
    """
    best = upper = Fraction(0)
    for use in hardware:
        occupancy = Fraction(1) if use.occupancy is None else use.occupancy
        best += use.peak_flop * min(occupancy, ASSUMED_UTILISATION)
        upper += use.most_flop * occupancy
    basis = "N L H x min(occupancy, 0.5), at most N L H x occupancy"
    return Tier("hardware + occupancy", nearest(best), at_least(upper), basis, _implied(best, hardware))


def hardware_alone(hardware: Sequence[HardwareUse]) -> Tier:
    """N L H x 0.5 (Annex A.3 B and H), at most N L H."""
    best = sum((u.peak_flop for u in hardware), Fraction(0)) * ASSUMED_UTILISATION
    upper = sum((u.most_flop for u in hardware), Fraction(0))
    return Tier("hardware", nearest(best), at_least(upper), "N L H x 0.5, at most N L H", _implied(best, hardware))


def choose(known: Sequence[Tier], limit: int | None) -> TierChoice:
    """The first tier that the hardware could have done; `known` is in order of quality, best first.

    A tier above the ceiling is contradictory evidence: it is named, and the next tier down counts.
    """
    contradictions: list[str] = []
    for tier in known:
        if limit is None or tier.best_flop <= limit:
            return TierChoice(tier, tuple(known), tuple(contradictions))
        contradictions.append(
            f"contradictory evidence: {tier.method} gives {scientific(tier.best_flop)} FLOP ({tier.basis}), "
            f"more than the hardware could do ({scientific(limit)}); the next tier counts"
        )
    return TierChoice(None, tuple(known), tuple(contradictions))


def doubted_by_tiers(choice: TierChoice, limit: int | None, overcounted: Fraction = Fraction(1)) -> tuple[Caution, ...]:
    """What the tiers below the chosen one say against it.

    Annex A.2 allows a method that is accurate within its margin. So measured evidence whose best estimate lies above
    the chosen upper bound contradicts it, and so does hardware that was busy for a hundred times the figure.
    `overcounted` is by how much the trainer's own figure is known to be too high.
    """
    chosen, cautions = choice.chosen, []
    if chosen is None:
        return ()
    for tier in choice.known[choice.known.index(chosen) + 1 :]:
        if tier.method in {"hardware", "hardware + occupancy"}:
            if chosen.best_flop < tier.upper_flop * LOWEST_PLAUSIBLE_SHARE:
                reason = (
                    f"{chosen.method} gives less than a hundredth of what the hardware was busy for: "
                    f"{scientific(chosen.best_flop)} of {scientific(tier.upper_flop)} FLOP"
                )
                cautions.append(Caution(tier.upper_flop, reason))
        elif tier.best_flop > chosen.upper_flop * overcounted and (limit is None or tier.best_flop <= limit):
            reason = (
                f"contradictory evidence: {tier.method} gives {scientific(tier.best_flop)} FLOP ({tier.basis}), more "
                f"than the upper bound {scientific(chosen.upper_flop)} of {chosen.method}"
            )
            cautions.append(Caution(tier.upper_flop, reason))
    return tuple(cautions)
