"""The FileStates port on the table of records: an item for each file in the operators' bucket.

pk `CLUSTERFILES#<bucket>`, sk the file's key. A file that is gone has an item that DynamoDB deletes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.clusters import FileState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_FORGOTTEN = timedelta(days=1)


class DynamoDbFileStates:
    """Needs dynamodb:Query and dynamodb:PutItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str, bucket: str) -> None:
        self._client = client
        self._table = table
        self._pk = f"CLUSTERFILES#{bucket}"

    def states(self) -> Mapping[str, FileState]:
        """Read consistently."""
        states = dict[str, FileState]()
        with outages("dynamodb:Query"), refusals("dynamodb:Query"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :bucket",
                ExpressionAttributeValues={":bucket": {"S": self._pk}},
                ConsistentRead=True,
            )
            for page in pages:
                for item in page["Items"]:
                    if "state" in item:
                        states[item["sk"]["S"]] = _parse(item["sk"]["S"], item["state"]["S"])
        return states

    def note(self, state: FileState) -> None:
        """Replace the file's item."""
        members = {**asdict(state), "at": iso(state.at)}
        del members["key"]
        self._put(state.key, state={"S": json.dumps(members)})

    def forget(self, key: str, at: datetime) -> None:
        """Replace the file's item by one without a state."""
        self._put(key, expires={"N": str(int((at + _FORGOTTEN).timestamp()))})

    def _put(self, key: str, **attributes: Any) -> None:
        with outages("dynamodb:PutItem"), refusals("dynamodb:PutItem"):
            self._client.put_item(TableName=self._table, Item={"pk": {"S": self._pk}, "sk": {"S": key}, **attributes})


def _parse(key: str, text: str) -> FileState:
    members = json.loads(text)
    names, unlike = tuple(members["names"]), tuple(members.get("unlike", ()))
    return FileState(key=key, **{**members, "at": read_time(members["at"]), "names": names, "unlike": unlike})
