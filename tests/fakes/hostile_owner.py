"""What the owner of jobs may try at random: the levers that he pulls of a job, cheap decoys, and an innocent team.

A lever changes what a job says of itself or emits, never what it takes: its hardware, its time and how busy AWS's agent
saw it stay those of its honest twin. docs/threat-model.md tells what each of them comes to.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from tests.fakes.jobs import describe, moved
from tests.fakes.lineage import channel

TEAM = "s3://models/team"
ROLE = "arn:aws:iam::123456789012:role/{}"
THEIR_PLACES = ("s3://theirs/base", "s3://theirs/checkpoints/run", "s3://theirs/parent", "s3://theirs/parent/output")
"""Where an innocent team keeps its models: nobody else may write there, but anybody may say that he does."""
APART = timedelta(hours=4)
"""Between two jobs: what CloudWatch keeps for fifteen days by the minute can hold the longest campaign."""

SampleSet = tuple[float, float, float, float]
"""Samples as CloudWatch takes them, one or many at once: their sum, count, lowest and highest."""
Samples = list[list[SampleSet]]
"""Those of each minute of training."""


@dataclass
class Launch:
    """A job as SageMaker knows it, its tags, its samples, and the model packages that its owner registered for it."""

    job: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    samples: Samples = field(default_factory=list)
    packages: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def channels(self) -> list[dict[str, Any]]:
        """Its input channels that name a place in S3."""
        return [each for each in self.job.get("InputDataConfig", []) if "S3DataSource" in each["DataSource"]]

    def say(self, where: str, **said: str) -> None:
        """Add to its hyperparameters, variables or the like."""
        self.job[where] = {**self.job.get(where, {}), **said}

    def take(self) -> str | None:
        """The place of its last channel, which it names in another way from now on; None where it has none."""
        if not self.channels:
            return None
        last = self.channels[-1]
        self.job["InputDataConfig"] = [each for each in self.job["InputDataConfig"] if each is not last]
        return str(last["DataSource"]["S3DataSource"]["S3Uri"])


class Owner(Random):
    """Who runs a campaign at random. The more `eager`, the more levers he pulls: of many at once, one may say in the
    record what another one hides.
    """

    eager = 1.0

    def pulls(self, chance: float) -> bool:
        """Whether he pulls a lever that the most eager one pulls so often."""
        return self.random() < chance * self.eager

    def spoil(self, honest: Launch) -> Launch:
        """The same run with some levers pulled."""
        launch = deepcopy(honest)
        for lever, chance in LEVERS.items():
            if self.pulls(chance):
                lever(self, launch)
        return launch


def one(value: float) -> SampleSet:
    """A single sample."""
    return value, 1, value, value


# ----- what it emits


def add_samples(rng: Owner, launch: Launch) -> None:
    share = rng.random()
    added = rng.choice(
        [
            *([one(0.0)] * 99, [one(0.0)], [one(-799.0)], [one(-5000.0)], [one(0.0), one(800.0)], [one(10.0)] * 7),
            *([(0.0, 1e50, 0.0, 0.0)], [(0.0, 1e6, 0.0, 0.0)], [(-1e60, 0.5, -1e60, 0.0)], [(0.0, 1e-9, 0.0, 0.0)]),
            *([(0.0, 1.0, 0.0, 2.0**360)], [(0.0, 1.0, 900.0, 0.0)], [(-700.0, 1.0, 0.0, 0.0)]),
        ]
    )
    launch.samples = [[*minute, *added] if rng.random() < share else minute for minute in launch.samples]


def emit(rng: Owner, launch: Launch) -> None:
    name = rng.choice(["mfu", "train/mfu", "total_flos", "num_input_tokens_seen", "flops_auditor:model_flop", "loss"])
    value = rng.choice([0.001, 1.0, 55.0, 1e9, 1e40])
    launch.job["FinalMetricDataList"] = [
        {"MetricName": name, "Value": value, "Timestamp": launch.job["TrainingEndTime"]}
    ]


def end_otherwise(rng: Owner, launch: Launch) -> None:
    launch.job["TrainingJobStatus"] = launch.job["SecondaryStatus"] = rng.choice(["Failed", "Stopped"])


# ----- what it says of itself


def say_figures(rng: Owner, launch: Launch) -> None:
    key = rng.choice(["tokens", "params", "activity", "lineage", "precision", "pretrain-flops", "x\ud800"])
    said = rng.choice(["x", "1", "1e40", "not-training", "none", "fp32", "pretraining", "\ud800"])
    launch.tags[f"flops-auditor:{key}"] = said


def write_odd_texts(rng: Owner, launch: Launch) -> None:
    name = rng.choice(["note\ud800", "model_id", "bf16"])
    launch.say("HyperParameters", **{name: rng.choice(["\ud800", "gpt2", "x" * 2500])})


def claim_an_original(rng: Owner, launch: Launch) -> None:
    launch.say("Environment", PRETRAIN_FLOPS=rng.choice(["1e40", "1e26", "0", "nan"]))


def say_what_it_does(rng: Owner, launch: Launch) -> None:
    said: dict[str, str] = rng.choice(
        [
            *({"do_train": "false"}, {"technique": "grpo"}, {"max_steps": "1"}, {"load_in_4bit": "true"}),
            *({"fp8": "true"}, {"num_train_tokens": "1000"}, {"task": "inference"}, {"num_train_epochs": "0"}),
            {"per_device_train_batch_size": "1", "max_steps": "10", "model_name_or_path": "gpt2"},
        ]
    )
    launch.say("HyperParameters", **said)


def say_it_made_data(rng: Owner, launch: Launch) -> None:
    launch.tags["flops-auditor:activity"] = "synthetic-data"


def run_as_another_role(rng: Owner, launch: Launch) -> None:
    launch.job["RoleArn"] = ROLE.format(rng.choice(["a", "b"]))


# ----- what it begins from


def name_a_folder_or_a_beginning(rng: Owner, launch: Launch) -> None:
    for each in launch.channels:
        source = each["DataSource"]["S3DataSource"]
        folder = source["S3Uri"].rpartition("/")[0]
        source["S3Uri"] = rng.choice([folder, f"{folder}/", source["S3Uri"][: rng.randint(-6, -1)]])


def spell_otherwise(rng: Owner, launch: Launch) -> None:
    for each in launch.channels:
        source = each["DataSource"]["S3DataSource"]
        bucket, _, key = source["S3Uri"].removeprefix("s3://").partition("/")
        source["S3Uri"] = rng.choice(
            [
                f"s3a://{bucket}/{key}",
                f"arn:aws:s3:::{bucket}/{key}",
                f"https://{bucket}.s3.eu-west-1.amazonaws.com/{key}",
                f"s3://{bucket}//{key}/",
                f"s3:/{bucket}/{key}",
                f"https://s3-fips.dualstack.us-east-1.amazonaws.com/{bucket}/{key}",
                f"s3://arn:aws:s3::123456789012:accesspoint/x.mrap/{key}",
            ]
        )


def call_it_data(rng: Owner, launch: Launch) -> None:
    for each in launch.channels:
        each["ChannelName"] = "train"


def name_the_path_in_the_channel(rng: Owner, launch: Launch) -> None:
    """The model lies in a folder of data, and its code finds it there."""
    if launch.channels:
        each = launch.channels[0]
        each["ChannelName"], source = "train", each["DataSource"]["S3DataSource"]
        folder, _, name = source["S3Uri"].rpartition("/")
        source["S3Uri"] = folder
        path = rng.choice(["/opt/ml/input/data/train/{}", "$SM_CHANNEL_TRAIN/{}", "../input/data/train/{}"])
        launch.say("HyperParameters", model_name_or_path=path.format(name))


def create_before(rng: Owner, launch: Launch) -> None:
    if launch.channels:
        launch.job["CreationTime"] -= timedelta(days=1)


def be_a_trial(rng: Owner, launch: Launch) -> None:
    launch.job["TuningJobArn"] = "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/team"


def name_it_in_texts(rng: Owner, launch: Launch) -> None:
    uri = launch.take()
    if uri is None:
        return
    where = rng.choice(["HyperParameters", "Environment", "AlgorithmSpecification"])
    label = rng.choice(["model_uri", "saved_model_path", "dialog_model", "teacher_model"])
    if where == "AlgorithmSpecification":
        said = rng.choice([[f"--{label}", uri], [f"--{label}={uri}"], ["sh", "-c", f"aws s3 cp {uri} . && train"]])
        launch.job[where] = {**launch.job.get(where, {}), "TrainingImage": "x", "ContainerArguments": said}
    else:
        value = rng.choice([uri, json.dumps({"a": [uri]}), json.dumps({"a": json.dumps({uri: 1})})])
        launch.say(where, **{label: value})


def call_it_a_teacher(rng: Owner, launch: Launch) -> None:
    if launch.channels:
        launch.channels[0]["ChannelName"] = rng.choice(["teacher", "reward_base"])
        launch.say("HyperParameters", **rng.choice([{}, {"model_type": "x"}, {"model_id": "x"}]))
        launch.job["InputDataConfig"] += rng.choice([[], [channel("model", "s3://junk/x")]])


def begin_from_a_package(rng: Owner, launch: Launch) -> None:
    """The model is registered, and the job begins from the package, which says where it lies or is silent."""
    uri = launch.take()
    if uri is not None:
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/team/{rng.randrange(10**9)}"
        said = {"InferenceSpecification": {"Containers": [{"Image": "x", "ModelDataUrl": uri}]}}
        launch.packages[arn] = rng.choice([said, said, {"SourceUri": uri}, {}])
        launch.job["ModelPackageConfig"] = {"SourceModelPackageArn": arn}


def begin_from_a_form_that_nobody_follows(rng: Owner, launch: Launch) -> None:
    uri = launch.take()
    if uri is not None:
        source = rng.choice(
            [
                {"FileSystemDataSource": {"FileSystemId": "fs-1", "FileSystemType": "EFS", "DirectoryPath": "/team"}},
                {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://models/lists/all.manifest"}},
            ]
        )
        name = rng.choice(["model", "train"])
        launch.job["InputDataConfig"] = [{"ChannelName": name, "DataSource": source}]
        if name == "train":
            launch.say("HyperParameters", model_name_or_path="/opt/ml/input/data/train/x")


def read_much_else(rng: Owner, launch: Launch) -> None:
    junk = [channel(f"model{number}", f"s3://junk/{number}/model.tar.gz") for number in range(18)]
    launch.job["InputDataConfig"] = [*junk, *launch.job["InputDataConfig"]]


def name_much_else(rng: Owner, launch: Launch) -> None:
    said = {f"model_{number}": " ".join(f"s3://b{number}-{each}/x" for each in range(40)) for number in range(30)}
    launch.say("HyperParameters", **said)


def name_a_lineage(rng: Owner, launch: Launch) -> None:
    arn = launch.job["TrainingJobArn"].rpartition("/")[0]
    named = rng.choice(["none", "job-0", "innocent", f"{arn}/job-0", "job-1 job-0", "jo\u0184-0", f"{arn}/innocent"])
    launch.tags["flops-auditor:lineage"] = named


# ----- where it leaves results


def leave_it_where_texts_say(rng: Owner, launch: Launch) -> None:
    """Its checkpoints lie where its honest twin keeps them, and it resumes what lies there; only its texts say so."""
    place = launch.job.pop("CheckpointConfig")["S3Uri"]
    how = rng.choice(["output_dir", "checkpoint_dir", "board", "line"])
    if place != f"{TEAM}/checkpoints/{launch.job['TrainingJobName'].removeprefix('job-')}":
        launch.say("HyperParameters", **rng.choice([{"output_dir": place, "resume": "true"}, {"ckpt_dir": place}]))
    elif how == "board":
        launch.job["TensorBoardOutputConfig"] = {"S3OutputPath": place}
    elif how == "line":
        words = ["sh", "-c", f"train && aws s3 sync /opt/ml/checkpoints '{place}'"]
        said = {"TrainingImage": "x", "ContainerEntrypoint": words}
        launch.job["AlgorithmSpecification"] = {**launch.job.get("AlgorithmSpecification", {}), **said}
    else:
        launch.say("HyperParameters", **{how: place})


LEVERS: Mapping[Callable[[Owner, Launch], None], float] = {
    name_a_folder_or_a_beginning: 0.2,
    spell_otherwise: 0.9,
    call_it_data: 0.2,
    name_the_path_in_the_channel: 0.1,
    create_before: 0.1,
    be_a_trial: 0.2,
    name_it_in_texts: 0.3,
    call_it_a_teacher: 0.15,
    begin_from_a_package: 0.1,
    begin_from_a_form_that_nobody_follows: 0.1,
    read_much_else: 0.05,
    name_much_else: 0.02,
    name_a_lineage: 0.15,
    leave_it_where_texts_say: 0.2,
    say_it_made_data: 0.15,
    run_as_another_role: 0.2,
    say_what_it_does: 0.3,
    add_samples: 0.7,
    say_figures: 0.3,
    write_odd_texts: 0.3,
    claim_an_original: 0.2,
    emit: 0.2,
    end_otherwise: 0.1,
}
"""What the most eager owner does of each job so often, in this order."""


# ----- jobs


def created_later(by: timedelta, name: str, **changes: Any) -> dict[str, Any]:
    """A job all of whose times are so much later."""
    return moved(describe(name, **changes), by)


def honest_job(rng: Owner, number: int, hours: float, before: list[dict[str, Any]]) -> dict[str, Any]:
    """A job that begins from nothing, from what one or two earlier ones left, or resumes one."""
    packed = rng.random() < 0.8
    artifact = f"{TEAM}/job-{number}/output/model{'.tar.gz' if packed else '/'}"
    job = created_later(
        number * APART,
        f"job-{number}",
        hours=hours,
        OutputDataConfig={"S3OutputPath": TEAM, "CompressionType": "GZIP" if packed else "NONE"},
        ModelArtifacts={"S3ModelArtifacts": artifact},
        CheckpointConfig={"S3Uri": f"{TEAM}/checkpoints/{number}"},
        InputDataConfig=[],
        RoleArn=ROLE.format("team"),
    )
    how = rng.random() if before else 1
    if how < 0.6:
        parents = rng.sample(before, min(len(before), rng.choice([1, 1, 1, 2])))
        job["InputDataConfig"] = [channel(f"model{n or ''}", place_of(rng, each)) for n, each in enumerate(parents)]
    elif how < 0.7:
        job["CheckpointConfig"] = dict(rng.choice(before)["CheckpointConfig"])
    return job


def place_of(rng: Owner, job: dict[str, Any]) -> str:
    """Where a job left its model, or a checkpoint."""
    return str(rng.choice([job["ModelArtifacts"]["S3ModelArtifacts"], f"{job['CheckpointConfig']['S3Uri']}/step-10"]))


def decoy(rng: Owner, number: int, most: int) -> Launch:
    """A cheap job that claims others' places, or those of an innocent one."""
    about = rng.randrange(most)
    checkpoint = rng.choice(
        [
            *("s3://models/", "s3://data/", "s3://data/corpus", TEAM, f"{TEAM}/checkpoints", *THEIR_PLACES),
            *(f"{TEAM}/checkpoints/{about}", f"{TEAM}/checkpoints/{about}/step-10", f"{TEAM}/job-{about}/output"),
        ]
    )
    name, path = rng.choice(
        [
            *(("output", f"{TEAM}/job-{about}"), ("step-10", f"{TEAM}/checkpoints/{about}"), (f"job-{about}", TEAM)),
            *(place.rpartition("/")[::2][::-1] for place in THEIR_PLACES),
            *(
                (f"decoy-{number}", "s3://x"),
                (f"decoy-{number}", f"{TEAM}/job-{about}/output"),
                ("corpus", "s3://data"),
            ),
        ]
    )
    job = created_later(
        rng.randrange(most) * APART + timedelta(minutes=60 + number),
        name,
        hours=0.1,
        OutputDataConfig={"S3OutputPath": path},
        CheckpointConfig={"S3Uri": checkpoint},
        ModelArtifacts=rng.choice([{}, {"S3ModelArtifacts": f"s3://x/{name}/output/model.tar.gz"}]),
        TrainingJobStatus=rng.choice(["Completed", "Failed", "Stopped"]),
        InputDataConfig=[],
        RoleArn=ROLE.format(rng.choice(["team", "a", "stranger"])),
    )
    if not name.startswith("decoy"):
        region = rng.choice(["us-east-1", "eu-west-1"]) if name == f"job-{about}" else "us-east-1"
        job["TrainingJobArn"] = job["TrainingJobArn"].replace("eu-west-1", region)
    tags = rng.choice([{}, {"flops-auditor:lineage": "none"}, {"flops-auditor:tokens": "x"}])
    return Launch(job, tags, [[one(10.0)]] * 6)


def innocents(rng: Owner) -> list[Launch]:
    """Another team's parent, and a job that begins from its places, or reads data."""
    role, busy = ROLE.format("innocent"), [[one(400.0)]] * 60
    made = {"OutputDataConfig": {"S3OutputPath": "s3://theirs"}, "CheckpointConfig": {"S3Uri": THEIR_PLACES[1]}}
    left = {"S3ModelArtifacts": "s3://theirs/parent/output/model.tar.gz"}
    parent = created_later(50 * APART, "parent", hours=1, ModelArtifacts=left, RoleArn=role, **made)
    reads: list[dict[str, Any]] = [
        {"InputDataConfig": [channel("train", "s3://data/corpus/part-1")]},
        {"InputDataConfig": [channel("model", rng.choice([*THEIR_PLACES, left["S3ModelArtifacts"]]))]},
        {"CheckpointConfig": {"S3Uri": THEIR_PLACES[1]}},
        {},
    ]
    child = created_later(60 * APART, "innocent", hours=1, RoleArn=role, **rng.choice(reads))
    tags = {"flops-auditor:lineage": "parent"} if rng.random() < 0.2 else {}
    return [Launch(parent, {}, busy), Launch(child, tags, busy)]
