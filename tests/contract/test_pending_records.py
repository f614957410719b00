"""Every PendingRecords behaves alike: in memory, and on DynamoDB."""

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_items import DynamoDbRecordItems
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.use_cases.ports.ledger import LogPlace, PendingRecord, PendingRecords
from flops_auditor.use_cases.ports.records import RecordItem, RecordItems, StoredRecord
from tests.fakes.ledger import MemoryPendingRecords, MemoryRecordItems
from tests.fakes.tables import create_table

Store = tuple[PendingRecords, Callable[[PendingRecord, str], None]]


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        memory = MemoryPendingRecords()
        yield memory, lambda record, _: memory.commit(record)
        return
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        create_table(client, "records")
        records = DynamoDbRecords(client, "records")

        def commit(record: PendingRecord, at: str) -> None:
            assert records.commit(record.job_id, StoredRecord(record.revision, record.line), {"recorded_at": at})

        yield DynamoDbPendingRecords(client, "records"), commit


def items_of(pending: PendingRecords) -> RecordItems:
    """Everything that the same table has of records."""
    if isinstance(pending, MemoryPendingRecords):
        return MemoryRecordItems(pending)
    client = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    return DynamoDbRecordItems(client, "records")


def record(number: int, revision: int = 0) -> PendingRecord:
    return PendingRecord(sha256(b"%d" % number).hexdigest(), revision, b"line %d" % number)


def test_what_waits_comes_oldest_first_until_it_has_a_place(store: Store) -> None:
    pending, commit = store
    assert list(pending.waiting()) == []
    made = [record(number, revision=number % 2) for number in range(230)]
    for number, one in enumerate(made):
        commit(one, f"2026-11-01T00:{number // 60:02d}:{number % 60:02d}.000Z")
    assert list(pending.waiting()) == made
    pending.mark_logged([LogPlace(one.job_id, one.revision, index) for index, one in enumerate(made[:120])])
    assert list(pending.waiting()) == made[120:]


def test_noting_a_place_again_or_of_a_lost_record_is_no_error(store: Store) -> None:
    pending, commit = store
    commit(record(1), "2026-11-01T00:00:00.000Z")
    places = [LogPlace(record(1).job_id, 0, 5), LogPlace(record(2).job_id, 0, 6)]
    pending.mark_logged(places)
    pending.mark_logged(places)
    assert list(pending.waiting()) == []
    commit(record(2), "2026-11-01T00:00:00.000Z")
    assert list(pending.waiting()) == [record(2)]


def test_a_record_that_the_index_still_shows_is_not_given_out() -> None:
    """The index lags behind the table; the table decides."""
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        create_table(client, "records")
        DynamoDbRecords(client, "records").commit(
            record(1).job_id, StoredRecord(0, b"line 1"), {"recorded_at": "2026-11-01T00:00:00.000Z"}
        )
        pending = DynamoDbPendingRecords(client, "records")
        seen = pending._candidates()
        keys = list(seen)
        pending.mark_logged([LogPlace(record(1).job_id, 0, 3)])
        pending._candidates = lambda: iter(keys)  # type: ignore[method-assign]
        assert list(pending.waiting()) == []
        item = client.get_item(
            TableName="records", Key={"pk": {"S": f"JOB#{record(1).job_id}"}, "sk": {"S": "RECORD#000000"}}
        )["Item"]
        assert item["log_index"] == {"N": "3"}


def test_places_whose_note_failed_are_noted_again_while_some_succeed() -> None:
    class Faulty:
        """Fails its first calls."""

        def __init__(self, faults: int) -> None:
            self.faults, self.noted = faults, Counter[str]()

        def update_item(self, *, Key: dict[str, dict[str, str]], **_: object) -> None:  # noqa: N803 - boto3's name
            self.faults -= 1
            if self.faults >= 0:
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1")
            self.noted[Key["pk"]["S"]] += 1

    places = [LogPlace(record(number).job_id, 0, number) for number in range(5)]
    client: Any = Faulty(4)
    DynamoDbPendingRecords(client, "records").mark_logged(places)
    assert client.noted == Counter({f"JOB#{place.job_id}": 1 for place in places})
    client = Faulty(100)
    with pytest.raises(EndpointConnectionError):
        DynamoDbPendingRecords(client, "records").mark_logged(places)
    assert client.faults == 100 - len(places)


def test_every_record_of_the_table_comes_with_its_place_or_waits(store: Store) -> None:
    pending, commit = store
    made = [record(number, revision=number % 2) for number in range(30)]
    for number, one in enumerate(made):
        commit(one, f"2026-11-01T00:00:{number:02d}.000Z")
    pending.mark_logged([LogPlace(one.job_id, one.revision, 7 + place) for place, one in enumerate(made[:10])])
    found = sorted(
        items_of(pending).items(), key=lambda item: made.index(PendingRecord(item.job_id, item.revision, item.line))
    )
    assert found == [
        RecordItem(one.job_id, one.revision, one.line, place >= 10, 7 + place if place < 10 else None)
        for place, one in enumerate(made)
    ]


def test_places_are_told_as_they_are_noted_and_corrected_whatever_is_noted(store: Store) -> None:
    pending, commit = store
    made = [record(number, revision=number % 2) for number in range(102)]
    for one in made[:-1]:
        commit(one, "2026-11-01T00:00:00.000Z")
    places = [LogPlace(one.job_id, one.revision, index) for index, one in enumerate(made)]
    asked = [(one.job_id, one.revision) for one in made]
    assert pending.places(asked) == []
    pending.mark_logged(places[:40])
    assert sorted(pending.places(asked), key=lambda place: place.index) == places[:40]
    true = [LogPlace(place.job_id, place.revision, 500 + place.index) for place in places]
    pending.correct(true[30:])
    pending.have_wait(asked[:30])
    assert sorted(pending.places(asked), key=lambda place: place.index) == true[30:-1]
    assert sorted(one.job_id for one in pending.waiting()) == sorted(one.job_id for one in made[:30])


JUNK: dict[str, dict[str, Any]] = {
    "no envelope": {"sk": {"S": "NOTE#1"}},
    "no revision": {"sk": {"S": "RECORD#zzz"}, "envelope": {"S": "{}"}},
    "another spelling": {"sk": {"S": "RECORD#7"}, "envelope": {"S": "{}"}},
    "endless": {"sk": {"S": "RECORD#" + "9" * 900}, "envelope": {"S": "{}"}},
    "bytes": {"sk": {"S": "RECORD#000000"}, "envelope": {"B": b"{}"}},
    "a leaf of parts": {"sk": {"S": "RECORD#000001"}, "envelope": {"S": "{}"}, "log_index": {"N": "1.5"}},
    "a large leaf": {"sk": {"S": "RECORD#000002"}, "envelope": {"S": "{}"}, "log_index": {"N": "1E+120"}},
    "a leaf of text": {"sk": {"S": "RECORD#000003"}, "envelope": {"S": "{}"}, "log_index": {"S": "x"}},
}


@mock_aws
def test_items_that_are_no_records_are_given_out_as_what_they_are() -> None:
    client = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    create_table(client, "records")
    for item in JUNK.values():
        waits = {"pk": {"S": "JOB#x"}, "pending": {"S": "1"}, "recorded_at": {"S": "2026-11-24T00:00:00.000Z"}}
        client.put_item(TableName="records", Item={**waits, **item})
    pending = DynamoDbPendingRecords(client, "records")
    assert sorted((one.revision, one.line) for one in pending.waiting()) == sorted(
        [(-1, b""), (-1, b"{}"), (-1, b"{}"), (-1, b"{}"), (0, b""), (1, b"{}"), (2, b"{}"), (3, b"{}")]
    )
    assert pending.places([("x", 1), ("x", 2), ("x", 3)]) == []
    seen = {"pk": {"S": "JOB#y"}, "sk": {"S": "SEEN"}, "pending": {"S": "SEEN#eu-west-1"}}
    client.put_item(TableName="records", Item=seen)
    assert {item.job_id for item in DynamoDbRecordItems(client, "records").items()} == {"x"}, (
        "a job that runs waits, too"
    )
    indexes = {item.revision: item.index for item in DynamoDbRecordItems(client, "records").items()}
    assert indexes == {-1: None, 0: None, 1: -1, 2: -1, 3: -1}
