"""What a job says about itself, and what is made of it when it is not well said."""

from fractions import Fraction
from typing import Any

import pytest

from flops_auditor.domain.runs.declared import Declared, ModelName
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.stated import Stated
from tests.fakes.cases import declared_by, words
from tests.fakes.jobs import describe


def declared(tags: dict[str, str] | None = None, /, **changes: Any) -> Declared:
    listed = [{"Key": f"flops-auditor:{key}", "Value": value} for key, value in (tags or {}).items()]
    return declared_by(parse_training_job(describe(**{"HyperParameters": {}, **changes}), listed))


def test_every_tag_is_read() -> None:
    found = declared(
        {
            "activity": "Pretraining",
            "base-model": "org/model",
            "pretrain-flops": "1e24",
            "systemic-risk": "true",
            "params": "8.0e9",
            "active-params": "2e9",
            "trainable-params": "4e7",
            "tokens": "1e9",
            "precision": "FP8",
            "lineage": "job-1  arn:2",
        }
    )
    assert found == Declared(
        activity="pretraining",
        base_model="org/model",
        names=(ModelName("org/model", "tag flops-auditor:base-model", explains=True),),
        pretraining_flop=10**24,
        loads_weights=True,
        by_name=True,
        stated=Stated(systemic_risk=True, unconfirmed=frozenset({"systemic_risk", "pretraining_flop"})),
        parameters=8 * 10**9,
        active_parameters=2 * 10**9,
        trainable_parameters=4 * 10**7,
        tokens=10**9,
        precision="fp8",
        precision_tagged=True,
        lineage=("job-1", "arn:2"),
    )


def test_nothing_said_is_nothing_known() -> None:
    assert declared() == Declared()


@pytest.mark.parametrize("name", ["params", "active-params", "trainable-params", "tokens"])
def test_an_amount_that_cannot_be_read_is_a_doubt(name: str) -> None:
    found = declared({name: "8 billion"})
    assert words(found.figure_doubts) == (f"tag flops-auditor:{name} could not be read: '8 billion' is not a number",)
    assert words(found.threshold_doubts) == ()


@pytest.mark.parametrize(("name", "value"), [("activity", "inference"), ("precision", "int3")])
def test_a_choice_that_does_not_exist_is_a_doubt(name: str, value: str) -> None:
    found = declared({name: value})
    assert len(found.figure_doubts) == 1
    assert value in words(found.figure_doubts)[0]
    assert found.activity == "fine-tuning"
    assert not found.precision_tagged


@pytest.mark.parametrize(
    ("tags", "environment", "flop"),
    [
        ({}, {"PRETRAIN_FLOPS": "1.5e24"}, 15 * 10**23),
        ({"pretrain-flops": "2e24"}, {}, 2 * 10**24),
        ({"pretrain-flops": "2e24"}, {"PRETRAIN_FLOPS": "1e24"}, 10**24),
        ({"pretrain-flops": "1e24"}, {"PRETRAIN_FLOPS": "2e24"}, 10**24),
        ({"pretrain-flops": "unknown"}, {"PRETRAIN_FLOPS": "None"}, None),
        ({}, {"PRETRAIN_FLOPS": "0"}, None),
    ],
)
def test_pretraining_compute_and_the_lower_of_two(tags: Any, environment: Any, flop: int | None) -> None:
    found = declared(tags, Environment=environment)
    assert found.pretraining_flop == flop
    assert bool(found.notes) == (len({*tags.values(), *environment.values()}) == 2 or flop is None)
    assert words(found.threshold_doubts) == ()


@pytest.mark.parametrize("text", ["1.5e24 FLOP", "-1", "lots"])
def test_pretraining_compute_that_cannot_be_read_is_a_doubt_about_the_threshold(text: str) -> None:
    assert words(declared(Environment={"PRETRAIN_FLOPS": text}).threshold_doubts)
    assert words(declared({"pretrain-flops": text}).threshold_doubts)


@pytest.mark.parametrize(
    ("text", "systemic", "doubts"), [("yes", True, 0), ("1", True, 0), ("no", False, 0), ("maybe", None, 1)]
)
def test_systemic_risk_is_said_or_doubted(text: str, systemic: bool | None, doubts: int) -> None:
    found = declared({"systemic-risk": text})
    assert found.stated.systemic_risk is systemic
    assert ("systemic_risk" in found.stated.unconfirmed) is (systemic is not None)
    assert len(found.threshold_doubts) == doubts


@pytest.mark.parametrize(
    "places",
    [
        {"HyperParameters": {"model_name_or_path": '"org/model"'}},
        {"HyperParameters": {"model-id": "org/model"}},
        {"HyperParameters": {"Base_Model": "org/model"}},
        {"HyperParameters": {"run.model_name_or_path": "org/model"}},
        {"HyperParameters": {"recipes.training_config.model_config.model_name_or_path": "org/model"}},
        {"HyperParameters": {"+actor_rollout_ref.model.path": "org/model", "critic.model.path": "org/critic"}},
        {"HyperParameters": {"policy.model_name": "org/model"}},
        {"HyperParameters": {"model.hf_model_name_or_path": "org/model"}},
        {"HyperParameters": {"pretrain": "org/model", "reward_pretrain": "org/reward"}},
        {"HyperParameters": {"run.model_type": "llm_finetuning_aws", "run.model_name_or_path": "org/model"}},
        {"Environment": {"HF_MODEL_ID": "org/model"}},
        {"ServerlessJobConfig": {"BaseModelArn": "org/model"}},
    ],
)
def test_the_base_model_is_found_wherever_it_is_named(places: dict[str, Any]) -> None:
    assert declared(**places).base_model == "org/model"


def test_a_jumpstart_tag_names_the_base_model_and_our_own_tag_wins() -> None:
    tags = [{"Key": "sagemaker-sdk:jumpstart-model-id", "Value": "meta-llama"}]
    assert declared_by(parse_training_job(describe(), tags)).base_model == "meta-llama"
    tags.append({"Key": "flops-auditor:base-model", "Value": "mine"})
    assert declared_by(parse_training_job(describe(), tags)).base_model == "mine"


@pytest.mark.parametrize(
    ("parameters", "precision"),
    [
        ({}, ""),
        ({"mixed_precision": "bf16"}, "bf16"),
        ({"precision": "bf16-mixed"}, "bf16"),
        ({"mixed_precision": "fp8"}, "fp8"),
        ({"fp8": "hybrid"}, "fp8"),
        ({"fp8": "True"}, "fp8"),
        ({"fp8": "false"}, ""),
        ({"fp4": "1"}, "fp4"),
        ({"precision": "bf16", "fp8": "true"}, "fp8"),
        ({"precision": "32-true"}, "fp32"),
        ({"mixed_precision": '"no"'}, "fp32"),
        ({"mixed_precision": "no", "torch_dtype": "bfloat16"}, ""),
        ({"mixed_precision": "no", "bf16": "true"}, "bf16"),
        ({"tf32": "true"}, "tf32"),
        ({"bf16": "true", "fp8": "True"}, "fp8"),
        ({"bf16": "true", "model.fp8_hybrid": "True"}, "fp8"),
        ({"bf16": "true", "fp8": "none"}, "bf16"),
        ({"bf16": "true", "enable_fp8": "1"}, "fp8"),
        ({"bf16": "true", "fp8_recipe": "tensorwise"}, "fp8"),
        ({"bf16": "true", "float8.enable_float8_linear": "true"}, "fp8"),
        ({"bf16": "true", "fp8_kv_cache": "true"}, "bf16"),
        ({"model.converters": "quantize.linear.float8"}, "fp8"),
        ({"torch_dtype": "float32"}, ""),
        ({"precision": "high quality"}, ""),
    ],
)
def test_precision_is_that_of_the_arithmetic(parameters: dict[str, str], precision: str) -> None:
    """The fastest of several counts, and the type that weights are stored in is not that of the arithmetic."""
    found = declared(HyperParameters=parameters)
    assert found.precision == precision
    assert not found.precision_tagged


@pytest.mark.parametrize(
    ("said", "epochs"), [("3", 3), ('"2.5"', Fraction(5, 2)), ("0", None), ("-1", None), ("nan", None), ("all", None)]
)
def test_epochs(said: str, epochs: Any) -> None:
    assert declared(HyperParameters={"num_train_epochs": said}).epochs == epochs


@pytest.mark.parametrize(
    ("places", "technique"),
    [
        ({"ServerlessJobConfig": {"CustomizationTechnique": "DPO"}}, "dpo"),
        ({"ServerlessJobConfig": {"CustomizationTechnique": "RLVR"}}, "rlvr"),
        ({"ServerlessJobConfig": {"CustomizationTechnique": "SFT"}}, ""),
        ({"HyperParameters": {"trainer_type": "grpo_trainer"}}, "grpo"),
        ({"HyperParameters": {"stage": "sft"}}, ""),
        ({"HyperParameters": {"rl": '"kto"'}}, "kto"),
        ({"HyperParameters": {"trainer_type": "GRPOTrainer"}}, "grpo"),
        ({"HyperParameters": {"trainer_type": "OnlineDPOTrainer"}}, "onlinedpo"),
        ({"HyperParameters": {"trainer_type": "PPOv2Trainer"}}, "ppo"),
        ({"HyperParameters": {"trainer_type": "RewardTrainer"}}, "reward"),
        ({"HyperParameters": {"trainer_type": "SFTTrainer"}}, ""),
        ({"HyperParameters": {"stage": "rm"}}, "rm"),
        ({"HyperParameters": {"loss_type": "dpo"}}, "dpo"),
        ({"HyperParameters": {"loss_type": "sigmoid"}}, ""),
        ({"HyperParameters": {"loss_type": "dr_grpo"}}, "grpo"),
        ({"HyperParameters": {"rlhf_type": "kto"}}, "kto"),
        ({"HyperParameters": {"rlhf_type": "orpo"}}, "orpo"),
        ({"HyperParameters": {"rlhf_type": "gspo"}}, "gspo"),
        ({"HyperParameters": {"algorithm.adv_estimator": "grpo"}}, "grpo"),
        ({"HyperParameters": {"algorithm.adv_estimator": "gae"}}, "rl"),
        ({"HyperParameters": {"advantage_estimator": "reinforce_baseline"}}, "reinforce"),
        ({"HyperParameters": {"advantage_estimator": "group_norm"}}, "rl"),
        ({"HyperParameters": {"actor_rollout_ref.rollout.n": "8"}}, "rl"),
        ({"HyperParameters": {"num_generations": "8"}}, "rl"),
        ({"HyperParameters": {"run.generation_replicas": "2"}}, "rl"),
        ({"HyperParameters": {"sagemaker_program": "train_grpo.py"}}, "grpo"),
        ({"HyperParameters": {"sagemaker_program": "train.py"}}, ""),
        ({"HyperParameters": {"note": "dpo"}}, ""),
        ({"HyperParameters": {"algorithm": "adpo"}}, ""),
    ],
)
def test_techniques_that_pass_forward_more_than_they_update(places: dict[str, Any], technique: str) -> None:
    assert declared(**places).technique == technique


@pytest.mark.parametrize(
    ("places", "efficient"),
    [
        ({}, False),
        ({"HyperParameters": {"lora_r": "16"}}, True),
        ({"HyperParameters": {"use_peft": '"True"'}}, True),
        ({"HyperParameters": {"use_peft": "False"}}, False),
        ({"HyperParameters": {"peft_type": "None"}}, False),
        ({"HyperParameters": {"peft_type": "None", "lora_r": "16", "lora_alpha": "32"}}, False),
        ({"HyperParameters": {"use_peft": "false", "lora_r": "16"}}, False),
        ({"HyperParameters": {"train_type": "full", "lora_rank": "8"}}, False),
        ({"HyperParameters": {"finetuning_type": "lora"}}, True),
        ({"HyperParameters": {"train_type": "sft"}}, False),
        ({"HyperParameters": {"adapter": "qlora"}}, True),
        ({"HyperParameters": {"lora_rank": "0", "lora_alpha": "16"}}, False),
        ({"HyperParameters": {"actor_rollout_ref.model.lora_rank": "32"}}, True),
        ({"HyperParameters": {"training_config.peft.peft_scheme": "lora"}}, True),
        ({"HyperParameters": {"model.peft.peft_scheme": "null", "model.peft.lora_tuning.adapter_dim": "32"}}, False),
        ({"ServerlessJobConfig": {"Peft": "LORA"}}, True),
        ({"ServerlessJobConfig": {"JobType": "FineTuning"}}, False),
    ],
)
def test_parameter_efficient_tuning(places: dict[str, Any], efficient: bool) -> None:
    assert declared(**places).parameter_efficient is efficient


@pytest.mark.parametrize(
    ("parameters", "trainable"),
    [({}, 5), ({"use_peft": "true"}, 5), ({"peft_type": "none"}, None), ({"finetuning_type": "full"}, None)],
)
def test_a_tag_that_only_a_part_is_trained_lowers_nothing_of_a_trainer_that_is_told_to_train_all(
    parameters: dict[str, str], trainable: int | None
) -> None:
    found = declared({"trainable-params": "5"}, HyperParameters=parameters)
    assert found.trainable_parameters == trainable
    told = [note.kind.name for note in found.notes] == ["trained-parameters-disagree"]
    assert told == (trainable is None)


def test_a_serverless_evaluation_is_not_training_whatever_its_tag() -> None:
    """Guidelines, Annex A.1: evaluation is not counted."""
    assert (
        declared({"activity": "fine-tuning"}, ServerlessJobConfig={"JobType": "Evaluation"}).activity == "not-training"
    )


def test_who_said_it() -> None:
    assert Declared().tagged("tokens")
    assert Declared().tagged("pretraining")
    assert not Declared(amended=frozenset({"tokens"})).tagged("tokens")
    assert not Declared(amended=frozenset({"pretraining"})).tagged("pretraining")


def test_other_names_of_a_recipe() -> None:
    nova = declared(HyperParameters={"run.model_type": "amazon.nova-2-lite-v1:0:256k"})
    assert (nova.base_model, nova.loads_weights) == ("amazon.nova-2-lite-v1:0:256k", True)
    titan = declared(HyperParameters={"model.name": "llama3", "model.flavor": "8B", "training.seq_len": "8192"})
    assert (titan.base_model, titan.loads_weights, titan.sequence_length) == ("llama3-8B", None, 8192)


@pytest.mark.parametrize(
    ("parameters", "length"),
    [
        ({"max_seq_length": "512", "data.seq_length": "4096"}, 4096),
        ({"data.max_prompt_length": "512", "data.max_response_length": "1024"}, 1536),
        ({"prompt_max_len": "1024", "generate_max_len": "7168", "max_len": "2048"}, 8192),
        ({"max_prompt_length": "512"}, None),
        ({"max_length": "4096.0"}, 4096),
        ({"max_length": "1e99999999"}, None),
        ({"model_max_length": "1000000000000000019884624838656"}, None),
    ],
)
def test_the_length_of_sequences(parameters: dict[str, str], length: int | None) -> None:
    assert declared(HyperParameters=parameters).sequence_length == length


@pytest.mark.parametrize(("said", "length"), [("32K", 32768), ("8192", 8192), ("", None), ("0K", None), ("long", None)])
def test_a_serverless_job_says_the_length_of_sequences(said: str, length: int | None) -> None:
    """SageMaker API Reference, ServerlessJobConfig, SequenceLength: from 1K to 1024K."""
    config = {"BaseModelArn": "org/model", "SequenceLength": said}
    assert declared(ServerlessJobConfig=config).sequence_length == length
