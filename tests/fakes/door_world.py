"""A world of one door beside training jobs: its runs are listed, watched and audited, with twins of every port."""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.use_cases.auditing.audit_job import Territory, handle_event
from flops_auditor.use_cases.auditing.collect_evidence import Collectors
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.watch_doors import watch_doors
from flops_auditor.use_cases.auditing.watch_jobs import Watched, Watcher
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler, ReconcileReport, reconcile, tell_people
from flops_auditor.use_cases.ports.records import SeenJob
from tests.fakes.audit import (
    FakeTrainingJobs,
    FixedClock,
    FixedRegions,
    MemoryAlerts,
    MemoryQueue,
    MemoryReadings,
    MemoryReassessments,
    MemoryRecordIndex,
    MemorySeenJobs,
    recorder,
)
from tests.fakes.jobs import CREATED, describe, moved
from tests.fakes.lineage import channel
from tests.fakes.running import LEVELS, watcher_of

TERRITORY = Territory("123456789012", FixedRegions())
HOUR = timedelta(hours=1)


class DoorWorld:
    """An account with runs behind one door, its ledger, and a clock that stands ten days after the first run. `runs` is
    the twin of the door's JobListing and JobStates ports, `message_of` what the reconciliation queues of a run, `lists`
    whether the watch lists runs itself.
    """

    def __init__(
        self,
        service: str,
        runs: Any,
        message_of: Callable[[SeenJob], str],
        collectors: Collectors,
        *,
        lists: bool = True,
    ) -> None:
        self.jobs, self.alerts, self.seen = FakeTrainingJobs(), MemoryAlerts(), MemorySeenJobs()
        self.queue, self.again = MemoryQueue(), MemoryReassessments()
        self.clock = FixedClock(CREATED + timedelta(days=10))
        made = recorder(self.jobs, alerts=self.alerts, clock=self.clock, seen=self.seen, queue=self.again)
        self.recorder = replace(made, collectors={**made.collectors, **collectors})
        self.runs, self.message_of = runs, message_of
        self.reader = JobReader(runs, MemoryReadings(), self.clock)
        self.watcher = Watcher(
            recorder=self.recorder,
            reader=JobReader(runs, MemoryReadings(), self.clock, again=False),
            seen=self.seen,
            regions=FixedRegions(),
            fractions=LEVELS,
            home="",
            service=service,
            lists=lists,
        )

    def reconcile(self) -> ReconcileReport:
        """A round of the reconciliation, an hour after the one before; the audit of what it queued."""
        self.clock.now += HOUR
        reconciler = Reconciler(
            regions=FixedRegions(),
            reader=self.reader,
            states=self.runs,
            index=MemoryRecordIndex(self.recorder.records),  # type: ignore[arg-type]
            seen=self.seen,
            queue=self.queue,
            records=self.recorder.records,
            lineage=self.recorder.index,
            alerts=self.alerts,
            home="",
            room=10**9,
        )
        report = reconcile(reconciler, lambda: False)
        tell_people(report, reconciler)
        while self.queue.jobs:
            self.audit(json.loads(self.message_of(self.queue.jobs.pop(0))))
        return report

    def audit(self, event: Mapping[str, Any]) -> str:
        """The audit of an event, and of all that it has assessed again; the run's identity."""
        outcome = handle_event(event, self.recorder, "worker", TERRITORY)
        work_off(self.again, self.recorder)
        return outcome.job_id

    def continued_from(self, place: str) -> dict[str, Any]:
        """The newest record of a training job that goes on from a place, five days after the first run."""
        job = moved(describe("next", InputDataConfig=[channel("model", place)]), timedelta(days=5))
        self.jobs.add(job)
        told = {"source": "aws.sagemaker", "detail": {name: str(value) for name, value in job.items()}}
        return newest_content(self.audit(told), self.recorder)

    def watch(self, stops: bool = False) -> Watched:
        """A round of the watch, which stops what crosses where it is asked to."""
        watcher = replace(self.watcher, stopper=self.runs) if stops else self.watcher
        done = watch_doors([watcher_of(self.recorder, self.jobs), watcher], lambda: False, lambda: nullcontext(True))
        assert done.failures == ()
        return done

    def newest_of(self, evidence: Evidence) -> dict[str, Any]:
        """The newest record of the run that evidence is of."""
        return newest_content(case_of(evidence).run.job_id, self.recorder)


def work_off(again: MemoryReassessments, recorder: Recorder) -> None:
    """The audits of all that others had assessed again."""
    while again.waiting:
        handle_event(again.waiting.pop(0).to_event(), recorder, "worker", TERRITORY)


def newest_content(job: str, recorder: Recorder) -> dict[str, Any]:
    """What the newest record of a run says, by the run's identity."""
    kept = newest(job, recorder)
    assert kept is not None
    return dict(kept.content)


def ancestors(content: Mapping[str, Any]) -> set[str]:
    """The ARNs of the runs that a record's run goes on from."""
    return {each["job_arn"] for each in content["cumulative"]["ancestors"]}


def total(content: Mapping[str, Any]) -> int:
    """What a record's run took, with all that it goes on from, in FLOP."""
    return int(content["cumulative"]["best_flop"])
