"""Jobs in progress, and a watcher on twins with its clock."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.watch_jobs import INTERVAL, Watched, Watcher, watch_jobs
from flops_auditor.use_cases.listing.job_reader import JobReader
from tests.fakes.audit import (
    FakeMetrics,
    FakeTrainingJobs,
    FixedClock,
    FixedRegions,
    MemoryAlerts,
    MemoryReadings,
    MemoryRecords,
    MemorySeenJobs,
)
from tests.fakes.audit import recorder as recorder_of
from tests.fakes.jobs import CREATED, throughout
from tests.fakes.lineage import continuing

LEVELS = (Fraction("0.03"), Fraction("0.5"), Fraction("0.8"))
START = CREATED + timedelta(minutes=10)
DAY = 86400
HALF = [throughout({"Label": "mfu", "Values": [0.5]}, 24 * 600, START)]
"""Metrics of a run that emits an MFU of one half as long as it is watched: measured, so that it can be above a line."""


def running(
    name: str = "big-run", days: int = 28, hosts: int = 64, parents: Iterable[str] = (), **changes: Any
) -> dict[str, Any]:
    """A job that began to train at START and goes on."""
    description = continuing(name, parents, **changes)
    for key in ("TrainingEndTime", "ModelArtifacts"):
        description.pop(key, None)
    return description | {
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "TrainingStartTime": START,
        "ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts},
        "StoppingCondition": {"MaxRuntimeInSeconds": days * DAY},
        "SecondaryStatusTransitions": [
            {"Status": "Starting", "StartTime": CREATED, "EndTime": START},
            {"Status": "Training", "StartTime": START},
        ],
    }


def ended(description: dict[str, Any], at: datetime, status: str = "Stopped") -> dict[str, Any]:
    """The same job after its end."""
    transitions = [dict(step) for step in description["SecondaryStatusTransitions"]]
    transitions[-1]["EndTime"] = at
    times = {"TrainingEndTime": at, "LastModifiedTime": at}
    return description | times | {"TrainingJobStatus": status, "SecondaryStatusTransitions": transitions}


def watcher_of(
    recorder: Recorder,
    jobs: FakeTrainingJobs,
    stop: bool = False,
    regions: tuple[str, ...] = ("eu-west-1",),
    readings: MemoryReadings | None = None,
    seen: MemorySeenJobs | None = None,
) -> Watcher:
    """A watcher on twins."""
    return Watcher(
        recorder=recorder,
        reader=JobReader(jobs, readings or MemoryReadings(), recorder.clock, again=False),
        seen=seen or MemorySeenJobs(),
        regions=FixedRegions(regions),
        fractions=LEVELS,
        home="eu-west-1",
        stopper=jobs if stop else None,
    )


class Room:
    """A watcher on twins, with its clock."""

    def __init__(self, stop: bool = False, regions: tuple[str, ...] = ("eu-west-1",), **overrides: Any) -> None:
        self.jobs, self.metrics = FakeTrainingJobs(), FakeMetrics()
        self.clock, self.alerts, self.records = FixedClock(START), MemoryAlerts(), MemoryRecords()
        twins: dict[str, Any] = {"clock": self.clock, "alerts": self.alerts, "records": self.records} | overrides
        self.recorder = recorder_of(self.jobs, self.metrics, **twins)
        self.readings, self.seen = MemoryReadings(), MemorySeenJobs()
        self.watcher = watcher_of(self.recorder, self.jobs, stop, regions, self.readings, self.seen)

    def watch(self, hours: float, step: timedelta = INTERVAL) -> list[tuple[datetime, Alert]]:
        """Look every `step` for so many hours; the alerts with their times."""
        told: list[tuple[datetime, Alert]] = []
        for _ in range(int(timedelta(hours=hours) / step)):
            self.clock.now += step
            before = len(self.alerts.sent)
            self.once()
            told += [(self.clock.now, alert) for alert in self.alerts.sent[before:]]
        return told

    def once(self) -> Watched:
        done = watch_jobs(self.watcher)
        assert done.failures == ()
        return done
