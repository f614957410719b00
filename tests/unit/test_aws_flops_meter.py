"""The AWS toolkit's flops_meter.json as evidence, with its known defects."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.data import load_tables
from flops_auditor.domain.compute.run_estimate import Estimate
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor_cli.main import app
from tests.fakes.cases import audit, words
from tests.fakes.jobs import describe

TABLES = load_tables()

# The AWS post's example: Llama-3.2-3B with QLoRA on one ml.g5.4xlarge for 245.3 s
POST = {
    "Flops_architecture": "1.45e+13",
    "Flops_hardware": "1.52e+15",
    "N_total": 1585294704,
    "N_trainable": 680094720,
    "tokens_processed": 2150,
    "model_name": "meta-llama/Llama-3.2-3B-Instruct",
    "training_duration_seconds": 245.30,
    "gpu_name": "NVIDIA A10G",
}
JOB: dict[str, Any] = {
    "hours": 245.3 / 3600,
    "ResourceConfig": {"InstanceType": "ml.g5.4xlarge", "InstanceCount": 1},
}


def estimated(meter: object, base_model: str = "meta-llama/Llama-3.2-3B-Instruct", **changes: Any) -> Estimate:
    job = describe(HyperParameters={"model_name_or_path": base_model} if base_model else {}, **{**JOB, **changes})
    text = meter if isinstance(meter, str) else json.dumps(meter)
    return audit(Evidence(job, files={"s3://bucket/run/flops_meter.json": text}), TABLES).estimate


def test_the_posts_example_is_recomputed_with_the_whole_model():
    """4-bit packing halves the toolkit's count of parameters: 1.59e9 for a model of 3.21e9."""
    found = estimated(POST)
    assert found.method == "architecture"
    assert found.best_flop == (4 * 3_210_000_000 + 2 * 680_094_720) * 2150
    assert any("padding" in said for said in words(found.assumptions))


def test_full_training_is_six_times_parameters_times_tokens():
    found = estimated({**POST, "N_trainable": POST["N_total"]})
    assert found.best_flop == 6 * 3_210_000_000 * 2150


def test_counts_of_shards_are_not_trusted():
    """A full model sharded over eight GPUs must not look like a small adapter: the upper bound takes all as trained."""
    found = estimated({**POST, "N_total": 401_250_000, "N_trainable": 6_000_000})
    assert found.best_flop == 4 * 3_210_000_000 * 2150
    assert (found.upper_flop or 0) >= 6 * 3_210_000_000 * 2150
    assert any("by shard" in said for said in words(found.assumptions))


def test_without_a_known_model_the_hardware_counts():
    found = estimated(POST, base_model="")
    assert found.method == "hardware"
    assert any("name the base model" in said for said in words(found.assumptions))


def test_what_the_job_says_goes_first():
    tags = [{"Key": "flops-auditor:tokens", "Value": "1e6"}, {"Key": "flops-auditor:trainable-params", "Value": "1e6"}]
    assert estimated(POST, Tags=tags).best_flop == (4 * 3_210_000_000 + 2 * 10**6) * 10**6


@pytest.mark.parametrize("broken", ["", "[]", "{}", "{", '{"tokens_processed": -1}', '{"tokens_processed": "many"}'])
def test_a_file_that_cannot_be_read_is_a_doubt(broken):
    """A verdict never rests on evidence that could not be read."""
    found = estimated(broken)
    assert any("flops_meter.json could not be read" in doubt for doubt in words(found.doubts))


def test_a_run_without_tokens_falls_to_the_hardware():
    found = estimated({**POST, "tokens_processed": 0})
    assert found.method == "hardware" and not words(found.doubts)


def test_on_the_command_line(tmp_path):
    job = tmp_path / "job.json"
    job.write_text(json.dumps(describe(HyperParameters={"model_id": "meta-llama/Llama-3.2-3B"}, **JOB), default=str))
    meter = tmp_path / "any-name.json"
    meter.write_text(json.dumps(POST))
    answer = CliRunner().invoke(app, ["audit", str(job), "--flops-meter", str(meter), "--output", "json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["estimate"]["best_flop_exact"] == str((4 * 3_210_000_000 + 2 * 680_094_720) * 2150)
