"""Every Records and Claims behaves alike: in memory, and on a DynamoDB table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_records import DynamoDbClaims, DynamoDbRecords
from flops_auditor.domain.runs.tags_seen import MOST_SEEN, TagsSeen
from flops_auditor.use_cases.ports.records import Claims, KnownJob, Records, StoredRecord
from tests.fakes.audit import MemoryClaims, MemoryRecords

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
JOB, OTHER = "a" * 64, "b" * 64


def table(client: Any) -> str:
    """The table as template.yaml makes it, with the index `pending` alone."""
    index_keys = [{"AttributeName": "pending", "KeyType": "HASH"}, {"AttributeName": "recorded_at", "KeyType": "RANGE"}]
    projection = {"ProjectionType": "KEYS_ONLY"}
    client.create_table(
        TableName="records",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "pending", "recorded_at")
        ],
        GlobalSecondaryIndexes=[{"IndexName": "pending", "KeySchema": index_keys, "Projection": projection}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "records"


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture(params=["memory", "dynamodb"])
def records(request: pytest.FixtureRequest, dynamodb: Any) -> Records:
    return MemoryRecords() if request.param == "memory" else DynamoDbRecords(dynamodb, table(dynamodb))


@pytest.fixture(params=["memory", "dynamodb"])
def claims(request: pytest.FixtureRequest, dynamodb: Any) -> Claims:
    return MemoryClaims() if request.param == "memory" else DynamoDbClaims(dynamodb, table(dynamodb))


def test_an_unknown_job_has_no_record(records: Records) -> None:
    assert records.latest(JOB) is None


def test_a_revision_is_committed_once(records: Records) -> None:
    assert records.commit(JOB, StoredRecord(0, b"first"), {"verdict": "below"})
    assert not records.commit(JOB, StoredRecord(0, b"second"), {"verdict": "above"})
    assert records.latest(JOB) == StoredRecord(0, b"first")


def test_the_highest_revision_is_the_latest(records: Records) -> None:
    for revision in (0, 9, 10, 2):
        assert records.commit(JOB, StoredRecord(revision, b"%d" % revision), {})
    assert records.commit(OTHER, StoredRecord(11, b"other"), {})
    assert records.latest(JOB) == StoredRecord(10, b"10")


def test_what_is_kept_of_a_job_before_its_audit_is_one_read(records: Records) -> None:
    assert records.known(JOB) == KnownJob(None, [])
    looks = [
        TagsSeen(NOW + timedelta(hours=hour), {"flops-auditor:params": f"{hour}"}) for hour in range(MOST_SEEN + 3)
    ]
    for look in looks[:3]:
        records.note_tags(JOB, look)
    records.note(JOB, "what", NOW)
    assert records.known(JOB) == KnownJob(None, looks[:3])
    for revision in range(3 * MOST_SEEN):
        assert records.commit(JOB, StoredRecord(revision, b"%d" % revision), {})
    newest = StoredRecord(3 * MOST_SEEN - 1, b"59")
    assert records.known(JOB) == KnownJob(newest, looks[:3])
    for look in looks[::-1]:
        records.note_tags(JOB, look)
    assert records.known(JOB) == KnownJob(newest, looks[:MOST_SEEN]), "more tags than are kept of a run, by a race"
    assert records.known(OTHER) == KnownJob(None, [])


def test_an_alert_is_noted_once_and_is_no_record(records: Records) -> None:
    assert not records.alert_sent(JOB, "000000#above")
    records.note_alerts(JOB, ["000000#above"], NOW)
    records.note_alerts(JOB, ["000000#above"], LATER)
    assert records.alert_sent(JOB, "000000#above")
    assert not records.alert_sent(JOB, "000001#above")
    assert not records.alert_sent(OTHER, "000000#above")
    assert records.latest(JOB) is None


def test_alerts_of_one_mail_are_noted_together_beside_those_that_were_noted(records: Records) -> None:
    records.note_alerts(JOB, [], NOW)
    records.note_alerts(JOB, ["b"], NOW)
    records.note_alerts(JOB, ["a", "b", "c", "a"], LATER)
    records.note_alerts(JOB, ["b", "c"], LATER)
    assert [records.alert_sent(JOB, name) for name in "abcd"] == [True, True, True, False]
    records.note_alerts(OTHER, [f"{number}" for number in range(101)], NOW)
    assert all(records.alert_sent(OTHER, f"{number}") for number in range(101))
    assert not records.alert_sent(OTHER, "a")


def test_a_note_keeps_its_first_time_and_is_no_alert(records: Records) -> None:
    assert records.noted(JOB, "descendants#000000") is None
    assert records.note(JOB, "descendants#000000", NOW)
    assert not records.note(JOB, "descendants#000000", LATER)
    assert records.noted(JOB, "descendants#000000") == NOW
    assert records.noted(JOB, "descendants#000001") is None
    assert not records.alert_sent(JOB, "descendants#000000")
    assert records.latest(JOB) is None


def test_tags_are_noted_in_order_and_what_was_noted_at_a_moment_stays(records: Records) -> None:
    later = TagsSeen(NOW + timedelta(minutes=15), {"flops-auditor:activity": "not-training"})
    first = TagsSeen(NOW, {})
    for seen in (later, first, TagsSeen(NOW, {"flops-auditor:activity": "fine-tuning"})):
        records.note_tags(JOB, seen)
    assert list(records.tags_seen(JOB)) == [first, later]
    assert list(records.tags_seen("1" * 64)) == []
    assert records.latest(JOB) is None


def test_a_claim_is_held_by_one_owner_until_it_expires(claims: Claims) -> None:
    assert claims.claim(JOB, "first", NOW, LATER)
    assert not claims.claim(JOB, "second", NOW, LATER)
    assert claims.claim(JOB, "first", NOW, LATER)
    assert claims.claim(OTHER, "second", NOW, LATER)
    assert claims.claim(JOB, "second", LATER + timedelta(seconds=1), LATER + timedelta(minutes=5))


def test_a_released_claim_is_free_and_only_its_owner_releases_it(claims: Claims) -> None:
    assert claims.claim(JOB, "first", NOW, LATER)
    claims.release(JOB, "second", NOW)
    assert not claims.claim(JOB, "second", NOW, LATER)
    claims.release(JOB, "first", NOW)
    assert claims.claim(JOB, "second", NOW, LATER)


def test_a_claim_is_forgotten_a_day_later(dynamodb: Any) -> None:
    """DynamoDB deletes items whose `expires`, in seconds since 1970, is over."""
    name = table(dynamodb)
    held = DynamoDbClaims(dynamodb, name)
    for give_back in (False, True):
        assert held.claim(JOB, "first", NOW, LATER)
        if give_back:
            held.release(JOB, "first", NOW)
        [item] = dynamodb.scan(TableName=name)["Items"]
        assert int(item["expires"]["N"]) >= int((NOW + timedelta(days=1)).timestamp())
