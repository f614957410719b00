"""Metrics that trainers emit: recognised by name, scaled to their unit, used in the right tier."""

import json
from fractions import Fraction
from typing import Any

import pytest

from flops_auditor.data import load_tables, trainer_metrics
from flops_auditor.domain.compute.run_estimate import Estimate
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.trainer_metrics import MalformedTrainerMetrics, TrainerMetrics
from tests.fakes.cases import audit, words
from tests.fakes.jobs import describe

TABLES = load_tables()
MODEL = [{"Key": "flops-auditor:params", "Value": "8e9"}]


@pytest.mark.parametrize(
    ("name", "quantity", "scale", "cumulative"),
    [
        ("flops_auditor:model_flop", "model_flop", 1, True),
        ("total_flos", "trainer_flop", 1, True),
        ("train_total_flos", "trainer_flop", 1, True),
        ("train/num_input_tokens_seen", "tokens", 1, True),
        ("num_tokens", "tokens", 1, True),
        ("MFU", "mfu", 1, False),
        ("device/mfu", "mfu", 1, False),
        ("mfu(%)", "mfu", Fraction(1, 100), False),
        ("throughput/mfu", "mfu", Fraction(1, 100), False),
        ("TFLOPS_per_GPU", "model_flop_rate", 10**12, False),
        ("throughput per GPU (TFLOP/s/GPU)", "model_flop_rate", 10**12, False),
        ("tflops", "model_flop_rate", 10**12, False),
        ("tflops/TFLOPS", "model_flop_rate_of_all", 10**12, False),
        ("flops_per_sec", "model_flop_rate_of_all", 1, False),
        ("tokens_per_second_per_gpu", "token_rate_per_unit", 1, False),
        ("throughput(tps)", "token_rate_per_unit", 1, False),
        ("train_samples_per_second", "sample_rate", 1, False),
    ],
)
def test_names_as_trainers_log_them(name, quantity, scale, cumulative):
    meaning = trainer_metrics().recognise(name)
    assert meaning is not None
    assert (meaning.quantity, meaning.scale, meaning.cumulative) == (quantity, scale, cumulative)


@pytest.mark.parametrize("name", ["", "loss", "throughput", "train_loss", "GPUUtilization", "flops", "tokens"])
def test_names_that_mean_several_things_are_not_guessed(name):
    assert trainer_metrics().recognise(name) is None


def estimated(name: str, values: list[float], **changes: Any) -> Estimate:
    metrics = [{"Label": name, "Timestamps": [], "Values": values}]
    return audit(Evidence(describe(Tags=MODEL, **changes), metrics=metrics), TABLES).estimate


# describe(): one host with 8 H100 for 36,000 s; N L H = 8 x 36,000 x 989.4e12
PEAK_FLOP = 8 * 36_000 * Fraction("989.4e12")


@pytest.mark.parametrize(
    ("name", "values", "method", "best"),
    [
        ("mfu", [0.4], "hardware + MFU", PEAK_FLOP * Fraction(2, 5)),
        ("mfu(%)", [40.0], "hardware + MFU", PEAK_FLOP * Fraction(2, 5)),
        ("tflops", [400.0], "hardware + MFU", 8 * 36_000 * 400 * 10**12),
        ("device/flops_per_sec", [4e14], "hardware + MFU", 8 * 36_000 * 4 * 10**14),
        ("flops_per_sec", [3.2e15], "hardware + MFU", 36_000 * 32 * 10**14),
        ("tokens_per_second_per_gpu", [5000.0], "architecture", 6 * 8 * 10**9 * 5000 * 8 * 36_000),
        ("throughput/tokens_per_sec", [40000.0], "architecture", 6 * 8 * 10**9 * 40_000 * 36_000),
        ("num_input_tokens_seen", [1e9, 2e9], "architecture", 6 * 8 * 10**9 * 2 * 10**9),
        ("total_flos", [1e20, 3e20], "architecture", 3 * 10**20),
        ("throughput/total_gflops", [3e11], "architecture", 3 * 10**20),
        ("flops_auditor:model_flop", [3e20], "counted", 3 * 10**20),
        ("train_samples_per_second", [12.0], "hardware", PEAK_FLOP / 2),
    ],
)
def test_each_quantity_reaches_its_tier(name, values, method, best):
    found = estimated(name, values)
    assert found.method == method
    assert found.best_flop == best


def test_samples_per_second_are_said_to_be_no_measure():
    assert any("samples" in said for said in words(estimated("train_samples_per_second", [12.0]).assumptions))


@pytest.mark.parametrize(("name", "value"), [("mfu", 40.0), ("tflops", 4e5), ("flops_per_sec", 1e17)])
def test_more_than_the_peak_is_left_aside(name, value):
    """A percentage under a fraction's name, or the whole job's rate under one accelerator's."""
    found = estimated(name, [value])
    assert found.method == "hardware"
    assert any("contradictory evidence" in said for said in words(found.assumptions))


GOOD = {"names": ["a"], "quantity": "mfu", "scale": "1", "cumulative": False, "source": "manual"}


@pytest.mark.parametrize(
    "entries",
    [
        [{**GOOD, "quantity": "speed"}],
        [{**GOOD, "source": ""}],
        [{**GOOD, "scale": "0"}],
        [{**GOOD, "scale": "fast"}],
        [{**GOOD, "names": []}],
        [GOOD, GOOD],
        [{key: value for key, value in GOOD.items() if key != "scale"}],
    ],
)
def test_a_bad_entry_is_named(entries):
    with pytest.raises(MalformedTrainerMetrics, match=f"entry {len(entries) - 1}"):
        TrainerMetrics.parse(json.dumps({"metrics": entries}))
