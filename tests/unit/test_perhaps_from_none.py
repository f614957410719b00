"""A name may be that of a configuration: a model of one's own is never taken for a small part of somebody else's."""

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
    ],
    ids=str,
)
def test_a_run_that_may_begin_with_no_weights_is_open_where_that_decides(said: dict[str, str]) -> None:
    settings = {"hf_model_name_or_path": LARGEST, **said}
    found = audited(settings)
    assert (found.verdict, why(found)) == ("indeterminate", {"perhaps-from-none"})
    assert audited(settings, hours=1).verdict == "below"


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


@pytest.mark.parametrize("name", OTHERS)
def test_another_model_that_takes_part_is_not_the_original(name: str) -> None:
    found = audited({name: LARGEST}, hours=24)
    assert found.verdict == "indeterminate", "against the line of an original that nobody knows"
    with_own = audited({name: LARGEST, "model_id": "meta-llama/Llama-3.2-1B"}, hours=24)
    assert with_own.declared.base_model == "meta-llama/Llama-3.2-1B"
    assert "model-names-disagree" not in why(with_own)


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


@pytest.mark.parametrize(
    "line",
    [
        f"vllm serve --model {LARGEST} --port 8000 & torchrun train.py --lr 1e-5",
        f"torchrun train.py --lr 1e-5 & python -m vllm.entrypoints.openai.api_server --model {LARGEST}",
    ],
)
def test_the_model_of_a_server_beside_the_training_is_not_the_original(line: str) -> None:
    image = {"TrainingImage": "i", "TrainingInputMode": "File"}
    for command, known in ((line, False), (line.replace("train.py", f"train.py --model {LARGEST}"), True)):
        algorithm = {**image, "ContainerEntrypoint": ["bash"], "ContainerArguments": ["-c", command]}
        job = describe("job", hours=1, ResourceConfig=HOSTS, AlgorithmSpecification=algorithm)
        assert (audit(Evidence(job, tags=[]), load_tables()).declared.base_model == LARGEST) is known


def test_of_an_option_that_two_commands_say_otherwise_neither_is_lost() -> None:
    algorithm = {
        "TrainingImage": "i",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["bash", "-c"],
        "ContainerArguments": [f"python a.py --model_id {LARGEST} && python b.py --model_id meta-llama/Llama-3.2-1B"],
    }
    job = describe("job", hours=1, ResourceConfig=HOSTS, AlgorithmSpecification=algorithm)
    names = {name.text for name in audit(Evidence(job, tags=[]), load_tables()).declared.names}
    assert names == {LARGEST, "meta-llama/Llama-3.2-1B"}
