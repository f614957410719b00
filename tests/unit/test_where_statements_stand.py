"""Names and numbers of a run, wherever its owner writes them: in a configuration that is one text, on the command line
of the container, in variables; and where weights are loaded from.
"""

import json
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.compute.run_estimate import MODEL_TOO_SMALL
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.nested import flattened, options
from tests.fakes.cases import audit, declared_by, kinds, parsed, run_from
from tests.fakes.jobs import describe, throughout

LARGE = "meta-llama/Llama-3.1-70B"
TABLES = load_tables()


def declared(**changes: Any) -> Declared:
    changes = {"HyperParameters": {}, "Environment": {}, **changes}
    return declared_by(parsed(describe(**changes)))


def started_with(*command: str) -> dict[str, Any]:
    return {"AlgorithmSpecification": {"ContainerEntrypoint": [command[0]], "ContainerArguments": list(command[1:])}}


COMMANDS: list[tuple[str, ...]] = [
    ("python", "train.py", "--model_name_or_path", LARGE, "--num_train_epochs", "3", "--max_seq_length=2048"),
    (
        "python",
        "train.py",
        f"--model_name_or_path={LARGE}",
        "--bf16",
        "--num-train-epochs=3",
        "--max_seq_length",
        "2048",
    ),
    ("bash", "-c", f"torchrun train.py --model_name_or_path '{LARGE}' --num_train_epochs 3 --max_seq_length 2048"),
    ("bash", "-c", f"exec bash -c 'tune run x model_id={LARGE} ++epochs=3 dataset.max_seq_len=2048'"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_of_the_container_is_read(command: tuple[str, ...]) -> None:
    found = declared(**started_with(*command))
    assert (found.base_model, found.epochs, found.sequence_length) == (LARGE, 3, 2048)


def test_what_the_shell_fills_in_is_not_known_and_an_open_quotation_mark_is_no_end() -> None:
    assert options(("bash", "-c", "train --epochs $EPOCHS --max_steps=${STEPS} --batch-size 8 --note 'open")) == {
        "c": "train",
        "batch-size": "8",
        "note": "'open",
    }
    assert options(("train", "--a", "--b", "-1", "c", "=d", "--", "-")) == {"a": "true", "b": "-1"}


CONFIGURATION = {"model": {"path": LARGE}, "trainer": [{"num_train_epochs": 3}], "data": {"max_seq_len": 2048}}


@pytest.mark.parametrize("text", [json.dumps(CONFIGURATION), json.dumps(json.dumps(CONFIGURATION))])
def test_a_configuration_that_is_one_text_is_read(text: str) -> None:
    found = declared(HyperParameters={"config": text})
    assert (found.base_model, found.epochs, found.sequence_length) == (LARGE, 3, 2048)


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 60_000, '{"a":' * 12_000, '{"a":' * 20 + "1" + "}" * 20, "{}", '"{', '"{\\"', "[]"],
    ids=["open", "deep list", "deep object", "deeper than is read", "empty", "quoted", "escaped", "empty list"],
)
def test_what_is_no_configuration_stays_a_text(text: str) -> None:
    assert flattened({"config": text}) == {"config": text}


def test_a_configuration_without_an_end_is_read_as_far_as_its_bound() -> None:
    many = json.dumps({f"name{number}": number for number in range(1_000)})
    assert len(flattened({"config": many, "more": many, "last": "1"})) == 502
    long = json.dumps({"name": "x" * 65_000})
    assert flattened({"a": long, "b": long}) == {"a.name": "x" * 65_000, "b": long}


def test_a_list_of_texts_is_one_value() -> None:
    text = '{"converters": ["float8", "mxfp8"], "data": [{"max_seq_len": 7}, null, 3]}'
    assert flattened({"c": text}) == {"c.converters": "float8,mxfp8", "c.data": "3", "c.data.0.max_seq_len": "7"}
    assert flattened({"c": '[[{"a": [true]}], "b"]'}) == {"c": "b", "c.0.0.a": "True"}


def test_numbers_of_a_configuration_are_bounded_like_all_others() -> None:
    assert declared(HyperParameters={"config": '{"num_train_epochs": 1e-99999999, "max_steps": 1e9999}'}).epochs is None
    longest = "1" * 5_000  # more digits than Python reads
    assert flattened({"config": json.dumps(f'{{"a": {longest}}}')}) == {"config.a": longest}


def test_a_command_line_is_read_as_far_as_its_bound() -> None:
    assert len(options([f"--a{number}=1" for number in range(1_000)])) == 500
    assert options(("x" * 65_530, "--a=1", "+b=2")) == {"a": "1"}
    assert options(("+b=2",)) == {"b": "2"}


@pytest.mark.parametrize("key", ["MODEL_NAME_OR_PATH", "BASE_MODEL", "MODEL_NAME", "model_id"])
def test_variables_name_the_model_and_the_epochs(key: str) -> None:
    found = declared(Environment={key: LARGE, "NUM_TRAIN_EPOCHS": "4", "EPOCHS": "3", "STAGE": "prod", "NVTE_FP8": "1"})
    assert (found.base_model, found.epochs, found.technique, found.precision) == (LARGE, 4, "", "")


HANDED_ON = {"model_id": LARGE, "epochs": "3", "rlhf_type": "grpo", "fp8": "true", "lora_r": "8", "max_length": "2048"}
ONE_BY_ONE = {f"SM_HP_{name.upper()}": json.dumps(value) for name, value in HANDED_ON.items()}


@pytest.mark.parametrize("variables", [ONE_BY_ONE, {"SM_HPS": json.dumps(HANDED_ON)}], ids=["SM_HP_*", "SM_HPS"])
def test_variables_that_the_toolkit_calls_hyperparameters_are_read_as_such(variables: dict[str, str]) -> None:
    said, found = declared(HyperParameters=HANDED_ON), declared(Environment=variables)
    assert said.base_model == LARGE and said.parameter_efficient
    for field in ("base_model", "epochs", "technique", "precision", "parameter_efficient", "sequence_length"):
        assert getattr(found, field) == getattr(said, field), field
    assert [(name.text, name.loaded) for name in found.names] == [(LARGE, True)]
    assert found.names[0].where.lower() in {"variable sm_hp_model_id", "variable sm_hps.model_id"}


def test_a_models_name_in_such_a_variable_hints_at_no_format() -> None:
    assert declared(Environment={"SM_HP_MODEL_ID": "org/Model-FP8"}).hinted_precision == ""
    assert declared(Environment={"SM_HP_QUANTIZATION": "te_nvfp4"}).hinted_precision == "fp4"


def test_the_order_of_variables_decides_nothing() -> None:
    variables = {"BASE_MODEL": "b/b", "HF_MODEL_ID": "a/a", "MODEL": "c/c"}
    backwards = dict(reversed(variables.items()))
    assert declared(Environment=variables).names == declared(Environment=backwards).names


@pytest.mark.parametrize("name", ["load", "checkpoint_dir", "pretrained_checkpoint", "checkpoint.initial_load_path"])
def test_weights_that_are_loaded_from_a_place_are_an_original(name: str) -> None:
    tags = [{"Key": "flops-auditor:activity", "Value": "pretraining"}]
    assert declared(HyperParameters={name: "/opt/ml/input/data/weights/7"}, Tags=tags).loads_weights is True
    for own in ("/opt/ml/checkpoints", "/opt/ml/model/out", "true", "output"):
        assert declared(HyperParameters={name: own}, Tags=tags).loads_weights is False


@pytest.mark.parametrize(
    ("parameters", "planned", "of_a_device"),
    [
        ({"train_batch_size": "8"}, None, 8),
        ({"train_batch_size": "64", "train_micro_batch_size_per_gpu": "2"}, 64, None),
        ({"train_batch_size": "64", "micro_train_batch_size": "2"}, 64, None),
        ({"per_device_train_batch_size": "4", "train_group_size": "16"}, None, 64),
    ],
)
def test_batches_are_read_as_the_trainer_means_them(
    parameters: dict[str, str], planned: int | None, of_a_device: int | None
) -> None:
    found = declared(HyperParameters={**parameters, "max_steps": "10", "max_seq_length": "100"})
    assert found.planned_tokens == (None if planned is None else planned * 1000)
    assert found.planned_tokens_of_a_device == (None if of_a_device is None else of_a_device * 1000)


def test_more_text_than_sagemaker_takes_is_a_doubt_and_hides_no_short_place() -> None:
    """A file may hold more; what lies in it may be what the job begins from."""
    place = {"model_path": "s3://models/earlier/output/model.tar.gz"}
    for number, doubted in ((2, False), (3, True)):
        long = {f"a{each}": "x" * 100_000 for each in range(number)}
        run = run_from(describe(HyperParameters={**long, **place}))
        assert ("too-much-to-search" in {doubt.kind.name for doubt in run.begins_doubts}) is doubted
        assert "models" in str(run.begins)


# ----- What above may rest on


def on_hosts(hosts: int, hours: float, metrics: dict[str, float] | None = None, **parameters: str) -> Audit:
    job = describe(
        hours=hours,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts},
        HyperParameters=parameters,
        Environment={},
    )
    series = [throughout({"Label": label, "Values": [value]}, hours) for label, value in (metrics or {}).items()]
    return audit(Evidence(job, metrics=series), TABLES)


def test_hardware_and_a_tiny_model_contradict() -> None:
    """By the least of published runs 2e23 FLOP: 250 times the tokens that any model of this size was trained on."""
    found = on_hosts(64, 2160, model_name_or_path="HuggingFaceTB/SmolLM2-135M")
    assert found.verdict == "indeterminate"
    assert MODEL_TOO_SMALL in {remark.kind for remark in found.estimate.assumptions}
    at_its_most = 6 * 134_515_008 * 60_500 * 134_515_008
    for hours, over in ((60, False), (107, True)):
        small = on_hosts(64, hours, model_name_or_path="HuggingFaceTB/SmolLM2-135M").estimate
        assert (MODEL_TOO_SMALL in {remark.kind for remark in small.assumptions}) is over
        assert not over or small.firm_flop == pytest.approx(at_its_most, rel=0.01)
    by_all_tokens = on_hosts(700, 2160, model_name_or_path="mistralai/Mistral-7B-v0.1").estimate
    assert MODEL_TOO_SMALL in {remark.kind for remark in by_all_tokens.assumptions}
    larger = on_hosts(64, 2160, model_name_or_path="mistralai/Mistral-7B-v0.1")
    assert larger.verdict == "above"
    assert MODEL_TOO_SMALL not in {remark.kind for remark in larger.estimate.assumptions}


@pytest.mark.parametrize(
    ("precision", "share"), [({"bf16": "true"}, 1.0), ({"mixed_precision": "fp8"}, 0.5), ({}, 0.126)]
)
def test_above_takes_an_mfu_as_a_share_of_the_slowest_peak_that_it_may_be_of(
    precision: dict[str, str], share: float
) -> None:
    """Of FP32's a fifteenth, so hardware's own least counts: 5.03 % of 40 %."""
    estimate = on_hosts(64, 100, {"mfu": 0.4}, **precision).estimate
    assert (estimate.firm_flop or 0) / (estimate.best_flop or 1) == pytest.approx(share, rel=0.01)


@pytest.mark.parametrize(("mfu", "doubted"), [(0.2, True), (0.4, False)])
def test_twice_an_mfu_counts_unless_no_run_reached_so_much(mfu: float, doubted: bool) -> None:
    estimate = on_hosts(64, 100, {"mfu": mfu}, bf16="true").estimate
    assert ("peak-with-sparsity" in kinds(estimate)) is doubted
    assert (estimate.cautious_upper_flop or 0) / (estimate.upper_flop or 1) == pytest.approx(2 if doubted else 1)


def test_an_mfu_of_an_unknown_precision_says_so_whatever_the_occupancy_allows() -> None:
    job = on_hosts(1, 100, {"mfu": 0.5, "GPUUtilization algo-1": 240})
    assert "peak-of-the-mfu-unknown" in kinds(job.estimate)


@pytest.mark.parametrize(
    ("extended", "kind"), [({}, "sequence-length-unknown"), ({"rope_scaling": '{"type": "yarn"}'}, "context-extended")]
)
def test_a_context_longer_than_the_models_own_is_bounded(extended: dict[str, str], kind: str) -> None:
    found = on_hosts(8, 500, {"num_tokens": 1e11}, model_name_or_path="huggyllama/llama-7b", **extended)
    assert kind in kinds(found.estimate)
