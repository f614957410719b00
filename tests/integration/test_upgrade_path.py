"""The previous release, then this one over it, on a local AWS of its own: nothing is lost, and everything goes on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.archive_keys import record_key
from flops_auditor.domain.job import parse_training_job
from flops_auditor_cli.demo import mails, subscribe_mailbox
from flops_auditor_cli.local_aws import Stack, deploy, start, stop
from flops_auditor_cli.local_aws.processes import REPOSITORY
from tests import releases
from tests.integration.deployed import Deployed, fresh_job

BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
STATEFUL = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SQS::Queue", "AWS::SNS::Topic")


def physical_ids(stack: Stack) -> dict[str, str]:
    """What holds state, by its logical id."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="flops-auditor")
    summaries = [summary for page in pages for summary in page["StackResourceSummaries"]]
    return {s["LogicalResourceId"]: s["PhysicalResourceId"] for s in summaries if s["ResourceType"] in STATEFUL}


def table_items(stack: Stack, table: str) -> dict[tuple[str, str], Any]:
    """Every item of the table."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    return {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}


def locked_objects(stack: Stack, bucket: str) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Every version in the archive: its digest, and the lock that it is under."""
    s3, found = stack.client("s3"), {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page.get("Versions", []):
            version = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
            lock = s3.get_object_retention(**version)["Retention"]
            found[each["Key"], each["VersionId"]] = (each["ETag"], lock["Mode"], str(lock["RetainUntilDate"]))
    return found


def layer_of(deployed: Deployed) -> str:
    """The layer version that the audit function runs on."""
    name = deployed.outputs["AuditFunctionName"]
    answer = deployed.stack.client("lambda").get_function_configuration(FunctionName=name)
    return str(answer["Layers"][0]["Arn"])


@dataclass(frozen=True)
class Before:
    """What the previous release left: `sealed` and `alerted` are in the log, `waiting` is not."""

    sealed: dict[str, Any]
    alerted: dict[str, Any]
    waiting: dict[str, Any]
    ids: dict[str, str]
    items: dict[tuple[str, str], Any]
    objects: dict[tuple[str, str], tuple[str, str, str]]
    letters: int
    checkpoint: str
    size: int
    layer: str
    mail: dict[str, int]


@dataclass(frozen=True)
class Upgraded:
    """The stack after the upgrade."""

    deployed: Deployed
    before: Before

    def flops_auditor(self, *arguments: str) -> dict[str, Any]:
        """A command of this release, as an operator runs it; what it says as JSON."""
        state = {"FLOPS_AUDITOR_LOCAL": "1", "FLOPS_AUDITOR_STATE": str(self.deployed.stack.state_dir)}
        path = os.pathsep.join(str(REPOSITORY / folder) for folder in ("layers/auditor", "cli"))
        done = subprocess.run(
            [sys.executable, "-m", "flops_auditor_cli.main", *arguments, "--output", "json"],
            env={**os.environ, **state, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def audited(deployed: Deployed, **changes: Any) -> dict[str, Any]:
    """A job, from its event to its record in table and archive."""
    job = fresh_job(**changes)
    deployed.load(job)
    deployed.announce(job)
    deployed.record(job["TrainingJobArn"])
    identity = parse_training_job(job).job_id
    deployed.wait(lambda: deployed.versions(record_key(identity, 0)), "the archived record")
    return job


def use(deployed: Deployed) -> Before:
    """What happens under the previous release."""
    stack, outputs = deployed.stack, deployed.outputs
    checkpoints = subscribe_mailbox(stack, "CheckpointTopicArn", "checkpoint-mailbox")
    sealed, alerted = audited(deployed), audited(deployed, hours=400, ResourceConfig=BIG)
    deployed.wait(lambda: deployed.mails_about(alerted["TrainingJobName"]), "an alert")
    deployed.idle()
    size = deployed.invoke("SealFunctionName")["size"]
    waiting = audited(deployed)
    deployed.idle()
    body = json.dumps({"source": "aws.sagemaker", "detail": {"TrainingJobArn": sealed["TrainingJobArn"]}})
    stack.client("sqs").send_message(QueueUrl=outputs["AuditDeadLetterQueueUrl"], MessageBody=body)
    [mail] = mails(stack, checkpoints)
    return Before(
        sealed=sealed,
        alerted=alerted,
        waiting=waiting,
        ids=physical_ids(stack),
        items=table_items(stack, outputs["RecordTableName"]),
        objects=locked_objects(stack, outputs["ArchiveBucketName"]),
        letters=deployed.waiting("AuditDeadLetterQueueUrl"),
        checkpoint=mail["Message"],
        size=size,
        layer=layer_of(deployed),
        mail={job["TrainingJobName"]: len(deployed.mails_about(job["TrainingJobName"])) for job in (sealed, alerted)},
    )


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """The previous release, used; then this working tree over it."""
    state: Path = tmp_path_factory.mktemp("upgrade")
    stack = start(state, enforce=True)
    try:
        deploy(stack, source=releases.unpack(tmp_path_factory.mktemp("previous")))
        before = use(Deployed(stack))
        deploy(stack)
        yield Upgraded(Deployed(stack), before)
    finally:
        stop(state)


def test_everything_is_still_there(upgraded: Upgraded) -> None:
    """Table, archive, locks, keys, queues, topics: the same things, with the same contents."""
    stack, before = upgraded.deployed.stack, upgraded.before
    after = physical_ids(stack)
    assert {name: after.get(name) for name in before.ids} == before.ids
    assert {"RecordTable", "ArchiveBucket", "RecordKey", "CheckpointKey", "AuditQueue", "AlertTopic"} <= set(before.ids)
    items = table_items(stack, upgraded.deployed.outputs["RecordTableName"])
    assert {key: items.get(key) for key in before.items} == before.items
    assert any(sk.startswith("ALERT#") for _, sk in before.items)
    objects = locked_objects(stack, upgraded.deployed.outputs["ArchiveBucketName"])
    assert {key: objects.get(key) for key in before.objects} == before.objects
    assert {lock for _, lock, _ in before.objects.values()} == {"COMPLIANCE"}
    assert upgraded.deployed.waiting("AuditDeadLetterQueueUrl") == before.letters == 1


def test_the_new_code_runs(upgraded: Upgraded) -> None:
    kept = releases.contents()
    same = all((REPOSITORY / name).read_bytes() == content for name, content in kept.items() if "layers" in name)
    assert same or layer_of(upgraded.deployed) != upgraded.before.layer


def test_the_same_events_again_record_and_alert_nothing(upgraded: Upgraded) -> None:
    deployed, before = upgraded.deployed, upgraded.before
    for job in (before.sealed, before.alerted):
        deployed.announce(job)
    audited(deployed)
    deployed.idle()
    for job in (before.sealed, before.alerted):
        identity = parse_training_job(job).job_id
        assert len(deployed.items("RECORD#", job["TrainingJobArn"])) == 1
        assert deployed.versions(f"records/{identity}/") == [record_key(identity, 0)]
        assert len(deployed.mails_about(job["TrainingJobName"])) == before.mail[job["TrainingJobName"]]


def test_the_log_goes_on_from_the_checkpoint_before(upgraded: Upgraded, tmp_path: Path) -> None:
    """What waited and what is new are sealed; the whole log verifies with the old checkpoint pinned."""
    deployed, before = upgraded.deployed, upgraded.before
    new = audited(deployed, hours=400, ResourceConfig=BIG)
    deployed.wait(lambda: deployed.mails_about(new["TrainingJobName"]), "an alert of the new release")
    deployed.idle()
    sealed = deployed.invoke("SealFunctionName")
    assert sealed["held"] == 0
    assert sealed["size"] > before.size
    for job in (before.waiting, new):
        assert all("pending" not in item for item in deployed.items("RECORD#", job["TrainingJobArn"]))
    pin, bundle = tmp_path / "pin", str(tmp_path / "bundle.zip")
    pin.write_text(before.checkpoint, encoding="utf-8")
    assert upgraded.flops_auditor("export", bundle)["size"] == sealed["size"]
    report = upgraded.flops_auditor("verify", bundle, "--pin", str(pin))
    assert report["verdict"] == "valid"


def test_the_doctor_finds_nothing(upgraded: Upgraded) -> None:
    """Once the dead letter is dealt with, and every region was compared."""
    deployed = upgraded.deployed
    deployed.stack.client("sqs").purge_queue(QueueUrl=deployed.outputs["AuditDeadLetterQueueUrl"])
    deployed.invoke("ReconcileFunctionName")
    assert upgraded.flops_auditor("doctor")["healthy"]
