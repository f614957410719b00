"""The adapters of a deployed stack, with the rights of whoever runs the command."""

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.sources.deployed_stack import DeployedStack
from flops_auditor.aws.wiring.environment import QueueingEnvironment, ReconcileEnvironment
from flops_auditor.aws.wiring.reconciling import reconciler_from
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler
from flops_auditor_cli.deployment import Deployment, Target
from flops_auditor_cli.local_aws.locate import find_running


def environment_of(deployment: Deployment, policies: list[str]) -> QueueingEnvironment:
    """What the deployed audit function records with, under these policies."""
    return QueueingEnvironment(
        table_name=deployment.output("RecordTableName"),
        archive_bucket=deployment.output("ArchiveBucketName"),
        ledger_id=deployment.output("LedgerId"),
        policies=",".join(policies),
        alert_topic_arn=deployment.output("AlertTopicArn"),
        record_key_id=deployment.output("RecordKeyArn"),
        audit_queue_url=deployment.output("AuditQueueUrl"),
    )


def reconciler_of(deployment: Deployment) -> Reconciler:
    """The reconciliation of a deployed stack, with the caller's rights."""
    return reconciler_from(
        ReconcileEnvironment(
            deployment.output("RecordTableName"), deployment.output("AuditQueueUrl"), deployment.excluded_regions
        )
    )


def deployed(deployment: Deployment, target: Target) -> DeployedStack:
    """The stack's own resources; the local AWS keeps alarms beside the metrics of training jobs."""
    clients = {name: client(name) for name in ("sqs", "cloudformation", "cloudwatch", "dynamodb", "s3", "sns")}
    if target.local:
        stack = find_running()
        clients |= {"cloudwatch": stack.client("alarms"), "s3": stack.client("s3")}
    return DeployedStack(clients, deployment.outputs, target.stack_name)
