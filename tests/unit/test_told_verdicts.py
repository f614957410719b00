"""Whichever record waited for which, people know the verdict that stands, and nobody is told twice of one."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.audit import MemoryAlerts, MemoryRecords
from tests.fakes.lineage import World, continuing

UNREADABLE = {"tokens": "x"}


class Meanwhile(MemoryRecords):
    """Before a job's first record is committed others are delivered: they find it in the index alone."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, list[str]] = {}
        self.world: World | None = None

    def commit(self, job_id: str, record: StoredRecord, summary: Any) -> bool:
        assert self.world is not None
        for name in self.before.pop(summary["job_name"], []):
            self.world.deliver(name)
        return super().commit(job_id, record, summary)


def world_of(**before: list[str]) -> tuple[World, MemoryAlerts]:
    records, alerts = Meanwhile(), MemoryAlerts()
    records.before = before
    world = records.world = World(records=records, alerts=alerts)
    return world, alerts


def told(alerts: MemoryAlerts, name: str) -> list[str]:
    """The verdicts of the mails about a job."""
    return [alert.attributes["verdict"] for alert in alerts.sent if alert.subject.endswith(f": {name}")]


@pytest.mark.parametrize("first", [[], ["other"]], ids=["recorded meanwhile", "below before"])
def test_a_job_that_waited_and_then_stays_in_doubt_is_told_once(first: list[str]) -> None:
    world, alerts = world_of(parent=["child"])
    world.add(continuing("other", hours=1))
    world.add(continuing("parent", hours=1), **UNREADABLE)
    world.add(continuing("child", ["other", "parent"], day=1, hours=1))
    world.audit(*first, "parent")
    assert world.content("child")["verdict"] == "indeterminate"
    assert told(alerts, "child") == ["indeterminate"]
    world.audit("other", "parent", "child")
    assert told(alerts, "child") == ["indeterminate"]


def test_who_was_told_before_it_waited_is_not_told_again() -> None:
    """In doubt of its own, then waiting for a second parent, then as before."""
    world, alerts = world_of()
    assert isinstance(world.recorder.records, Meanwhile)
    world.add(continuing("parent", hours=1))
    world.add(continuing("child", ["parent"], day=1, hours=1), **UNREADABLE)
    world.audit("child")
    world.recorder.records.before = {"parent": ["child"]}
    world.audit("parent")
    assert world.content("child")["revision"] > 0
    assert told(alerts, "child") == ["indeterminate"]


HOURS = (1, 1100, 3000)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sets(st.integers(0, 6), max_size=3), st.sampled_from(HOURS)), min_size=2, max_size=7),
    st.randoms(),
)
def test_people_know_the_verdict_that_stands(graph: list[tuple[set[int], int]], chance: random.Random) -> None:
    names = [f"job-{number}" for number in range(len(graph))]
    order = chance.sample(names, len(names))
    later = {name: [each for each in names if each != name and chance.random() < 0.3] for name in names}
    world, alerts = world_of(**later)
    for number, (parents, hours) in enumerate(graph):
        world.add(continuing(names[number], [names[p] for p in parents if p < number], day=number, hours=hours))
    world.audit(*order)
    for name in names:
        verdict, mails = world.content(name)["verdict"], told(alerts, name)
        assert mails[-1:] == ([] if verdict == "below" and not mails else [verdict])
        assert all(one != other for one, other in pairwise(mails))
