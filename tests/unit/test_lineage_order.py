"""Final verdicts do not depend on the order in which jobs are recorded; a long lineage costs no more than a short."""

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.data import load_tables
from flops_auditor.domain.lineage.kept_ancestors import pack, unpack
from flops_auditor.domain.lineage.lineage import Ancestor, Lineage
from flops_auditor.domain.runs.evidence import TRAINING_JOB, parse_evidence, plain
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.values.figures import Figures, most_severe, verdict
from flops_auditor.use_cases.auditing.audit_job import reassess
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector, collect
from flops_auditor.use_cases.auditing.find_lineage import FoundLineage, index_run, recorded_lineage
from flops_auditor.use_cases.auditing.keep_record import commit, examine, put_evidence
from flops_auditor.use_cases.ports.lineage import IndexEntry
from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.audit import MemoryAlerts, MemoryIndex, MemoryReassessments, MemoryRecords
from tests.fakes.cases import audit, remark
from tests.fakes.ledger import MemoryArchive
from tests.fakes.lineage import World, artifact, continuing

DEFAULT = 33 * 10**21
ONE_THIRD = 10**23 // 3
HOST_HOUR = 8 * 3600 * Fraction("989.4e12")
"""FLOP of one p5.48xlarge in an hour at its dense BF16 peak."""

LOWEST = load_tables().utilisation.of("H100").lowest
"""What published runs on an H100 used at least: "above" on hardware alone rests on it."""

MOST_READS = 32

Graph = list[tuple[tuple[int, ...], int]]


MOST_HOURS = 30_000


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, list[int]]:
    """Jobs with parents among the earlier ones and hours of training, and an order of delivery."""
    size = draw(st.integers(1, 9))
    graph: Graph = []
    for number in range(size):
        parents = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        graph.append((tuple(sorted(parents)), draw(st.integers(1, MOST_HOURS))))
    return graph, draw(st.permutations(range(size)))


def oracle(graph: Graph, job: int) -> tuple[set[int], str]:
    """Ancestors by walking the whole graph, and the verdict on their plain sum."""
    ancestors: set[int] = set()
    waiting = list(graph[job][0])
    while waiting:
        parent = waiting.pop()
        if parent not in ancestors:
            ancestors.add(parent)
            waiting += graph[parent][0]
    hours = sum(graph[j][1] for j in ancestors | {job})
    least = sum(int(graph[j][1] * HOST_HOUR * LOWEST) for j in ancestors | {job})
    figures = Figures(int(hours * HOST_HOUR / 2), int(hours * HOST_HOUR), firm_flop=least)
    return ancestors, most_severe([verdict(figures, DEFAULT), verdict(figures, ONE_THIRD)])


def built(graph: Graph) -> World:
    world = World()
    for number, (parents, hours) in enumerate(graph):
        world.add(continuing(f"job-{number}", [f"job-{p}" for p in parents], day=number, hours=hours))
    return world


def check(world: World, graph: Graph) -> None:
    for number in range(len(graph)):
        ancestors, expected = oracle(graph, number)
        content = world.content(f"job-{number}")
        assert world.ancestors(f"job-{number}") == {f"job-{a}" for a in ancestors}
        assert content["verdict"] == expected
        assert content["cumulative"]["best_flop"] is not None


@settings(max_examples=60)
@given(graphs(), st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_the_order_of_delivery(case: tuple[Graph, list[int]], chance: random.Random) -> None:
    """Annex A.1: compute accumulates along the chain of runs that made the model, each run once.

    Events come in any order and between the messages that they lead to; then some of them come again.
    """
    graph, order = case
    world = built(graph)
    queue = world.recorder.queue
    assert isinstance(queue, MemoryReassessments)
    for number in order:
        world.deliver(f"job-{number}")
        while queue.waiting and chance.random() < 0.5:
            reassess(queue.waiting.pop(chance.randrange(len(queue.waiting))), world.recorder)
    world.work_off(5000)
    check(world, graph)
    records = world.recorder.records
    assert isinstance(records, MemoryRecords)
    before = {job: max(revisions) for job, revisions in records.lines.items()}
    world.audit(*(f"job-{n}" for n in order))
    assert before == {job: max(revisions) for job, revisions in records.lines.items()}


def test_twelve_jobs_in_random_order_end_with_the_same_verdicts() -> None:
    graph: Graph = [((n - 1,) if n else (), 3000 if n else 1100) for n in range(12)]
    for seed in range(5):
        order = random.Random(seed).sample(range(12), 12)
        world = built(graph)
        world.audit(*(f"job-{n}" for n in order))
        check(world, graph)
    verdicts = [world.content(f"job-{n}")["verdict"] for n in range(12)]
    assert verdicts == ["below"] + ["indeterminate"] * 7 + ["above"] * 4


@settings(max_examples=30)
@given(graphs())
def test_a_record_is_recomputed_from_its_evidence_and_the_lineage_it_names(case: tuple[Graph, list[int]]) -> None:
    graph, order = case
    world = built(graph)
    world.audit(*(f"job-{n}" for n in order))
    for number in range(len(graph)):
        content = world.content(f"job-{number}")
        body = world.recorder.archive.get(f"evidence/{content['job']['id']}/{content['revision']}.json")
        assert body is not None
        again = audit(parse_evidence(body), load_tables(), recorded_lineage(content, world.recorder.archive))
        assert again.verdict == content["verdict"]
        assert str(again.cumulative.best_flop) == content["cumulative"]["best_flop"]


class Counting:
    """Wraps a port and counts its reads."""

    def __init__(self, inner: Any, *reads: str) -> None:
        self._inner, self._reads, self.count = inner, reads, 0

    def __getattr__(self, name: str) -> Any:
        if name in self._reads:
            self.count += 1
        return getattr(self._inner, name)

    def look(self, _: Any) -> "Counting":
        """Of an index: what is read in one look is counted, too."""
        return self


def long_lineage(length: int) -> tuple[World, dict[str, Counting]]:
    """A world in which `last` continues `length - 1` others, recorded as they would be, and `next` continues it."""
    counters = {
        "records": Counting(MemoryRecords(), "latest", "alert_sent", "noted"),
        "archive": Counting(MemoryArchive(), "get", "list"),
        "index": Counting(MemoryIndex(), "newest", "within", "exactly", "beginning"),
    }
    world = World(**counters)
    world.add(continuing("last", day=0, hours=1))
    world.add(continuing("next", ["last"], day=1, hours=1))
    last = world.pointers["last"]
    ancestors = tuple(
        Ancestor(f"{n:064x}", f"arn:aws:sagemaker:eu-west-1:1:training-job/step-{n}", 10**18, 2 * 10**18, (), parents)
        for n in range(length - 1)
        for parents in [(f"{n - 1:064x}",) if n else ()]
    )
    lineage = Lineage((ancestors[-1].job_id,), ancestors) if ancestors else Lineage()
    description = world.jobs.descriptions[last.name, last.region]
    answer = plain(description)
    sources, now = world.recorder.collectors[TRAINING_JOB], world.recorder.clock()
    assert isinstance(sources, TrainingJobCollector)
    case = collect(answer, parse_training_job(answer), sources, now)
    put_evidence(case, 0, world.recorder)
    index_run(case.run, world.recorder.index)
    examined = examine(case, FoundLineage(lineage), world.recorder)
    assert commit(examined, None, world.recorder) is not None
    return world, counters


@pytest.mark.parametrize("length", [1, 100, 10_000])
def test_one_more_job_costs_a_bounded_number_of_reads(length: int) -> None:
    """Records, index and archive together: at most 32 reads for a job with one parent, however long the lineage."""
    world, counters = long_lineage(length)
    for counter in counters.values():
        counter.count = 0
    world.deliver("next")
    reads = {name: counter.count for name, counter in counters.items()}
    assert sum(reads.values()) <= MOST_READS, reads
    content = world.content("next")
    assert content["lineage"]["ancestors"] == length
    assert len(content["cumulative"]["ancestors"]) <= 100
    own, parent = int(content["estimate"]["best_flop"]), int(world.content("last")["estimate"]["best_flop"])
    assert int(content["cumulative"]["best_flop"]) == own + parent + (length - 1) * 10**18
    records = world.recorder.records
    line = records.latest(world.job_id("next"))
    assert line is not None
    assert len(line.line) < 200_000, "an item of DynamoDB holds 400 KB"


def test_a_large_set_is_written_once_and_shared_down_the_chain() -> None:
    world, _ = long_lineage(10_000)
    world.audit("next")
    first = world.content("next")["lineage"]["kept"]
    for step in range(2, 5):
        name = f"more-{step}"
        world.add(continuing(name, ["next" if step == 2 else f"more-{step - 1}"], day=step, hours=1))
        world.audit(name)
        content = world.content(name)
        assert content["lineage"]["ancestors"] == 10_000 + step - 1
        assert content["lineage"]["kept"] == first
    body = world.recorder.archive.get(first["key"])
    assert body is not None
    assert len(unpack(body, first["sha256"])) == first["count"]


def test_many_descendants_are_told_in_several_invocations() -> None:
    """The work of one invocation is bounded: the rest is queued."""
    world = World()
    world.add(continuing("parent"))
    index = world.recorder.index
    children = {f"{n:064x}" for n in range(2500)}
    place = read_location(artifact("parent"))
    assert place is not None
    for child in children:
        index.add([("input", IndexEntry(place, "2026-04-01T00:00:00.000Z", child, "arn"))])
    world.deliver("parent")
    queue = world.recorder.queue
    assert isinstance(queue, MemoryReassessments)
    told: set[str] = set()
    rounds = 0
    while queue.waiting:
        batch, queue.waiting = queue.waiting, []
        assert len(batch) <= 1001
        told |= {message.job_id for message in batch if not message.after}
        for message in batch:
            if message.after:
                rounds += 1
                reassess(message, world.recorder)
    assert told == children
    assert rounds == 2


@settings(max_examples=60)
@given(graphs(), st.integers(0, 10**6))
def test_verdicts_do_not_depend_on_what_dies_when(case: tuple[Graph, list[int]], seed: int) -> None:
    """Every call to a port may fail, before or after it took effect; SQS delivers what failed again, in any order."""
    graph, order = case
    chance = random.Random(seed)
    inner = {"records": MemoryRecords(), "archive": MemoryArchive(), "index": MemoryIndex()}
    queue = MemoryReassessments()
    flaky = {name: Flaky(port, chance) for name, port in inner.items()}
    world = World(**flaky, queue=Flaky(queue, chance))
    for number, (parents, hours) in enumerate(graph):
        world.add(continuing(f"job-{number}", [f"job-{p}" for p in parents], day=number, hours=hours))
    world.recorder.clock.advance(hours=MOST_HOURS)  # type: ignore[attr-defined]
    deliveries: list[Any] = [f"job-{n}" for n in order]
    for _ in range(20_000):
        deliveries += queue.waiting
        queue.waiting.clear()
        if not deliveries:
            break
        message = deliveries.pop(chance.randrange(len(deliveries)))
        try:
            world.recorder.clock.advance(minutes=6)  # type: ignore[attr-defined]
            world.deliver(message) if isinstance(message, str) else reassess(message, world.recorder)
        except ConnectionError:
            deliveries.append(message)
    assert not deliveries
    for port in flaky.values():
        port.rate = 0.0
    check(world, graph)
    for revisions in inner["records"].lines.values():  # type: ignore[attr-defined]
        assert sorted(revisions) == list(range(len(revisions)))


def test_a_message_that_was_noted_and_never_sent_is_sent_by_the_next_revision() -> None:
    """Whoever notes that a job waits for its message may die before it is sent, and be superseded before it is retried:
    everybody then took the job for one that is told already.
    """

    class FailsOnce(MemoryReassessments):
        fails = True

        def send(self, messages: Sequence[Reassessment]) -> None:
            if messages and self.fails:
                self.fails = False
                raise ConnectionError
            super().send(messages)

    world = World(queue=FailsOnce())
    for day, (name, parents) in enumerate([("first", []), ("second", ["first"]), ("third", ["second"])]):
        world.add(continuing(name, parents, day=day))
    world.deliver("third")
    with pytest.raises(ConnectionError):
        world.deliver("second")
    world.deliver("first")
    world.work_off()
    world.deliver("second")
    world.work_off()
    assert world.ancestors("third") == {"first", "second"}


class Flaky:
    """Wraps a port whose calls fail now and then, before or after they took effect."""

    def __init__(self, inner: Any, chance: random.Random) -> None:
        self._inner, self._chance, self.rate = inner, chance, 0.04

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._inner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if self._chance.random() < self.rate:
                raise ConnectionError(name)
            answer = function(*arguments, **named)
            if self._chance.random() < self.rate:
                raise ConnectionError(name)
            return answer

        return call


def test_a_crowd_of_parents_does_not_make_a_record_too_large() -> None:
    """An item of DynamoDB holds 400 KB: what is listed is bounded in bytes, too."""
    doubts = (remark("y" * 200),) * 4
    crowd = tuple(
        Ancestor(f"{n:064x}", f"arn:aws:sagemaker:eu-west-1:1:training-job/{'x' * 60}", None, None, doubts)
        for n in range(50)
    )
    heavy = tuple(Ancestor(f"{n + 1000:064x}", "arn", 1, 2, parents=tuple(a.job_id for a in crowd)) for n in range(50))
    lineage = Lineage(tuple(a.job_id for a in heavy), tuple(sorted((*crowd, *heavy), key=lambda a: a.job_id)))
    packed = pack("f" * 64, lineage)
    assert packed.body is not None
    assert packed.kept is not None
    assert 0 < len(packed.listed) < 50
    everyone = {a.job_id: a for a in unpack(packed.body, packed.kept.sha256)}
    assert everyone == {a.job_id: a for a in lineage.ancestors}


def test_a_parent_recorded_between_reading_and_commit_is_not_missed() -> None:
    """The parent looks for children while the child has no record yet: the child looks again after its commit."""

    class Interrupted(MemoryRecords):
        def commit(self, job_id: str, record: StoredRecord, summary: Any) -> bool:
            if job_id == world.job_id("child") and record.revision == 0:
                world.deliver("parent")
                world.work_off()
            return super().commit(job_id, record, summary)

    world = World(records=Interrupted())
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    world.deliver("child")
    assert world.ancestors("child") == {"parent"}
    assert world.content("child")["revision"] == 1


def test_nobody_is_mailed_about_a_job_that_waits_a_moment_for_its_parent() -> None:
    """The parent is in the index, its record not yet committed: the child is indeterminate, then below, and no news."""

    class Interrupted(MemoryRecords):
        def commit(self, job_id: str, record: StoredRecord, summary: Any) -> bool:
            if job_id == world.job_id("parent"):
                world.deliver("child")
                assert world.content("child")["verdict"] == "indeterminate"
            return super().commit(job_id, record, summary)

    alerts = MemoryAlerts()
    world = World(records=Interrupted(), alerts=alerts)
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    world.audit("parent")
    assert world.content("child")["verdict"] == "below"
    assert world.content("child")["revision"] == 1
    assert alerts.sent == []


def test_two_workers_on_one_reassessment_make_one_revision() -> None:
    """The second commit of a revision is refused; the worker that lost goes by what is recorded."""

    class Interrupted(MemoryRecords):
        raced = False

        def commit(self, job_id: str, record: StoredRecord, summary: Any) -> bool:
            if job_id == world.job_id("child") and record.revision == 1 and not self.raced:
                self.raced = True
                reassess(Reassessment(job_id), world.recorder)
            return super().commit(job_id, record, summary)

    records = Interrupted()
    world = World(records=records)
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    world.audit("child", "parent")
    assert records.raced
    assert sorted(records.lines[world.job_id("child")]) == [0, 1]
    assert world.ancestors("child") == {"parent"}
