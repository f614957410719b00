"""An AWS on this machine, on which the demo and the tests run: start it, deploy on it, load training jobs, stop it.

    stack = start(Path(".local"))
    outputs = deploy(stack, {"AlertEmail": "compliance@example.com"})
    load_job(stack, describe_answer, tags, metrics)
    stop(Path(".local"))

It needs `make setup`, and no Docker, no account and no network.
"""

from flops_auditor_cli.local_aws.deployment import deploy
from flops_auditor_cli.local_aws.jobs import load_job, remove_job
from flops_auditor_cli.local_aws.processes import LocalAwsError, start, stop
from flops_auditor_cli.local_aws.stack import Stack, read

__all__ = ["LocalAwsError", "Stack", "deploy", "load_job", "read", "remove_job", "start", "stop"]
