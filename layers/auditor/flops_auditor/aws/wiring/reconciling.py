"""The reconciliation on AWS: its ports, wired."""

from flops_auditor.aws.calls.clients import client, sagemaker_in
from flops_auditor.aws.sources.regions import AccountRegions
from flops_auditor.aws.sources.sagemaker import SageMakerListing
from flops_auditor.aws.stores.dynamodb_progress import DynamoDbProgress, DynamoDbRecordIndex
from flops_auditor.aws.stores.sqs import SqsAuditQueue
from flops_auditor.aws.wiring.environment import ReconcileEnvironment
from flops_auditor.aws.wiring.recording import now
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler


def reconciler_from(environment: ReconcileEnvironment) -> Reconciler:
    """Everything a reconciliation works with, as the function's environment says."""
    sqs = client("sqs")
    return Reconciler(
        regions=AccountRegions(client("account"), environment.excluded_regions),
        listing=SageMakerListing(sagemaker_in),
        index=DynamoDbRecordIndex(client("dynamodb"), environment.table_name),
        queue=SqsAuditQueue(sqs, environment.audit_queue_url),
        progress=DynamoDbProgress(client("dynamodb"), environment.table_name),
        clock=now,
        home=sqs.meta.region_name,
    )
