"""The deployed table of records: all of it, the newest record of a job, and what records say."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores import dynamodb_current
from flops_auditor.aws.stores.dynamodb_named import DynamoDbNamedRecords
from flops_auditor.aws.stores.dynamodb_search import DynamoDbRecordSearch
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.lineage.lineage import Lineage
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.find_lineage import recorded_lineage
from flops_auditor.use_cases.operations.check_health import RECENT
from flops_auditor.use_cases.ports.records import RecordQuery, RecordSearch
from flops_auditor_cli.deployment import StackValues
from flops_auditor_cli.recorded import newest, the_one

MOST_LOOKED_AT = 1000
"""Records that the doctor reads."""


def items(table: str, index: str, key: str, value: str) -> Iterator[dict[str, str]]:
    """All items of one key of an index, newest first, page by page."""
    return dynamodb_current.items(client("dynamodb"), table, index, key, value)


def on_word(table: str, now: datetime) -> list[str]:
    """Jobs that ended lately whose newest record is below on the job's own word alone."""
    query = RecordQuery(verdict="below", ended_from=iso(now - RECENT))
    below = DynamoDbRecordSearch(client("dynamodb"), table).fitting(query)[:MOST_LOOKED_AT]
    read = zip(below, contents(table, below), strict=True)
    return [item["job_name"] for item, content in read if content["rests_on"]["on_the_jobs_word"]]


def find_record(table: str, job: str) -> dict[str, str]:
    """The newest record of a job, by name, ARN or job id. Raises NoSuchRecord, SeveralJobs."""
    row = the_one(newest(items(table, "time", "kind", "record")), job)
    key = {"pk": {"S": row["pk"]}, "sk": {"S": row["sk"]}}
    item = client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    return {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


def contents(table: str, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The predicates of records of the index, in their order."""
    return dynamodb_current.contents(client("dynamodb"), table, rows)


class DeployedRecords:
    """The port `RecordSource` on a deployed stack."""

    caveats: Sequence[str] = ()

    def __init__(self, deployment: StackValues) -> None:
        self._table = deployment.output("RecordTableName")
        self._bucket = deployment.output("ArchiveBucketName")

    def rows(self) -> list[dict[str, str]]:
        """Of the index by time."""
        return newest(items(self._table, "time", "kind", "record"))

    def fitting(self, query: RecordQuery) -> list[dict[str, str]]:
        """By the index that leaves the fewest."""
        search: RecordSearch = DynamoDbRecordSearch(client("dynamodb"), self._table)
        return [dict(each) for each in search.fitting(query)]

    def named(self, job: str) -> list[dict[str, str]]:
        """From the jobs' own partitions; all there are, where no job has that name, ARN or job id as it is written."""
        return DynamoDbNamedRecords(client("dynamodb"), self._table).newest(job) or self.rows()

    def names(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        """From the jobs' first records."""
        return DynamoDbNamedRecords(client("dynamodb"), self._table).names(job_ids)

    def line(self, row: Mapping[str, str]) -> bytes:
        """From the table."""
        key = {name: {"S": row[name]} for name in ("pk", "sk")}
        item = client("dynamodb").get_item(TableName=self._table, Key=key)["Item"]
        return str(item["envelope"]["S"]).encode()

    def contents(self, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """From the table, a hundred at once."""
        return contents(self._table, rows)

    def lineage(self, content: Mapping[str, Any]) -> Lineage:
        """With what the archive has of many ancestors."""
        return recorded_lineage(dict(content), S3Archive(client("s3"), self._bucket))
