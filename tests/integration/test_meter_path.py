"""flops-meter on the deployed path: the lines of a run that was really made become metrics, a record says `counted`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flops_auditor.domain.values.moments import read_time
from flops_auditor_cli.demo import definitions_of, dense, moved, sample_jobs
from flops_auditor_cli.local_aws.job_logs import metrics_of_log
from flops_meter.lines import metric_definitions
from tests.fakes.meter import log_of
from tests.integration.deployed import Deployed, fresh_job


def really_run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The demo's counted job, as if it had ended an hour ago."""
    job, metrics = next((j, m) for j, m in sample_jobs() if j["TrainingJobName"] == "tiny-llama-counted")
    by = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1) - read_time(job["TrainingEndTime"])
    here = moved(job, by)
    return here, dense(here, metrics, by, datetime.now(UTC))


def test_a_fine_tune_that_was_counted_is_recorded_so(deployed: Deployed) -> None:
    job, metrics = really_run()
    last = dict(zip(("at", "flop"), max(_points(metrics, "flops_auditor:model_flop")), strict=True))
    deployed.load({name: value for name, value in job.items() if name != "Tags"}, [], metrics)
    deployed.announce(job)
    estimate = deployed.record(job["TrainingJobArn"]).predicate["estimate"]
    assert estimate["method"] == "counted"
    assert estimate["firm_flop"] == str(int(last["flop"]))
    assert estimate["tiers"][0]["basis"] == "1.01e12 FLOP counted in the container, in 100 % of the training time"
    assert not [each for each in estimate["assumptions"] if each["kind"].startswith("meter-")]


def _points(metrics: dict[str, Any], label: str) -> list[tuple[str, float]]:
    series = next(each for each in metrics["MetricDataResults"] if each["Label"] == label)
    return list(zip(series["Timestamps"], series["Values"], strict=True))


def counted_job(hours: float = 2) -> dict[str, Any]:
    """A job with the metric definitions of the meter."""
    return fresh_job(hours, AlgorithmSpecification={"MetricDefinitions": metric_definitions()})


@pytest.mark.parametrize(
    ("words", "kind"),
    [({"failed": 1}, "meter-failed"), ({"ranks": 8, "reporting": 4}, "meter-ranks-silent")],
)
def test_what_a_line_says_against_itself_reaches_the_record(deployed: Deployed, words: Any, kind: str) -> None:
    job = counted_job()
    arn, start = job["TrainingJobArn"], job["TrainingStartTime"]
    log = "\n".join(log_of(minutes=120, flop=1e19, arn=arn, start=start, **words))
    deployed.load(job, [], metrics_of_log(log, definitions_of(job)))
    deployed.announce(job)
    estimate = deployed.record(arn).predicate["estimate"]
    assert estimate["method"] == "counted"
    assert next(each for each in estimate["assumptions"] if each["kind"] == kind)["settle"]
    assert int(estimate["cautious_upper_flop"]) > int(estimate["upper_flop"])


def test_a_log_of_another_job_in_this_one_is_seen_in_the_lowest_values(deployed: Deployed) -> None:
    """CloudWatch is asked for the lowest value of a minute as well: the highest one may be our own."""
    for name in ("arn:a", "arn:b", "arn:c"):
        job = counted_job()
        arn, start = job["TrainingJobArn"], job["TrainingStartTime"]
        lines = log_of(minutes=120, flop=1e19, arn=arn, start=start)
        pasted = log_of(minutes=5, flop=1e18, arn=name, start=start)
        deployed.load(job, [], metrics_of_log("\n".join(sorted([*lines, *pasted])), definitions_of(job)))
        deployed.announce(job)
        estimate = deployed.record(arn).predicate["estimate"]
        assert estimate["method"] == "hardware"
        assert any(each["kind"] == "meter-of-another-job" for each in estimate["assumptions"])
