"""Calls that wait for nothing of one another, made at the same time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")

MOST = 10
"""Of one audit."""
MOST_AHEAD = 20
"""Of an export: evidence has at most 9 MB. Batches are read beside it: clients.py keeps connections for both."""


def side_by_side(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """The answers in the order of the calls, once all have ended; raises the first error in that order."""
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(min(MOST, len(calls))) as threads:
        begun = [threads.submit(call) for call in calls]
    return [each.result() for each in begun]


def ahead(calls: Iterable[Callable[[], Answer]]) -> Iterator[Answer]:
    """The answers in the order of the calls, of which MOST_AHEAD are made at a time or wait to be taken."""
    waiting: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(MOST_AHEAD) as threads:
        try:
            for call in calls:
                waiting.append(threads.submit(call))
                if len(waiting) == MOST_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
