"""The LineageIndex port on the DynamoDB table of the records: puts and queries alone.

Items: pk `OUTPUT#<space>`, `INPUT#<space>`, `DIRECTORY#<space>` or `PREFIX#<folder>`; sk `<path>#<creation time>#<job
id>`, where every segment of the path is closed by "/" and holds no "#". So "everything below s3://b/run1" never matches
s3://b/run10. Results stand once more under `OUTPUT-OF#<role>#<space>`, and those that count for everybody under
`OUTPUT-OF##<space>`: whoever fills a place hides only what his role left there.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flops_auditor.aws.stores.dynamodb_batch import put_all
from flops_auditor.aws.stores.lineage_look import LineageLook, LineageRanges
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.s3_spellings import read_s3
from flops_auditor.use_cases.ports.lineage import ANYBODY, IndexEntry, IndexKind, read_under

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbLineageIndex(LineageRanges):
    """Needs dynamodb:Query and PutItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, entries: Sequence[tuple[IndexKind, IndexEntry]]) -> None:
        """Put the items, which are the same whenever they are put again, in as few calls as possible."""
        items = [_item(kind, entry, role) for kind, entry in entries for role in read_under(kind, entry)]
        put_all(self._client, self._table, items)

    def look(self, places: Sequence[Location]) -> LineageLook:
        """Reads that keep what they have read."""
        return LineageLook(self, places)

    def between(
        self,
        kind: IndexKind,
        at: Location,
        low: str,
        high: str,
        limit: int,
        *,
        newest_first: bool,
        role: str | None = ANYBODY,
    ) -> Sequence[IndexEntry]:
        """One query, read consistently."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": {"S": _pk(kind, at, role)}, ":low": {"S": low}, ":high": {"S": high}},
            ScanIndexForward=not newest_first,
            Limit=limit,
            ConsistentRead=True,
        )
        entries = []
        for item in answer["Items"]:
            text = {key: value["S"] for key, value in item.items()}
            path = tuple(part for part in text["path"].split("/") if part)
            location = Location(text["space"], path)
            job = (text["created"], text["job_id"], text["job_arn"], text["family"])
            whose, ended = (text.get(name, "") for name in ("role", "ended"))
            checkpoint, succeeded = (bool(text.get(name)) for name in ("checkpoint", "succeeded"))
            artifact = read_s3(text.get("artifact", ""))
            entries.append(IndexEntry(location, *job, checkpoint, whose, ended, artifact, succeeded))
        return entries


def _item(kind: IndexKind, entry: IndexEntry, role: str | None) -> dict[str, str]:
    return {
        "pk": _pk(kind, entry.location, role),
        "sk": entry.cursor,
        "space": entry.location.space,
        "path": "/".join(entry.location.path),
        "created": entry.created,
        "job_id": entry.job_id,
        "job_arn": entry.job_arn,
        "family": entry.family,
        "checkpoint": "yes" if entry.checkpoint else "",
        "role": entry.role,
        "ended": entry.ended,
        "artifact": f"{entry.artifact}/" if entry.artifact else "",
        "succeeded": "yes" if entry.succeeded else "",
    }


def _pk(kind: IndexKind, at: Location, role: str | None) -> str:
    return f"{kind.upper()}#{at.space}" if role is ANYBODY else f"{kind.upper()}-OF#{role}#{at.space}"
