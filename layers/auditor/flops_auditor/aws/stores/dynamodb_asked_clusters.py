"""The AskedTimes port on the table of records: an item for each name of a cluster.

pk `CLUSTERSASKED#<region>`, sk the name. DynamoDB deletes that of a cluster that is gone.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.clusters import LastAsked

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_FORGOTTEN = timedelta(days=90)


class DynamoDbAskedTimes:
    """Needs dynamodb:Query and dynamodb:PutItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def asked(self, region: str) -> Mapping[str, LastAsked]:
        """Read consistently."""
        with outages("dynamodb:Query"), refusals("dynamodb:Query"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :region",
                ExpressionAttributeValues={":region": {"S": _pk(region)}},
                ConsistentRead=True,
            )
            return {item["sk"]["S"]: _parse(region, item) for page in pages for item in page["Items"]}

    def note_asked(self, last: LastAsked) -> None:
        """Replace the item of the name."""
        item: dict[str, Any] = {
            "pk": {"S": _pk(last.region)},
            "sk": {"S": last.name},
            "cluster": {"S": last.cluster},
            "asked_at": {"S": iso(last.at)},
        }
        if last.gone:
            item["expires"] = {"N": str(int((last.at + _FORGOTTEN).timestamp()))}
        with outages("dynamodb:PutItem"), refusals("dynamodb:PutItem"):
            self._client.put_item(TableName=self._table, Item=item)


def _pk(region: str) -> str:
    return f"CLUSTERSASKED#{region}"


def _parse(region: str, item: Mapping[str, Any]) -> LastAsked:
    at, gone = read_time(item["asked_at"]["S"]), "expires" in item
    return LastAsked(region, item["sk"]["S"], item["cluster"]["S"], at, gone)
