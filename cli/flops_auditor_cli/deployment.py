"""Which account and stack a command talks to: those that its options name, or the local AWS of the demo."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.options_together import CommandFunction, with_options

DEFAULT_STACK = "flops-auditor"
SIGNED_IN_BY_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class NoDeployment(AuditorError):
    """The stack cannot be found, or is another product's."""

    remedy = (
        "Name it with --stack-name, its region with --region and its account with --profile; --local asks the demo. "
        "`flops-auditor docs operations` says how to deploy."
    )


@dataclass(frozen=True)
class Target:
    """The account, region and stack that a command talks to, as its options say."""

    stack_name: str = DEFAULT_STACK
    region: str | None = None
    profile: str | None = None
    local: bool = False


OPTIONS = {
    "stack_name": Annotated[
        str,
        typer.Option("--stack-name", envvar="FLOPS_AUDITOR_STACK", help="The CloudFormation stack of the deployment."),
    ],
    "region": Annotated[
        str | None,
        typer.Option("--region", help="The AWS region. Left out: AWS_REGION, AWS_DEFAULT_REGION, or the profile's."),
    ],
    "profile": Annotated[
        str | None, typer.Option("--profile", help="The AWS profile, also one of SSO. Left out: AWS_PROFILE.")
    ],
    "local": Annotated[
        bool,
        typer.Option("--local", envvar="FLOPS_AUDITOR_LOCAL", help="Ask the local AWS that the demo leaves up."),
    ],
}
"""What a command that talks to AWS can be told: a field of Target each."""


def talks_to_aws(*, stack: bool = True) -> Callable[[CommandFunction], CommandFunction]:
    """Give a command the options of AWS, and hand it what they say as its parameter `target`.

    `stack=False` leaves out --stack-name.
    """
    options = {name: annotation for name, annotation in OPTIONS.items() if stack or name != "stack_name"}
    return with_options("target", options, vars(Target()), Target)


@dataclass(frozen=True)
class StackValues:
    """Outputs and parameters of the deployed stack by name."""

    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)

    def output(self, name: str) -> str:
        """One output. Raises NoDeployment when the stack is not a FLOPs Auditor."""
        if name not in self.outputs:
            raise NoDeployment(f"the stack has no output {name}: it is no FLOPs Auditor")
        return self.outputs[name]

    @property
    def policies(self) -> list[str]:
        """The policies that the stack assesses against. Raises NoDeployment when the stack is not a FLOPs Auditor."""
        if "Policies" not in self.parameters:
            raise NoDeployment("the stack has no parameter Policies: it is no FLOPs Auditor")
        return self.parameters["Policies"].split(",")

    @property
    def excluded_regions(self) -> str:
        """What the stack leaves out; a stack of an older template leaves out nothing."""
        return self.outputs.get("ExcludedRegions", "none")


def connect(target: Target) -> None:
    """Have every client of this process talk to the target's account and region. Raises NoLocalAws, LocalAwsEnded."""
    if target.local:
        if target.profile:
            raise typer.BadParameter("give either --local or --profile")
        from flops_auditor_cli.local_aws.locate import find_running  # noqa: PLC0415 - few talk to it

        os.environ.update(find_running().environment())
        return
    if target.profile:
        os.environ["AWS_PROFILE"] = target.profile
        for name in SIGNED_IN_BY_KEYS:  # keys in the environment would override a profile that somebody named
            os.environ.pop(name, None)
    if region := target.region or os.environ.get("AWS_REGION"):
        # Every other SDK reads AWS_REGION first; boto3 reads AWS_DEFAULT_REGION alone.
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = region


def find_deployment(target: Target) -> StackValues:
    """The stack's outputs and parameters. Raises NoDeployment, NoLocalAws, LocalAwsEnded."""
    connect(target)
    from flops_auditor.aws.calls.clients import client  # noqa: PLC0415 - a start without AWS stays quick

    stack = stack_named(client("cloudformation"), target.stack_name)
    if stack is None:
        where = "the local AWS" if target.local else f"this account in {client('cloudformation').meta.region_name}"
        raise NoDeployment(f"there is no stack {target.stack_name!r} in {where}")
    return StackValues(
        {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}, parameters_of(stack)
    )


def stack_named(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """A stack as CloudFormation describes it, None where there is none of that name."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - a start without AWS stays quick

    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":  # what CloudFormation says of a stack it has not
            raise
        return None
    return stack


def parameters_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """What a stack was deployed with, by name."""
    return {given["ParameterKey"]: given["ParameterValue"] for given in stack.get("Parameters", [])}
