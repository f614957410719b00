"""The reconciliation on AWS: its ports, wired."""

from flops_auditor.aws.calls.clients import client, sagemaker_in
from flops_auditor.aws.sources.sagemaker import SageMakerStates
from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbRecordIndex, DynamoDbSeenJobs
from flops_auditor.aws.stores.sns import SnsAlerts
from flops_auditor.aws.stores.sqs import SqsAuditQueue
from flops_auditor.aws.wiring.environment import ReconcileEnvironment
from flops_auditor.aws.wiring.listing import reader_from, regions_from
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler

READER = "RECONCILE"
SECONDS_OF_BACKLOG = 1800
"""An audit takes about a second: the queue holds the history of half an hour, so that no new job waits for longer."""


def reconciler_from(environment: ReconcileEnvironment) -> Reconciler:
    """Everything a reconciliation works with, as the function's environment says."""
    sqs, dynamodb, table = client("sqs"), client("dynamodb"), environment.table_name
    return Reconciler(
        regions=regions_from(environment),
        reader=reader_from(environment, table, READER),
        states=SageMakerStates(sagemaker_in),
        index=DynamoDbRecordIndex(dynamodb, table),
        seen=DynamoDbSeenJobs(dynamodb, table),
        queue=SqsAuditQueue(sqs, environment.audit_queue_url),
        records=DynamoDbRecords(dynamodb, table),
        lineage=DynamoDbLineageIndex(dynamodb, table),
        alerts=SnsAlerts(client("sns"), environment.alert_topic_arn),
        home=sqs.meta.region_name,
        room=int(environment.audit_concurrency) * SECONDS_OF_BACKLOG,
    )
