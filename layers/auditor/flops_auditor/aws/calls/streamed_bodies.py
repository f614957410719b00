"""Bodies of S3's objects that break off while they are read, which botocore does not ask for again."""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError

T = TypeVar("T")


def read_again(read: Callable[[], T], readings: int) -> T:
    """What `read` gives, which asks for a body and reads it, after at most so many readings. Raises the last one's
    BotoCoreError, and at once whatever else it raises.
    """
    for remaining in reversed(range(readings)):
        try:
            return read()
        except BotoCoreError:
            if not remaining:
                raise
    raise AssertionError("unreachable")
