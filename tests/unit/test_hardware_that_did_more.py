"""Nothing is below by hardware that did more than its evidence says at first: faster, longer, on more accelerators."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.runs.evidence import Evidence
from tests.fakes.cases import audit, kinds
from tests.fakes.jobs import CREATED, describe

START = CREATED + timedelta(minutes=10)
HOUR = timedelta(hours=1)
TABLES = load_tables()


def job(hosts: int, hours: float, kind: str = "ml.p5.48xlarge", **changes: Any) -> dict[str, Any]:
    resources = {"InstanceType": kind, "InstanceCount": hosts}
    return describe(hours=hours, ResourceConfig=resources, **{"HyperParameters": {}, **changes})


def series(label: str, values: list[float], start: datetime = START) -> dict[str, Any]:
    return {"Label": label, "Timestamps": [start + HOUR * i for i in range(len(values))], "Values": values}


def busy(hosts: int, hours: int, value: float = 480.0) -> list[dict[str, Any]]:
    return [series(f"GPUUtilization algo-{host}", [value] * hours) for host in range(1, hosts + 1)]


def audited(
    description: dict[str, Any], metrics: list[dict[str, Any]] | None = None, period: int | None = None
) -> Audit:
    return audit(Evidence(description, metrics=metrics or [], period_seconds=period), TABLES)


def states(*of: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [{"Status": name, "StartTime": START + HOUR * a, "EndTime": START + HOUR * b} for name, a, b in of]


@pytest.mark.parametrize(
    "transitions",
    [
        states(("Training", 0, 120)),
        states(("Downloading", 0, 119), ("Training", 119, 239)),
        states(("Training", 0, 120), ("Uploading", 120, 239)),
        states(("Downloading", 0, 239)),
    ],
    ids=["nothing said", "downloading", "uploading", "never trained"],
)
def test_accelerators_at_work_beside_the_spans_of_training_count(transitions: list[dict[str, Any]]) -> None:
    failed = {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed"}
    found = audited(job(16, 239, SecondaryStatusTransitions=transitions, **failed), busy(16, 239))
    assert found.verdict == "indeterminate"
    assert "hardware-in-use-beside-training" in kinds(found.estimate)
    whole = audited(job(16, 239)).estimate.upper_flop
    assert whole is not None and found.estimate.cautious_upper_flop is not None
    assert 0.4 * whole < found.estimate.cautious_upper_flop <= whole + 1


@pytest.mark.parametrize(("idle", "verdict"), [(0.0, "below"), (1.0, "indeterminate")])
def test_idle_accelerators_beside_the_spans_do_not(idle: float, verdict: str) -> None:
    transitions = states(("Downloading", 0, 119), ("Training", 119, 239))
    metrics = [series(f"GPUUtilization algo-{host}", [idle] * 119 + [480.0] * 120) for host in range(1, 17)]
    assert audited(job(16, 239, SecondaryStatusTransitions=transitions), metrics).verdict == verdict


@pytest.mark.parametrize(("minutes", "said"), [(1, False), (2, True), (300, True)])
def test_time_that_nothing_explains_counts_whatever_its_share(minutes: int, said: bool) -> None:
    """Ten hours of spans, with TrainingStartTime and TrainingEndTime or TrainingTimeInSeconds alone."""
    longer = {"TrainingEndTime": START + 10 * HOUR + timedelta(minutes=minutes)}
    billed = {"TrainingStartTime": None, "TrainingEndTime": None, "TrainingTimeInSeconds": 36600 + 60 * minutes}
    for changes in (longer, billed):
        found = audited({**job(1, 10), **changes})
        assert ("hardware-in-use-beside-training" in kinds(found.estimate)) == said
        upper, cautious = found.estimate.upper_flop, found.estimate.cautious_upper_flop
        assert upper is not None and cautious is not None
        assert cautious == pytest.approx(upper * (1 + minutes / 600 * said), rel=1e-6)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("HyperParameters", "fp4_format", "e2m1"),
        ("HyperParameters", "fp4_recipe", "nvfp4"),
        ("HyperParameters", "quantization", "te_nvfp4"),
        ("HyperParameters", "quantization", "fp8"),
        ("HyperParameters", "trainer.precision", "bf16_with_fp8_mixed"),
        ("HyperParameters", "quantize.linear.float8.recipe_name", "rowwise"),
        ("HyperParameters", "mp_policy", "float8"),
        ("HyperParameters", "recipe", "llama3_8b_fp8"),
        ("Environment", "ACCELERATE_MIXED_PRECISION", "fp8"),
        ("Environment", "NVTE_FP8", "1"),
        ("HyperParameters", "fp8_qkv", "1"),
        ("HyperParameters", "precision", "transformer-engine-float16"),
        ("HyperParameters", "plugins", "lightning.pytorch.plugins.TransformerEnginePrecision"),
        ("HyperParameters", "deepspeed", '{"msamp": {"enabled": true, "opt_level": "O2"}}'),
        ("HyperParameters", "config", "/opt/ml/input/data/config/llama3_8b_fp8.yaml"),
        ("HyperParameters", "sagemaker_program", "code/train_fp8.py"),
    ],
)
def test_a_faster_format_raises_the_upper_bound_however_it_is_spelt(place: str, name: str, value: str) -> None:
    plain, found = (audited(job(2, 250, "ml.p6-b300.48xlarge", **{place: said})) for said in ({}, {name: value}))
    assert (plain.verdict, found.verdict) == ("below", "indeterminate")
    assert (found.estimate.upper_flop or 0) >= 2 * (plain.estimate.upper_flop or 0)
    tagged = job(2, 250, "ml.p6-b300.48xlarge", Tags=[{"Key": "flops-auditor:precision", "Value": "bf16"}])
    assert audited({**tagged, place: {name: value}}).verdict == "indeterminate"


def test_the_fastest_of_several_formats_counts() -> None:
    hints = {"mp_policy": "float8", "quantization": "te_nvfp4"}
    both, *each = (
        audited(job(2, 250, "ml.p6-b300.48xlarge", HyperParameters=said)).estimate.upper_flop or 0
        for said in (hints, {"mp_policy": "float8"}, {"quantization": "te_nvfp4"})
    )
    assert both == max(each) > min(each)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fp4", "false"),
        ("bnb_4bit_quant_type", "fp4"),
        ("kv_cache_dtype", "fp8_e5m2"),
        ("model_id", "RedHatAI/Llama-3.2-1B-FP8"),
        ("data_path", "/opt/ml/input/data/fp8"),
        ("deepspeed", '{"msamp": {"enabled": false, "opt_level": "O2"}}'),
        ("kv.cache.dtype", "fp8"),
        ("transformer_impl", "transformer_engine"),
    ],
)
def test_what_is_only_stored_or_called_so_raises_nothing(name: str, value: str) -> None:
    found = audited(job(2, 250, "ml.p6-b300.48xlarge", HyperParameters={name: value}))
    assert found.estimate.upper_flop == audited(job(2, 250, "ml.p6-b300.48xlarge")).estimate.upper_flop
    assert "faster-precision-hinted" not in kinds(found.estimate)


@pytest.mark.parametrize("first", [[90.0] * 299 + [101.0], [720.0] * 300, [0.9] * 300])
def test_means_and_sums_of_accelerators_in_one_file_are_told_value_by_value(first: list[float]) -> None:
    metrics = [series("GPUUtilization algo-1", first), *busy(16, 300, 90.0)[1:]]
    found = audited(job(16, 300), metrics)
    assert found.verdict == "indeterminate"
    assert found.estimate.occupancy is not None and 0.89 < found.estimate.occupancy <= 1
    assert kinds(found.estimate) & {"occupancy-of-one-or-of-all", "occupancy-of-one-accelerator"}
    asked = audited(job(16, 300), metrics, period=3600)
    assert (asked.estimate.occupancy or 1) < 0.2


@pytest.mark.parametrize("values", [[0.9] * 299 + [1.01], [0.9] * 250 + [720.0] * 50, [7.2] * 250 + [720.0] * 50])
def test_fractions_in_one_series_with_others_are_told_value_by_value(values: list[float]) -> None:
    metrics = [series(f"GPUUtilization algo-{host}", values) for host in range(1, 17)]
    found = audited(job(16, 300), metrics)
    assert found.verdict == "indeterminate"
    assert found.estimate.occupancy == pytest.approx(0.9, abs=0.01)
    assert "some-values-in-fractions" in kinds(found.estimate)
    assert (audited(job(16, 300), metrics, period=3600).estimate.occupancy or 1) < 0.2


@pytest.mark.parametrize(("value", "read"), [(1.0, 800), (1.5, 150), (8.0, 800), (8.5, 68), (100.0, 800), (101.0, 101)])
def test_a_value_of_a_file_is_in_the_unit_that_makes_it_the_most(value: float, read: float) -> None:
    found = audited(job(1, 300), [series("GPUUtilization algo-1", [value] * 150 + [800.0] * 150)])
    assert found.estimate.occupancy == (Fraction(read) / 800 + 1) / 2


def test_a_sum_stays_a_sum() -> None:
    found = audited(job(16, 300), busy(16, 300, 180.0))
    assert found.estimate.occupancy == Fraction(180, 800)
    assert not kinds(found.estimate) & {"occupancy-of-one-or-of-all", "occupancy-of-one-accelerator"}


def test_no_busiest_minute_of_an_hour_makes_a_run_above() -> None:
    """Hosts at work one minute of twenty: what is above needs the means, what is below the highest values."""

    def found(mean: float) -> Audit:
        hosts = [f"GPUUtilization algo-{host}" for host in (1, 2)]
        values = [(host, mean) for host in hosts] + [(f"{host} Maximum", 800.0) for host in hosts]
        return audited(job(2, 600), [series(label, [value] * 600) for label, value in values], period=3600)

    idle, busy = found(40.0), found(800.0)
    assert idle.estimate.upper_flop == busy.estimate.upper_flop
    assert idle.estimate.lower_flop * 19 < busy.estimate.lower_flop < idle.estimate.lower_flop * 21
