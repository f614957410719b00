"""The newest record of every job, read from the table of records by its index `time`.

The index may lag behind a write by a moment; what is read of a record itself is not older than the index was.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from flops_auditor.aws.stores.dynamodb_batch import MOST_KEYS, read_items
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.messages.report.report import RecordedRevision
from flops_auditor.domain.values.figures import Verdict
from flops_auditor.use_cases.operations.report_ledger import NewestRecord
from flops_auditor.use_cases.ports.records import BILL

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbCurrentRecords:
    """Needs dynamodb:Query on the index `time`, and dynamodb:BatchGetItem on the table. Reads the index once."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    @cached_property
    def _items(self) -> list[dict[str, str]]:
        return list(items(self._client, self._table, "time", "kind", "record"))

    def history(self) -> Iterator[RecordedRevision]:
        """Every record, superseded ones too."""
        for item in self._items:
            verdict = cast(Verdict, item["verdict"])
            group = None if verdict == "below" else verdict  # the index does not say whether on the job's word
            yield RecordedRevision(item["job_id"], int(item["revision"]), item["recorded_at"], group)

    def superseded(self, revisions: Sequence[RecordedRevision]) -> Iterator[dict[str, Any]]:
        """The predicates of these records, a hundred in memory at a time."""
        wanted = {(each.job_id, each.revision) for each in revisions}
        yield from self._read([item for item in self._items if (item["job_id"], int(item["revision"])) in wanted])

    @cached_property
    def _newest(self) -> dict[str, dict[str, str]]:
        in_order = sorted(self._items, key=lambda item: int(item["revision"]))
        return {item["job_id"]: item for item in in_order}  # a later revision takes the place of an earlier one

    def newest(self) -> Iterator[NewestRecord]:
        """Of every job, a hundred in memory at a time."""
        keys = [(item["pk"], item["sk"]) for item in self._newest.values()]
        for first in range(0, len(keys), MOST_KEYS):
            asked = keys[first : first + MOST_KEYS]
            read = dict(batch(self._client, self._table, asked, "pk, sk, envelope, lineage"))
            for key in asked:
                yield NewestRecord(predicate_of(read[key]["envelope"].encode()), read[key]["lineage"])

    def contents(self, job_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The predicates of the newest records of these jobs, a hundred in memory at a time."""
        wanted = frozenset(job_ids)
        yield from self._read([item for job_id, item in self._newest.items() if job_id in wanted])

    def bill(self) -> dict[str, Any] | None:
        """By the index `time`, where statements on bills have a key of their own."""
        last = next(items(self._client, self._table, "time", "kind", BILL), None)
        return None if last is None else next(self._read([last]))

    def _read(self, rows: Sequence[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
        for first in range(0, len(rows), MOST_KEYS):
            yield from contents(self._client, self._table, rows[first : first + MOST_KEYS])


def items(client: "DynamoDBClient", table: str, index: str, key: str, value: str) -> Iterator[dict[str, str]]:
    """All items of one key of an index, newest first, page by page."""
    pages = client.get_paginator("query").paginate(
        TableName=table,
        IndexName=index,
        KeyConditionExpression="#key = :value",
        ExpressionAttributeNames={"#key": key},
        ExpressionAttributeValues={":value": {"S": value}},
        ScanIndexForward=False,
    )
    for page in pages:
        for item in page["Items"]:
            yield {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


def contents(client: "DynamoDBClient", table: str, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The predicates of records of the index, in their order."""
    keys = [(item["pk"], item["sk"]) for item in rows]
    lines = {key: item["envelope"].encode() for key, item in batch(client, table, keys, "pk, sk, envelope")}
    return [predicate_of(lines[key]) for key in keys]


def batch(
    client: "DynamoDBClient", table: str, keys: Sequence[tuple[str, str]], attributes: str
) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    """Those of the items (partition and sort key) that exist, in any order."""
    asked = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in keys]
    for item in read_items(client, table, asked, attributes, consistent=False):
        yield (item["pk"]["S"], item["sk"]["S"]), {name: value["S"] for name, value in item.items()}
