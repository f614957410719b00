"""The deployed template with two doors open beside training jobs: what goes through them is recorded. Of the two that
are shut there is no right, no rule, no listing and no record, an event of them is passed over, and doctor says so.
Opened again, they are read on.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.runs.evidence import BATCH_JOB, CUSTOMIZATION_JOB, SAGEMAKER_JOB, TRAINING_SESSION
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE
from flops_auditor.domain.runs.sources.batch_job_events import BATCH_DETAIL_TYPE
from flops_auditor.use_cases.operations.reconcile_doors import (
    BATCH_JOBS,
    CUSTOMIZATION_JOBS,
    SAGEMAKER_JOBS,
    TRAINING_JOBS,
    TRAINING_SESSIONS,
)
from flops_auditor_cli.local_aws.deployment import STACK_NAME, deploy_built
from tests.integration.deployed import Deployed, run
from tests.integration.test_least_privilege import FUNCTIONS, action_of, statements_of
from tests.integration.test_other_doors import (
    announce,
    announce_batch,
    fresh_agent_job,
    fresh_batch_job,
    fresh_customization,
    fresh_session,
)

SHUT = {"SageMakerJobs": "false", "BatchJobs": "false"}
SHUT_ACTIONS = ("batch:", "sagemaker:ListJobs", "sagemaker:DescribeJob", "sagemaker:StopJob")


@contextmanager
def two_doors(deployed: Deployed) -> Iterator[None]:
    """The same stack with two doors open and two shut, and as it was again."""
    known = deployed.stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]["Parameters"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in known if each["ParameterValue"]}
    deployed.idle()
    deploy_built(deployed.stack, parameters | SHUT)
    try:
        yield
    finally:
        deploy_built(deployed.stack, parameters)


def granted(deployed: Deployed) -> set[str]:
    """Every action that a function may take."""
    statements = [each for function in FUNCTIONS for each in statements_of(deployed, function)]
    actions = [each["Action"] if isinstance(each["Action"], list) else [each["Action"]] for each in statements]
    return {action for some in actions for action in some}


def shut(action: str) -> bool:
    return action.startswith(SHUT_ACTIONS[:1]) or action in SHUT_ACTIONS


def handled(deployed: Deployed, body: dict[str, Any]) -> list[dict[str, str]]:
    """The audit function is handed a message of its queue; which messages failed."""
    queue = f"arn:aws:sqs:{deployed.stack.region}:{deployed.stack.account_id}:audit"
    message = {"messageId": "one", "receiptHandle": "one", "eventSourceARN": queue, "body": json.dumps(body)}
    failed: list[dict[str, str]] = deployed.invoke("AuditFunctionName", {"Records": [message]})["batchItemFailures"]
    return failed


@pytest.fixture(scope="module")
def made(deployed: Deployed, calls_file: Path) -> dict[str, Any]:
    """What was done, and seen, with two doors open."""
    before = granted(deployed)
    with two_doors(deployed):
        seen: dict[str, Any] = {"before": before, "granted": granted(deployed)}
        deployed.invoke("WatchFunctionName")  # so that there are calls
        begun = len(calls_file.read_text().splitlines())
        job, session = fresh_customization(deployed), fresh_session(deployed)
        agent, in_batch = fresh_agent_job(deployed), fresh_batch_job(deployed)
        announce(deployed, job)
        announce_batch(deployed, in_batch)  # no rule takes it
        seen["customization"] = deployed.record(job["jobArn"]).predicate["job"]["source"]
        told = {name: in_batch[name] for name in ("jobName", "jobArn", "status", "createdAt")}
        queued = {"source": RECONCILE_SOURCE, "detail-type": BATCH_DETAIL_TYPE, "detail": told}
        seen["failed"] = handled(deployed, queued)
        deployed.invoke("WatchFunctionName")
        seen["reconciled"] = deployed.invoke("ReconcileFunctionName")
        seen["session"] = deployed.record(session["TrainingSessionArn"]).predicate["job"]["source"]
        deployed.invoke("ReportFunctionName")
        deployed.idle()
        seen["recorded"] = [deployed.items("RECORD#", arn) for arn in (agent["JobArn"], in_batch["jobArn"])]
        events = deployed.stack.client("events")
        seen["rules"] = [rule["Description"] for rule in events.list_rules()["Rules"]]
        seen["calls"] = [json.loads(line) for line in calls_file.read_text().splitlines()[begun:]]
    deployed.invoke("ReconcileFunctionName")
    seen["afterwards"] = [
        deployed.record(arn).predicate["job"]["source"] for arn in (agent["JobArn"], in_batch["jobArn"])
    ]
    return seen


def test_what_goes_through_open_doors_is_recorded(made: dict[str, Any]) -> None:
    assert (made["customization"], made["session"]) == (CUSTOMIZATION_JOB, TRAINING_SESSION)
    assert made["reconciled"]["RegionsFailed"] == 0


def test_of_shut_doors_there_is_no_right_no_rule_no_question_and_no_record(made: dict[str, Any]) -> None:
    assert {action for action in made["before"] if shut(action)} and not {a for a in made["granted"] if shut(a)}
    assert made["granted"] < made["before"]
    assert any("customization" in rule for rule in made["rules"]) and not any("Batch" in rule for rule in made["rules"])
    assert not [call for call in made["calls"] if shut(action_of(call))]
    assert not [call for call in made["calls"] if re.search("Denied|Unauthorized", call["error"] or "")]
    assert made["recorded"] == [[], []]


def test_an_event_of_a_shut_door_is_no_dead_letter(made: dict[str, Any]) -> None:
    assert made["failed"] == []


def test_opened_again_a_door_is_read_on_from_where_it_was_left(made: dict[str, Any]) -> None:
    assert made["afterwards"] == [SAGEMAKER_JOB, BATCH_JOB]


def test_doctor_says_of_each_door_whether_it_is_open(operator: Deployed) -> None:
    with two_doors(operator):
        told = {each["check"]: each["detail"] for each in run("doctor")[1]["findings"]}
        code, listed = run("reconcile", "--dry-run")
    assert code == 0 and "jobs" in listed
    for name in (TRAINING_JOBS, TRAINING_SESSIONS, CUSTOMIZATION_JOBS):
        assert told[f"door of {name}"].startswith("open in "), name
    for name, parameter in ((SAGEMAKER_JOBS, "SageMakerJobs"), (BATCH_JOBS, "BatchJobs")):
        assert told[f"door of {name}"].startswith(f"shut, as the stack's parameter {parameter} says"), name
