"""Calls side by side are made at the same time; what they answer does not depend on which one ends first."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from threading import Barrier, Lock
from time import sleep
from typing import Any
from unittest.mock import MagicMock, patch

import pytest

from flops_auditor.aws.calls import clients
from flops_auditor.aws.calls.side_by_side import MOST, MOST_AHEAD, ahead, side_by_side


def test_they_are_made_at_the_same_time() -> None:
    """Each waits until all have begun."""
    barrier = Barrier(MOST, timeout=60)
    assert sorted(side_by_side([barrier.wait] * MOST)) == list(range(MOST))


def test_answers_come_in_the_order_of_the_calls() -> None:
    assert side_by_side([partial(str, number) for number in range(3 * MOST)]) == [str(n) for n in range(3 * MOST)]
    assert side_by_side([]) == []


def test_the_first_error_is_raised_once_all_have_ended() -> None:
    ended: list[str] = []

    def failing(name: str) -> Any:
        ended.append(name)
        raise ValueError(name)

    with pytest.raises(ValueError, match="first"):
        side_by_side([partial(ended.append, "well"), partial(failing, "first"), partial(failing, "second")])
    assert sorted(ended) == ["first", "second", "well"]


def test_a_client_that_several_calls_need_is_made_once() -> None:
    """boto3 makes none in two threads at once."""
    entered: list[str] = []

    def make(_: Any, service: str, **__: Any) -> Any:
        entered.append(service)
        sleep(0.01)
        return MagicMock()

    clients.client.cache_clear()
    try:
        with patch("boto3.Session.client", make):
            asked = [partial(clients.client, "sagemaker", "eu-west-1"), partial(clients.sagemaker_in, "eu-west-1")]
            made = side_by_side(asked * 4)
    finally:
        clients.client.cache_clear()
    assert len({id(each) for each in made}) == 1
    assert entered == ["sagemaker"]


def test_calls_ahead_are_made_so_many_at_a_time_and_answered_in_their_order() -> None:
    barrier = Barrier(MOST_AHEAD, timeout=60)
    asked: list[int] = []

    def calls() -> Iterator[Any]:
        for number in range(3 * MOST_AHEAD):
            asked.append(number)
            yield partial(lambda number: (barrier.wait(), number)[1], number)

    answers = ahead(calls())
    assert next(answers) == 0
    assert len(asked) == MOST_AHEAD, "no more are named than can be made"
    assert list(answers) == list(range(1, 3 * MOST_AHEAD))


def test_the_first_error_ahead_is_raised_and_nothing_is_called_behind_it() -> None:
    called: list[int] = []
    lock = Lock()

    def call(number: int) -> int:
        with lock:
            called.append(number)
        if number >= 5:
            raise ValueError(str(number))
        return number

    answers = ahead(partial(call, number) for number in count())
    assert [next(answers) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match=r"^5$"):
        next(answers)
    assert max(called) < 5 + MOST_AHEAD
    assert list(ahead([])) == []
