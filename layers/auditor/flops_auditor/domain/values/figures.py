"""A best estimate with its bound, and on which side of a threshold it lies."""

from dataclasses import dataclass, replace
from typing import Literal

from flops_auditor.domain.values.remarks import Remark

Verdict = Literal["below", "indeterminate", "above"]

SEVERITY: dict[Verdict, int] = {"below": 0, "indeterminate": 1, "above": 2}


@dataclass(frozen=True)
class Figures:
    """Best estimate and upper bound in FLOP (None: not known), the doubts, and what would settle them."""

    best_flop: int | None
    upper_flop: int | None
    doubts: tuple[Remark, ...] = ()
    settle: str = ""

    def plus(self, flop: int) -> "Figures":
        """The figures with a known amount added."""
        best = None if self.best_flop is None else self.best_flop + flop
        upper = None if self.upper_flop is None else self.upper_flop + flop
        return replace(self, best_flop=best, upper_flop=upper)


def verdict(figures: Figures, threshold: int) -> Verdict:
    """Above if best > T; below if upper <= T and nothing is in doubt; else indeterminate."""
    if figures.best_flop is not None and figures.best_flop > threshold:
        return "above"
    if figures.doubts or figures.upper_flop is None or figures.best_flop is None:
        return "indeterminate"
    return "below" if figures.upper_flop <= threshold else "indeterminate"


def most_severe(verdicts: list[Verdict]) -> Verdict:
    """Above before indeterminate before below; nothing assessed is indeterminate."""
    return max(verdicts, key=SEVERITY.__getitem__, default="indeterminate")
