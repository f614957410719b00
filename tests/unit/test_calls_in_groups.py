"""Calls for each of many readers or revisions are made side by side, a few at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.use_cases.auditing.keep_record import was_told
from flops_auditor.use_cases.auditing.tell_descendants import waiting
from flops_auditor.use_cases.ports.lineage import IndexEntry
from flops_auditor.use_cases.ports.side_by_side import GROUP, in_groups, in_turn
from flops_auditor.use_cases.ports.sources import SourceUnavailable
from tests.fakes.audit import MemoryClaims, MemoryReassessments, MemoryRecords
from tests.fakes.lineage import World, artifact, continuing


@dataclass
class Waits:
    """Makes calls side by side, and says how many at a time; `in_turn` are those that were not."""

    groups: list[int] = field(default_factory=list)
    inside: bool = False
    in_turn: int = 0

    def __call__(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        outside, self.inside = self.inside, True
        self.groups.append(len(calls))
        try:
            return in_turn(calls)
        finally:
            self.inside = outside


class Claims(MemoryClaims):
    """Counts those that are made one after another."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self.waits = waits

    def claim(self, subject: str, *arguments: Any) -> bool:
        self.waits.in_turn += not self.waits.inside and subject.startswith(waiting(""))
        return super().claim(subject, *arguments)


class Records(MemoryRecords):
    """Counts looks for alerts that are made one after another."""

    waits = Waits()

    def alert_sent(self, *arguments: Any) -> bool:
        self.waits.in_turn += not self.waits.inside
        return super().alert_sent(*arguments)


def test_those_who_read_a_result_are_noted_as_waiting_in_groups_and_told_in_order() -> None:
    waits = Waits()
    queue = MemoryReassessments()
    world = World(queue=queue, claims=Claims(waits), at_once=waits)
    world.add(continuing("parent"))
    place = read_location(artifact("parent"))
    assert place is not None
    days = [f"2026-04-{1 + n % 28:02d}T00:00:{n % 60:02d}.000Z" for n in range(400)]
    children = [IndexEntry(place, day, f"{n:064x}", "arn") for n, day in enumerate(days)]
    for child in children:
        world.recorder.index.add([("input", child)])
    world.recorder.claims.claim(
        waiting(children[3].job_id), "another", world.recorder.clock(), world.recorder.clock() + timedelta(hours=1)
    )
    waits.in_turn = 0
    world.deliver("parent")
    told = [message.job_id for message in queue.waiting if message.job_id != world.job_id("parent")]
    oldest = sorted((child.created, child.job_id) for child in children)
    assert told == [job_id for _, job_id in oldest if job_id != children[3].job_id]
    assert waits.in_turn == 0
    assert waits.groups.count(GROUP) >= 400 // GROUP


def test_whether_people_were_told_is_asked_of_several_revisions_at_once() -> None:
    records = Records()
    waits = records.waits
    recorder = replace(World(records=records).recorder, at_once=waits)
    assert not was_told("job", 100, recorder)
    assert waits.in_turn == 0
    assert waits.groups == [GROUP] * (200 // GROUP)
    records.note_alerts("job", ["000001#indeterminate"], recorder.clock())
    waits.groups.clear()
    assert was_told("job", 100, recorder)
    assert waits.groups == [GROUP]
    assert not was_told("job", 1, recorder)
    assert not was_told("job", 0, recorder)


def test_no_group_begins_after_an_error() -> None:
    made: list[int] = []

    def call(number: int) -> int:
        made.append(number)
        if number == GROUP + 1:
            raise ConnectionError
        return number

    with pytest.raises(ConnectionError):
        list(in_groups([lambda n=n: call(n) for n in range(3 * GROUP)], in_turn))  # type: ignore[misc]
    assert made == list(range(GROUP + 2))


def test_a_yes_counts_though_a_later_read_beside_it_fails() -> None:
    class Failing(Records):
        def alert_sent(self, *arguments: Any) -> bool:
            if arguments[1].startswith("000003"):
                raise SourceUnavailable("dynamodb:GetItem")
            return super().alert_sent(*arguments)

    recorder = World(records=Failing()).recorder
    with pytest.raises(SourceUnavailable):
        was_told("job", 5, recorder)
    recorder.records.note_alerts("job", ["000001#above"], recorder.clock())
    assert was_told("job", 5, recorder)
