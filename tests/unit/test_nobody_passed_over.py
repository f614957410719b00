"""Nobody who begins from a place that runs share is passed over: at rest, an assessment made anew changes no record."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from flops_auditor.domain.runs.places import LONGEST, Location
from flops_auditor.domain.runs.reassessment import Reassessment, parse_reassessment
from flops_auditor.domain.runs.run import Run
from flops_auditor.use_cases.auditing import tell_descendants
from flops_auditor.use_cases.auditing.tell_descendants import TOLD
from flops_auditor.use_cases.ports.lineage import IndexEntry
from tests.fakes.audit import MemoryReassessments
from tests.fakes.lineage import World, channel, continuing
from tests.fakes.shared_places import ONE_POLICY, SharedPlaces, narrow

WORLDS = (*range(16), 335, 774, 2865, 11255)
"""Some, and those that showed causes of their own: messages without end, a bucket in a tag, equal times, trials."""
LATER = "2027-01-01T00:00:00.000Z"


@pytest.mark.parametrize("seed", WORLDS)
def test_at_rest_no_assessment_made_anew_would_change_a_record(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shares what place, in whatever order they are recorded, and however many work side by side."""
    narrow(seed, monkeypatch)
    world = SharedPlaces(seed)
    world.play()
    assert world.passed_over() == []


def asked(world: World) -> list[Reassessment]:
    """Take the messages that wait."""
    queue = world.recorder.queue
    assert isinstance(queue, MemoryReassessments)
    waiting, queue.waiting = queue.waiting, []
    return waiting


def with_readers(places: Sequence[Location], each: int) -> tuple[World, Run, set[str]]:
    """A recorded run that left results at these places, and later jobs that read there: (the world, it, their ids)."""
    world = World(tables=ONE_POLICY)
    world.add(continuing("parent"))
    world.audit("parent")
    run = replace(world.run("parent"), results=tuple(places), checkpoints=())
    readers = {f"{number:064x}": place for number, place in enumerate([*places] * each)}
    world.recorder.index.add([("input", IndexEntry(at, LATER, job, "arn")) for job, at in readers.items()])
    return world, run, set(readers)


def told_in_turn(world: World, runs: Sequence[Run], after: str = "") -> tuple[set[str], list[str]]:
    """Whom these states of one run tell, one in each invocation and the last one in all that follow; and where each of
    them ended.
    """
    told, ends = set[str](), list[str]()
    for number in range(100):
        run = runs[min(number, len(runs) - 1)]
        tell_descendants.tell_descendants(run, 1, world.recorder, after)
        messages = asked(world)
        told |= {message.job_id for message in messages if not message.after}
        ends += [message.after for message in messages if message.after]
        if not any(message.after for message in messages):
            break
        after = ends[-1]
    return told, ends


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[Location]:
    """Five places, of which one invocation looks at few."""
    monkeypatch.setattr(tell_descendants, "ENTRIES_IN_A_PAGE", 2)
    monkeypatch.setattr(tell_descendants, "MOST_LOOKS", 3)
    return [Location("s3://models", (f"place-{n}",)) for n in range(5)]


def test_who_goes_on_finds_the_place_where_it_ended_though_others_came_or_went(places: list[Location]) -> None:
    world, run, readers = with_readers(places, 5)
    more = replace(run, results=(Location("s3://models", ("new",)), *places))
    told, ends = told_in_turn(world, [run, more])
    assert told == readers
    assert len(ends) > 5
    world, run, readers = with_readers(places, 5)
    less = replace(run, results=tuple(places[1:]))
    told, _ = told_in_turn(world, [run, less])
    assert told == readers


def test_a_message_of_an_earlier_version_loses_nobody(places: list[Location]) -> None:
    """It counted places, and may have been sent by a version that knew others."""
    world, run, readers = with_readers(places, 5)
    told, _ = told_in_turn(world, [run], after="3|/place-4/#2026-12-01T00:00:00.000Z#00")
    assert told == readers


def test_where_an_invocation_ended_is_said_in_few_words(places: list[Location]) -> None:
    longest = [Location("s3://models", ("x" * (LONGEST - 10), str(n))) for n in range(3)]
    world, run, readers = with_readers(longest, 8)
    told, ends = told_in_turn(world, [run])
    assert told == readers
    assert max(map(len, ends)) < 4 * LONGEST
    event = Reassessment(run.job_id, ends[0]).to_event()
    assert parse_reassessment(event).after == ends[0]


def test_who_goes_on_telling_of_a_revision_says_nothing_of_a_later_one(places: list[Location]) -> None:
    """Else whoever made that one, died, and tries again, would tell nobody."""
    world, run, _ = with_readers(places, 5)
    tell_descendants.tell_descendants(run, 1, world.recorder)
    after = next(message.after for message in asked(world) if message.after)
    while after:
        tell_descendants.tell_descendants(run, 2, world.recorder, after)
        after = next((message.after for message in asked(world) if message.after), "")
    records = world.recorder.records
    assert records.noted(run.job_id, TOLD.format(1))
    assert not records.noted(run.job_id, TOLD.format(2))


def test_a_run_that_goes_on_is_told_of_who_comes_to_its_place_meanwhile() -> None:
    """Its end is not known yet, so every later run may have come before it."""
    world = World(tables=ONE_POLICY)
    world.add(continuing("parent", CheckpointConfig={"S3Uri": "s3://models/team"}))
    index = world.recorder.index
    at = Location("s3://models", ("team",))
    reader = IndexEntry(at, "2026-01-01T00:00:00.000Z", "a" * 64, "arn")
    index.add([("input", reader)])
    world.deliver("parent")
    assert [message.job_id for message in asked(world)] == [reader.job_id]


def test_who_reads_all_below_a_place_is_told_when_results_become_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by runs that were created after it, and of them by as few as make a difference."""
    monkeypatch.setattr("flops_auditor.use_cases.auditing.crowds.MOST_BELOW", 3)
    monkeypatch.setattr("flops_auditor.use_cases.auditing.find_holders.MOST_BELOW", 3)
    world = World(tables=ONE_POLICY)
    world.add(continuing("reader", InputDataConfig=[channel("model", "s3://models/team")]))
    for day in range(1, 8):
        output = {"S3OutputPath": "s3://models/team"}
        world.add(continuing(f"job-{day}", day=day, OutputDataConfig=output))
    messages = []
    for name in world.pointers:
        world.deliver(name)
        messages.append(world.work_off())
    assert messages == [0, 0, 0, 0, 1, 0, 0, 0]
    assert [doubt["kind"] for doubt in world.content("reader")["lineage"]["doubts"]] == ["too-many-results"]
