"""Faults on the wire between the deployed functions and the local AWS: nothing lost, nothing doubled, and redriven.

Throttling, 500, timeouts, resets, slow, truncated and torn answers, alike often, on every service that the functions
use, for 1, 10 and 50 % of the calls, while five functions work: jobs are audited, jobs whose event was lost are
found, a running job is warned of, what a cluster's operator drops is recorded, and the log is sealed.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.aws.stores.dead_letters import LoggedReasons, SqsDeadLetters
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.use_cases.ledger.export_bundle import export_whole
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.operations.redrive_letters import redrive
from flops_auditor_cli.demo import event_of, unaudited
from flops_auditor_cli.local_aws import Stack, deploy
from tests.fakes.clusters import host, line, sacct
from tests.faults import FULL, told
from tests.faults.wire import Proxy, stack_behind_proxies
from tests.integration.conftest import LOCAL, OPERATORS_BUCKET
from tests.integration.deployed import Deployed, fresh_job
from tests.integration.test_clusters_function_path import FOLDER, OURS, drop, load_research
from tests.integration.test_watch_path import BIG, TAGS, running_job

pytestmark = pytest.mark.wire
SHARES = {0.01: 300, 0.1: 160, 0.5: 40} if FULL else {0.1: 40}
"""Share of the calls at fault -> jobs: 500 in the full set."""
EVERY_LARGE = 10
"""One job in so many is over a threshold, so that people are told."""
EVERY_LOST = 10
"""The event of one job in so many never comes."""
SETTLED = timedelta(minutes=35)
"""Ended so long ago, a job is no longer left to its event."""
MOST_RUNS = 60
"""So often is a scheduled function called until it has done its work; on AWS its schedule does that."""
PATIENCE_SECONDS = 900


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, list[Proxy]]]:
    with stack_behind_proxies(tmp_path_factory.mktemp("wire")) as (stack, proxies):
        place = {"LocationConstraint": stack.region}
        stack.client("s3").create_bucket(Bucket=OPERATORS_BUCKET, CreateBucketConfiguration=place)
        # Where every second call fails, five doors in seventeen regions take hours to be read once.
        deploy(stack, {**LOCAL, "ClusterFiles": OPERATORS_BUCKET, "Regions": stack.region})
        load_research(Deployed(stack), 1, 2)
        yield stack, proxies


def announce(deployed: Deployed, jobs: list[dict[str, Any]]) -> None:
    """Send the jobs' events, ten in a call."""
    events = deployed.stack.client("events")
    for first in range(0, len(jobs), 10):
        entries = [
            event_of({key: str(value) if isinstance(value, datetime) else value for key, value in job.items()})
            for job in jobs[first : first + 10]
        ]
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0


def drain(deployed: Deployed) -> float:
    """Wait until the queues are empty; the seconds it took."""
    begun = time.monotonic()
    while unaudited(deployed.stack):
        assert time.monotonic() - begun < PATIENCE_SECONDS, "the queues do not drain"
        time.sleep(0.5)
    return time.monotonic() - begun


def records_of(deployed: Deployed, jobs: list[dict[str, Any]]) -> Counter[str]:
    """How many records each job has."""
    names = {job["TrainingJobName"] for job in jobs}
    pages = (
        deployed.stack.client("dynamodb").get_paginator("scan").paginate(TableName=deployed.outputs["RecordTableName"])
    )
    items = [item for page in pages for item in page["Items"] if item["sk"]["S"].startswith("RECORD#")]
    return Counter(item["job_name"]["S"] for item in items if item["job_name"]["S"] in names)


@pytest.fixture(scope="module")
def at_fault() -> set[str]:
    """The services that met a fault in any of these tests."""
    return set()


@pytest.mark.parametrize(("share", "count"), SHARES.items())
def test_nothing_is_lost_and_nothing_doubled(
    world: tuple[Stack, list[Proxy]], at_fault: set[str], share: float, count: int, tmp_path: Path
) -> None:
    stack, proxies = world
    deployed = Deployed(stack)
    for queue in ("AuditQueueUrl", "ReplayQueueUrl"):
        attributes = {"VisibilityTimeout": "20"}
        stack.client("sqs").set_queue_attributes(QueueUrl=deployed.outputs[queue], Attributes=attributes)
    forget_readings(deployed)
    large = {"hours": 2000, "ended": timedelta(days=3), "ResourceConfig": BIG}
    small = {"ended": SETTLED}
    jobs = [fresh_job(**(large if number % EVERY_LARGE == 0 else small)) for number in range(count)]
    lost, running = jobs[1::EVERY_LOST], running_job(days=6)
    for job in jobs:
        deployed.load(job)
    deployed.load(running, TAGS)
    drop(deployed, f"{FOLDER}{count}.txt", sacct(line(str(count), hosts=host(1)), line(f"{count}1", hosts=host(2))))
    before = [proxy.requests() for proxy in proxies]
    for proxy in proxies:
        proxy.inject(share)
    begun = time.monotonic()
    announce(deployed, [job for job in jobs if job not in lost])
    drain(deployed)
    runs = Counter(
        Reconcile=insist(deployed, "Reconcile", lambda done: not done["RegionsFailed"] + done["RegionsPending"]),
        Clusters=insist(deployed, "Clusters", lambda done: not done["left"] + done["troubled"] and done["clusters"]),
        Watch=insist(deployed, "Watch", lambda done: told_about(deployed, running) > 0),
    )
    drain(deployed)
    runs["Seal"] = insist(deployed, "Seal", lambda done: not done["records"])
    seconds = time.monotonic() - begun
    for proxy in proxies:
        proxy.inject(0)
    deployed.load(running | {"TrainingJobStatus": "Stopped", "TrainingEndTime": datetime.now(UTC)}, TAGS)
    after = [proxy.requests() for proxy in proxies]
    requests, injected = (sum(a[i] - b[i] for a, b in zip(after, before, strict=True)) for i in (0, 1))
    at_fault |= {kind.split()[0] for proxy in proxies for kind in proxy.counted()}
    reasons, redriven = redrive_all(deployed)
    found = records_of(deployed, jobs)
    told_of = Counter(
        next((job["TrainingJobName"] for job in jobs if job["TrainingJobName"] in mail["Subject"]), "")
        for mail in deployed.mails()
    )
    told_of.pop("", None)
    alerted = {job["TrainingJobName"] for job in jobs[::EVERY_LARGE]}
    doubled = told_of.total() - len(told_of)
    told(
        f"{share:.0%} of calls at fault: {injected} faults in {requests} calls, "
        f"{count} jobs in {seconds:.0f} s, {len(found)} recorded, "
        f"{redriven} dead letters redriven, {len(alerted)} alerts due, {doubled} of them sent twice; "
        f"{len(lost)} lost events found, {told_about(deployed, running)} warnings of a running job; runs until done: "
        + ", ".join(f"{name} {times}" for name, times in runs.items())
    )
    assert injected
    assert found == Counter({job["TrainingJobName"]: 1 for job in jobs}), "lost or doubled"
    for number in (count, f"{count}1"):
        assert len(deployed.items("RECORD#", f"{OURS}/{number}")) == 1, "of a file"
    assert set(told_of) == alerted
    assert all(reasons), "a dead letter without a reason"
    assert deployed.waiting("AuditDeadLetterQueueUrl") == 0
    sealed_and_valid(deployed, tmp_path)


def test_every_service_met_faults(at_fault: set[str]) -> None:
    """Of few mails none may: one is sent for ten jobs."""
    assert at_fault >= {"dynamodb", "s3", "kms", "sagemaker", "cloudwatch"} | ({"sns"} if FULL else set())


def insist(deployed: Deployed, function: str, finished: Callable[[Any], bool]) -> int:
    """Call a scheduled function until it has done its work; how often it was called."""
    for run in range(1, MOST_RUNS + 1):
        answer = deployed.stack.client("lambda").invoke(
            FunctionName=deployed.outputs[f"{function}FunctionName"], Payload=b"{}"
        )
        body = json.loads(answer["Payload"].read())
        if "skipped" in body:  # a round whose release of its lease met a fault; on AWS it runs out before the next one
            forget_claims(deployed)
        elif "FunctionError" not in answer and finished(body):
            return run
    raise AssertionError(f"{function} has not done its work in {MOST_RUNS} runs: {body}")


def told_about(deployed: Deployed, job: dict[str, Any]) -> int:
    """How many mails name a job."""
    return len(deployed.mails_about(job["TrainingJobName"]))


def redrive_all(deployed: Deployed) -> tuple[list[str], int]:
    """Redrive the dead letters, once the claims of the dead have run out."""
    stack = deployed.stack
    groups = [
        resource["PhysicalResourceId"]
        for page in stack.client("cloudformation")
        .get_paginator("list_stack_resources")
        .paginate(StackName="flops-auditor")
        for resource in page["StackResourceSummaries"]
        if resource["LogicalResourceId"] == "AuditLogGroup"
    ]
    letters = SqsDeadLetters(
        stack.client("sqs"), deployed.outputs["AuditDeadLetterQueueUrl"], deployed.outputs["AuditQueueUrl"]
    )
    if not deployed.waiting("AuditDeadLetterQueueUrl"):
        return [], 0
    forget_claims(deployed)
    done = redrive(letters, LoggedReasons(stack.client("logs"), groups[0]), dry_run=False)
    drain(deployed)
    return [letter.reason for letter in done], len(done)


def forget_claims(deployed: Deployed) -> None:
    """Let the claims of deliveries that died run out, as time does."""
    forget(deployed, "CLAIM")


def forget_readings(deployed: Deployed) -> None:
    """Have the history listed from the beginning: the jobs of a test are created before those of the one before it."""
    forget(deployed, "READING")


def forget(deployed: Deployed, sort_key: str) -> None:
    """Delete every item of this sort key."""
    dynamodb, table = deployed.stack.client("dynamodb"), deployed.outputs["RecordTableName"]
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            if item["sk"]["S"] == sort_key:
                dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def sealed_and_valid(deployed: Deployed, folder: Path) -> None:
    """The log takes every record, and a regulator finds it valid."""
    while deployed.invoke("SealFunctionName")["records"]:
        pass
    archive = S3Archive(deployed.stack.client("s3"), deployed.outputs["ArchiveBucketName"])
    export_whole(archive, deployed.outputs["LedgerId"], folder / "bundle.zip", datetime.now(UTC))
    report = verify_bundle(folder / "bundle.zip", Demands(as_of=datetime.now(UTC)))
    assert report.verdict == "valid", json.dumps([str(finding) for finding in report.findings][:5])
