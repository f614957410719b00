"""Whatever gives the training time, work beside it counts; what honest runs show at its edges is none."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.runs.evidence import Evidence
from tests.fakes.cases import audit, kinds
from tests.fakes.jobs import CREATED, describe, tagged

START = CREATED + timedelta(minutes=10)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BESIDE = "hardware-in-use-beside-training"
TABLES = load_tables()


def job(hours: float, *states: tuple[str, float, float], **changes: Any) -> dict[str, Any]:
    """Sixteen p5.48xlarge for so many hours, in these states from hour to hour."""
    steps = [{"Status": name, "StartTime": START + HOUR * a, "EndTime": START + HOUR * b} for name, a, b in states]
    more = {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed", "HyperParameters": {}, **changes}
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16}
    return describe(hours=hours, ResourceConfig=resources, SecondaryStatusTransitions=steps, **more)


def series(label: str, values: Sequence[float], first: float = 0, every: timedelta = HOUR) -> dict[str, Any]:
    start = START + HOUR * first
    return {"Label": label, "Timestamps": [start + every * i for i in range(len(values))], "Values": values}


def busy(hours: int, value: float = 480, first: float = 0) -> list[dict[str, Any]]:
    return [series(f"GPUUtilization algo-{host}", [value] * hours, first) for host in range(1, 17)]


def last(name: str, hours: float) -> dict[str, Any]:
    return {"MetricName": name, "Value": 9e12, "Timestamp": START + HOUR * hours}


def audited(
    description: dict[str, Any], metrics: list[dict[str, Any]] | None = None, period: int | None = None
) -> Audit:
    return audit(Evidence(description, metrics=metrics or [], period_seconds=period), TABLES)


NEVER = (("Starting", 0, 0.1), ("Downloading", 0.1, 239), ("Failed", 239, 239))
HALF = (("Training", 0, 120),)
MFU, TOKENS = series("mfu", [0.45] * 239), series("num_tokens", [4e10 * hour for hour in range(239)])
NO_ENDS = {"TrainingStartTime": None, "TrainingEndTime": None}


@pytest.mark.parametrize(
    "metrics",
    [
        *(busy(239), [MFU], [TOKENS], [series("loss", [2.0] * 239)]),
        *([series("train_samples_per_second", [9.0] * 239)], [series("GPUUtilization", [480] * 239)]),
    ],
    ids=["GPUs", "mfu", "tokens", "loss", "samples", "GPUs of no host"],
)
@pytest.mark.parametrize(
    "description",
    [
        *(job(239, *NEVER, TrainingTimeInSeconds=billed) for billed in (None, 0, 1, 60, 3600, 120 * 3600)),
        job(239, *NEVER, TrainingTimeInSeconds=0, TrainingJobStatus="Completed"),
        job(239, TrainingTimeInSeconds=120 * 3600),
        job(239, TrainingTimeInSeconds=120 * 3600, **NO_ENDS),
        job(239, *HALF, TrainingTimeInSeconds=None, **NO_ENDS),
        job(120, *HALF, TrainingTimeInSeconds=120 * 3600),
        job(120, TrainingTimeInSeconds=120 * 3600),
        job(239, ("Downloading", 0, 119), ("Training", 119, 239), TrainingTimeInSeconds=239 * 3600),
        job(239, ("Downloading", 0, 238), ("Training", 238, 239), TrainingTimeInSeconds=3600),
    ],
    ids=lambda description: f"{description['TrainingTimeInSeconds']} s billed",
)
def test_work_beside_the_training_time_counts_whatever_gives_it(
    description: dict[str, Any], metrics: list[dict[str, Any]]
) -> None:
    tags = tagged(params="8e9", precision="bf16")
    found = audited({**description, "Tags": tags}, metrics)
    whole = audited({**job(239, ("Training", 0, 239)), "Tags": tags}).estimate.upper_flop
    cautious = found.estimate.cautious_upper_flop
    assert found.verdict == "indeterminate"
    assert BESIDE in kinds(found.estimate)
    assert whole and cautious and 0.7 * whole < cautious < 2.2 * whole


def test_hardware_that_nothing_explains_counts_without_any_transitions() -> None:
    found = audited(job(239, TrainingTimeInSeconds=121 * 3600)).estimate
    whole = audited(job(239, ("Training", 0, 239))).estimate.upper_flop
    assert (found.cautious_upper_flop, BESIDE in kinds(found)) == (whole, True)


def test_all_that_accelerators_were_busy_for_may_be_in_the_training_time() -> None:
    """Busy for 120 hours of 239, which is as long as the job says that it trained, and does not say when."""
    found = audited(job(239, *NEVER, TrainingTimeInSeconds=120 * 3600), [*busy(239, 0), *busy(120, 800, 60)])
    full = audited(job(120, *HALF)).estimate.upper_flop
    assert found.estimate.upper_flop == full
    assert BESIDE not in kinds(found.estimate)


@pytest.mark.parametrize("at", [238.0, None])
def test_what_a_job_that_never_trained_emitted_last_is_no_proof_that_it_did_not(at: float | None) -> None:
    final = last("num_tokens", at or 0)
    if at is None:
        del final["Timestamp"]
    found = audited(job(239, *NEVER, TrainingTimeInSeconds=0, FinalMetricDataList=[final]))
    assert found.verdict == "indeterminate"
    doubted = "never-trained-contradicted" in {doubt.kind.name for doubt in found.estimate.doubts}
    assert (BESIDE in kinds(found.estimate), doubted) == (at is not None, at is None)


@pytest.mark.parametrize("name", sorted(TABLES.metrics.meanings))
@pytest.mark.parametrize("spans", [(("Training", 0, 0),), (("Training", 0, 0), ("Training", 1, 1))])
def test_a_last_value_of_training_that_lasted_no_time_is_heard(
    name: str, spans: Sequence[tuple[str, float, float]]
) -> None:
    """A job that is stopped at its start: no share can be had of no time."""
    found = audited(job(0, *spans, FinalMetricDataList=[last(name, 0)]))
    assert found.verdict == "indeterminate" or not found.estimate.upper_flop


SPOT = (("Training", 0, 40), ("Interrupted", 40, 60), ("Restarting", 60, 61), ("Training", 61, 100))
QUEUED = (("Pending", -90, -80), ("Starting", -80, 0), ("Training", 0, 100))
LOADED = (("Downloading", 0, 30), ("Training", 30, 100), ("Uploading", 100, 105))
UNALIGNED = (("Downloading", 0, 20.4), ("Training", 20.4, 99.6), ("Uploading", 99.6, 100))


@pytest.mark.parametrize(
    ("description", "metrics", "period"),
    [
        (job(100, *QUEUED), busy(100), None),
        (job(105, *LOADED), [*busy(30, 0), *busy(70, 480, 30), *busy(5, 0, 100)], None),
        (job(105, *LOADED), [series("mfu", [0.4] * 70, 30)], 3600),
        (job(105, *LOADED, FinalMetricDataList=[last("train_loss", 100.01)]), busy(70, 480, 30), 60),
        (job(100, *SPOT), [*busy(40), *busy(39, 480, 61)], 60),
        (job(100, *SPOT), [series("mfu", [0.4] * 3, 10, 10 * HOUR), series("mfu", [0.4] * 3, 70, 10 * HOUR)], None),
        (job(100, *SPOT), [series("loss", [2.0] * 6, 39.99, MINUTE / 4), series("loss", [2.0] * 9, 61)], None),
        (job(100, *UNALIGNED), [*busy(80, 480, 20), series("mfu", [0.4] * 80, 20)], None),
        (job(100, *UNALIGNED), [*busy(80, 480, 20), series("mfu", [0.4] * 80, 20)], 3600),
        (job(100, *UNALIGNED), [series("train_loss", [2.0], 20)], None),
        (job(105, *LOADED), [series("GPUUtilization algo-1", [7.0] * 4202, 30 - 1 / 60, MINUTE)], 60),
        (job(105, *LOADED), [series("mfu", [0.4] * 4202, 30 - 1 / 60, MINUTE)], None),
        (job(100, ("Training", 0, 100)), [*busy(100), *busy(1000, 480, -2000)], None),
        (job(100, TrainingTimeInSeconds=360000), busy(100), None),
        (job(100, ("Starting", -1, 0), ("Downloading", 0, 100), ("Failed", 100, 100)), busy(100, 0), None),
    ],
    ids=[
        "queue",
        "idle before and after",
        "emitted in training",
        "last value after the end",
        "spot",
        "spot, logged now and then",
        "spot, logged until the interruption",
        "periods of an hour",
        "periods of an hour, asked for",
        "one period of an hour",
        "a minute at the edges",
        "logged at the edges",
        "an older run of this name",
        "no transitions",
        "never trained",
    ],
)
def test_what_honest_runs_show_at_the_edges_is_no_work_beside(
    description: dict[str, Any], metrics: list[dict[str, Any]], period: int | None
) -> None:
    found = audited({**description, "Tags": tagged(params="8e9", precision="bf16")}, metrics, period).estimate
    assert BESIDE not in kinds(found)
    assert found.doubts == ()


def test_sparse_samples_beside_training_stand_until_the_next_one() -> None:
    """Of values over an hour apart nothing shows that they are means: between two of them the hosts may be busy."""
    description = job(239, ("Downloading", 0, 219), ("Training", 219, 239))
    daily = [series(f"GPUUtilization algo-{host}", [480.0] * 10, 0, 24 * HOUR) for host in range(1, 17)]
    assert audited(description, daily).verdict == "indeterminate"


def test_hosts_that_were_at_work_at_other_times_are_added_up() -> None:
    description = job(239, ("Downloading", 0, 219), ("Training", 219, 239))
    shifts = [series(f"GPUUtilization algo-{host}", [480.0] * 13, 13 * (host - 1)) for host in range(1, 17)]
    found = audited(description, shifts).estimate
    of_all = audited(description, busy(208)).estimate
    assert BESIDE in kinds(found)
    assert any(each.kind.name == BESIDE and each.fact("busy") == 208 * 3600 for each in found.assumptions)
    assert of_all.cautious_upper_flop == found.cautious_upper_flop


@pytest.mark.parametrize(("minutes", "counts"), [(1, 0), (2, 120)])
def test_more_than_a_moment_of_work_counts(minutes: int, counts: int) -> None:
    at_work = [series("GPUUtilization algo-1", [480.0] * minutes, 10, MINUTE)]
    found = audited(job(105, *LOADED), at_work, 60).estimate
    assert [each.fact("busy") for each in found.assumptions if each.kind.name == BESIDE] == [counts] * bool(counts)


def test_what_is_sampled_as_each_span_ends_belongs_to_it() -> None:
    at_the_ends = [series("GPUUtilization algo-1", [480.0], end) for end in (40, 100)]
    assert BESIDE not in kinds(audited(job(100, *SPOT), at_the_ends, 60).estimate)


def test_a_trainer_that_emits_once_after_the_end_was_at_work_until_then() -> None:
    found = audited(job(100, ("Training", 0, 100)), [series("train_loss", [2.0], 110)], 60).estimate
    assert [each.fact("busy") for each in found.assumptions if each.kind.name == BESIDE] == [10 * 3600 + 60]
