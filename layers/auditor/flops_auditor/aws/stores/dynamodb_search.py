"""The RecordSearch port on the indexes of the table: what is asked is a key or a filter there, and never a scan.

The indexes hold superseded records, too. Revisions are counted without gaps, so a record is the newest of its job if
the next revision does not exist: this is asked for a hundred at a time, and an item that does not exist is not read.
So some more items are read than jobs are found, at most two for each superseded record (python -m bench.queries).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.stores.dynamodb_current import batch
from flops_auditor.aws.stores.dynamodb_records import record_sk
from flops_auditor.domain.values.figures import SEVERITY
from flops_auditor.use_cases.ports.records import RecordQuery

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEXES = ("lineage", "base_model", "verdict")
"""Each is sorted by the time the job ended."""
RARE = ("above", "indeterminate")
"""Verdicts that leave the fewest records, as a rule: fewer than a model, which all jobs of an account may share."""
FILTERED = ("verdict", "base_model", "region")
"""What is asked beside the key of an index; all of them have these."""
LAST = "9999-12-31T23:59:59.999Z"
"""No moment is later: DynamoDB refuses a span that ends before it begins."""


class DynamoDbRecordSearch:
    """Needs dynamodb:Query on the indexes `lineage`, `base_model` and `verdict`, and dynamodb:BatchGetItem.

    `items_read` counts what DynamoDB looked at, of the index and of the table: what it bills.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self.items_read = 0

    def fitting(self, query: RecordQuery) -> list[dict[str, str]]:
        """The newest record of each job that fits, the job that ended last first."""
        index = _index(query)
        values = [getattr(query, index)] if getattr(query, index) else list(SEVERITY)
        every = [row for value in values for row in self._indexed(query, index, value)]
        rows = list({row["job_id"]: row for row in sorted(every, key=lambda row: int(row["revision"]))}.values())
        following = [(row["pk"], record_sk(int(row["revision"]) + 1)) for row in rows]
        superseded = {key for key, _ in batch(self._client, self._table, following, "pk, sk")}
        self.items_read += len(superseded)
        newest = [row for row, key in zip(rows, following, strict=True) if key not in superseded]
        return sorted(newest, key=lambda row: row["ended_at"], reverse=True)

    def _indexed(self, query: RecordQuery, index: str, value: str) -> Iterator[dict[str, str]]:
        """The records of one key of an index, with all that is asked left to DynamoDB."""
        filters = {name: getattr(query, name) for name in FILTERED if name != index and getattr(query, name)}
        names = {"#key": index, "#ended": "ended_at"} | {f"#{name}": name for name in filters}
        values = {":key": value, ":from": query.ended_from or "0", ":until": query.ended_until or LAST}
        values |= {f":{name}": asked for name, asked in filters.items()}
        asked: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": "#key = :key AND #ended BETWEEN :from AND :until",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {name: {"S": text} for name, text in values.items()},
        }
        if filters:
            asked["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
        for page in self._client.get_paginator("query").paginate(**asked):
            self.items_read += page["ScannedCount"]
            for item in page["Items"]:
                yield {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


def _index(query: RecordQuery) -> str:
    """The one that leaves the fewest records, as a rule. A lineage is a key alone: no other index can filter by it."""
    if query.verdict in RARE and not query.lineage:
        return "verdict"
    return next((name for name in INDEXES if getattr(query, name)), "verdict")
