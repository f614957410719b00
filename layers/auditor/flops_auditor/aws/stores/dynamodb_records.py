"""The Records and Claims ports on one DynamoDB table: conditional puts, some in one transaction, no update, no delete.

Items: pk `JOB#<job id>` with sk `RECORD#<revision>`, `ALERT#<name>`, `NOTE#<what>` or `TAGS#<time>`; pk
`CLAIM#<subject>` with sk `CLAIM`.
The lineage index (dynamodb_lineage.py) is in the same table.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flops_auditor.aws.stores.dynamodb_batch import MOST_IN_TRANSACTION, typed
from flops_auditor.aws.stores.dynamodb_partition import expiry
from flops_auditor.domain.runs.places import AFTER_ALL
from flops_auditor.domain.runs.tags_seen import MOST_SEEN, TagsSeen, read_tags_seen
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.ledger import Identity
from flops_auditor.use_cases.ports.records import KnownJob, StoredRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ABSENT = "attribute_not_exists(pk)"
RECORD, TAGS = "RECORD#", "TAGS#"
"""How the sort keys of a job's records begin, and of its tags, which come behind."""
_BESIDE_TAGS = 2
"""Items of a job that stand between: whether it was seen without a record; and its newest record."""


def record_sk(revision: int) -> str:
    """The sort key of a record."""
    return f"RECORD#{revision:06d}"


NO_NUMBER = -1
"""In place of a revision or a leaf: whoever may write the table can put anything where records are."""
_NUMBER = re.compile("[0-9]{1,19}")


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else NO_NUMBER


def whose(item: Mapping[str, Any]) -> Identity:
    """The job and the revision that an item's keys name; NO_NUMBER where they name none."""
    sk = item["sk"]["S"]
    revision = _number(sk.removeprefix("RECORD#"))
    return item["pk"]["S"].removeprefix("JOB#"), revision if record_sk(revision) == sk else NO_NUMBER


def line_of(item: Mapping[str, Any]) -> bytes:
    """The envelope of an item; empty where it has none, which whoever parses it names."""
    return str(item.get("envelope", {}).get("S", "")).encode()


def leaf_of(item: Mapping[str, Any]) -> int | None:
    """The leaf that an item says that it is; None where it says nothing, NO_NUMBER where what it says is no number."""
    return _number(str(item["log_index"].get("N", ""))) if "log_index" in item else None


class DynamoDbRecords:
    """Needs dynamodb:Query, GetItem and PutItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def known(self, job_id: str) -> KnownJob:
        """One query backwards: tags come behind records. Where tags leave no room for the record, two more."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :record AND :tags",
            ExpressionAttributeValues={
                ":pk": {"S": f"JOB#{job_id}"},
                ":record": {"S": RECORD},
                ":tags": {"S": f"{TAGS}{AFTER_ALL}"},
            },
            ScanIndexForward=False,
            Limit=MOST_SEEN + _BESIDE_TAGS,
            ConsistentRead=True,
        )
        records = [item for item in answer["Items"] if item["sk"]["S"].startswith(RECORD)]
        if not records and "LastEvaluatedKey" in answer:
            return KnownJob(self.latest(job_id), self.tags_seen(job_id))
        tags = [_seen_in(item) for item in answer["Items"][::-1] if item["sk"]["S"].startswith(TAGS)]
        return KnownJob(_record_in(records[0]) if records else None, tags[:MOST_SEEN])

    def latest(self, job_id: str) -> StoredRecord | None:
        """The record of the highest revision, read consistently."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": f"JOB#{job_id}"}, ":sk": {"S": RECORD}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        for item in answer["Items"]:
            return _record_in(item)
        return None

    def commit(self, job_id: str, record: StoredRecord, summary: Mapping[str, str]) -> bool:
        """Put if absent; `pending` puts the record before the sealer until it has a place in the log."""
        item = {
            "kind": "record",
            **summary,
            "pk": f"JOB#{job_id}",
            "sk": record_sk(record.revision),
            "pending": "1",
            "revision": str(record.revision),
            "envelope": record.line.decode(),
        }
        return self._put(item)

    def alert_sent(self, job_id: str, alert: str) -> bool:
        """Whether the alert's item exists."""
        key = {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": f"ALERT#{alert}"}}
        return "Item" in self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)

    def note_alerts(self, job_id: str, alerts: Sequence[str], at: datetime) -> None:
        """Put the items of the alerts that have none, in one transaction, so that no death leaves only some of them."""
        items = [
            {"pk": f"JOB#{job_id}", "sk": f"ALERT#{alert}", "kind": "alert", "sent_at": iso(at)}
            for alert in dict.fromkeys(alerts)
        ]
        for start in range(0, len(items), MOST_IN_TRANSACTION):
            self._put_together(items[start : start + MOST_IN_TRANSACTION])

    def noted(self, job_id: str, what: str) -> datetime | None:
        """The time in the note's item."""
        key = {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": f"NOTE#{what}"}}
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return read_time(item["noted_at"]["S"]) if item else None

    def note(self, job_id: str, what: str, at: datetime) -> bool:
        """Put the note's item unless it exists."""
        return self._put({"pk": f"JOB#{job_id}", "sk": f"NOTE#{what}", "kind": "note", "noted_at": iso(at)})

    def tags_seen(self, job_id: str) -> Sequence[TagsSeen]:
        """The items of tags, in the order of their moments."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": f"JOB#{job_id}"}, ":sk": {"S": TAGS}},
            Limit=MOST_SEEN,
            ConsistentRead=True,
        )
        return [_seen_in(item) for item in answer["Items"]]

    def note_tags(self, job_id: str, seen: TagsSeen) -> None:
        """Put the item of a moment unless it exists."""
        body = json.dumps(seen.to_json())
        self._put({"pk": f"JOB#{job_id}", "sk": f"{TAGS}{iso(seen.at)}", "kind": "tags", "seen": body})

    def _put_together(self, items: Sequence[Mapping[str, str]]) -> None:
        """Put the items that do not exist, all in one write."""
        while len(items) > 1:
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": self._table, "Item": typed(item), "ConditionExpression": ABSENT}}
                        for item in items
                    ]
                )
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = [reason["Code"] for reason in error.response["CancellationReasons"]]
                absent = [item for item, why in zip(items, reasons, strict=True) if why != "ConditionalCheckFailed"]
                if len(absent) == len(items):
                    raise
                items = absent
            else:
                return
        for item in items:
            self._put(item)

    def _put(self, item: Mapping[str, str]) -> bool:
        try:
            self._client.put_item(TableName=self._table, Item=typed(item), ConditionExpression=ABSENT)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _record_in(item: Mapping[str, Any]) -> StoredRecord:
    return StoredRecord(whose(item)[1], line_of(item))


def _seen_in(item: Mapping[str, Any]) -> TagsSeen:
    return read_tags_seen(json.loads(item["seen"]["S"]))


FORGOTTEN = timedelta(days=1)
"""DynamoDB deletes a claim so long after it was taken or given back: its time to live is in `expires`."""


class DynamoDbClaims:
    """Needs dynamodb:PutItem on the table. A claim is an item with an owner and the time until which it holds."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def claim(self, subject: str, owner: str, now: datetime, until: datetime) -> bool:
        """Take the claim if it is free, expired, or already this owner's."""
        return self._put(
            subject, owner, now, until, "attribute_not_exists(pk) OR claimed_until < :now OR claimed_by = :me"
        )

    def release(self, subject: str, owner: str, now: datetime) -> None:
        """Let it expire now, if it is still this owner's."""
        self._put(subject, owner, now, datetime.fromtimestamp(0, now.tzinfo), "claimed_by = :me AND :now = :now")

    def _put(self, subject: str, owner: str, now: datetime, until: datetime, condition: str) -> bool:
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": f"CLAIM#{subject}"},
                    "sk": {"S": "CLAIM"},
                    "claimed_by": {"S": owner},
                    "claimed_until": {"S": iso(until)},
                    **expiry(max(now, until) + FORGOTTEN),
                },
                ConditionExpression=condition,
                ExpressionAttributeValues={":now": {"S": iso(now)}, ":me": {"S": owner}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True
