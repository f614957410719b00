"""The first deployment in a new account fails and leaves nothing that costs; the second is clean, and it works there.

`make test-new-account`, some minutes: not part of `make test`. Ten executions at once are the emulator's own limit
(LAMBDA_ACCOUNT_CONCURRENCY); limits/sitecustomize.py refuses what a new account in an organisation is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.use_cases.operations.reconcile_doors import EVERY_DOOR
from flops_auditor_cli.local_aws import LocalAwsError, Stack, deploy, start, stop
from flops_auditor_cli.local_aws.deployment import STACK_NAME, deploy_built
from tests.integration.deployed import Deployed, fresh_job
from tests.template.account_points import KEPT_ALWAYS, NEW_ACCOUNT

LIMITS = Path(__file__).with_name("limits")
CLOSED = "eu-north-1"
JOBS = 2 * NEW_ACCOUNT
PATIENCE = 300
"""Seconds, on a busy machine."""


@pytest.fixture(scope="module")
def calls_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calls") / "calls.jsonl"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, calls_file: Path) -> Iterator[Stack]:
    """The local AWS with a new account's limits, nothing deployed."""
    state = tmp_path_factory.mktemp("new-account")
    limits = {"PYTHONPATH": str(LIMITS), "CLOSED_REGION": CLOSED, "CALLS_FILE": str(calls_file)}
    try:
        yield start(state, limits | {"LAMBDA_ACCOUNT_CONCURRENCY": str(NEW_ACCOUNT)}, enforce=True)
    finally:
        stop(state)


@pytest.fixture(scope="module")
def after_a_failure(account: Stack) -> dict[str, Any]:
    """The events of a first deployment that asks for what the account refuses."""
    limit = account.client("lambda").get_account_settings()["AccountLimit"]
    assert limit["ConcurrentExecutions"] == NEW_ACCOUNT
    with pytest.raises(LocalAwsError, match="sam deploy failed"):
        deploy(account, {"ReserveConcurrency": "true"})
    [failed] = account.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    return dict(failed)


@pytest.fixture(scope="module")
def deployed(account: Stack, after_a_failure: dict[str, Any]) -> Deployed:
    """The second try, with the defaults, as docs/operations.md says."""
    cloudformation = account.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK_NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=after_a_failure["StackId"], WaiterConfig={"Delay": 1}
    )
    deploy_built(account, {"ReserveConcurrency": "false", "AuditDelaySeconds": "0"})
    return Deployed(account)


def test_a_failed_first_deployment_leaves_nothing_that_costs(account: Stack, after_a_failure: dict[str, Any]) -> None:
    assert after_a_failure["StackStatus"] == "ROLLBACK_COMPLETE"
    pages = account.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=STACK_NAME)
    events = [event for page in pages for event in page["StackEvents"]]
    assert any("UnreservedConcurrentExecution" in event.get("ResourceStatusReason", "") for event in events)
    assert {
        event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "DELETE_SKIPPED"
    } <= KEPT_ALWAYS
    keys = account.client("kms").list_keys()["Keys"]
    states = [account.client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in keys]
    assert set(states) <= {"PendingDeletion"}
    assert account.client("sqs").list_queues(QueueNamePrefix=STACK_NAME).get("QueueUrls", []) == []
    assert account.client("lambda").list_functions()["Functions"] == []
    assert account.client("alarms").describe_alarms()["MetricAlarms"] == []
    assert account.client("sns").list_topics()["Topics"] == []
    buckets = [bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]]
    ours = [name for name in buckets if name.startswith(f"{STACK_NAME}-")]
    assert all("archivebucket" in name for name in ours)


def test_the_second_deployment_audits_more_jobs_than_run_at_once(deployed: Deployed) -> None:
    jobs = [fresh_job() for _ in range(JOBS)]
    for job in jobs:
        deployed.load(job)
    deployed.announce_as_aws(jobs)
    deployed.wait(lambda: deployed.waiting("AuditQueueUrl") == 0, "empty queue", PATIENCE)
    for job in jobs:
        assert deployed.record(job["TrainingJobArn"]).predicate["job"]["name"] == job["TrainingJobName"]
    deployed.idle()
    assert deployed.waiting("AuditDeadLetterQueueUrl") == 0


def test_home_is_reconciled_where_discovery_and_a_region_are_denied(deployed: Deployed, calls_file: Path) -> None:
    """account:* is denied and never asked; the closed region is named, and is no failure that rings for good."""
    lost = fresh_job()
    deployed.load(lost)
    done = deployed.invoke("ReconcileFunctionName")
    assert (done["RegionsFailed"], done["RegionsClosed"]) == (0, len(EVERY_DOOR)), "once for each door"
    assert done["RegionsComplete"] + done["RegionsPending"] > 1
    assert deployed.record(lost["TrainingJobArn"])
    watched = deployed.invoke("WatchFunctionName")
    assert watched["failures"] == 0
    calls = [json.loads(line) for line in calls_file.read_text().splitlines()]
    assert {call["region"] for call in calls if call["denied"]} == {CLOSED}
    assert not any(call["service"] == "account" for call in calls)
