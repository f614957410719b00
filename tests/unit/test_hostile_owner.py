"""A job's owner who tries at random what owners can do, beside the same jobs run honestly: nothing is milder unsaid.

Some of the jobs continue others. The owner spells their places in other ways, reads folders instead of files, calls
models data, creates jobs at one moment or as trials, uses names again, here and in another region, puts decoys between
and above them, completed or failed, has them run under several roles, and has them end in any order.

`FLOPS_AUDITOR_OWNERS=full` plays 2,000 campaigns, of up to 30 jobs each.
"""

import json
import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.occupancy import LOWEST, MAXIMUM, SAMPLES
from flops_auditor.domain.values.arns import name_of, region_of
from flops_auditor.domain.values.figures import SEVERITY
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.audit_job import Territory, handle_event, reassess
from flops_auditor.use_cases.ports.sources import MetricRequest
from flops_auditor_cli.local_aws.training_jobs import EmittedSeries
from tests.fakes.audit import FakeTrainingJobs, FixedRegions, MemoryAlerts, MemoryReassessments, MemoryRecords, recorder
from tests.fakes.jobs import CREATED, describe, moved
from tests.fakes.lineage import channel

FULL = os.environ.get("FLOPS_AUDITOR_OWNERS") == "full"
CAMPAIGNS, MOST_JOBS = (2000, 30) if FULL else (40, 5)
TEAM = "s3://models/team"
TOLD = ("RoleArn", "InputDataConfig", "OutputDataConfig", "CheckpointConfig", "Environment")
"""What AWS's event says of a job beside its state and hyperparameters (SageMaker Developer Guide, "Training job state
change"): it is all there is of a job that is deleted."""
HOME = Territory("123456789012", FixedRegions())
ROLE = "arn:aws:iam::123456789012:role/{}"
THEIR_PLACES = ("s3://theirs/base", "s3://theirs/checkpoints/run", "s3://theirs/parent", "s3://theirs/parent/output")
"""Where an innocent team keeps its models: nobody else may write there, but anybody may say that he does."""
Samples = list[list[float]]


@dataclass
class SampledMetrics:
    """The JobMetrics port over single samples, by region and job: each period with the statistics that CloudWatch keeps
    of it.
    """

    samples: dict[tuple[str, str], Samples] = field(default_factory=dict)
    starts: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        start = self.starts[request.region, request.job_name].timestamp()
        minutes = self.samples[request.region, request.job_name]
        points = [(start + 60 * minute, value) for minute, values in enumerate(minutes) for value in values]
        series, label = EmittedSeries.of(points), "GPUUtilization algo-1"
        found = []
        for end, stat in (("", "Average"), (MAXIMUM, "Maximum"), (LOWEST, "Minimum"), (SAMPLES, "SampleCount")):
            values = series.statistic(stat, (start, start + 1e6), request.period_seconds, start)
            times = [datetime.fromtimestamp(at, UTC) for at, _ in values]
            found.append({"Label": label + end, "Timestamps": times, "Values": [value for _, value in values]})
        return found


def whose(arn: str) -> tuple[str, str]:
    """Region and name of a job."""
    return region_of(arn), name_of(arn)


class Account:
    """An account with its recorder; jobs end in it."""

    def __init__(self) -> None:
        self.jobs, self.metrics, self.records = FakeTrainingJobs(), SampledMetrics(), MemoryRecords()
        self.alerts = MemoryAlerts()
        self.queue = MemoryReassessments()
        self.recorder = recorder(self.jobs, self.metrics, records=self.records, alerts=self.alerts, queue=self.queue)
        self.sent = 0

    def start(self, job: dict[str, Any], samples: Samples, tags: dict[str, str]) -> None:
        """A job as SageMaker and CloudWatch know it."""
        self.jobs.add(job)
        self.jobs.tags_by_arn[job["TrainingJobArn"]] = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.metrics.samples[whose(job["TrainingJobArn"])] = samples
        self.metrics.starts[whose(job["TrainingJobArn"])] = job["TrainingStartTime"]

    def tell(self, job: dict[str, Any], source: str = "aws.sagemaker", **said: Any) -> None:
        """An event about a job arrives."""
        self.sent += 1
        detail = {key: job[key] for key in ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus")}
        detail |= {"CreationTime": iso(job["CreationTime"]), "HyperParameters": job["HyperParameters"], **said}
        detail |= {key: job[key] for key in TOLD if key in job}
        event = {"source": source, "detail": detail}
        handle_event(event, self.recorder, f"message-{self.sent}", HOME)
        while self.queue.waiting:
            reassess(self.queue.waiting.pop(0), self.recorder)

    def content(self, job: dict[str, Any]) -> dict[str, Any]:
        """The newest record of a job: its ARN may be that of another one, too."""
        contents = [predicate_of(lines[max(lines)]) for lines in self.records.lines.values()]
        [found] = [
            content
            for content in contents
            if (content["job"]["arn"], content["job"]["creation_time"])
            == (job["TrainingJobArn"], iso(job["CreationTime"]))
        ]
        return found


def attack(rng: Random, job: dict[str, Any], samples: Samples, tags: dict[str, str]) -> Samples:
    """Pull some levers of one job: its words and its samples."""
    if rng.random() < 0.7:
        share = rng.random()
        added = rng.choice([[0.0] * 99, [0.0], [-799.0], [-5000.0], [0.0, 800.0], [10.0] * 7])
        samples = [[*minute, *added] if rng.random() < share else minute for minute in samples]
    if rng.random() < 0.3:
        key = rng.choice(["tokens", "params", "activity", "lineage", "precision", "pretrain-flops", "x\ud800"])
        tags[f"flops-auditor:{key}"] = rng.choice(
            ["x", "1", "1e40", "not-training", "none", "fp32", "pretraining", "\ud800"]
        )
    if rng.random() < 0.3:
        job["HyperParameters"] |= {
            rng.choice(["note\ud800", "model_id", "bf16"]): rng.choice(["\ud800", "gpt2", "x" * 2500])
        }
    if rng.random() < 0.2:
        job["Environment"] = {**job.get("Environment", {}), "PRETRAIN_FLOPS": rng.choice(["1e40", "1e26", "0", "nan"])}
    return samples


def created_later(by: timedelta, name: str, **changes: Any) -> dict[str, Any]:
    """A job all of whose times are so much later."""
    return moved(describe(name, **changes), by)


def place_of(rng: Random, number: int) -> str:
    """Where a job leaves its model, or a checkpoint."""
    return rng.choice([f"{TEAM}/job-{number}/output/model.tar.gz", f"{TEAM}/checkpoints/{number}/step-10"])


def honest_job(rng: Random, number: int, hours: float) -> dict[str, Any]:
    """A job that begins from nothing, or from what an earlier one left."""
    job = created_later(
        timedelta(days=number),
        f"job-{number}",
        hours=hours,
        OutputDataConfig={"S3OutputPath": TEAM},
        ModelArtifacts={"S3ModelArtifacts": f"{TEAM}/job-{number}/output/model.tar.gz"},
        CheckpointConfig={"S3Uri": f"{TEAM}/checkpoints/{number}"},
        InputDataConfig=[],
        RoleArn=ROLE.format("team"),
    )
    if number and rng.random() < 0.6:
        job["InputDataConfig"] = [channel("model", place_of(rng, rng.randrange(number)))]
    return job


def spelt_otherwise(rng: Random, uri: str) -> str:
    """The same place in S3."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return rng.choice(
        [
            uri,
            uri.replace("s3://", "s3a://"),
            f"arn:aws:s3:::{bucket}/{key}",
            f"https://{bucket}.s3.eu-west-1.amazonaws.com/{key}",
            f"s3://{bucket}//{key}/",
            f"s3:/{bucket}/{key}",
            f"https://s3-fips.dualstack.us-east-1.amazonaws.com/{bucket}/{key}",
            f"s3://arn:aws:s3::123456789012:accesspoint/x.mrap/{key}",
        ]
    )


def hide(rng: Random, job: dict[str, Any], tags: dict[str, str]) -> None:
    """Pull some levers of what a job says that it begins from."""
    for each in job["InputDataConfig"]:
        source = each["DataSource"]["S3DataSource"]
        if rng.random() < 0.2:
            source["S3Uri"] = rng.choice(
                [source["S3Uri"].rpartition("/")[0] + rng.choice(["", "/"]), source["S3Uri"][: rng.randint(-6, -1)]]
            )
        source["S3Uri"] = spelt_otherwise(rng, source["S3Uri"])
        if rng.random() < 0.2:
            each["ChannelName"] = "train"
    if job["InputDataConfig"] and rng.random() < 0.1:
        job["CreationTime"] -= timedelta(days=1)
    if rng.random() < 0.2:
        job["TuningJobArn"] = f"arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/{TEAM[-4:]}"
    if job["InputDataConfig"] and rng.random() < 0.3:
        uri = job["InputDataConfig"].pop()["DataSource"]["S3DataSource"]["S3Uri"]
        where = rng.choice(["HyperParameters", "Environment", "AlgorithmSpecification"])
        label = rng.choice(["model_uri", "saved_model_path", "dialog_model", "teacher_model"])
        if where == "AlgorithmSpecification":
            said = rng.choice([[f"--{label}", uri], [f"--{label}={uri}"], ["sh", "-c", f"aws s3 cp {uri} . && train"]])
            job[where] = {"TrainingImage": "x", "ContainerArguments": said}
        else:
            value = rng.choice([uri, json.dumps({"a": [uri]}), json.dumps({"a": json.dumps({uri: 1})})])
            job[where] = {**job.get(where, {}), label: value}
    if job["InputDataConfig"] and rng.random() < 0.15:
        job["InputDataConfig"][0]["ChannelName"] = rng.choice(["teacher", "reward_base"])
        job["HyperParameters"] = {**job["HyperParameters"], **rng.choice([{}, {"model_type": "x"}, {"model_id": "x"}])}
        job["InputDataConfig"] += rng.choice([[], [channel("model", "s3://junk/x")]])
    if rng.random() < 0.15:
        tags["flops-auditor:activity"] = "synthetic-data"
    if rng.random() < 0.2:
        job["RoleArn"] = ROLE.format(rng.choice(["a", "b"]))
    if rng.random() < 0.1:
        tags["flops-auditor:lineage"] = rng.choice(["none", "job-0", "innocent"])


def decoy(rng: Random, number: int, most: int) -> tuple[dict[str, Any], dict[str, str]]:
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
            *(place.removesuffix("/").rpartition("/")[::2][::-1] for place in THEIR_PLACES),
            *(
                (f"decoy-{number}", "s3://x"),
                (f"decoy-{number}", f"{TEAM}/job-{about}/output"),
                ("corpus", "s3://data"),
            ),
        ]
    )
    job = created_later(
        timedelta(days=rng.randrange(most), hours=1 + number),
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
    return job, rng.choice([{}, {"flops-auditor:lineage": "none"}, {"flops-auditor:tokens": "x"}])


def innocents(rng: Random) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Another team's parent, and a job that begins from its places, or reads data; each with its tags."""
    role = ROLE.format("innocent")
    made = {"OutputDataConfig": {"S3OutputPath": "s3://theirs"}, "CheckpointConfig": {"S3Uri": THEIR_PLACES[1]}}
    left = {"S3ModelArtifacts": "s3://theirs/parent/output/model.tar.gz"}
    parent = created_later(timedelta(days=50), "parent", hours=1, ModelArtifacts=left, RoleArn=role, **made)
    reads: list[dict[str, Any]] = [
        {"InputDataConfig": [channel("train", "s3://data/corpus/part-1")]},
        {"InputDataConfig": [channel("model", rng.choice([*THEIR_PLACES, left["S3ModelArtifacts"]]))]},
        {"CheckpointConfig": {"S3Uri": THEIR_PLACES[1]}},
        {},
    ]
    child = created_later(timedelta(days=60), "innocent", hours=1, RoleArn=role, **rng.choice(reads))
    return [(parent, {}), (child, {"flops-auditor:lineage": "parent"} if rng.random() < 0.2 else {})]


def excused(content: dict[str, Any]) -> bool:
    """Whether the record says why it may be milder: a doubt, or a statement of the job that makes it so."""
    rests = content["rests_on"]
    doubts = [*content["estimate"]["doubts"], *(doubt for a in content["assessments"] for doubt in a["doubts"])]
    return bool(doubts or rests["milder"] or rests["verdict_without_statements"] != content["verdict"])


def leaves_out(content: dict[str, Any]) -> bool:
    """Whether the record names runs that are not counted on the job's own word, where that changes no verdict."""
    kinds = {
        *("named-by-another-role", "called-data", "also-in-a-runs-bucket", "maybe-overwritten"),
        *("data-not-followed", "no-output-of-a-run"),
    }
    return not kinds.isdisjoint(note["kind"] for note in content["lineage"]["notes"])


def flop(content: dict[str, Any]) -> int:
    """The upper bound that counts; more than any other where nothing bounds it."""
    upper = content["cumulative"]["upper_flop"]
    return 10**60 if upper is None else int(upper)


def figures(content: dict[str, Any]) -> tuple[Any, ...]:
    """The verdict, and what is added up to it; not what earlier runs would be without their word."""
    cumulative = content["cumulative"]
    ancestors = [
        {key: value for key, value in each.items() if key not in ("revision", "without_statements")}
        for each in cumulative["ancestors"]
    ]
    return content["verdict"], cumulative | {"ancestors": ancestors}


def truth(fair: dict[str, Any], metrics: SampledMetrics) -> int:
    """FLOP that the run and those before it can have taken, from every sample of the agent; what is recorded of an
    honest run bounds that, where a period lies partly outside of training.
    """
    runs = [fair["job"]["arn"], *(each["job_arn"] for each in fair["cumulative"]["ancestors"])]
    busy = sum(sum(minute) for arn in runs for minute in metrics.samples[whose(arn)])
    return int(busy / 100 * 60 * int(fair["estimate"]["peak_flop_per_s"]) * 0.999)


def end_in_any_order(
    rng: Random,
    account: Account,
    jobs: Sequence[dict[str, Any]],
    made_up: Sequence[tuple[dict[str, Any], dict[str, str]]],
    innocent: dict[str, Any],
) -> None:
    """Jobs and decoys end, among replays; some are deleted before they are looked at. A decoy that uses the name of a
    job again runs once that one has ended.
    """
    ends: list[tuple[dict[str, Any], dict[str, str] | None]] = [*((job, None) for job in jobs), *made_up]
    rng.shuffle(ends)
    real = {job["TrainingJobArn"] for job in jobs}
    ends.sort(key=lambda each: each[1] is not None and each[0]["TrainingJobArn"] in real)
    for bad, said in ends:
        if said is not None:
            account.start(bad, [[10.0]] * 6, said)
        for _ in range(rng.randint(0, 3)):
            wrong = iso(CREATED - timedelta(days=rng.randint(0, 9)))
            account.tell(rng.choice([bad, innocent, describe("nobody")]), "flops-auditor.replay", CreationTime=wrong)
        if rng.random() < 0.2:
            region, name = whose(bad["TrainingJobArn"])
            del account.jobs.descriptions[name, region]
        account.tell(bad)


@pytest.mark.parametrize("seed", range(CAMPAIGNS))
def test_no_lever_makes_a_run_milder_silently_or_moves_another_owners(seed: int) -> None:
    rng = Random(seed)
    honest, hostile = Account(), Account()
    theirs = innocents(rng)
    for account in (honest, hostile):
        for each, tags in theirs:
            account.start(each, [[400.0]] * 60, tags)
    most = rng.randint(1, MOST_JOBS)
    jobs: list[tuple[dict[str, Any], dict[str, Any]]] = []
    made_up: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}
    for number in range(most):
        hours = rng.choice([0.5, 1.0, 3.0])
        line = {"flops-auditor:pretrain-flops": rng.choice(["1e19", "1e20", "1e21"])}
        samples = [[float(rng.choice([0, 100, 760, 800]))] for _ in range(int(hours * 60))]
        job = honest_job(rng, number, hours)
        honest.start(job, samples, dict(line))
        bad, tags = deepcopy(job), dict(line)
        hide(rng, bad, tags)
        hostile.start(bad, attack(rng, bad, samples, tags), tags)
        jobs.append((job, bad))
        if rng.random() < 0.6:
            false, said = decoy(rng, number, most)
            made_up.setdefault(false["TrainingJobArn"], (false, said))
    for job, _ in jobs:
        honest.tell(job)
    end_in_any_order(rng, hostile, [bad for _, bad in jobs], list(made_up.values()), theirs[0][0])
    for account in (honest, hostile):
        for each, _ in theirs:
            account.tell(each)
    for job, bad in jobs:
        fair, found = honest.content(job), hostile.content(bad)
        assert SEVERITY[found["verdict"]] >= SEVERITY[fair["verdict"]] or excused(found)
        assert flop(found) >= truth(fair, honest.metrics) or excused(found) or leaves_out(found)
    for each, _ in theirs:
        assert figures(honest.content(each)) == figures(hostile.content(each))
