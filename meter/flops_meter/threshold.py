"""One early warning: the run, projected to its end, comes near the line above which its maker becomes a provider."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flops_meter.work import Totals

_UNKNOWN_ORIGINAL = 10**23
"""FLOP that stand for an original whose compute nobody knows (Guidelines, downstream modifiers)."""


@dataclass(frozen=True)
class Threshold:
    """A line in FLOP; the warning is due when the projected total is over `share` of it."""

    flop: int
    share: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Threshold":
        """FLOPS_METER_THRESHOLD, or one third of PRETRAIN_FLOPS (of 1e23 where it is not set or smaller than that)."""
        said = _amount(environment.get("FLOPS_METER_THRESHOLD"))
        original = _amount(environment.get("PRETRAIN_FLOPS")) or 0
        share = _amount(environment.get("FLOPS_METER_WARN_SHARE"))
        flop = said or max(original, _UNKNOWN_ORIGINAL) / 3
        return cls(round(flop), 0.5 if share is None else share)

    def warning(self, counts: Iterable[tuple[Totals, int | None]]) -> str | None:
        """What to tell people, or None, of each count and the steps that it is going to have. Where nobody knows them,
        what was done so far is held against the line."""
        each = list(counts)
        projected = sum(_projected(totals, steps) for totals, steps in each)
        if projected <= self.share * self.flop:
            return None
        ends = any(steps for _, steps in each)
        end = f"is going to take {projected:.2e} FLOP" if ends else f"has taken {projected:.2e} FLOP"
        return (
            f"this run {end}, {projected / self.flop:.0%} of {self.flop:.2e}: over that line the maker of a modified "
            "general-purpose AI model is its provider, if it is placed on the Union market (Commission Guidelines)"
        )


def _projected(totals: Totals, total_steps: int | None) -> int:
    """FLOP at the end: steps that are not in the count, and those to come, are taken to be like those that are."""
    done = totals.steps + totals.uncounted_steps
    return totals.model_flop * max(total_steps or 0, done) // totals.steps if totals.steps else totals.model_flop


def _amount(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 < value < float("inf") else None
