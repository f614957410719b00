"""The table of records is lost, and rebuilt from the archive: on DynamoDB and S3, and in memory."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.lineage.lineage import NO_LINEAGE
from flops_auditor.domain.values.archive_keys import record_key
from flops_auditor.use_cases.auditing.keep_record import summary
from flops_auditor.use_cases.operations import rebuild_index as rebuilding
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.audit import MemoryIndex, MemoryRecords
from tests.fakes.ledger_world import World, real_draft
from tests.fakes.tables import create_table


@pytest.fixture
def aws() -> Iterator[tuple[Any, Any]]:
    with mock_aws():
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        s3 = boto3.client("s3", "us-east-1", **keys)
        s3.create_bucket(Bucket="archive")
        s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        yield s3, boto3.client("dynamodb", "us-east-1", **keys)


class TableOfTheWorld:
    """Lets the ledger in memory commit to the real table as the recorder does."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        create_table(dynamodb, table)
        self.records = DynamoDbRecords(dynamodb, table)
        self.pending = DynamoDbPendingRecords(dynamodb, table)
        self.index = DynamoDbLineageIndex(dynamodb, table)
        self._dynamodb, self._table = dynamodb, table

    def add(self, world: World, count: int) -> None:
        for _ in range(count):
            made = real_draft(world.made, world.at)
            world.made += 1
            line = world.commit(made)
            self.records.commit(made.content["job"]["id"], StoredRecord(0, line), summary(made.content, NO_LINEAGE))

    def items(self) -> dict[tuple[str, str], Any]:
        found = self._dynamodb.scan(TableName=self._table)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in found if item["sk"]["S"].startswith("RECORD#")}


def test_a_lost_table_comes_back_as_it_was(aws: tuple[Any, Any]) -> None:
    s3, dynamodb = aws
    world = World(archive=S3Archive(s3, "archive"))
    table = TableOfTheWorld(dynamodb, "records")
    table.add(world, 3)
    world.seal(pending=table.pending)
    table.add(world, 2)
    before = table.items()
    assert sum("log_index" in item for item in before.values()) == 3
    lost = TableOfTheWorld(dynamodb, "again")
    rebuilt = rebuild_index(world.archive, lost.records, lost.pending, lost.index)
    assert (rebuilt.written, rebuilt.known, rebuilt.logged, rebuilt.skipped) == (5, 0, 3, ())
    assert lost.items() == before
    again = rebuild_index(world.archive, lost.records, lost.pending, lost.index)
    assert (again.written, again.known) == (0, 5)
    assert lost.items() == before
    sealed = world.seal(pending=lost.pending)
    assert sealed.records == 2
    assert list(lost.pending.waiting()) == []


def test_a_record_that_cannot_be_read_is_named_and_the_others_come_back(aws: tuple[Any, Any]) -> None:
    s3, dynamodb = aws
    world = World(archive=S3Archive(s3, "archive"))
    table = TableOfTheWorld(dynamodb, "records")
    table.add(world, 2)
    world.archive.put_if_absent(record_key("f" * 64, 0), b"no record")
    rebuilt = rebuild_index(world.archive, table.records, table.pending, table.index)
    assert (rebuilt.written, rebuilt.known) == (0, 2)
    assert [key for key, _ in rebuilt.skipped] == [record_key("f" * 64, 0)]


def test_places_that_the_table_has_otherwise_are_noted_as_the_log_has_them(aws: tuple[Any, Any]) -> None:
    s3, dynamodb = aws
    world = World(archive=S3Archive(s3, "archive"))
    table = TableOfTheWorld(dynamodb, "records")
    table.add(world, 3)
    world.seal(pending=table.pending)
    table.add(world, 1)
    before = table.items()
    for pk, sk in before:
        dynamodb.update_item(
            TableName="records", Key={"pk": {"S": pk}, "sk": {"S": sk}}, UpdateExpression="REMOVE pending, log_index"
        )
    rebuild_index(world.archive, table.records, table.pending, table.index)
    assert table.items() == before


def test_of_a_record_that_a_batch_has_twice_the_first_place_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    line = world.commit(real_draft(0, world.at))
    world.seal()
    monkeypatch.setattr(rebuilding, "batches", lambda *_: iter([(0, [line, line]), (2, [line])]))
    rebuilt = rebuild_index(world.archive, MemoryRecords(), world.pending, MemoryIndex())
    assert rebuilt.logged == 1
    assert list(world.pending.logged.values()) == [0]
