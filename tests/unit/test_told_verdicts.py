"""Whichever record waited for which, people know the verdict that stands, and nobody is told twice of one."""

import random
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.use_cases.auditing import keep_record
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.keep_record import MOST_OF_ONE_CAUSE
from flops_auditor.use_cases.ports.records import StoredRecord
from flops_auditor.use_cases.ports.sources import SourceUnavailable
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


class Failing(MemoryAlerts):
    """The first sends fail, as where SNS is denied or throttled."""

    def __init__(self, fails: int) -> None:
        super().__init__()
        self.fails = fails

    def send(self, alert: Alert) -> None:
        if self.fails:
            self.fails -= 1
            raise SourceUnavailable("sns:Publish", "it is throttled")
        super().send(alert)


HOSTS = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}


@pytest.mark.parametrize("verdict", ["above", "indeterminate"])
def test_a_job_whose_mail_failed_is_told_though_a_person_amends_it_first(verdict: str) -> None:
    alerts = Failing(1)
    world = World(alerts=alerts)
    tags = {} if verdict == "above" else UNREADABLE
    world.add(continuing("job", hours=1400 if verdict == "above" else 1, ResourceConfig=HOSTS), **tags)
    with pytest.raises(SourceUnavailable):
        world.deliver("job")
    assert world.content("job")["verdict"] == verdict
    word = Amendment(at=world.recorder.clock(), who="officer", why="as measured", mfu=Fraction(2, 5))
    amend(world.job_id("job"), word, world.recorder)
    assert told(alerts, "job") == [verdict]
    world.audit("job")
    assert told(alerts, "job") == [verdict]


def test_mails_that_fail_use_up_no_more_than_their_own_of_the_day() -> None:
    alerts = Failing(MOST_OF_ONE_CAUSE)
    world = World(alerts=alerts)
    names = [f"job-{number}" for number in range(4)]
    for name in names:
        world.add(continuing(name, hours=1), **UNREADABLE)
    for name in names[:2] * (MOST_OF_ONE_CAUSE // 2):
        with pytest.raises(SourceUnavailable):
            world.deliver(name)
    world.audit(*names)
    assert [told(alerts, name) for name in names] == [["indeterminate"]] * 4


def test_after_more_waits_than_are_read_people_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_record, "MOST_WAITED", 1)
    world, alerts = world_of(parent=["child"], other=["child"])
    world.add(continuing("parent", hours=1), **UNREADABLE)
    world.add(continuing("child", ["parent"], day=1, hours=1))
    world.audit("parent")
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
