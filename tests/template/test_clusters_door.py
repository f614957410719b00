"""What the parameter ClusterFiles opens: a function, its rights, rules and alarms. Shut, nothing of it is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.template.bar import listed, target, unconditional
from tests.template.loading import load

OPENED_BY = {"SeesClusters", "SchedulesSeeClusters"}
RIGHTS = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    *("ec2:DescribeRegions", "sagemaker:ListClusters", "sagemaker:DescribeCluster", "sagemaker:ListClusterNodes"),
    *("s3:ListBucket", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:ListBucketVersions"),
    *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "kms:Sign", "kms:GetPublicKey", "kms:Decrypt"),
    *("kms:GenerateDataKey", "sns:Publish", "sqs:SendMessage"),
}
RECORDING = {"SignRecords", "ArchiveEvidenceAndRecords", "CommitRecords", "ReadWhatTheTableLost", "SeeEveryVersion"}
"""What the audit function has as well, word for word."""
BUCKET = "arn:${AWS::Partition}:s3:::${ClusterFiles}"


def shut(value: Any) -> Any:
    """A value of the template as it is deployed without the door."""
    if isinstance(value, list):
        branches = [shut(each) for each in value]
        return [each for each in branches if each != {"Ref": "AWS::NoValue"}]
    if not isinstance(value, dict):
        return value
    if value.get("Fn::If", [None])[0] in OPENED_BY:
        return shut(value["Fn::If"][2])
    return {name: shut(each) for name, each in value.items()}


def statements(policy: str) -> Iterator[dict[str, Any]]:
    yield from unconditional(load()["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"])


def test_by_default_it_is_shut_and_nothing_of_it_is_left() -> None:
    template = load()
    assert template["Parameters"]["ClusterFiles"]["Default"] == ""
    assert template["Conditions"]["SeesClusters"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ClusterFiles"}, ""]}]}
    left = {name: shut(each) for name, each in template["Resources"].items() if each.get("Condition") not in OPENED_BY}
    assert "luster" not in json.dumps(left)


def test_open_its_function_may_do_this_and_nothing_else() -> None:
    assert {action for each in statements("ClustersPolicy") for action in listed(each["Action"])} == RIGHTS
    assert load()["Resources"]["ClustersPolicy"]["Properties"]["Roles"] == [{"Ref": "ClustersRole"}]


def test_it_records_with_just_the_rights_of_the_audit() -> None:
    audit = {each["Sid"]: each for each in statements("AuditPolicy")}
    own = {each["Sid"]: each for each in statements("ClustersPolicy")}
    assert {sid: own[sid] for sid in RECORDING} == {sid: audit[sid] for sid in RECORDING}


def test_it_only_reads_the_operators_bucket_and_only_while_that_is_this_accounts() -> None:
    of_bucket = [each for each in statements("ClustersPolicy") if "ClusterFiles" in json.dumps(each["Resource"])]
    assert [(each["Action"], each["Resource"]["Fn::Sub"]) for each in of_bucket] == [
        ("s3:ListBucket", BUCKET),
        ("s3:GetObject", f"{BUCKET}/*"),
    ]
    ours = {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    assert [each["Condition"] for each in of_bucket] == [ours, ours]


def test_its_rules_may_invoke_it_and_nobody_else() -> None:
    made = load()["Resources"]
    rules = {name: each for name, each in made.items() if "ClustersFunction" in json.dumps(each.get("Properties"))}
    permissions = {
        target(each["Properties"]["SourceArn"]): each["Properties"]
        for each in rules.values()
        if each["Type"] == "AWS::Lambda::Permission"
    }
    assert set(permissions) == {name for name, each in rules.items() if each["Type"] == "AWS::Events::Rule"}
    for rule, permission in permissions.items():
        assert (permission["Principal"], permission["SourceAccount"]) == (
            "events.amazonaws.com",
            {"Ref": "AWS::AccountId"},
        )
        assert rule in repr(made["DeliveryDeadLetterQueuePolicy"])


def test_nobody_else_puts_what_aws_is_said_to_have_answered() -> None:
    policy = {each["Sid"]: each for each in statements("ArchiveBucketPolicy")}
    sealing, keeping = policy["OnlyTheSealerWritesTheLog"], policy["OnlyTheClustersFunctionKeepsWhatAwsSaysOfThem"]
    assert keeping["Resource"] in list(unconditional(sealing["NotResource"]))
    assert keeping["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": ["ClustersRole", "Arn"]}}}
