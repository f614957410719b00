"""Lines of a shell, and settings of any notation, are read as whoever runs them does: where words end, what variables
hold, where a command runs, and which formats it is told.
"""

from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.nested import statements_in, texts_in, texts_of_command
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_places import checkpoints, references
from tests.fakes.batch_jobs import batch_evidence, batch_job, container
from tests.fakes.cases import audit
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, channel, continuing

AT = "s3://kept/run-7"
READ = {"InputDataConfig": [channel("model", f"{AT}/")]}
LEFT = {"CheckpointConfig": {"S3Uri": AT}}
CHANNEL = "/opt/ml/input/data/train"
MOUNTED = {"FileSystemId": "fs-1", "FileSystemType": "FSxLustre", "DirectoryPath": "/x", "FileSystemAccessMode": "ro"}
ON_A_FILE_SYSTEM = [{"ChannelName": "train", "DataSource": {"FileSystemDataSource": MOUNTED}}]
TABLES = load_tables()


def words(*arguments: str, **variables: str) -> dict[str, Any]:
    given = {"TrainingImage": "x", "TrainingInputMode": "File", "ContainerEntrypoint": list(arguments)}
    return {"AlgorithmSpecification": given, "Environment": variables}


def shell(line: str, **variables: str) -> dict[str, Any]:
    return words("bash", "-c", line, **variables)


def told(**parameters: str) -> dict[str, Any]:
    return {"HyperParameters": parameters}


def in_a_variable(line: str) -> dict[str, Any]:
    return {"Environment": {"CMD": line}}


def child_of(parent: dict[str, Any], child: dict[str, Any]) -> tuple[set[str], list[str]]:
    """Ancestors of a job that comes after another one, and the kinds of doubts about what it continues."""
    world = World()
    world.add(continuing("parent", **parent))
    world.add(continuing("child", day=1, **child))
    world.audit("parent", "child")
    return world.ancestors("child"), [each["kind"] for each in world.content("child")["lineage"]["doubts"]]


def kinds(*changes: dict[str, Any]) -> list[str]:
    """Kinds of remarks about what a job begins from."""
    given = {name: value for each in changes for name, value in each.items()}
    return [each.kind.name for each in references(parse_training_job(describe("job", **given)), ())[1]]


ENDED = (
    *(
        "train --output_dir {};",
        "train --output_dir {}; echo",
        "train --output_dir {}&& echo",
        "train --output_dir {}&",
    ),
    *(
        "train --output_dir {}|tee log",
        "train --output_dir {}>log",
        "train --output_dir {}>>log 2>&1",
        "echo;(out_dir={})",
    ),
    *("(train --output_dir {})", "if train --output_dir {}; then echo; fi", "train --output_dir={}; echo"),
    *('train --output_dir "{}"; echo', "train --output_dir '{}'|tee log", "export OUTPUT_DIR={}; train"),
    *("train --data {} --output_dir {}; echo", "OUTPUT_DIR={}; train", "bash -c 'train --output_dir {}; echo'"),
)


@pytest.mark.parametrize("line", ENDED)
@pytest.mark.parametrize("where", [shell, in_a_variable, lambda line: told(cmd=line)])
def test_no_sign_behind_a_place_hides_where_results_are_left(line: str, where: Any) -> None:
    assert child_of(where(line.replace("{}", AT)), READ) == ({"parent"}, [])


@pytest.mark.parametrize("line", [each for each in ENDED if "output_dir" in each])
def test_no_sign_behind_a_place_hides_what_is_read(line: str) -> None:
    line = line.replace("--data {}", "").replace("output_dir", "model_name_or_path").replace("{}", AT)
    assert child_of(LEFT, shell(line)) == ({"parent"}, [])


VARIABLES: dict[str, dict[str, Any]] = {
    "one": shell("train --output_dir $X", X=AT),
    "one with an equals sign": shell("train --output_dir=${X}", X=AT),
    "two": shell('train --output_dir "$X$Y"', X="s3://kept/", Y="run-7"),
    "quotes end its name": shell('train --output_dir "$X"run-7', X="s3://kept/"),
    "set in the line": shell(f"X={AT}; train --output_dir $X"),
    "set where it has no value": shell(f": ${{X:={AT}}}; train --output_dir $X"),
    "handed on": shell("export OUTPUT_DIR=$X; train", X=AT),
    "before a command": shell("OUTPUT_DIR=$X train", X=AT),
    "a word": words("train", "--output_dir", "$X", X=AT),
    "OmegaConf": words("train", "output_dir=${oc.env:X}", X=AT),
    "OmegaConf in a line": shell("train output_dir=${oc.env:X}", X=AT),
    "a line in a variable": {"Environment": {"CMD": "train --output_dir $X", "X": AT}},
    "a line in a hyperparameter": {**told(args="--output_dir $X"), "Environment": {"X": AT}},
    "JSON in a line": shell('train --config \'{"output_dir": "$X"}\'', X=AT),
    "JSON beside a variable": shell(f'train --config \'{{"output_dir": "{AT}", "x": "$X"}}\''),
    "YAML": {**told(config="trainer:\n  output_dir: ${oc.env:X}\n"), "Environment": {"X": AT}},
}


@pytest.mark.parametrize("where", VARIABLES)
def test_a_value_of_variables_alone_is_the_place_that_they_hold(where: str) -> None:
    assert child_of(VARIABLES[where], READ) == ({"parent"}, [])


@pytest.mark.parametrize("value", ["$X", "$Y$Z", "${Y}${Z}", "'$X'", "$X;"])
def test_what_is_read_by_variables_alone_is_read(value: str) -> None:
    read = shell(f"train --model_name_or_path {value}", X=AT, Y="s3://kept/", Z="run-7")
    assert child_of(LEFT, read) == ({"parent"}, [])


def test_variables_that_hold_more_than_is_filled_in_are_a_doubt() -> None:
    line = f"train {'--a $A ' * 100} --model_name_or_path $X"
    assert kinds(shell(line, A="a" * 2_500, X=AT)) == ["model-not-followed"]
    assert kinds(shell(line, A="a", X=AT)) == []


SETTINGS = (
    *("output_dir: {}", "output_dir: {}\nlr: 1", "a:\n  output_dir: '{}'  # note\n", "output_dir: !!str {}\nlr: 1"),
    *("output_dir: &o {}\nlr: 1", "output_dir: >-\n  {}\nlr: 1", "[a]\noutput_dir = '{}'\n", "OUTPUT_DIR={};LR=1"),
    *(
        "TrainingArguments(output_dir='{}', lr=1)",
        "output_dir = Path('{}')",
        "output_dir = f'{}'",
        "{{output_dir: {}}}",
    ),
    *("<output_dir>{}</output_dir>", "{{'output_dir': '{}', 'lr': 1}}", "output_dir => {}", "output_dir := {}"),
)


@pytest.mark.parametrize("text", SETTINGS)
def test_a_setting_keeps_its_label_in_any_notation(text: str) -> None:
    assert child_of(told(config=text.format(AT)), READ) == ({"parent"}, [])
    read = text.replace("output_dir", "model_name_or_path").replace("OUTPUT_DIR", "MODEL_NAME_OR_PATH")
    assert child_of(LEFT, told(config=read.format(AT))) == ({"parent"}, [])


@pytest.mark.parametrize(
    ("left", "read", "expected"),
    [
        (told(output_dir="s3://kept/runs/$DAY"), "s3://kept/runs/7", ({"parent"}, [])),
        (told(output_dir="s3://kept/runs/{now:%Y}"), "s3://kept/runs/2026", ({"parent"}, [])),
        (shell("train --output_dir s3://kept/runs/$DAY/x"), "s3://kept/runs/7", ({"parent"}, [])),
        (shell("aws s3 sync /opt/ml/model s3://kept/runs/$DAY"), "s3://kept/runs/7", ({"parent"}, [])),
        (shell("aws s3 sync /opt/ml/model s3://kept/runs/$(date +%s)/"), "s3://kept/runs/7", ({"parent"}, [])),
        (shell("for d in 7 8; do aws s3 sync x s3://kept/$d; done"), "s3://kept/7", (set(), ["in-a-runs-bucket"])),
        (shell("train --output_dir s3://kept/runs/$DAY", DAY="7"), "s3://kept/runs/8", (set(), [])),
        (told(export_uri="s3://kept/{name}"), "s3://kept/base", (set(), [])),
    ],
)
def test_results_of_which_a_part_is_open_are_left_in_the_folder_above_it(
    left: dict[str, Any], read: str, expected: tuple[set[str], list[str]]
) -> None:
    assert child_of(left, {"InputDataConfig": [channel("model", read)]}) == expected


IN_A_CHANNEL: dict[str, dict[str, Any]] = {
    "variable": shell("train --model_name_or_path $D/model", D=CHANNEL),
    "variable alone": shell("train --model_name_or_path $D", D=f"{CHANNEL}/model"),
    "set in the line": shell(f'D={CHANNEL}; train --model_name_or_path "${{D}}"/model'),
    "two variables": words("train", "--model_name_or_path", "$A$B/model", A="/opt/ml/input", B="/data/train"),
    "channel": shell("train --model_name_or_path $SM_CHANNEL_TRAIN/model"),
    "channel in a word": words("train", "--model_name_or_path=${SM_CHANNEL_TRAIN}/model"),
    "channel with a default": shell("train --model_name_or_path ${SM_CHANNEL_TRAIN:-/x}/model"),
    "inputs": shell("train --model_name_or_path $SM_INPUT_DIR/data/train/model"),
    "hyperparameter": {**shell("train --model_name_or_path $SM_HP_BASE"), **told(base=f"{CHANNEL}/model")},
    "a line in a hyperparameter": told(cmd="train --model_name_or_path $SM_CHANNEL_TRAIN/model"),
    "where it runs": shell(f"cd {CHANNEL}; train --model_name_or_path ./model"),
    "where it runs, by a variable": shell('cd "$SM_CHANNEL_TRAIN" && train --model_name_or_path checkpoint-500'),
    "where it runs, in two steps": shell("pushd ../input/data && cd train && train --model_name_or_path model"),
    "pattern": shell("train --model_name_or_path /opt/ml/input/data/*/model"),
    "choice": shell("train --model_name_or_path /opt/ml/input/{data,x}/train/model"),
    "pattern in a hyperparameter": told(model_path="/opt/ml/input/*/train/model"),
    "sign behind it": shell(f"train --model_name_or_path {CHANNEL}/model; echo"),
    "YAML": told(config=f"model_path: {CHANNEL}/model\nlr: 1"),
    "within a setting": told(config=f'{{"model": {{"path": "{CHANNEL}/model"}}}}'),
    "within a setting, in YAML": told(train_config=f"model:\n  path: {CHANNEL}/model\n"),
    "within a setting, as an option": shell(f"train --config.model.path={CHANNEL}/model"),
}


@pytest.mark.parametrize("where", IN_A_CHANNEL)
def test_a_model_on_a_file_system_is_a_doubt_however_a_line_names_it(where: str) -> None:
    found = kinds(IN_A_CHANNEL[where], {"InputDataConfig": ON_A_FILE_SYSTEM})
    assert found == ["data-not-followed", "model-not-followed"]


def test_a_model_in_any_channel_of_data_is_a_doubt_and_in_one_its_run() -> None:
    data = {"InputDataConfig": [channel("train", AT)]}
    in_any = shell("train --model_name_or_path /opt/ml/input/data/*/model")
    assert child_of(LEFT, {**in_any, **data}) == (set(), ["kept-together"])
    in_one = shell("train --model_name_or_path $SM_CHANNEL_TRAIN/model")
    assert child_of(LEFT, {**in_one, **data}) == ({"parent"}, [])


def test_what_honest_lines_say_is_no_doubt() -> None:
    lines = (
        "train --train_dir $SM_CHANNEL_TRAIN/shards --model_config $SM_CHANNEL_TRAIN/c.json --output_dir $SM_MODEL_DIR",
        "echo begun with s3://kept/run-7; train > $SM_OUTPUT_DATA_DIR/log 2>&1",
        "train --webhook 'https://hooks.example.com/x?a=1&b=2;c' && curl 'https://example.com/?x=s3://kept/run-7&y'",
        "train --logging_dir s3://kept/run-7; aws s3 sync logs s3://team/logs/run; train --model_name_or_path $MODEL",
        "cd /opt/ml/code && train --model_name_or_path ./model; cd $SM_CHANNEL_TRAIN; train --model_id meta-llama/X",
        "cd $SM_CHANNEL_TRAIN && train --data_path ./data --model_type ../x --model_name_or_path bert-large-uncased",
    )
    for line in lines:
        for place in (shell(line), told(cmd=line), in_a_variable(line)):
            assert kinds(place, {"InputDataConfig": ON_A_FILE_SYSTEM}) == ["data-not-followed"], line
            assert child_of(LEFT, {**place, "InputDataConfig": [channel("train", "s3://data/x")]}) == (set(), []), line


def test_an_address_keeps_its_query_and_a_place_its_signs() -> None:
    line = "train --url https://example.com/x?a=1&b=2 --epochs 3"
    stated = statements_in(texts_in({"args": line}), {"args": line})
    assert stated["args.url"] == "https://example.com/x?a=1&b=2" and stated["args.epochs"] == "3"
    quoted = shell("train --output_dir 's3://kept/a;b&c'; echo")
    assert "s3://kept/a;b&c" in map(str, checkpoints(parse_training_job(describe("job", **quoted))))


@pytest.mark.parametrize("line", ["train --epochs 3; echo", "train --bf16 --epochs 3|tee x", "(train --epochs 3)>x"])
def test_no_sign_sticks_to_a_statement(line: str) -> None:
    stated = statements_in(texts_of_command(("bash", "-c", line)), {})
    assert stated["epochs"] == "3" and stated.get("bf16", "true") == "true"
    assert statements_in(texts_in({"cmd": line}), {})["cmd.epochs"] == "3"


def test_a_path_in_a_channel_that_a_group_of_settings_names_is_a_models_by_its_own_label() -> None:
    on_it = {"InputDataConfig": ON_A_FILE_SYSTEM}
    for text in ('{"model_path": "%s/x"}', "model_path: %s/x"):
        assert "model-not-followed" in kinds(told(config=text % CHANNEL), on_it)
    for text in ('{"model": {"config": "%s/x"}}', '{"model_config": "%s/x"}', '{"tokenizer": {"path": "%s/x"}}'):
        assert "model-not-followed" not in kinds(told(config=text % CHANNEL), on_it)


def audited(changes: dict[str, Any]) -> Audit:
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 9}
    return audit(Evidence(describe(hours=96, ResourceConfig=resources, **{**told(), **changes})), TABLES)


FORMATS: dict[str, dict[str, Any]] = {
    "as it is": words("train", "--mixed_precision", "fp8"),
    "a part": shell("train --mixed_precision fp$N", N="8"),
    "a part in a word": words("train", "--mixed_precision=fp$N", N="8"),
    "a default": shell("train --mixed_precision ${P:-fp8}"),
    "set in the line": shell("Q=fp; train --mixed_precision ${Q}8"),
    "a hyperparameter": told(args="train --mixed_precision ${P:-fp8}"),
    "a variable": {"Environment": {"ACCELERATE_MIXED_PRECISION": "${P:-fp8}"}},
    "nothing tells": shell("train --mixed_precision $P"),
    "a switch": shell("train --fp8 $F", F="true"),
}


@pytest.mark.parametrize("where", FORMATS)
def test_a_format_is_heard_through_variables(where: str) -> None:
    upper = audited({}).estimate.upper_flop
    found = audited(FORMATS[where]).estimate.upper_flop
    assert upper is not None and found is not None and found >= 1.9 * upper


@pytest.mark.parametrize(
    "line",
    [
        "P=bf16; train --mixed_precision $P",
        "train --mixed_precision ${P:-bf16}; echo",
        "train --x $FP --mixed_precision bf16",
        "train --fp8 $F",
    ],
)
def test_a_slower_format_through_a_variable_raises_nothing(line: str) -> None:
    assert audited(shell(line)).estimate.upper_flop == audited({}).estimate.upper_flop


@pytest.mark.parametrize(
    ("line", "variables", "is_doubt"),
    [
        ("train --model_name_or_path $D/run-1", {"D": "/mnt/shared"}, True),
        ("train --model_name_or_path $D", {"D": "/mnt/shared/run-1"}, True),
        ("train --model_name_or_path $D/../shared/run-1", {"D": "/mnt/x"}, True),
        ("train --model_name_or_path $A$B/run-1", {"A": "/mnt", "B": "/shared"}, True),
        ("train --model_name_or_path /mnt/x/../shared/run-1", {}, True),
        ("train --model_name_or_path /mnt/x/y/../../shared/", {}, True),
        ("train --model_name_or_path /mnt/*/run-1", {}, True),
        ("train --model_name_or_path /mnt/{shared,x}/run-1", {}, True),
        ("cd /mnt/shared && train --model_name_or_path ./run-1", {}, True),
        ("cd /mnt/shared && train --model_name_or_path meta-llama/X", {}, False),
        ("train --model_name_or_path /mnt/shared/../x", {}, False),
        ("train --data s3://kept/a/../shared/b --model_name_or_path /x/*/run-1", {}, False),
    ],
)
def test_a_model_in_a_volume_is_a_doubt_however_a_line_names_it(
    line: str, variables: dict[str, str], is_doubt: bool
) -> None:
    volume = {"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}
    mounts = [{"sourceVolume": "shared", "containerPath": "/mnt/shared/"}]
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    held = container(command=["bash", "-c", line], volumes=[volume], mountPoints=mounts, environment=environment)
    run = case_of(batch_evidence(batch_job(container=held))).run
    found = {each.kind.name for each in (*run.begins_notes, *run.begins_doubts)}
    assert found == {"data-not-followed", *(["model-not-followed"] if is_doubt else [])}
