"""Jobs that share a place, recorded in the worst order: messages and records grow with their number and no faster.

`FLOPS_AUDITOR_OWNERS=full` plays a thousand jobs; else fewer of them make a crowd, so that few show the same.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache

import pytest

from flops_auditor.data import default_policies, load_tables
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.use_cases.auditing import crowds, find_holders, find_lineage, keep_record
from flops_auditor.use_cases.auditing.find_holders import most_at_a_place
from flops_auditor.use_cases.auditing.passing_over import Neighbours, Sharing
from flops_auditor.use_cases.auditing.tell_descendants import WAITS
from flops_auditor.use_cases.ports.lineage import IndexEntry
from tests.fakes.audit import FixedClock, MemoryIndex, MemoryReassessments, MemoryRecords
from tests.fakes.lineage import World, channel, continuing
from tests.faults import told

FULL = os.environ.get("FLOPS_AUDITOR_OWNERS") == "full"
SIZES, CROWD = ((1000,), crowds.MOST_SHARING) if FULL else ((8, 16), 2)
ONE_POLICY = load_tables(default_policies()[:1])
"""Whom a record concerns, and so what it sets off, is a matter of places: each further policy would cost time."""
PLACE = "s3://models/team"
SHARED = {
    "checkpoints": {"CheckpointConfig": {"S3Uri": PLACE}},
    "checkpoints in a bucket": {
        "CheckpointConfig": {"S3Uri": "s3://models/"},
        "InputDataConfig": [channel("model", "s3://models/")],
    },
    "a bucket as the model": {"InputDataConfig": [channel("model", "s3://models/")]},
    "results below": {
        "InputDataConfig": [channel("model", PLACE)],
        "OutputDataConfig": {"S3OutputPath": PLACE},
    },
    "results that begin so": {
        "InputDataConfig": [channel("model", f"{PLACE}/jo")],
        "OutputDataConfig": {"S3OutputPath": PLACE},
    },
    "checkpoints in a bucket, and a model inside": {
        "CheckpointConfig": {"S3Uri": "s3://models/"},
        "InputDataConfig": [channel("model", "s3://models/base")],
    },
    "checkpoints above data": {
        "CheckpointConfig": {"S3Uri": PLACE},
        "InputDataConfig": [channel("train", f"{PLACE}/data")],
    },
    "all of these": {
        "CheckpointConfig": {"S3Uri": PLACE},
        "InputDataConfig": [channel("model", PLACE), channel("model2", "s3://models/")],
        "OutputDataConfig": {"S3OutputPath": PLACE},
    },
}


def storm(changes: dict[str, object], size: int, roles: Sequence[str] = ("0",)) -> tuple[int, int, World]:
    """Messages and records of so many jobs, the newest of which ends first, each worked off before the next ends. They
    have these roles by turns, "" is none.
    """
    world = World(tables=ONE_POLICY)
    for day in range(size):
        role = roles[day % len(roles)]
        whose = f"arn:aws:iam::123456789012:role/{role}" if role else ""
        world.add(continuing(f"job-{day}", day=day, HyperParameters={}, RoleArn=whose, **changes))
    messages = 0
    for name in reversed(list(world.pointers)):
        world.deliver(name)
        messages += world.work_off()
    records = world.recorder.records
    assert isinstance(records, MemoryRecords)
    return messages, sum(map(len, records.lines.values())), world


@pytest.mark.parametrize("how", SHARED)
def test_messages_and_records_grow_with_the_jobs_that_share_a_place(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "MOST_SHARING", CROWD)
    # Each record is read by many others: once is enough here.
    for module in (find_lineage, keep_record):
        monkeypatch.setattr(module, "predicate_of", lru_cache(10_000)(predicate_of))
    for size in SIZES:
        messages, records, world = storm(SHARED[how], size)
        told(f"storm, {how}, {size} jobs: {messages} messages, {records} records")
        # One more message, and record, for each that begins to see that there are more than are looked up.
        more = max(0, size - most_at_a_place())
        assert messages <= (CROWD + 1) * size + more
        assert records <= (CROWD + 2) * size + more
        assert world.content(f"job-{size - 1}")["lineage"]["doubts"]
        assert world.content(f"job-{CROWD}")["cumulative"]["ancestors"] or "bucket" in how or "data" in how


@pytest.mark.parametrize("how", SHARED)
@pytest.mark.parametrize("other", ["1", ""], ids=["of another role", "of no role"])
def test_strangers_at_a_place_cost_no_more_than_those_of_a_role(
    how: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowds, "MOST_SHARING", CROWD)
    for module in (find_lineage, keep_record):
        monkeypatch.setattr(module, "predicate_of", lru_cache(10_000)(predicate_of))
    for size in SIZES:
        messages, records, _ = storm(SHARED[how], size, ("0", other))
        told(f"storm of two roles, {how}, {size} jobs: {messages} messages, {records} records")
        assert messages <= 2 * (CROWD + 1) * size
        assert records <= 2 * (CROWD + 2) * size


@pytest.mark.parametrize("how", ["checkpoints", "all of these"])
def test_more_runs_at_a_place_than_are_looked_up_cost_each_one_message_more(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It then has one more doubt: not all were looked up."""
    monkeypatch.setattr(crowds, "MOST_SHARING", 2)
    for module in (crowds, find_holders):
        monkeypatch.setattr(module, "ENTRIES_IN_A_PAGE", 2)
    assert storm(SHARED[how], 16)[0] <= 3 * 16 + 16 - most_at_a_place()


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_who_tells_at_a_place_that_many_share_looks_at_few_of_those_who_begin_there(below: str) -> None:
    """As many as there are: what each of them costs would grow with their number."""
    world = World(tables=ONE_POLICY)
    for day in range(crowds.MOST_SHARING + 2):
        world.add(continuing(f"job-{day}", day=day, **SHARED["checkpoints"]))
    *others, last = world.pointers
    world.audit(*others)
    index, queue = world.recorder.index, world.recorder.queue
    assert isinstance(index, MemoryIndex) and isinstance(queue, MemoryReassessments)
    at = read_location(PLACE + below)
    assert at is not None
    for number in range(30 * crowds.ENTRIES_IN_A_PAGE):
        reader = IndexEntry(at, f"2027-01-01T{number:06d}", f"{number:064x}", f"arn:reader-{number}")
        index.add([("input", reader)])
    before = index.reads
    world.deliver(last)
    assert index.reads - before < 30
    assert not queue.waiting


def test_a_run_that_has_told_nobody_yet_hides_no_other() -> None:
    """Of as many as end at one moment, each would else leave it to the others."""
    index = MemoryIndex()
    at = Location("s3://models", ("team",))
    runs = [IndexEntry(at, f"2026-03-{n + 1:02d}", f"run-{n}", f"arn:{n}", checkpoint=True) for n in range(25)]
    index.add([("output", each) for each in runs])
    reader = IndexEntry(at, "2026-04-01", "reader", "arn:reader")
    ids = {each.job_id for each in runs[1:]}

    def hidden(told: set[str]) -> bool:
        neighbours = Neighbours(index, lambda entries: {e.job_id for e in entries} & told, most_at_a_place())
        return Sharing(runs[0], at, neighbours).hides_from(reader)

    assert hidden(ids)
    assert not hidden(set(sorted(ids)[: crowds.MOST_SHARING]))


def test_a_graph_in_the_worst_order_takes_no_more_messages_than_it_has_edges() -> None:
    names = [f"job-{n}" for n in range(8)]
    world = World()
    for day, name in enumerate(names):
        world.add(continuing(name, names[:day], day=day))
    messages = 0
    for name in reversed(names):
        world.deliver(name)
        messages += world.work_off()
    assert messages == 8 * 7 // 2
    assert world.ancestors("job-7") == set(names[:7])


def test_a_job_waits_for_one_message_however_many_tell_it() -> None:
    world = World()
    parents = [f"parent-{n}" for n in range(5)]
    for name in parents:
        world.add(continuing(name))
    world.add(continuing("child", parents, day=1))
    for name in ("child", *parents):
        world.deliver(name)
    assert world.work_off() == 1
    assert world.ancestors("child") == set(parents)
    assert world.content("child")["revision"] == 1


class Failing(MemoryReassessments):
    """A queue that refuses once."""

    refuse = True

    def send(self, messages: Sequence[Reassessment]) -> None:
        if messages and self.refuse:
            self.refuse = False
            raise ConnectionError("the queue does not answer")
        super().send(messages)


def test_a_note_without_its_message_is_made_good_by_who_left_it() -> None:
    """A parent's audit dies between the two: its event is delivered again."""
    world = World(queue=Failing())
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    world.deliver("child")
    with pytest.raises(ConnectionError):
        world.deliver("parent")
    world.deliver("parent")
    assert world.work_off() == 1
    assert world.ancestors("child") == {"parent"}


def test_a_message_that_nobody_begins_with_stands_in_for_others_for_an_hour_only() -> None:
    clock = FixedClock()
    world = World(clock=clock)
    for name in ("first", "second", "third"):
        world.add(continuing(name))
    world.add(continuing("child", ["first", "second", "third"], day=1))
    for name in ("child", "first", "second"):
        world.deliver(name)
    queue = world.recorder.queue
    assert isinstance(queue, MemoryReassessments)
    assert len(queue.waiting) == 1
    queue.waiting.clear()  # lost
    clock.advance(seconds=(WAITS + timedelta(seconds=1)).total_seconds())
    world.deliver("third")
    assert world.work_off() == 1
    assert world.ancestors("child") == {"first", "second", "third"}
