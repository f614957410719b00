"""Calls that are made side by side, in turn: so every run of a test makes the same calls in the same order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Self
from unittest.mock import patch


class InTurn:
    """In place of a pool of threads: runs what it was given when it is left, in order or the other way round."""

    backwards = False

    def __init__(self, _: int) -> None:
        self._begun: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        """Have it run."""
        future: Future[Any] = Future()
        self._begun.append((future, call))
        return future

    def map(self, call: Callable[[Any], Any], each: Sequence[Any]) -> list[Any]:
        """Run it for each of these now, in order or the other way round; what came of them, in order."""
        if self.backwards:
            return [call(one) for one in each[::-1]][::-1]
        return [call(one) for one in each]

    def run(self, call: Callable[[], Any]) -> Any:
        """Run one."""
        return call()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for future, call in self._begun[::-1] if self.backwards else self._begun:
            try:
                future.set_result(self.run(call))
            except BaseException as error:
                future.set_exception(error)


class Backwards(InTurn):
    """The other way round."""

    backwards = True


@contextmanager
def in_turn(pool: type[InTurn] = InTurn) -> Iterator[None]:
    """Without threads."""
    with (
        patch("flops_auditor.aws.calls.side_by_side.ThreadPoolExecutor", pool),
        patch("flops_auditor.aws.stores.dynamodb_batch.ThreadPoolExecutor", pool),
    ):
        yield
