"""The RecordIndex and ProgressStore ports on the DynamoDB table of records.

Progress is in items pk `RECONCILE#<region>`, sk `PROGRESS`; times are ISO 8601.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.refusals import outages
from flops_auditor.aws.stores.dynamodb_records import record_sk
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.records import ScanProgress
from flops_auditor.use_cases.ports.sources import SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_KEYS = 100
"""BatchGetItem takes no more."""
_TRIES = 8


class DynamoDbRecordIndex:
    """Needs dynamodb:BatchGetItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def recorded(self, job_ids: Sequence[str]) -> set[str]:
        """Jobs whose first record exists. Keys that DynamoDB leaves unprocessed are asked for again, with backoff."""
        unique = sorted(set(job_ids))
        found: set[str] = set()
        for first in range(0, len(unique), MOST_KEYS):
            found |= self._batch(unique[first : first + MOST_KEYS])
        return found

    def _batch(self, job_ids: Sequence[str]) -> set[str]:
        keys = [{"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": record_sk(0)}} for job_id in job_ids]
        wanted: Any = {self._table: {"Keys": keys, "ProjectionExpression": "pk", "ConsistentRead": True}}
        found: set[str] = set()
        for attempt in range(_TRIES):
            with outages("dynamodb:BatchGetItem"):
                answer = self._client.batch_get_item(RequestItems=wanted)
            found |= {item["pk"]["S"].removeprefix("JOB#") for item in answer["Responses"].get(self._table, [])}
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return found
            self._sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise SourceUnavailable(f"dynamodb:BatchGetItem left keys unprocessed {_TRIES} times")


class DynamoDbProgress:
    """Needs dynamodb:GetItem and PutItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, region: str) -> ScanProgress:
        """The region's item."""
        key = {"pk": {"S": f"RECONCILE#{region}"}, "sk": {"S": "PROGRESS"}}
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        return ScanProgress(**{f.name: read_time(item[f.name]["S"]) for f in fields(ScanProgress) if f.name in item})

    def write(self, region: str, progress: ScanProgress) -> None:
        """Replace the region's item, a place to resume at and no evidence, unless another run has come further."""
        times = {name: {"S": iso(moment)} for name, moment in asdict(progress).items() if moment is not None}
        try:
            self._client.put_item(
                TableName=self._table,
                Item={"pk": {"S": f"RECONCILE#{region}"}, "sk": {"S": "PROGRESS"}, **times},
                ConditionExpression="attribute_not_exists(complete_to) OR complete_to <= :complete_to",
                ExpressionAttributeValues={":complete_to": times.get("complete_to", {"S": ""})},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
