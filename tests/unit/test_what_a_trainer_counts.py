"""A trainer's own count of FLOP and of its input: what it leaves out, and what it counts too high."""

from datetime import timedelta

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.compute.cautions import TRAINER_LEAVES_OUT_UNKNOWN
from flops_auditor.domain.compute.run_estimate import CAUTIOUS_BOUND, CAUTIOUS_BOUNDS
from flops_auditor.domain.compute.trainers_count import COUNTS_ELEMENTS, TRAINER_COUNTS_TOO_HIGH
from flops_auditor.domain.runs.evidence import Evidence
from tests.fakes.cases import audit, kinds
from tests.fakes.jobs import CREATED, describe

START = CREATED + timedelta(minutes=10)
TABLES = load_tables()
LOCAL = "/opt/ml/input/data/model"


def audited(
    metrics: dict[str, float], hosts: int, hours: int, *, tags: dict[str, str] | None = None, **parameters: str
) -> Audit:
    """A run of p5 hosts that emits each hour; what is called mfu stays as it is, all else grows to its last value."""
    job = describe(
        hours=hours,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts},
        HyperParameters=parameters,
        Tags=[{"Key": f"flops-auditor:{name}", "Value": value} for name, value in (tags or {}).items()],
    )
    times = [START + timedelta(hours=hour) for hour in range(hours)]
    series = [
        {
            "Label": name,
            "Timestamps": times,
            "Values": [last if name == "mfu" else last * (hour + 1) / hours for hour in range(hours)],
        }
        for name, last in metrics.items()
    ]
    return audit(Evidence(job, metrics=series), TABLES)


@pytest.mark.parametrize(
    ("tags", "parameters"),
    [
        ({}, {"model_name_or_path": LOCAL, "max_seq_length": "32768"}),
        ({}, {"model_name_or_path": "acme/tiny-qwen", "max_seq_length": "32768"}),
        ({"activity": "pretraining"}, {"config_name": "/opt/ml/input/data/config", "max_seq_length": "32768"}),
        ({"params": "5e8"}, {"max_seq_length": "32768"}),
        ({"params": "3.6e8"}, {"max_seq_length": "512"}),
        ({}, {"rlhf_type": "dpo"}),
    ],
)
def test_of_a_model_that_is_not_known_the_hardware_bounds_what_a_trainers_count_leaves_out(
    tags: dict[str, str], parameters: dict[str, str]
) -> None:
    """2e22 FLOP of Qwen2.5-0.5B at 32k tokens are 6e22 with attention and its head: twice the line."""
    found = audited({"total_flos": 2e22}, 16, 480, tags=tags, **parameters)
    estimate = found.estimate
    assert found.verdict == "indeterminate" and (estimate.upper_flop or 0) == 26 * 10**21
    assert (estimate.cautious_upper_flop or 0) > 6e22


def test_without_hardware_and_model_nothing_bounds_a_trainers_count() -> None:
    found = audited({"total_flos": 1e20}, 1, 24, model_name_or_path=LOCAL)
    assert TRAINER_LEAVES_OUT_UNKNOWN.name in kinds(found.estimate)
    unknown = describe(ResourceConfig={"InstanceType": "ml.zz9.48xlarge", "InstanceCount": 1}, HyperParameters={})
    last = [{"Label": "total_flos", "Timestamps": [START, START + timedelta(hours=23)], "Values": [1e20, 2e20]}]
    found = audit(Evidence(unknown, metrics=last), TABLES)
    assert found.estimate.upper_flop is None and found.verdict == "indeterminate"


def test_of_a_model_that_is_not_known_an_mfu_says_more_than_a_trainers_count() -> None:
    found = audited({"total_flos": 2e21, "mfu": 0.4}, 1, 240, model_name_or_path=LOCAL)
    assert (found.estimate.method, found.verdict) == ("hardware + MFU", "below")
    named = audited({"total_flos": 2e21, "mfu": 0.4}, 1, 240, model_name_or_path="Qwen/Qwen2.5-0.5B")
    assert named.estimate.method == "architecture"


@pytest.mark.parametrize(
    ("model", "hosts", "hours", "flop"),
    [
        ("Qwen/Qwen3-30B-A3B", 100, 239, 3.4e23),
        ("openai/gpt-oss-20b", 100, 239, 3.4e23),
        ("deepseek-ai/DeepSeek-V3", 300, 720, 3e24),
    ],
)
def test_a_trainers_count_of_all_experts_is_firm_of_the_active_ones_alone(
    model: str, hosts: int, hours: int, flop: float
) -> None:
    found = audited({"total_flos": flop}, hosts, hours, model_name_or_path=model, max_seq_length="4096")
    assert found.verdict == "indeterminate" and TRAINER_COUNTS_TOO_HIGH.name in kinds(found.estimate)
    assert 0 < (found.estimate.lower_flop or 0) < flop / 5
    dense = audited({"total_flos": flop}, hosts, hours, model_name_or_path="meta-llama/Llama-3.1-8B")
    assert TRAINER_COUNTS_TOO_HIGH.name not in kinds(dense.estimate) and dense.verdict == "above"


def test_a_trainers_count_of_frozen_parameters_is_firm_to_two_thirds() -> None:
    whole, adapters = (
        audited({"total_flos": 3e23}, 100, 239, model_name_or_path="meta-llama/Llama-3.1-8B", **more).estimate
        for more in ({}, {"peft_type": "LORA", "lora_r": "16"})
    )
    assert (whole.firm_flop or 0) == 3 * 10**23 and (adapters.firm_flop or 0) == 2 * 10**23


@pytest.mark.parametrize(
    ("model", "metric", "count"),
    [
        ("openai/whisper-large-v3", "total_flos", 6e22),
        ("openai/clip-vit-large-patch14", "total_flos", 6e22),
        (LOCAL, "total_flos", 6e22),
        ("openai/whisper-large-v3", "num_input_tokens_seen", 6.5e12),
        ("google/vit-huge-patch14-224-in21k", "num_input_tokens_seen", 1.6e13),
    ],
)
def test_pixels_and_frames_that_a_trainer_counts_as_tokens_are_not_firm(model: str, metric: str, count: float) -> None:
    found = audited({metric: count}, 16, 239, model_name_or_path=model, max_seq_length="4096")
    assert found.verdict == "indeterminate" and COUNTS_ELEMENTS.name in kinds(found.estimate)
    assert 0 < (found.estimate.firm_flop or 0) < 1e22


def test_the_bound_of_all_that_contributed_is_named_beside_that_of_updates() -> None:
    """Passes through a reference model count on the cumulative basis alone: "below" may rest on less."""
    parameters = {"model_name_or_path": "HuggingFaceTB/SmolLM2-360M", "max_seq_length": "512"}
    for metric, count in (("num_tokens", 9.26e12), ("total_flos", 2e22)):
        found = audited({metric: count}, 16, 480, rlhf_type="kto", **parameters).estimate
        assert "reference-model" in kinds(found)
        assert (found.updates_upper_flop or 0) < 3.3e22 < (found.cautious_upper_flop or 0)
        assert CAUTIOUS_BOUNDS(updates=found.updates_upper_flop, flop=found.cautious_upper_flop) in found.assumptions
        assert CAUTIOUS_BOUND.name not in kinds(found)
