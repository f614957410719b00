"""How many tokens a recipe lets a run train on at most, and when it bounds nothing: a plan says what one start of one
program takes, if each of its parts is known.
"""

import json
from typing import Any

import pytest

from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.programs_of_a_line import trains_more_than_once
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from tests.fakes.cases import declared_by
from tests.fakes.jobs import describe


def declared(**changes: Any) -> Declared:
    return declared_by(parse_training_job(describe(**{"HyperParameters": {}, **changes}), []))


def planned(*, environment: dict[str, str] | None = None, **parameters: str) -> int | None:
    """The tokens of a device that these hyperparameters allow."""
    return declared(HyperParameters=parameters, Environment=environment or {}).planned_tokens_of_a_device


def of_a_line(line: str, **environment: str) -> int | None:
    """The same of what a container's shell is told."""
    container = {"TrainingImage": "x", "TrainingInputMode": "File", "ContainerEntrypoint": ["bash", "-c", line]}
    return declared(AlgorithmSpecification=container, Environment=environment).planned_tokens_of_a_device


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [
        ({"max_steps": "100", "global_batch_size": "32", "max_length": "1024"}, 100 * 32 * 1024),
        ({"trainer.max_steps": "10", "model.global_batch_size": "2", "model.encoder_seq_length": "5"}, 100),
        ({"training.steps": "10", "training.global_batch_size": "2", "training.seq_len": "5"}, 100),
        ({"max_steps": "-1", "global_batch_size": "32", "max_length": "1024"}, None),
        ({"max_steps": "1e99", "global_batch_size": "1e99", "max_length": "1e99"}, None),
    ],
)
def test_how_many_tokens_a_recipe_allows(parameters: dict[str, str], tokens: int | None) -> None:
    found = declared(HyperParameters=parameters)
    assert (found.planned_tokens, found.planned_tokens_of_a_device) == (tokens, None)


def test_how_many_tokens_each_device_may_train_on() -> None:
    """What axolotl and Transformers call the batch of a device; beside one of all devices it says nothing more."""
    axolotl = {"max_steps": "10", "micro_batch_size": "2", "gradient_accumulation_steps": "4", "sequence_len": "8"}
    assert declared(HyperParameters=axolotl).planned_tokens_of_a_device == 10 * 2 * 4 * 8
    plain = {"max_steps": "10", "per_device_train_batch_size": "2", "max_length": "8"}
    assert declared(HyperParameters=plain).planned_tokens_of_a_device == 10 * 2 * 8
    nemo = declared(HyperParameters={**axolotl, "model.global_batch_size": "64"})
    assert (nemo.planned_tokens, nemo.planned_tokens_of_a_device) == (10 * 64 * 8, None)


OF_A_DEVICE = {"max_steps": "10", "per_device_train_batch_size": "2", "max_length": "8"}


@pytest.mark.parametrize(
    "name",
    ["grad_accum_steps", "accumulation_steps", "accum_iter", "grad_accum", "gradientAccumulateEvery", "gas"],
)
def test_batches_are_accumulated_under_many_names(name: str) -> None:
    assert declared(HyperParameters={**OF_A_DEVICE, name: "6"}).planned_tokens_of_a_device == 6 * 10 * 2 * 8


@pytest.mark.parametrize(
    "more",
    [
        {"gradient_accumulation_steps": "auto"},
        {"gradient_accumulation_steps": "$GAS"},
        {"gradient_accumulation_steps": "16x"},
        {"update_freq": "16,8"},
        {"my_accumulation_count": "6"},
        {"deepspeed": "ds_config.json"},
        {"config": "/opt/ml/code/train.yaml"},
        {"recipe": "fine-tuning/llama/some"},
        {"micro_batch_size": "$MICRO"},
        {"training.steps": "auto"},
        {"model_max_length": "auto"},
        {"train_n_passages": "many"},
        {"batch_size": "512"},
    ],
    ids=str,
)
def test_a_plan_of_which_a_part_is_no_number_bounds_nothing(more: dict[str, str]) -> None:
    found = declared(HyperParameters={**OF_A_DEVICE, **more})
    assert (found.planned_tokens, found.planned_tokens_of_a_device) == (None, None)


def test_of_what_takes_another_batch_as_usual_nobody_knows_how_many() -> None:
    micro = {"max_steps": "10", "micro_batch_size": "2", "max_length": "8"}
    assert declared(HyperParameters=micro).planned_tokens_of_a_device is None
    variable = {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "16"}
    assert declared(HyperParameters=OF_A_DEVICE, Environment=variable).planned_tokens_of_a_device is None


def test_what_is_accumulated_otherwise_and_said_as_well_takes_no_plan_away() -> None:
    flags = {
        "accumulate_allreduce_grads_in_fp32": "True",
        "grad_accum_dtype": "fp32",
        "gradient_accumulation_fusion": "0",
    }
    assert declared(HyperParameters={**OF_A_DEVICE, **flags}).planned_tokens_of_a_device == 10 * 2 * 8
    said = {"deepspeed": "ds_config.json", "gradient_accumulation_steps": "1"}
    assert declared(HyperParameters={**OF_A_DEVICE, **said}).planned_tokens_of_a_device == 10 * 2 * 8
    assert (
        declared(HyperParameters={**OF_A_DEVICE, "train_n_passages": "4"}).planned_tokens_of_a_device == 4 * 10 * 2 * 8
    )


PLAN = 10 * 2 * 8
OPTIONS = "--per_device_train_batch_size 2 --max_length 8"
ONE = f"torchrun train.py {OPTIONS} --max_steps 10"


@pytest.mark.parametrize(
    "place", ["scheduler", "lr_scheduler_kwargs", "ref", "eval", "critic", "env", "warmup_phase", "probe"]
)
@pytest.mark.parametrize("name", ["max_steps", "num_training_steps", "max_train_steps"])
def test_steps_of_another_part_bound_nothing_and_may_say_that_there_are_more(place: str, name: str) -> None:
    passes = {"per_device_train_batch_size": "2", "max_length": "8", "num_train_epochs": "50"}
    assert planned(**passes, **{f"{place}.{name}": "10"}) is None
    assert planned(**passes, **{place: f'{{"{name}": 10}}'}) is None
    assert planned(**OF_A_DEVICE, **{f"{place}.{name}": "5"}) == PLAN
    more = planned(**OF_A_DEVICE, **{f"{place}.{name}": "1000"})
    assert more == (100 * PLAN if name == "max_steps" else None)


@pytest.mark.parametrize("name", ["num_training_steps", "max_train_steps", "total_steps", "num_steps"])
def test_steps_that_may_be_a_schedulers_bound_nothing(name: str) -> None:
    assert planned(per_device_train_batch_size="2", max_length="8", **{name: "10"}) is None
    assert [planned(**OF_A_DEVICE, **{name: each}) for each in ("10", "None", "-1")] == [PLAN] * 3
    assert [planned(**OF_A_DEVICE, **{name: each}) for each in ("11", "$N")] == [None] * 2


def test_batches_and_lengths_of_another_part_bound_nothing() -> None:
    accumulating = {**OF_A_DEVICE, "gradient_accumulation_steps": "64"}
    assert planned(**accumulating, **{"eval.global_batch_size": "8"}) == 64 * PLAN
    assert planned(**{"max_steps": "10", "max_length": "8", "eval.per_device_train_batch_size": "2"}) is None
    assert planned(**{"max_steps": "10", "per_device_train_batch_size": "2", "eval.max_length": "8"}) is None
    assert planned(**OF_A_DEVICE, **{"critic.gradient_accumulation_steps": "2"}) is None


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [
        (
            {"trainer.max_steps": "9", "model.data.train_ds.global_batch_size": "2", "model.encoder_seq_length": "5"},
            (90, None),
        ),
        (
            {
                "recipes.trainer.max_steps": "9",
                "recipes.model.train_batch_size": "2",
                "recipes.model.max_context_width": "5",
                "recipes.trainer.gradient_accumulation_steps": "3",
            },
            (None, 270),
        ),
        (
            {
                "trainer.total_training_steps": "9",
                "data.train_batch_size": "2",
                "actor_rollout_ref.actor.ppo_epochs": "1",
                "data.max_prompt_length": "2",
                "data.max_response_length": "3",
                "gradient_accumulation_steps": "1",
            },
            (None, 90),
        ),
        ({"training.steps": "9", "training.global_batch_size": "2", "training.seq_len": "5"}, (90, None)),
        ({"cmd": "train --max_steps 9 --train_batch_size 2 --seq_length 5"}, (None, 90)),
    ],
)
def test_a_recipe_that_says_each_part_keeps_its_plan(parameters: dict[str, str], tokens: tuple[int, int]) -> None:
    found = declared(HyperParameters=parameters)
    assert (found.planned_tokens, found.planned_tokens_of_a_device) == tokens


@pytest.mark.parametrize(
    "option",
    [
        "--max_steps $N",
        f"{OPTIONS} --max_steps 10 --max_length $LEN",
        f"{OPTIONS} --per_device_train_batch_size ${{B}}",
    ],
)
def test_an_option_of_two_commands_of_which_one_is_filled_in_by_the_shell_is_not_lost(option: str) -> None:
    assert of_a_line(ONE) == PLAN
    assert of_a_line(f"pip install x --max_steps 10 && torchrun train.py {OPTIONS} {option}") is None
    assert of_a_line(f"pip install x {option} && {ONE}") is None


@pytest.mark.parametrize("value", ["$GAS", "${GAS}", "${GAS:-64}", "$((8*8))", "`expr 64`"])
def test_a_number_that_a_shell_fills_in_is_no_number(value: str) -> None:
    assert of_a_line(f"{ONE} --gradient_accumulation_steps {value}") is None
    assert of_a_line(f"{ONE} --gradient_accumulation_steps={value}") is None
    assert of_a_line(f"{ONE} --max_seq_length {value}") is None
    assert planned(**OF_A_DEVICE, train_args=f"--gradient_accumulation_steps {value} --bf16 true") is None


def test_a_number_is_that_of_its_variable_where_nothing_else_sets_it() -> None:
    line = f"{ONE} --gradient_accumulation_steps $G"
    assert of_a_line(line, G="64") == 64 * PLAN
    assert of_a_line(f"export G=64; {line}") == 64 * PLAN
    assert of_a_line(f"export G=64; {line}", G="1") is None
    assert of_a_line(f"G=1; G=64; {line}") is None
    assert of_a_line(f"G=1; G=$((8*8)); {line}") is None


@pytest.mark.parametrize(
    "more",
    [
        {"gradient_accumulation": '{"steps": 64}'},
        {"gradient_accumulation.steps": "64"},
        {"accumulate_grad_batches": '{"0": 64}'},
        {"accelerate": '{"gradient_accumulation_plugin": {"num_steps": 64}}'},
        {"cfg": "gradient_accumulation_steps: 64\nlr: 1e-5"},
        {"cfg": "[train]\ngrad_acc_every = 64\n"},
        {"extra": "-gas 64"},
        *({name: "64"} for name in ("gradient_acc", "ga", "grad_acc_every", "micro_batches_per_step")),
        {"steps_per_update": "64"},
        *({name: "x.yaml"} for name in ("train_config", "hparams_file", "cfg", "accelerate_config_file", "args_file")),
        {"config_dir": "conf"},
        {"experiment": "x.toml"},
        *({"deepspeed": text} for text in ("zero3", "/opt/ml/input/data/config/ds")),
    ],
    ids=str,
)
def test_what_may_say_how_many_batches_are_accumulated(more: dict[str, str]) -> None:
    assert planned(**OF_A_DEVICE, **more) is None


def test_an_option_or_a_variable_may_say_how_many_batches_are_accumulated() -> None:
    assert of_a_line(f"{ONE} --grad_acc_every 64") is None
    assert of_a_line(f"{ONE} --train_config x.yaml") is None
    assert of_a_line(ONE.replace("train.py", "train.py x.yaml")) is None
    assert planned(**OF_A_DEVICE, environment={"GRAD_ACC_EVERY": "64"}) is None
    assert planned(**OF_A_DEVICE, environment={"ACCELERATE_CONFIG_FILE": "/x/a.yaml"}) is None


@pytest.mark.parametrize(
    "more",
    [
        {"deepspeed": "true"},
        {"eval_accumulation_steps": "16"},
        {"dataset_config_name": "wikitext-2-raw-v1"},
        {"fsdp_config": "f.json"},
        {"train_file": "x.json"},
        {"config": "1"},
        {"cfg": "gradient_accumulation_steps: 1\nlr: 1e-5", "gradient_accumulation_steps": "1"},
        {"gradient_accumulation_plugin.num_steps": "2", "gradient_accumulation_steps": "2"},
        {"train_config": "x.yaml", "gradient_accumulation_steps": "1"},
    ],
    ids=str,
)
def test_what_says_nothing_of_accumulated_batches_or_no_more_takes_no_plan_away(more: dict[str, str]) -> None:
    assert planned(**OF_A_DEVICE, **more) == PLAN * int(more.get("gradient_accumulation_steps", "1"))


ONCE = (
    ONE,
    f"pip install -r requirements.txt && {ONE}",
    f"cd /opt/ml/code; export A=1; {ONE} 2>&1 | tee log.txt",
    f"set -ex\npython -m pip install trl\nnvidia-smi\n{ONE}",
    f"aws s3 cp s3://b/x . && bash -c '{ONE}' > log.txt",
    f"A=1 B=2 accelerate launch \\\n  train.py {OPTIONS} \\\n  --max_steps 10",
    f"{ONE} --lora_target_modules 'q_proj|v_proj' --data 's3://b/x?a=1&b=2'",
    f"torchrun --nproc_per_node $(nvidia-smi -L | wc -l) train.py {OPTIONS} --max_steps 10",
    f"vllm serve x --port 8000 & trl vllm-serve --model y & ray start --head; {ONE}",
    f"ARGS='--a b' B=\"x y\"; {ONE}",
    f"huggingface-cli login; uv pip install x; if [ -f x ]; then sleep 1; fi; {ONE}",
)


@pytest.mark.parametrize("line", ONCE)
def test_a_line_that_trains_once_keeps_its_plan(line: str) -> None:
    assert not trains_more_than_once(line)
    assert of_a_line(line) == PLAN


AGAIN = (
    f"for i in $(seq 1 200); do {ONE} --seed $i; done",
    f"while read s; do {ONE} --data $s; done < shards.txt",
    f"until {ONE}; do sleep 1; done",
    f"seq 1 100 | xargs -n1 -I% {ONE} --seed %",
    f"parallel {ONE} --fold ::: 1 2 3",
    f"ls | /usr/bin/xargs -n1 {ONE}",
    f"for((i=0;i<9;i++)); do {ONE}; done",
    f"$(cat real.txt); {ONE}",
    f"REAL='torchrun b.py'; $REAL; {ONE}",
    f"find . -name 'x*' -exec {ONE} \\;",
    f"train() {{ {ONE}; }}; train; train",
    " && ".join([ONE] * 3),
    f"{ONE} && torchrun b.py {OPTIONS} --num_train_epochs 50",
    f"{ONE}\ntorchrun b.py {OPTIONS} --num_train_epochs 50",
    f"{ONE};bash real.sh",
    f"{ONE} & python -m axolotl.cli.train x &",
    f"{ONE} || llamafactory-cli train x",
    f"bash -lc '{ONE} && uv run b.py'",
    f"source real.sh; {ONE}",
    f"wandb agent x/y/z && {ONE}",
    f"trap 'python b.py' EXIT; {ONE}",
    f"python probe.py --max_steps 10; {ONE}",
)


@pytest.mark.parametrize("line", AGAIN)
def test_of_several_programs_or_a_loop_no_plan_is_a_bound(line: str) -> None:
    assert of_a_line(line) is None
    assert planned(cmd=line) is None


def test_a_loop_may_stand_in_another_text_than_the_plan() -> None:
    assert planned(**OF_A_DEVICE, environment={"TRAIN_CMD": "for i in 1 2 3; do torchrun train.py; done"}) is None
    assert planned(**OF_A_DEVICE, environment={"CMD": "train a; train b", "SETTINGS": "a = 1\nb = 2"}) == PLAN
    assert planned(**OF_A_DEVICE, words='["torchrun", "a.py", "--x", "1;", "torchrun", "b.py"]') is None


def test_what_two_commands_say_of_adapters_is_not_that_of_the_one_that_is_known() -> None:
    line = "torchrun a.py --use_peft true && torchrun b.py --use_peft $P"
    container = {"TrainingImage": "x", "TrainingInputMode": "File", "ContainerEntrypoint": ["bash", "-c", line]}
    assert not declared(AlgorithmSpecification=container).parameter_efficient


def test_what_transformers_fills_in_from_its_arguments_is_what_they_say() -> None:
    settings = {
        "train_micro_batch_size_per_gpu": "auto",
        "train_batch_size": "auto",
        "gradient_accumulation_steps": "auto",
    }
    given = {**OF_A_DEVICE, "deepspeed": json.dumps(settings)}
    assert declared(HyperParameters={**given, "gradient_accumulation_steps": "4"}).planned_tokens_of_a_device == 640
    assert declared(HyperParameters=given).planned_tokens_of_a_device is None
