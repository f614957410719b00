"""The functions as they are deployed, each with as much as one invocation is to take: time at its memory, and memory.

    python -m bench.deployed [--quick] [--json]

Deploys template.yaml on a local AWS of its own, which asks for every right and talks TLS, and invokes each function
there: `audit` with ten jobs of 100,800 points in one batch, `seal` with a full batch, `report` on what is sealed,
`watch` with running jobs of eight hosts, `reconcile` with a history. The local AWS runs a function in a process of its
own, whose processor time and memory are read before and after (`bench.lambda_workers`), so what the local AWS takes is
not counted; sockets and TLS are. Lambda gives a vCPU for 1,769 MB, so the time at a function's memory is its processor
time by its share. Each was warm. Floors: what it was given, read once from JSON; its memory before. `reconcile` has
none of the first: what SageMaker lists is read in 2 ms, and its seconds are for what it asks. Exits with 1 where a
function would run out of its time or its memory.
"""

import argparse
import json
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import Figure, show
from bench.in_account import STATISTICS, by_the_minute, read_once
from bench.lambda_workers import Functions, Invoked, Room
from bench.large_batch import HOURS, POINTS, RESOURCES
from bench.watch import HOSTS, MINUTES, WATCHED
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.domain.lineage.lineage import NO_LINEAGE
from flops_auditor.domain.values.archive_keys import job_id
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.keep_record import summary
from flops_auditor.use_cases.ports.records import StoredRecord
from flops_auditor_cli.local_aws import Stack, deploy, load_job, start, stop
from tests.fakes.jobs import CREATED
from tests.fakes.ledger_world import Draft, draft
from tests.faults.account import event_of, message
from tests.integration.deployed import fresh_job

AT_ONCE = 4
"""Threads that fill the stack."""
READ = "read once from JSON"


@dataclass(frozen=True)
class Sizes:
    """How much each function is given. Of the watch some jobs are looked at, and their time is that of a thousand."""

    batch: int = 10
    records: int = 1000
    watched: int = 50
    history: int = 1000


QUICK = Sizes(batch=2, records=100, watched=4, history=100)


def metrics_of(hosts: int, begin: datetime, minutes: int) -> dict[str, Any]:
    """What hosts emitted that were all busy in the same way."""
    series = by_the_minute(begin, minutes)
    points = {"Timestamps": list(series.times), "Values": list(series.values)}
    return {"MetricDataResults": [{"Label": f"GPUUtilization algo-{host + 1}", **points} for host in range(hosts)]}


def running_job() -> dict[str, Any]:
    """One of eight hosts that began a day ago, and goes on."""
    job = fresh_job(hours=1, ResourceConfig=RESOURCES | {"InstanceCount": HOSTS})
    begun = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    for member in ("TrainingEndTime", "ModelArtifacts"):
        job.pop(member)
    job |= {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Training", "TrainingStartTime": begun}
    job |= {"LastModifiedTime": begun, "StoppingCondition": {"MaxRuntimeInSeconds": 28 * 86_400}}
    return job | {"SecondaryStatusTransitions": [{"Status": "Training", "StartTime": begun}]}


def figures_of_one(
    what: str, room: Room, used: Invoked, floor: float | None, whole: str = "", times: float = 1
) -> Iterator[Figure]:
    """Of one invocation: processor time, time at its memory, memory. `whole` is what its time is told of, where that is
    so many `times` as much, and with it the floor.
    """
    cpu, name = used.cpu_seconds * times, whole or what
    computed, at_memory = (
        {} if floor is None else {"floor": round(floor * times / share, 4), "floor_is": READ}
        for share in (1, room.share)
    )
    yield Figure(f"{name}, CPU", round(cpu, 2), "s", **computed)
    at_memory |= {"target": room.timeout_seconds, "asked": f"the time-out, {room.timeout_seconds} s"}
    yield Figure(
        f"{name}, at its {room.memory_mb:,} MB, {room.share:.2f} vCPU", round(cpu / room.share, 1), "s", **at_memory
    )
    memory = {"floor": round(used.bytes_before / 1e6), "floor_is": "before it", "target": room.memory_mb}
    asked = f"MemorySize, {room.memory_mb:,} MB"
    yield Figure(f"{what}, memory", round(used.bytes_at_most / 1e6), "MB", asked=asked, **memory)


def of_account(made: Draft, account: str) -> Draft:
    """The same record for a job of another account."""
    arn = ":".join([*made.subject.split(":")[:4], account, *made.subject.split(":")[5:]])
    made.content["job"].update(arn=arn, id=job_id(arn, iso(CREATED)))
    return replace(made, subject=arn)


def read_lines(lines: Sequence[bytes]) -> float:
    """Processor time of reading each record once from JSON, in seconds."""
    begin = time.process_time()
    for line in lines:
        json.loads(b64decode(json.loads(line)["payload"]))
    return time.process_time() - begin


class Bench:
    """A deployed stack that nothing else uses."""

    def __init__(self, stack: Stack, sizes: Sizes) -> None:
        self._stack, self._sizes, self._functions = stack, sizes, Functions(stack)

    def figures(self) -> Iterator[Figure]:
        """Those of each function. What one leaves is there for the next: `seal` begins with what `audit` recorded."""
        self._nobody_else_audits()
        yield from self._audit()
        yield from self._seal_and_report()
        yield from self._watch()
        yield from self._reconcile()

    def _nobody_else_audits(self) -> None:
        """What is queued stays there, so that nothing runs beside."""
        functions, name = self._stack.client("lambda"), self._stack.outputs["AuditFunctionName"]
        for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def _load(self, jobs: Sequence[dict[str, Any]], metrics: Mapping[str, Any] | None = None) -> None:
        with ThreadPoolExecutor(AT_ONCE) as loaders:
            list(loaders.map(lambda job: load_job(self._stack, job, metrics=metrics), jobs))

    def _audit(self) -> Iterator[Figure]:
        small, jobs = fresh_job(), [fresh_job(HOURS, ResourceConfig=RESOURCES) for _ in range(self._sizes.batch)]
        self._load([small])
        self._load(jobs, metrics_of(RESOURCES["InstanceCount"], jobs[0]["TrainingStartTime"], HOURS * 60))
        self._functions.invoke("Audit", {"Records": [message(event_of(small), 0)]})
        messages = [message(event_of(job), number + 1) for number, job in enumerate(jobs)]
        used = self._functions.measured("Audit", {"Records": messages})
        if used.answer["batchItemFailures"]:
            raise SystemExit(f"not all jobs were audited: {used.answer}")
        what = f"deployed audit: {len(jobs)} jobs of {POINTS:,} points in one batch"
        yield from figures_of_one(what, self._functions.room("Audit"), used, read_once(POINTS) * len(jobs))

    def _seal_and_report(self) -> Iterator[Figure]:
        for function in ("Seal", "Report"):
            self._functions.invoke(function, {})
        lines = self._records()
        count, floor = len(lines), read_lines(lines)
        sealed = self._functions.measured("Seal", {})
        if (sealed.answer["records"], sealed.answer["held"]) != (count, 0):
            raise SystemExit(f"not all of {count} records were sealed: {sealed.answer}")
        yield from figures_of_one(f"deployed seal: {count:,} records", self._functions.room("Seal"), sealed, floor)
        told = self._functions.measured("Report", {})
        if told.answer["jobs"] < count:
            raise SystemExit(f"not all of {count} jobs are in the report: {told.answer}")
        yield from figures_of_one(f"deployed report: {count:,} records", self._functions.room("Report"), told, floor)

    def _records(self) -> list[bytes]:
        """Put signed records before the sealer, as audits do; their lines."""
        now, ledger = datetime.now(UTC), self._functions.variable("Seal", "LEDGER_ID")
        signer = KmsSigner(self._stack.client("kms"), self._stack.outputs["RecordKeyArn"])
        records = DynamoDbRecords(self._stack.client("dynamodb"), self._stack.outputs["RecordTableName"])
        signer.public_key()

        def put(number: int) -> bytes:
            made = of_account(draft(number, now, ledger=ledger), self._stack.account_id)
            line = made.line(signer)
            records.commit(made.content["job"]["id"], StoredRecord(0, line), summary(made.content, NO_LINEAGE))
            return line

        with ThreadPoolExecutor(AT_ONCE) as writers:
            return list(writers.map(put, range(self._sizes.records)))

    def _watch(self) -> Iterator[Figure]:
        jobs = [running_job() for _ in range(self._sizes.watched)]
        begun = jobs[0]["TrainingStartTime"]
        self._load(jobs, metrics_of(HOSTS, begun, 5))
        self._functions.invoke("Watch", {})
        self._load(jobs, metrics_of(HOSTS, begun, MINUTES))
        used = self._functions.measured("Watch", {})
        if used.answer["jobs"] != len(jobs) or used.answer["failures"]:
            raise SystemExit(f"not all of {len(jobs)} jobs were watched: {used.answer}")
        what, whole = (f"deployed watch: {each:,} running jobs x {HOSTS} hosts" for each in (len(jobs), WATCHED))
        floor, times = read_once(HOSTS * MINUTES * STATISTICS) * len(jobs), WATCHED / len(jobs)
        yield from figures_of_one(what, self._functions.room("Watch"), used, floor, whole, times)

    def _reconcile(self) -> Iterator[Figure]:
        self._functions.invoke("Reconcile", {})
        now = datetime.now(UTC).replace(microsecond=0)
        jobs = [fresh_job(CreationTime=now) for _ in range(self._sizes.history)]  # a round lists what is new
        self._load(jobs)
        used = self._functions.measured("Reconcile", {})
        if used.answer["JobsQueued"] != len(jobs) or used.answer["RegionsFailed"]:
            raise SystemExit(f"not all of {len(jobs)} jobs were queued: {used.answer}")
        what = f"deployed reconcile: {len(jobs):,} jobs without a record"
        yield from figures_of_one(what, self._functions.room("Reconcile"), used, None)


def measure(sizes: Sizes) -> list[Figure]:
    """Deploy, invoke, and end what was started."""
    with tempfile.TemporaryDirectory() as folder:
        stack = start(Path(folder), enforce=True)
        try:
            deploy(stack, {"Regions": stack.region})
            return list(Bench(stack, sizes).figures())
        finally:
            stop(Path(folder))


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small sizes, which show that it runs")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    return show("deployed", measure(QUICK if given.quick else Sizes()), given.json)


if __name__ == "__main__":
    sys.exit(main())
