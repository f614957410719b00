"""The RecordItems port: a scan of the records table, for whoever compares it with the log."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flops_auditor.aws.calls.refusals import refusals
from flops_auditor.aws.stores.dynamodb_pending import WAITS
from flops_auditor.aws.stores.dynamodb_records import RECORD, leaf_of, line_of, whose
from flops_auditor.use_cases.ports.records import RecordItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbRecordItems:
    """Needs dynamodb:Scan on the table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def items(self) -> Iterator[RecordItem]:
        """Every item that is a record, or that waits as if it were one, read consistently."""
        with refusals("dynamodb:Scan"):
            pages = self._client.get_paginator("scan").paginate(
                TableName=self._table,
                ConsistentRead=True,
                FilterExpression="begins_with(pk, :job) AND (begins_with(sk, :record) OR pending = :waits)",
                ExpressionAttributeValues={
                    ":job": {"S": "JOB#"},
                    ":record": {"S": RECORD},
                    ":waits": {"S": WAITS},
                },
                ProjectionExpression="pk, sk, envelope, pending, log_index",
            )
            for page in pages:
                for item in page["Items"]:
                    yield RecordItem(*whose(item), line_of(item), "pending" in item, leaf_of(item))
