"""A partition of the table of records whose items one adapter alone reads and replaces, each as a whole."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.calls.refusals import outages, refusals

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EXPIRES = "expires"


class Partition:
    """The items of one pk. Needs dynamodb:Query and dynamodb:PutItem on the table; both raise SourceDenied,
    SourceUnavailable.
    """

    def __init__(self, client: "DynamoDBClient", table: str, pk: str) -> None:
        self._client = client
        self._table = table
        self._pk = pk

    def items(self) -> dict[str, Mapping[str, Any]]:
        """All of them by their sk, read consistently."""
        with outages("dynamodb:Query"), refusals("dynamodb:Query"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": self._pk}},
                ConsistentRead=True,
            )
            return {item["sk"]["S"]: item for page in pages for item in page["Items"]}

    def put(self, sk: str, texts: Mapping[str, str], forgotten: datetime | None = None) -> None:
        """Replace an item; DynamoDB deletes it once it is `forgotten`, if it ever is."""
        item: dict[str, Any] = {"pk": {"S": self._pk}, "sk": {"S": sk}, **{name: {"S": texts[name]} for name in texts}}
        if forgotten is not None:
            item |= expiry(forgotten)
        with outages("dynamodb:PutItem"), refusals("dynamodb:PutItem"):
            self._client.put_item(TableName=self._table, Item=item)


def expiry(moment: datetime) -> dict[str, dict[str, str]]:
    """The attribute by which DynamoDB deletes an item (TimeToLiveSpecification), in seconds since 1970."""
    return {EXPIRES: {"N": str(int(moment.timestamp()))}}
