"""Many items of a table at once: read by their keys, written each by its own call."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.use_cases.ports.sources import SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_KEYS = 100
"""BatchGetItem takes no more."""
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
