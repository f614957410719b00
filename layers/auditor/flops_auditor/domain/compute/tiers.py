"""The tiers of evidence: what each says about the training compute of a run, in FLOP, with its bounds.

Five tiers, best first (docs/methodology.md). Annex A.2 of the Commission's Guidelines on the scope of the obligations
for GPAI models, C(2025) 5045, allows any method within an error margin of 30 % and describes two: hardware-based
C = N L H U and architecture-based C = 6 P D. Each tier is one small function; `choose` picks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

from flops_auditor.domain.values.amounts import at_least, at_most, nearest, summed
from flops_auditor.domain.values.remarks import Kind, Remark

Method = Literal[
    "counted",
    "architecture",
    "hardware + MFU",
    "hardware + occupancy",
    "hardware",
    "not training",
    "unknown",
]
ON_HARDWARE_ALONE = frozenset({"hardware", "hardware + occupancy"})
ERROR_MARGIN = Fraction(13, 10)
LEAST_OF_MEASURED = Fraction(7, 10)
"""Annex A.2: an overall error margin of 30 % of the reported estimate, to either side."""
ASSUMED_UTILISATION = Fraction(1, 2)
"""Annex A.3, examples B and H: U = 0.5 where the utilisation is not known."""
_FULLY = Fraction(1)

COUNTED = Kind(
    "counted-in-container", "{flop:flop} FLOP counted in the container, in {share:percent} of the training time"
)
COUNTED_SOMETIME = Kind(
    "counted-at-some-time", "{flop:flop} FLOP counted in the container; nothing says in which part of the training time"
)
REPORTED = Kind("reported-by-trainer", "{flop:flop} FLOP reported by the trainer as {name:said80}")
TIMES_MFU = Kind("hardware-times-mfu", "N L H x MFU {mfu:.3g}")
TIMES_RATE = Kind("hardware-times-rate", "N L H x MFU {mfu:.3g}, of the FLOP/s that {name:said80} gives")
TIMES_OCCUPANCY = Kind("hardware-times-occupancy", "N L H x min(occupancy, 0.5), at most N L H x occupancy")
HARDWARE_ALONE = Kind("hardware-alone", "N L H x 0.5, at most N L H")
OVER_THE_CEILING = Kind(
    "over-the-ceiling",
    "contradictory evidence: {method} gives {flop:flop} FLOP ({basis}), more than the hardware could do "
    "({ceiling:flop}); the next tier counts",
)


@dataclass(frozen=True)
class HardwareUse:
    """`units` alike accelerators (or CPU hosts) in use for `seconds` each.

    `peak` and `ceiling_peak` are FLOP/s of one unit: dense in the precision the job is counted in, and the highest
    dense peak of any precision. `occupancy` is the mean share of time (0..1) in which a unit ran some kernel, None
    when no host reported it. `bound_peak` is what an upper bound takes instead of `peak` where the precision is only
    guessed to be a slow one. `lowest_utilisation` is what published runs on such hardware reached at least,
    `highest_utilisation` what any published run reached, `seen_busy` the occupancy as it was reported, even where what
    is known of the run contradicts it. `slowest_peak` is the slowest that an MFU of the run may be a share of. The run
    was surely `given` this share of their time (0..1).
    """

    name: str
    units: Fraction
    seconds: Fraction
    peak: Fraction
    ceiling_peak: Fraction
    occupancy: Fraction | None = None
    watts: Fraction = Fraction(0)
    bound_peak: Fraction | None = None
    lowest_utilisation: Fraction = Fraction(0)
    given: Fraction = Fraction(1)
    highest_utilisation: Fraction = Fraction(1)
    seen_busy: Fraction | None = None
    slowest_peak: Fraction | None = None

    @cached_property
    def unit_seconds(self) -> Fraction:
        """N L, in accelerator-seconds."""
        return self.units * self.seconds

    @property
    def busy(self) -> Fraction:
        """The share of time in which a unit was in use, at most: all of it where nothing says."""
        return _FULLY if self.occupancy is None else self.occupancy

    @cached_property
    def peak_flop(self) -> Fraction:
        """N L H, in FLOP."""
        return self.unit_seconds * self.peak

    @cached_property
    def most_flop(self) -> Fraction:
        """N L H with the peak that upper bounds take, in FLOP; never less than `peak_flop`."""
        return self.unit_seconds * max(self.peak, self.bound_peak or self.peak)

    @property
    def least_flop(self) -> Fraction:
        """N L H x occupancy x the lowest utilisation of published runs, in FLOP."""
        return self.peak_flop * self.surely_busy * self.lowest_utilisation

    @property
    def surely_busy(self) -> Fraction:
        """The share of time that lower bounds take: occupancy as reported, whatever speaks against it, of what was
        surely given.
        """
        return self.given * (self.busy if self.seen_busy is None else self.seen_busy)


@dataclass(frozen=True)
class Tier:
    """What one tier of evidence says: whole FLOP, and the utilisation that its best estimate implies on the hardware.

    `upper_flop` is None where nothing bounds it. `firm_flop` is what "above" may rest on: what was measured, without
    what is only extrapolated or assumed; of hardware alone its lower bound. `counts_tokens` says that the tier is a
    product of parameters and tokens. `signal_flop` was counted beside it: passes that only made training data or a
    training signal, which count on the cumulative basis alone (Annex A.1). `grown_flop` is what a count was seen to
    grow, None where none was counted, in a part `watched` of the training time: of that part no other evidence makes
    more certain.
    """

    method: Method
    lower_flop: int
    best_flop: int
    upper_flop: int | None
    firm_flop: int
    basis: Remark
    implied_utilisation: Fraction | None = None
    counts_tokens: bool = False
    signal_flop: int = 0
    grown_flop: int | None = None
    watched: Fraction = Fraction(0)

    def certain_beside(self, least: int) -> int | None:
        """What is certain by what was seen to grow, where the hardware did at least so much, in FLOP, in all the time;
        None where nothing was counted.
        """
        if self.grown_flop is None:
            return None
        return at_most(self.grown_flop * LEAST_OF_MEASURED + least * (1 - self.watched))

    @property
    def all_flop(self) -> int:
        """Everything that contributed, by the best estimate: what the hardware must have been able to do."""
        return self.best_flop + self.signal_flop


@dataclass(frozen=True)
class Measured:
    """Compute that was measured in some way, in FLOP, of a `share` of the training time (None: of which is not known).

    `least` is certain of it, `most` it may be; the error margin of Annex A.2 comes on top. `grown` and `watched` are
    those of a count (Emitted).
    """

    flop: Fraction
    share: Fraction | None = Fraction(1)
    least: Fraction | None = None
    most: Fraction | None = None
    grown: Fraction | None = None
    watched: Fraction = Fraction(0)


@dataclass(frozen=True)
class TierChoice:
    """The tier that counts, all tiers that are known, and what contradicted the hardware."""

    chosen: Tier | None
    known: tuple[Tier, ...]
    contradictions: tuple[Remark, ...]


def ceiling(hardware: Sequence[HardwareUse]) -> int | None:
    """N L x the highest dense peak, summed over unlike hardware: no figure may exceed it. None without hardware."""
    return at_least(summed(u.unit_seconds * u.ceiling_peak for u in hardware)) if hardware else None


def _implied(flop: Fraction, hardware: Sequence[HardwareUse]) -> Fraction | None:
    peak = summed(u.peak_flop for u in hardware)
    return flop / peak if peak else None


def measured(
    method: Method, count: Measured, hardware: Sequence[HardwareUse], basis: Remark, *, counts_tokens: bool = False
) -> Tier:
    """A tier that measures: within 30 % of what was measured, and bounded by the hardware in the rest of the time.

    The best estimate takes it that the run went on alike, at no more than U = min(occupancy, 0.5).
    """
    share = count.share or Fraction(0)
    rest, most_of_rest = Fraction(0), Fraction(0)
    for use in hardware if share < 1 else ():
        busy = min(1 - share, use.busy)  # all that it was busy may lie in the part that was not measured
        rest += use.peak_flop * min(busy, ASSUMED_UTILISATION)
        most_of_rest += use.most_flop * busy
    alike = count.flop * (1 - share) / share if share else Fraction(0)
    best = count.flop + (min(alike, rest) if hardware else alike)
    least = count.flop if count.least is None else count.least
    most = count.flop if count.most is None else max(count.flop, count.most)
    limit = ceiling(hardware)
    upper = None
    if hardware or share == 1:
        bound = most * ERROR_MARGIN
        bound = max(best, bound, most_of_rest) if count.share is None else max(best, bound + most_of_rest)
        upper = at_least(bound) if limit is None else min(at_least(bound), limit)
    lower = at_most(least * LEAST_OF_MEASURED)
    implied = _implied(best, hardware)
    tier = Tier(method, lower, nearest(best), upper, at_most(least), basis, implied, counts_tokens)
    return tier if count.grown is None else replace(tier, grown_flop=nearest(count.grown), watched=count.watched)


def counted(count: Measured, hardware: Sequence[HardwareUse], signal_flop: Fraction = Fraction(0)) -> Tier:
    """Model FLOP counted operation by operation inside the container, and what was counted beside them."""
    known = count.share is not None
    basis = COUNTED(flop=count.flop, share=count.share) if known else COUNTED_SOMETIME(flop=count.flop)
    return replace(measured("counted", count, hardware, basis), signal_flop=nearest(signal_flop))


def reported(count: Measured, name: str, hardware: Sequence[HardwareUse]) -> Tier:
    """The trainer's own 6 N D (Hugging Face Trainer's `total_flos` and the like)."""
    return measured("architecture", count, hardware, REPORTED(flop=count.flop, name=name))


def hardware_mfu(
    hardware: Sequence[HardwareUse], mfu: Fraction, share: Fraction | None = Fraction(1), basis: Remark | None = None
) -> Tier:
    """C = N L H MFU, with the model FLOP utilisation that the training code emitted in a share of the time (Annex A.2).

    A value of which nothing says when it held gives the best estimate alone; the bounds are those of the hardware.
    """
    flop = summed(u.peak_flop for u in hardware) * mfu
    words = basis or TIMES_MFU(mfu=mfu)
    if share is None:
        bounds = hardware_occupancy(hardware)
        best, upper = nearest(flop), max(bounds.upper_flop or 0, nearest(flop))
        lower = min(bounds.lower_flop, best)
        return Tier("hardware + MFU", lower, best, upper, lower, words, _implied(flop, hardware))
    most = summed(u.most_flop for u in hardware) * mfu
    return measured("hardware + MFU", Measured(flop * share, share, most=most * share), hardware, words)


def hardware_occupancy(hardware: Sequence[HardwareUse]) -> Tier:
    """N L H x occupancy bounds the compute from above; the best estimate takes U = min(occupancy, 0.5) (Annex A.3).

    A kernel that runs need not use the unit fully, so occupancy is never a best estimate. Hardware that reports no
    occupancy counts as fully occupied. The lower bound takes the lowest utilisation of published runs.
    """
    known = any(use.occupancy is not None for use in hardware)
    best = summed(use.peak_flop * min(use.busy, ASSUMED_UTILISATION) for use in hardware)
    upper = at_least(summed(use.most_flop * use.busy for use in hardware))
    lower = at_most(summed(use.least_flop for use in hardware))
    method: Method = "hardware + occupancy" if known else "hardware"
    basis = TIMES_OCCUPANCY() if known else HARDWARE_ALONE()
    return Tier(method, lower, nearest(best), upper, lower, basis, _implied(best, hardware))


def choose(known: Sequence[Tier], limit: int | None) -> TierChoice:
    """The first tier that the hardware could have done; `known` is in order of quality, best first.

    A tier above the ceiling is contradictory evidence: it is named, and the next tier down counts.
    """
    contradictions: list[Remark] = []
    for tier in known:
        if limit is None or tier.all_flop <= limit:
            return TierChoice(tier, tuple(known), tuple(contradictions))
        contradiction = OVER_THE_CEILING(method=tier.method, flop=tier.all_flop, basis=tier.basis.words, ceiling=limit)
        contradictions.append(contradiction)
    return TierChoice(None, tuple(known), tuple(contradictions))
