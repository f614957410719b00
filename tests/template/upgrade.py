"""What an upgrade would lose: what CloudFormation would replace, refuse or forget, from one template to the next.

By "Update requires" of each property in the CloudFormation template reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.template.loading import Template

# A change of these makes a new resource, or is refused. Topics count: a new one has no confirmed subscription.
FIXED: dict[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": ("TableName", "KeySchema", "LocalSecondaryIndexes", "ImportSourceSpecification"),
    "AWS::S3::Bucket": ("BucketName", "ObjectLockEnabled", "BucketNamespace", "BucketNamePrefix"),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::KMS::Key": ("KeySpec", "KeyUsage", "MultiRegion", "Origin"),
    "AWS::SQS::Queue": ("QueueName", "FifoQueue"),
    "AWS::SNS::Topic": ("TopicName", "FifoTopic"),
    "AWS::SNS::Subscription": ("TopicArn", "Protocol", "Endpoint"),
}
# What the archive and the log rest on stays on, though CloudFormation could switch it off in place.
KEPT_ON: dict[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": ("DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "SSESpecification"),
    "AWS::S3::Bucket": ("ObjectLockConfiguration", "VersioningConfiguration", "PublicAccessBlockConfiguration"),
}
KEEPS_AS_WELL = ("Retain", "RetainExceptOnCreate")


def lost(before: Template, after: Template) -> Iterator[str]:
    """Everything that deploying `after` over `before` would lose, in words."""
    for name, old in before["Resources"].items():
        if old["Type"] not in FIXED:
            continue
        new = after["Resources"].get(name)
        if new is None or new["Type"] != old["Type"]:
            yield f"{name} is no {old['Type']} any more: a new one would begin empty"
            continue
        yield from changed(name, old, new)
        if old["Type"] == "AWS::DynamoDB::Table":
            yield from indexes(name, old["Properties"], new["Properties"])
    yield from interface(before, after)


def changed(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Properties, policies and conditions of a resource that must stay as they are."""
    kind = old["Type"]
    for member in (*FIXED[kind], *KEPT_ON.get(kind, ())):
        if old.get("Properties", {}).get(member) != new.get("Properties", {}).get(member):
            yield f"{name}: {member} differs"
    for member in ("Condition", "DeletionPolicy", "UpdateReplacePolicy"):
        # What a deletion keeps, it keeps under either; they differ in the first creation alone.
        if old.get(member) != new.get(member) and (old.get(member), new.get(member)) != KEEPS_AS_WELL:
            yield f"{name}: {member} differs"


def indexes(name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """DynamoDB adds or removes one index per update, changes none, and keeps the type of a key attribute."""
    before, after = ({each["IndexName"]: each for each in table["GlobalSecondaryIndexes"]} for table in (old, new))
    yield from (f"{name}: index {each} differs" for each in before if each in after and before[each] != after[each])
    if len(before.keys() ^ after.keys()) > 1:
        yield f"{name}: {sorted(before.keys() ^ after.keys())} are more than one new or removed index"
    types = [{each["AttributeName"]: each["AttributeType"] for each in t["AttributeDefinitions"]} for t in (old, new)]
    for attribute, kind in types[0].items():
        if types[1].get(attribute, kind) != kind:
            yield f"{name}: attribute {attribute} has another type"


def interface(before: Template, after: Template) -> Iterator[str]:
    """Parameters that a deployment passes, outputs that commands read, and the ledger's name."""
    for name in before["Parameters"]:
        if name not in after["Parameters"]:
            yield f"parameter {name} is gone: a deployment that sets it fails"
    for name, parameter in after["Parameters"].items():
        if name not in before["Parameters"] and "Default" not in parameter:
            yield f"parameter {name} has no default: an upgrade would ask for it"
    for name in before["Outputs"]:
        if name not in after["Outputs"]:
            yield f"output {name} is gone"
    if before["Outputs"]["LedgerId"]["Value"] != after["Outputs"].get("LedgerId", {}).get("Value"):
        yield "LedgerId differs: the records would belong to another ledger"
