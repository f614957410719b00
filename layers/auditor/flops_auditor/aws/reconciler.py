"""The reconciliation on AWS: its ports, wired."""

from flops_auditor.aws.clients import client, sagemaker_in
from flops_auditor.aws.dynamodb_progress import DynamoDbProgress, DynamoDbRecordIndex
from flops_auditor.aws.environment import ReconcileEnvironment
from flops_auditor.aws.recorder import now
from flops_auditor.aws.regions import AccountRegions
from flops_auditor.aws.sagemaker import SageMakerListing
from flops_auditor.aws.sqs import SqsAuditQueue
from flops_auditor.use_cases.reconcile_jobs import Reconciler


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
