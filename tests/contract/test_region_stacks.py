"""The small stack of other regions on moto: made, left, changed, taken away; and what its rules say of a region."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.calls import clients
from flops_auditor.aws.sources.forwarding import EventForwarding, bus_of
from flops_auditor_cli.commands.regions import in_each
from flops_auditor_cli.region_stacks import deploy_region, remove_region

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..CloudFormation..WaitConditionHandle:UserWarning")
HOME, AWAY = "eu-west-1", "eu-north-1"
VALUES = {"HomeRegion": HOME, "PermissionsBoundaryArn": ""}
BUS = bus_of(f"arn:aws:sns:{HOME}:123456789012:alerts")
NAME = "flops-auditor-region"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", HOME)):
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    with mock_aws():
        yield
    clients.client.cache_clear()


def rule() -> dict[str, Any]:
    """The rule of training jobs in the other region."""
    events = boto3.client("events", AWAY)
    rules = [events.describe_rule(Name=name) for name in events.list_rule_names_by_target(TargetArn=BUS)["RuleNames"]]
    (of_training_jobs,) = [each for each in rules if "Training Job" in each["EventPattern"]]
    return dict(of_training_jobs)


def test_it_is_made_left_as_it_is_and_taken_away() -> None:
    forwarding = EventForwarding(BUS)
    assert forwarding.state(AWAY) == "missing"
    assert [deploy_region(AWAY, NAME, VALUES) for _ in range(2)] == ["made", "nothing"]
    assert forwarding.state(AWAY) == "on"
    assert json.loads(rule()["EventPattern"]) == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Training Job State Change"],
        "detail": {"TrainingJobStatus": ["Completed", "Failed", "Stopped"]},
    }
    assert [remove_region(AWAY, NAME) for _ in range(2)] == ["removed", "nothing"]
    assert forwarding.state(AWAY) == "missing"


def test_another_home_changes_it() -> None:
    deploy_region(AWAY, NAME, VALUES)
    assert deploy_region(AWAY, NAME, VALUES | {"HomeRegion": "eu-west-3"}) == "changed"
    (stack,) = boto3.client("cloudformation", AWAY).describe_stacks(StackName=NAME)["Stacks"]
    assert {"ParameterKey": "HomeRegion", "ParameterValue": "eu-west-3"} in stack["Parameters"]


def test_a_rule_that_somebody_disabled_is_off_and_one_of_somebody_else_is_none() -> None:
    deploy_region(AWAY, NAME, VALUES)
    events = boto3.client("events", AWAY)
    events.disable_rule(Name=rule()["Name"])
    events.put_rule(Name="other", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="other", Targets=[{"Id": "home", "Arn": BUS}])
    assert EventForwarding(BUS).state(AWAY) == "off"
    remove_region(AWAY, NAME)
    assert EventForwarding(BUS).state(AWAY) == "missing"


def test_in_the_home_region_nothing_forwards() -> None:
    assert deploy_region(HOME, NAME, VALUES) == "made"
    assert EventForwarding(BUS).state(HOME) == "missing"


def test_a_region_that_fails_stops_no_other() -> None:
    def work(region: str) -> str:
        if region == AWAY:
            boto3.client("cloudformation", region).describe_stacks(StackName="absent")
        return "made"

    done = in_each([AWAY, HOME], work)
    assert done[HOME] == ("made", "")
    assert done[AWAY][0] == "failed"
    assert "absent" in done[AWAY][1]
