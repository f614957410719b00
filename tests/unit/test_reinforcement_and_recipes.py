"""What `flops-auditor audit` makes of reinforcement learning, recipes, adapters, and of what nothing bounds."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.main import app
from tests.fakes.jobs import CREATED, describe, throughout

LLAMA = {"model_name_or_path": "meta-llama/Llama-3.1-8B", "max_seq_length": "2048"}
TOKENS = [{"Label": "num_tokens", "Values": [4e8]}]


def audited(folder: Path, job: dict[str, Any], metrics: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    files = {"job.json": job, "metrics.json": {"MetricDataResults": [throughout(each) for each in metrics or []]}}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, default=iso))
    arguments = ["audit", str(folder / "job.json"), "--metrics", str(folder / "metrics.json"), "--output", "json"]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code in (0, 3, 4), answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def kinds(found: dict[str, Any]) -> set[str]:
    return {each["kind"] for each in found["estimate"]["assumptions"]}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"trainer_type": "GRPOTrainer"}, {"rollouts"}),
        ({"trainer_type": "GRPOTrainer", "num_iterations": "4"}, {"rollouts", "several-updates-of-one-rollout"}),
        ({"trainer_type": "PPOTrainer"}, {"rollouts", "several-updates-of-one-rollout"}),
        ({"algorithm.adv_estimator": "gae"}, {"rollouts"}),
        ({"advantage_estimator": "rloo"}, {"rollouts"}),
        ({"rlhf_type": "gspo"}, {"rollouts"}),
        ({"loss_type": "dpo"}, {"reference-model"}),
        ({"rlhf_type": "kto"}, {"reference-model"}),
        ({"rlhf_type": "orpo"}, set()),
    ],
)
def test_techniques_by_the_names_of_their_trainers(
    tmp_path: Path, parameters: dict[str, str], expected: set[str]
) -> None:
    found = kinds(audited(tmp_path, describe(HyperParameters={**LLAMA, **parameters}), TOKENS))
    assert found & {"rollouts", "reference-model", "several-updates-of-one-rollout"} == expected


@pytest.mark.parametrize("technique", ["orpo", "reward", "dpo"])
def test_pairs_in_a_tag_may_be_counted_once(tmp_path: Path, technique: str) -> None:
    tags = [{"Key": "flops-auditor:tokens", "Value": "4e8"}]
    job = describe(HyperParameters={**LLAMA, "trainer_type": f"{technique}_trainer"}, Tags=tags)
    assert "tokens-of-one-answer" in kinds(audited(tmp_path, job))


def test_an_mfu_may_be_against_the_peak_of_fp8(tmp_path: Path) -> None:
    """Undeclared, a share of FP8's peak stands for twice as much; declared in any of its ways, the FP8 peak counts."""
    mfu = [{"Label": "mfu", "Values": [0.2]}]
    silent = audited(tmp_path, describe(HyperParameters=LLAMA), mfu)["estimate"]
    assert "peak-of-the-mfu-unknown" in {each["kind"] for each in silent["assumptions"]}
    for said in ({"mixed_precision": "fp8"}, {"bf16": "true", "fp8_recipe": "hybrid"}):
        fast = audited(tmp_path, describe(HyperParameters={**LLAMA, **said}), mfu)["estimate"]
        assert fast["best_flop"] == pytest.approx(2 * silent["best_flop"], rel=1e-3)
        assert silent["cautious_upper_flop"] >= fast["best_flop"] * 1.3 - 1


def test_adapters_that_are_said_not_to_be_used(tmp_path: Path) -> None:
    plain = audited(tmp_path, describe(HyperParameters=LLAMA), TOKENS)["estimate"]["best_flop"]
    full = {**LLAMA, "peft_type": "None", "lora_r": "16"}
    assert audited(tmp_path, describe(HyperParameters=full), TOKENS)["estimate"]["best_flop"] == plain
    part = {**LLAMA, "lora_r": "16"}
    assert audited(tmp_path, describe(HyperParameters=part), TOKENS)["estimate"]["best_flop"] < plain


def test_a_recipe_names_model_tokens_and_batch(tmp_path: Path) -> None:
    recipe = {
        "run.model_name_or_path": "meta-llama/Llama-3.1-8B",
        "training_config.max_steps": "2000",
        "training_config.global_batch_size": "64",
        "training_config.max_length": "4096",
    }
    found = audited(tmp_path, describe(HyperParameters=recipe))
    assert found["original"]["base_model"] == "meta-llama/Llama-3.1-8B"
    assert found["estimate"]["method"] == "architecture"
    assert found["estimate"]["best_flop"] > 6 * 8e9 * 2000 * 64 * 4096


def test_ten_days_without_a_word_are_not_below(tmp_path: Path) -> None:
    job = describe(hours=240, SecondaryStatusTransitions=[], TrainingTimeInSeconds=0)
    assert audited(tmp_path, job)["verdict"] == "indeterminate"
    waited = [{"Status": "Pending", "StartTime": CREATED, "EndTime": CREATED + timedelta(days=11)}]
    job |= {"SecondaryStatusTransitions": waited, "TrainingJobStatus": "Stopped"}
    assert audited(tmp_path, job)["verdict"] == "below"


def test_a_tag_bounds_no_closed_model(tmp_path: Path) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/nova-textgeneration-lite/1.0.0"
    config = {"BaseModelArn": arn, "JobType": "FineTuning", "Peft": "LORA"}
    tags = [{"Key": "flops-auditor:params", "Value": "1e9"}]
    job = describe(ServerlessJobConfig=config, ResourceConfig={}, BillableTokenCount=10**9, Tags=tags)
    found = audited(tmp_path, job)
    assert found["verdict"] == "indeterminate"
    assert "nothing-bounds-it" in kinds(found)
