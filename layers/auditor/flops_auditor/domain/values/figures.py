"""A best estimate with its bounds, and on which side of a threshold it lies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeVar

from flops_auditor.domain.values.remarks import Remark

Verdict = Literal["below", "indeterminate", "above"]
T = TypeVar("T")

SEVERITY: dict[Verdict, int] = {"below": 0, "indeterminate": 1, "above": 2}


def telling(lines: Sequence[T], read: Callable[[T], tuple[Verdict, bool]]) -> list[T]:
    """Those that shares are of: of a policy that only words a law what is more severe than every line of a law.

    `read` gives the verdict at a line, and whether its policy only words a law.
    """
    answers = [(each, *read(each)) for each in lines]
    laws = max((SEVERITY[verdict] for _, verdict, words in answers if not words), default=-1)
    return [each for each, verdict, words in answers if not words or SEVERITY[verdict] > laws]


def of_its_threshold(assessment: Mapping[str, Any]) -> Fraction | None:
    """The upper bound of a record's assessment as a share of its threshold, exactly; None where nothing bounds it."""
    upper = assessment["upper_flop"]
    return None if upper is None else Fraction(int(upper), int(assessment["threshold_flop"]))


def nearest(
    assessments: Sequence[Mapping[str, Any]],
    share: Callable[[Mapping[str, Any]], Fraction | float | None] = of_its_threshold,
) -> Mapping[str, Any] | None:
    """The assessment whose threshold the upper bound comes nearest to, or is farthest over; where nothing bounds the
    compute, the one of the lowest threshold. A line at any compute has none.
    """
    lines = telling(
        [each for each in assessments if int(each["threshold_flop"])],
        lambda each: (each["verdict"], bool(each.get("wording_of"))),
    )
    shares = [(known, each) for each in lines if (known := share(each)) is not None]
    if shares:
        return max(shares, key=lambda of_line: of_line[0])[1]
    return min(lines, key=lambda each: int(each["threshold_flop"]), default=None)


@dataclass(frozen=True)
class Figures:
    """Best estimate and bounds in FLOP (None: not known), the doubts, and what would narrow the figures.

    `firm_flop` is what "above" rests on: what was measured, or the lower bound where nothing was; None where it is the
    best estimate.
    """

    best_flop: int | None
    upper_flop: int | None
    doubts: tuple[Remark, ...] = ()
    settle: Remark | None = None
    lower_flop: int | None = None
    firm_flop: int | None = None

    @property
    def certain_flop(self) -> int | None:
        """What "above" rests on."""
        return self.best_flop if self.firm_flop is None else self.firm_flop

    def plus(self, flop: int) -> "Figures":
        """The figures with a known amount added."""
        amounts = (self.best_flop, self.upper_flop, self.lower_flop, self.firm_flop)
        best, upper, lower, firm = (None if amount is None else amount + flop for amount in amounts)
        return Figures(best, upper, self.doubts, self.settle, lower, firm)

    def beside(self, other: "Figures") -> "Figures":
        """The figures of both together, bound by bound; doubts and what settles them are those of the first."""
        best, upper, lower, firm = (
            None if mine is None or theirs is None else mine + theirs
            for mine, theirs in (
                (self.best_flop, other.best_flop),
                (self.upper_flop, other.upper_flop),
                (self.lower_flop, other.lower_flop),
                (self.certain_flop, other.certain_flop),
            )
        )
        return Figures(best, upper, self.doubts, self.settle, lower, firm)

    def either(self, other: "Figures") -> "Figures":
        """The figures of one of both, nobody knows which: at least the lesser, at most the greater, which is the best
        estimate too; doubts and what settles them are those of the first.
        """
        best, upper, lower, firm = (
            None if mine is None or theirs is None else of_both(mine, theirs)
            for of_both, mine, theirs in (
                (max, self.best_flop, other.best_flop),
                (max, self.upper_flop, other.upper_flop),
                (min, self.lower_flop, other.lower_flop),
                (min, self.certain_flop, other.certain_flop),
            )
        )
        return Figures(best, upper, self.doubts, self.settle, lower, firm)


def exactly(flop: int) -> Figures:
    """An amount that is known."""
    return Figures(flop, flop, lower_flop=flop, firm_flop=flop)


def verdict(figures: Figures, threshold: int) -> Verdict:
    """Above if what is firm > T; below if upper <= T and nothing is in doubt; else indeterminate."""
    if figures.certain_flop is not None and figures.certain_flop > threshold:
        return "above"
    if figures.doubts or figures.upper_flop is None or figures.best_flop is None:
        return "indeterminate"
    return "below" if figures.upper_flop <= threshold else "indeterminate"


def most_severe(verdicts: list[Verdict]) -> Verdict:
    """Above before indeterminate before below; nothing assessed is indeterminate."""
    return max(verdicts, key=SEVERITY.__getitem__, default="indeterminate")
