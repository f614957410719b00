"""Reconciliation: whatever is lost on the way of an event, no finished job stays without a record."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.aws.stores.sqs import message
from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.listing import reading
from flops_auditor.use_cases.listing.job_reader import MOST_AT_THE_HEAD, JobReader
from flops_auditor.use_cases.listing.reading import WHOLE_EVERY
from flops_auditor.use_cases.operations import changed_jobs, reconcile_jobs
from flops_auditor.use_cases.operations.changed_jobs import MOST_UNANSWERED
from flops_auditor.use_cases.operations.compare_jobs import SETTLING, compare
from flops_auditor.use_cases.operations.reconcile_jobs import (
    REGIONS,
    Reconciler,
    ReconcileReport,
    reconcile,
    tell_people,
)
from flops_auditor.use_cases.ports.lineage import IndexEntry
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage, SourceDenied, SourceUnavailable
from tests.fakes.audit import (
    FakeJobStates,
    FakeTrainingJobs,
    FixedClock,
    FixedRegions,
    MemoryAlerts,
    MemoryIndex,
    MemoryQueue,
    MemoryReadings,
    MemoryRecordIndex,
    MemoryRecords,
    MemorySeenJobs,
    OnceUnread,
    recorder,
)
from tests.fakes.jobs import CREATED, describe

HOUR = timedelta(hours=1)


@dataclass
class World:
    """An account with its ledger, and a clock that starts a day after the first job."""

    regions: tuple[str, ...] = ("eu-west-1",)
    jobs: FakeTrainingJobs = field(default_factory=FakeTrainingJobs)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    readings: MemoryReadings = field(default_factory=MemoryReadings)
    seen: MemorySeenJobs = field(default_factory=MemorySeenJobs)
    lineage: MemoryIndex = field(default_factory=MemoryIndex)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    clock: FixedClock = field(default_factory=lambda: FixedClock(CREATED + timedelta(days=1)))
    room: int = 10**9

    def add(
        self,
        name: str,
        ended: datetime,
        created: datetime | None = None,
        region: str = "eu-west-1",
        status: str = "Completed",
        **tags: str,
    ) -> None:
        arn = f"arn:aws:sagemaker:{region}:123456789012:training-job/{name}"
        created = created or ended - timedelta(minutes=5)
        times = {"CreationTime": created, "LastModifiedTime": ended}
        self.jobs.add(describe(name, TrainingJobArn=arn, TrainingJobStatus=status, **times), **tags)

    def reconciler(self, listing: Any = None, **changes: Any) -> Reconciler:
        parts = {
            "regions": FixedRegions(self.regions),
            "reader": JobReader(listing or self.jobs, self.readings, self.clock),
            "states": FakeJobStates(self.jobs),
            "index": MemoryRecordIndex(self.records),
            "seen": self.seen,
            "queue": self.queue,
            "records": self.records,
            "lineage": self.lineage,
            "alerts": self.alerts,
            "home": "eu-west-1",
            "room": self.room,
        }
        return Reconciler(**{**parts, **changes})

    def run(self, requests: int | None = None, **changes: Any) -> ReconcileReport:
        """One round, of at most so many requests for pages."""
        before = len(self.pages())
        reconciler = self.reconciler(**changes)
        report = reconcile(reconciler, lambda: requests is not None and len(self.pages()) - before >= requests)
        tell_people(report, reconciler)
        return report

    def pages(self) -> list[tuple[str, str]]:
        """Every request for a page so far."""
        return [call for call in self.jobs.calls if call[0] == "sagemaker:ListTrainingJobs"]

    def drain(self) -> None:
        """Audit what is queued."""
        made = recorder(self.jobs, records=self.records, clock=self.clock, index=self.lineage, seen=self.seen)
        while self.queue.jobs:
            audit_job(read_pointer(json.loads(message(self.queue.jobs.pop(0)))), made, owner="worker")

    def listed(self, name: str) -> ListedJob:
        job = parse_training_job(self.jobs.descriptions[name, "eu-west-1"])
        assert job.creation_time is not None
        status, ended = job.training_job_status, job.last_modified_time
        return ListedJob(job.name, job.arn, job.region, status, job.creation_time, ended)

    def lineage_of(self, name: str) -> Sequence[IndexEntry]:
        """The jobs of a name that were recorded."""
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{name}"
        return self.lineage.newest("output", Location(arn), iso(self.clock.now), 10)

    def queued(self) -> set[str]:
        return {seen.job.name for seen in self.queue.jobs}

    def recorded(self) -> set[str]:
        ids = {parse_training_job(d).job_id: d["TrainingJobName"] for d in self.jobs.descriptions.values()}
        return {name for job_id, name in ids.items() if job_id in self.records.lines}


def test_the_first_round_queues_the_whole_history_of_every_region() -> None:
    """One deployment covers the account: jobs from before it, in every enabled region."""
    world = World(regions=("ap-south-1", "eu-west-1"))
    world.add("old", CREATED - timedelta(days=400))
    world.add("far", CREATED, region="ap-south-1")
    world.add("running", CREATED, status="InProgress")
    report = world.run()
    assert {job.name for job in report.queued} == {"old", "far"}
    assert (report.listed, report.finished, report.share_complete) == (3, 2, 100)
    assert report.overdue == [], "what ended before the first round never had an event"
    world.drain()
    assert world.recorded() == {"old", "far"}
    world.clock.now += HOUR
    assert not world.run().queued


def test_a_job_that_the_queue_does_not_take_keeps_no_other_one_waiting_and_is_queued_again() -> None:
    world = World()
    for name in ("first", "refused", "third"):
        world.add(name, CREATED)

    class Picky(MemoryQueue):
        def send(self, jobs: Sequence[SeenJob]) -> Mapping[str, str]:
            super().send([seen for seen in jobs if seen.job.name != "refused"])
            return {seen.job.arn: "TooLong" for seen in jobs if seen.job.name == "refused"}

    report = world.run(queue=Picky(world.queue.jobs))
    assert (report.failed, {job.name for job in report.queued}) == ({}, {"first", "third"})
    assert {arn.rpartition("/")[2]: why for arn, why in report.unqueued.items()} == {"refused": "TooLong"}
    assert [job.name for job in report.overdue] == ["refused"]
    world.clock.now += HOUR
    assert {job.name for job in world.run().queued} == {"refused"}


def test_a_later_round_reads_only_what_is_new_and_finds_a_job_that_ended_late() -> None:
    """A job is read once in its life; one that was running then waits until it has a record."""
    world = World()
    for number in range(3 * world.jobs.page_size):
        world.add(f"old-{number}", CREATED - timedelta(days=number))
    world.add("long", CREATED, status="InProgress")
    world.run()
    world.drain()
    world.clock.advance(hours=3)
    world.add("long", world.clock.now - HOUR, created=CREATED - timedelta(minutes=5))
    world.add("new", world.clock.now - HOUR)
    before = len(world.pages())
    report = world.run()
    assert {job.name for job in report.queued} == {"long", "new"}
    assert report.listed == 1
    assert len(world.pages()) - before == 1


def test_a_job_that_just_ended_is_left_to_its_event_and_found_by_the_next_round() -> None:
    world = World()
    world.run()
    world.clock.advance(hours=1)
    world.add("fresh", world.clock.now - timedelta(minutes=1))
    assert not world.run().queued
    world.clock.advance(minutes=45)
    report = world.run()
    assert [job.name for job in report.queued] == ["fresh"]
    assert [job.name for job in report.overdue] == ["fresh"], "its event was lost"


def test_a_queued_job_that_was_never_recorded_is_overdue_and_queued_again_after_a_day() -> None:
    """A message may be lost after it was queued; the job waits for its record."""
    world = World()
    world.add("lost", CREATED)
    world.run()
    world.queue.jobs.clear()
    world.clock.advance(hours=2)
    report = world.run()
    assert not report.queued
    assert [job.name for job in report.overdue] == ["lost"]
    world.clock.now += timedelta(days=1)
    assert [job.name for job in world.run().queued] == ["lost"]


def test_a_long_history_is_read_on_by_each_round_after_what_is_new() -> None:
    """The newest first: a job that ends today does not wait for a history of years."""
    world = World(regions=("eu-west-1", "us-east-1"))
    world.jobs.page_size = 10
    pages = 3 * MOST_AT_THE_HEAD
    for number in range(pages * 10):
        world.add(f"job-{number}", CREATED - number * HOUR)
    world.add("other", CREATED, region="us-east-1")
    report = world.run(requests=MOST_AT_THE_HEAD + 5)
    assert {job.name for job in report.queued} == {"other", *(f"job-{n}" for n in range((MOST_AT_THE_HEAD + 4) * 10))}
    assert (report.complete, report.pending) == (["us-east-1"], ["eu-west-1"])
    assert report.share_complete == 50
    rounds = 1
    while report.pending:
        world.clock.advance(hours=1)
        world.add(f"today-{rounds}", world.clock.now - timedelta(minutes=40))
        report = world.run(requests=12)
        assert report.queued[0].name == f"today-{rounds}"
        rounds += 1
    assert {job.name for job in report.queued} <= world.queued()
    assert world.queued() == {d["TrainingJobName"] for d in world.jobs.descriptions.values()}
    assert len(world.queue.jobs) == len(world.queued()), "nothing was queued twice"
    heads = 2 * rounds
    assert len(world.pages()) <= pages + heads + 3, "the history was read once"


def test_history_waits_while_the_queue_is_full_and_new_jobs_do_not() -> None:
    world = World(room=150)
    world.jobs.page_size = 10
    for number in range((MOST_AT_THE_HEAD + 30) * 10):
        world.add(f"job-{number}", CREATED - number * HOUR)
    assert world.run().pending == ["eu-west-1"]
    assert len(world.queue.jobs) == MOST_AT_THE_HEAD * 10, "as much as a round reads of new jobs"
    world.clock.advance(hours=1)
    world.add("today", world.clock.now - timedelta(minutes=40))
    assert [job.name for job in world.run().queued] == ["today"]
    world.drain()
    world.clock.advance(hours=1)
    report = world.run()
    assert len(report.queued) == 150
    assert report.pending == ["eu-west-1"]


def test_empty_pages_end_no_round_and_lose_no_place() -> None:
    """The API may answer an empty page with a token: the next round goes on with that token."""

    class Sparse(FakeTrainingJobs):
        """Every other page is empty."""

        def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
            empty = not token.startswith("full ")
            self.calls.append(("sagemaker:ListTrainingJobs", region))
            if empty:
                return ListedPage((), f"full {token}")
            found = super().page(region, created_before, token.removeprefix("full "))
            self.calls.pop()
            return found

    world = World(jobs=Sparse())
    world.jobs.page_size = 10
    for number in range(95):
        world.add(f"job-{number}", CREATED - number * HOUR)
    rounds = 0
    while world.run(requests=3).pending:
        world.clock.advance(hours=1)
        rounds += 1
        assert rounds < 40
    assert world.queued() == {f"job-{number}" for number in range(95)}
    assert len(world.queue.jobs) == 95


def test_a_token_that_is_no_longer_taken_is_replaced_by_the_creation_time() -> None:
    given: set[str] = set()
    expired: set[str] = set()

    class Forgetful(FakeTrainingJobs):
        """No round may use the token that an earlier one was given."""

        def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
            if token in expired:
                self.calls.append(("sagemaker:ListTrainingJobs", region))
                raise SourceDenied(Unread("sagemaker:ListTrainingJobs", "ValidationException", "invalid token"))
            page = super().page(region, created_before, token)
            given.add(page.token)
            return page

    world = World(jobs=Forgetful())
    world.jobs.page_size = 10
    for number in range(60):
        world.add(f"job-{number}", CREATED - number * HOUR)
    while world.run(requests=2).pending:
        expired |= given - {""}
        world.clock.advance(hours=1)
    assert world.queued() == {f"job-{number}" for number in range(60)}


def test_many_jobs_of_one_second_are_all_queued() -> None:
    world = World()
    for number in range(world.jobs.page_size * 2 + 7):
        world.add(f"job-{number}", CREATED, created=CREATED - HOUR)
    while world.run(requests=2).pending:
        pass
    assert world.queued() == {f"job-{number}" for number in range(world.jobs.page_size * 2 + 7)}


class Denied(FakeTrainingJobs):
    """A listing that a service control policy, or an outage, keeps out of one region."""

    def __init__(self, inner: FakeTrainingJobs, region: str, error: Exception) -> None:
        super().__init__(inner.descriptions)
        self.region, self.error = region, error

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        if region == self.region:
            raise self.error
        return super().page(region, created_before, token)


DENIED = SourceDenied(Unread("sagemaker:ListTrainingJobs", "AccessDeniedException"))


def test_a_region_that_fails_is_named_and_keeps_no_other_waiting() -> None:
    world = World(regions=("ap-south-1", "eu-west-1"))
    world.add("seen", CREATED)
    world.run()
    for error in (DENIED, SourceUnavailable("sagemaker:ListTrainingJobs: throttled")):
        world.clock.advance(hours=1)
        world.add("new", world.clock.now - timedelta(minutes=50))
        report = world.run(listing=Denied(world.jobs, "ap-south-1", error))
        assert [job.name for job in report.queued] == ["new"]
        assert list(report.failed) == ["ap-south-1"]
        assert "sagemaker:ListTrainingJobs" in report.failed["ap-south-1"]
        assert report.share_complete == 50
        world.drain()


def test_a_fault_in_reading_how_far_a_region_is_keeps_no_other_waiting() -> None:
    met = 0
    for number in range(1, 12):
        readings = OnceUnread(region="us-east-1", number=number)
        world = World(("eu-west-1", "us-east-1"), readings=readings)
        world.add("job", CREATED)
        report = world.run()
        assert "eu-west-1" in report.complete
        assert [job.name for job in report.queued] == ["job"]
        met += "us-east-1" in report.failed
        assert ("us-east-1" in report.failed) == (readings.number <= 0)
    assert met


def test_a_region_that_was_never_open_is_closed_and_no_failure_but_home_is() -> None:
    """A policy that closes a region must not leave an alarm ringing for good; a role without rights must."""
    world = World(regions=("ap-south-1", "eu-west-1"))
    report = world.run(listing=Denied(world.jobs, "ap-south-1", DENIED))
    assert (list(report.closed), report.failed) == (["ap-south-1"], {})
    assert report.share_complete == 100
    report = world.run(listing=Denied(world.jobs, "eu-west-1", DENIED))
    assert list(report.failed) == ["eu-west-1"]


def test_regions_that_cannot_be_found_do_not_keep_home_from_being_read() -> None:
    world = World()
    world.add("near", CREATED)
    report = world.run(regions=FixedRegions(("eu-west-1",), unread="other regions are not known: denied"))
    assert [job.name for job in report.queued] == ["near"]
    assert list(report.failed) == [REGIONS]
    assert report.share_complete == 100


def test_a_job_of_another_region_is_no_lost_event_until_it_was_queued_in_vain() -> None:
    """Events come from the stack's region alone: elsewhere the first round after a job's end is the ordinary way."""
    world = World(regions=("ap-south-1", "eu-west-1"))
    world.run()
    world.clock.advance(hours=2)
    ended = world.clock.now - timedelta(minutes=50)
    world.add("far", ended, region="ap-south-1")
    world.add("near", ended)
    report = world.run()
    assert {job.name for job in report.queued} == {"far", "near"}
    assert [job.name for job in report.overdue] == ["near"]
    world.queue.jobs.clear()
    world.clock.advance(hours=3)
    assert {job.name for job in world.run().overdue} == {"far", "near"}


def test_a_job_that_was_seen_running_and_is_gone_is_named_and_recorded() -> None:
    """Only a job that has ended can be deleted; what was seen of it is all there is, and it is never below."""
    world = World(regions=("eu-west-1", "us-east-1"))
    world.add("short", world.clock.now, region="us-east-1", status="InProgress")
    world.run()
    del world.jobs.descriptions["short", "us-east-1"]
    world.clock.advance(hours=1)
    report = world.run()
    assert [(change.job.name, change.remark.kind.name) for change in report.changes] == [("short", "seen-running-gone")]
    [mail] = world.alerts.sent
    assert "short (us-east-1): seen running, gone" in mail.body
    assert not report.queued, "its event may still be on its way"
    world.clock.advance(hours=1)
    assert [job.name for job in world.run().queued] == ["short"]
    assert len(world.alerts.sent) == 1, "told once"
    world.drain()
    [job_id] = world.records.lines
    kept = newest(job_id, recorder(records=world.records))
    assert kept is not None
    assert (kept.content["job"]["name"], kept.content["job"]["status"]) == ("short", "Deleted")
    assert kept.content["verdict"] == "indeterminate"
    world.clock.advance(hours=1)
    assert not world.run().queued


def test_a_name_that_was_used_again_leaves_two_records_and_is_said() -> None:
    """The job that was seen running is gone, though SageMaker knows one of its name."""
    world = World()
    world.run()
    world.clock.advance(hours=1)
    world.add("twice", world.clock.now, created=world.clock.now - HOUR, status="InProgress")
    world.run()
    world.clock.advance(hours=1)
    world.add("twice", world.clock.now, created=world.clock.now - timedelta(minutes=20))
    world.run()
    for _ in range(2):
        world.clock.advance(hours=1)
        world.run()
        world.drain()
    assert len(world.records.lines) == 2
    [mail] = world.alerts.sent
    assert [line.split(": ")[1][:12] for line in mail.body.splitlines() if "twice" in line] == [
        "seen running",
        "its name was",
    ]


def test_a_new_job_with_the_name_of_a_recorded_one_is_said_once() -> None:
    world = World()
    world.add("again", CREATED)
    world.run()
    world.drain()
    world.clock.advance(hours=1)
    world.add("again", world.clock.now, created=world.clock.now - timedelta(minutes=15))
    report = world.run()
    assert [change.remark.kind.name for change in report.changes] == ["name-used-again"]
    assert "again (eu-west-1): its name was used before" in world.alerts.sent[-1].body
    world.clock.advance(minutes=5)
    assert world.run().changes == []
    world.clock.advance(hours=1)
    assert [job.name for job in world.run().queued] == ["again"]
    world.drain()
    assert not any(seen.untold for seen in world.seen.waiting("eu-west-1")), "its audit notes nothing that was told"


class Refused(Exception):
    """The topic takes no mail."""


class RefusingAlerts(MemoryAlerts):
    """Takes none."""

    def send(self, alert: Alert) -> None:
        raise Refused


def used_while_the_first_waits() -> World:
    """A job was seen running, ended, and its name was used again, all between two rounds."""
    world = World()
    world.add("train", world.clock.now, created=world.clock.now - timedelta(minutes=20), status="InProgress")
    world.run()
    world.clock.now += HOUR
    world.add("train", world.clock.now - timedelta(minutes=35))
    return world


def used_while_the_first_is_audited(days: int, deleted: bool) -> World:
    """The first job's event is audited after the second job was seen, which is deleted, too, or so many days later."""
    world = World()
    world.run()
    world.clock.now += HOUR
    world.add("train", world.clock.now - timedelta(minutes=50))
    event = SeenJob(world.listed("train"), world.clock.now)
    world.add("train", world.clock.now - timedelta(minutes=35), created=world.clock.now - timedelta(minutes=40))
    world.run()
    if deleted:
        del world.jobs.descriptions["train", "eu-west-1"]
    for _ in range(24 * days):
        world.drain()
        world.clock.now += HOUR
        world.run()
    world.queue.send([event])
    world.drain()
    assert not world.alerts.sent
    return world


def used_during_the_first_reading() -> World:
    world = World(jobs=FakeTrainingJobs(page_size=5))
    for number in range(40):
        world.add(f"old-{number}", CREATED - number * HOUR)
    world.add("train", CREATED + HOUR)
    world.run(requests=1)
    world.drain()
    world.clock.now += HOUR
    world.add("train", world.clock.now - timedelta(minutes=40))
    assert world.run(requests=1).pending
    return world


def used_between_two_rounds(late: int) -> World:
    """No round sees one of three jobs; their events are audited after the others', the one of this number last."""
    world = World()
    world.run()
    for minutes in (50, 40, 30):
        ended = world.clock.now + HOUR - timedelta(minutes=minutes)
        world.add("train", ended)
        world.queue.jobs.append(SeenJob(world.listed("train"), ended))
    del world.jobs.descriptions["train", "eu-west-1"]
    world.clock.now += HOUR
    world.queue.jobs.append(world.queue.jobs.pop(late))
    world.drain()
    return world


def test_a_later_job_that_has_no_record_yet_keeps_none_from_being_made() -> None:
    """Its audit, which is at work or died, finds this one."""
    world = World()
    world.add("train", CREATED)
    arn = world.listed("train").arn
    world.lineage.add([("output", IndexEntry(Location(arn), iso(CREATED + HOUR), "f" * 64, arn))])
    world.run()
    world.drain()
    assert world.recorded() == {"train"}
    assert not any(seen.untold for seen in world.seen.waiting("eu-west-1"))


def test_a_name_that_an_audit_notes_during_a_round_is_said() -> None:
    """The round has read what waits, and then settles jobs that have their record by now."""
    world = World()
    world.run()
    world.clock.now += HOUR
    world.add("train", world.clock.now - timedelta(minutes=50))
    event = SeenJob(world.listed("train"), world.clock.now)
    world.add("train", world.clock.now - timedelta(minutes=40))
    world.run()
    world.queue.jobs.insert(0, event)
    waiting = world.seen.waiting

    def then_audited(region: str) -> Sequence[SeenJob]:
        found = waiting(region)
        world.drain()
        return found

    with patch.object(world.seen, "waiting", then_audited), pytest.raises(Refused):
        world.run(alerts=RefusingAlerts())
    world.run()
    assert told(world) == ["train"]


@pytest.mark.parametrize("late", [0, 1, 2])
def test_names_used_between_two_rounds_are_said_once_in_whatever_order_the_jobs_are_recorded(late: int) -> None:
    world = used_between_two_rounds(late)
    for _ in range(26):
        world.run()
        world.drain()
        world.clock.now += HOUR
    lines = [line for mail in world.alerts.sent for line in mail.body.splitlines()]
    assert [line.split(": ")[1][:12] for line in lines if "- train" in line] == ["its name was"] * 2
    assert len(world.lineage_of("train")) == 3
    assert not world.seen.waiting("eu-west-1")


@pytest.mark.parametrize(
    "make",
    [
        used_while_the_first_waits,
        used_during_the_first_reading,
        partial(used_while_the_first_is_audited, 0, deleted=True),
        partial(used_while_the_first_is_audited, 3, deleted=False),
    ],
    ids=["the first waits", "during the first reading", "both are gone", "the first has its record days later"],
)
def test_a_name_used_again_is_said_once_whenever_the_earlier_job_gets_its_record(make: Callable[[], World]) -> None:
    world = make()
    for hour in range(4 * 24):
        with suppress(Refused):
            world.run(alerts=RefusingAlerts() if hour < 26 else world.alerts)
        world.drain()
        world.clock.now += HOUR
    lines = [line for mail in world.alerts.sent for line in mail.body.splitlines()]
    assert [line.split(": ")[0] for line in lines if "its name was" in line] == ["- train (eu-west-1)"]
    assert len({each.job_id for each in world.lineage_of("train")}) == 2, "each has its record"
    assert not world.seen.waiting("eu-west-1")


def changed_account() -> World:
    """A job was seen running and is deleted, a name is used again, the tags of a third one are gone: all untold."""
    world = World()
    world.add("spied", world.clock.now, status="InProgress")
    for name in ("named", "tagged"):
        world.add(name, CREATED, params="8000000000")
    world.run()
    world.drain()
    del world.jobs.descriptions["spied", "eu-west-1"]
    world.clock.now += WHOLE_EVERY
    world.add("named", world.clock.now - timedelta(minutes=40), params="8000000000")
    world.jobs.tags_by_arn["arn:aws:sagemaker:eu-west-1:123456789012:training-job/tagged"] = []
    return world


@pytest.mark.parametrize("refused", [0, 1, 30], ids=["taken", "refused once", "refused for a day and more"])
def test_a_mail_that_is_refused_is_sent_by_the_next_round_that_can_and_once(refused: int) -> None:
    """Records are made all the same."""
    world = changed_account()
    for _ in range(refused):
        with pytest.raises(Refused):
            world.run(alerts=RefusingAlerts())
        world.drain()
        world.clock.now += HOUR
    assert "spied" in {content_of(world, job_id)["job"]["name"] for job_id in world.records.lines} or refused < 2
    for _ in range(3 * 24):
        world.run()
        world.drain()
        world.clock.now += HOUR
    assert sorted(told(world)) == ["named", "spied", "tagged"], "each once"
    assert not world.seen.waiting("eu-west-1"), "and none waits any more"


def used_again(number: int) -> World:
    """So many names were used again, and the topic refused the mail of it."""
    world = World()
    for each in range(number):
        world.add(f"again-{each}", CREATED)
    world.run()
    world.drain()
    world.clock.now += HOUR
    for each in range(number):
        world.add(f"again-{each}", world.clock.now)
    for _ in range(2):
        with pytest.raises(Refused):
            world.run(alerts=RefusingAlerts())
        world.drain()
        world.clock.now += HOUR
    return world


def told(world: World) -> list[str]:
    lines = [line for mail in world.alerts.sent for line in mail.body.splitlines()]
    return [line.split()[1] for line in lines if line.startswith("- ")]


def test_what_could_not_be_told_is_looked_up_while_there_is_time_and_some_in_each_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile_jobs, "MOST_FOUND_AGAIN", 2)
    world = used_again(5)
    with patch.object(world.lineage, "newest", side_effect=AssertionError("there is no time")):
        assert world.run(requests=0).changes == []
    world.add("new", world.clock.now - timedelta(minutes=40))
    found = []
    for _ in range(5):
        report = world.run()
        found.append(len(report.changes))
        world.clock.now += HOUR
    assert found == [2, 2, 1, 0, 0]
    assert sorted(told(world)) == [f"again-{each}" for each in range(5)], "each once"
    assert world.queued() == {"new"}


def test_what_could_not_be_told_has_room_of_its_own_in_which_none_keeps_another_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever uses names again, in the home region or first, hides neither a job that is gone nor another region."""
    world = World(regions=("eu-west-1", "us-east-1"))
    used = [*((f"used-{number}", "eu-west-1") for number in range(6)), ("far", "us-east-1")]
    gone = [("spied", "eu-west-1"), ("spied-far", "us-east-1")]
    for name, region in gone:
        world.add(name, world.clock.now, region=region, status="InProgress")

    def use_names() -> None:
        world.drain()
        world.clock.now += HOUR
        for name, region in used:
            world.add(name, world.clock.now - timedelta(minutes=40), region=region)

    def found() -> list[str]:
        """What a round found that died before it could tell."""
        return [change.job.name for change in reconcile(world.reconciler(), lambda: False).changes]

    use_names()
    assert found() == []
    use_names()
    for name, region in gone:
        del world.jobs.descriptions[name, region]
    assert found()[:3] == ["spied", "spied-far", "used-5"], "who is gone comes first"
    for room, expected in ((2, ["spied", "used-0"]), (4, ["spied", "spied-far", "used-0", "far"])):
        monkeypatch.setattr(reconcile_jobs, "MOST_FOUND_AGAIN", room)
        assert found() == expected
    use_names()
    report = world.run()
    assert len(report.changes) == room + len(used), "what is new has taken none of the room"
    assert [change.job.name for change in report.changes][:4] == expected, "and comes after what waited"
    assert told(world)[:4] == ["spied", "used-0", "spied-far", "far"]


def test_what_could_not_be_told_is_told_though_its_region_is_not_listed_any_more() -> None:
    world = used_again(1)
    report = world.run(listing=Denied(world.jobs, "eu-west-1", DENIED))
    assert (len(report.changes), list(report.failed)) == (1, ["eu-west-1"])
    assert told(world) == ["again-0"]


def test_what_the_watch_notes_during_a_round_stays() -> None:
    """The round tells people minutes after it read what is noted."""
    world = used_again(1)
    world.add("again-0", world.clock.now, created=world.clock.now - timedelta(minutes=1), status="InProgress")
    reconciler = world.reconciler()
    report = reconcile(reconciler, lambda: False)
    waits = next(seen for seen in world.seen.waiting("eu-west-1") if not seen.job.finished)
    world.seen.describe(waits.job.job_id, "{}", world.clock.now)
    tell_people(report, reconciler)
    assert next(s for s in world.seen.waiting("eu-west-1") if not s.job.finished).description == "{}"


def content_of(world: World, job_id: str) -> Mapping[str, Any]:
    kept = newest(job_id, recorder(records=world.records))
    assert kept is not None
    return kept.content


@pytest.mark.parametrize("dies", ["queue", "progress"])
def test_a_round_that_dies_before_it_tells_leaves_it_to_the_next_one(dies: str) -> None:
    world = changed_account()
    world.clock.now += SETTLING
    if dies == "queue":
        with pytest.raises(KeyboardInterrupt):
            world.run(queue=DyingQueue(world.queue.jobs))
    else:
        with patch.object(world.readings, "write", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            world.run()
    world.drain()
    for _ in range(3 * 24):
        world.clock.now += HOUR
        world.run()
        world.drain()
    assert sorted(told(world)) == ["named", "spied", "tagged"]


def test_tags_that_were_changed_or_deleted_after_the_audit_are_said_once() -> None:
    """A record stays as it was; whoever relies on it should know."""
    world = World()
    for name in ("kept", "changed", "deleted"):
        world.add(name, CREATED, params="8000000000")
    world.run()
    world.drain()
    world.add("changed", CREATED, params="70000000000")
    world.jobs.tags_by_arn["arn:aws:sagemaker:eu-west-1:123456789012:training-job/deleted"] = []
    world.clock.now += WHOLE_EVERY
    report = world.run()
    found = {change.job.name: change.remark.kind.name for change in report.changes}
    assert found == {"changed": "tags-changed", "deleted": "tags-deleted"}
    assert "70000000000" not in world.alerts.sent[-1].body
    world.clock.now += WHOLE_EVERY
    assert world.run().changes == []


class DyingQueue(MemoryQueue):
    """Takes some jobs and then dies, as a function does that is ended."""

    def send(self, jobs: Sequence[SeenJob]) -> Mapping[str, str]:
        super().send(jobs[:1])
        raise KeyboardInterrupt


def without_tags(regions: tuple[str, ...], number: int, page_size: int) -> World:
    """So many jobs of each region have their record, and lost their tags afterwards."""
    world = World(regions=regions, jobs=FakeTrainingJobs(page_size=page_size))
    for region in regions:
        for place in range(number):
            world.add(f"{region}-{place}", CREATED - place * HOUR, region=region, params="8000000000")
    while world.run().pending:
        world.clock.advance(hours=1)
    world.drain()
    world.jobs.tags_by_arn.clear()
    return world


def test_tags_of_more_jobs_than_a_round_compares_are_compared_by_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """New jobs are read all the same, though they have no record and stand above those that are read once more."""
    monkeypatch.setattr(changed_jobs, "MOST_A_ROUND", 5)
    world = without_tags(("eu-west-1", "us-east-1"), 20, page_size=3)
    world.clock.now += WHOLE_EVERY
    told: list[str] = []
    asked: list[str] = []
    rounds, pending = 0, True
    while pending:
        for region in world.regions:
            world.add(f"new-{rounds}-{region}", world.clock.now - timedelta(minutes=40), region=region)
        states = Withheld(world.jobs)
        report = world.run(states=states)
        assert {job.name for job in report.queued} == {f"new-{rounds}-{region}" for region in world.regions}
        assert len(states.asked) < 5 + world.jobs.page_size, "a page is compared to its end"
        pending = bool(report.pending)
        told += [change.job.name for change in report.changes]
        asked += states.asked
        world.drain()
        world.clock.advance(hours=1)
        rounds += 1
    assert sorted(told) == sorted(f"{region}-{number}" for region in world.regions for number in range(20))
    assert len(asked) == len(set(asked)), "each once"
    assert 40 // (5 + world.jobs.page_size) <= rounds <= 10


def test_tags_of_every_region_are_compared_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region that came to its end, and soon begins again, keeps none waiting that has not come to its own."""
    monkeypatch.setattr(changed_jobs, "MOST_A_ROUND", 2)
    monkeypatch.setattr(reading, "WHOLE_EVERY", timedelta(hours=3))
    monkeypatch.setattr(reading, "SHARE_OF_WHOLE", 0)
    regions = tuple(f"us-west-{number}" for number in range(1, 5))
    world = without_tags(("eu-west-1", *regions), 8, page_size=2)
    told: set[str] = set()
    for _ in range(30):
        world.clock.advance(hours=1)
        told |= {change.job.name for change in world.run().changes}
    assert told == {f"{region}-{number}" for region in world.regions for number in range(8)}


def test_jobs_that_have_their_record_keep_no_new_one_waiting_and_are_settled_while_there_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile_jobs, "SETTLED_TOGETHER", 1)
    world = World()
    for number in range(5):
        world.add(f"job-{number}", CREATED)
    world.run()
    world.drain()
    world.clock.advance(hours=1)
    world.add("new", world.clock.now - timedelta(minutes=40))
    report = reconcile(world.reconciler(), lambda: len(world.seen.settled) >= 2)
    assert [job.name for job in report.queued] == ["new"]
    assert len(world.seen.settled) == 2
    world.clock.advance(hours=1)
    assert not world.run().queued
    assert len(world.seen.settled) == 5


@dataclass
class Withheld(FakeJobStates):
    """States of jobs of which some may not be asked for, or do not answer."""

    withheld: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def now(self, job: ListedJob) -> ListedJob | None:
        self._ask(job)
        return super().now(job)

    def tags(self, job: ListedJob) -> Sequence[Mapping[str, str]]:
        self._ask(job)
        return super().tags(job)

    def _ask(self, job: ListedJob) -> None:
        self.asked.append(job.name)
        if job.name in self.withheld:
            raise self.withheld[job.name]


REFUSED = SourceDenied(Unread("sagemaker:DescribeTrainingJob", "AccessDeniedException"))
UNANSWERED = SourceUnavailable("sagemaker:DescribeTrainingJob: no answer")


@pytest.mark.parametrize("error", [REFUSED, UNANSWERED])
def test_a_job_that_may_not_be_described_is_named_and_keeps_no_other_waiting(error: Exception) -> None:
    world = World()
    for name in ("hidden", "other"):
        world.add(name, world.clock.now, status="InProgress")
    world.run()
    states = Withheld(world.jobs, {"hidden": error})
    world.clock.advance(hours=2)
    world.add("other", world.clock.now - HOUR, created=world.clock.now - 2 * HOUR - timedelta(minutes=5))
    world.add("new", world.clock.now - HOUR)
    report = world.run(states=states)
    assert {job.name for job in report.queued} == {"other", "new"}
    assert report.failed == {}
    assert [arn.rpartition("/")[2] for arn in report.unasked] == ["hidden"]
    assert "sagemaker:DescribeTrainingJob" in next(iter(report.unasked.values()))
    assert len(world.alerts.sent) == (error is REFUSED), "a fault that passes is nobody's mail"
    world.drain()
    world.clock.advance(hours=1)
    assert len(world.run(states=states).unasked) == 1
    assert len(world.alerts.sent) == (error is REFUSED), "told once"
    world.add("hidden", world.clock.now - HOUR, created=CREATED + timedelta(days=1) - timedelta(minutes=5))
    world.clock.advance(hours=23)
    assert [job.name for job in world.run(states=states).queued] == ["hidden"], "the listing says that it has ended"
    world.clock.advance(hours=1)
    assert not world.run(states=states).queued


def test_a_job_that_is_looked_at_again_and_listed_once_more_in_a_round_is_queued_once() -> None:
    world = World()
    created = world.clock.now - HOUR
    world.add("ran", world.clock.now, created=created, status="InProgress")
    world.run()
    world.add("ran", world.clock.now + HOUR, created=created)
    world.clock.now += WHOLE_EVERY
    assert [job.name for job in world.run().queued] == ["ran"]


def test_a_region_that_answers_for_no_job_is_not_asked_for_all() -> None:
    world = World()
    for number in range(9):
        world.add(f"job-{number}", world.clock.now, status="InProgress")
    world.run()
    world.clock.advance(hours=1)
    world.add("new", world.clock.now - timedelta(minutes=40))
    states = Withheld(world.jobs, {f"job-{number}": UNANSWERED for number in range(9)})
    report = world.run(states=states)
    assert [job.name for job in report.queued] == ["new"]
    assert len(states.asked) == MOST_UNANSWERED
    assert "sagemaker:DescribeTrainingJob went" in report.failed["eu-west-1"], "six were not asked for"


def test_running_jobs_that_are_not_described_keep_no_tags_from_being_compared() -> None:
    """Each call has a count of its own: who keeps three running jobs from being described hides no deleted tag."""
    world = World()
    for number in range(MOST_UNANSWERED):
        world.add(f"runs-{number}", world.clock.now, status="InProgress")
    world.add("deleted", CREATED, params="8000000000")
    world.run()
    world.drain()
    world.jobs.tags_by_arn.clear()
    world.clock.now += WHOLE_EVERY
    report = world.run(states=Withheld(world.jobs, {f"runs-{n}": UNANSWERED for n in range(MOST_UNANSWERED)}))
    assert [(change.job.name, change.remark.kind.name) for change in report.changes] == [("deleted", "tags-deleted")]
    assert list(report.failed) == ["eu-west-1"]
    assert "ListTags" not in report.failed["eu-west-1"]


def test_a_region_that_lists_no_tags_is_said_to_have_failed_and_goes_on_where_it_paused() -> None:
    """Whoever may list tags, and deleted some, can use up the quota when a round begins."""
    world = World(jobs=FakeTrainingJobs(page_size=3))
    names = [f"job-{number}" for number in range(MOST_UNANSWERED + 6)]
    for number, name in enumerate(names):
        world.add(name, CREATED - number * HOUR, params="8000000000")
    world.run()
    world.drain()
    world.jobs.tags_by_arn.clear()
    world.clock.now += WHOLE_EVERY
    for _ in range(3):
        world.add(f"new-{world.clock.now:%d-%H}", world.clock.now - HOUR)
        report = world.run(states=Withheld(world.jobs, dict.fromkeys(names, UNANSWERED)))
        assert "sagemaker:ListTags went" in report.failed["eu-west-1"]
        assert len(report.queued) == 1
        world.drain()
        world.clock.now += HOUR
    found = {change.job.name for _ in range(3) for change in world.run().changes}
    assert found == set(names[MOST_UNANSWERED - 1 :]), "those before were only named: their page was read to its end"


@pytest.mark.parametrize("requests", [None, 1])
def test_a_name_used_again_is_said_though_the_first_round_does_not_come_to_its_job(requests: int | None) -> None:
    world = World(jobs=FakeTrainingJobs(page_size=5))
    world.add("train", CREATED)
    world.run()
    world.drain()
    world.clock.advance(hours=2)
    world.add("train", world.clock.now - timedelta(minutes=40))
    for number in range(12):
        world.add(f"after-{number}", world.clock.now - timedelta(minutes=39), status="Failed")
    found = list(world.run(requests=requests).changes)
    for _ in range(30):
        world.drain()
        world.clock.advance(hours=1)
        found += world.run().changes
    assert [(each.job.name, each.remark.kind.name) for each in found] == [("train", "name-used-again")], "once"
    assert not world.seen.waiting("eu-west-1")


@pytest.mark.parametrize("error", [REFUSED, UNANSWERED])
def test_tags_that_may_not_be_listed_end_neither_the_reading_nor_the_comparison(error: Exception) -> None:
    world = World()
    for name in ("denied", "deleted"):
        world.add(name, CREATED, params="8000000000")
    world.run()
    world.drain()
    world.jobs.tags_by_arn["arn:aws:sagemaker:eu-west-1:123456789012:training-job/deleted"] = []
    world.clock.now += WHOLE_EVERY
    world.add("new", world.clock.now - HOUR)
    report = world.run(states=Withheld(world.jobs, {"denied": error}))
    assert [job.name for job in report.queued] == ["new"]
    assert (report.failed, report.pending) == ({}, [])
    found = {change.job.name: change.remark.kind.name for change in report.changes}
    assert found == {"deleted": "tags-deleted"}, "a mail for each job of a role that may list no tags were too many"
    assert [arn.rpartition("/")[2] for arn in report.unasked] == ["denied"]
    world.clock.advance(hours=1)
    assert world.run(states=Withheld(world.jobs, {"denied": error})).unasked == {}, "the page was read"


def test_a_round_that_dies_while_queueing_passes_nothing_over() -> None:
    world = World()
    for number in range(5):
        world.add(f"job-{number}", CREATED)
    try:
        world.run(queue=DyingQueue())
    except KeyboardInterrupt:
        world.run()
    assert world.queued() == {f"job-{number}" for number in range(5)}


times = st.integers(min_value=0, max_value=72 * 60).map(lambda minutes: timedelta(minutes=minutes))


@settings(max_examples=60)
@given(
    jobs=st.lists(st.tuples(times, times), max_size=25),
    rounds=st.lists(st.tuples(st.integers(1, 600), st.integers(0, 3), st.booleans()), min_size=1, max_size=12),
)
def test_no_finished_job_is_lost_whatever_is_interrupted(
    jobs: list[tuple[timedelta, timedelta]], rounds: list[tuple[int, int, bool]]
) -> None:
    """Jobs run at any time, rounds come at any interval, stop anywhere, and the queue loses messages: two days after
    the last one every finished job has exactly one record."""
    world = World(clock=FixedClock(CREATED))
    world.jobs.page_size = 3
    todo = [(f"job-{n}", CREATED + begin, CREATED + begin + length) for n, (begin, length) in enumerate(jobs)]

    def appear() -> None:
        for name, begin, end in todo:
            if begin <= world.clock.now:
                ended = end <= world.clock.now
                status = "Completed" if ended else "InProgress"
                world.add(name, end if ended else world.clock.now, created=begin, status=status)

    for minutes, requests, lost in rounds:
        world.clock.advance(minutes=minutes)
        appear()
        world.run(requests=requests)
        if lost:
            world.queue.jobs.clear()
        else:
            world.drain()
    world.clock.now = max([world.clock.now, *(end for _, _, end in todo)]) + HOUR
    appear()
    for _ in range(3):
        world.clock.now += timedelta(days=1)
        world.run()
        world.drain()
    assert world.recorded() == {name for name, _, _ in todo}
    assert all(len(revisions) == 1 for revisions in world.records.lines.values())
    assert all(not world.seen.waiting(region) for region in world.regions) or world.run()
    assert not world.seen.waiting("eu-west-1")


def comparison_of(world: World, whole: bool = True, listing: Any = None) -> Any:
    made = world.reconciler(listing=listing)
    return compare(made.regions, made.reader, made.index, made.seen, whole=whole)


def test_the_comparison_says_up_to_when_the_ledger_is_complete() -> None:
    world = World(regions=("eu-west-1", "us-east-1"))
    world.add("first", CREATED)
    world.add("second", CREATED + timedelta(hours=2))
    found = comparison_of(world)
    assert [job.name for job in found.missing] == ["first", "second"]
    assert found.complete_to == CREATED
    world.run()
    assert [job.name for job in comparison_of(world, whole=False).missing] == ["first", "second"]
    world.drain()
    for whole in (True, False):
        found = comparison_of(world, whole)
        assert not found.missing
        assert found.complete_to == world.clock.now - SETTLING


def test_a_quick_comparison_reads_only_what_no_round_has_read() -> None:
    world = World()
    for number in range(500):
        world.add(f"job-{number}", CREATED - number * HOUR)
    world.run()
    world.drain()
    world.clock.advance(minutes=40)
    world.add("new", world.clock.now - timedelta(minutes=35))
    before, kept, notes = len(world.pages()), dict(world.readings.kept), world.seen.notes
    found = comparison_of(world, whole=False)
    assert [job.name for job in found.missing] == ["new"]
    assert len(world.pages()) - before == 1
    assert comparison_of(world).regions[0].listed == 501
    assert not world.queue.jobs
    assert (world.readings.kept, world.seen.notes) == (kept, notes), "who compares changes nothing"


def test_a_quick_comparison_before_the_history_was_read_is_not_called_complete() -> None:
    world = World()
    world.jobs.page_size = 10
    for number in range((MOST_AT_THE_HEAD + 1) * 10):
        world.add(f"job-{number}", CREATED - number * HOUR)
    found = comparison_of(world, whole=False)
    assert found.complete_to is None
    assert len(found.missing) == MOST_AT_THE_HEAD * 10
    assert len(comparison_of(world).missing) == (MOST_AT_THE_HEAD + 1) * 10


def test_an_unread_region_is_never_called_complete() -> None:
    """Denied access must not read as "nothing is missing"."""
    world = World(regions=("ap-south-1", "eu-west-1"))
    found = comparison_of(world, listing=Denied(world.jobs, "ap-south-1", DENIED))
    assert found.complete_to is None
    assert [state.region for state in found.unread] == ["ap-south-1"]
