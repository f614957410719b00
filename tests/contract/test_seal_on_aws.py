"""The sealer on the real adapters (S3, DynamoDB, KMS, SNS as moto has them): killed after any write, and end to end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from flops_auditor.aws.stores.dynamodb_mailed import DynamoDbMailedDays
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.stores.sns import SnsMailbox
from flops_auditor.domain.ledger.saved_mail import checkpoint_in
from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.bundles import Bundle
from tests.fakes.ledger_world import World
from tests.fakes.moto_kms import kms_client
from tests.fakes.tables import create_table
from tests.unit.test_seal_log import Deadly, Killed

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@dataclass
class Aws:
    """The adapters, and a queue that hears of checkpoints."""

    world: World
    records: DynamoDbRecords
    pending: DynamoDbPendingRecords
    mailbox: SnsMailbox
    mailed: DynamoDbMailedDays
    sqs: Any
    queue: str

    def add(self, count: int) -> None:
        for _ in range(count):
            made = self.world.draft()
            line = self.world.commit(made)
            self.records.commit(
                made.content["job"]["id"], StoredRecord(0, line), {"recorded_at": made.content["recorded_at"]}
            )

    def mails(self) -> list[str]:
        messages = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["Message"] for message in messages]


@pytest.fixture
def aws() -> Iterator[Aws]:
    with kms_client() as kms:
        s3 = boto3.client("s3", "us-east-1", **KEYS)
        s3.create_bucket(Bucket="archive")
        s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        dynamodb = boto3.client("dynamodb", "us-east-1", **KEYS)
        create_table(dynamodb, "records")
        sns, sqs = boto3.client("sns", "us-east-1", **KEYS), boto3.client("sqs", "us-east-1", **KEYS)
        topic = sns.create_topic(Name="checkpoints")["TopicArn"]
        queue = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        record, checkpoint = (
            KmsSigner(kms, kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"])
            for _ in range(2)
        )
        world = World(archive=S3Archive(s3, "archive"), record=record, checkpoint=checkpoint)
        yield Aws(
            world,
            DynamoDbRecords(dynamodb, "records"),
            DynamoDbPendingRecords(dynamodb, "records"),
            SnsMailbox(sns, topic),
            DynamoDbMailedDays(dynamodb, "records"),
            sqs,
            queue,
        )


@pytest.mark.parametrize("after", range(1, 7))
def test_killed_after_any_write_the_bundle_is_valid(aws: Aws, after: int, tmp_path: Path) -> None:
    aws.add(3)
    counter = [after]
    with pytest.raises(Killed):
        aws.world.seal(
            archive=Deadly(aws.world.archive, counter, ("put_if_absent",)),
            pending=Deadly(aws.pending, counter, ("mark_logged",)),
            mailbox=Deadly(aws.mailbox, counter, ("publish",)),
            mailed=aws.mailed,
        )
    aws.add(1)
    aws.world.seal(pending=aws.pending, mailbox=aws.mailbox, mailed=aws.mailed)
    assert list(aws.pending.waiting()) == []
    report = Bundle(aws.world, tmp_path).verify(pin=checkpoint_in(aws.mails()[-1].encode()))
    assert (report.findings, report.records) == ([], 4)
