"""The newest records of the jobs that a name, an ARN or a job id means, read from these jobs' own partitions.

Which jobs bear a name or an ARN, the index of places says: every job leaves results there (dynamodb_lineage.py).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from flops_auditor.aws.stores.dynamodb_current import batch
from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_records import RECORD, record_sk
from flops_auditor.domain.runs.places import NAMES, Location
from flops_auditor.use_cases.ports.lineage import IndexEntry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PAGE = 100
"""Jobs of one name that are read at once: as a rule there is one."""


class DynamoDbNamedRecords:
    """Needs dynamodb:Query and BatchGetItem on the table. `items_read` counts what DynamoDB looked at."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self.items_read = 0

    def newest(self, text: str) -> list[dict[str, str]]:
        """The newest record of each job of that name, ARN or id, the job that ended last first.

        A customization job enters no name: it is found by its ARN or id alone.
        """
        places = [Location(text), Location(NAMES, (text,))]
        entered = [entry.job_id for at in places if not at.too_long for entry in self._entries(at)]
        rows = [row for job_id in dict.fromkeys([text, *entered]) for row in self._newest_of(job_id)]
        meant = [row for row in rows if text in (row["job_id"], row["job_arn"], row["job_name"])]
        return sorted(meant, key=lambda row: row.get("ended_at", ""), reverse=True)

    def names(self, job_ids: Sequence[str]) -> dict[str, str]:
        """The names of those that have a record, by job id."""
        keys = [(f"JOB#{job_id}", record_sk(0)) for job_id in job_ids]
        read = batch(self._client, self._table, keys, "pk, sk, job_name")
        return {pk.removeprefix("JOB#"): item["job_name"] for (pk, _), item in read}

    def _entries(self, at: Location) -> Iterator[IndexEntry]:
        index, after = DynamoDbLineageIndex(self._client, self._table), ""
        while page := index.exactly("output", at, after, _PAGE):
            self.items_read += len(page)
            yield from page
            after = page[-1].cursor
            if len(page) < _PAGE:
                return

    def _newest_of(self, job_id: str) -> list[dict[str, str]]:
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": f"JOB#{job_id}"}, ":sk": {"S": RECORD}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        self.items_read += answer["ScannedCount"]
        return [{name: each["S"] for name, each in item.items() if "S" in each} for item in answer["Items"]]
