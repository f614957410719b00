"""Calls that wait for nothing of one another, made at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")

MOST = 10
"""As many as botocore keeps connections for."""


def side_by_side(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """The answers in the order of the calls, once all have ended; raises the first error in that order."""
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(min(MOST, len(calls))) as threads:
        begun = [threads.submit(call) for call in calls]
    return [each.result() for each in begun]
