"""Which of the hours that were billed a recorded run explains: an hour of a run explains one billed hour, once.

Counted in ticks of host time, whole numbers: a bill counts in 1e-10 hours, which are 9 ticks, and a record in
milliseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TICKS = 25_000_000
"""Ticks in a second."""
TICKS_IN_AMOUNT = 9
"""Ticks in 1e-10 hours."""
ROUNDING = TICKS
"""A second for each host and line: bills round seconds up, records keep milliseconds."""
LATE = timedelta(hours=1)
"""A meter may book the last minutes of a run in the hour after, or the first in the hour before."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class BilledTime:
    """Time of hosts that was billed for one period; `ticks` is all of it, `rest` what nothing explained so far."""

    start: datetime
    end: datetime
    ticks: int
    rest: int


@dataclass(slots=True)
class RunTime:
    """Time of hosts of one type that a recorded run had; `left` is what explained nothing so far."""

    start: datetime
    end: datetime
    hosts: int
    left: int = 0

    def __post_init__(self) -> None:
        """All of it is left, and what rounding may add."""
        self.left = self.hosts * (ticks_between(self.start, self.end) + ROUNDING)

    def within(self, start: datetime, end: datetime) -> int:
        """How much of it lies in a period, and what rounding may add to that; nothing where they do not meet."""
        inner = ticks_between(max(self.start, start), min(self.end, end))
        return self.hosts * (inner + ROUNDING) if inner >= 0 else 0


def ticks_between(start: datetime, end: datetime) -> int:
    """Ticks from `start` to `end`; negative where `end` is before."""
    return (end - start) // _MICROSECOND * (TICKS // 10**6)


def match(billed: Sequence[BilledTime], runs: Iterable[RunTime], *, same_run: bool) -> None:
    """Have the runs explain what was billed: in `rest` and `left` stays what found no counterpart.

    Each period takes what a run had within it. Where the bill names the run (`same_run`), it takes of what is left what
    the run had less than an hour away.
    """
    in_order = sorted(runs, key=lambda run: run.start)
    periods = sorted(billed, key=lambda each: (each.start, each.end))
    for slack in (timedelta(0), LATE)[: 1 + same_run]:
        waiting, near = list(reversed(in_order)), list[RunTime]()
        for period in periods:
            while waiting and waiting[-1].start - slack < period.end:
                near.append(waiting.pop())
            near = [run for run in near if run.left and run.end + slack >= period.start]
            for run in near:
                taken = min(period.rest, run.left, run.within(period.start - slack, period.end + slack))
                period.rest -= taken
                run.left -= taken
