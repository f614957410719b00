"""Places that a job names anywhere in its description: whoever names another run's result begins from it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.runs.s3_spellings import PLACE, looks_like_s3, may_store, read_bare, read_s3
from flops_auditor.domain.runs.sources.shell_lines import read_line
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_places import checkpoints, outputs, references
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, artifact, channel, continuing
from tests.fakes.live_ledger import LiveLedger

PARENT = artifact("parent")
POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/team"


def child_of(parent: dict[str, Any], **changes: Any) -> tuple[set[str], dict[str, Any]]:
    """Ancestors and lineage of a job that comes after another one; the child is recorded first."""
    world = World()
    world.add(parent)
    world.add(continuing("child", day=1, **changes))
    world.audit("child", "parent")
    return world.ancestors("child"), world.content("child")["lineage"]


def kinds(lineage: dict[str, Any], what: str = "doubts") -> list[str]:
    return [each["kind"] for each in lineage[what]]


def command(**specification: Any) -> dict[str, Any]:
    return {"AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File", **specification}}


EVERYWHERE: dict[str, dict[str, Any]] = {
    **{
        f"label {label}": {"HyperParameters": {label: PARENT}}
        for label in (
            *("saved_model_path", "catalog_model", "dialog_model", "load_from_checkpoint_output", "model_uploaded"),
            *("resume_log_dir", "output_dir"),
        )
    },
    "output folder": {"HyperParameters": {"output_dir": "s3://models/parent/output"}},
    "variable of an output": {"Environment": {"MODEL_OUTPUT_DIR": PARENT}},
    "arguments": command(ContainerArguments=["--model", PARENT]),
    "one argument": command(ContainerArguments=[f"--model={PARENT}"]),
    "script": command(ContainerEntrypoint=["bash", "-c", f"aws s3 cp {PARENT} . && train"]),
    "JSON argument": command(ContainerArguments=[json.dumps({"x": [PARENT]})]),
    "JSON key": {"HyperParameters": {"models": json.dumps({PARENT: 1})}},
    "name": {"HyperParameters": {PARENT: "model"}},
    "JSON in JSON": {"HyperParameters": {"m": json.dumps({"model": json.dumps({"uri": PARENT}).replace("/", "\\/")})}},
    "JSON in JSON in JSON": {
        "HyperParameters": {
            "m": json.dumps([json.dumps({"a": json.dumps({"uri": PARENT}).replace("/", "\\u002f")})]),
        }
    },
    "one JSON name twice": {"HyperParameters": {"m": f'{{"c": {{"model": "{PARENT}"}}, "c": {{}}}}'}},
    "half characters": {"HyperParameters": {"m": f'{{"\\ud800": {{"model": "{PARENT}"}}, "\\ud801": {{}}}}'}},
    "cut JSON": {"HyperParameters": {"m": '{"a": "' + PARENT.replace("/", "\\/")}},
    "output within a model": {"HyperParameters": {"model": json.dumps({"save": {"uri": PARENT}})}},
    "debugger": {"DebugHookConfig": {"S3OutputPath": "s3://models/", "HookParameters": {"base": PARENT}}},
    "no scheme in a text": {"Environment": {"ARGS": f"--epochs=3 --weights={PARENT.removeprefix('s3://')}"}},
    "no scheme": {"Environment": {"MODEL_URI": PARENT.removeprefix("s3://")}},
    "bucket and key": {"HyperParameters": {"model_bucket": "models", "model_key": "parent/output/model.tar.gz"}},
    "bucket and path": {"Environment": {"S3_BUCKET": "models", "WEIGHTS": "parent/output/model.tar.gz"}},
    "options of a bucket": command(
        ContainerEntrypoint=["sh", "-c", "aws s3api get-object --bucket models --key parent/output/model.tar.gz x"]
    ),
}


@pytest.mark.parametrize("where", EVERYWHERE)
def test_the_result_of_another_run_is_a_beginning_wherever_it_is_named(where: str) -> None:
    ancestors, lineage = child_of(continuing("parent"), **EVERYWHERE[where])
    assert ancestors == {"parent"}
    assert kinds(lineage) == []


@pytest.mark.parametrize("label", ["teacher_model", "judge_init", "REWARD_MODEL_PATH"])
def test_a_teacher_that_is_the_only_model_is_a_doubt_and_a_note_beside_another(label: str) -> None:
    ancestors, lineage = child_of(continuing("parent"), HyperParameters={label: PARENT})
    assert (ancestors, kinds(lineage)) == (set(), ["only-auxiliary-named"])
    ancestors, lineage = child_of(continuing("parent"), HyperParameters={label: PARENT, "model_id": "gpt2"})
    assert (ancestors, kinds(lineage), kinds(lineage, "notes")) == (set(), [], ["auxiliary-named"])


SPELLINGS = [
    "https://models.s3-fips.us-east-1.amazonaws.com/parent/output/model.tar.gz",
    "https://s3-fips.dualstack.us-east-1.amazonaws.com/models/parent/output/model.tar.gz",
    "https://models.s3-accelerate.amazonaws.com/parent/output/model.tar.gz",
    "https://models.s3-accelerate.dualstack.amazonaws.com/parent/output/model.tar.gz",
    "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com/models/parent/output/model.tar.gz",
    "https://models.bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com/parent/output/model.tar.gz",
    "https://models.s3.eu-west-1.amazonaws.com./parent/output/model.tar.gz",
    "https://MODELS.s3.eu-west-1.amazonaws.com:443/parent/output/model.tar.gz",
    "https://models.s3.cn-north-1.amazonaws.com.cn/parent/output/model.tar.gz",
    "https://eu-west-1.console.aws.amazon.com/s3/object/models?region=eu-west-1&prefix=parent/output/model.tar.gz",
    "s3:/models/parent/output/model.tar.gz",
    "s3+zip://models/parent/output/model.tar.gz",
    "simplecache::s3://models/parent/output/model.tar.gz",
    "s3://arn:aws:s3:::models/parent/output/model.tar.gz",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_endpoint_and_scheme_is_one_place(spelling: str) -> None:
    assert str(read_s3(spelling)) == PARENT
    assert str(references(job(Environment={"X": f"cp {spelling} ."}), ())[0][0].location) == PARENT


def job(**changes: Any) -> Any:
    return parse_training_job(describe("job", **changes))


UNFOLLOWED = [
    "s3://arn:aws:s3::123456789012:accesspoint/x.mrap/a",
    "arn:aws:s3::123456789012:accesspoint/x.mrap/object/a",
    "s3://my-point-abc--ol-s3/a",
    "s3://my-point-abc-s3alias/a",
    "s3://my-point-abc--xa-s3/a",
    "arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/x/a",
    "arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/x/object/a",
    "https://team-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/a",
    "https://team-123456789012.s3-object-lambda.eu-west-1.amazonaws.com/a",
    "https://x.mrap.accesspoint.s3-global.amazonaws.com/a",
    "https://x.s3-outposts.us-east-1.amazonaws.com/a",
    "https://d1.cloudfront.net/model.tar.gz",
    "hdfs://nodes/model",
    "gs://bucket/model",
]


@pytest.mark.parametrize("text", UNFOLLOWED)
def test_a_form_that_cannot_be_followed_is_a_doubt_where_a_model_is_named(text: str) -> None:
    """In a channel as in a variable or an argument; elsewhere a note at most."""
    for changes in (
        {"InputDataConfig": [channel("model", text)]},
        {"Environment": {"MODEL_URI": text}},
        command(ContainerArguments=["--checkpoint", text]),
    ):
        assert [each.kind.name for each in references(job(**changes), ())[1]] == ["model-not-followed"]
    for name in ("X", "output_dir"):
        assert all(each.kind.remedy is None for each in references(job(Environment={name: text}), ())[1])


def test_an_artifact_behind_an_access_point_is_a_doubt_whatever_it_is_called() -> None:
    at = "s3://point-abc-s3alias/a/output/model.tar.gz"
    for changes in (
        {"InputDataConfig": [channel("train", at)]},
        *({"Environment": {label: at}} for label in ("X", "output_dir")),
        {"Environment": {"saved_model": "s3://point-abc-s3alias/a"}},
    ):
        assert [each.kind.name for each in references(job(**changes), ())[1]] == ["model-not-followed"]


def test_one_access_point_is_one_place_by_its_host_too() -> None:
    assert str(read_s3("https://team-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/a")) == f"s3://{POINT}/a"


ELSEWHERE = [
    *(
        "models:/champion/3",
        "runs:/abc/model",
        "mlflow-artifacts:/1/abc",
        "file:///mnt/efs/a",
        "fsx://fs-1/a",
        "b2://b/a",
        "ks3://b/a",
    ),
    *("lakefs://repo/main/a", "docker://registry/w", "git+ssh://git@host/x", "wandb://x/y/model:v3", "scp://host/a"),
    "arn:aws:elasticfilesystem:eu-west-1:123456789012:file-system/fs-1",
    *(
        f"arn:aws:sagemaker:eu-west-1:123456789012:{kind}"
        for kind in ("model-package-group/g", "hyper-parameter-tuning-job/t", "artifact/a", "endpoint-config/e")
    ),
    "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/m",
]


@pytest.mark.parametrize("text", ELSEWHERE)
def test_a_model_of_any_other_store_or_service_is_a_doubt(text: str) -> None:
    assert [each.kind.name for each in references(job(Environment={"MODEL_URI": text}), ())[1]] == [
        "model-not-followed"
    ]
    assert all(each.kind.remedy is None for each in references(job(Environment={"X": text}), ())[1])


REMOTE = ["--s3_base_uri", "s3://sagemaker/job", "--region", "eu-west-1"]
HONEST: dict[str, Any] = {
    "base_model": "https://huggingface.co/meta-llama/Llama-3-8B",
    "model_id": "meta-llama/Llama-3-8B",
    "model_hub": "hf://meta-llama/Llama-3-8B",
    "init_method": "tcp://10.0.0.1:29500",
    "dist_init": "env://",
    "wandb_base_url": "https://api.wandb.ai",
    "api_base": "https://example.org/v1",
    "database_url": "postgres://db/x",
    "model_registry": "https://mlflow.example.org",
    "model_package_group": "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/g",
    "tracking_uri": "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/t",
    "sagemaker_submit_directory": "s3://models/job/source/sourcedir.tar.gz",
    "output_dir": "/opt/ml/checkpoints",
    "resume_from_checkpoint": "true",
    "save_steps": "500",
    "log_dir": "s3://team/logs",
    "bucket": "my-bucket",
    "wandb_api_key": "abc/def",
    "sort_key": "length",
    "saved_vocabulary": "s3://base/vocabulary",
    "export_to": "s3://team",
    "log_output": "s3://team/log",
    "critic_save_path": "s3://team/critic",
    "output_source_dir": "s3://team/code",
    "model_dir": "/opt/ml/model",
    "config_path": "recipes/llama/output.yaml",
    "foundation_model": "arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan",
    "model_file": "file:///opt/ml/model/x",
    "model_path": "/opt/ml/input/data/model",
    "checkpoint_kms": "arn:aws:kms:eu-west-1:123456789012:key/a",
    "load_best_model_at_end": "true",
    "held_out": "s3://data/held-out",
    "data_snapshot_path": "s3://data/snapshot",
    "run_config_path": "s3://team/conf",
    "dataset_artifacts_uri": "s3://data/artifacts",
    "opt_out_list": "s3://data/opt-out",
    "rollout_dir": "s3://data/rollouts",
}


def test_what_honest_jobs_write_is_neither_a_doubt_nor_a_place_of_results() -> None:
    honest = job(
        HyperParameters=HONEST,
        OutputDataConfig={"S3OutputPath": "s3://models/"},
        Environment={"HF_ENDPOINT": "https://hf.example.org", "OUTPUT_DIR": "s3://models/job/output/x"},
        InputDataConfig=[channel("train", "s3://data/x/"), channel("model", "s3://base/llama-3.1/")],
        **command(ContainerEntrypoint=["torchrun", "--nproc_per_node=8", "train.py", "--resume", "latest", *REMOTE]),
    )
    begins, remarks = references(honest, ())
    assert remarks == ()
    assert {str(each.location) for each in begins if not each.data} == {
        "s3://base/llama-3.1",
        "s3://models/job/output/x",
        "s3://team/critic",  # it resumes, and leaves results there
    }
    assert [str(each) for each in checkpoints(honest)] == ["s3://team/critic"]


BOTH = ("teacher_log_path", "critic_save_path", "reward_export", "judge_upload", "CRITIC_OUTPUT_DIR")
"""Labels with a teacher's word and an output's."""


@pytest.mark.parametrize("label", BOTH)
@pytest.mark.parametrize("shape", ["hyperparameter", "variable", "argument", "JSON"])
def test_a_teachers_word_hides_none_of_what_an_outputs_word_says(label: str, shape: str) -> None:
    def named(place: str) -> dict[str, Any]:
        above, _, below = label.rpartition("_")
        return {
            "hyperparameter": {"HyperParameters": {label: place}},
            "variable": {"Environment": {label: place}},
            "argument": command(ContainerArguments=[f"--{label}", place]),
            "JSON": {"HyperParameters": {above: json.dumps({below: place})}},
        }[shape]

    kept = continuing("parent", CheckpointConfig={"S3Uri": "s3://checkpoints/run"})
    ancestors, lineage = child_of(kept, **named("s3://checkpoints/run/step-1"))
    assert (ancestors, kinds(lineage), kinds(lineage, "notes")) == (set(), [], ["called-data"])
    ancestors, lineage = child_of(continuing("parent"), **named(PARENT))
    assert (ancestors, "auxiliary-named" in kinds(lineage, "notes")) == ({"parent"}, True)


@pytest.mark.parametrize("label", ["critic_save_path", "reward_export_path", "judge_model_saved_to"])
def test_a_run_leaves_results_under_a_teachers_label_too(label: str) -> None:
    parent = continuing("parent", HyperParameters={label: "s3://w/run"})
    assert child_of(parent, InputDataConfig=[channel("model", "s3://w/run/step-5")])[0] == {"parent"}


def test_one_word_of_a_label_hides_no_place_that_cannot_be_followed() -> None:
    """An output's word with one of what is read, and a teacher's."""
    at = {"Environment": {"load_model_from_export": "gs://bucket/model"}}
    assert [each.kind.name for each in references(job(**at), ())[1]] == ["model-not-followed"]
    for text in ("gs://bucket/model", "/opt/ml/input/data/train/parent/output/model.tar.gz"):
        teacher = references(job(Environment={"teacher_model": text}), ())[1]
        assert [each.kind.name for each in teacher] == ["auxiliary-named", "only-auxiliary-named"]
    within = {"InputDataConfig": [channel("train", "s3://checkpoints/")]}
    kept = continuing("parent", CheckpointConfig={"S3Uri": "s3://checkpoints/run"})
    saved = {"HyperParameters": {"saved_model_path": "/opt/ml/input/data/train/run/step-1"}}
    assert child_of(kept, **within, **saved)[0] == {"parent"}


def test_a_checkpoint_under_the_label_of_an_output_is_a_note() -> None:
    """Whether it is loaded or written, nobody knows: what SageMaker wrote there would count."""
    kept = {"CheckpointConfig": {"S3Uri": "s3://checkpoints/run"}}
    for label, notes in (
        *(("saved_model_path", ["called-data"]), ("load_checkpoint_output", ["called-data"])),
        *(
            (label, ["called-data"])
            for label in ("log_dir", "saved_state", "last_output", "push_source", "state_submit")
        ),
        *((label, ["called-data"]) for label in ("save_checkpoint_to", "model_upload_uri", "restore_from_save")),
    ):
        place = {"HyperParameters": {label: "s3://checkpoints/run/step-1"}}
        ancestors, lineage = child_of(continuing("parent", **kept), **place)
        assert (ancestors, kinds(lineage), kinds(lineage, "notes")) == (set(), [], notes)
    for label in ("catalog_model", "dialog_model"):
        place = {"HyperParameters": {label: "s3://checkpoints/run/step-1"}}
        assert child_of(continuing("parent", **kept), **place)[0] == {"parent"}


def test_a_model_package_under_the_label_of_an_output_is_its_runs_result() -> None:
    """One that a job is to make, and that nobody knows yet, is no doubt."""
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1"
    named = {"HyperParameters": {"output_model_package": arn}}
    assert child_of(continuing("parent", OutputModelPackageArn=arn), **named)[0] == {"parent"}
    assert kinds(child_of(continuing("parent"), **named)[1]) == []


def test_the_bucket_of_data_is_a_note() -> None:
    ancestors, lineage = child_of(continuing("parent"), InputDataConfig=[channel("train", "s3://models/")])
    assert (ancestors, kinds(lineage)) == (set(), [])
    assert kinds(lineage, "notes") == ["whole-bucket-of-data"]
    lineage = child_of(continuing("parent"), InputDataConfig=[channel("model", "s3://models/")])[1]
    assert (kinds(lineage), kinds(lineage, "notes")) == (["whole-bucket"], [])


LEFT: dict[str, tuple[dict[str, Any], str]] = {
    "TensorBoard": ({"TensorBoardOutputConfig": {"S3OutputPath": "s3://tb/x"}}, "s3://tb/x/model"),
    "debugger": ({"DebugHookConfig": {"S3OutputPath": "s3://dbg"}}, "s3://dbg/parent/debug-output/x"),
    "profiler": ({"ProfilerConfig": {"S3OutputPath": "s3://prof/y"}}, "s3://prof/y/parent/profiler-output"),
    "hyperparameter": ({"HyperParameters": {"output_dir": "s3://w/run"}}, "s3://w/run/checkpoint-5"),
    "argument": (command(ContainerArguments=["--save_dir=s3://w/run"]), "s3://w/run"),
    **{
        label: ({"HyperParameters": {label: "s3://w/run"}}, "s3://w/run/step-5")
        for label in (
            "checkpoint_dir",
            "default_root_dir",
            "trainer.dirpath",
            *("results_dir", "storage_path", "dest", "model_destination_uri", "saved_to"),
            *("out_dir", "out", "outdir", "exp_dir", "job_dir", "dump_dir", "final_dir", "snapshot_dir", "hdfs_dir"),
            *("checkpoint_folder", "checkpointing.path", "artifact_location", "publish_to", "sync_to", "backup_dir"),
            *("remote_sync", "remote-sync", "trainer.checkpointer.base_path", "exp_manager.explicit_log_dir"),
            *("trainer.default_local_dir", "default_artifact_root", "MLFLOW_ARTIFACT_ROOT", "OUT_S3"),
            *("results_uri", "resultsPath", "artifacts_uri", "artifacts_path", "snapshot_path", "checkpoint_root"),
            *("async_checkpoint_uri", "run_path", "workspace", "workspace_dir", "model_sink", "dst", "s3_dst"),
            *("write_to", "store_to", "persist_to", "s3_checkpoint_dir", "MY_RUN_DIR", "TRAINER_CKPT_OUT"),
        )
    },
    "bucket and prefix": ({"HyperParameters": {"bucket": "www", "output_prefix": "runs/run"}}, "s3://www/runs/run/x"),
    "sync": (
        command(ContainerEntrypoint=["bash", "-c", "train && aws s3 sync --quiet /opt/ml/x s3://w/run"]),
        "s3://w/run/step-5",
    ),
    "copy in a variable": (
        {"Environment": {"AFTER": "s5cmd --numworkers 8 cp -f /opt/ml/x s3://w/run/"}},
        "s3://w/run/step-5",
    ),
    **{
        line: (command(ContainerEntrypoint=["bash", "-c", line]), "s3://www/run/step-5")
        for line in (
            'train && aws s3 sync /opt/ml/x "s3://www/run"',
            "aws s3 sync /opt/ml/x \\\n 's3://www/run'",
            "aws\ts3 cp --sse aws:kms /opt/ml/x s3://www/run --recursive",
            "aws s3 cp /opt/x --recursive s3://www/run --region eu-west-1",
            "aws s3 sync '/opt/ml/my dir' s3://www/run || echo \"don't\"",
            "tar c x | aws s3 cp - s3://www/run/step-5",
            "# don't\naws s3 sync x s3://www/run\n# won't",
            "aws s3 sync x s3://www/run # don't",
            "OUT=s3://www; aws s3 sync x ${OUT}/run",
            "bash -c 'aws s3 sync x \"s3://www/run\"'",
            "aws s3 mv s3://tmp/x s3://www/run",
            "hadoop fs -put x s3a://www/run",
            "tar c x | s5cmd pipe s3://www/run/step-5",
            "aws s3api put-object --bucket=www --key run/step-5 --body x",
            "mc mirror /opt/x s3/www/run",
            "rclone copy /opt/x s3:www/run",
        )
    },
    "a variable": (
        {**command(ContainerEntrypoint=["sh", "-c", 'aws s3 sync x "$AT"']), "Environment": {"AT": "s3://www/run"}},
        "s3://www/run/step-5",
    ),
    "words of a copy": (command(ContainerEntrypoint=["aws", "s3", "cp", "/opt/ml/x", "s3://w/run"]), "s3://w/run/x"),
}


@pytest.mark.parametrize("where", LEFT)
def test_wherever_a_run_says_that_it_leaves_results_they_are_its_own(where: str) -> None:
    left, read = LEFT[where]
    ancestors, _ = child_of(continuing("parent", **left), InputDataConfig=[channel("model", read)])
    assert ancestors == {"parent"}
    ancestors, lineage = child_of(continuing("parent", **left), InputDataConfig=[channel("train", read)])
    assert (ancestors, kinds(lineage)) == (set(), [])


TIMED = "sft-2026-11-27-19-16-59-123"


def left_in_own_folder(label: str, job_name: str, read: str) -> tuple[set[str], list[str]]:
    """What a job continues that reads a model below where one of this name says that something of its own is."""
    world = World()
    world.add(continuing(job_name, HyperParameters={label: f"s3://w/runs/{job_name}/x"}))
    world.add(continuing("child", day=1, InputDataConfig=[channel("model", read)]))
    world.audit()
    return world.ancestors("child"), kinds(world.content("child")["lineage"])


@pytest.mark.parametrize("label", ["model_dir", "checkpoint_path", "trained_model_uri", "s3_path", "target", "foo"])
@pytest.mark.parametrize(
    "name", [TIMED, "run-20261127", "e-1790000000", "pipelines-k3j4-Train-aB3d", "t-261127-1916-001-ab12cd34"]
)
def test_a_run_leaves_results_in_the_folder_of_its_own_name_whatever_it_calls_it(label: str, name: str) -> None:
    assert left_in_own_folder(label, name, f"s3://w/runs/{name}/step-5") == ({name}, [])


@pytest.mark.parametrize(
    ("label", "name"),
    [("foo", "llama-3-1-8b"), ("train_file", TIMED), ("sagemaker_submit_directory", TIMED), ("tokenizer", TIMED)],
)
def test_a_folder_of_another_kind_that_bears_its_name_is_none_of_its_results(label: str, name: str) -> None:
    """A name that may be a model's, and what is put there before a job begins."""
    assert left_in_own_folder(label, name, f"s3://w/runs/{name}/step-5") == (set(), [])


def test_a_job_names_few_folders_of_its_own_name_and_the_others_are_a_doubt() -> None:
    folders = {f"p{n}": f"s3://w/{n}/{TIMED}" for n in range(11)}
    named = parse_training_job(continuing(TIMED, HyperParameters=folders))
    assert len(checkpoints(named)) == 10
    assert [each.kind.name for each in references(named, ())[1]] == ["too-many-named-outputs"]


def test_a_folder_of_its_own_name_is_none_that_a_job_goes_on_from_in_place_of_another() -> None:
    """Nothing was there before it: what it resumes from stays TensorBoard's folder."""
    kept = {"TensorBoardOutputConfig": {"S3OutputPath": "s3://tb/x"}}
    world = World()
    world.add(continuing("parent", **kept))
    told = {"resume": "true", "foo": f"s3://w/{TIMED}"}
    world.add(continuing(TIMED, day=1, HyperParameters=told, **kept))
    world.audit()
    assert world.ancestors(TIMED) == {"parent"}


@pytest.mark.parametrize(
    "line",
    [
        "aws s3 cp s3://models/base /opt/ml/x --recursive",
        "aws s3 sync --region eu-west-1 s3://models/base model",
        "s5cmd --numworkers 8 cp -c 5 's3://models/base/*' . && train --to s3://models/base",
        "mc cp s3/models/base ./x; rclone copy s3:models/base x",
        "python sync.py --copy s3://models/base",
        "python copy.py sync x s3://models/base",
    ],
)
def test_what_a_line_copies_from_is_no_place_of_its_results(line: str) -> None:
    assert checkpoints(job(**command(ContainerEntrypoint=["bash", "-c", line]))) == ()


@pytest.mark.parametrize(
    "part", [" -s5cmd", " s3 cp '", ' s3 cp "', " s3 cp $A$A$A$A", " A=$A$A s3 cp x s3://b/k;", " '\"a s3 cp\"'"]
)
def test_a_line_is_read_in_linear_time(part: str) -> None:
    """What was quadratic took minutes for so many characters."""
    begun = time.process_time()
    read_line(("s3 cp " + part * 250_000)[:250_000], {"A": "x" * 2_500})
    assert time.process_time() - begun < 30


def test_two_runs_that_read_one_base_do_not_continue_one_another() -> None:
    base = {"model_dir": "s3://models/base"}
    ancestors, lineage = child_of(continuing("parent", HyperParameters=base), HyperParameters=base)
    assert (ancestors, kinds(lineage)) == (set(), [])


SHARED = "s3://w/run"


@pytest.mark.parametrize(
    "label",
    [
        *("output_dir", "default_root_dir", "trainer.dirpath", "results_dir", "save_to", "out_dir", "job_dir"),
        *("remote_sync", "explicit_log_dir", "results_uri", "artifacts_path", "snapshot_path", "workspace", "OUT_S3"),
    ],
)
def test_who_shares_a_folder_of_outputs_continues_nobody_without_a_sign_of_it(label: str) -> None:
    """Teams share them. But some trainers go on from the last checkpoint there unasked, as examples of Transformers do:
    that none is gone on from is the job's word. Above, below or at the folder of another, by trials as by others.
    """
    family = {"TuningJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/t"}
    for of_parent, of_child, said in (
        *((SHARED, SHARED, True), (SHARED, f"{SHARED}/mine", True), (f"{SHARED}/theirs", SHARED, False)),
    ):
        for changes in ({}, family):
            parent = continuing("parent", HyperParameters={label: of_parent}, **changes)
            ancestors, lineage = child_of(parent, HyperParameters={label: of_child}, **changes)
            assert (ancestors, kinds(lineage)) == (set(), [])
            assert kinds(lineage, "notes") == ["called-data"] * said
    resumed = {label: SHARED, "resume_from_checkpoint": "True"}
    assert child_of(continuing("parent", HyperParameters={label: SHARED}), HyperParameters=resumed)[0] == {"parent"}


@pytest.mark.parametrize(
    "label",
    [
        *("checkpoint_dir", "ckpt_dir", "trainer.checkpoints_dir", "checkpoint_prefix"),
        *("checkpointer.base_path", "checkpoint_root", "async_checkpoint_uri", "s3_checkpoint_dir"),
    ],
)
@pytest.mark.parametrize("at", [SHARED, f"{SHARED}/step-5", "s3://w"])
def test_who_shares_a_folder_of_checkpoints_is_in_doubt_and_counts_nobody(label: str, at: str) -> None:
    """By the same names, trainers keep checkpoints and read a base."""
    kept = {label: SHARED}
    ancestors, lineage = child_of(continuing("parent", HyperParameters=kept), HyperParameters={label: at})
    assert (ancestors, kinds(lineage)) == (set(), ["whole-bucket" if at == "s3://w" else "kept-together"])
    result = {label: "s3://models/parent/output/model"}
    ancestors, lineage = child_of(continuing("parent", HyperParameters=kept), HyperParameters=result)
    assert (ancestors, kinds(lineage)) == ({"parent"}, [])
    resumed = {**kept, "resume": "auto"}
    assert child_of(continuing("parent", HyperParameters=kept), HyperParameters=resumed)[0] == {"parent"}
    alone = child_of(continuing("parent"), HyperParameters=kept)
    assert (alone[0], kinds(alone[1])) == (set(), [])


def test_a_ledger_of_shared_folders_computes_again_from_its_evidence(tmp_path: Path) -> None:
    ledger = LiveLedger()
    for day, name in enumerate(("parent", "other", "child", "last")):
        ledger.add(continuing(name, day=day, HyperParameters={"output_dir": "s3://x/y", "checkpoint_dir": SHARED}))
    ledger.audit("child", "parent", "last", "other")
    assert kinds(ledger.content("last")["lineage"]) == ["kept-together"]
    ledger.seal()
    verified = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (verified.verdict, verified.findings) == ("valid", [])


def test_a_run_that_resumes_from_its_output_continues_the_one_before_it() -> None:
    parent = continuing("parent", HyperParameters={"output_dir": "s3://w/run"})
    saved = {"save_to": "s3://w/run"}
    for more, taken in (
        *(({}, False), ({"load_best_model_at_end": "true"}, False), ({"wandb_resume": "allow"}, False)),
        *(({"load_last": "true"}, True), ({"restore": "1"}, True), ({"resume": "must"}, True)),
        *(({"resume_if_exists": "true"}, True), ({"ckpt_path": "last"}, True), ({"continue_training": "on"}, True)),
        *(({"init_from": "resume"}, True), ({"trainer.resume_mode": "auto"}, True), ({"resume": "allow"}, True)),
        *(({"resume_step": "500"}, True), ({"resume_from_checkpoint": "checkpoint-500"}, True)),
        *(({"resume": "never"}, False), ({"resume_from_checkpoint": "gs://other/step-5"}, False)),
        *(({"resume_from_checkpoint": "False"}, False), ({"cfg": "--resume_from_checkpoint False --lr 1"}, False)),
    ):
        ancestors, lineage = child_of(continuing("parent", HyperParameters=saved), HyperParameters={**saved, **more})
        assert (ancestors == {"parent"}, "called-data" in kinds(lineage, "notes")) == (taken, not taken), more
    maybe = child_of(continuing("parent", HyperParameters=saved), HyperParameters={**saved, "load": "checkpoint-5"})
    assert (maybe[0], kinds(maybe[1])) == (set(), ["kept-together"])
    both = {"out_dir": "s3://w/run", "init_from": "resume"}
    assert child_of(continuing("parent", HyperParameters={"out_dir": "s3://w/run"}), HyperParameters=both)[0] == {
        "parent"
    }
    arguments = command(ContainerArguments=["--output_dir", "s3://w/run", "--resume_from_checkpoint"])
    assert child_of(parent, **arguments)[0] == {"parent"}


@pytest.mark.parametrize("told", ["resume", "resume_from_checkpoint"])
@pytest.mark.parametrize("kept", ["TensorBoardOutputConfig", "CheckpointConfig"])
def test_a_run_that_resumes_goes_on_from_tensorboards_folder_too(told: str, kept: str) -> None:
    """Of another run's TensorBoard, or checkpoints. Where it keeps checkpoints of its own it is its word that it goes
    on from there: teams share one TensorBoard.
    """
    at = {"S3OutputPath" if kept == "TensorBoardOutputConfig" else "S3Uri": "s3://tb/x"}
    parent = continuing("parent", **{kept: at})
    shared = {"TensorBoardOutputConfig": {"S3OutputPath": "s3://tb/x"}}
    resumes = {"HyperParameters": {told: "true"}}
    assert child_of(parent, **shared, **resumes)[0] == {"parent"}
    ancestors, lineage = child_of(parent, **shared)
    assert (ancestors, kinds(lineage), kinds(lineage, "notes")) == (set(), [], [])
    own = {"CheckpointConfig": {"S3Uri": "s3://checkpoints/child"}}
    ancestors, lineage = child_of(parent, **shared, **resumes, **own)
    assert (ancestors, kinds(lineage), kinds(lineage, "notes")) == (set(), [], ["called-data"])


def collection(**changes: Any) -> dict[str, Any]:
    return {"DebugHookConfig": {"S3OutputPath": "s3://dbg/x", "CollectionConfigurations": [changes]}}


def rule(name: str, place: str) -> dict[str, Any]:
    return {name: [{"RuleConfigurationName": "r", "RuleParameters": {"model_uri": place}}]}


def elsewhere(place: str) -> dict[str, dict[str, Any]]:
    data = channel("train", "s3://data/x")
    listed = {"S3DataSource": {**data["DataSource"]["S3DataSource"], "AttributeNames": [place]}}
    group = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "InstanceGroupName": place}
    return {
        "collection's parameters": collection(CollectionName="w", CollectionParameters={"model_uri": place}),
        "collection's name": collection(CollectionName=place),
        "content type": {"InputDataConfig": [{**data, "ContentType": place}]},
        "attribute": {"InputDataConfig": [{**data, "DataSource": listed}]},
        "instance group": {"ResourceConfig": {"InstanceGroups": [group], "VolumeSizeInGB": 1}},
        "metric": command(MetricDefinitions=[{"Name": place, "Regex": "x"}]),
        "expression": command(MetricDefinitions=[{"Name": "loss", "Regex": place}]),
        "rule of the debugger": rule("DebugRuleConfigurations", place),
        "rule of the profiler": rule("ProfilerRuleConfigurations", place),
        "name of a parameter": {"DebugRuleConfigurations": [{"RuleParameters": {place: "1"}}]},
        "one name twice": {
            "DebugRuleConfigurations": [{"RuleParameters": {"a.b": place}, "RuleParameters.a": {"b": "/"}}]
        },
        "local path": {"CheckpointConfig": {"S3Uri": "s3://c/child", "LocalPath": place}},
        "tag": {"Tags": [{"Key": "model", "Value": place}]},
        "a member that is not known yet": {"NewConfig": {"Inner": [{"What": place}]}},
    }


@pytest.mark.parametrize("where", elsewhere(""))
def test_a_place_is_read_in_whatever_member_of_a_description_it_stands(where: str) -> None:
    begins, remarks = references(job(**elsewhere(PARENT)[where]), ())
    assert (PARENT in {str(each.location) for each in begins}, remarks) == (True, ())


def test_a_place_in_any_member_makes_an_ancestor() -> None:
    for where in ("content type", "collection's parameters"):
        assert child_of(continuing("parent"), **elsewhere(PARENT)[where])[0] == {"parent"}
    kept = continuing("parent", CheckpointConfig={"S3Uri": "s3://checkpoints/run"})
    named = elsewhere("s3://checkpoints/run/step-1")
    assert child_of(kept, **named["collection's parameters"])[0] == {"parent"}
    assert kinds(child_of(kept, **named["content type"])[1], "notes") == ["called-data"]


def test_what_honest_jobs_write_in_other_members_is_no_place() -> None:
    tags = {
        "model-card": "https://wiki.example.org/models/x",
        "sagemaker:domain-arn": "arn:aws:sagemaker:eu-west-1:123456789012:domain/d-x",
        "team": "nlp/research",
        "flops-auditor:base-model": "meta-llama/Llama-3.1-8B",
        "flops-auditor:lineage": "s3://models/other/output/model.tar.gz",
    }
    honest = job(
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        CheckpointConfig={"S3Uri": "s3://c/child", "LocalPath": "/opt/ml/checkpoints"},
        OutputDataConfig={"S3OutputPath": "s3://models/", "KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/a"},
        MlflowConfig={"MlflowResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/t"},
        FailureReason="No object under s3://models/other/output/model.tar.gz",
        ModelPackageConfig={"ModelPackageGroupArn": "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/g"},
        **command(MetricDefinitions=[{"Name": "train/loss", "Regex": "loss: ([0-9./]+)"}]),
    )
    begins, remarks = references(honest, ())
    assert remarks == ()
    assert {str(each.location) for each in begins if not each.data} == {"s3://c/child"}


KEPT = "runs/run/step-5"
APART: list[dict[str, Any]] = [
    {"MODEL_URI": f"ckpt/{KEPT}"},
    {"MODEL_URI": f"//ckpt/{KEPT}"},
    {"bucket": "ckpt", "checkpoint_path": KEPT},
    {"bucket": "ckpt", "resume_from_checkpoint": KEPT},
    {"bucket": "ckpt", "folder": KEPT},
    {"S3_BUCKET": "ckpt", "CKPT_PATH": KEPT},
    {"bucket_in": "ckpt", "model_key": KEPT},
    {"checkpoint_s3_bucket": "ckpt", "checkpoint_s3_path": KEPT, "data_bucket": "data"},
]


@pytest.mark.parametrize("named", APART)
def test_a_checkpoint_without_a_scheme_or_in_parts_is_the_place_of_its_run(named: dict[str, Any]) -> None:
    parent = continuing("parent", CheckpointConfig={"S3Uri": "s3://ckpt/runs/run"})
    ancestors, lineage = child_of(parent, HyperParameters=named)
    assert (ancestors == {"parent"}) != ("called-data" in kinds(lineage, "notes"))
    assert kinds(lineage) == []


def test_a_model_that_a_job_finds_in_a_channel_of_data_is_one() -> None:
    within = {"InputDataConfig": [channel("train", "s3://models")]}
    for label in ("model_name_or_path", "resume_from_checkpoint", "model_id"):
        named = {"HyperParameters": {label: "/opt/ml/input/data/train/parent/output"}}
        assert child_of(continuing("parent"), **within, **named)[0] == {"parent"}
    for label in ("data_path", "model_config", "teacher_model"):
        named = {"HyperParameters": {label: "/opt/ml/input/data/train/parent/output"}}
        assert child_of(continuing("parent"), **within, **named)[0] == set()
    more = {f"model_{number}": f"/opt/ml/input/data/train/{number}" for number in range(21)}
    remarks = references(job(**within, HyperParameters=more), ())[1]
    assert [each.kind.name for each in remarks if each.kind.remedy] == ["model-not-followed"]
    mounted = {"FileSystemId": "fs-1", "FileSystemType": "FSxLustre", "DirectoryPath": "/x"}
    reads = [{"ChannelName": "train", "DataSource": {"FileSystemDataSource": mounted}}]
    named = {"HyperParameters": {"model_path": "/opt/ml/input/data/train"}}
    remarks = references(job(InputDataConfig=reads, **named), ())[1]
    assert [each.kind.name for each in remarks] == ["data-not-followed", "model-not-followed"]


@pytest.mark.parametrize(
    "path",
    [
        "file:///opt/ml/input/data/train/parent",
        "/opt/ml//input/./data/x/../train/parent",
        "$SM_CHANNEL_TRAIN/parent",
        "${SM_CHANNEL_TRAIN}/parent",
        "../input/data/train/parent",
        "/opt/ml/input/data/train/parent/*.bin",
        "'/opt/ml/input/data/train/parent'",
        "/opt/ml/input/data/train/parent:0",
        "/opt/ml/input/data/train/parent,dtype=float",
    ],
)
def test_a_path_in_a_channel_is_the_same_however_it_is_written(path: str) -> None:
    within = {"InputDataConfig": [channel("train", "s3://models")]}
    assert child_of(continuing("parent"), **within, HyperParameters={"model_path": path})[0] == {"parent"}
    assert child_of(continuing("parent"), **within, HyperParameters={"data_path": path})[0] == set()


@pytest.mark.parametrize("how", ["load", "init_from", "finetune", "saved_model", "log_model", "teacher"])
def test_what_sagemaker_wrote_is_a_result_in_a_channel_of_data_whatever_it_is_called(how: str) -> None:
    at = "$SM_CHANNEL_TRAIN/parent/output/model.tar.gz"
    within = {"InputDataConfig": [channel("train", "s3://models")]}
    for named in (
        {"HyperParameters": {how: at}},
        {"HyperParameters": {"cfg": f"{how}: {at}"}},
        command(ContainerArguments=[f"tar xf {at} && python train.py"]),
    ):
        counted = how != "teacher" or named != {"HyperParameters": {how: at}}
        assert child_of(continuing("parent"), **within, **named)[0] == ({"parent"} if counted else set()), named


@pytest.mark.parametrize("at", ["s3://point-abc-s3alias", f"s3://{POINT}", "s3://x--ol-s3", "https://team/x"])
def test_results_left_where_nobody_can_follow_them_are_a_doubt(at: str) -> None:
    """Whoever reads the same objects by their bucket names another place."""
    world = World()
    world.add(continuing("parent", OutputDataConfig={"S3OutputPath": at}, ModelArtifacts={}))
    world.add(continuing("plain"))
    world.audit()
    assert kinds(world.content("parent")["lineage"]) == ["result-not-followed"]
    assert kinds(world.content("plain")["lineage"]) == []


def hub(arn: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://jumpstart-cache-prod-eu-west-1/x/"}
    return {
        "ChannelName": "model",
        "DataSource": {"S3DataSource": {**source, "HubAccessConfig": {"HubContentArn": arn}}},
    }


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (hub("arn:aws:sagemaker:eu-west-1:123456789012:hub-content/h/Model/a/1"), ["model-not-followed"]),
        (hub("arn:aws:sagemaker:eu-west-1:123456789012:hub-content/h/ModelReference/a/1"), ["private-hub"]),
        (hub("arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/a/1"), []),
        ({"ChannelName": "model", "DataSource": {"DatasetSource": {"DatasetArn": "arn:x"}}}, ["model-not-followed"]),
        ({"ChannelName": "train", "DataSource": {"DatasetSource": {"DatasetArn": "arn:x"}}}, ["data-not-followed"]),
    ],
)
def test_hubs_and_datasets_are_said(read: dict[str, Any], expected: list[str]) -> None:
    assert [each.kind.name for each in references(job(InputDataConfig=[read]), ())[1]] == expected


@pytest.mark.parametrize(("kind", "expected"), [("Model", "model-not-followed"), ("ModelReference", "private-hub")])
def test_the_base_model_of_a_serverless_job_may_be_of_a_hub_of_the_account(kind: str, expected: str) -> None:
    for owner, remarks in (("123456789012", [expected]), ("aws", [])):
        arn = f"arn:aws:sagemaker:eu-west-1:{owner}:hub-content/h/{kind}/a/1"
        serverless = job(ServerlessJobConfig={"BaseModelArn": arn})
        assert [each.kind.name for each in references(serverless, ())[1]] == remarks


def test_checkpoints_through_an_access_point_are_read_and_left_there() -> None:
    lineage = child_of(continuing("parent"), CheckpointConfig={"S3Uri": "s3://point-abc-s3alias/x"})[1]
    assert sorted(kinds(lineage)) == ["model-not-followed", "result-not-followed"]


def test_a_job_of_a_warm_pool_says_that_its_cache_is_not_seen() -> None:
    kept = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "KeepAlivePeriodInSeconds": 600}
    for changes in ({"ResourceConfig": kept}, {"WarmPoolStatus": {"Status": "Reused", "ReusedByJob": "b"}}):
        assert [each.kind.name for each in references(job(**changes), ())[1]] == ["warm-pool"]


PREFIXES = ["s3://models/par", "s3://models/parent/out", "s3://mod"]


@pytest.mark.parametrize("parent_first", [True, False])
@pytest.mark.parametrize(
    ("uri", "taken"), [("s3://models/par", True), ("s3://models/par/", False), ("s3://mod", False)]
)
def test_a_channel_reads_every_key_that_begins_so(uri: str, taken: bool, parent_first: bool) -> None:
    """S3Prefix is the beginning of a key, not a folder (API Reference, S3DataSource)."""
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", day=1, InputDataConfig=[channel("model", uri)]))
    world.audit(*(("parent", "child") if parent_first else ("child", "parent")))
    assert world.ancestors("child") == ({"parent"} if taken else set())


@pytest.mark.parametrize("order", [("parent", "other", "child"), ("child", "other", "parent")])
def test_a_ledger_of_such_places_computes_again_from_its_evidence(order: tuple[str, ...], tmp_path: Path) -> None:
    """Whoever holds the bundle alone finds the same parents by the beginning of a key, and by what a run calls its
    output.
    """
    ledger = LiveLedger()
    ledger.add(continuing("parent"))
    ledger.add(continuing("other", HyperParameters={"output_dir": "s3://w/run"}))
    reads = [channel("model", "s3://models/par"), channel("checkpoint", "s3://w/run/checkpoint-5")]
    ledger.add(continuing("child", day=1, InputDataConfig=reads))
    ledger.audit(*order)
    assert ledger.ancestors("child") == {"parent", "other"}
    ledger.seal()
    verified = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (verified.verdict, verified.findings) == ("valid", [])


@pytest.mark.parametrize("last", ["near", "par", "parent"])
def test_a_folder_whose_name_begins_others_is_a_doubt(last: str) -> None:
    """S3 gives all of them; a person who says which it is settles it, and so does the folder's slash."""
    for uri, tags, doubts in (
        ("s3://models/par", {}, ["prefix-of-several"]),
        ("s3://models/par", {"lineage": "par"}, []),
        ("s3://models/par/", {}, []),
    ):
        world = World()
        world.add(continuing("par"))
        world.add(continuing("parent"))
        world.add(continuing("near", day=1, InputDataConfig=[channel("model", uri)]), **tags)
        world.audit(*(name for name in world.pointers if name != last), last)
        assert world.ancestors("near") == {"par"}
        assert kinds(world.content("near")["lineage"]) == doubts


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        (
            {
                "Environment": {
                    **{f"B{n}_bucket": f"b-{n}" for n in range(5)},
                    **{f"x{n}": f"{n}/output" for n in range(5)},
                }
            },
            "too-many-keys",
        ),
        (
            {"Environment": {"x": json.dumps([{"bucket": f"b-{n}", "y": "a"} for n in range(101)]), "key": "k"}},
            "too-many-keys",
        ),
        ({"Environment": {f"output_{n}": f"s3://b/{n}" for n in range(11)}}, "too-many-named-outputs"),
        ({"HyperParameters": {f"m{n}": "x" * 2600 for n in range(100)}}, "too-much-to-search"),
    ],
)
def test_over_a_budget_is_a_doubt(changes: dict[str, Any], doubt: str) -> None:
    remarks = references(job(**changes), ())[1]
    assert [each.kind.name for each in remarks if each.kind.remedy] == [doubt]
    assert len(outputs(job(**changes))) < 15


@pytest.mark.parametrize(
    "text",
    [
        *("s3" * 120_000, "a." * 120_000, "https://" + "s3." * 80_000 + "amazonaws.com/x", "arn:aws" * 36_000),
        *("x::" * 80_000, "a/" * 120_000, "s3://" + "a/output/" * 27_000, "https://[" * 25_000, "s3:/" * 60_000),
    ],
    ids=lambda text: text[:12],
)
def test_a_long_text_is_read_in_time(text: str) -> None:
    begun = time.process_time()
    for read in (read_s3, may_store, looks_like_s3, read_bare, PLACE.findall):
        read(text)
    references(job(Environment={"MODEL": text}), ())
    assert time.process_time() - begun < 30
