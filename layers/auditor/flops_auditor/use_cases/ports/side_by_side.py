"""Making calls that wait for nothing of one another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

Answer = TypeVar("Answer")

SideBySide = Callable[[Sequence[Callable[[], Any]]], list[Any]]
"""Makes the calls and gives their answers in their order; raises the first error in that order. A call must not need
that another one was made, nor that it was not.
"""


GROUP = 10
"""Calls of `in_groups` at a time."""

Ahead = Callable[[Iterable[Callable[[], Any]]], Iterator[Any]]
"""Makes calls before their answers are asked for, some at a time, and gives the answers in the order of the calls; as
many as are made at a time are in memory. Raises the first error in that order.
"""


def in_turn(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """One after another."""
    return [call() for call in calls]


def in_groups(calls: Sequence[Callable[[], Any]], at_once: SideBySide) -> Iterator[Any]:
    """A few side by side at a time, the next ones when their answers are asked for, and none after an error."""
    for begin in range(0, len(calls), GROUP):
        yield from at_once(calls[begin : begin + GROUP])


def each_when_asked(calls: Iterable[Callable[[], Any]]) -> Iterator[Any]:
    """Each when its answer is asked for."""
    return (call() for call in calls)


def tried(call: Callable[[], Answer]) -> Callable[[], Answer]:
    """Make a call now, and have its answer, or its error, when that is asked for."""
    try:
        answer = call()
    except Exception as error:
        return partial(_raise, error)
    return lambda: answer


def _raise(error: Exception) -> Any:
    raise error
