"""Collecting evidence: what is asked, at which period, and what a refusal leaves behind."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.runs.evidence import Unread, plain
from flops_auditor.domain.runs.meter_words import WORDS
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.use_cases.auditing.collect_training_job import (
    MOST_POINTS,
    TrainingJobCollector,
    collect,
    finest_period,
    metric_request,
)
from flops_auditor.use_cases.ports.sources import MetricRequest
from flops_meter.lines import metric_definitions
from tests.fakes.audit import FakeMetrics, FakeTrainingJobs
from tests.fakes.cases import run_from
from tests.fakes.jobs import CREATED, describe

VOCABULARY = load_tables().metrics
START = CREATED + timedelta(minutes=10)
NOW = CREATED + timedelta(days=1)


def request(now: datetime = NOW, **changes: Any) -> MetricRequest | None:
    return metric_request(run_from(describe(**changes), collected_at=now), VOCABULARY, now)


def test_every_host_and_every_known_metric_is_asked_for() -> None:
    asked = request(
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 3},
        FinalMetricDataList=[{"MetricName": name, "Value": 1} for name in ("mfu", "loss", "total_flos")],
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "num_tokens", "Regex": "x"}]},
    )
    assert asked == MetricRequest(
        "fine-tune",
        "eu-west-1",
        3,
        ("mfu", "num_tokens", "total_flos"),
        ("num_tokens", "total_flos"),
        (Span(START, START + timedelta(hours=10)),),
        60,
    )


def test_of_what_shows_a_second_writer_the_lowest_value_is_asked_for_too() -> None:
    asked = request(AlgorithmSpecification={"MetricDefinitions": metric_definitions()})
    assert asked is not None
    lowest = ("flops_auditor:chain_check", "flops_auditor:job_check", "flops_auditor:seq")
    assert asked.lowest_too == lowest
    assert set(asked.counters) == {name for name in asked.emitted if name != "flops_auditor:mfu"}
    assert {f"flops_auditor:{word}" for word in WORDS} == set(asked.counters)
    assert asked.series == 4 + len(asked.emitted) + 3


@pytest.mark.parametrize(
    "changes",
    [
        {"ResourceConfig": {}},
        {"SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": CREATED}]},
        {"now": CREATED + timedelta(days=456)},
    ],
)
def test_nothing_is_asked_where_nothing_can_be_known(changes: dict[str, Any]) -> None:
    assert request(**changes) is None


@pytest.mark.parametrize(
    ("age", "period"),
    [
        (timedelta(days=15) - timedelta(seconds=1), 60),
        (timedelta(days=15), 300),
        (timedelta(days=63) - timedelta(seconds=1), 300),
        (timedelta(days=63), 3600),
        (timedelta(days=455) - timedelta(seconds=1), 3600),
        (timedelta(days=455), None),
    ],
)
def test_the_finest_period_that_is_still_kept(age: timedelta, period: int | None) -> None:
    """CloudWatch User Guide: 60 s for 15 days, 300 s for 63 days, 3600 s for 455 days."""
    assert finest_period((Span(START, START + timedelta(hours=1)),), lambda _: 1, START + age) == period


@pytest.mark.parametrize(
    ("series", "minutes", "period"),
    [
        (1, MOST_POINTS, 60),
        (1, MOST_POINTS + 1, 300),
        (100, 1008, 60),
        (101, 1008, 300),
        (1000, 6000, 3600),
        (1009, 6000, 2 * 3600),
        (512, 28 * 24 * 60, 4 * 3600),
        (592, 28 * 24 * 60, 4 * 3600),
        (3600, 28 * 24 * 60, 24 * 3600),
        (100_000, 6000, 24 * 3600),
        (0, MOST_POINTS, 60),
    ],
)
def test_a_coarser_period_when_one_call_would_not_hold_the_points(series: int, minutes: int, period: int) -> None:
    spans = (Span(START, START + timedelta(minutes=1)), Span(START, START + timedelta(minutes=minutes)))
    assert finest_period(spans, lambda _: series, START + timedelta(days=1)) == period


def test_of_more_hosts_than_fit_the_first_are_asked_for() -> None:
    """All 1,800 hosts of four weeks fit; of more the others count as silent ones do, which is as fully busy."""
    resources = {"InstanceType": "ml.p5.48xlarge", "VolumeSizeInGB": 5}
    for hosts, asked_for in ((1800, 1800), (1801, 1800), (10**6, 1800)):
        resources["InstanceCount"] = hosts
        job = {"ResourceConfig": resources, "AlgorithmSpecification": {}, "FinalMetricDataList": []}
        asked = request(hours=28 * 24, now=START + timedelta(days=28), **job)
        assert asked is not None
        assert (asked.hosts, asked.period_seconds) == (asked_for, 24 * 3600)
        assert asked.series * 28 <= MOST_POINTS


def test_no_spans_no_period() -> None:
    assert finest_period((), lambda _: 1, NOW) is None


@pytest.mark.parametrize(
    ("hosts", "hours", "period", "series"),
    [(8, 52, 60, 32), (8, 53, 300, 16), (16, 300, 3600, 32), (64, 300, 3600, 128)],
)
def test_of_long_periods_means_and_highest_values_are_asked_for(
    hosts: int, hours: int, period: int, series: int
) -> None:
    """The others show nothing there, and twice as many hosts or hours fit a call."""
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 5}
    job = {"ResourceConfig": resources, "AlgorithmSpecification": {}}
    asked = request(hours=hours, now=START + timedelta(hours=hours), **job)
    assert asked is not None
    assert (asked.period_seconds, asked.series) == (period, series)


def collected(jobs: FakeTrainingJobs, metrics: FakeMetrics, **changes: Any) -> Any:
    gone = changes.pop("gone", ())
    description = plain(describe(**changes))
    job = parse_training_job(description)
    return collect(description, job, TrainingJobCollector(jobs, metrics, VOCABULARY), NOW, gone=gone).evidence


RESULTS = [{"Label": "GPUUtilization algo-1", "Timestamps": [START], "Values": [700.0]}]


def test_answers_are_kept_with_their_period_and_time() -> None:
    jobs = FakeTrainingJobs()
    jobs.add(describe(), tokens="1e9")
    found = collected(jobs, FakeMetrics({"fine-tune": RESULTS}))
    assert found.tags == [{"Key": "flops-auditor:tokens", "Value": "1e9"}]
    assert (found.metrics, found.period_seconds, found.collected_at) == (plain(RESULTS), 60, NOW)
    assert found.unread == ()


def test_refusals_become_part_of_the_evidence() -> None:
    jobs = FakeTrainingJobs(denied={"sagemaker:ListTags"})
    found = collected(jobs, FakeMetrics(denied=True))
    assert [u.source for u in found.unread] == ["sagemaker:ListTags", "cloudwatch:GetMetricData"]
    assert (found.tags, found.metrics, found.period_seconds) == (None, (), None)


def test_a_job_that_is_gone_has_no_tags_to_ask_for() -> None:
    jobs = FakeTrainingJobs()
    gone = (Unread("sagemaker:DescribeTrainingJob", "UnknownTrainingJob"),)
    found = collected(jobs, FakeMetrics({"fine-tune": RESULTS}), gone=gone)
    assert found.unread == gone
    assert found.tags is None
    assert jobs.calls == []
    assert found.metrics == plain(RESULTS)


def test_a_passing_fault_is_raised_so_that_the_event_comes_again() -> None:
    class Broken(FakeMetrics):
        def read(self, request: MetricRequest) -> Any:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        collected(FakeTrainingJobs(), Broken())


def test_an_old_job_is_not_asked_about() -> None:
    metrics = FakeMetrics()
    description = plain(describe())
    sources = TrainingJobCollector(FakeTrainingJobs(), metrics, VOCABULARY)
    late = CREATED + timedelta(days=500)
    found = collect(description, parse_training_job(description), sources, late).evidence
    assert (metrics.requests, found.metrics, found.period_seconds, found.unread) == ([], (), None, ())
