"""One run that branches: at each of some of its calls a copy of its process dies there, and goes on alone to its end.

So what a run does before the call at which it is killed is done once for all of them. The run itself is not disturbed.
"""

import gc
import os
import pickle
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from traceback import format_exc
from typing import Any

from time_machine import Traveller

AT_ONCE = os.cpu_count() or 1
"""So many copies go on at a time."""
UNDISTURBED = -1
"""Stands for the number of a call where the run that branches is meant."""

Switch = Callable[[int, Traveller | None], bool]
"""Whether a process dies after the call of this number; its clock, where it has one, stands meanwhile."""


class Branches:
    """The switch of a run that branches at some calls; in a copy of its process, `number` says at which."""

    def __init__(self, points: Collection[int]) -> None:
        self.number = UNDISTURBED
        self._points = frozenset(points)
        self._going = 0

    def __call__(self, number: int, clock: Traveller | None) -> bool:
        """Make the copy that dies after this call, once there is room for one more, and be it or the run itself."""
        if self.number != UNDISTURBED or number not in self._points:
            return False
        assert threading.active_count() == 1, "a copy has no other threads"
        now = datetime.now(UTC)
        if self._going == AT_ONCE:
            self._wait_for_one()
        if clock is not None:
            clock.move_to(now)
        gc.freeze()  # what both have is not looked through by each, which would copy its memory
        if os.fork():
            self._going += 1
            return False
        self.number, self._going = number, 0
        return True

    def wait(self) -> None:
        """Until every copy has ended."""
        while self._going:
            self._wait_for_one()

    def _wait_for_one(self) -> None:
        os.wait()
        self._going -= 1


def branched(work: Callable[[Switch], Any], points: Collection[int], folder: Path) -> dict[int, Any]:
    """What each branch of the work, in a new process, came to, and under UNDISTURBED what the work itself did. What one
    raises is raised.
    """
    process = get_context("spawn").Process(target=_run, args=(work, points, folder))
    process.start()
    process.join()
    found = {}
    for number in (UNDISTURBED, *points):
        failure, result = pickle.loads((folder / f"{number}.pickle").read_bytes())  # noqa: S301
        if failure:
            raise AssertionError(f"killed after call {number}:\n{failure}")
        found[number] = result
    return found


def _run(work: Callable[[Switch], Any], points: Collection[int], folder: Path) -> None:
    branches = Branches(points)
    failure, result = "", None
    try:
        result = work(branches)
    except BaseException:
        failure = format_exc()
    (folder / f"{branches.number}.pickle").write_bytes(pickle.dumps((failure, result)))
    if branches.number != UNDISTURBED:
        os._exit(0)
    branches.wait()
