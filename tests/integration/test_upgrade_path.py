"""The life of a stack on a local AWS of its own: the previous release, this one over it, uninstalled, restored.

The tests build on one another, in this order.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.values.archive_keys import record_key
from flops_auditor_cli.demo import mails, subscribe_mailbox
from flops_auditor_cli.local_aws import Stack, deploy, start, stop
from flops_auditor_cli.local_aws.deployment import deploy_built, sam
from flops_auditor_cli.local_aws.processes import REPOSITORY
from tests import releases
from tests.integration.built import deploy_shared
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
    alerts: set[str]


@dataclass(frozen=True)
class Upgraded:
    """The stack after the upgrade."""

    deployed: Deployed
    before: Before

    def flops_auditor(self, *arguments: str, role: Mapping[str, str] | None = None) -> Any:
        """A command of this release, as an operator runs it, with the account's or a role's rights; its JSON."""
        stack = self.deployed.stack
        state = {"FLOPS_AUDITOR_LOCAL": "1", "FLOPS_AUDITOR_STATE": str(stack.state_dir)}
        if role:
            state = stack.environment() | role
        path = os.pathsep.join(str(REPOSITORY / folder) for folder in ("layers/auditor", "cli"))
        done = subprocess.run(
            [sys.executable, "-m", "flops_auditor_cli", *arguments, "--output", "json"],
            env={**os.environ, **state, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def audited(deployed: Deployed, **changes: Any) -> dict[str, Any]:
    """A job, from its event to its record in table and archive."""
    job = fresh_job(**changes)
    deployed.load(job)
    deployed.announce(job)
    deployed.record(job["TrainingJobArn"])
    identity = parse_training_job(job).job_id
    deployed.wait(lambda: deployed.versions(record_key(identity, 0)), "the archived record")
    return job


def told(deployed: Deployed, job: dict[str, Any]) -> set[str]:
    """The alerts about a job. One that was read a moment ago may be missing, a new one never."""
    return {alert["MessageId"] for alert in deployed.mails_about(job["TrainingJobName"])}


def use(deployed: Deployed) -> Before:
    """What happens under the previous release."""
    stack, outputs = deployed.stack, deployed.outputs
    checkpoints = subscribe_mailbox(stack, "CheckpointTopicArn", "checkpoint-mailbox")
    sealed, alerted = audited(deployed), audited(deployed, hours=400, ResourceConfig=BIG)
    alerts = deployed.wait(lambda: deployed.mails_about(alerted["TrainingJobName"]), "an alert")
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
        alerts={alert["MessageId"] for alert in alerts},
    )


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Upgraded]:
    """The previous release, used; then this working tree over it."""
    state: Path = tmp_path_factory.mktemp("upgrade")
    stack = start(state, enforce=True)
    try:
        deploy(stack, source=releases.unpack(tmp_path_factory.mktemp("previous")))
        before = use(Deployed(stack))
        deploy_shared(stack, shared)
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
    assert told(deployed, before.alerted) <= before.alerts


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


def test_uninstalling_keeps_the_evidence_and_nothing_else(upgraded: Upgraded) -> None:
    stack, outputs = upgraded.deployed.stack, upgraded.deployed.outputs
    table, bucket = outputs["RecordTableName"], outputs["ArchiveBucketName"]
    s3 = stack.client("s3")
    ids, items, objects = physical_ids(stack), table_items(stack, table), locked_objects(stack, bucket)
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    sam(stack, REPOSITORY, ["delete", "--no-prompts", "--stack-name", "flops-auditor", "--region", stack.region])
    assert table_items(stack, table) == items
    assert locked_objects(stack, bucket) == objects
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.get_bucket_policy(Bucket=ids["AccessLogBucket"])["Policy"]
    assert stack.client("dynamodb").describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"]
    for key in ("RecordKey", "CheckpointKey", "DataKey"):
        assert stack.client("kms").describe_key(KeyId=ids[key])["KeyMetadata"]["KeyState"] == "Enabled"
    for queue in ("AuditQueue", "AuditDeadLetterQueue", "DeliveryDeadLetterQueue"):
        assert stack.client("sqs").get_queue_attributes(QueueUrl=ids[queue], AttributeNames=["QueueArn"])
    assert stack.client("lambda").list_functions()["Functions"] == []
    assert stack.client("lambda").list_layers()["Layers"] == []
    assert stack.client("events").list_rules()["Rules"] == []
    assert stack.client("scheduler").list_schedules()["Schedules"] == []
    assert stack.client("sns").list_topics()["Topics"] == []
    assert stack.client("alarms").describe_alarms()["MetricAlarms"] == []
    assert [role["RoleName"] for role in stack.client("iam").list_roles()["Roles"] if "flops" in role["RoleName"]] == []


def test_a_deleted_stack_is_restored_and_its_log_goes_on(upgraded: Upgraded) -> None:
    """As docs/operations.md says: import what was kept, take the old policies off the buckets, deploy."""
    stack, before = upgraded.deployed.stack, upgraded.before
    kept = {each["logical_id"]: each["physical_id"] for each in upgraded.flops_auditor("restore-stack")["resources"]}
    old = {name: value for name, value in before.ids.items() if not name.endswith("Topic")}
    assert {name: kept[name] for name in old} == old
    assert kept.keys() - old.keys() <= {"ReportBucket"}, "the release before had none"
    for bucket in ("ArchiveBucket", "AccessLogBucket", "ReportBucket"):
        stack.client("s3").delete_bucket_policy(Bucket=kept[bucket])
    deploy_built(stack)
    after = physical_ids(stack)
    assert {name: after[name] for name in kept} == kept
    deployed = Deployed(stack)
    deployed.announce(before.alerted)
    audited(deployed)
    deployed.idle()
    assert len(deployed.items("RECORD#", before.alerted["TrainingJobArn"])) == 1
    assert told(deployed, before.alerted) <= before.alerts
    sealed = deployed.invoke("SealFunctionName")
    assert (sealed["records"], sealed["held"]) == (1, 0)


def operator_role(stack: Stack) -> tuple[str, dict[str, str]]:
    """A role with the rights that docs/operations.md names for a rotation: its ARN, and credentials of a session."""
    iam, account = stack.client("iam"), f"arn:aws:iam::{stack.account_id}:root"
    bucket = f"arn:aws:s3:::{stack.outputs['ArchiveBucketName']}"
    allowed = [
        (["cloudformation:DescribeStacks", "kms:GetPublicKey"], "*"),
        (["s3:ListBucketVersions"], bucket),
        (["s3:GetObjectVersion"], [f"{bucket}/keys.json", f"{bucket}/rotations/*", f"{bucket}/log/*"]),
        (["s3:PutObject"], f"{bucket}/rotations/*"),
    ]
    statements = [{"Effect": "Allow", "Action": actions, "Resource": on} for actions, on in allowed]
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    version = {"Version": "2012-10-17"}
    role = iam.create_role(
        RoleName="key-operator", AssumeRolePolicyDocument=json.dumps(version | {"Statement": [trust]})
    )
    document = json.dumps(version | {"Statement": statements})
    iam.put_role_policy(RoleName="key-operator", PolicyName="rotate", PolicyDocument=document)
    arn = role["Role"]["Arn"]
    session = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="rotation")["Credentials"]
    return arn, {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


def test_both_signing_keys_are_replaced(upgraded: Upgraded, tmp_path: Path) -> None:
    """As docs/operations.md says, by an operator whom the four keys let sign for this once.

    The log of all this verifies in the end, from the previous release on, with the checkpoint of that time pinned.
    """
    stack, before = upgraded.deployed.stack, upgraded.before
    kms, roles = stack.client("kms"), ("Record", "Checkpoint")
    old = {role: stack.outputs[f"{role}KeyArn"] for role in roles}
    policy = {role: kms.get_key_policy(KeyId=old[role], PolicyName="default")["Policy"] for role in roles}
    new = {}
    for role in roles:
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Policy=policy[role])
        new[role] = key["KeyMetadata"]["Arn"]
    operator, session = operator_role(stack)
    with pytest.raises(AssertionError, match=r"AccessDenied.*\bSign\b"):
        upgraded.flops_auditor("keys", "rotate", "record", "--new-key-id", new["Record"], role=session)
    signs = {"Effect": "Allow", "Principal": {"AWS": operator}, "Action": "kms:Sign", "Resource": "*"}
    for role in roles:
        document = json.loads(policy[role])
        document["Statement"].append(signs)
        for key_id in (old[role], new[role]):
            kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=json.dumps(document))
    upgraded.flops_auditor("keys", "rotate", "checkpoint", "--new-key-id", new["Checkpoint"], role=session)
    deploy_built(stack, {"NewRecordKey": new["Record"], "NewCheckpointKey": new["Checkpoint"]})
    deployed = Deployed(stack)
    audited(deployed)
    deployed.idle()
    both = ("--new-key-id", new["Record"], "--old-key-id", old["Record"])
    upgraded.flops_auditor("keys", "rotate", "record", *both, role=session)
    sealed = [deployed.invoke("SealFunctionName") for _ in range(2)]
    assert [each["records"] for each in sealed] == [0, 1]
    for role in roles:
        for key_id in (old[role], new[role]):
            kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=policy[role])
        kms.disable_key(KeyId=old[role])
    audited(deployed)
    deployed.idle()
    sealed.append(deployed.invoke("SealFunctionName"))
    assert (sealed[-1]["records"], sealed[-1]["held"]) == (1, 0)
    assert [key["state"] for key in upgraded.flops_auditor("keys", "list")["keys"]].count("replaced") == 2
    pin, bundle = tmp_path / "pin", str(tmp_path / "bundle.zip")
    pin.write_text(before.checkpoint, encoding="utf-8")
    assert upgraded.flops_auditor("export", bundle)["size"] == sealed[-1]["size"]
    assert upgraded.flops_auditor("verify", bundle, "--pin", str(pin))["verdict"] == "valid"
