"""The AskedTimes port on the table of records: an item for each name of a cluster.

pk `CLUSTERSASKED#<region>`, sk the name. DynamoDB deletes that of a cluster that is gone.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.stores.dynamodb_partition import EXPIRES, Partition
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
        return {name: _parse(region, name, item) for name, item in self._of(region).items().items()}

    def note_asked(self, last: LastAsked) -> None:
        """Replace the item of the name."""
        texts = {"cluster": last.cluster, "asked_at": iso(last.at)}
        self._of(last.region).put(last.name, texts, last.at + _FORGOTTEN if last.gone else None)

    def _of(self, region: str) -> Partition:
        return Partition(self._client, self._table, f"CLUSTERSASKED#{region}")


def _parse(region: str, name: str, item: Mapping[str, Any]) -> LastAsked:
    return LastAsked(region, name, item["cluster"]["S"], read_time(item["asked_at"]["S"]), EXPIRES in item)
