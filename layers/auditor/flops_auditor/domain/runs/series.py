"""Metric series in integers: when a value was taken, what it is, and how much of the training it covers.

A run may have 100,800 points, the most of one GetMetricData answer (CloudWatch API Reference), and a rational number
for each would take seconds. Times are microseconds since 1970; the values of one series are whole multiples of one
power of ten, so their sums are exact, and become rational once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, chain, pairwise, repeat
from math import isnan
from typing import Any, cast

import orjson

from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.moments import read_time, read_times

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = 60 * 10**6
HOUR = 60 * _MINUTE
A_LONG_TIME = 10**15
"""Microseconds in which a counter that grows at all grows by one."""
_TOO_LARGE = 1e40
"""As a float; see values.amounts.LARGEST_AMOUNT."""
_NUMBERS = frozenset({int, float})


@dataclass(frozen=True)
class Series:
    """Points of one label. `starts` are distinct, in order, and belong to `timed`; `untimed` came without times.

    Values are in units of 1 / `scale`.
    """

    starts: tuple[int, ...]
    timed: tuple[int, ...]
    untimed: tuple[int, ...]
    scale: int

    @property
    def values(self) -> tuple[int, ...]:
        """All values, those without times first."""
        return self.untimed + self.timed

    @cached_property
    def rates(self) -> tuple[int, ...]:
        """By how much a counter grew in `A_LONG_TIME`, at the rate between each value and the next."""
        points = pairwise(zip(self.starts, self.timed, strict=True))
        return tuple(A_LONG_TIME * (b - a) // (later - earlier) for (earlier, a), (later, b) in points)


@dataclass(frozen=True)
class Coverage:
    """What a series says about the training time: `whole` values cover `step` microseconds of training each, and each
    of `parts` a shorter time, (microseconds, value). Values are in units of 1 / `scale`.
    """

    step: int
    whole: tuple[int, ...]
    parts: tuple[tuple[int, int], ...]
    scale: int

    @cached_property
    def covered(self) -> int:
        """Microseconds of training that have a value."""
        return self.step * len(self.whole) + sum(covered for covered, _ in self.parts)

    @property
    def highest(self) -> Fraction:
        """The highest value. Raises ValueError without any."""
        return Fraction(max((*self.whole, *(value for _, value in self.parts))), self.scale)

    def mean(self) -> Fraction | None:
        """The mean value, weighted by time; None when nothing is covered."""
        covered = self.covered
        total = self.step * sum(self.whole) + sum(time * value for time, value in self.parts)
        return Fraction(total, covered * self.scale) if covered else None

    def most(self, highest: int) -> Fraction:
        """Value x microseconds at most, no value being over `highest`.

        A value that covers its period in part bounds it from above: outside it may have been zero.
        """
        cap = highest * self.scale
        whole = sum(self.whole) if max(self.whole, default=0) <= cap else sum(min(value, cap) for value in self.whole)
        parts = sum(min(value * self.step, cap * time) for time, value in self.parts)
        return Fraction(self.step * whole + parts, self.scale)


def is_amount(value: object) -> bool:
    """Not negative, not NaN, and not larger than anything a training run could count."""
    return type(value) in _NUMBERS and 0 <= value < _TOO_LARGE  # type: ignore[operator]


def _all_amounts(values: Sequence[Any]) -> bool:
    """Whether each is, without a call for each; a sum is NaN where one of them is."""
    if not values or not set(map(type, values)) <= _NUMBERS:
        return False
    return min(values) >= 0 and max(values) < _TOO_LARGE and not isnan(sum(values))


class SeriesReader:
    """Reads metric results. Series of one run are mostly taken at the same times, which are then read once."""

    def __init__(self) -> None:
        self._last: tuple[Sequence[object], list[int | None]] = (), []

    def points(self, result: Mapping[str, Any]) -> tuple[list[tuple[int | None, float]], list[object]]:
        """Points of a MetricDataResult, time (None: it has none) and value, and the values that are no amounts."""
        values, times = result.get("Values") or [], result.get("Timestamps") or []
        values = values if isinstance(values, Sequence) else []
        times = times if isinstance(times, Sequence) else []
        if times != self._last[0]:
            self._last = times, _all_microseconds(times)
        points = list(zip(chain(self._last[1], repeat(None)), values, strict=False))
        if _all_amounts(values):
            return points, []
        refused = [value for value in values if not is_amount(value)]
        return [(start, value) for start, value in points if is_amount(value)], refused


def series_of(points: Sequence[tuple[int | None, float]]) -> Series:
    """One series. Of several values at one time the highest counts, as pages or windows of an answer may overlap."""
    highest, untimed = cast("dict[int, float]", dict(points)), list[float]()
    if None in highest or len(highest) < len(points):
        highest = {}
        for start, value in points:
            if start is None:
                untimed.append(value)
            elif value >= highest.get(start, 0):
                highest[start] = value
    starts = sorted(highest)
    scaled, scale = _scaled([*untimed, *map(highest.__getitem__, starts)])
    return Series(tuple(starts), tuple(scaled[len(untimed) :]), tuple(scaled[: len(untimed)]), scale)


def moment_in_microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds


def _all_microseconds(times: Sequence[object]) -> list[int | None]:
    """Microseconds since 1970 of each time that can be read: all at once, as they nearly always can be."""
    try:
        since = [moment - _EPOCH for moment in read_times(times)]
        return [(each.days * 86_400 + each.seconds) * 10**6 + each.microseconds for each in since]
    except (ValueError, OverflowError, TypeError):
        return [_microseconds(time) for time in times]


def _microseconds(value: object) -> int | None:
    try:
        return moment_in_microseconds(read_time(value))
    except (ValueError, OverflowError, TypeError):
        return None


def _scaled(values: Sequence[float]) -> tuple[list[int], int]:
    """Values as the decimals they were written as (0.1 is one tenth), in units of one power of ten."""
    split = [(format(Decimal(text), "f") if "e" in text else text).partition(".") for text in _written(values)]
    places = max([len(part) for _, _, part in split], default=0)
    rest = [10 ** (places - written) for written in range(places + 1)]
    return [int(whole + part) * rest[len(part)] for whole, _, part in split], 10**places


def _written(values: Sequence[float]) -> list[str]:
    """The shortest decimals that are read as these values: orjson writes them as `repr` does, many times as fast."""
    try:
        return orjson.dumps(values)[1:-1].decode().split(",") if values else []
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return [repr(value) for value in values]


def coverage(series: Series, moments: "Moments", step: int) -> Coverage:
    """What means over periods of `step` microseconds say about the Training spans.

    Each value counts with its overlap; values outside, and those without times, are left out: they cover no time.
    """
    whole: list[int] = []
    parts: dict[int, int] = {}
    starts = series.starts
    for begin, end, reaching in moments.reached(starts, lambda moment: bisect_right(starts, moment - step)):
        first, last = bisect_left(starts, begin), bisect_right(starts, end - step)
        whole += series.timed[first:last]
        for index in chain(range(reaching, first), range(max(first, last), len(starts))):
            start = starts[index]
            if start >= end:
                break
            parts[index] = parts.get(index, 0) + min(start + step, end) - max(start, begin)
    return Coverage(step, tuple(whole), tuple((parts[i], series.timed[i]) for i in sorted(parts)), series.scale)


def held(series: Series, moments: "Moments", step: int) -> Coverage:
    """What values that are logged now and then say about the Training spans: each stands until the next one, for an
    hour or `step` microseconds at most; the last one for `step`.
    """
    starts, longest = series.starts, max(step, HOUR)
    ends = [min(start + longest, following) for start, following in pairwise(starts)]
    ends += [start + step for start in starts[-1:]]
    pieces: list[tuple[int, int]] = []
    for begin, end, first in moments.reached(starts, lambda moment: bisect_right(ends, moment)):
        for index in range(first, bisect_left(starts, end)):
            time = min(ends[index], end) - max(starts[index], begin)
            if time > 0:
                pieces.append((time, series.timed[index]))
    return Coverage(step, (), tuple(pieces), series.scale)


def step_of(series: Series, period_seconds: int | None) -> int:
    """Microseconds that one value stands for: the period that was asked for, or else the spacing of the values. Nothing
    shows that values over an hour apart are means: CloudWatch keeps finer ones for 455 days (CloudWatch User Guide,
    metrics retention), and each of them may be a sample. It then stands for a minute.
    """
    if period_seconds:
        return period_seconds * 10**6
    spacing = min((later - earlier for earlier, later in pairwise(series.starts)), default=_MINUTE)
    return spacing if spacing <= HOUR else _MINUTE


@dataclass(frozen=True)
class Moments:
    """When spans, disjoint and in order, begin and end, in microseconds since 1970. Once for all series of a run: there
    may be thousands of both.
    """

    begins: tuple[int, ...]
    ends: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.begins)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.begins, self.ends, strict=True)

    @cached_property
    def _before(self) -> tuple[int, ...]:
        return (0, *accumulate(end - begin for begin, end in self))

    @property
    def total(self) -> int:
        """The length of all spans."""
        return self._before[-1]

    def until(self, moment: int) -> int:
        """The length of all that lies before a moment."""
        number = bisect_right(self.begins, moment) - 1
        return self._before[number] + min(moment, self.ends[number]) - self.begins[number] if number >= 0 else 0

    def reached(self, starts: Sequence[int], first: Callable[[int], int]) -> Iterator[tuple[int, int, int]]:
        """The spans that values reach into: begin, end, and the first such value. `first` gives the first value that
        ends after a moment. Spans between two values are not walked through.
        """
        number = 0
        while number < len(self):
            begin, end = self.begins[number], self.ends[number]
            index = first(begin)
            if index == len(starts):
                return
            if starts[index] < end:
                yield begin, end, index
                number += 1
            else:
                number = max(number + 1, bisect_right(self.ends, starts[index]))


def in_microseconds(spans: Sequence[Span]) -> Moments:
    """When the spans were; nothing where none of them lasted, since no share can be had of no time."""
    moments = Moments(
        tuple(moment_in_microseconds(span.start) for span in spans),
        tuple(moment_in_microseconds(span.end) for span in spans),
    )
    return moments if moments.total else Moments((), ())


def falls(values: Sequence[int]) -> int:
    """How often a counter goes backwards."""
    return sum(later < earlier for earlier, later in pairwise(values))


def counter_increase(values: Sequence[int]) -> int:
    """The total increase of a counter that starts at zero and may restart from zero: a fall begins a new count.

    Source: Prometheus, `increase()` and counter resets.
    """
    peaks = sum(earlier for earlier, later in pairwise(values) if later < earlier)
    return peaks + (values[-1] if values else 0)
