"""Reconciliation: whatever is lost on the way of an event, no finished job stays without a record."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.aws.stores.sqs import message
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_events import parse_event
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.operations.compare_jobs import BATCH, SETTLING, compare
from flops_auditor.use_cases.operations.reconcile_jobs import WHOLE_EVERY, Reconciler, ReconcileReport, reconcile
from flops_auditor.use_cases.ports.sources import ListedJob, SourceDenied, SourceUnavailable
from tests.fakes.audit import (
    FakeTrainingJobs,
    FixedClock,
    FixedRegions,
    MemoryProgress,
    MemoryQueue,
    MemoryRecordIndex,
    MemoryRecords,
    recorder,
)
from tests.fakes.jobs import CREATED, describe


@dataclass
class World:
    """An account with its ledger, and a clock that starts a day after the first job."""

    regions: tuple[str, ...] = ("eu-west-1",)
    jobs: FakeTrainingJobs = field(default_factory=FakeTrainingJobs)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    progress: MemoryProgress = field(default_factory=MemoryProgress)
    clock: FixedClock = field(default_factory=lambda: FixedClock(CREATED + timedelta(days=1)))

    def add(self, name: str, ended: datetime, created: datetime | None = None, region: str = "eu-west-1") -> None:
        arn = f"arn:aws:sagemaker:{region}:123456789012:training-job/{name}"
        created = created or ended - timedelta(hours=1)
        self.jobs.add(describe(name, TrainingJobArn=arn, CreationTime=created, LastModifiedTime=ended))

    def reconciler(self, **changes: Any) -> Reconciler:
        parts = {
            "regions": FixedRegions(self.regions),
            "listing": self.jobs,
            "index": MemoryRecordIndex(self.records),
            "queue": self.queue,
            "progress": self.progress,
            "clock": self.clock,
            "home": "eu-west-1",
        }
        return Reconciler(**{**parts, **changes})

    def run(self, batches: int | None = None, **changes: Any) -> ReconcileReport:
        """One run, at most so many batches long."""
        asked = iter(range(10**9))
        return reconcile(self.reconciler(**changes), lambda: batches is not None and next(asked) >= batches)

    def drain(self) -> None:
        """Audit what is queued."""
        made = recorder(self.jobs, records=self.records, clock=self.clock)
        while self.queue.jobs:
            audit_job(parse_event(json.loads(message(self.queue.jobs.pop(0)))), made, owner="worker")

    def recorded(self) -> set[str]:
        ids = {parse_training_job(d).job_id: d["TrainingJobName"] for d in self.jobs.descriptions.values()}
        return {name for job_id, name in ids.items() if job_id in self.records.lines}


def test_the_first_run_queues_the_whole_history_of_every_region() -> None:
    """One deployment covers the account: jobs from before it, in every enabled region."""
    world = World(regions=("ap-south-1", "eu-west-1"))
    world.add("old", CREATED - timedelta(days=400))
    world.add("far", CREATED, region="ap-south-1")
    world.jobs.add(describe("running", TrainingJobStatus="InProgress"))
    report = world.run()
    assert {job.name for job in report.queued} == {"old", "far"}
    assert (report.listed, report.finished, report.share_complete) == (3, 2, 100)
    world.drain()
    assert world.recorded() == {"old", "far"}
    assert not world.run().queued


def test_a_later_run_lists_only_what_changed_and_finds_a_job_that_ended_late() -> None:
    """The watermark follows LastModifiedTime: a job created long ago that ends now is found."""
    world = World()
    world.add("early", CREATED)
    world.run()
    world.drain()
    world.clock.advance(hours=3)
    ended = world.clock.now - timedelta(hours=1)
    world.add("late", ended, created=CREATED - timedelta(days=20))
    report = world.run()
    assert [job.name for job in report.queued] == ["late"]
    assert report.listed == 1


def test_a_job_that_just_ended_is_left_to_its_event_and_found_by_the_next_run() -> None:
    world = World()
    world.add("fresh", world.clock.now - timedelta(minutes=1))
    assert not world.run().queued
    world.clock.advance(minutes=45)
    assert [job.name for job in world.run().queued] == ["fresh"]


def test_a_queued_job_that_was_never_recorded_is_queued_again_within_a_day() -> None:
    """A message may be lost after it was queued; the scan of the whole history finds its job again."""
    world = World()
    world.add("lost", CREATED)
    world.run()
    world.queue.jobs.clear()
    world.clock.advance(hours=2)
    assert not world.run().queued
    world.clock.now += WHOLE_EVERY
    assert [job.name for job in world.run().queued] == ["lost"]


def test_a_backfill_larger_than_one_run_is_resumed_and_says_how_far_it_is() -> None:
    world = World(regions=("eu-west-1", "us-east-1"))
    for number in range(2 * BATCH + 1):
        world.add(f"job-{number}", CREATED + timedelta(seconds=number))
    world.add("other", CREATED, region="us-east-1")
    first = world.run(batches=1)
    assert first.pending == ["eu-west-1", "us-east-1"]
    assert first.share_complete == 0
    assert len(first.queued) == BATCH
    reports = [first]
    while reports[-1].pending:
        reports.append(world.run(batches=2))
        assert len(reports) < 20
    assert {job.name for job in world.queue.jobs} == {d["TrainingJobName"] for d in world.jobs.descriptions.values()}
    assert reports[-1].share_complete == 100


def test_many_jobs_of_one_second_are_all_queued() -> None:
    world = World()
    for number in range(BATCH * 2 + 7):
        world.add(f"job-{number}", CREATED, created=CREATED - timedelta(hours=1))
    while world.run(batches=3).pending:
        pass
    assert {job.name for job in world.queue.jobs} == {f"job-{number}" for number in range(BATCH * 2 + 7)}


class Denied(FakeTrainingJobs):
    """A listing that a service control policy, or an outage, keeps out of one region."""

    def __init__(self, inner: FakeTrainingJobs, region: str, error: Exception) -> None:
        super().__init__(inner.descriptions)
        self.region, self.error = region, error

    def list(self, region: str, **filters: Any) -> Iterator[ListedJob]:
        if region == self.region:
            raise self.error
        yield from super().list(region, **filters)


def test_a_region_that_fails_is_named_and_keeps_no_other_waiting() -> None:
    for error in (
        SourceDenied(Unread("sagemaker:ListTrainingJobs", "AccessDeniedException")),
        SourceUnavailable("sagemaker:ListTrainingJobs: throttled"),
    ):
        world = World(regions=("ap-south-1", "eu-west-1"))
        world.add("seen", CREATED)
        report = world.run(listing=Denied(world.jobs, "ap-south-1", error))
        assert [job.name for job in report.queued] == ["seen"]
        assert list(report.failed) == ["ap-south-1"]
        assert "sagemaker:ListTrainingJobs" in report.failed["ap-south-1"]
        assert report.share_complete == 50


def test_a_job_of_another_region_is_no_lost_event_until_a_round_has_passed_it_over() -> None:
    """Events come from the stack's region alone: elsewhere the first run after a job's end is the ordinary way."""
    world = World(regions=("ap-south-1", "eu-west-1"))
    ended = world.clock.now - timedelta(minutes=50)
    world.add("far", ended, region="ap-south-1")
    world.add("near", ended)
    report = world.run()
    assert {job.name for job in report.queued} == {"far", "near"}
    assert [job.name for job in report.overdue("eu-west-1", world.clock.now)] == ["near"]
    world.queue.jobs.clear()
    world.clock.advance(hours=25)
    assert [job.name for job in world.run().overdue("ap-northeast-1", world.clock.now)] == ["far", "near"]


class DyingQueue(MemoryQueue):
    """Takes some jobs and then dies, as a function does that is ended."""

    def send(self, jobs: Any) -> None:
        super().send(jobs[:1])
        raise KeyboardInterrupt


def test_a_run_that_dies_while_queueing_passes_nothing_over() -> None:
    world = World()
    for number in range(5):
        world.add(f"job-{number}", CREATED)
    try:
        world.run(queue=DyingQueue())
    except KeyboardInterrupt:
        world.run()
    assert {job.name for job in world.queue.jobs} == {f"job-{number}" for number in range(5)}


times = st.integers(min_value=0, max_value=72 * 60).map(lambda minutes: timedelta(minutes=minutes))


@settings(max_examples=60, deadline=None)
@given(
    jobs=st.lists(st.tuples(times, times), max_size=25),
    runs=st.lists(st.tuples(st.integers(1, 600), st.integers(0, 2), st.booleans()), min_size=1, max_size=12),
)
def test_no_finished_job_is_lost_whatever_is_interrupted(
    jobs: list[tuple[timedelta, timedelta]], runs: list[tuple[int, int, bool]]
) -> None:
    """Jobs end at any time, runs come at any interval, stop anywhere, and the queue loses messages: a day after the
    last one every finished job has exactly one record."""
    world = World(clock=FixedClock(CREATED))
    todo = [(f"job-{n}", CREATED + begin, CREATED + begin + length) for n, (begin, length) in enumerate(jobs)]

    def appear() -> None:
        for name, begin, end in todo:
            if end <= world.clock.now and (name, "eu-west-1") not in world.jobs.descriptions:
                world.add(name, end, created=begin)

    for minutes, batches, lost in runs:
        world.clock.advance(minutes=minutes)
        appear()
        world.run(batches=batches)
        if lost:
            world.queue.jobs.clear()
        else:
            world.drain()
    world.clock.now = max([world.clock.now, *(end for _, _, end in todo)]) + timedelta(hours=1)
    appear()
    for _ in range(2):
        world.clock.now += WHOLE_EVERY
        world.run()
        world.drain()
    assert world.recorded() == {name for name, _, _ in todo}
    assert all(len(revisions) == 1 for revisions in world.records.lines.values())


def test_the_comparison_says_up_to_when_the_ledger_is_complete() -> None:
    world = World(regions=("eu-west-1", "us-east-1"))
    world.add("first", CREATED)
    world.add("second", CREATED + timedelta(hours=2))
    regions, index = FixedRegions(world.regions), MemoryRecordIndex(world.records)
    found = compare(regions, world.jobs, index, world.clock.now)
    assert [job.name for job in found.missing] == ["first", "second"]
    assert found.complete_to == CREATED
    world.run()
    world.drain()
    found = compare(regions, world.jobs, index, world.clock.now)
    assert not found.missing
    assert found.complete_to == world.clock.now - SETTLING


def test_an_unread_region_is_never_called_complete() -> None:
    """Denied access must not read as "nothing is missing"."""
    world = World(regions=("ap-south-1", "eu-west-1"))
    denied = Denied(world.jobs, "ap-south-1", SourceDenied(Unread("sagemaker:ListTrainingJobs", "AccessDenied")))
    found = compare(FixedRegions(world.regions), denied, MemoryRecordIndex(world.records), world.clock.now)
    assert found.complete_to is None
    assert [state.region for state in found.unread] == ["ap-south-1"]
