"""A log of many small batches is read ahead: as many calls as before, few of them one after another."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import Any

import pytest

from flops_auditor.aws.calls.side_by_side import MOST_AHEAD, ahead
from flops_auditor.domain.ledger.ledger_errors import ObjectReplaced, TruncatedLedger
from flops_auditor.domain.messages.report.report import Report
from flops_auditor.domain.values.archive_keys import EVIDENCE, LOG, RECORDS, batch_key
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger import batches_ahead as under_test
from flops_auditor.use_cases.ledger.batches_ahead import LEAVES_AHEAD, batches_ahead
from flops_auditor.use_cases.ledger.export_bundle import export_part, export_whole, of_model
from flops_auditor.use_cases.ledger.log_reader import batches
from flops_auditor.use_cases.operations.compare_ledger import compare_ledger
from flops_auditor.use_cases.ports.ledger import Archive
from tests.fakes.ledger import MemoryRecordItems
from tests.fakes.ledger_world import MODELS, World

BATCHES = 100


class Counted:
    """An archive that counts its calls: of each batch, and those that are made in turn."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._lock = archive, Lock()
        self.read, self.in_turn = Counter[str](), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._archive, name)

    def get(self, key: str) -> bytes | None:
        with self._lock:
            self.read[key] += 1
            self.in_turn += current_thread() is main_thread()
        return self._archive.get(key)

    def of_the_log(self) -> list[int]:
        """How often each batch was read."""
        return [times for key, times in self.read.items() if key.startswith(LOG)]


def world_of(batches: int, records: int = 1) -> World:
    world = World()
    for _ in range(batches):
        world.add(records)
        world.seal()
    return world


@pytest.fixture(scope="module")
def quiet() -> World:
    """One record a batch."""
    return world_of(BATCHES)


def size_of(world: World) -> int:
    return sum(len(world.archive.get(key).splitlines()) for key in world.archive.list(LOG))


def test_an_export_of_small_batches_reads_each_once_and_few_in_turn(quiet: World, tmp_path: Path) -> None:
    archive = Counted(quiet.archive)
    export_whole(archive, quiet.ledger, tmp_path / "whole.zip", quiet.at, report_page, ahead)
    assert sorted(archive.of_the_log()) == [1] * BATCHES
    assert archive.in_turn < 20, "tables, keys and checkpoint, and no batch"


def test_a_part_by_job_reads_each_twice(quiet: World, tmp_path: Path) -> None:
    archive, path = Counted(quiet.archive), tmp_path / "part.zip"
    of = of_model(MODELS[0])
    export_part(archive, quiet.ledger, path, quiet.at, "a", by_job=of, page=report_page, ahead=ahead)
    assert sorted(archive.of_the_log()) == [2] * BATCHES
    assert archive.in_turn < 20


@pytest.mark.parametrize("records", [0, 1, 7])
def test_they_are_the_batches_that_are_read_in_turn(records: int) -> None:
    world = world_of(30, records)
    size = size_of(world)
    assert list(batches_ahead(world.archive, size, ahead)) == list(batches(world.archive, size))


def test_no_more_than_so_many_leaves_are_read_ahead() -> None:
    world, windows = world_of(12, 9), list[int]()

    def noted(calls: Iterable[Callable[[], Any]]) -> Iterator[Any]:
        calls = list(calls)
        windows.append(len(calls))
        return ahead(calls)

    list(batches_ahead(world.archive, size_of(world), noted))
    assert windows == [7, 5]


def test_what_else_lies_among_them_changes_nothing_and_is_read_once(quiet: World) -> None:
    world = world_of(40)
    size = size_of(world)
    expected = list(batches(world.archive, size))
    for index in range(11, size, 2):
        world.archive.put_if_absent(batch_key(index), b"nobody of the log wrote this\n")
    world.archive.put_if_absent(f"{LOG}zero", b"nor this")
    archive = Counted(world.archive)
    assert list(batches_ahead(archive, size, ahead)) == expected
    others = sum(times for key, times in archive.read.items() if int(key.split("/")[1].split(".")[0]) % 2)
    assert others <= LEAVES_AHEAD + MOST_AHEAD


def test_an_object_larger_than_its_leaves_can_be_does_not_wait_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(6)
    size = size_of(world)
    monkeypatch.setattr(under_test, "LARGEST_LEAF", 10)
    archive = Counted(world.archive)
    assert list(batches_ahead(archive, size, ahead)) == list(batches(world.archive, size))
    assert archive.of_the_log() == [2] * 6


def test_a_batch_that_was_replaced_or_is_missing_is_named_when_its_turn_comes() -> None:
    world = world_of(6)
    size = size_of(world)
    world.archive.overwrite(batch_key(6), b"other\n")
    seen = list[int]()
    with pytest.raises(ObjectReplaced):
        seen.extend(first for first, _ in batches_ahead(world.archive, size, ahead))
    assert seen == [0, 2, 4]
    other = world_of(2)
    with pytest.raises(TruncatedLedger):
        list(batches_ahead(other.archive, size_of(other) + 2, ahead))


def test_a_comparison_reads_batches_records_and_evidence_once_and_few_in_turn(quiet: World) -> None:
    archive, items = Counted(quiet.archive), MemoryRecordItems(quiet.pending)
    found = compare_ledger(archive, items, all_evidence=True, ahead=ahead)
    assert (found.missing, found.otherwise, found.evidence) == ([], [], BATCHES)
    assert sum(key.startswith((LOG, RECORDS, EVIDENCE)) for key in archive.read) == 3 * BATCHES
    assert archive.of_the_log() == [1] * BATCHES
    assert archive.in_turn < 20


def test_nothing_but_the_bundle_is_left_where_it_was_written(quiet: World, tmp_path: Path) -> None:
    def page(_: Report) -> bytes:
        beside.extend(each.name for each in tmp_path.iterdir())
        raise OSError("no space")

    beside = list[str]()
    with pytest.raises(OSError, match="no space"):
        export_whole(quiet.archive, quiet.ledger, tmp_path / "whole.zip", quiet.at, page, ahead)
    assert len(beside) == 2
    assert list(tmp_path.iterdir()) == []
    export_whole(quiet.archive, quiet.ledger, tmp_path / "whole.zip", quiet.at, report_page, ahead)
    assert [each.name for each in tmp_path.iterdir()] == ["whole.zip"]
