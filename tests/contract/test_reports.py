"""What a report reads and keeps on AWS: the newest records of the table, and the pages in the bucket."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_current import DynamoDbCurrentRecords
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.s3_reports import LATEST, S3Reports
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.use_cases.auditing.keep_record import bill_found_by
from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import START, draft
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.signed_bills import october, signed

SIGNER = MemorySigner("record")
REGION: dict[str, str] = {"region_name": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture
def table() -> Iterator[Any]:
    """As template.yaml makes it, with the index `time` alone: three jobs, one of which was superseded, and a claim."""
    with mock_aws():
        client = boto3.client("dynamodb", **REGION)
        names = ("pk", "sk", "kind", "recorded_at")
        keys = [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "recorded_at", "KeyType": "RANGE"}]
        client.create_table(
            TableName="records",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            GlobalSecondaryIndexes=[
                {"IndexName": "time", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        for number, revision in ((0, 0), (1, 0), (1, 1), (2, 0)):
            made = draft(number, START, revision=revision)
            content = made.content
            item = {
                "pk": f"JOB#{content['job']['id']}",
                "sk": f"RECORD#{revision:06d}",
                "kind": "record",
                "job_id": content["job"]["id"],
                "revision": str(revision),
                "recorded_at": content["recorded_at"],
                "verdict": content["verdict"],
                "lineage": "first run",
                "envelope": made.line(SIGNER).decode(),
            }
            client.put_item(TableName="records", Item={name: {"S": value} for name, value in item.items()})
        client.put_item(TableName="records", Item={"pk": {"S": "CLAIM#x"}, "sk": {"S": "CLAIM"}})
        yield client


def test_the_newest_record_of_each_job_is_read_and_the_history_of_all(table: Any) -> None:
    records = DynamoDbCurrentRecords(table, "records")
    newest = [(each.content["job"]["name"], each.content["revision"], each.lineage) for each in records.newest()]
    assert sorted(newest) == [
        ("secret-job-000000", 0, "first run"),
        ("secret-job-000001", 1, "first run"),
        ("secret-job-000002", 0, "first run"),
    ]
    job_id = draft(1, START).content["job"]["id"]
    assert [(c["job"]["id"], c["revision"]) for c in records.contents([job_id])] == [(job_id, 1)]
    assert list(records.contents([])) == []
    assert sorted(each.revision for each in records.history() if each.job_id == job_id) == [0, 1]
    assert {each.group for each in records.history()} == {None}
    first = [each for each in records.history() if each.job_id == job_id and not each.revision]
    assert [(c["job"]["id"], c["revision"]) for c in records.superseded(first)] == [(job_id, 0)]


def test_the_statement_on_a_bill_that_was_made_last_is_read_and_is_no_record(table: Any) -> None:
    records = DynamoDbCurrentRecords(table, "records")
    assert records.bill() is None
    ledger = LiveLedger()
    ledger.seal()
    for hours in (1, 2):
        ledger.clock.now += timedelta(minutes=1)
        signed(ledger, october(hours))
    for record in ledger.pending.records.values():
        found_by = bill_found_by(predicate_of(record.line))
        DynamoDbRecords(table, "records").commit(record.job_id, StoredRecord(record.revision, record.line), found_by)
    bill = DynamoDbCurrentRecords(table, "records").bill()
    assert bill is not None
    assert bill["revision"] == 1
    assert len(list(DynamoDbCurrentRecords(table, "records").history())) == 4


def test_a_page_is_kept_as_that_of_its_day_and_as_the_newest() -> None:
    with mock_aws():
        client = boto3.client("s3", **REGION)
        client.create_bucket(Bucket="pages", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        reports = S3Reports(client, "pages")
        today = date(2026, 11, 24)
        assert reports.last_before(today) is None
        with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC), tick=False):
            assert reports.keep(b"<p>old", date(2026, 11, 23)) == "reports/2026-11-23.html"
        assert reports.keep(b"<p>new", today) == "reports/2026-11-24.html"
        found = client.get_object(Bucket="pages", Key=LATEST)
        assert (found["Body"].read(), found["ContentType"]) == (b"<p>new", "text/html; charset=utf-8")
        assert reports.last_before(today) == datetime(2026, 11, 23, 12, tzinfo=UTC)
        assert reports.last_before(date(2026, 11, 23)) is None
