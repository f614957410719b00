"""What the parameter Doors opens: rights, rules and their queues, and nothing of it where it opens none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.template.bar import listed, target
from tests.template.loading import load

CONDITION = "SeesOtherDoors"
CONDITIONS = {CONDITION, "StopsOtherDoors"}
"""What it opens, and what it opens where StopOnCrossing is on besides."""
RULES = {
    *("FinishedCustomizationJobsRule", "CustomizationReplaysRule"),
    *("FinishedBatchJobsRule", "BatchReplaysRule"),
}
RIGHTS = {
    "AuditPolicy": {
        "sagemaker:DescribeTrainingSession",
        "sagemaker:DescribeJob",
        "bedrock:GetModelCustomizationJob",
        "bedrock:ListTagsForResource",
        "bedrock:GetImportedModel",
        "bedrock:GetCustomModel",
        "s3:ListBucket",
        "batch:DescribeJobs",
        "batch:DescribeJobQueues",
        "batch:DescribeComputeEnvironments",
    },
    "WatchPolicy": {
        "sagemaker:ListTrainingSessions",
        "sagemaker:DescribeTrainingSession",
        "sagemaker:ListJobs",
        "sagemaker:DescribeJob",
        "sagemaker:StopTrainingSession",
        "sagemaker:StopJob",
        "bedrock:GetModelCustomizationJob",
        "bedrock:ListTagsForResource",
        "s3:ListBucket",
        "bedrock:GetImportedModel",
        "bedrock:GetCustomModel",
        "batch:DescribeJobs",
        "batch:DescribeJobQueues",
        "batch:DescribeComputeEnvironments",
    },
    "ReconcilePolicy": {
        "sagemaker:ListTrainingSessions",
        "sagemaker:DescribeTrainingSession",
        "sagemaker:ListJobs",
        "sagemaker:DescribeJob",
        "bedrock:ListModelCustomizationJobs",
        "bedrock:GetModelCustomizationJob",
        "bedrock:ListTagsForResource",
        "batch:DescribeJobQueues",
        "batch:DescribeComputeEnvironments",
        "batch:ListJobs",
        "batch:DescribeJobs",
    },
}


def chosen(value: Any, opened: bool) -> Any:
    """A value of the template as it is deployed: of an `Fn::If` on these conditions one branch, else both."""
    if isinstance(value, list):
        branches = [chosen(each, opened) for each in value]
        return [each for each in branches if each != {"Ref": "AWS::NoValue"}]
    if not isinstance(value, dict):
        return value
    if value.get("Fn::If", [None])[0] in CONDITIONS:
        return chosen(value["Fn::If"][1 if opened else 2], opened)
    return {name: chosen(each, opened) for name, each in value.items()}


def resources(opened: bool) -> dict[str, Any]:
    found = {n: e for n, e in load()["Resources"].items() if opened or e.get("Condition") != CONDITION}
    return {name: chosen(each, opened) for name, each in found.items()}


def policies(opened: bool) -> Iterator[tuple[str, set[str]]]:
    for name, each in resources(opened).items():
        if each["Type"] == "AWS::IAM::Policy":
            statements = [one for one in each["Properties"]["PolicyDocument"]["Statement"] if "Action" in one]
            yield name, {action for one in statements for action in listed(one["Action"])}


def test_by_default_it_is_open() -> None:
    template = load()
    assert template["Parameters"]["Doors"]["Default"] == "all"
    assert template["Conditions"][CONDITION] == {"Fn::Equals": [{"Ref": "Doors"}, "all"]}


def test_only_who_audits_and_reconciles_gets_rights() -> None:
    shut = dict(policies(opened=False))
    gained = {name: actions - shut[name] for name, actions in policies(opened=True)}
    assert {name: actions for name, actions in gained.items() if actions} == RIGHTS


def test_shut_nothing_of_it_is_left() -> None:
    left = repr(resources(opened=False))
    assert "bedrock" not in left.replace("flops-auditor.bedrock", "")
    assert "batch:" not in left
    assert "aws.batch" not in left
    assert "TrainingSession" not in left
    assert "sagemaker:ListJobs" not in left
    assert "sagemaker:DescribeJob'" not in left
    assert not [rule for rule in RULES if rule in left]


def test_queues_take_what_its_rules_send() -> None:
    made = resources(opened=True)
    for rule in RULES:
        [sent] = made[rule]["Properties"]["Targets"]
        for name in (f"{target(sent['Arn'])}Policy", "DeliveryDeadLetterQueuePolicy"):
            assert rule in repr(made[name]), name
