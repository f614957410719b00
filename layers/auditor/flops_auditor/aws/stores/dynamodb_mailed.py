"""The MailedDays port: one item of the records table, beside the claim of the sealer's rounds."""

from datetime import date
from typing import TYPE_CHECKING

from flops_auditor.aws.stores.dynamodb_batch import read_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = {"pk": {"S": "CLAIM#ROUND#seal"}, "sk": {"S": "MAILED"}}


class DynamoDbMailedDays:
    """Needs dynamodb:BatchGetItem on the table, and PutItem under the key of the sealer's rounds."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def mailed(self, day: date) -> bool:
        """Read consistently."""
        items = read_items(self._client, self._table, [KEY], "mailed_on")
        return any(item["mailed_on"]["S"] == day.isoformat() for item in items)

    def note(self, day: date) -> None:
        """Replace the item."""
        self._client.put_item(TableName=self._table, Item={**KEY, "mailed_on": {"S": day.isoformat()}})
