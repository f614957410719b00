"""Metrics: occupancy per host over the Training spans, and what the training code emitted."""

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.data import load_tables
from flops_auditor.domain.runs import occupancy as occupancies
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.observations import (
    Observations,
    metric_results,
    observe,
)
from flops_auditor.domain.runs.occupancy import Busy, busyness
from flops_auditor.domain.runs.series import Coverage, counter_increase, in_microseconds, series_of
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.training_time import Span
from tests.fakes.cases import words
from tests.fakes.jobs import CREATED, describe

VOCABULARY = load_tables().metrics
START = CREATED + timedelta(minutes=10)


def series(label: str, *values: float | tuple[float, Any], period: int = 60, **more: Any) -> dict[str, Any]:
    """Values at the start of training, one per period, or (minute, value) pairs."""
    pairs = [v if isinstance(v, tuple) else (i * period / 60, v) for i, v in enumerate(values)]
    times = [START + timedelta(minutes=minute) for minute, _ in pairs]
    return {"Label": label, "Timestamps": times, "Values": [value for _, value in pairs], **more}


def bare(label: str, *values: Any) -> dict[str, Any]:
    return {"Label": label, "Values": list(values)}


def observed(*results: Any, period: int | None = None, hours: float = 0.1, **changes: Any) -> Observations:
    evidence = Evidence(describe(hours=hours, **changes), metrics=list(results), period_seconds=period)
    return observe(evidence, case_of(evidence).run, VOCABULARY)


def occupancy(*results: Any, devices: int = 8, **kwargs: Any) -> Fraction:
    return observed(*results, **kwargs).busy["algo-1"].occupancy(devices)


def test_every_minute_known() -> None:
    assert occupancy(series("GPUUtilization algo-1", 800, 400, 800, 400, 800, 400), period=60) == Fraction(3, 4)


def test_a_gap_counts_as_fully_busy() -> None:
    found = observed(series("GPUUtilization algo-1", 400, 400, 400), period=60).busy["algo-1"]
    assert found.coverage == Fraction(1, 2)
    assert found.occupancy(8) == Fraction(3, 4)


def statistics(*minutes: list[float], period: int = 60) -> list[dict[str, Any]]:
    """What CloudWatch gives of the samples of each period: mean, highest and how many."""
    label = "GPUUtilization algo-1"
    return [
        series(label, *(sum(samples) / len(samples) for samples in minutes), period=period),
        series(f"{label} Maximum", *map(max, minutes), period=period),
        series(f"{label} Minimum", *map(min, minutes), period=period),
        series(f"{label} SampleCount", *map(len, minutes), period=period),
    ]


def test_samples_of_the_agent_count_with_their_mean() -> None:
    found = observed(*statistics([800], [400], [800], [400], [0], [0]), period=60)
    assert found.busy["algo-1"].occupancy(8) == Fraction(1, 2)
    assert found.notes == ()
    hourly = observed(*statistics([600.0] * 30 + [0.0] * 30, period=3600), period=3600, hours=1)
    assert hourly.busy["algo-1"].occupancy(8) == Fraction(3, 4), "nothing shows whose samples made a mean of many"
    assert [note.kind.name for note in hourly.notes] == ["occupancy-highest-of-periods"]


@pytest.mark.parametrize(
    "added",
    [[0.0] * 99, [0.0], [-799.0], [-2000.0]],
    ids=["ninety-nine-zeros", "one-zero", "below-zero", "mean-below-zero"],
)
def test_added_samples_never_lower_the_occupancy(added: list[float]) -> None:
    """Whoever may put metric data adds samples to those of the agent."""
    honest = observed(*statistics(*[[800.0]] * 6), period=60).busy["algo-1"].occupancy(8)
    for results in (statistics(*[[800.0, *added]] * 6), statistics(*[[800.0, *added]] * 3, *[[800.0]] * 3)):
        found = observed(*results, period=60)
        busy = found.busy.get("algo-1")
        assert busy is None or busy.occupancy(8) >= honest
        assert found.notes


def test_a_statistic_set_without_samples_of_its_own_is_seen_by_the_highest_value() -> None:
    """A set of a sum and next to no samples: a single sample cannot be higher than its mean."""
    label = "GPUUtilization algo-1"
    results = [
        series(label, *[8] * 6),
        series(f"{label} Maximum", *[800] * 6),
        series(f"{label} SampleCount", *[1] * 6),
    ]
    found = observed(*results, period=60)
    assert found.busy["algo-1"].occupancy(8) == 1
    assert [note.kind.name for note in found.notes] == ["occupancy-has-added-samples"]


def test_a_sample_below_zero_is_seen_where_the_agent_left_one_out() -> None:
    """An hour with 59 samples of the agent has room for one more, which would take most of the mean."""
    found = observed(*statistics([800.0] * 59 + [-46000.0], period=3600), period=3600, hours=1)
    assert found.busy["algo-1"].occupancy(8) == 1
    assert "occupancy-has-added-samples" in [note.kind.name for note in found.notes]


def test_without_the_highest_value_a_period_with_added_samples_is_fully_busy() -> None:
    mean, _, _, samples = statistics(*[[800.0, 0.0]] * 6)
    assert observed(mean, samples, period=60).busy == {}
    assert "occupancy-has-added-samples" in [note.kind.name for note in observed(mean, samples, period=60).notes]


@given(
    st.lists(st.lists(st.integers(0, 800), min_size=1, max_size=1), min_size=6, max_size=6),
    st.lists(st.lists(st.integers(-800, 800), max_size=5), min_size=6, max_size=6),
)
def test_no_sample_that_is_added_lowers_the_bound(agent: list[list[float]], added: list[list[float]]) -> None:
    honest = observed(*statistics(*agent), period=60).busy["algo-1"].occupancy(8)
    both = [[*mine, *more] for mine, more in zip(agent, added, strict=True)]
    busy = observed(*statistics(*both), period=60).busy.get("algo-1")
    assert busy is None or busy.occupancy(8) >= honest


@pytest.mark.parametrize("period", [300, 3600])
@pytest.mark.parametrize("added", [-47190.0, -1.0, 0.0])
def test_a_set_of_next_to_no_samples_lowers_no_long_period(period: int, added: float) -> None:
    """CloudWatch keeps no more of a set than sum, number, lowest and highest: of 1e-9 samples, any sum and zeros."""
    label, count = "GPUUtilization algo-1", period // 60
    mean = max((800.0 * count + added) / count, 0.0)
    figures = {"": mean, " Maximum": 800.0, " Minimum": 0.0, " SampleCount": float(count)}
    results = [series(label + end, *[each] * (3600 // period), period=period) for end, each in figures.items()]
    found = observed(*results, period=period, hours=1)
    assert found.busy["algo-1"].occupancy(8) == 1
    assert "occupancy-highest-of-periods" in [note.kind.name for note in found.notes]


@pytest.mark.parametrize("period", [60, 300, 3600])
@pytest.mark.parametrize("some", [False, True], ids=["every-period", "half-of-them"])
@pytest.mark.parametrize(
    "figures",
    [
        {" SampleCount": 1e50},
        {" SampleCount": math.inf},
        {" SampleCount": -1.0},
        {" SampleCount": 1e50, " Maximum": 2.0**360},
        {" Maximum": 2.0**360},
        {" Maximum": 2.0**360, " Minimum": -(2.0**360)},
    ],
    ids=str,
)
def test_a_figure_that_no_samples_have_lowers_no_period(period: int, some: bool, figures: dict[str, float]) -> None:
    """What the bound on amounts leaves out leaves no bare mean."""
    label, count = "GPUUtilization algo-1", 7200 // period
    honest = {"": 800.0, " Maximum": 800.0, " Minimum": 800.0, " SampleCount": period / 60}
    forged = {**honest, "": 0.0, " Minimum": 0.0, **figures}
    of_each = [forged, honest if some else forged] * (count // 2)
    results = [series(label + end, *(each[end] for each in of_each), period=period) for end in honest]
    found = observed(*results, period=period, hours=2)
    busy = found.busy.get("algo-1")
    assert busy is None or busy.occupancy(8) == 1
    assert "occupancy-has-added-samples" in [note.kind.name for note in found.notes]
    asked_for_two = observed(*results[:2], period=period, hours=2).busy.get("algo-1")
    assert period == 60 or asked_for_two is None or asked_for_two.occupancy(8) == 1


@pytest.mark.parametrize(("mean", "least"), [(44.0, Fraction(44, 800)), (800.0, 1), (None, 1)])
def test_a_lower_bound_takes_the_means_of_long_periods(mean: float | None, least: Fraction) -> None:
    """One minute of each hour was busy, or nothing is known of the mean."""
    label = "GPUUtilization algo-1"
    means = [series(label, *[mean] * 6, period=3600)] if mean is not None else []
    busy = observed(*means, series(f"{label} Maximum", *[800] * 6, period=3600), period=3600, hours=6).busy["algo-1"]
    assert busy.occupancy(8) == 1
    assert busy.least.occupancy(8) == least


def test_a_mean_below_zero_costs_a_long_period_nothing() -> None:
    label = "GPUUtilization algo-1"
    results = [series(label, -46000.0, 400, period=3600), series(f"{label} Maximum", 400, 400, period=3600)]
    assert observed(*results, period=3600, hours=2).busy["algo-1"].occupancy(8) == Fraction(1, 2)


def test_the_highest_values_alone_are_an_occupancy() -> None:
    found = observed(series("GPUUtilization algo-1 Maximum", *[400] * 12, period=300), period=300, hours=1)
    assert found.busy["algo-1"].occupancy(8) == Fraction(1, 2)
    assert words(found.notes) == (
        "the occupancy is that of periods of 5 minutes, in which an old or large run is read: each counts with its "
        "busiest minute, since whoever may write the metric can lower a mean",
    )


def test_the_host_may_stand_with_its_job() -> None:
    assert set(observed(series("GPUUtilization fine-tune/algo-12", 1)).busy) == {"algo-12"}


@pytest.mark.parametrize(
    "label", ["GPUUtilization", "GPUUtilization all", "GPUUtilization algo-0", "GPUUtilization algo-1x"]
)
def test_a_series_without_a_host_is_left_aside_and_named(label: str) -> None:
    found = observed(bare(label, 100))
    assert found.busy == {}
    assert label in words(found.notes)[0]


def test_values_outside_training_do_not_count() -> None:
    found = observed(series("GPUUtilization algo-1", (-5, 0), (100, 0)), period=60)
    assert found.busy == {}
    assert "no value lies in training time" in words(found.notes)[0]


def test_the_pause_of_a_spot_job_does_not_count() -> None:
    spans = [(0, 2), (10, 12)]
    steps = [
        {"Status": "Training", "StartTime": START + timedelta(minutes=a), "EndTime": START + timedelta(minutes=b)}
        for a, b in spans
    ]
    points = [(0, 800), (1, 800), (2, 0), (5, 0), (9, 0), (10, 400), (11, 400), (12, 0)]
    found = occupancy(series("GPUUtilization algo-1", *points), period=60, SecondaryStatusTransitions=steps)
    assert found == Fraction(3, 4)


def test_an_hour_that_training_filled_in_part_bounds_it_from_above() -> None:
    """Idle before training, the mean over the hour hides how busy training was."""
    point = series("GPUUtilization algo-1", (-30, 200), period=3600)
    assert occupancy(point, period=3600, hours=0.5) == Fraction(1, 2)
    assert occupancy(point, period=3600, hours=0.25) == 1
    assert occupancy(series("GPUUtilization algo-1", (0, 200)), period=3600, hours=0.5) == Fraction(1, 2)


def test_pages_of_one_label_are_one_series() -> None:
    """`aws cloudwatch get-metric-data` without paging gives one answer per page, each with the same labels."""
    first = series("GPUUtilization algo-1", 800, 800, 800)
    second = series("GPUUtilization algo-1", (3, 0), (4, 0), (5, 0))
    for results in ([first, second], [second, first], [first, second, first]):
        assert occupancy(*results, period=60) == Fraction(1, 2)
        assert occupancy(*results) == Fraction(1, 2), "a minute is the spacing of the values"


def test_of_two_values_at_one_time_the_higher_counts() -> None:
    high, low = series("GPUUtilization algo-1", (0, 400)), series("GPUUtilization algo-1", (0, 0))
    assert occupancy(high, low, period=360) == occupancy(low, high, period=360) == Fraction(1, 2)


def test_values_without_times_cover_nothing() -> None:
    for period in (60, None):
        found = observed(bare("GPUUtilization algo-1", 0, 0), period=period)
        assert found.busy == {}
        assert "no value lies in training time" in words(found.notes)[0]


def test_without_a_period_the_spacing_of_values_is_taken_and_said() -> None:
    found = observed(series("GPUUtilization algo-1", (0, 800), (3, 400)))
    assert found.busy["algo-1"].occupancy(8) == Fraction(3, 4), "three minutes each of six"
    assert any("the spacing of their values is taken for it" in note for note in words(found.notes))


def test_ten_samples_in_twenty_days_do_not_speak_for_the_rest() -> None:
    """A mean of CloudWatch spans a day at most: what is two days apart is no series of means, and says little."""
    two_days = 2 * 24 * 60
    found = observed(series("GPUUtilization algo-1", *((day * two_days, 0) for day in range(10))), hours=480)
    assert found.busy["algo-1"].occupancy(8) == 1 - Fraction(10, 20 * 24 * 60)
    early = observed(series("GPUUtilization algo-1", *([0] * 10)), hours=480)
    assert early.busy["algo-1"].occupancy(8) > Fraction(99, 100)


def test_nonsense_is_left_aside_and_named_once() -> None:
    values = [float("nan"), -1, True, "x", 400, None, float("inf"), 10**400, 1.1e40]
    found = observed(series("GPUUtilization algo-1", *((0, value) for value in values)), period=360)
    assert found.busy["algo-1"].occupancy(8) == Fraction(1, 2)
    assert sum("no amounts" in note for note in words(found.notes)) == 1
    assert "8 values" in next(note for note in words(found.notes) if "no amounts" in note)


@pytest.mark.parametrize("result", ["x", 7, None, {"Label": "mfu", "Values": 5}, {"Values": None}, {}])
def test_results_that_are_none_are_no_evidence(result: Any) -> None:
    found = observed(result)
    assert (found.busy, found.emitted) == ({}, {})


def test_broken_times_do_not_break_the_audit() -> None:
    result = {
        "Label": "GPUUtilization algo-1",
        "Timestamps": ["soon", None, "9999-12-31T23:59:59Z", START.isoformat()],
        "Values": [800, 0, 400, 200],
    }
    assert occupancy(result, period=360) == Fraction(1, 4)
    assert observed({**result, "Timestamps": 5}, period=360).busy == {}


def test_one_accelerator_is_never_busier_than_all_the_time() -> None:
    busy = Busy(Coverage(60, (2000, 0), (), 1), 120)
    assert busy.occupancy(8) == Fraction(1, 2)
    assert busy.highest == 20


@pytest.mark.parametrize(
    ("codes", "doubts"),
    [
        (["Complete"], 0),
        (["PartialData", "Complete"], 0),
        (["Complete", "PartialData"], 0),
        (["PartialData"], 1),
        (["Complete", "InternalError"], 1),
        (["Forbidden"], 1),
        ([None], 0),
    ],
)
def test_an_answer_that_is_not_whole_is_a_doubt(codes: list[str | None], doubts: int) -> None:
    """CloudWatch API Reference, MetricDataResult: InternalError and Forbidden lack some, PartialData waits."""
    found = observed(*(series("mfu", 0.4, StatusCode=code) for code in codes))
    assert len(found.doubts) == doubts
    if doubts:
        assert "'mfu'" in words(found.doubts)[0]
        assert next(c for c in codes if c != "Complete") in words(found.doubts)[0]


def last(name: str, value: float) -> dict[str, Any]:
    return {"MetricName": name, "Value": value}


def test_a_mean_is_weighted_by_time() -> None:
    found = observed(series("mfu", (0, 0.4), (1, 0.4), (2, 0.2)), period=60)
    assert found.emitted["mfu"].value == Fraction(1, 3)


def test_a_name_may_hold_blanks_or_its_host() -> None:
    assert observed(bare("throughput per GPU (TFLOP/s/GPU)", 400)).emitted["model_flop_rate"].value == 4 * 10**14
    assert observed(bare("mfu algo-1", 0.4)).emitted["mfu"].value == Fraction(2, 5)
    assert observed(bare("train loss", 0.4), bare("unheard of", 1)).emitted == {}


def test_hosts_that_each_emit_a_counter_are_not_one_series() -> None:
    """Each may count its own share: the sum; of one count that both repeat, one is the whole."""
    hosts = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 4}}
    results = series("num_tokens algo-1", *range(10, 70, 10)), series("num_tokens algo-2", *range(11, 71, 10))
    found = observed(*results, period=60, **hosts).emitted["tokens"]
    assert (found.value, found.lowest, found.highest) == (121, 61, 121)
    assert found.share == Fraction(1, 2), "two hosts of four are silent"


def test_of_two_names_for_one_quantity_the_larger_counts_and_a_contradiction_is_said() -> None:
    near = observed(bare("num_tokens", 100), bare("num_input_tokens_seen", 110))
    far = observed(bare("num_input_tokens_seen", 1000), bare("num_tokens", 100))
    assert near.emitted["tokens"].value == 110
    assert words(near.notes) == ()
    assert far.emitted["tokens"].name == "num_input_tokens_seen"
    assert any("contradictory" in note and "num_tokens" in note for note in words(far.notes))


def test_the_last_value_stands_in_for_a_series() -> None:
    found = observed(FinalMetricDataList=[last("total_flos", 4e18), last("mfu", 0.4), last("loss", 2)])
    assert found.emitted["trainer_flop"].value == 4 * 10**18
    assert found.emitted["mfu"].value == Fraction(2, 5)
    assert found.emitted["mfu"].share is None and found.emitted["trainer_flop"].share is None
    timed = observed(FinalMetricDataList=[{**last("total_flos", 4e18), "Timestamp": START + timedelta(minutes=3)}])
    assert timed.emitted["trainer_flop"].share == Fraction(1, 2)
    assert found.training_signs == ("loss", "mfu", "total_flos")
    assert any("last steps alone" in note for note in words(found.notes))


def test_a_counter_whose_series_stops_early_counts_to_its_last_value() -> None:
    """Removing points must not lower a figure: the last value is larger than the series shows."""
    found = observed(series("num_tokens", 10, 20), FinalMetricDataList=[last("num_tokens", 900)])
    assert found.emitted["tokens"].value == 900
    found = observed(series("num_tokens", 10, 900), FinalMetricDataList=[last("num_tokens", 20)])
    assert found.emitted["tokens"].value == 900


def test_a_mean_over_the_run_goes_before_the_last_value() -> None:
    found = observed(series("mfu", 0.3, 0.3), FinalMetricDataList=[last("mfu", 0.9)])
    assert found.emitted["mfu"].value == Fraction(3, 10)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_last_value_that_is_none_is_left_aside(value: float) -> None:
    found = observed(FinalMetricDataList=[last("num_tokens", value)])
    assert found.emitted == {}
    assert "is not used" in words(found.notes)[0]


RESTARTED = [
    {"Status": "Training", "StartTime": START, "EndTime": START + timedelta(minutes=2)},
    {"Status": "Training", "StartTime": START + timedelta(minutes=5), "EndTime": START + timedelta(minutes=8)},
]


def test_a_counter_that_restarts_is_summed_over_its_restarts() -> None:
    found = observed(series("num_tokens", 10, 20, 5, 30), SecondaryStatusTransitions=RESTARTED)
    assert found.emitted["tokens"].value == 50
    assert any("restarts 1 times" in note for note in words(found.notes))


def test_a_counter_that_falls_more_often_than_training_restarted_is_contradictory() -> None:
    once = observed(series("num_tokens", 10, 5))
    twice = observed(series("num_tokens", 10, 5, 6, 1), SecondaryStatusTransitions=RESTARTED)
    for found in (once, twice):
        assert found.emitted == {}
        assert "contradictory" in words(found.notes)[0]


def test_only_the_last_value_of_a_restarted_counter_is_too_little() -> None:
    final = [last("num_tokens", 30)]
    alone = observed(FinalMetricDataList=final, SecondaryStatusTransitions=RESTARTED)
    assert alone.emitted == {}
    assert "from the last restart alone" in words(alone.notes)[0]
    beside = observed(series("num_tokens", 10, 20), FinalMetricDataList=final, SecondaryStatusTransitions=RESTARTED)
    assert beside.emitted["tokens"].value == 20
    assert words(beside.notes) == ()


def test_a_mean_outside_training_is_left_aside() -> None:
    found = observed(series("mfu", (-9, 0.4)), period=60)
    assert found.emitted == {}
    assert "'mfu' has no value during training" in words(found.notes)[0]


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_a_counter_counts_its_increases_and_its_restarts(increases: list[int]) -> None:
    """Prometheus: "Breaks in monotonicity (such as counter resets due to target restarts) are adjusted for"."""
    total, values = 0, []
    for increase in increases:
        total = total + increase if increase % 3 else increase
        values.append(total)
    expected = sum((b - a if b >= a else b) for a, b in zip([0, *values], values, strict=False))
    assert counter_increase(values) == expected
    assert counter_increase([3, 5, 5, 2, 4]) == 9


VALUES = st.lists(st.integers(0, 800), min_size=6, max_size=6)


@given(VALUES, st.integers(0, 5), st.integers(1, 8))
def test_removing_a_point_never_lowers_the_occupancy(values: list[int], gone: int, devices: int) -> None:
    """A missing metric never lowers the upper bound: time without a value counts as fully busy."""
    whole = occupancy(series("GPUUtilization algo-1", *values), period=60, devices=devices)
    pairs = [(minute, value) for minute, value in enumerate(values) if minute != gone]
    less = occupancy(series("GPUUtilization algo-1", *pairs), period=60, devices=devices)
    assert less >= whole


@given(st.permutations([(0, 10), (1, 300), (2, 800), (3, 0), (4, 55), (5, 640)]))
def test_the_order_of_points_does_not_matter(points: list[tuple[int, int]]) -> None:
    ordered = sorted(points)
    for period in (60, None):
        shuffled = observed(series("GPUUtilization algo-1", *points), series("num_tokens", *points), period=period)
        assert shuffled == observed(
            series("GPUUtilization algo-1", *ordered), series("num_tokens", *ordered), period=period
        )


# ----- The part of the training that a metric speaks for


def share_of(name: str, *results: Any, **kwargs: Any) -> Fraction | None:
    return observed(*results, period=60, **kwargs).emitted[name].share


def test_a_counter_speaks_for_the_time_until_its_last_value() -> None:
    assert share_of("tokens", series("num_tokens", 10, 20, 30), hours=0.125) == Fraction(2, 5)
    assert share_of("tokens", series("num_tokens", (7, 10)), hours=0.125) == 1
    assert share_of("tokens", bare("num_tokens", 10)) is None


def test_a_gauge_stands_until_its_next_value_for_an_hour_at_most() -> None:
    every_ten_minutes = series("mfu", *((minute, 0.4) for minute in range(0, 600, 10)))
    assert share_of("mfu", every_ten_minutes, hours=10) == Fraction(591, 600)
    clustered = series("mfu", *((minute, 0.1) for minute in range(0, 50, 5)))
    assert share_of("mfu", clustered, hours=120) == Fraction(46, 7200)
    far_apart = series("mfu", *((hour * 60, 0.1) for hour in range(0, 120, 12)))
    assert share_of("mfu", far_apart, hours=120) == Fraction(9 * 60 + 1, 7200)


def test_a_span_without_values_is_not_covered() -> None:
    found = observed(series("num_tokens", 10, 20), period=60, SecondaryStatusTransitions=RESTARTED)
    assert found.emitted["tokens"].share == Fraction(2, 5)


def test_a_counter_that_may_have_restarted_unseen_may_have_counted_more() -> None:
    """Between two values the process was started again; passing the old value within a minute is not out of reach."""
    hidden = observed(series("num_tokens", 10, 20, (5, 20), (6, 30)), period=60, SecondaryStatusTransitions=RESTARTED)
    assert (hidden.emitted["tokens"].value, hidden.emitted["tokens"].highest) == (30, 50)
    continued = observed(
        series("num_tokens", 1000, 1010, (5, 1020), (6, 1030)), period=60, SecondaryStatusTransitions=RESTARTED
    )
    assert continued.emitted["tokens"].highest == 1030


def test_of_agreeing_names_the_one_that_speaks_for_most_of_the_training_counts() -> None:
    part = series("num_input_tokens_seen", 10, 20)
    whole = series("num_tokens", *range(9, 63, 9))
    found = observed(part, whole, period=60).emitted["tokens"]
    assert (found.name, found.share, found.value) == ("num_tokens", 1, 54)
    more = observed(series("num_input_tokens_seen", 50, 100), whole, period=60)
    assert more.emitted["tokens"].name == "num_input_tokens_seen", "had it gone on it would be far more"
    assert any("contradictory" in note for note in words(more.notes))


@given(VALUES, st.integers(0, 119))
def test_a_bound_holds_wherever_training_starts_within_a_period(values: list[int], late: int) -> None:
    """Annex A.2's U is bounded by the share of time in which a kernel ran, whatever the grid of the metric."""
    start = START + timedelta(seconds=late)
    steps = [{"Status": "Training", "StartTime": start, "EndTime": START + timedelta(minutes=5)}]
    found = occupancy(series("GPUUtilization algo-1", *values), period=60, SecondaryStatusTransitions=steps)
    seconds = [
        (value, second) for minute, value in enumerate(values[:5]) for second in range(60 * minute, 60 * minute + 60)
    ]
    inside = [Fraction(value, 800) for value, second in seconds if second >= late]
    assert found >= sum(inside) / len(inside)


@pytest.mark.parametrize("answers", [None, {}, [], "x", [{"MetricDataResults": 1}], {"MetricDataResults": None}])
def test_what_is_no_answer_is_refused(answers: Any) -> None:
    if answers == []:
        assert metric_results(answers) == []
        return
    with pytest.raises(ValueError, match="MetricDataResults"):
        metric_results(answers)


def test_pages_are_joined() -> None:
    assert metric_results([{"MetricDataResults": [{"a": 1}]}, {"MetricDataResults": [{"b": 2}]}]) == [
        {"a": 1},
        {"b": 2},
    ]


def test_a_period_at_the_edge_of_training_is_no_contradiction() -> None:
    """Half of the first period was not training: its mean is doubled for the bound, but 7 of 8 were reported."""
    start = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    points = [(start + timedelta(minutes=minute)).timestamp() * 10**6 for minute in (-30, 30)]
    spans = (Span(start, start + timedelta(minutes=90)),)
    busy = busyness(series_of([(int(moment), 700) for moment in points]), in_microseconds(spans), 3600)
    assert busy is not None
    assert busy.highest == 7
    assert busy.occupancy(8) == (Fraction(1, 3) * 8 + Fraction(2, 3) * 7) / 8


OFTEN_ALIKE = st.sampled_from([1, 1, 1, 1, 1, 0, 0.5, 1.0005, 1.002, 2])


@st.composite
def figures_of_periods(draw: st.DrawFn) -> tuple[Any, ...]:
    """Means, highest, lowest and numbers of samples of a few periods, mostly as the agent alone makes them."""
    starts = draw(st.lists(st.sampled_from([None, 0, 1, 2, 3, 4]), max_size=5, unique=draw(st.booleans())))
    means = [(start, draw(st.sampled_from([0.0, 7.5, 99.9, 100.0]))) for start in starts]

    def beside(figure: Any) -> list[tuple[int | None, float]] | None:
        points = [(start, figure(value)) for start, value in means]
        return draw(st.sampled_from([points, points, points, points[1:], points[::-1], None]))

    return (
        means,
        beside(lambda value: value * draw(OFTEN_ALIKE)),
        beside(lambda value: value),
        beside(lambda value: draw(OFTEN_ALIKE)),
        draw(st.sampled_from([0.5, 1, 1, 5])),
    )


@given(figures_of_periods())
def test_series_of_the_agent_alone_are_told_at_once_as_period_by_period(figures: tuple[Any, ...]) -> None:
    at_once = occupancies._of_the_agent(*figures)
    with patch.object(occupancies, "_is_one_sample_each", return_value=False):
        assert occupancies._of_the_agent(*figures) == at_once
