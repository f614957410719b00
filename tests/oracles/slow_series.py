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
    timed = [(start, value) for start, value in once(points) if start is not None]
    spacing = min((b - a for (a, _), (b, _) in pairwise(timed)), default=timedelta(minutes=1))
    step = timedelta(seconds=period) if period else _of_spacing(spacing)
    found = []
    for start, value in timed:
        overlaps = [min(start + step, span.end) - max(start, span.start) for span in spans]
        covered = sum(overlap // _MICROSECOND for overlap in overlaps if overlap > timedelta())
        if covered:
            found.append((covered, step // _MICROSECOND, value))
    return found


def _of_spacing(spacing: timedelta) -> timedelta:
    """What is more than an hour apart stands for a minute each."""
    return spacing if spacing <= timedelta(hours=1) else timedelta(minutes=1)


def held(points: Sequence[Point], spans: Sequence[Span], period: int | None) -> Fraction | None:
    """The mean over the Training spans of values that each stand until the next one, an hour or the period at most."""
    timed = [(start, value) for start, value in once(points) if start is not None]
    spacing = min((b - a for (a, _), (b, _) in pairwise(timed)), default=timedelta(minutes=1))
    step = timedelta(seconds=period) if period else _of_spacing(spacing)
    longest = max(step, timedelta(hours=1))
    ends = [min(a + longest, b) for (a, _), (b, _) in pairwise(timed)] + [start + step for start, _ in timed[-1:]]
    total, seconds = Fraction(0), 0
    for (start, value), end in zip(timed, ends, strict=True):
        for span in spans:
            overlap = (min(end, span.end) - max(start, span.start)) // _MICROSECOND
            if overlap > 0:
                total, seconds = total + overlap * value, seconds + overlap
    return total / seconds if seconds else None


def mean(points: Sequence[Point], spans: Sequence[Span], period: int | None) -> Fraction | None:
    """The mean over the Training spans."""
    weighted = weigh(points, spans, period)
    covered = sum(time for time, _, _ in weighted)
    return sum((time * value for time, _, value in weighted), Fraction(0)) / covered if covered else None


def occupancy(points: Sequence[Point], spans: Sequence[Span], period: int | None, devices: int) -> Fraction | None:
    """Occupancy of a host's accelerators at most; time without a value counts as fully busy."""
    weighted = weigh(points, spans, period)
    covered = sum(time for time, _, _ in weighted)
    if not covered:
        return None
    total = max(covered, sum((span.end - span.start) // _MICROSECOND for span in spans))
    busy = sum(
        (Fraction(time, total) * min(value * step / time / 100, Fraction(devices)) for time, step, value in weighted),
        Fraction(0),
    )
    return busy / devices + 1 - Fraction(covered, total)


def increase(points: Sequence[Point]) -> Fraction:
    """A counter's increase, summed over its restarts."""
    total = previous = Fraction(0)
    for _, value in once(points):
        total += value - previous if value >= previous else value
        previous = value
    return total
