"""Which deployment a command talks to: the stack in the current account and region, or the local one of the demo."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.clients import client
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.local_aws import read

LOCAL_STATE = Path(os.environ.get("FLOPS_AUDITOR_STATE", ".local"))


class NoDeployment(AuditorError):
    """The stack cannot be found."""

    remedy = "Name it with --stack-name, choose account and region with AWS_PROFILE and AWS_REGION, or use --local."


@dataclass(frozen=True)
class Deployment:
    """Outputs and parameters of the deployed stack by name."""

    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)

    def output(self, name: str) -> str:
        """One output. Raises NoDeployment when the stack is not a FLOPs Auditor."""
        if name not in self.outputs:
            raise NoDeployment(f"the stack has no output {name}")
        return self.outputs[name]

    @property
    def policies(self) -> list[str]:
        """The policies that the stack assesses against. Raises NoDeployment when the stack is not a FLOPs Auditor."""
        if "Policies" not in self.parameters:
            raise NoDeployment("the stack has no parameter Policies")
        return self.parameters["Policies"].split(",")

    @property
    def excluded_regions(self) -> str:
        """What the stack leaves out; a stack of an older template leaves out nothing."""
        return self.outputs.get("ExcludedRegions", "none")


def use_local() -> None:
    """Point the AWS SDK at the local AWS. Raises NoDeployment when none runs."""
    stack = read(LOCAL_STATE)
    if stack is None:
        raise NoDeployment("no local AWS is up: run `make demo` first")
    os.environ.update(stack.environment())


def find_deployment(stack_name: str, local: bool) -> Deployment:
    """The stack's outputs. Raises NoDeployment."""
    if local:
        use_local()
    try:
        stacks: list[dict[str, Any]] = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":  # what CloudFormation says of a stack it has not
            raise
        raise NoDeployment(f"there is no stack {stack_name!r}: {error}") from error
    return Deployment(
        {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])},
        {given["ParameterKey"]: given["ParameterValue"] for given in stacks[0].get("Parameters", [])},
    )
