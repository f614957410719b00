"""Warnings of Bedrock's running customization jobs: by the size of their data, which is all that is known of one."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.watch_jobs import Watched, Watcher, watch_jobs
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage
from tests.fakes.audit import FixedRegions, MemoryAlerts, MemoryReadings, MemorySeenJobs
from tests.fakes.customization_jobs import (
    BYTES,
    NOVA,
    PLACE,
    FakeCustomizationJobs,
    customization,
    evidence,
    listed,
    model_arn,
)
from tests.fakes.jobs import CREATED
from tests.fakes.running import LEVELS
from tests.unit.test_customization_door import working

TENFOLD = 10 * BYTES
"""Of these bytes the upper bound is over 3 % of a line."""
TOO_MUCH = 10**13
"""Of these the best estimate is over a line."""
REGION = "us-west-2"


class Unlisted:
    """The JobListing port of who lists nothing."""

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        raise AssertionError("the reconciliation lists")


def running(**changes: Any) -> dict[str, Any]:
    begun = {"trainingDetails": {"status": "InProgress", "creationTime": CREATED + timedelta(hours=1)}}
    return customization(**{"status": "InProgress", "endTime": None, "statusDetails": begun, **changes})


@dataclass
class World:
    """An account with one job, which the reconciliation has noted."""

    jobs: FakeCustomizationJobs = field(default_factory=FakeCustomizationJobs)
    seen: MemorySeenJobs = field(default_factory=MemorySeenJobs)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)

    def __post_init__(self) -> None:
        self.recorder = replace(working(self.jobs), alerts=self.alerts)

    def add(self, answer: dict[str, Any], size: int = BYTES) -> None:
        """The job, or its new state, and its data."""
        self.jobs.add(answer)
        self.jobs.entries[PLACE] = listed(size)
        created = answer["creationTime"]
        job = ListedJob(answer["jobName"], answer["jobArn"], REGION, "InProgress", created, created)
        self.seen.note_new([SeenJob(job, created)])

    def watch(self) -> Watched:
        """A round of the watch."""
        watcher = Watcher(
            recorder=self.recorder,
            reader=JobReader(Unlisted(), MemoryReadings(), self.recorder.clock, again=False),
            seen=self.seen,
            regions=FixedRegions((REGION,)),
            fractions=LEVELS,
            home="",
            service=CUSTOMIZATION_JOB,
            lists=False,
        )
        done = watch_jobs(watcher)
        assert (done.failures, done.closed, done.left) == ((), (), 0)
        return done


def test_a_running_job_is_warned_of_by_the_size_of_its_data_once() -> None:
    world = World()
    world.add(running(), TENFOLD)
    assert (world.watch().jobs, world.watch().jobs) == (1, 1)
    [alert] = world.alerts.sent
    assert alert.subject == "[FLOPs Auditor] 3 % reached: support-1 (running)"
    words = " ".join(alert.body.split())
    assert "may use 7.63 % of a threshold by its end (best estimate 0.299 %)" in words
    assert "BY ITS END" in alert.body
    assert "Its service does not say how far it is" in words
    assert "SO FAR" not in alert.body


def test_what_will_cross_by_the_size_of_its_data_is_told_as_that_and_not_as_crossed() -> None:
    world = World()
    world.add(running(), TOO_MUCH)
    for _ in range(2):
        world.watch()
    subjects = [alert.subject for alert in world.alerts.sent]
    assert [each.split("] ")[1].split(":")[0] for each in subjects] == ["80 % reached", "WILL CROSS"]
    words = " ".join(world.alerts.sent[-1].body.split())
    assert "will be over a threshold by its end: the best estimate of all of it is 299 % of that" in words
    assert "It will be over." in words and "It is over." not in words
    assert newest(case_of(evidence(running())).run.job_id, world.recorder) is None


def test_a_small_one_is_silent_and_one_that_has_ended_is_not_looked_at() -> None:
    world = World()
    world.add(running())
    assert (world.watch().jobs, world.alerts.sent) == (1, [])
    world.jobs.add(customization())
    assert (world.watch().jobs, world.alerts.sent) == (0, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"customizationType": "REINFORCEMENT_FINE_TUNING"},
        {"customizationType": "DISTILLATION"},
        {"baseModelArn": model_arn(NOVA)},
        {"hyperParameters": {}},
    ],
)
def test_of_what_nothing_bounds_nothing_is_foreseen(changes: dict[str, Any]) -> None:
    """Its record tells it: nothing in GetModelCustomizationJob bounds it while it runs, and nothing afterwards."""
    world = World()
    world.add(running(**changes), TOO_MUCH)
    assert (world.watch().jobs, world.alerts.sent) == (1, [])


def test_more_passes_reach_further() -> None:
    world = World()
    world.add(running(hyperParameters={"epochCount": "50"}))
    world.watch()
    [alert] = world.alerts.sent
    assert "may use 7.63 %" in " ".join(alert.body.split())
