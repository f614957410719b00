"""The ReadingStore port on the DynamoDB table of records: how far each region's jobs were read, an item a region.

pk `<reader>#<region>` (reader RECONCILE or WATCH), sk `READING`. Each write is on condition that nobody else wrote
since the item was read.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.listing.reading import JobReading, Stretch
from flops_auditor.use_cases.ports.sources import SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TIMES = ("first_at", "began", "whole_at")


class DynamoDbReadings:
    """Needs dynamodb:GetItem and PutItem on the table. One instance serves one round at a time."""

    def __init__(self, client: "DynamoDBClient", table: str, reader: str) -> None:
        self._client = client
        self._table = table
        self._reader = reader
        self._versions: dict[str, int] = {}

    def read(self, region: str) -> JobReading:
        """The region's item."""
        with outages("dynamodb:GetItem"), refusals("dynamodb:GetItem"):
            answer = self._client.get_item(TableName=self._table, Key=self._key(region), ConsistentRead=True)
        item = answer.get("Item", {})
        self._versions[region] = int(item["version"]["N"]) if item else 0
        return _parse(item["reading"]["S"]) if item else JobReading()

    def write(self, region: str, reading: JobReading) -> None:
        """Replace the region's item. Raises SourceUnavailable when another round has replaced it since it was read."""
        version = self._versions.get(region, 0)
        with outages("dynamodb:PutItem"), refusals("dynamodb:PutItem"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item={
                        **self._key(region),
                        "reading": {"S": _text(reading)},
                        "version": {"N": str(version + 1)},
                    },
                    ConditionExpression="attribute_not_exists(pk) OR version = :read",
                    ExpressionAttributeValues={":read": {"N": str(version)}},
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                raise SourceUnavailable(f"another round reads the jobs of {region}") from error
        self._versions[region] = version + 1

    def _key(self, region: str) -> dict[str, Any]:
        return {"pk": {"S": f"{self._reader}#{region}"}, "sk": {"S": "READING"}}


def _text(reading: JobReading) -> str:
    times = {name: iso(moment) for name in _TIMES if (moment := getattr(reading, name)) is not None}
    stretches = [[*(_written(at) for at in (s.newer, s.older, s.asked)), s.token] for s in reading.stretches]
    return json.dumps({**times, "pages": reading.pages, "stretches": stretches})


def _parse(text: str) -> JobReading:
    document = json.loads(text)
    return JobReading(
        stretches=tuple(
            Stretch(read_time(newer), _moment(older), token, _moment(asked))
            for newer, older, asked, token in document["stretches"]
        ),
        pages=document["pages"],
        **{name: read_time(document[name]) for name in _TIMES if name in document},
    )


def _written(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


def _moment(text: str | None) -> datetime | None:
    return read_time(text) if text else None
