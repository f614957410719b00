"""Places within texts, in whatever notation: with blanks and signs in their keys, by variables, patterns and quotes."""

import json
import time
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.shell_lines import read_line
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_places import checkpoints, references
from flops_auditor.domain.runs.sources.variables import filled_in, left_open
from flops_auditor.domain.runs.sources.written_places import longer_readings
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, channel, continuing

READ = "s3://models/parent/output/model.tar.gz"


def command(*arguments: str) -> dict[str, Any]:
    given = {"TrainingImage": "x", "TrainingInputMode": "File", "ContainerArguments": list(arguments)}
    return {"AlgorithmSpecification": given}


def shell(line: str, **variables: str) -> dict[str, Any]:
    return {**command("sh", "-c", line), "Environment": variables}


def told(**parameters: str) -> dict[str, Any]:
    return {"HyperParameters": parameters}


def child_of(parent: dict[str, Any], **changes: Any) -> tuple[set[str], list[str]]:
    """Ancestors of a job that comes after another one, and the kinds of doubts about what it continues."""
    world = World()
    world.add(parent)
    world.add(continuing("child", day=1, **changes))
    world.audit("child", "parent")
    return world.ancestors("child"), [each["kind"] for each in world.content("child")["lineage"]["doubts"]]


def written_below(folder: str) -> tuple[dict[str, Any], str]:
    """A run that SageMaker writes a model for below a folder, and that model."""
    model = f"{folder}/parent/output/model.tar.gz"
    left: dict[str, Any] = {"OutputDataConfig": {"S3OutputPath": folder}, "ModelArtifacts": {"S3ModelArtifacts": model}}
    return continuing("parent", **left), model


BLANK, AT = written_below("s3://models/my runs")
WITH_A_BLANK: dict[str, dict[str, Any]] = {
    "argument": command(f"--model_uri={AT}"),
    "setting": command("train", f"model.path={AT}"),
    "YAML": told(config=f"model:\n  path: {AT}\n  layers: 3\n"),
    "YAML with a remark": told(config=f"model:\n  path: {AT} # the best\n"),
    "YAML in quotes": told(config=f"model:\n  path: '{AT}'\n"),
    "TOML": told(config=f'[model]\npath = "{AT}"\n'),
    "Python": told(config=f"load('{AT}', strict=True)"),
    "XML": told(config=f"<model>{AT}</model>"),
    "flow": told(config=f"{{path: {AT}, layers: 3}}"),
    "options": told(args=f"--model_uri '{AT}' --lr 3"),
    "variable": {"Environment": {"TRAIN_ARGS": f'--lr 3 --model_uri="{AT}"'}},
    "one quote": shell(f"aws s3 cp '{AT}' /opt/ml/in && train"),
    "two quotes": shell(f'aws s3 cp "{AT}" /opt/ml/in && train'),
    "quotes within quotes": shell(f"bash -c 'aws s3 cp \"{AT}\" /opt/ml/in'"),
    "backslash": shell(f"aws s3 cp {AT.replace(' ', chr(92) + ' ')} /opt/ml/in && train"),
    "a quote without an end": shell(f"# don't\naws s3 cp '{AT}' /opt/ml/in"),
    "variable in quotes": shell('aws s3 cp "s3://models/$RUNS/parent/output/model.tar.gz" .', RUNS="my runs"),
}


@pytest.mark.parametrize("where", WITH_A_BLANK)
def test_a_blank_in_a_key_hides_no_result_in_any_notation(where: str) -> None:
    assert child_of(BLANK, **WITH_A_BLANK[where]) == ({"parent"}, [])


@pytest.mark.parametrize("sign", list(",;'|\"\\<>) "))
def test_any_sign_in_a_key_hides_no_result(sign: str) -> None:
    """Not even in a list as Python writes it, of which the text itself is no place."""
    parent, at = written_below(f"s3://models/x{sign}y")
    for named in (told(models=f"['{at}']"), command(f"--model={at}"), told(cfg=json.dumps({"model": at}))):
        assert child_of(parent, **named) == ({"parent"}, [])


@pytest.mark.parametrize("label", ["checkpoint", "model_path"])
def test_a_blank_in_the_key_of_a_checkpoint_hides_no_run(label: str) -> None:
    parent = continuing("parent", CheckpointConfig={"S3Uri": "s3://kept/my run"})
    for named in (command(f"--{label}=s3://kept/my run"), told(args=f"--{label} 's3://kept/my run/step-5' --lr 1")):
        assert child_of(parent, **named) == ({"parent"}, [])


def test_a_run_leaves_results_at_a_key_with_a_blank_by_an_argument_or_a_line() -> None:
    read = {"InputDataConfig": [channel("model", "s3://kept/my run/step-5")]}
    for left in (command("--save_dir=s3://kept/my run"), shell("aws s3 sync /opt/ml/x 's3://kept/my run'")):
        assert child_of(continuing("parent", **left), **read) == ({"parent"}, [])


AS_A_SHELL_READS: dict[str, dict[str, Any]] = {
    "variable": shell("aws s3 cp s3://models/$RUN/output/model.tar.gz . && train", RUN="parent"),
    "in braces": shell("aws s3 cp s3://models/${RUN}/output/model.tar.gz . && train", RUN="parent"),
    "set in the line": shell("RUN=parent; aws s3 cp s3://models/$RUN/output/model.tar.gz . && train"),
    "exported": shell("export RUN=parent && python train.py --model s3://models/$RUN/output/model.tar.gz"),
    "default": shell("aws s3 cp s3://models/${RUN:-parent}/output/model.tar.gz . && train"),
    "bucket": shell("aws s3 cp s3://$B/parent/output/model.tar.gz . && train", B="models"),
    "hyperparameter": {
        **shell("train --model s3://models/$SM_HP_RUN/output/model.tar.gz"),
        **told(run="parent"),
    },
    "argument": {**command("--model=s3://models/$RUN/output/model.tar.gz"), "Environment": {"RUN": "parent"}},
    "value": {**told(model="s3://models/$RUN/output/model.tar.gz"), "Environment": {"RUN": "parent"}},
    "OmegaConf": told(model="s3://models/${run}/output/model.tar.gz", run="parent"),
    "OmegaConf's root": told(root="s3://models", model="${root}/parent/output/model.tar.gz"),
    "OmegaConf's environment": {
        **told(model="s3://models/${oc.env:RUN,x}/output/model.tar.gz"),
        "Environment": {"RUN": "parent"},
    },
    "format": told(model="s3://models/{run}/output/model.tar.gz", run="parent"),
    "quotes within": shell('aws s3 cp s3://mod"els/parent/output/model.tar.gz" .'),
    "MinIO": shell("mc cp store/models/parent/output/model.tar.gz ."),
    "rclone": shell("rclone copy store:models/parent/output/model.tar.gz ."),
    "encoded": told(model="s3%3A%2F%2Fmodels%2Fparent%2Foutput%2Fmodel.tar.gz"),
    "encoded key": told(x="s3://models/parent%2Foutput%2Fmodel.tar.gz"),
    "root": told(s3_root="s3://models", model="parent/output/model.tar.gz"),
    "root and folder": told(s3_root="s3://models/", model_subpath="parent/output", bucket="other"),
    "one of two": told(models=f"s3://base/llama,{READ}"),
}


@pytest.mark.parametrize("where", AS_A_SHELL_READS)
def test_a_place_is_what_a_shell_or_a_configuration_makes_of_it(where: str) -> None:
    assert child_of(continuing("parent"), **AS_A_SHELL_READS[where]) == ({"parent"}, [])


def test_whoever_reads_by_the_words_by_which_another_wrote_reads_from_there() -> None:
    left = shell("train && aws s3 cp /opt/ml/x s3://kept/$RUN/ckpt", RUN="parent")
    read = shell("train --checkpoint s3://kept/$RUN/ckpt", RUN="parent")
    assert child_of(continuing("parent", **left), **read) == ({"parent"}, [])


OPEN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "bucket": (told(model="s3://$B/parent/output/model.tar.gz"), ["model-not-followed"]),
    "source": (shell("aws s3 cp $FROM /opt/ml/in && train"), ["model-not-followed"]),
    "bucket of a source": (shell("s5cmd cp s3://$B/x /opt/ml/in && train"), ["model-not-followed"]),
    "variable": (told(model="s3://models/$RUN/output/model.tar.gz"), ["whole-bucket"]),
    "configuration": (told(model="s3://models/${run}/x"), ["whole-bucket"]),
    "choice": (shell("aws s3 cp s3://models/{parent,x}/output/model.tar.gz ."), ["whole-bucket"]),
    "pattern": (shell("s5cmd cp 's3://models/*/output/model.tar.gz' ."), ["whole-bucket"]),
    "pattern under any label": (told(x="s3://models/?arent/output/model.tar.gz"), ["whole-bucket"]),
    "pattern in a run's folder": (shell("s5cmd cp 's3://kept/runs/*' ."), ["kept-together"]),
    "variable in a run's folder": (told(checkpoint="s3://kept/runs/$STEP"), ["kept-together"]),
}


@pytest.mark.parametrize("where", OPEN)
def test_a_place_of_which_a_part_is_open_is_a_doubt_where_a_run_may_have_left_it(where: str) -> None:
    named, doubts = OPEN[where]
    parent = continuing("parent", CheckpointConfig={"S3Uri": "s3://kept/runs/parent"})
    assert child_of(parent, **named) == (set(), doubts)


def test_what_honest_jobs_copy_and_configure_is_no_doubt() -> None:
    honest = dict(
        HyperParameters={
            "train_urls": "pipe:aws s3 cp s3://data/shards/{000000..000127}.tar -",
            "validation": "s3://data/val/*.jsonl",
            "data_dir": "s3://data/${split}",
            "base_model": "s3://base/llama/*.safetensors",
            "note": "begun with s3://base/llama, as (they) say; it's good",
            "output_dir": "s3://out/$TRAINING_JOB_NAME",
        },
        **shell(
            "aws s3 sync s3://data/$SHARD/ /opt/ml/data && aws s3 sync /opt/ml/model $OUT && aws s3 cp $OUT s3://out/x"
            "; aws s3 cp s3://data-$AWS_REGION/x .; train --n $SM_NUM_GPUS --a s3://data/'x y'",
            SHARD="train/x",
        ),
    )
    begins, remarks = references(parse_training_job(describe("child", **honest)), ())
    assert remarks == ()
    assert not any(each.location.whole_bucket and not each.data for each in begins)
    assert child_of(continuing("parent"), **honest) == (set(), [])


def test_a_line_that_copies_a_whole_bucket_says_so_as_a_channel_does() -> None:
    job = parse_training_job(describe("job", **shell("aws s3 cp s3://models/ . --recursive --include 'parent/*'")))
    assert [each.kind.name for each in references(job, ())[1]] == ["whole-bucket-of-data"]


def test_a_place_to_which_a_line_copies_is_where_its_results_lie_and_nothing_longer() -> None:
    line = "aws s3 sync x s3://kept/run --delete; echo s3://kept/run is done, see 's3://kept/log of it'"
    job = parse_training_job(describe("job", **shell(line)))
    assert [str(each) for each in checkpoints(job)] == ["s3://kept/run"]


@pytest.mark.parametrize(
    "part",
    [
        *(
            "s3://a b ",
            "'s3://a b' ",
            "$A/",
            "--x=s3://$A$A ",
            "s3://a\\ b/",
            "{A}/",
            "${",
            "${A:-",
            "s3://a/[ ",
            '"s3',
        ),
        *("s3://a/%2f", " 'a' \"b", "'\"", "\\'", "s3://b/output/model.tar.gz ", "s3 cp $A/s3://x ;"),
    ],
)
def test_what_is_read_so_is_read_in_linear_time(part: str) -> None:
    text = (part * 100_000)[:100_000]
    begun = time.process_time()
    variables = {"A": "s3://a" + "x" * 2_000}
    longer_readings(text, whole_lines=True)
    read_line(text, variables, any_words=True)
    read_line("'" + text, variables, any_words=True)
    filled_in(text, variables)
    references(parse_training_job(describe("job", Environment={"A": "s3://a/b", "MODEL": text})), ())
    assert time.process_time() - begun < 30


def test_a_query_leaves_nothing_open() -> None:
    job = parse_training_job(describe("job", **told(model="s3://base/llama?versionId=1")))
    (only,) = references(job, ())[0]
    assert left_open(only.location) is None
