"""The FileStates port on the table of records: an item for each file in the operators' bucket.

pk `CLUSTERFILES#<bucket>`, sk the file's key. A file that is gone has an item that DynamoDB deletes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flops_auditor.aws.stores.dynamodb_partition import Partition
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.clusters import FileState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_FORGOTTEN = timedelta(days=1)


class DynamoDbFileStates:
    """Needs dynamodb:Query and dynamodb:PutItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str, bucket: str) -> None:
        self._files = Partition(client, table, f"CLUSTERFILES#{bucket}")

    def states(self) -> Mapping[str, FileState]:
        """Read consistently."""
        items = self._files.items()
        return {key: _parse(key, item["state"]["S"]) for key, item in items.items() if "state" in item}

    def note(self, state: FileState) -> None:
        """Replace the file's item."""
        members = {**asdict(state), "at": iso(state.at)}
        del members["key"]
        self._files.put(state.key, {"state": json.dumps(members)})

    def forget(self, key: str, at: datetime) -> None:
        """Replace the file's item by one without a state."""
        self._files.put(key, {}, at + _FORGOTTEN)


def _parse(key: str, text: str) -> FileState:
    members = json.loads(text)
    names, unlike = tuple(members["names"]), tuple(members.get("unlike", ()))
    return FileState(key=key, **{**members, "at": read_time(members["at"]), "names": names, "unlike": unlike})
