"""The PendingRecords port on the records table: the sparse index `pending` finds what waits, the table says if it does.

The index is read eventually, so each candidate is read again, consistently, before it is given out.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flops_auditor.aws.stores.dynamodb_batch import MOST_KEYS, read_items, write_all
from flops_auditor.aws.stores.dynamodb_records import NO_NUMBER, leaf_of, line_of, record_sk, whose
from flops_auditor.use_cases.ports.ledger import Identity, LogPlace, PendingRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "pending"
WAITS = "1"


class DynamoDbPendingRecords:
    """Needs dynamodb:Query on the index, BatchGetItem, and UpdateItem of `pending` and `log_index`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def waiting(self) -> Iterator[PendingRecord]:
        """Records that still have `pending`, oldest first."""
        candidates = self._candidates()
        while keys := list(islice(candidates, MOST_KEYS)):
            read = read_items(self._client, self._table, keys, None)
            items = {(item["pk"]["S"], item["sk"]["S"]): item for item in read}
            for key in keys:
                item = items.get((key["pk"]["S"], key["sk"]["S"]))
                if item and "pending" in item:
                    yield PendingRecord(*whose(item), line_of(item))

    def mark_logged(self, places: Sequence[LogPlace]) -> None:
        """Remove `pending`, set `log_index`, of each record that has none.

        What fails is tried again after the others as long as some succeed, so that passing faults do not repeat a whole
        batch. Raises the first error of a round that noted nothing.
        """
        write_all([partial(self._note, place, "attribute_exists(pending)") for place in places])

    def places(self, identities: Collection[Identity]) -> list[LogPlace]:
        """Read consistently, 100 records a call."""
        noted = []
        known = {(f"JOB#{job}", record_sk(revision)): (job, revision) for job, revision in identities}
        keys = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in known]
        for item in read_items(self._client, self._table, keys, "pk, sk, log_index"):
            index = leaf_of(item)
            if index is not None and index != NO_NUMBER:
                noted.append(LogPlace(*known[item["pk"]["S"], item["sk"]["S"]], index))
        return noted

    def correct(self, places: Sequence[LogPlace]) -> None:
        """Raises as `mark_logged` does."""
        differs = "attribute_not_exists(log_index) OR log_index <> :index"
        wrong = f"attribute_exists(pk) AND (attribute_exists(pending) OR {differs})"
        write_all([partial(self._note, place, wrong) for place in places])

    def have_wait(self, identities: Collection[Identity]) -> None:
        """Raises as `mark_logged` does."""
        change, waits = "REMOVE log_index SET pending = :waits", {":waits": {"S": WAITS}}
        other = "attribute_exists(pk) AND attribute_not_exists(pending)"
        write_all([partial(self._update, identity, change, other, waits) for identity in identities])

    def _note(self, place: LogPlace, condition: str) -> None:
        self._update(
            place.identity,
            "REMOVE pending SET log_index = :index",
            condition,
            {":index": {"N": str(place.index)}},
        )

    def _update(self, identity: Identity, change: str, condition: str, values: dict[str, Any]) -> None:
        job_id, revision = identity
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": record_sk(revision)}},
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _candidates(self) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="pending = :one",
            ExpressionAttributeValues={":one": {"S": WAITS}},
            ProjectionExpression="pk, sk",
        )
        return chain.from_iterable(page["Items"] for page in pages)
