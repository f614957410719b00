"""Half a million training jobs in a region, read through a stand-in for ListTrainingJobs with its quota.

`python -m bench.listing` prints the figures of docs/adr/0602-reading-within-the-quota.md. The stand-in has SageMaker's
quota (2 requests a second for the account), throttles what is over it, answers empty pages, and serves a customer's own
calls beside ours. Time is simulated; the adapter, its pace, the reader, the reconciliation and the watch's reading are
the deployed code, the stores are the in-memory twins that the contract tests hold equal to DynamoDB and SQS.
"""

from __future__ import annotations

import argparse
import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.sagemaker import SageMakerListing
from flops_auditor.domain.values import archive_keys
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.watch_jobs import LONGEST
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler, reconcile
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob
from tests.fakes.audit import (
    FixedRegions,
    MemoryAlerts,
    MemoryIndex,
    MemoryReadings,
    MemoryRecords,
    MemorySeenJobs,
)

REGION = "eu-west-1"
RECONCILE = "reconcile"
WHILE_READING = 2.0
START = datetime(2026, 11, 1, tzinfo=UTC)
QUOTA = 2.0
LATENCY = 0.15
ROUND = 3600.0
LOOK = 900.0
RUN_SECONDS = 840.0
"""Of the reconcile function's 900 seconds; the rest is its spare time."""
WATCH_SECONDS = 540.0


@dataclass
class Job:
    """One training job: seconds since START."""

    name: str
    created: float
    ended: float

    @property
    def arn(self) -> str:
        """TrainingJobArn."""
        return f"arn:aws:sagemaker:{REGION}:123456789012:training-job/{self.name}"


@dataclass
class World:
    """The account: its clock, its jobs by creation, the quota, and who else uses it."""

    jobs: list[Job]
    customer_rate: float
    audits_per_second: float
    empty_share: float
    random: random.Random
    now: float = 0.0
    tokens: float = QUOTA
    filled_at: float = 0.0
    asked_at: list[float] = field(default_factory=list)
    throttled: int = 0
    bursts: bool = False
    customer: Counter[str] = field(default_factory=Counter)
    next_call: float = 0.0
    read: set[str] = field(default_factory=set)
    nothing_new: int = 0
    reader: str = ""
    queue: list[SeenJob] = field(default_factory=list)
    recorded: dict[str, float] = field(default_factory=dict)
    audited_to: float = 0.0

    def __post_init__(self) -> None:
        self.created = [job.created for job in self.jobs]
        self.ids = {job.name: archive_keys.job_id(job.arn, iso(moment(job.created))) for job in self.jobs}

    def clock(self) -> datetime:
        """The time as a moment."""
        return moment(self.now)

    def sleep(self, seconds: float) -> None:
        """Let time pass: the customer calls, the audits go on."""
        until = self.now + seconds
        while self.next_call <= until:
            self.now = max(self.now, self.next_call)
            reading = bool(self.asked_at) and self.now - self.asked_at[-1] < WHILE_READING
            self.customer["calls" + " while reading" * reading] += 1
            if not self.take():
                self.customer["throttled" + " while reading" * reading] += 1
            self.next_call += self.customer_pause()
        self.now = until
        self.audit()

    def customer_pause(self) -> float:
        """Between two calls of the customer: about even, as of a script, or at random in bursts (a Poisson process)."""
        if not self.customer_rate:
            return 10.0**12
        return (
            self.random.expovariate(1) / self.customer_rate
            if self.bursts
            else (self.random.uniform(0.5, 1.5) / self.customer_rate)
        )

    def take(self) -> bool:
        """Take one request from the account's quota, a bucket that holds as many as a second refills."""
        self.tokens = min(QUOTA, self.tokens + (self.now - self.filled_at) * QUOTA)
        self.filled_at = self.now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def audit(self) -> None:
        """Audit what is queued, so many jobs a second, and record it."""
        done = int((self.now - self.audited_to) * self.audits_per_second)
        if done:
            for seen in self.queue[:done]:
                self.recorded[seen.job.job_id] = self.now
            del self.queue[:done]
            self.audited_to = self.now

    # The SageMaker client, as the adapter uses it.
    def list_training_jobs(self, **asked: Any) -> dict[str, Any]:
        """ListTrainingJobs, newest first."""
        self.sleep(LATENCY)
        self.asked_at.append(self.now)
        if not self.take():
            self.throttled += 1
            raise ClientError(
                {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "ListTrainingJobs"
            )
        token = asked.get("NextToken", "")
        upto = int(token.split("#")[0]) if token else bisect_left(self.created, seconds(asked["CreationTimeBefore"]))
        upto = min(upto, bisect_right(self.created, self.now))
        if self.random.random() < self.empty_share and upto and not token.endswith("#empty"):
            return {"TrainingJobSummaries": [], "NextToken": f"{upto}#empty"}
        down = max(0, upto - asked["MaxResults"])
        page = self.jobs[down:upto][::-1]
        new = {f"{self.reader} {job.name}" for job in page} - self.read
        self.nothing_new += not new and self.reader == RECONCILE
        self.read |= new
        answer: dict[str, Any] = {"TrainingJobSummaries": [self.summary(job) for job in page]}
        return answer | ({"NextToken": str(down)} if down else {})

    def summary(self, job: Job) -> dict[str, Any]:
        """One line of the listing."""
        ended = job.ended <= self.now
        return {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "TrainingJobStatus": "Completed" if ended else "InProgress",
            "CreationTime": moment(job.created),
            "LastModifiedTime": moment(job.ended if ended else job.created),
        }


class Index:
    """The RecordIndex port: what was audited."""

    def __init__(self, world: World) -> None:
        self._world = world

    def recorded(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Those with a record."""
        return {job_id: "" for job_id in job_ids if job_id in self._world.recorded}


class Queue:
    """The AuditQueue port."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent = 0
        self.all: list[ListedJob] = []

    def send(self, jobs: Sequence[SeenJob]) -> Mapping[str, str]:
        """Queue."""
        self._world.queue += jobs
        self.all += [seen.job for seen in jobs]
        self.sent += len(jobs)
        return {}

    def waiting(self) -> int:
        """The queue's depth."""
        return len(self._world.queue)


class States:
    """The JobStates port; a description costs some time and none of the listing's quota."""

    asks, asks_tags = "sagemaker:DescribeTrainingJob", "sagemaker:ListTags"

    def __init__(self, world: World) -> None:
        self._world = world
        self._jobs = {job.name: job for job in world.jobs}

    def now(self, job: ListedJob) -> ListedJob | None:
        """As it is now."""
        self._world.sleep(LATENCY)
        summary = self._world.summary(self._jobs[job.name])
        status, modified = summary["TrainingJobStatus"], summary["LastModifiedTime"]
        return ListedJob(job.name, job.arn, job.region, status, job.creation_time, modified)

    def tags(self, job: ListedJob) -> list[dict[str, str]]:
        """None."""
        return []


def moment(at: float) -> datetime:
    """Seconds since START as a moment, exact to the millisecond as SageMaker's."""
    return START + timedelta(milliseconds=round(at * 1000))


def seconds(at: datetime) -> float:
    """A moment as seconds since START."""
    return (at - START).total_seconds()


@dataclass
class Figures:
    """What one simulation measured, up to the moment when the history had been read and recorded."""

    jobs: int
    rounds: int
    hours: float
    requests: int
    requests_needed: int
    requests_without_a_new_job: int
    throttled: int
    most_requests_a_second: int
    recorded: int
    ended_without_a_record: int
    queued_twice: int
    jobs_of_these_days: int
    slowest_of_them_hours: float
    customer_throttled_while_reading: float
    customer_throttled: float
    customer_throttled_without_us: float
    requests_an_hour_afterwards: float


def simulate(
    history: int = 500_000,
    days: float = 365,
    new_an_hour: float = 60,
    customer_rate: float = 0.5,
    audits_per_second: float = 5,
    empty_share: float = 0.1,
    steady_hours: int = 24,
    seed: int = 7,
    *,
    bursts: bool = False,
) -> Figures:
    """Deploy in an account with so much history, and go on until it is recorded and `steady_hours` longer."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    span, horizon = days * 86400, 40 * 86400.0
    past = sorted(-chance.random() * span for _ in range(history))
    future = []
    at = 0.0
    while at < horizon:
        at += chance.expovariate(new_an_hour / 3600)
        future.append(at)
    times = [round(t, 3) for t in (*past, *future)]
    jobs = [Job(f"job-{n}", t, t + chance.uniform(300, 4 * 3600)) for n, t in enumerate(times)]
    world = World(jobs, customer_rate, audits_per_second, empty_share, chance, bursts=bursts)
    pace = Pace(1, world.sleep, lambda: world.now)
    listing = SageMakerListing(lambda _: world, pace)  # type: ignore[arg-type, return-value]
    seen, readings, looks = MemorySeenJobs(), MemoryReadings(), MemoryReadings()
    queue = Queue(world)
    reconciler = Reconciler(
        regions=FixedRegions((REGION,)),
        reader=JobReader(listing, readings, world.clock),
        states=States(world),
        index=Index(world),
        seen=seen,
        queue=queue,
        records=MemoryRecords(),
        lineage=MemoryIndex(),
        alerts=MemoryAlerts(),
        home="us-east-1",
        room=int(audits_per_second * 1800),
    )
    rounds, whole_at = 0, None
    while whole_at is None or rounds < whole_at + steady_hours:
        begun = rounds * ROUND
        for look in range(4):
            at = begun + look * LOOK
            if at >= world.now:
                world.sleep(at - world.now)
                world.reader = "watch"
                read_new(world, JobReader(listing, looks, world.clock, again=False), seen)
            if look == 0:
                world.reader = RECONCILE
                until = world.now + RUN_SECONDS
                reconcile(reconciler, lambda until=until: world.now > until)  # type: ignore[misc]
                rounds += 1
        if whole_at is None and readings.read(REGION).whole and not world.queue:
            whole_at = rounds
            whole_seconds, whole_requests, nothing_new = world.now, len(world.asked_at), world.nothing_new
        if rounds > 500:
            raise RuntimeError("the history is never read to its end")
    world.sleep(ROUND)
    ended = [job for job in jobs if job.ended < world.now - 3 * ROUND]
    waits = [(world.recorded[world.ids[job.name]] - job.ended) / ROUND for job in ended if job.created > 0]
    asked = world.asked_at
    alone = World([], customer_rate, 1, 0, random.Random(seed), bursts=bursts)  # noqa: S311 - a simulation
    alone.sleep(world.now)
    return Figures(
        jobs=history,
        rounds=whole_at,
        hours=whole_seconds / ROUND,
        requests=whole_requests,
        requests_needed=-(-history // 100),
        requests_without_a_new_job=nothing_new,
        throttled=world.throttled,
        most_requests_a_second=max(bisect_left(asked, at + 1.0 - 1e-9) - n for n, at in enumerate(asked)),
        recorded=len(world.recorded),
        ended_without_a_record=sum(world.ids[job.name] not in world.recorded for job in ended),
        queued_twice=queue.sent - len({job.job_id for job in queue.all}),
        jobs_of_these_days=len(waits),
        slowest_of_them_hours=max(waits),
        customer_throttled_while_reading=share(world.customer, " while reading"),
        customer_throttled=share(world.customer, ""),
        customer_throttled_without_us=share(alone.customer, ""),
        requests_an_hour_afterwards=(len(asked) - whole_requests) / steady_hours,
    )


def share(calls: Counter[str], when: str) -> float:
    """The share of the customer's calls that were throttled."""
    return calls["throttled" + when] / max(1, calls["calls" + when])


def read_new(world: World, reader: JobReader, seen: MemorySeenJobs) -> None:
    """The watch's reading: what is new, and in the first rounds what is left of sixty days."""
    until = world.now + WATCH_SECONDS
    reader = replace(reader, stop=lambda: world.now > until)
    known = reader.store.read(REGION)
    for pages in (reader.head(REGION, known, world.clock() - LONGEST), reader.rest(REGION, world.clock() - LONGEST)):
        for page in pages:
            new = [job for job in page.jobs if job.state == "running" and job.job_id not in seen.seen]
            seen.note_new([SeenJob(job, world.clock()) for job in new])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500_000)
    parser.add_argument("--audits", type=float, nargs="*", default=[5, 100], help="audits a second (AuditConcurrency)")
    parser.add_argument("--customer", type=float, nargs="*", default=[0.2, 0.9], help="the customer's calls a second")
    parser.add_argument("--hours", type=int, default=24, help="that are simulated after all is recorded")
    parser.add_argument("--bursts", action="store_true", help="the customer's calls come in bursts, not evenly")
    arguments = parser.parse_args()
    for audits in arguments.audits:
        for customer in arguments.customer:
            simulated = simulate(
                arguments.jobs,
                audits_per_second=audits,
                customer_rate=customer,
                steady_hours=arguments.hours,
                bursts=arguments.bursts,
            )
            print(f"\n{simulated.jobs:,} jobs, {audits:g} audits a second, a customer's {customer:g} calls a second")
            for name, value in vars(simulated).items():
                print(f"  {name:32} {value:,.5g}" if isinstance(value, float) else f"  {name:32} {value:,}")


if __name__ == "__main__":
    main()
