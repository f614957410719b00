"""Nothing is above by what a run did not do: an earlier run's count that it restored, its updates' rate all along."""

from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.runs.evidence import Evidence
from tests.fakes.cases import audit, kinds
from tests.fakes.jobs import CREATED, describe

START = CREATED + timedelta(minutes=10)
HOURS = 720
TABLES = load_tables()
LLAMA = {"model_name_or_path": "meta-llama/Llama-3.1-8B", "max_seq_length": "4096", "bf16": "true"}
GRPO = {"algorithm.adv_estimator": "grpo", "precision": "bf16"}


def audited(parameters: dict[str, str], hosts: int, metrics: dict[str, list[float]], **changes: Any) -> Audit:
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts}
    job = describe(hours=HOURS, ResourceConfig=resources, HyperParameters=parameters, **changes)
    hours = [START + timedelta(hours=hour) for hour in range(HOURS)]
    given = [{"Label": name, "Timestamps": hours[: len(values)], "Values": values} for name, values in metrics.items()]
    return audit(Evidence(job, metrics=given), TABLES)


def rising(first: float, last: float, hours: int = HOURS) -> list[float]:
    return [first + (last - first) * (hour + 1) / hours for hour in range(hours)]


@pytest.mark.parametrize(("name", "whole"), [("num_tokens", 6e12), ("total_flos", 3e23)])
@pytest.mark.parametrize("final", [False, True])
def test_what_a_counter_was_restored_with_is_not_firm(name: str, whole: float, final: bool) -> None:
    last = [{"MetricName": name, "Value": whole * 1.001, "Timestamp": START + timedelta(hours=HOURS)}] if final else []
    found = audited(LLAMA, 16, {name: rising(whole * 5 / 6, whole)}, FinalMetricDataList=last)
    assert found.verdict == "indeterminate" and "counter-begins-high" in kinds(found.estimate)
    grown = audited(LLAMA, 16, {name: rising(0, whole)}, FinalMetricDataList=last)
    assert grown.verdict == "above" and "counter-begins-high" not in kinds(grown.estimate)
    assert found.estimate.upper_flop == pytest.approx(grown.estimate.upper_flop, rel=0.01)


def test_of_a_counter_that_hosts_restored_the_most_that_one_of_them_grew_is_firm() -> None:
    values = {f"total_flos algo-{host}": rising(1e23, 1e23 + host * 1e22) for host in (1, 2)}
    found = audited(LLAMA, 16, values)
    assert "counter-begins-high" in kinds(found.estimate)
    assert found.estimate.firm_flop == pytest.approx(2e22, rel=0.01)


def test_a_counter_that_falls_to_its_checkpoint_counts_its_growth_for_sure() -> None:
    """3.5e12 tokens, then from the checkpoint at 3e12 to 4e12: 4.5e12 at least, 7.5e12 if it was restarted from 0."""
    end = START + timedelta(hours=HOURS)
    half = START + timedelta(hours=HOURS // 2)
    spans = [
        {"Status": "Training", "StartTime": START, "EndTime": half - timedelta(minutes=30)},
        {"Status": "Interrupted", "StartTime": half - timedelta(minutes=30), "EndTime": half},
        {"Status": "Training", "StartTime": half, "EndTime": end},
    ]
    values = [*rising(0, 3.5e12, HOURS // 2), *rising(3e12, 4e12, HOURS // 2)]
    found = audited(LLAMA, 16, {"num_tokens": values}, SecondaryStatusTransitions=spans)
    from_zero = audited(
        LLAMA, 16, {"num_tokens": [*values[: HOURS // 2], *rising(0, 4e12, HOURS // 2)]},
        SecondaryStatusTransitions=spans,
    )  # fmt: skip
    assert found.estimate.best_flop == from_zero.estimate.best_flop
    assert found.estimate.lower_flop is not None and from_zero.estimate.lower_flop is not None
    assert found.estimate.lower_flop / from_zero.estimate.lower_flop == pytest.approx(4.5 / 7.5, rel=0.01)


@pytest.mark.parametrize("parameters", [GRPO, {"precision": "bf16"}])
def test_the_rate_of_verls_updates_is_not_that_of_the_whole_time(parameters: dict[str, str]) -> None:
    """Updates take a fifth of the time, rollouts the rest: a quarter of the line was trained."""
    found = audited(parameters, 5, {"perf/mfu/actor": [0.4] * HOURS})
    assert found.verdict == "indeterminate" and "mfu-of-updates-alone" in kinds(found.estimate)


def test_any_rate_of_a_run_that_generates_may_be_that_of_its_updates() -> None:
    assert audited({"precision": "bf16"}, 5, {"mfu": [0.4] * HOURS}).verdict == "above"
    assert audited(GRPO, 5, {"mfu": [0.4] * HOURS}).verdict == "indeterminate"


RATES = ["throughput/tokens_per_sec", "tokens_per_second_per_gpu"]


@pytest.mark.parametrize("name", RATES)
def test_a_token_rate_of_a_run_that_generates_is_not_that_of_its_training(name: str) -> None:
    """All the time at this rate is a third over the line, a quarter of the time a third of it."""
    units = 30 * 8 if "per_gpu" in name else 1
    rates = {name: [2.2e6 / units] * HOURS}
    generating = audited(LLAMA | GRPO, 30, rates)
    assert generating.verdict == "indeterminate" and "token-rate-of-a-part" in kinds(generating.estimate)
    assert audited(LLAMA, 30, rates).verdict == "above"


CHECKPOINTS: dict[str, dict[str, Any]] = {
    "a checkpoint configuration": {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints/"}},
    "a channel": {
        "InputDataConfig": [
            {"ChannelName": "checkpoint", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/earlier/"}}}
        ]
    },
    "a variable": {"Environment": {"RESUME_FROM_CHECKPOINT": "/fsx/earlier/checkpoint-500"}},
    "a file system": {
        "InputDataConfig": [
            {"ChannelName": "train", "DataSource": {"FileSystemDataSource": {"FileSystemType": "FSxLustre"}}}
        ]
    },
    "a tag against a channel": {
        "InputDataConfig": [
            {"ChannelName": "model", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/earlier/"}}}
        ],
        "Tags": [{"Key": "flops-auditor:lineage", "Value": "none"}],
    },
}


@pytest.mark.parametrize(("name", "whole"), [("num_tokens", 6e12), ("total_flos", 3e23)])
@pytest.mark.parametrize("resumed", CHECKPOINTS)
@pytest.mark.parametrize("once", [False, True])
def test_of_one_value_of_a_counter_that_may_have_been_restored_nothing_is_firm(
    name: str, whole: float, resumed: str, once: bool
) -> None:
    """Neither where only the last value was kept, nor where one sample is all that there is."""
    last = [] if once else [{"MetricName": name, "Value": whole, "Timestamp": START + timedelta(hours=HOURS)}]
    series = {name: [whole]} if once else {}
    found = audited(LLAMA, 16, series, FinalMetricDataList=last, **CHECKPOINTS[resumed])
    assert "counter-begins-unseen" in kinds(found.estimate) and found.verdict == "indeterminate"
    fresh = audited(LLAMA, 16, series, FinalMetricDataList=last)
    assert "counter-begins-unseen" not in kinds(fresh.estimate) and fresh.verdict == "above"
    assert fresh.estimate.upper_flop == found.estimate.upper_flop


def test_a_lone_value_beside_an_earlier_one_counts_its_growth() -> None:
    last = [{"MetricName": "total_flos", "Value": 3e23, "Timestamp": START + timedelta(hours=HOURS)}]
    found = audited(LLAMA, 16, {"total_flos": [2.9e23]}, FinalMetricDataList=last, **CHECKPOINTS["a variable"])
    assert found.estimate.firm_flop == pytest.approx(1e22)


def test_what_a_counter_had_when_it_was_first_seen_is_not_firm_of_a_run_that_may_resume() -> None:
    """Two samples near the end, an hour apart: at their rate all of it could have been counted from nothing."""
    late = [START + timedelta(hours=hour) for hour in (718, 719)]
    job = describe(
        hours=HOURS,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16},
        HyperParameters=LLAMA,
        **CHECKPOINTS["a checkpoint configuration"],
    )
    found = audit(
        Evidence(job, metrics=[{"Label": "num_tokens", "Timestamps": late, "Values": [5.9e12, 6e12]}]), TABLES
    )
    assert "counter-begins-unseen" in kinds(found.estimate) and found.verdict == "indeterminate"
    grown = audited(LLAMA, 16, {"num_tokens": rising(0, 6e12)}, **CHECKPOINTS["a checkpoint configuration"])
    assert "counter-begins-unseen" not in kinds(grown.estimate) and grown.verdict == "above"


def test_that_it_resumes_is_its_own_word_and_a_meter_restores_nothing() -> None:
    last = [{"MetricName": "total_flos", "Value": 3e23, "Timestamp": START + timedelta(hours=HOURS)}]
    found = audited({**LLAMA, "resume_from_checkpoint": "true"}, 16, {}, FinalMetricDataList=last)
    assert (found.verdict, found.without_statements.verdict) == ("indeterminate", "above")
    assert audited({**LLAMA, "resume_mode": "disable"}, 16, {}, FinalMetricDataList=last).verdict == "above"
    counted = [{**last[0], "MetricName": "flops_auditor:model_flop"}]
    metered = audited({**LLAMA, "resume": "true"}, 16, {}, FinalMetricDataList=counted)
    assert "counter-begins-unseen" not in kinds(metered.estimate)
