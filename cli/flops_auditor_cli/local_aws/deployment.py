"""Building template.yaml with sam and deploying it, unmodified, on the local AWS."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from flops_auditor_cli.local_aws.processes import REPOSITORY, LocalAwsError, tools_dir
from flops_auditor_cli.local_aws.stack import Stack

STACK_NAME = "flops-auditor"


def deploy(stack: Stack, parameters: Mapping[str, str] | None = None, source: Path = REPOSITORY) -> dict[str, str]:
    """Build and deploy; returns the stack's outputs and keeps them in the state file. Safe to call again.

    `parameters` override those of samconfig.toml's `local` environment. `source` is the folder with template.yaml.
    """
    build(stack, source)
    return deploy_built(stack, parameters, source)


def build(stack: Stack, source: Path = REPOSITORY) -> None:
    """Build into `<state>/build`, for what runs the functions on the local AWS."""
    sam(
        stack,
        source,
        [
            *("build", *config(source), "--template", str(source / "template.yaml")),
            *("--build-dir", str(stack.state_dir / "build"), "--cached"),
            *("--cache-dir", str(stack.state_dir / "build-cache")),
        ],
    )


def config(source: Path) -> list[str]:
    """samconfig.toml's `local` environment, as options of sam."""
    return ["--config-file", str(source / "samconfig.toml"), "--config-env", "local"]


def deploy_built(
    stack: Stack, parameters: Mapping[str, str] | None = None, source: Path = REPOSITORY
) -> dict[str, str]:
    """`deploy` with what was built last; parameters that are not named keep the values that the stack has."""
    overrides = [f"{name}={value}" for name, value in (parameters or {}).items()]
    sam(
        stack,
        source,
        [
            *("deploy", *config(source), "--template-file", str(stack.state_dir / "build" / "template.yaml")),
            *("--stack-name", STACK_NAME, "--region", stack.region),
            *(["--parameter-overrides", *overrides] if overrides else []),
        ],
    )
    deployed = stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    stack.outputs = {each["OutputKey"]: each["OutputValue"] for each in deployed.get("Outputs", [])}
    values = {each["ParameterKey"]: each["ParameterValue"] for each in deployed.get("Parameters", [])}
    lock_archive(stack, values)
    limit_concurrency(stack, values)
    stack.save()
    return stack.outputs


def sam(stack: Stack, source: Path, arguments: list[str]) -> None:
    """Run sam for the local AWS; its output goes to `<state>/sam.log`."""
    log = stack.state_dir / "sam.log"
    with log.open("ab") as output:
        finished = subprocess.run(  # noqa: S603 - our own command
            [str(tools_dir() / "sam" / "bin" / "sam"), *arguments],
            cwd=source,
            env=sam_environment(stack),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode:
        tail = log.read_text(errors="replace")[-3000:]
        raise LocalAwsError(f"sam {arguments[0]} failed; {log} ends with:\n{tail}")


def sam_environment(stack: Stack) -> dict[str, str]:
    """sam talks to the emulator alone, and builds the layer for the interpreter that runs the functions there."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **{name: value for name, value in stack.environment().items() if name != "AWS_ENDPOINT_URL_CLOUDWATCH"},
        "SAM_CLI_TELEMETRY": "0",
        # Seconds between two looks at the stack: nobody is throttled here.
        "SAM_CLI_POLL_DELAY": "0.2",
        "FLOPS_AUDITOR_LAYER_TARGET": "local",
        "FLOPS_AUDITOR_LAYER_PIP": str(tools_dir() / "bootstrap" / "bin" / "python"),
        "FLOPS_AUDITOR_LAYER_INTERPRETER": str(tools_dir() / "localaws" / "bin" / "python"),
    }


def lock_archive(stack: Stack, parameters: Mapping[str, str]) -> None:
    """Apply the archive's Object Lock by API: the emulator ignores it in CloudFormation, and enforces it afterwards."""
    retention: dict[str, str | int] = {
        "Mode": parameters["RetentionMode"],
        parameters["RetentionUnit"]: int(parameters["RetentionPeriod"]),
    }
    stack.client("s3").put_object_lock_configuration(
        Bucket=stack.outputs["ArchiveBucketName"],
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}},
    )


def limit_concurrency(stack: Stack, parameters: Mapping[str, str]) -> None:
    """Set the audits' concurrency by API: the emulator leaves a parameter's number as text, then cannot compare it.
    That of replays is no parameter, and stays as the template has it.
    """
    functions, queue = stack.client("lambda"), stack.outputs["AuditQueueUrl"].rpartition("/")[2]
    mappings = functions.list_event_source_mappings(FunctionName=stack.outputs["AuditFunctionName"])
    for mapping in mappings["EventSourceMappings"]:
        if mapping["EventSourceArn"].endswith(f":{queue}"):
            functions.update_event_source_mapping(
                UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(parameters["AuditConcurrency"])}
            )
