"""`flops-auditor restore-stack`: take what a deleted stack kept into a stack of the same name, which then is deployed.

CloudFormation knows a deleted stack, its template and its parameters for 90 days, by its id. What it kept comes back
by an import (CloudFormation User Guide, "Import AWS resources into a CloudFormation stack").
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import WaiterError

from flops_auditor.aws.calls.clients import client
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.deployment import Target, connect, talks_to_aws
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.view import Table, View, show

IDENTIFIERS = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::KMS::Key": "KeyId",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueUrl",
}
"""What is imported, and the property that names it. Policies of buckets are not: the deployment puts them on again."""
COLUMNS = {"logical_id": "Resource", "type": "Type", "physical_id": "Kept as"}
WAITING = {"Delay": 3, "MaxAttempts": 200}


class CannotRestore(AuditorError):
    """The stack cannot be restored."""

    remedy = "`flops-auditor docs operations`, disaster recovery, says what must be there and how it is done by hand."


def import_template(processed: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The part of a stack's processed template that an import may have: these resources, and no outputs.

    The policies of keys are left out: they name roles that are gone. The deployment that follows sets them. Every
    resource is retained, so that not even a failed import can delete one.
    """
    resources = {}
    for name in sorted(names):
        kept = processed["Resources"][name]
        properties = {member: value for member, value in kept["Properties"].items() if member != "KeyPolicy"}
        resources[name] = {**kept, "Properties": properties, "DeletionPolicy": "Retain"}
    parts = {part: processed[part] for part in ("AWSTemplateFormatVersion", "Parameters", "Conditions")}
    return {**parts, "Resources": resources}


def deleted_stack(cloudformation: Any, stack_name: str) -> str:
    """The id of the stack of this name that was deleted last. Raises CannotRestore."""
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    stacks = [each for page in pages for each in page["StackSummaries"] if each["StackName"] == stack_name]
    if not stacks:
        raise CannotRestore(f"no stack {stack_name} was deleted in the last 90 days")
    return str(max(stacks, key=lambda each: each["CreationTime"])["StackId"])


def kept_by(cloudformation: Any, stack_id: str, resources: dict[str, Any]) -> list[dict[str, str]]:
    """What the deletion kept: the newest event of each resource says so."""
    kept: dict[str, dict[str, str]] = {}
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    for event in (event for page in pages for event in page["StackEvents"]):  # the newest first
        name, kind = event["LogicalResourceId"], event["ResourceType"]
        if event["ResourceStatus"] == "DELETE_SKIPPED" and kind in IDENTIFIERS and name in resources:
            kept.setdefault(name, {"logical_id": name, "type": kind, "physical_id": event["PhysicalResourceId"]})
    return [kept[name] for name in sorted(kept)]


def import_resources(
    cloudformation: Any, stack: dict[str, Any], processed: dict[str, Any], kept: list[dict[str, str]]
) -> None:
    """Make the stack anew around what was kept; returns when it stands. Raises CannotRestore."""
    name = stack["StackName"]
    made = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=f"restore-{datetime.now(UTC):%Y%m%d%H%M%S}",
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(import_template(processed, {each["logical_id"] for each in kept})),
        Parameters=[
            {"ParameterKey": each["ParameterKey"], "ParameterValue": each["ParameterValue"]}
            for each in stack.get("Parameters", [])
        ],
        ResourcesToImport=[
            {
                "ResourceType": each["type"],
                "LogicalResourceId": each["logical_id"],
                "ResourceIdentifier": {IDENTIFIERS[each["type"]]: each["physical_id"]},
            }
            for each in kept
        ],
    )
    try:
        cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=made["Id"], WaiterConfig=WAITING)
        cloudformation.execute_change_set(ChangeSetName=made["Id"])
        cloudformation.get_waiter("stack_import_complete").wait(StackName=name, WaiterConfig=WAITING)
    except WaiterError as error:
        reason = cloudformation.describe_change_set(ChangeSetName=made["Id"]).get("StatusReason", "")
        raise CannotRestore(f"the import failed: {reason or error}") from error


@talks_to_aws()
def restore(
    stack_id: Annotated[str, typer.Option(help="Id of the deleted stack; default: the last one of this name.")] = "",
    without: Annotated[list[str] | None, typer.Option(help="A resource that is lost too, such as RecordTable.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken in.")] = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Take what a deleted stack kept (table, archive, keys, queues) into a new one of the same name, by an import.

    The same name makes it the same ledger. Afterwards deploy: the stack has no functions yet.
    """
    connect(target)
    cloudformation = client("cloudformation")
    stack_id = stack_id or deleted_stack(cloudformation, target.stack_name)
    stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
    if stack["StackStatus"] != "DELETE_COMPLETE":
        raise CannotRestore(f"{stack_id} is not deleted: its status is {stack['StackStatus']}")
    processed = cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    lost = set(without or ())
    kept = [e for e in kept_by(cloudformation, stack_id, processed["Resources"]) if e["logical_id"] not in lost]
    if not dry_run:
        import_resources(cloudformation, stack, processed, kept)
    document = {"dry_run": dry_run, "resources": kept}
    show(View("restored", document, [Table(COLUMNS, kept)], kept, tuple(COLUMNS)), output)
    if not dry_run:
        say("Now take the old roles' policies off the buckets, and deploy; the deployment puts new ones on:")
        buckets = [each["physical_id"] for each in kept if each["type"] == "AWS::S3::Bucket"]
        say(*(f"  aws s3api delete-bucket-policy --bucket {bucket}" for bucket in buckets))
        say("  sam build && sam deploy")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restore-stack")(restore)
