"""Names and numbers of a run, wherever its owner writes them: in a configuration that is one text, on the command line
of the container, in variables; and where weights are loaded from.
"""

import json
from collections.abc import Mapping, Sequence
from time import process_time
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.compute.run_estimate import MODEL_TOO_SMALL
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.hyperparameters import STARTED, Hyperparameters, says_something
from flops_auditor.domain.runs.nested import statements_in, texts_in, texts_of_command
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


def options(command: Sequence[str]) -> dict[str, str]:
    return statements_in(texts_of_command(command), {})


def flattened(given: Mapping[str, str]) -> dict[str, str]:
    return statements_in(texts_in(given), given)


def test_a_number_that_the_shell_fills_in_is_not_known_and_an_open_quotation_mark_is_no_end() -> None:
    assert options(("bash", "-c", "train --epochs $EPOCHS --max_steps=${STEPS} --batch-size 8 --note 'open")) == {
        "c": "train",
        "epochs": "$EPOCHS",
        "max_steps": "${STEPS}",
        "batch-size": "8",
        "note": "'open",
        STARTED: "bash",
    }
    assert options(("train", "--a", "--b", "-1", "c", "=d", "--", "-")) == {
        "a": "true",
        "b": "-1",
        STARTED: "train c =d --",
    }


CONFIGURATION = {"model": {"path": LARGE}, "trainer": [{"num_train_epochs": 3}], "data": {"max_seq_len": 2048}}


@pytest.mark.parametrize("text", [json.dumps(CONFIGURATION), json.dumps(json.dumps(CONFIGURATION))])
def test_a_configuration_that_is_one_text_is_read(text: str) -> None:
    found = declared(HyperParameters={"config": text})
    assert (found.base_model, found.epochs, found.sequence_length) == (LARGE, 3, 2048)


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 60_000, '{"a":' * 12_000, '{"a":' * 301 + "1" + "}" * 300, "{}", '"{', '"{\\"', "[]"],
    ids=["open", "deep list", "deep object", "deep and open", "empty", "quoted", "escaped", "empty list"],
)
def test_what_is_no_configuration_stays_a_text(text: str) -> None:
    assert flattened({"config": text}) == {"config": text}
    assert not declared(HyperParameters={"config": text}).figure_doubts


@pytest.mark.parametrize("depth", [1, 199, 200, 201, 390])
@pytest.mark.parametrize(("begins", "ends"), [('{"a":', "}"), ("[1,", "]"), ('[{"b":', "}]"), ('["[",', "]")])
def test_a_text_is_read_as_deep_as_sagemaker_takes_it(begins: str, ends: str, depth: int) -> None:
    text = begins * depth + json.dumps({"model_id": LARGE, "note": '}"]'}) + ends * depth
    found = declared(HyperParameters={"config": text})
    assert (found.base_model, found.figure_doubts) == (LARGE, ())
    said = flattened({"config": text})
    assert LARGE in said.values() and '}"]' in said.values()


def test_no_depth_of_what_sagemaker_takes_is_a_doubt() -> None:
    deep = {f"k{number}": "[" * 1_250 + "]" * 1_250 for number in range(100)}
    assert not declared(HyperParameters=deep).figure_doubts


def test_of_two_texts_of_one_name_both_are_read() -> None:
    said = flattened({"a": '{"b": 1, "b": 2, "c": {"d": 3}, "c.d": 4}', "a.c.d": "5", "x": '["1"]'})
    assert said == {"a.0.b": "1", "a.1.b": "2", "a.2.c.d": "3", "a.3.c.d": "4", "a.c.d": "5", "x": "1"}
    said = flattened({"a": '{"b": {"c": 1}, "b.c": 2}', "a.b.c": "3"})
    assert said == {"a.b.c": "2", "1.a.b.c": "1", "2.a.b.c": "3"}


def test_of_long_names_the_end_tells_the_most() -> None:
    assert declared(HyperParameters={"config": json.dumps({"a" * 300: {"model_id": LARGE}})}).base_model == LARGE


# ----- All is read, or it is said that it was not

SMALL = "HuggingFaceTB/SmolLM2-360M"
FILLING = json.dumps({f"k{number}": 1 for number in range(250)}, separators=(",", ":"))
BESIDE_MUCH = {"cfg_a": FILLING, "cfg_b": FILLING}
ENDS_IN_FP8 = (
    "--tensor-model-parallel-size 8 --pipeline-model-parallel-size 2 --sequence-parallel --use-flash-attn --bf16 "
    "--fp8-format hybrid"
)


@pytest.mark.parametrize(
    "given",
    [
        {"HyperParameters": {**BESIDE_MUCH, "cfg_c": json.dumps({"precision_of": "fp8"})}},
        {"HyperParameters": {"config": json.dumps({**{f"k{number}": 1 for number in range(900)}, "recipe": "fp8"})}},
        {"HyperParameters": {"megatron_args": ENDS_IN_FP8}},
        {"Environment": {"MEGATRON_ARGS": ENDS_IN_FP8}},
        {"Environment": {"TRAIN_CONFIG": json.dumps({"x": "y" * 100, "recipe": "fp8_delayed_scaling"})}},
        {"HyperParameters": {"notes": "a text of many words, " * 6 + "and in the end (FP8) one that tells"}},
        {"HyperParameters": {"config": "model:\n  x: 1\n" * 10 + "  fp8: true"}},
    ],
)
def test_a_format_is_read_however_much_text_stands_before_it(given: dict[str, Any]) -> None:
    found = declared(**given)
    assert "fp8" in (found.hinted_precision, found.precision)


@pytest.mark.parametrize(
    "text",
    ["fp8: false", "{'fp8': False, 'x': 'y'}", "fp8_format = none", "fp801 fp8x/Model-FP8 s3://data/fp8", "half fp84"],
)
def test_a_format_that_is_off_or_part_of_another_word_is_none(text: str) -> None:
    assert declared(HyperParameters={"notes": "a text of many words, " * 6 + text}).hinted_precision == ""


@pytest.mark.parametrize(
    "given",
    [
        {"command": "bash scripts/train_fp8.sh"},
        {"command": "torchrun 'src/train_fp8.py' && echo done"},
        {"recipe": "training/llama/hf_llama3_8b_fp8_pretrain"},
        {"overrides": "trainer.x=1 recipes=training/llama/hf_llama3_8b_pretrain_fp8"},
        {"notes": "bf16/fp8 mixed"},
    ],
)
def test_what_a_line_starts_tells_its_format(given: dict[str, str]) -> None:
    assert declared(HyperParameters=given).hinted_precision == "fp8"


@pytest.mark.parametrize("text", ["org/Model-FP8 and more", "s3://data/fp8 data", "bf16/fp16 mixed"])
def test_names_and_places_in_a_line_tell_no_format(text: str) -> None:
    assert declared(HyperParameters={"notes": text}).hinted_precision == ""


LINES_THAT_MAY_BE_WALKED_AGAIN = {
    "formats": "_fp8" * 60_000,
    "formats that are off": "fp8:" * 60_000,
    "quotation marks": '"' + "{" * 101 + '"' + '\\"' * 100_000,
    "copies": "s3://x " + "s5cmd -" * 34_000,
    "groups": "a: {" * 60_000,
    "headings": "\n".join(" " * (number % 40) + "a:" for number in range(11_000)),
    "deeper headings": "\n".join(" " * number + "model:" for number in range(680)),
    "checkpoints": "checkpoint" * 24_000 + "\nx",
}


@pytest.mark.parametrize("what", LINES_THAT_MAY_BE_WALKED_AGAIN)
def test_no_part_of_a_text_is_walked_from_each_of_its_places(what: str) -> None:
    """A quarter of a million characters: minutes, were time in their square."""
    begun = process_time()
    run_from(describe(HyperParameters={"load": LINES_THAT_MAY_BE_WALKED_AGAIN[what]}))
    declared(HyperParameters={"load": LINES_THAT_MAY_BE_WALKED_AGAIN[what]})
    assert process_time() - begun < 30


WITHIN = {"model_name_or_path": SMALL}
NAMED: dict[str, dict[str, Any]] = {
    "beside 500 leaves": {"HyperParameters": {**BESIDE_MUCH, "cfg_c": json.dumps(WITHIN)}},
    "in a line": {"HyperParameters": {"train_args": f"--model_name_or_path {SMALL} --bf16"}},
    "in settings": {"HyperParameters": {"overrides": f"trainer.x=1 model.path={SMALL}"}},
    "in a variable": {"Environment": {"TRAIN_CONFIG": json.dumps(WITHIN)}},
    "in a variable's line": {"Environment": {"TRAIN_ARGS": f"--model_name_or_path={SMALL}"}},
    "the toolkit's arguments": {"Environment": {"SM_USER_ARGS": json.dumps(["--model_name_or_path", SMALL])}},
    "JSON in the toolkit's": {"Environment": {"SM_HPS": json.dumps({"cfg": json.dumps(WITHIN)})}},
    "JSON in JSON": {"HyperParameters": {"c": json.dumps({"d": json.dumps({"e": json.dumps(WITHIN)})})}},
    "an argument": started_with("python", "train.py", "--config", json.dumps(WITHIN)),
    "an argument with =": started_with("python", "train.py", "--config=" + json.dumps(WITHIN)),
    "YAML": {"HyperParameters": {"config_yaml": f"model_name_or_path: {SMALL}\nlearning_rate: 1e-4\n"}},
    "TOML": {"HyperParameters": {"config": f'[model]\nmodel_name_or_path = "{SMALL}"\n'}},
    "Python": {"HyperParameters": {"config": str({**WITHIN, "lr": 1e-4})}},
    "JSON with a comma": {"HyperParameters": {"config": f'{{"model_name_or_path":"{SMALL}",}}'}},
    "lines of JSON": {"HyperParameters": {"config": json.dumps(WITHIN) + '\n{"a": 1}'}},
    "JSON with a mark": {"HyperParameters": {"config": "\ufeff" + json.dumps(WITHIN)}},
    "a command": {"HyperParameters": {"cmd": f"python train.py model_name_or_path={SMALL} trainer.max_epochs=1"}},
    "a shell's": {"HyperParameters": {"cmd": f"export MODEL_NAME={SMALL} && python train.py"}},
    "commas": {"HyperParameters": {"model_args": f"pretrained=x,model_name={SMALL}"}},
    "one dash": {"HyperParameters": {"args": f"-model_name_or_path {SMALL} -lr 1"}},
    "a value that looks like a line": {"HyperParameters": {"model_name_or_path": f"{SMALL} --trust_remote_code"}},
    "below its name": {"HyperParameters": {"base_model": json.dumps({"id": SMALL})}},
    "a variable": {"HyperParameters": {"args": "--model_name_or_path=${M} --x 1"}, "Environment": {"M": SMALL}},
    "a variable beside it": {**started_with("train", "--base_model", "$M"), "Environment": {"M": SMALL}},
    "in one word": {"HyperParameters": {"modelId": SMALL}},
    "in one word of JSON": {"HyperParameters": {"config": json.dumps({"baseModelId": SMALL})}},
    "a variable in one word": {"Environment": {"modelNameOrPath": SMALL}},
    "one word of YAML": {"HyperParameters": {"config": f"modelNameOrPath: {SMALL}\nlr: 1"}},
    "below its name in YAML": {"HyperParameters": {"config": f"seed: 1\nmodel:\n  x: 1\n  id: {SMALL}\ntrain: 1\n"}},
    "in a list of YAML": {"HyperParameters": {"config": f"models:\n- model:\n    - name_or_path: {SMALL}\n"}},
    "deep in YAML": {"HyperParameters": {"config": f"a:\n  c:\n    x: 1\n  model:\n    repo_id: '{SMALL}'\n"}},
    "below its name in Python": {"HyperParameters": {"config": str({"a": {"x": 1}, "model": {"b": 2, "id": SMALL}})}},
    "braces over lines": {"HyperParameters": {"config": f'{{\n "model": {{\n  "id": "{SMALL}",\n }},\n}}'}},
    "in a table of TOML": {"HyperParameters": {"config": f'x = 1\n[model]\nlr = 2\nid = "{SMALL}"\n'}},
    "JSON below": {"HyperParameters": {"config": json.dumps({"model": {"id": SMALL}})}},
    "a line's JSON": started_with("bash", "-c", f"python train.py --config '{json.dumps(WITHIN)}'"),
}


MODEL = {"ChannelName": "model", "DataSource": {"S3DataSource": {"S3Uri": "s3://team/models/base/"}}}


@pytest.mark.parametrize("where", NAMED)
def test_names_are_read_as_deep_as_places_are(where: str) -> None:
    given = NAMED[where]
    parameters = {"model_id": "meta-llama/Llama-3.1-405B", **given.get("HyperParameters", {})}
    assert SMALL in [name.text for name in declared(**{**given, "HyperParameters": parameters}).names]


@pytest.mark.parametrize(
    "text",
    [
        f"model:\n  x: 1\nother:\n  id: {SMALL}\n",
        f"model: 1\nid: {SMALL}\n",
        str({"model": {"x": 1}, "id": SMALL}),
        str({"model": {"x": 1}, "data": {"id": SMALL}}),
        f"[model]\nx = 1\n[data]\nid = '{SMALL}'\n",
        f"model:\n\n  x: 1\n\nrun: {{\n id: {SMALL}\n}}\n",
    ],
)
def test_what_does_not_stand_below_a_model_is_not_its_name(text: str) -> None:
    assert SMALL not in [name.text for name in declared(HyperParameters={"config": text}).names]


def test_formats_written_in_one_word_are_known() -> None:
    for name in ("useFP8", "EnableFp8Gemm", "useE4M3", "TransformerEnginePrecision", "fp8E4M3", "msAmp"):
        on, off = (declared(HyperParameters={name: value}) for value in ("on", "false"))
        assert "fp8" in (on.precision, on.hinted_precision)
        assert (off.precision, off.hinted_precision) == ("", "")


def test_adapters_written_in_one_word_are_known() -> None:
    assert declared(HyperParameters={"loraR": "8"}).parameter_efficient
    assert declared(HyperParameters={"LoRA_r": "8"}).parameter_efficient
    assert declared(HyperParameters={"numTrainEpochs": "3"}).epochs == 3


def test_a_name_in_a_text_of_any_notation_raises_no_line() -> None:
    """It may be that of a teacher, whose name stands elsewhere in the text."""
    said = str({"teacher": {"model": "meta-llama/Llama-3.1-405B"}})
    found, silent = (on_hosts(16, 239, **each) for each in ({"config": said}, {}))
    assert (found.verdict, silent.verdict) == ("indeterminate", "indeterminate")
    assert on_hosts(16, 239, model_id="meta-llama/Llama-3.1-405B").verdict == "below"


def test_a_name_that_the_shell_fills_in_from_elsewhere_is_a_place() -> None:
    found = declared(HyperParameters={"args": "--model_name_or_path=$M --max_steps $N --fp8 $F"})
    assert [(name.text, name.is_place) for name in found.names] == [("$M", True)]
    assert (found.hinted_precision, found.precision) == ("", "")
    [name] = declared(HyperParameters={"args": "--model_id=$SM_CHANNEL_MODEL"}, InputDataConfig=[MODEL]).names
    assert name.where == "channel model"


@pytest.mark.parametrize("name", ["system_prompt", "run_name", "comment"])
def test_what_is_said_to_people_names_no_model(name: str) -> None:
    assert declared(HyperParameters={name: "a fine model: llama-8b/x, model=gpt-4"}).names == ()
    assert declared(HyperParameters={"text": "the best model: better, base_model = none"}).names == ()


@pytest.mark.parametrize(
    "text", ["the base model=x, lr=2 - as before", "model=llama3_lr=1e-4", "a -- b", "x", "model=x"]
)
def test_what_is_no_line_stays_a_text(text: str) -> None:
    assert flattened({"notes": text}) == {"notes": text}


MUCH: dict[str, dict[str, Any]] = {
    "hyperparameters": {"HyperParameters": {f"a{number}": "x" * 100_000 for number in range(3)}},
    "variables": {"Environment": {"A": '{"a":' * 12_000 + "1" + "}" * 12_000}},
    "arguments": started_with("python", "x" * 300_000),
    "arguments deep": started_with("python", "--config", '{"a": ' * 12_000 + "1" + "}" * 12_000),
}


def test_brackets_without_an_end_are_no_deep_text() -> None:
    assert declared(HyperParameters={"prompt": "[" * 150}).figure_doubts == ()


@pytest.mark.parametrize("what", MUCH)
def test_what_is_not_read_is_a_doubt(what: str) -> None:
    [doubt] = declared(**MUCH[what]).figure_doubts
    assert doubt.kind.name == "too-much-to-read" and doubt.fact("what") == (what.partition(" ")[0],)


MANY = {"config": json.dumps([{"max_steps": 7}] * 2_001)}


def test_more_statements_than_are_weighed_are_known_as_such() -> None:
    for number, unheard in ((1_990, False), (2_001, True)):
        found = declared(HyperParameters={"config": json.dumps([{"max_steps": 7}] * number)})
        assert (found.unheard is not None, found.figure_doubts) == (unheard, ())
    assert declared(HyperParameters={**MANY, "model_id": SMALL}).base_model == SMALL, "what is in no text goes first"


OLMO = "allenai/OLMo-2-1124-7B"


def test_what_was_not_weighed_leaves_open_what_it_could_decide_alone() -> None:
    """On 20 hosts a model that nobody knows would have a lower line, on 10 that with FP8; one is under both."""
    hours = {20: 75, 10: 80, 1: 200}
    verdicts = {hosts: on_hosts(hosts, each, model_id=OLMO, bf16="true").verdict for hosts, each in hours.items()}
    assert verdicts == dict.fromkeys(hours, "below")
    found = {hosts: on_hosts(hosts, each, model_id=OLMO, bf16="true", **MANY) for hosts, each in hours.items()}
    assert {hosts: each.verdict for hosts, each in found.items()} == {
        20: "indeterminate",
        10: "indeterminate",
        1: "below",
    }
    assert "more-said-than-weighed" in kinds(found[1].estimate)


def test_tokens_bound_nothing_beside_what_was_not_weighed() -> None:
    said = {"model_id": OLMO, "max_seq_length": "2048"}
    known, more = (on_hosts(1, 1, {"num_tokens": 1e8}, **said, **also) for also in ({}, MANY))
    assert (known.verdict, more.verdict) == ("below", "below")
    assert known.estimate.best_flop == more.estimate.best_flop
    assert more.estimate.cautious_upper_flop == more.estimate.ceiling_flop


@pytest.mark.parametrize("activity", ["not-training", "synthetic-data", "pretraining"])
def test_what_was_not_weighed_may_speak_against_what_a_run_says_it_did(activity: str) -> None:
    """Where the run would not be below without that tag."""
    tags = [{"Key": "flops-auditor:activity", "Value": activity}]
    for hosts, verdict in ((1, "below"), (40, "indeterminate")):
        resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts}
        job = describe(hours=200, ResourceConfig=resources, HyperParameters=MANY, Environment={}, Tags=tags)
        assert audit(Evidence(job), TABLES).verdict == verdict


def test_what_was_not_weighed_is_a_doubt_of_hardware_that_nobody_knows() -> None:
    job = describe(HyperParameters=MANY, ResourceConfig={"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1})
    assert "more-said-than-weighed" in {doubt.kind.name for doubt in audit(Evidence(job), TABLES).estimate.doubts}


def test_every_name_that_is_looked_up_is_known_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts within texts under other names are left aside unread."""
    asked = set()

    class Asked(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return default

    heard = Hyperparameters(Asked())
    monkeypatch.setattr(Hyperparameters, "together", lambda several: heard)
    declared(HyperParameters={"model_id": LARGE})
    for name in ("models", "bears_together", "technique", "updates_of_a_rollout"):
        getattr(heard, name)(*(("",) if name == "technique" else ()))
    assert asked
    assert [name for name in sorted(asked) if not says_something(f"config.{name}", "")] == []


def test_a_list_of_texts_is_one_value() -> None:
    text = '{"converters": ["float8", "mxfp8"], "data": [{"max_seq_len": 7}, null, 3]}'
    assert flattened({"c": text}) == {"c.converters": "float8,mxfp8", "c.data": "3", "c.data.0.max_seq_len": "7"}
    assert flattened({"c": '[[{"a": [true]}], "b"]'}) == {"c": "b", "c.0.0.a": "True"}


def test_numbers_of_a_configuration_are_bounded_like_all_others() -> None:
    assert declared(HyperParameters={"config": '{"num_train_epochs": 1e-99999999, "max_steps": 1e9999}'}).epochs is None
    longest = "1" * 5_000  # more digits than Python reads
    assert flattened({"config": json.dumps(f'{{"a": {longest}}}')}) == {"config.a": longest}


def test_a_command_line_is_read_as_far_as_its_bound() -> None:
    assert len(options([f"--a{number}=1" for number in range(1_000)])) == 1_000
    assert options((" " * 255_995, "--a=1", "+b=2")) == {"a": "1"}
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
