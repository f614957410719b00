"""Time beside the training that counts in which a run was at work all the same: some host's accelerators were not idle,
or its trainer emitted what only a run at work emits.

The states of a run are its service's word; what its hosts and its trainer did beside them contradicts it, and counts at
the hardware bound (docs/methodology.md, section 3, L).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from flops_auditor.domain.runs.series import HOUR, Series, in_microseconds, step_of
from flops_auditor.domain.runs.training_time import A_MOMENT, TrainingTime

_MOMENT = int(A_MOMENT) * 10**6


@dataclass(frozen=True)
class _Gap:
    """Microseconds since 1970 between two spans that count, or before the first and after the last of them.

    What was taken within a moment of a span belongs to it, as clocks differ: other values are between `first` and
    `last`.
    """

    begin: int
    first: int
    last: int
    end: int


@dataclass(frozen=True)
class Signs:
    """Signs of a run's work, all with one period in seconds (None: not known).

    `occupancies`: how busy each host was; `emitted`: what a trainer emits at work alone; `last`: when the last
    value of such a metric was emitted, in microseconds since 1970.
    """

    occupancies: Sequence[Series]
    emitted: Sequence[Series]
    last: Sequence[int]
    period_seconds: int | None

    def seconds_beside(
        self, time: TrainingTime, created: int | None, begun: int | None, until: int | None = None
    ) -> Fraction:
        """Seconds of work beside what counts of a run already; none where it is no more than a moment.

        `created`: when the run was, in microseconds since 1970; what is older is another run's. `begun`: when it got
        its hardware (None: not known). `until`: up to when is known of a run that goes on. Training of which nothing
        says when it was may have been that work.
        """
        gaps = tuple(_gaps_of(time, created, until))
        pieces = [piece for series in self.occupancies for piece in _busy(series, gaps, self.period_seconds)]
        for series in self.emitted:
            pieces += _emitting(series, gaps, self.period_seconds, begun)
        for moment in self.last:
            pieces += [(_begun(gap, moment, begun), moment) for gap in gaps if gap.first <= moment < gap.last]
        seconds = Fraction(_joined(pieces), 10**6) - time.unplaced
        return seconds if seconds > A_MOMENT else Fraction(0)


def _gaps_of(time: TrainingTime, created: int | None, until: int | None) -> Iterator[_Gap]:
    always, never = 1 << 62 if until is None else until, -(1 << 62) if created is None else created
    edges = [never, *(moment for span in in_microseconds(time.accounted) for moment in span), always]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        first, last = begin + (begin != never) * _MOMENT, end - (end != always) * _MOMENT
        if first < last:
            yield _Gap(begin, first, last, end)


def _inside(series: Series, gaps: Sequence[_Gap], period_seconds: int | None) -> Iterator[tuple[_Gap, range]]:
    """Which values of a series lie in which gap. One whose period reaches into the span behind it belongs to that; a
    period that nobody says is no longer than the time between two values, and that of a single one an hour at most.
    """
    starts, reach, following = series.starts, 0, 0
    for gap in gaps:
        following = bisect_left(starts, gap.first, following)
        if following == len(starts):
            return
        if starts[following] >= gap.last:
            continue
        if not reach:
            spacing = (later - earlier for earlier, later in pairwise(starts))
            reach = period_seconds * 10**6 if period_seconds else min(spacing, default=HOUR)
        beyond = bisect_right(starts, gap.last - reach, following)
        if following < beyond:
            yield gap, range(following, beyond)


def _busy(series: Series, gaps: Sequence[_Gap], period_seconds: int | None) -> Iterator[tuple[int, int]]:
    """When a host's accelerators were not idle: for the period of each value, or, where that is not known, until the
    next one.
    """
    starts, step = series.starts, 0
    for gap, values in _inside(series, gaps, period_seconds):
        step = step or step_of(series, period_seconds)
        for index in values:
            if series.timed[index] > 0:
                follows = period_seconds is None and index + 1 < len(starts)
                yield starts[index], min(starts[index + 1] if follows else starts[index] + step, gap.end)


def _emitting(
    series: Series, gaps: Sequence[_Gap], period_seconds: int | None, begun: int | None
) -> Iterator[tuple[int, int]]:
    """When a trainer was at work: since the gap began, until it last emitted something in it."""
    step = 0
    for gap, values in _inside(series, gaps, period_seconds):
        step = step or step_of(series, period_seconds)
        first, last = series.starts[values[0]], series.starts[values[-1]]
        yield _begun(gap, first, begun), min(last + step, gap.end)


def _begun(gap: _Gap, moment: int, begun: int | None) -> int:
    """When work that was seen at a moment in a gap began, at the earliest."""
    if begun is not None and gap.begin <= begun <= moment:
        return begun
    return moment if gap.first == gap.begin else gap.begin


def _joined(pieces: Sequence[tuple[int, int]]) -> int:
    """Microseconds that lie in some of these pieces."""
    total, upto = 0, -(1 << 62)
    for begin, end in sorted(pieces):
        total += max(0, end - max(begin, upto))
        upto = max(upto, end)
    return total
