"""Many items of a table at once: read by their keys, written in transactions, or each by its own call."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.use_cases.ports.sources import SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

MOST_KEYS = 100
"""BatchGetItem takes no more."""
MOST_IN_TRANSACTION = 100
"""Items of one TransactWriteItems: DynamoDB's quota."""
_TRIES = 8
_WRITERS = 10
"""As many as botocore keeps connections for."""


def read_items(
    client: "DynamoDBClient",
    table: str,
    keys: Sequence[Mapping[str, Any]],
    attributes: str | None,
    sleep: Callable[[float], None] = time.sleep,
    *,
    consistent: bool = True,
) -> Iterator[Mapping[str, Any]]:
    """Those of the items that exist, in any order; keys that DynamoDB leaves unprocessed are asked for again, with
    backoff.

    Raises SourceDenied, SourceUnavailable.
    """
    for first in range(0, len(keys), MOST_KEYS):
        wanted: Any = {table: {"Keys": list(keys[first : first + MOST_KEYS]), "ConsistentRead": consistent}}
        if attributes:
            wanted[table]["ProjectionExpression"] = attributes
        for attempt in range(_TRIES):
            with outages("dynamodb:BatchGetItem"), refusals("dynamodb:BatchGetItem"):
                answer = client.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"].get(table, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                break
            sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter, not a secret
        else:
            raise SourceUnavailable(f"dynamodb:BatchGetItem left keys unprocessed {_TRIES} times")


def typed(item: Mapping[str, str]) -> dict[str, "UniversalAttributeValueTypeDef"]:
    """An item of text alone, as DynamoDB takes it."""
    return {name: {"S": value} for name, value in item.items()}


def put_all(client: "DynamoDBClient", table: str, items: Sequence[Mapping[str, str]]) -> None:
    """Put items, whatever is there: a hundred in one transaction, which needs no right but dynamodb:PutItem. Where it
    is cancelled, since somebody else puts one of them at the moment, each by its own call.
    """
    unique = list({(item["pk"], item["sk"]): item for item in items}.values())
    for first in range(0, len(unique), MOST_IN_TRANSACTION):
        together = unique[first : first + MOST_IN_TRANSACTION]
        if len(together) > 1:
            with suppress(client.exceptions.TransactionCanceledException):
                client.transact_write_items(
                    TransactItems=[{"Put": {"TableName": table, "Item": typed(item)}} for item in together]
                )
                continue
        for item in together:
            client.put_item(TableName=table, Item=typed(item))


def write_all(calls: Sequence[Callable[[], object]]) -> None:
    """Make all calls, some at a time; those that fail again, while others succeed. Raises the first error else."""
    left = list(calls)
    with ThreadPoolExecutor(_WRITERS) as writers:
        while left:
            failed = [(call, error) for call, error in zip(left, writers.map(_error_of, left), strict=True) if error]
            if len(failed) == len(left):
                raise failed[0][1]
            left = [call for call, _ in failed]


def _error_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except (BotoCoreError, ClientError) as error:
        return error
    return None
