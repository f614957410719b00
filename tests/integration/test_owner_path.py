"""What a job's owner may try, on the deployed template (docs/threat-model.md). Most of it is tried in memory.

`FLOPS_AUDITOR_OWNERS=full` floods it with 10,000 replays, too.
"""

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from flops_auditor.domain.runs.pointer import REPLAY_SOURCE
from flops_auditor_cli.demo import DETAIL_TYPE
from flops_auditor_cli.main import app
from tests.fakes.lineage import channel
from tests.faults import told
from tests.integration.deployed import Deployed, fresh_job, run

FULL = os.environ.get("FLOPS_AUDITOR_OWNERS") == "full"
REPLAYS, GENUINE = 10_000, 100
PATIENCE_FOR_ALL_SECONDS = 900
"""For GENUINE events; one takes a second or two on the local AWS of a busy machine."""


def occupancy_of(job: dict[str, Any], hosts: int, each_minute: list[float]) -> dict[str, Any]:
    """Samples of every host in every minute of training, as anybody puts them who may put metric data."""
    start = job["TrainingStartTime"]
    minutes = int((job["TrainingEndTime"] - start).total_seconds() // 60)
    times = [(start + timedelta(minutes=minute)).isoformat() for minute in range(minutes) for _ in each_minute]
    return {
        "MetricDataResults": [
            {"Label": f"GPUUtilization algo-{host}", "Timestamps": times, "Values": each_minute * minutes}
            for host in range(1, hosts + 1)
        ]
    }


def test_zeros_beside_the_samples_of_the_agent_lower_no_bound(deployed: Deployed) -> None:
    """The same job, honest, and with 99 zeros of its container beside each sample: neither figure nor verdict falls."""
    found = {}
    for name, each_minute in (("honest", [760.0]), ("diluted", [760.0, *[0.0] * 99])):
        job = fresh_job(hours=2)
        deployed.load(job, metrics=occupancy_of(job, 1, each_minute))
        deployed.announce_as_aws([job])
        found[name] = deployed.record(job["TrainingJobArn"]).predicate
    honest, diluted = found["honest"], found["diluted"]
    assert honest["verdict"] == diluted["verdict"]
    assert int(diluted["estimate"]["upper_flop"]) >= int(honest["estimate"]["upper_flop"])
    kinds = {name: {each["kind"] for each in found[name]["estimate"]["assumptions"]} for name in found}
    assert "occupancy-has-added-samples" in kinds["diluted"] - kinds["honest"]


def test_what_is_no_text_or_no_figure_ends_in_a_record(deployed: Deployed) -> None:
    """Half a character in a hyperparameter, and an original that took more than any known model: both are recorded."""
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64, "VolumeSizeInGB": 500}
    written = {"HyperParameters": {"note": "x\ud800y"}, "Environment": {"PRETRAIN_FLOPS": "1e40"}}
    job = fresh_job(hours=100, ResourceConfig=resources, **written)
    deployed.load(job, tags=[{"Key": "note", "Value": "x\ud800y"}])
    deployed.announce_as_aws([job])
    record = deployed.record(job["TrainingJobArn"]).predicate
    assert record["verdict"] == "indeterminate"
    assert "more-than-any-known-model" in {each["kind"] for each in record["estimate"]["assumptions"]}


def test_a_name_that_was_used_again_hides_no_job(operator: Deployed) -> None:
    """Both jobs are named to whoever asks by name or ARN; the job id shows each."""
    first = fresh_job(ended=timedelta(hours=30))
    second = {**fresh_job(), **{name: first[name] for name in ("TrainingJobName", "TrainingJobArn")}}
    arn, ids = first["TrainingJobArn"], []
    for number, job in enumerate((first, second), 1):
        operator.load(job)
        operator.announce_as_aws([job])
        operator.wait(lambda wanted=number: len(operator.items("RECORD#", arn)) == wanted, "a record")  # type: ignore[misc]
        ids = sorted({item["job_id"] for item in operator.items("RECORD#", arn)})
    assert len(ids) == 2
    for said in (first["TrainingJobName"], arn):
        asked = CliRunner().invoke(app, ["records", "show", said])
        assert asked.exit_code != 0
        assert all(each in f"{asked.output}{asked.exception}" for each in ids)
    for job_id in ids:
        assert run("records", "show", job_id)[1]["job"]["id"] == job_id


def test_a_result_is_a_beginning_wherever_the_job_names_it(deployed: Deployed) -> None:
    """Under a name of an output, in the command line, and by the beginning of a key, whoever is recorded first."""
    hosts = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    parent = fresh_job(hours=600, ended=timedelta(days=30), ResourceConfig=hosts)
    path = f"s3://models/{parent['TrainingJobName']}"
    parent |= {
        "OutputDataConfig": {"S3OutputPath": "s3://models/"},
        "ModelArtifacts": {"S3ModelArtifacts": f"{path}/output/model.tar.gz"},
    }
    result = parent["ModelArtifacts"]["S3ModelArtifacts"]
    command = {"TrainingImage": "x", "TrainingInputMode": "File", "ContainerArguments": ["--model", result]}
    children = [
        fresh_job(hours=1, **changes)
        for changes in (
            {"HyperParameters": {"saved_model_path": result}},
            {"AlgorithmSpecification": command},
            {"InputDataConfig": [channel("model", path[:-1])]},
        )
    ]
    for job in (children[0], parent, *children[1:]):
        deployed.load(job)
        deployed.announce_as_aws([job])
        deployed.record(job["TrainingJobArn"])
    deployed.idle()
    for child in children:
        content = deployed.record(child["TrainingJobArn"]).predicate
        assert [each["job_arn"] for each in content["cumulative"]["ancestors"]] == [parent["TrainingJobArn"]]
        assert content["verdict"] == "above"


def named(job: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    """The same job under a name and output path that its owner chose, which left no artifact."""
    arn = f"{job['TrainingJobArn'].rsplit('/', 1)[0]}/{name}"
    chosen = {"TrainingJobName": name, "TrainingJobArn": arn, "OutputDataConfig": {"S3OutputPath": path}}
    return {**job, **chosen, "ModelArtifacts": {}}


def test_a_name_at_a_place_hides_nobody_and_frames_nobody(deployed: Deployed) -> None:
    """A cheap job is named like the checkpoint that the child reads, a heavy one of another role like an innocent's
    model: the parent stays counted, and the innocent's figures and verdict stay as they were.
    """
    unique = uuid4().hex
    heavy = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    ours, stranger = ({"RoleArn": f"arn:aws:iam::111122223333:role/{name}"} for name in ("ours", "stranger"))
    run_at, base = f"s3://ckpt{unique}/run", f"s3://team{unique}/base{unique}"
    parent = fresh_job(600, timedelta(days=30), CheckpointConfig={"S3Uri": run_at}, ResourceConfig=heavy, **ours)
    reads = [channel("model", f"{run_at}/step-{unique}")]
    jobs = {
        "parent": parent,
        "child": fresh_job(1, timedelta(days=2), InputDataConfig=reads, **ours),
        "innocent": fresh_job(1, timedelta(days=2), InputDataConfig=[channel("model", base)], **ours),
        "decoy": named(fresh_job(1, timedelta(days=5), **ours), f"step-{unique}", run_at),
        "framer": named(
            fresh_job(600, timedelta(days=30), TrainingJobStatus="Failed", ResourceConfig=heavy, **stranger),
            f"base{unique}",
            f"s3://team{unique}",
        ),
    }
    found: dict[str, list[dict[str, Any]]] = {"child": [], "innocent": []}
    for wave in (("parent", "child", "innocent"), ("decoy", "framer")):
        for name in wave:
            deployed.load(jobs[name])
            deployed.announce(jobs[name])
            deployed.record(jobs[name]["TrainingJobArn"])
        deployed.idle()
        for name, records in found.items():
            records.append(deployed.record(jobs[name]["TrainingJobArn"]).predicate)
    child, innocent = found["child"][1], found["innocent"][1]
    assert [each["verdict"] for each in found["child"]] == ["above", "above"]
    assert parent["TrainingJobArn"] in {a["job_arn"] for a in child["cumulative"]["ancestors"]}
    assert [doubt["kind"] for doubt in child["lineage"]["doubts"]] == ["several-holders"]
    assert (innocent["verdict"], innocent["cumulative"]) == ("below", found["innocent"][0]["cumulative"])
    assert [note["kind"] for note in innocent["lineage"]["notes"]] == ["named-by-another-role"]
    assert innocent["rests_on"]["verdict_without_statements"] == "indeterminate"


def test_a_job_that_never_trained_sends_no_mail(deployed: Deployed) -> None:
    """Whatever its tags say that cannot be read: it took nothing."""
    job = fresh_job(TrainingJobStatus="Failed", SecondaryStatus="Failed", ModelArtifacts={})
    created = job["CreationTime"]
    job["SecondaryStatusTransitions"] = [{"Status": "Failed", "StartTime": created, "EndTime": created}]
    del job["TrainingStartTime"]
    deployed.load(job, tags=[{"Key": "flops-auditor:tokens", "Value": "x"}])
    deployed.announce_as_aws([job])
    assert deployed.record(job["TrainingJobArn"]).predicate["verdict"] == "indeterminate"
    deployed.idle()
    assert deployed.mails_about(job["TrainingJobName"]) == []


def test_no_way_out_of_a_lineage_is_silent(deployed: Deployed) -> None:
    """Each child of a heavy parent counts it, is in doubt, or is below on a word without which it would not be."""
    heavy, team = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}, f"team{uuid4().hex}"
    run_at, ours = f"s3://ckpt{team}/run", {"RoleArn": "arn:aws:iam::111122223333:role/ours"}
    parent = fresh_job(600, timedelta(days=4), ResourceConfig=heavy, CheckpointConfig={"S3Uri": run_at}, **ours)
    path = f"{team}/{parent['TrainingJobName']}/output/model.tar.gz"
    parent |= {
        "OutputDataConfig": {"S3OutputPath": f"s3://{team}"},
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://{path}"},
    }
    host, _, key = path.partition("/")
    efs = {"FileSystemId": "fs-1", "FileSystemType": "EFS", "DirectoryPath": "/a", "FileSystemAccessMode": "ro"}
    reads, search = [channel("model", f"s3://{path}")], parent["TrainingJobArn"].replace("training-job", "tuning-job")
    ways: dict[str, dict[str, Any]] = {
        "another spelling": {"HyperParameters": {"model_uri": f"https://{host}.s3.eu-west-1.amazonaws.com/{key}"}},
        "a trial": {"TuningJobArn": search, "CheckpointConfig": {"S3Uri": run_at}},
        "in JSON": {"Environment": {"CONFIG": json.dumps({"any": [f"s3://{path}"]})}},
        "an alias": {"InputDataConfig": [channel("model", f"s3://{team[:20]}-ab12cd-s3alias/{key}")]},
        "a file system": {"InputDataConfig": [{"ChannelName": "model", "DataSource": {"FileSystemDataSource": efs}}]},
        "a teacher": {"InputDataConfig": [channel("teacher", f"s3://{path}")]},
        "created before": {"InputDataConfig": reads, "CreationTime": parent["CreationTime"] - timedelta(days=1)},
        "its tag": {"InputDataConfig": reads},
    }
    children = {way: fresh_job(1, timedelta(days=2), **ours, **changes) for way, changes in ways.items()}
    for way, child in children.items():
        tags = [{"Key": "flops-auditor:lineage", "Value": "none"}] if way == "its tag" else []
        deployed.load(child, tags)
    deployed.load(parent)
    deployed.announce_as_aws([*children.values(), parent])
    for job in (parent, *children.values()):
        deployed.record(job["TrainingJobArn"])
    deployed.idle()
    found = {way: deployed.record(child["TrainingJobArn"]).predicate for way, child in children.items()}
    counted = {way for way, each in found.items() if each["cumulative"]["ancestors"]}
    assert counted == {"another spelling", "a trial", "in JSON"}
    assert {found[way]["verdict"] for way in counted} == {"above"}
    doubts = {way: [doubt["kind"] for doubt in each["lineage"]["doubts"]] for way, each in found.items()}
    assert {way: kinds for way, kinds in doubts.items() if kinds} == {
        "an alias": ["model-not-followed"],
        "a file system": ["model-not-followed"],
        "a teacher": ["only-auxiliary-model"],
        "created before": ["later-than-child"],
    }
    assert found["its tag"]["rests_on"]["on_the_jobs_word"]


def test_jobs_that_share_a_buckets_root_cost_a_record_each(deployed: Deployed) -> None:
    """In the worst order, each worked off before the next one ends."""
    root = f"s3://root{uuid4().hex}/"
    shared = {"InputDataConfig": [channel("model", root)], "CheckpointConfig": {"S3Uri": root}}
    jobs = [fresh_job(1, timedelta(days=number + 1), **shared) for number in range(6)]
    for job in jobs:
        deployed.load(job)
        deployed.announce_as_aws([job])
        deployed.record(job["TrainingJobArn"])
    deployed.idle()
    assert [len(deployed.items("RECORD#", job["TrainingJobArn"])) for job in jobs] == [1] * len(jobs)
    for job in jobs:
        record = deployed.record(job["TrainingJobArn"]).predicate
        assert "whole-bucket" in {doubt["kind"] for doubt in record["lineage"]["doubts"]}


def replay(deployed: Deployed, arns: list[str], created: datetime) -> None:
    """Replays of whatever has these ARNs, ten in a call, as anybody sends them who may put events."""
    events = deployed.stack.client("events")
    for first in range(0, len(arns), 10):
        details = [
            {"TrainingJobArn": arn, "TrainingJobStatus": "Completed", "CreationTime": int(created.timestamp() * 1000)}
            for arn in arns[first : first + 10]
        ]
        entries = [
            {"Source": REPLAY_SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(detail)} for detail in details
        ]
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0


def claims(deployed: Deployed) -> list[dict[str, Any]]:
    """Every claim in the table."""
    pages = (
        deployed.stack.client("dynamodb").get_paginator("scan").paginate(TableName=deployed.outputs["RecordTableName"])
    )
    return [item for page in pages for item in page["Items"] if item["sk"]["S"] == "CLAIM"]


def test_replays_keep_no_event_of_aws_from_its_record(deployed: Deployed) -> None:
    """Replays with a wrong time beside the true event, then the job is deleted: SageMaker's own event makes the record.

    None of the replays is recorded, becomes a dead letter, or leaves a claim behind.
    """
    job = fresh_job()
    arn = job["TrainingJobArn"]
    dead = deployed.waiting("AuditDeadLetterQueueUrl")
    before = len(claims(deployed))
    replay(deployed, [arn] * 20, datetime.now(UTC) - timedelta(days=3))
    deployed.announce_as_aws([job])
    replay(deployed, [arn] * 20, datetime.now(UTC) - timedelta(days=4))
    record = deployed.record(arn)
    assert record.predicate["verdict"] == "indeterminate"
    assert "SageMaker no longer knows the job" in str(record.predicate["estimate"]["doubts"])
    deployed.idle()
    assert len(deployed.items("RECORD#", arn)) == 1
    assert deployed.waiting("AuditDeadLetterQueueUrl") == dead
    assert len(claims(deployed)) == before + 1


def test_made_up_replays_leave_nothing_behind(deployed: Deployed) -> None:
    """Invented accounts, regions and names: nothing is stored, nothing becomes a dead letter."""
    before, dead = len(claims(deployed)), deployed.waiting("AuditDeadLetterQueueUrl")
    where = [("eu-west-1", "999999999999"), ("xx-nowhere-1", "111122223333"), ("eu-west-1", "111122223333")]
    arns = [f"arn:aws:sagemaker:{region}:{account}:training-job/invented" for region, account in where]
    replay(deployed, arns * 4, datetime.now(UTC))
    deployed.idle()
    assert len(claims(deployed)) == before
    assert deployed.waiting("AuditDeadLetterQueueUrl") == dead


def seconds_to_record(deployed: Deployed, jobs: Sequence[dict[str, Any]]) -> float:
    """From AWS's events about these jobs until all are recorded."""
    arns = {job["TrainingJobArn"] for job in jobs}
    pages = deployed.stack.client("dynamodb").get_paginator("query")
    question = {"IndexName": "time", "KeyConditionExpression": "kind = :kind"}

    def recorded() -> bool:
        asked = pages.paginate(
            TableName=deployed.outputs["RecordTableName"],
            ExpressionAttributeValues={":kind": {"S": "record"}},
            **question,
        )
        return arns <= {item["job_arn"]["S"] for page in asked for item in page["Items"]}

    begun = time.monotonic()
    deployed.announce_as_aws(jobs)
    deployed.wait(recorded, "record of each job", PATIENCE_FOR_ALL_SECONDS)
    return time.monotonic() - begun


@pytest.mark.skipif(not FULL, reason="takes minutes: make test-owners")
def test_a_flood_of_replays_delays_no_event_of_aws_by_more_than_as_much_again(deployed: Deployed) -> None:
    """As long as before and after the flood together, at most: so it counts less that a machine has more to do for a
    while.
    """
    before, beside, after = ([fresh_job() for _ in range(GENUINE)] for _ in range(3))
    for job in (*before, *beside, *after):
        deployed.load(job)
    undisturbed = [seconds_to_record(deployed, before)]
    arns = [job["TrainingJobArn"] for job in beside]
    replay(deployed, (arns * REPLAYS)[:REPLAYS], datetime.now(UTC) - timedelta(days=3))
    waited = deployed.waiting("ReplayQueueUrl")
    disturbed = seconds_to_record(deployed, beside)
    left = deployed.waiting("ReplayQueueUrl")
    deployed.stack.client("sqs").purge_queue(QueueUrl=deployed.outputs["ReplayQueueUrl"])
    deployed.idle()
    undisturbed.append(seconds_to_record(deployed, after))
    told(
        f"{GENUINE} events: {undisturbed[0]:.1f} s and {undisturbed[1]:.1f} s; beside {REPLAYS} replays: "
        f"{disturbed:.1f} s, of which {waited} waited at its begin and {left} at its end"
    )
    assert waited, "the flood was over before the events came, so nothing is shown"
    assert disturbed <= sum(undisturbed)
