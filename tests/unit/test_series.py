"""Series in integers: the same figures, to the last FLOP, as point by point in rational numbers."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.runs.emitted import read_counter
from flops_auditor.domain.runs.occupancy import busyness
from flops_auditor.domain.runs.series import (
    Coverage,
    Moments,
    Series,
    SeriesReader,
    counter_increase,
    coverage,
    held,
    in_microseconds,
    is_amount,
    moment_in_microseconds,
    series_of,
    step_of,
)
from flops_auditor.domain.runs.training_time import Span, merge
from flops_auditor.domain.values.moments import read_time
from tests.oracles import slow_series

START = datetime(2026, 3, 1, tzinfo=UTC)
MOMENTS = st.integers(-600, 7200).map(lambda second: START + timedelta(seconds=second))
VALUES = st.one_of(
    st.integers(0, 10**18),
    st.floats(0, 800, allow_nan=False),
    st.floats(0, 1e39, allow_nan=False),
    st.sampled_from([0.1, 1e-320, 1e23, 5e22, 100.0, 1e16]),
)
POINTS = st.lists(st.tuples(st.one_of(MOMENTS, MOMENTS, MOMENTS, st.none()), VALUES), max_size=40)
TIMED = st.lists(st.tuples(MOMENTS, VALUES), max_size=40)
SPANS = st.lists(st.tuples(MOMENTS, st.integers(1, 3000)), max_size=4).map(
    lambda pairs: merge([Span(start, start + timedelta(seconds=length, milliseconds=1)) for start, length in pairs])
)
PERIODS = st.sampled_from([None, 1, 60, 300, 3600])


def read(points: Sequence[slow_series.Point], spelling: str = "text") -> Any:
    times: list[Any] = [None if start is None else start for start, _ in points]
    if spelling == "text":
        times = [None if time is None else time.isoformat().replace("+00:00", "Z") for time in times]
    found, refused = SeriesReader().points({"Timestamps": times, "Values": [value for _, value in points]})
    assert not refused
    return series_of(found)


@given(st.one_of(POINTS, TIMED), SPANS, PERIODS, st.sampled_from(["text", "moments"]))
def test_a_mean_is_that_of_rational_numbers(points: Any, spans: Any, period: int | None, spelling: str) -> None:
    series = read(points, spelling)
    step = step_of(series, period)
    assert coverage(series, in_microseconds(spans), step).mean() == slow_series.mean(points, spans, period)
    assert held(series, in_microseconds(spans), step).mean() == slow_series.held(points, spans, period)


@given(st.one_of(POINTS, TIMED), SPANS, PERIODS, st.integers(1, 16))
def test_an_occupancy_is_that_of_rational_numbers(points: Any, spans: Any, period: int | None, devices: int) -> None:
    busy = busyness(read(points), in_microseconds(spans), period)
    assert (busy.occupancy(devices) if busy else None) == slow_series.occupancy(points, spans, period, devices)


@given(st.one_of(POINTS, TIMED))
def test_a_counter_is_that_of_rational_numbers(points: Any) -> None:
    series = read(points)
    assert Fraction(counter_increase(series.values), series.scale) == slow_series.increase(points)


SPELT = st.one_of(
    MOMENTS.map(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    st.sampled_from(
        [
            None,
            "",
            "2026",
            "20260301",
            "20260301T001000Z",
            " 2026-03-01T00:10:00Z ",
            "2026-03-01T00:10:00",
            "2026-03-01T01:10:00+01:00",
            "1772323800",
            "1772323800000",
            1772323800,
            "1969-12-31T23:59:59Z",
            "3000-01-01T00:00:00Z",
            "2026-W09-7T00:10:00Z",
        ]
    ),
)


def alone(time: object) -> int | None:
    try:
        return moment_in_microseconds(read_time(time))
    except (ValueError, OverflowError, TypeError):
        return None


@given(st.lists(st.lists(SPELT, max_size=6), max_size=3))
def test_times_are_read_as_each_alone_is(series: list[list[Any]]) -> None:
    """Whatever the others are, and the series before."""
    reader = SeriesReader()
    for times in series:
        together, _ = reader.points({"Timestamps": times, "Values": [1] * (len(times) + 1)})
        assert together == [*((alone(time), 1) for time in times), (None, 1)]


@given(st.lists(st.one_of(VALUES, st.integers(0, 10**39)), max_size=40))
def test_values_are_those_that_they_are_written_as(values: list[float]) -> None:
    """All of a series at once, with integers beyond 64 bits or without."""
    read_back = series_of([(None, value) for value in values])
    assert [Fraction(value, read_back.scale) for value in read_back.untimed] == [Fraction(repr(v)) for v in values]


@pytest.mark.parametrize("value", [True, "1", None, -1, -0.1, float("nan"), float("inf"), 1.1e40, 10**41, [1]])
def test_what_is_no_amount_is_refused(value: object) -> None:
    assert not is_amount(value)
    assert SeriesReader().points({"Values": [value, 1]}) == ([(None, 1)], [value])


@given(VALUES)
def test_an_amount_is_read_as_the_decimal_that_it_was_written_as(value: float) -> None:
    assert is_amount(value)
    series = series_of([(None, value)])
    assert Fraction(series.untimed[0], series.scale) == Fraction(str(value))


class Counted(int):
    """A moment that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) < other

    def __ge__(self, other: int) -> bool:
        return not self < other

    __hash__ = int.__hash__


def test_a_counter_over_many_restarts_is_walked_through_once() -> None:
    """4,000 spans x 40,000 values took 5 s of CPU when each restart looked at all values."""
    minutes, restarts = 2000, 500
    spans = [Span(START + i * timedelta(minutes=4), START + timedelta(minutes=4 * i + 3)) for i in range(restarts)]
    moments = in_microseconds(spans)
    series = Series(
        tuple(Counted(moments.begins[0] + minute * 60 * 10**6) for minute in range(minutes)),
        tuple(range(1, minutes + 1)),
        (),
        1,
    )
    Counted.compared = 0
    read = read_counter("num_tokens", series, moments, 60, [])
    assert read is not None and read.value == minutes
    assert Counted.compared < 40 * restarts


def test_spans_between_two_values_are_not_walked_through() -> None:
    """4,000 spans x 2,000 hosts with two values each took 9 s of CPU."""
    spans = [Span(START + i * timedelta(minutes=10), START + timedelta(minutes=10 * i + 4)) for i in range(4000)]
    moments = in_microseconds(spans)
    ends = (moments.begins[0], moments.ends[-1] - 60 * 10**6)
    asked: list[int] = []

    def first(moment: int) -> int:
        asked.append(moment)
        return bisect_right(ends, moment - 60 * 10**6)

    assert list(moments.reached(ends, first)) == [
        (*ending, number) for number, ending in enumerate((*moments,)[::3999])
    ]
    assert len(asked) < 5
    series = Series(ends, (1, 2), (), 1)
    assert coverage(series, moments, 60 * 10**6) == Coverage(60 * 10**6, (1, 2), (), 1)


def lost_by_each_span(series: Series, moments: Moments, step: int) -> int:
    points = pairwise(zip(series.starts, series.timed, strict=True))
    fastest = max((Fraction(max(0, b - a), later - earlier) for (earlier, a), (later, b) in points), default=0)
    lost = 0
    for begin in moments.begins[1:]:
        after = sum(start < begin for start in series.starts)
        rises = 0 < after < len(series.starts) and series.timed[after] >= series.timed[after - 1]
        if rises and series.timed[after] <= 2 * fastest * (series.starts[after] + step - begin):
            lost += series.timed[after - 1]
    return lost


def counted_in_each_span(series: Series, moments: Moments, step: int) -> int:
    counted = 0
    for (begin, end), following in zip(moments, (*moments.begins[1:], 1 << 62), strict=True):
        upto = max((start for start in series.starts if start < following), default=-(1 << 62))
        counted += max(0, min(upto + step, end) - begin)
    return counted


@given(TIMED, SPANS, PERIODS)
def test_a_counter_over_spans_is_that_of_each_span(points: Any, spans: Any, period: int | None) -> None:
    rising = zip(sorted(moment for moment, _ in points), sorted(value for _, value in points), strict=True)
    series, moments = read([*rising]), in_microseconds(spans)
    counted, step = read_counter("num_tokens", series, moments, period, []), step_of(series, period)
    assert counted is not None
    if spans and points:
        assert counted.share == Fraction(counted_in_each_span(series, moments, step), moments.total)
        lost = Fraction(lost_by_each_span(series, moments, step), series.scale)
        assert counted.highest == counted.value + lost
        assert 0 <= counted.watched <= 1
