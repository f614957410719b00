"""The PendingRecords port on the records table: the sparse index `pending` finds what waits, the table says if it does.

The index is read eventually, so each candidate is read again, consistently, before it is given out.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flops_auditor.aws.stores.dynamodb_records import record_sk
from flops_auditor.use_cases.ports.ledger import LogPlace, PendingRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "pending"
_KEYS_PER_CALL = 100
_WRITERS = 10
"""As many as botocore keeps connections for."""


class DynamoDbPendingRecords:
    """Needs dynamodb:Query on the index, BatchGetItem, and UpdateItem of `pending` and `log_index` alone."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def waiting(self) -> Iterator[PendingRecord]:
        """Records that still have `pending`, oldest first."""
        candidates = self._candidates()
        while keys := list(islice(candidates, _KEYS_PER_CALL)):
            items = {(item["pk"]["S"], item["sk"]["S"]): item for item in self._read(keys)}
            for key in keys:
                item = items.get((key["pk"]["S"], key["sk"]["S"]))
                if item and "pending" in item:
                    yield PendingRecord(
                        item["pk"]["S"].removeprefix("JOB#"),
                        int(item["sk"]["S"].removeprefix("RECORD#")),
                        item["envelope"]["S"].encode(),
                    )

    def mark_logged(self, places: Sequence[LogPlace]) -> None:
        """Remove `pending`, set `log_index`, of each record that has none.

        What fails is tried again after the others as long as some succeed, so that passing faults do not repeat a whole
        batch. Raises the first error of a round that noted nothing.
        """
        left = list(places)
        while left:
            failed = [(place, error) for place, error in self._mark_each(left) if error is not None]
            if len(failed) == len(left):
                raise failed[0][1]
            left = [place for place, _ in failed]

    def _mark_each(self, places: Sequence[LogPlace]) -> list[tuple[LogPlace, Exception | None]]:
        def attempt(place: LogPlace) -> Exception | None:
            try:
                self._mark(place)
            except (BotoCoreError, ClientError) as error:
                return error
            return None

        with ThreadPoolExecutor(_WRITERS) as writers:
            return list(zip(places, writers.map(attempt, places), strict=True))

    def _mark(self, place: LogPlace) -> None:
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"JOB#{place.job_id}"}, "sk": {"S": record_sk(place.revision)}},
                UpdateExpression="REMOVE pending SET log_index = :index",
                ConditionExpression="attribute_exists(pending)",
                ExpressionAttributeValues={":index": {"N": str(place.index)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _candidates(self) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="pending = :one",
            ExpressionAttributeValues={":one": {"S": "1"}},
            ProjectionExpression="pk, sk",
        )
        return chain.from_iterable(page["Items"] for page in pages)

    def _read(self, keys: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        while keys:
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}})
            yield from answer["Responses"].get(self._table, [])
            left: Mapping[str, Any] = answer.get("UnprocessedKeys", {})
            keys = left[self._table]["Keys"] if self._table in left else []
