"""U of the hardware-based method for one run, as its training code emitted it: MFU, or FLOP/s over the peak."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from flops_auditor.domain.compute.tiers import (
    TIMES_RATE,
    HardwareUse,
    Tier,
    hardware_mfu,
    hardware_occupancy,
)
from flops_auditor.domain.runs.emitted import Emitted, said_of_share
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.trainer_metrics import normalise
from flops_auditor.domain.values.amounts import at_most, summed
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.domain.values.spelling import all_squeezed, squeezed

HIGHEST_PLAUSIBLE_MFU = Fraction(1)
NO_FRACTION = Kind(
    "mfu-no-fraction",
    "contradictory evidence: metric {name:said80} is an MFU of {mfu:.4g}, not a fraction of the peak; it is not used",
)
OVER_THE_HIGHEST = Kind(
    "mfu-over-every-published",
    "metric {name:said80} is an MFU of {mfu:.3g}, more than the {highest:.3g} that any published run reached: it may "
    "be in per cent, or against another peak, so no verdict of above rests on it",
)
PEAK_NOT_NAMED = Kind(
    "mfu-of-a-slower-peak",
    "nothing says which peak the MFU {name:said80} is a share of: of the slowest that it may be, no verdict of above "
    "rests on more than {flop:flop} FLOP of it",
)
MFU_OF_UPDATES = Kind(
    "mfu-of-updates-alone",
    "{name:said80} may be the utilisation of update steps alone, beside which rollouts are generated: of it no verdict "
    "of above rests on more than the hardware did at least",
)
_OF_UPDATES = all_squeezed({"perf_mfu_actor"})
"""verl: model FLOP of the actor's update over the time of that update."""
OVER_THE_OCCUPANCY = Kind(
    "mfu-over-occupancy", "the emitted MFU {mfu:.3g} is over the occupancy {occupancy:.3g} of the whole run"
)


def emitted_utilisations(
    observed: Observations, uses: Sequence[HardwareUse], notes: list[Remark], *, generates: bool
) -> list[Tier]:
    """A tier for each reading that can be one: an emitted MFU, and FLOP/s over the peak. They may disagree. A run that
    `generates` its training data may emit them of its update steps alone.
    """
    mfus = _mfus(observed, uses)
    if not mfus:
        return []
    occupancy = mean_occupancy(uses) if observed.busy and believed(uses) else None
    highest = max(use.highest_utilisation for use in uses)
    tiers = []
    for emitted, mfu, relative in mfus:
        if not 0 < mfu <= HIGHEST_PLAUSIBLE_MFU:
            notes.append(NO_FRACTION(name=emitted.name, mfu=mfu))
            continue
        if occupancy is not None and mfu > occupancy:
            notes.append(OVER_THE_OCCUPANCY(mfu=mfu, occupancy=occupancy))
        remark = said_of_share(emitted)
        notes += [remark] if remark else []
        tier = hardware_mfu(uses, mfu, emitted.share, None if relative else TIMES_RATE(mfu=mfu, name=emitted.name))
        if relative and (surely := _of_the_slowest_peak(tier, uses)) < tier.firm_flop:
            notes.append(PEAK_NOT_NAMED(name=emitted.name, flop=surely))
            tier = replace(tier, firm_flop=surely)
        if generates or squeezed(normalise(emitted.name)) in _OF_UPDATES:
            notes.append(MFU_OF_UPDATES(name=emitted.name))
            tier = replace(tier, firm_flop=min(tier.firm_flop, hardware_occupancy(uses).lower_flop))
        if emitted.least is not None and emitted.least < emitted.value:
            tier = replace(tier, firm_flop=at_most(tier.firm_flop * emitted.least / emitted.value))
        if mfu > highest:
            notes.append(OVER_THE_HIGHEST(name=emitted.name, mfu=mfu, highest=highest))
            tier = replace(tier, firm_flop=min(tier.firm_flop, hardware_occupancy(uses).lower_flop))
        tiers.append(tier)
    return tiers


def _of_the_slowest_peak(tier: Tier, uses: Sequence[HardwareUse]) -> int:
    """What is certain of an MFU whose peak may be that of a slower precision; hardware that was busy did its least."""
    peak = summed(use.peak_flop for use in uses)
    slowest = summed(use.unit_seconds * (use.slowest_peak or use.peak) for use in uses)
    share = slowest / peak if peak else Fraction(1)
    return min(tier.firm_flop, max(at_most(tier.firm_flop * share), hardware_occupancy(uses).lower_flop))


def _mfus(observed: Observations, uses: Sequence[HardwareUse]) -> list[tuple[Emitted, Fraction, bool]]:
    """What was emitted, as MFUs, and whether each came as a share of a peak."""
    emitted = observed.emitted
    emitted_shares = [(emitted["mfu"], emitted["mfu"].value, True)] if "mfu" in emitted else []
    peaks = {"model_flop_rate": mean_peak, "model_flop_rate_of_all": _peak_of_all}
    rates = [(emitted[quantity], peak(uses)) for quantity, peak in peaks.items() if quantity in emitted]
    return [*emitted_shares, *((rate, rate.value / peak, False) for rate, peak in rates if peak)]


def _peak_of_all(uses: Sequence[HardwareUse]) -> Fraction:
    """The peak of all units together, in FLOP/s."""
    return summed(use.units * use.peak for use in uses)


def believed(uses: Sequence[HardwareUse]) -> bool:
    """Whether anything of what was reported of the occupancy is taken for it."""
    return any(use.occupancy is not None or use.seen_busy is None for use in uses)


def mean_peak(uses: Sequence[HardwareUse]) -> Fraction | None:
    """Mean peak of one unit in FLOP/s, weighted by unit-seconds (by units if no time was spent), Annex A.2."""
    weights = [use.unit_seconds for use in uses]
    total = summed(weights)
    if not total:
        weights = [use.units for use in uses]
        total = summed(weights)
    return summed(w * use.peak for w, use in zip(weights, uses, strict=True)) / total if total else None


def mean_occupancy(uses: Sequence[HardwareUse]) -> Fraction | None:
    """Mean occupancy, weighted by peak FLOP; hardware that reports none counts as fully busy."""
    total = summed(use.peak_flop for use in uses)
    return summed(use.peak_flop * use.busy for use in uses) / total if total else None
