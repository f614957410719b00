"""A name may be that of a configuration: a model of one's own is never taken for a small part of somebody else's."""

import json
from collections.abc import Mapping

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.runs.evidence import Evidence
from tests.fakes.cases import audit
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, continuing

LARGEST = "meta-llama/Llama-3.1-405B"
"""A third of its compute is 1.3e25."""
HOSTS = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64, "VolumeSizeInGB": 100}
FORTNIGHT = 14 * 24
"""Of 64 such hosts: over 1e23, and under a third of the original's."""


def audited(settings: Mapping[str, str], hours: float = FORTNIGHT, **tags: str) -> Audit:
    job = describe("job", hours=hours, ResourceConfig=HOSTS, HyperParameters=dict(settings))
    pairs = [{"Key": f"flops-auditor:{name}", "Value": text} for name, text in tags.items()]
    return audit(Evidence(job, tags=pairs), load_tables())


def why(audited: Audit) -> set[str]:
    return {doubt.kind.name for each in audited.assessments for doubt in each.doubts}


@pytest.mark.parametrize(
    "said",
    [
        {"pretrained": "False"},
        {"load_weights": "false"},
        {"use_pretrained": "0"},
        {"do_finetune": "False"},
        {"model.do_finetune": "False"},
        {"stage": "pretrain"},
        {"mode": "pre-training"},
        {"pretraining": "True"},
        {"initialize_from_scratch": "true"},
        {"init_weights": "random"},
        {"load_from": "none"},
        {"sagemaker_program": "pretrain.py"},
        {"sagemaker_program": "src/llama_pretraining.py"},
        {"recipe": "training/llama/hf_llama3_70b_seq8k_gpu_p5x32_pretrain"},
        {"recipe": "recipes/pretrain/llama.yaml"},
        {"sagemaker_program": "train_from_scratch.py"},
        {"config_name": "llama3_405b_from_scratch"},
        {"reinit_weights": "true"},
        {"random_init_weights": "true"},
        {"weight_init": "random"},
        {"train_mode": "pretrain"},
        {"training_type": "from_scratch"},
        {"phase": "pretraining"},
        {"no_pretrained": "true"},
        {"skip_load_weights": "yes"},
        {"use_pretrained_weights": "disabled"},
        {"overrides": "++model.do_finetune=False"},
        {"args": "--no_do_finetune --lr 1e-5"},
        {"args": "--do_finetune False"},
        {"cfg": "model:\n  do_finetune: false\n  pretrained: false"},
        {"cfg": "{do_finetune: false, seed: 1}"},
        {"cfg": "[model]\npretrained = false"},
        {"cfg": json.dumps({"model": {"pretrained": False}})},
        {"restore_from_path": "null"},
        {"weights": "None"},
        {"init_method": "random_normal"},
        {"do_finetune": "0.0"},
    ],
    ids=str,
)
def test_a_run_that_may_begin_with_no_weights_is_open_where_that_decides(said: dict[str, str]) -> None:
    settings = {"hf_model_name_or_path": LARGEST, **said}
    found = audited(settings)
    assert (found.verdict, why(found)) == ("indeterminate", {"perhaps-from-none"})
    assert audited(settings, hours=1).verdict == "below"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("STAGE", "pretrain"),
        ("MODE", "pretrain"),
        ("RECIPE", "llama_pretrain"),
        ("TRAINING_MODE", "from_scratch"),
        ("RANDOM_INIT", "true"),
        ("INIT_WEIGHTS", "random"),
        ("FROM_SCRATCH", "1"),
        ("PRETRAINED", "0"),
        ("CONFIG_YAML", "model:\n  do_finetune: false"),
    ],
)
def test_so_is_one_that_a_variable_tells_so(variable: str, text: str) -> None:
    settings = {"hf_model_name_or_path": LARGEST}
    job = describe("job", hours=FORTNIGHT, ResourceConfig=HOSTS, HyperParameters=settings, Environment={variable: text})
    assert audit(Evidence(job, tags=[]), load_tables()).verdict == "indeterminate"


@pytest.mark.parametrize("name", ["model_name", "model.name", "backbone"])
def test_so_is_one_whose_name_may_be_that_of_a_configuration(name: str) -> None:
    assert why(audited({name: LARGEST})) == {"perhaps-from-none"}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"stage": "sft"},
        {"stage": "pt"},
        {"pretrained": "True"},
        {"do_finetune": "True"},
        {"sagemaker_program": "finetune_pretrained.py"},
        {"init_weights": "/opt/ml/input/data/model"},
        {"random_seed": "1"},
        {"weight_decay": "0"},
        {"load_in_4bit": "false"},
        {"mode": "train"},
        {"resume_from_checkpoint": "false"},
        {"dataset": "org/pretrain-corpus"},
        {"output_dir": "/opt/ml/model/pretrain"},
    ],
    ids=str,
)
def test_a_trainer_that_loads_weights_is_not_asked(said: dict[str, str]) -> None:
    assert "perhaps-from-none" not in why(audited({"hf_model_name_or_path": LARGEST, **said}))


def test_what_the_job_says_of_its_original_settles_nothing() -> None:
    found = audited({"hf_model_name_or_path": LARGEST, "do_finetune": "False"}, **{"pretrain-flops": "3.8e25"})
    assert found.verdict == "indeterminate"


def test_a_line_that_is_crossed_either_way_stays_crossed() -> None:
    """Of an original that nobody knows a third of 1e23 is the line for a modification."""
    found = audited({"hf_model_name_or_path": "org/of-nobody", "do_finetune": "False"}, hours=2 * FORTNIGHT)
    assert found.verdict == "above"


def test_who_continues_such_a_run_may_train_a_model_of_ones_own_too() -> None:
    world = World()
    settings = {"hf_model_name_or_path": LARGEST, "do_finetune": "False"}
    world.add(continuing("first", hours=FORTNIGHT, ResourceConfig=HOSTS, HyperParameters=settings))
    world.add(continuing("second", ["first"], day=1, hours=1, ResourceConfig=HOSTS))
    world.audit()
    for name in ("first", "second"):
        assert world.content(name)["verdict"] == "indeterminate"


OTHERS = (
    *("distillation.teacher_model.model_path", "teacher_model.model_path", "critic_model.model_path"),
    *(
        "ref_model.model_name_or_path",
        "judge_model.model_id",
        "draft_model.model_name_or_path",
        "tokenizer_model.model_id",
    ),
    *("grader.model_name", "eval.model_id", "verifier.model_name", "reward_models.model_name", "rewards.model_name"),
    *("embedding.model_name", "vllm.model", "llm_as_judge.model_id", "rewardModel.model_path", "auxiliary.model_id"),
)


SMALL = "meta-llama/Llama-3.2-1B"


@pytest.mark.parametrize("name", OTHERS)
def test_another_model_that_takes_part_is_not_surely_the_original(name: str) -> None:
    assert audited({name: LARGEST}, hours=24).verdict == "indeterminate"
    with_own = audited({name: LARGEST, "model_id": SMALL}, hours=24)
    assert with_own.declared.base_model == SMALL


@pytest.mark.parametrize("name", [name for name in OTHERS if name.split(".")[0] not in ("rewardModel", "llm_as_judge")])
@pytest.mark.parametrize("tagged", [False, True])
def test_a_smaller_one_in_its_place_is_not_passed_over(name: str, tagged: bool) -> None:
    """Else the name of what is trained would hide below it, beside a larger one."""
    settings, tags = {name: SMALL}, {"base-model": LARGEST} if tagged else {}
    found = audited(settings if tagged else {**settings, "base_model": LARGEST}, **tags)
    assert found.verdict == "indeterminate"


def test_what_it_is_called_by_nobody_is_not_passed_over_either() -> None:
    assert audited({"base_model": LARGEST, "value.model_name": "org/of-nobody"}).verdict == "indeterminate"


@pytest.mark.parametrize(
    "line",
    [
        "swift rlhf --infer_backend vllm --model {} --lr 1e-5",
        "bash run.sh vllm actor_rollout_ref.model.path={}",
        "pip install vllm\ntorchrun train.py --model_name_or_path {}",
    ],
)
def test_a_server_that_is_a_value_hides_nothing(line: str) -> None:
    assert commanded(line.format(SMALL)).declared.base_model == SMALL


@pytest.mark.parametrize(
    "name",
    [
        "actor_rollout_ref.model.path",
        "ppo.model_name_or_path",
        "policy.model_name",
        "student.model_id",
        "student_model_id",
    ],
)
def test_the_trained_model_is_found_beside_others(name: str) -> None:
    assert audited({name: LARGEST, "reward_model.model.path": "org/other"}).declared.base_model == LARGEST


def commanded(line: str, hours: float = 24) -> Audit:
    image = {"TrainingImage": "i", "TrainingInputMode": "File"}
    algorithm = {**image, "ContainerEntrypoint": ["bash"], "ContainerArguments": ["-c", line]}
    job = describe("job", hours=hours, ResourceConfig=HOSTS, AlgorithmSpecification=algorithm)
    return audit(Evidence(job, tags=[]), load_tables())


@pytest.mark.parametrize(
    "line",
    [
        f"vllm serve --model {LARGEST} --port 8000 & torchrun train.py --lr 1e-5",
        f"torchrun train.py --lr 1e-5 & python -m vllm.entrypoints.openai.api_server --model {LARGEST}",
        f"trl vllm-serve --model {LARGEST} & torchrun train.py",
    ],
)
def test_the_model_of_a_server_beside_the_training_is_not_surely_the_original(line: str) -> None:
    assert commanded(line).verdict == "indeterminate"
    assert commanded(line.replace("train.py", f"train.py --model {SMALL}")).declared.base_model == SMALL


def test_of_an_option_that_two_commands_say_otherwise_neither_is_lost() -> None:
    found = commanded(f"python a.py --model_id {LARGEST} && python b.py --model_id {SMALL}")
    assert {name.text for name in found.declared.names} == {LARGEST, SMALL}
