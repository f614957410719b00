"""Series in integers: the same figures, to the last FLOP, as point by point in rational numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.runs.occupancy import busyness
from flops_auditor.domain.runs.series import (
    SeriesReader,
    counter_increase,
    coverage,
    held,
    is_amount,
    series_of,
    step_of,
    training_microseconds,
)
from flops_auditor.domain.runs.training_time import Span, merge
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
    assert coverage(series, spans, step).mean() == slow_series.mean(points, spans, period)
    assert held(series, spans, step).mean() == slow_series.held(points, spans, period)


@given(st.one_of(POINTS, TIMED), SPANS, PERIODS, st.integers(1, 16))
def test_an_occupancy_is_that_of_rational_numbers(points: Any, spans: Any, period: int | None, devices: int) -> None:
    busy = busyness(read(points), spans, training_microseconds(spans), period)
    assert (busy.occupancy(devices) if busy else None) == slow_series.occupancy(points, spans, period, devices)


@given(st.one_of(POINTS, TIMED))
def test_a_counter_is_that_of_rational_numbers(points: Any) -> None:
    series = read(points)
    assert Fraction(counter_increase(series.values), series.scale) == slow_series.increase(points)


@pytest.mark.parametrize("value", [True, "1", None, -1, -0.1, float("nan"), float("inf"), 1.1e40, 10**41, [1]])
def test_what_is_no_amount_is_refused(value: object) -> None:
    assert not is_amount(value)
    assert SeriesReader().points({"Values": [value, 1]}) == ([(None, 1)], [value])


@given(VALUES)
def test_an_amount_is_read_as_the_decimal_that_it_was_written_as(value: float) -> None:
    assert is_amount(value)
    series = series_of([(None, value)])
    assert Fraction(series.untimed[0], series.scale) == Fraction(str(value))
