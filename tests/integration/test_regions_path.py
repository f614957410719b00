"""A job of another region, created, run and deleted before that region is listed, is recorded through regions.yaml.

The emulator delivers no event to a bus of another region. So this test asks each deployed part what it would do:
the region's rule takes the event, its target is the home bus, its role may put events there, the stack's own rule
takes it there; then it is put into the queue as that rule does.
"""

import json
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.training_job_events import AWS_DETAIL_TYPE, AWS_EVENT_SOURCE
from tests.integration.deployed import Deployed, entry_of, fresh_job, run

HOME, AWAY = "eu-west-1", "eu-north-1"


def taken_by(deployed: Deployed, region: str, rule: str, event: dict[str, Any]) -> bool:
    """Whether a deployed rule takes an event."""
    events = deployed.stack.client("events", region)
    pattern = events.describe_rule(Name=rule)["EventPattern"]
    return bool(events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"])


def forwarding(document: dict[str, Any]) -> dict[str, Any]:
    """The doctor's one finding on forwarding."""
    [found] = [each for each in document["findings"] if each["check"] == "forwarding"]
    return found


def test_every_region_forwards_once_it_is_deployed(operator: Deployed) -> None:
    code, before = run("regions")
    assert (code, before["forwarding"]) == (4, 0)
    assert HOME not in {each["region"] for each in before["regions"]}
    missing = forwarding(run("doctor")[1])
    assert missing["ok"]
    assert f"{len(before['regions'])} regions do not forward" in missing["detail"]
    code, made = run("regions", "--deploy")
    assert (code, made["forwarding"]) == (0, len(before["regions"]))
    assert {each["action"] for each in made["regions"]} == {"made"}
    code, again = run("regions", "--deploy")
    assert (code, {each["action"] for each in again["regions"]}) == (0, {"nothing"})
    assert forwarding(run("doctor")[1])["detail"].startswith(f"{len(before['regions'])} regions forward")


def forwarding_everywhere() -> None:
    """As the first test leaves it; a test alone deploys first."""
    if run("regions")[0]:
        run("regions", "--deploy")


def test_a_job_that_lived_for_minutes_elsewhere_is_recorded(operator: Deployed) -> None:
    forwarding_everywhere()
    job = fresh_job(hours=0.1)
    job["TrainingJobArn"] = job["TrainingJobArn"].replace(HOME, AWAY)
    event = {
        "version": "0",
        "id": "1",
        "source": AWS_EVENT_SOURCE,
        "detail-type": AWS_DETAIL_TYPE,
        "account": operator.stack.account_id,
        "time": "2026-11-24T12:00:00Z",
        "region": AWAY,
        "resources": [job["TrainingJobArn"]],
        "detail": json.loads(entry_of(job)["Detail"]),
    }
    resources = operator.stack.client("cloudformation", AWAY).describe_stack_resources(StackName="flops-auditor-region")
    made = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources["StackResources"]}
    rule = made["ForwardingRule"].rsplit("|", 1)[-1].rsplit("/", 1)[-1]
    assert taken_by(operator, AWAY, rule, event)
    assert not taken_by(operator, AWAY, rule, event | {"detail": {"TrainingJobStatus": "InProgress"}})
    [target] = operator.stack.client("events", AWAY).list_targets_by_rule(Rule=rule)["Targets"]
    home = operator.stack.client("events").describe_event_bus()["Arn"]
    assert target["Arn"] == home
    iam = operator.stack.client("iam")
    role = target["RoleArn"].rsplit("/", 1)[1]
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    [statement] = (json.loads(document) if isinstance(document, str) else document)["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", "events:PutEvents", home)
    home_rules = operator.stack.client("events").list_rule_names_by_target(
        TargetArn=operator.stack.client("sqs").get_queue_attributes(
            QueueUrl=operator.outputs["AuditQueueUrl"], AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
    )["RuleNames"]
    assert [taken_by(operator, HOME, home_rule, event) for home_rule in home_rules].count(True) == 1
    # SageMaker does not know the job any more: what the event says is all there is.
    operator.announce_as_aws([job])
    statement = operator.record(job["TrainingJobArn"])
    assert statement.predicate["job"]["region"] == AWAY
    assert statement.predicate["verdict"] == "indeterminate"  # nobody can ask for its tags and metrics any more


def test_a_disabled_rule_is_named_and_all_can_be_taken_away(operator: Deployed) -> None:
    forwarding_everywhere()
    events = operator.stack.client("events", AWAY)
    home = operator.stack.client("events").describe_event_bus()["Arn"]
    for rule in events.list_rule_names_by_target(TargetArn=home)["RuleNames"]:
        events.disable_rule(Name=rule)
    code, document = run("regions")
    assert code == 4
    assert [each["region"] for each in document["regions"] if each["state"] != "yes"] == [AWAY]
    [named] = [each for each in run("doctor")[1]["findings"] if each["check"] == f"forwarding from {AWAY}"]
    assert not named["ok"]
    code, removed = run("regions", "--remove")
    assert (code, removed["forwarding"]) == (0, 0)
    assert {each["action"] for each in removed["regions"]} == {"removed"}


@pytest.mark.parametrize("options", [["--deploy", "--remove"]])
def test_what_contradicts_itself_is_refused(operator: Deployed, options: list[str]) -> None:
    from typer.testing import CliRunner

    from flops_auditor_cli.main import app

    assert CliRunner().invoke(app, ["regions", *options]).exit_code == 2
