"""Records that follow others of small batches are sealed after few calls in turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock, current_thread, main_thread
from typing import Any

import pytest

from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.domain.values.archive_keys import LOG, batch_key
from flops_auditor.use_cases.ledger import small_batches as under_test
from flops_auditor.use_cases.ledger.small_batches import AT_A_TIME, FEW
from flops_auditor.use_cases.ports.ledger import Archive
from tests.fakes.ledger_world import LEDGER, World, draft, superseding


@dataclass
class Counted:
    """An archive that counts its calls, those in turn, and the batches that are read at a time."""

    archive: Archive
    calls: int = 0
    in_turn: int = 0
    widest: int = 0
    lock: Any = field(default_factory=Lock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.archive, name)

    def _count(self) -> None:
        with self.lock:
            self.calls += 1
            self.in_turn += current_thread() is main_thread()

    def get(self, key: str) -> bytes | None:
        self._count()
        return self.archive.get(key)

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Any:
        self._count()
        return self.archive.list(prefix, start_after, limit)

    def at_once(self, calls: Sequence[Any]) -> Any:
        self.widest = max(self.widest, len(calls))
        return side_by_side(calls)


def superseded(records: int, per: int = 1) -> World:
    """A ledger whose records, so many a batch, are all followed by one that waits."""
    world, before = World(), []
    for number in range(records):
        made = world.draft()
        before.append((made, world.commit(made)))
        if number % per == per - 1:
            world.seal()
    for made, line in before:
        after = draft(made.number, world.at, made.content["original"]["base_model"], LEDGER, 1)
        world.commit(superseding(after, made, line))
    return world


@pytest.mark.parametrize("per", [1, 3, FEW - 1])
def test_records_that_follow_those_of_small_batches_wait_for_few_calls(per: int) -> None:
    records = 31 * per
    world = superseded(records, per)
    archive = Counted(world.archive)
    sealed = world.seal(archive=archive, at_once=archive.at_once)
    assert (sealed.records, sealed.held) == (records, ())
    assert archive.in_turn < 25, "as many as a heartbeat takes, a list, and the newest batch"
    assert archive.calls - archive.in_turn == 30, "each batch but the newest once"
    assert archive.widest == AT_A_TIME


@pytest.mark.parametrize("per", [FEW, 20])
def test_larger_batches_are_read_one_by_one(per: int) -> None:
    world = superseded(3 * per, per)
    archive = Counted(world.archive)
    sealed = world.seal(archive=archive, at_once=archive.at_once)
    assert (sealed.records, sealed.held) == (3 * per, ())
    assert archive.widest <= 1


def test_what_others_put_among_them_keeps_no_record_from_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside whole batches of this log such objects are, and larger ones than any batch."""
    monkeypatch.setattr(under_test, "LARGEST_LEAF", 40_000)
    world = superseded(10)
    stolen = world.archive.get(batch_key(0))
    for index, body in ((3, b"nobody of the log wrote this\n"), (7, stolen), (11, b"x" * 500_000)):
        world.archive.put_if_absent(batch_key(index), body)
    world.archive.put_if_absent(f"{LOG}zero", b"nor this")
    sealed = world.seal(at_once=side_by_side)
    assert (sealed.records, sealed.held) == (10, ())


def test_a_batch_that_was_replaced_confirms_nothing() -> None:
    world = superseded(10)
    world.archive.overwrite(batch_key(4), world.archive.get(batch_key(4)))
    sealed = world.seal(at_once=side_by_side)
    assert sealed.records == 9
    assert [each.error for each in sealed.held] == ["PredecessorNotLogged"]
