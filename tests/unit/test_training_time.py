"""L: seconds of use, from SecondaryStatusTransitions (Guidelines, Annex A.2)."""

from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_time import SPANS, training_time
from flops_auditor.domain.runs.training_time import Span, TrainingTime, merge, seconds_between
from tests.fakes.cases import words
from tests.fakes.jobs import CREATED, describe


def at(minutes: float) -> Any:
    return CREATED + timedelta(minutes=minutes)


def step(status: str, start: float | None, end: float | None = None) -> dict[str, Any]:
    return {
        "Status": status,
        **({} if start is None else {"StartTime": at(start)}),
        **({} if end is None else {"EndTime": at(end)}),
    }


def timed(*steps: dict[str, Any], as_of: float | None = None, **changes: Any) -> TrainingTime:
    job = parse_training_job(describe(**{"SecondaryStatusTransitions": list(steps), **changes}))
    return training_time(job, None if as_of is None else at(as_of))


def test_one_span() -> None:
    found = timed(step("Starting", 0, 5), step("Training", 5, 65), step("Uploading", 65, 70), TrainingEndTime=at(70))
    assert found == TrainingTime(
        (Span(at(5), at(65)),), Fraction(3600), SPANS(spans="1 Training span", seconds=Fraction(3600))
    )


def test_a_spot_job_counts_every_start_and_no_pause() -> None:
    found = timed(
        step("Training", 0, 60),
        step("Interrupted", 60, 90),
        step("Restarting", 90, 100),
        step("Training", 100, 130),
        step("Training", 200, 210),
        TrainingTimeInSeconds=6100,
        BillableTimeInSeconds=9,
        TrainingEndTime=at(210),
    )
    assert found.seconds == 100 * 60
    assert len(found.spans) == 3
    assert found.unexplained == 70 * 60


def test_overlapping_spans_count_once() -> None:
    assert timed(step("Training", 0, 60), step("Training", 30, 90), step("Training", 90, 100)).seconds == 6000


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_order_of_transitions_does_not_matter(order: list[int]) -> None:
    steps = [step("Training", 0, 10), step("Interrupted", 10, 20), step("Training", 20, 25)]
    assert timed(*(steps[i] for i in order)).seconds == 900


def test_an_open_span_ends_where_the_next_step_starts() -> None:
    assert timed(step("Training", 0), step("Stopping", 30, 32)).seconds == 1800


def test_an_open_span_of_an_ended_job_ends_with_the_job() -> None:
    assert timed(step("Training", 10), TrainingEndTime=at(20)).seconds == 600
    assert timed(step("Training", 10), TrainingEndTime=None, LastModifiedTime=at(30)).seconds == 1200


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_job_in_progress_counts_up_to_now_and_is_in_doubt(status: str) -> None:
    found = timed(step("Training", 0), as_of=15, TrainingJobStatus=status, TrainingEndTime=None)
    assert found.seconds == 900
    assert words(found.doubts) == (f"the job is {status}: it may still be training",)


def test_a_job_in_progress_without_a_now_is_not_known() -> None:
    found = timed(step("Training", 0), TrainingJobStatus="InProgress", TrainingEndTime=None)
    assert found.seconds is None
    assert "no end" in words(found.doubts)[0]


@pytest.mark.parametrize("bad", [step("Training", None, 5), step("Training", 10, 5)])
def test_a_span_that_cannot_be_is_a_doubt_and_no_time(bad: dict[str, Any]) -> None:
    found = timed(step("Training", 20, 30), bad)
    assert found.seconds is None
    assert len(found.doubts) == 1


def test_no_training_span_is_no_training_if_the_job_failed_before() -> None:
    ended = {"TrainingJobStatus": "Failed", "TrainingEndTime": at(15)}
    found = timed(step("Starting", 0, 5), step("Downloading", 5, 9), **ended)
    assert found.seconds == 0
    assert words(found.doubts) == ()
    assert "never trained" in found.basis.words


@pytest.mark.parametrize(
    ("status", "last"), [("Completed", "Downloading"), ("Failed", "Uploading"), ("Stopped", "MaxRuntimeExceeded")]
)
def test_a_job_that_went_past_training_did_train(status: str, last: str) -> None:
    """Zero seconds would be zero FLOP, and below every threshold."""
    found = timed(step("Starting", 0, 5), step(last, 5, 9), TrainingJobStatus=status)
    assert found.seconds is None
    assert "past training" in words(found.doubts)[0]


def test_training_time_in_seconds_stands_in_for_spans() -> None:
    found = timed(TrainingTimeInSeconds=35000)
    assert (found.seconds, found.basis.words) == (35000, "training time: TrainingTimeInSeconds")
    assert found.spans[0].start == at(10)


def test_start_to_end_stands_in_when_nothing_else_is_there() -> None:
    found = timed()
    assert found.seconds == 36000
    assert "absent" in found.basis.words
    going = timed(as_of=70, TrainingEndTime=None, TrainingJobStatus="InProgress")
    assert going.seconds == 3600


@pytest.mark.parametrize("end", [None, at(10), at(5)])
def test_nothing_known_is_a_doubt(end: Any) -> None:
    found = timed(TrainingEndTime=end)
    assert found.seconds is None
    assert words(found.doubts) == ("nothing says how long the job trained",)


@pytest.mark.parametrize(
    ("said", "unexplained", "contradicts"),
    [
        (3600, 0, False),
        (3599, 0, False),
        (3598, 0, True),
        (3660, 0, False),
        (3661, 61, False),
        (100, 0, True),
        (360000, 356400, False),
    ],
)
def test_training_time_in_seconds_beside_the_spans(said: int, unexplained: int, contradicts: bool) -> None:
    """It includes downloads, so it is a little longer. Less contradicts; more than all states is not explained."""
    found = timed(step("Training", 0, 60), TrainingTimeInSeconds=said, TrainingEndTime=at(60))
    assert found.seconds == 3600
    assert found.unexplained == unexplained
    assert any("contradictory" in note for note in words(found.notes)) is contradicts


def test_a_short_job_with_a_long_download_is_no_contradiction() -> None:
    steps = [step("Downloading", 10, 610), step("Training", 610, 620)]
    assert timed(*steps, TrainingTimeInSeconds=36600, TrainingEndTime=at(620)).unexplained == 0
    assert timed(*steps, TrainingTimeInSeconds=36661, TrainingEndTime=at(620)).unexplained == 61


def test_seconds_are_exact_to_the_microsecond() -> None:
    assert seconds_between(CREATED, CREATED + timedelta(days=400, microseconds=1)) == 400 * 86400 + Fraction(1, 10**6)


MINUTES = st.integers(0, 500)


@given(st.lists(st.tuples(MINUTES, MINUTES), max_size=8))
def test_merging_counts_every_minute_once(pairs: list[tuple[int, int]]) -> None:
    """Annex A.2: seconds of use; a second is used once however often it is listed."""
    spans = [Span(at(min(pair)), at(max(pair))) for pair in pairs]
    merged = merge(spans)
    minutes = {minute for a, b in pairs for minute in range(min(a, b), max(a, b))}
    assert sum(span.seconds for span in merged) == 60 * len(minutes)
    assert all(a.end < b.start for a, b in pairwise(merged))
    assert merge(spans[::-1]) == merged


TEN_DAYS = {"TrainingStartTime": at(10), "TrainingEndTime": at(10 + 14400), "TrainingJobStatus": "Stopped"}


@pytest.mark.parametrize("said", [None, 0, 60])
@pytest.mark.parametrize("steps", [[], [step("Starting", 0, 9)], [step("Starting", 0), step("Stopped", 14410)]])
def test_ten_days_of_which_nothing_says_what_they_were_are_unknown(said: int | None, steps: list[Any]) -> None:
    """Zero seconds would be zero FLOP, and below every threshold."""
    if said is None and not steps:
        assert timed(**TEN_DAYS).seconds == 864000
        return
    found = timed(*steps, **TEN_DAYS, TrainingTimeInSeconds=said)
    assert found.seconds is None
    assert "for 864000 s" in words(found.doubts)[0]


def test_ten_days_of_waiting_are_no_training() -> None:
    waited = [step("Pending", 0, 10), step("Starting", 10, 10 + 14400)]
    assert timed(*waited, **TEN_DAYS).seconds == 0
    assert timed(*waited, **TEN_DAYS, TrainingTimeInSeconds=0).seconds == 0


def test_a_job_that_completed_did_train() -> None:
    never = {"TrainingStartTime": None, "TrainingEndTime": None, "TrainingTimeInSeconds": 0}
    assert timed(**never).seconds is None
    assert timed(**never, TrainingJobStatus="Stopped").seconds == 0


def test_one_hour_of_training_in_ten_days_without_a_word_may_be_ten_days() -> None:
    found = timed(step("Starting", 0, 10), step("Training", 10, 70), **TEN_DAYS)
    assert (found.seconds, found.unexplained) == (3600, 860400)
    interrupted = [step("Training", 10, 70), step("Interrupted", 70, 14350), step("Training", 14350, 14410)]
    assert timed(*interrupted, **TEN_DAYS).unexplained == 0
    last = timed(step("Training", 10), **TEN_DAYS)
    assert (last.seconds, last.unexplained) == (864000, 0)


def test_a_job_that_still_downloads_has_not_trained() -> None:
    running = {"TrainingJobStatus": "InProgress", "TrainingStartTime": at(10), "TrainingEndTime": None}
    found = timed(step("Starting", 0, 10), step("Downloading", 10), as_of=600, **running)
    assert found.seconds == 0
