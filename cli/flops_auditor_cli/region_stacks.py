"""The small stack of each other region, regions.yaml: made, changed, or taken away."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from flops_auditor.aws.calls.clients import client
from flops_auditor_cli.deployment import parameters_of, stack_named

TEMPLATE = "regions.yaml"
FAILED_AT_FIRST = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""What a first deployment leaves that failed: CloudFormation only deletes it."""
WAITING = {"Delay": 3, "MaxAttempts": 200}


def template() -> str:
    """The text of regions.yaml."""
    return (files("flops_auditor_cli") / TEMPLATE).read_text(encoding="utf-8")


def deploy_region(region: str, name: str, values: Mapping[str, str]) -> str:
    """Have the region's stack be as `values` say; returns what was done: made, changed, or nothing.

    Raises botocore's ClientError and WaiterError, which name the reason.
    """
    cloudformation, body = client("cloudformation", region), template()
    stack = stack_named(cloudformation, name)
    if stack and stack["StackStatus"] in FAILED_AT_FIRST:
        _delete(cloudformation, name)
        stack = None
    asked: dict[str, Any] = {
        "StackName": name,
        "TemplateBody": body,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    if stack is None:
        cloudformation.create_stack(**asked, OnFailure="DELETE")
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAITING)
        return "made"
    # CloudFormation calls an update that changes nothing an error, and says so in words alone.
    if parameters_of(stack) == values and cloudformation.get_template(StackName=name)["TemplateBody"] == body:
        return "nothing"
    cloudformation.update_stack(**asked)
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=WAITING)
    return "changed"


def remove_region(region: str, name: str) -> str:
    """Take the region's stack away; returns what was done: removed, or nothing."""
    cloudformation = client("cloudformation", region)
    if stack_named(cloudformation, name) is None:
        return "nothing"
    _delete(cloudformation, name)
    return "removed"


def _delete(cloudformation: Any, name: str) -> None:
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=WAITING)
