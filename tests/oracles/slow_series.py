"""Metric series point by point in rational numbers: slow and plain, what runs/series.py must agree with."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from flops_auditor.domain.runs.training_time import Span

Point = tuple[datetime | None, float]
_MICROSECOND = timedelta(microseconds=1)


def once(points: Sequence[Point]) -> list[tuple[datetime | None, Fraction]]:
    """Points in order of time, those without first; of several at one time the highest."""
    exact = [(start, Fraction(str(value))) for start, value in points]
    times = sorted({start for start, _ in exact if start is not None})
    untimed: list[tuple[datetime | None, Fraction]] = [(None, value) for start, value in exact if start is None]
    return untimed + [(time, max(value for start, value in exact if start == time)) for time in times]


def weigh(points: Sequence[Point], spans: Sequence[Span], period: int | None) -> list[tuple[int, int, Fraction]]:
    """(microseconds covered, microseconds of its period, value) of each point that covers some training."""
    kept = once(points)
    timed = [(start, value) for start, value in kept if start is not None]
    if not spans or (len(timed) < len(kept) and period is None):
        return [(1, 1, value) for _, value in kept]
    spacing = min((b - a for (a, _), (b, _) in pairwise(timed)), default=timedelta(minutes=1))
    step = timedelta(seconds=period) if period else spacing
    found = []
    for start, value in timed:
        overlaps = [min(start + step, span.end) - max(start, span.start) for span in spans]
        covered = sum(overlap // _MICROSECOND for overlap in overlaps if overlap > timedelta())
        if covered:
            found.append((covered, step // _MICROSECOND, value))
    return found


def mean(points: Sequence[Point], spans: Sequence[Span], period: int | None) -> Fraction | None:
    """The mean over the Training spans."""
    weighted = weigh(points, spans, period)
    covered = sum(time for time, _, _ in weighted)
    return sum((time * value for time, _, value in weighted), Fraction(0)) / covered if covered else None


def occupancy(points: Sequence[Point], spans: Sequence[Span], period: int | None, devices: int) -> Fraction | None:
    """Occupancy of a host's accelerators; time without a value counts as fully busy where the period is known."""
    weighted = weigh(points, spans, period)
    covered = sum(time for time, _, _ in weighted)
    if not covered:
        return None
    total, even = covered, period is None or not spans
    if not even:
        total = max(covered, sum((span.end - span.start) // _MICROSECOND for span in spans))
    busy = sum(
        (Fraction(time, total) * min((value if even else value * step / time) / 100, Fraction(devices)))
        for time, step, value in weighted
    )
    return busy / devices + 1 - Fraction(covered, total)


def increase(points: Sequence[Point]) -> Fraction:
    """A counter's increase, summed over its restarts."""
    total = previous = Fraction(0)
    for _, value in once(points):
        total += value - previous if value >= previous else value
        previous = value
    return total
