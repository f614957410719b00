"""The reconciliation on AWS: its ports, wired, for each door through which models are tuned."""

from dataclasses import replace

from flops_auditor.aws.calls.clients import batch_in, bedrock_in, client, sagemaker_in
from flops_auditor.aws.sources.batch import BatchStates
from flops_auditor.aws.sources.bedrock import BedrockStates
from flops_auditor.aws.sources.sagemaker import SageMakerStates
from flops_auditor.aws.sources.sagemaker_jobs import SageMakerJobStates
from flops_auditor.aws.sources.training_sessions import SessionStates
from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbRecordIndex, DynamoDbSeenJobs
from flops_auditor.aws.stores.sns import SnsAlerts
from flops_auditor.aws.stores.sqs import (
    SqsAuditQueue,
    batch_message,
    customization_message,
    sagemaker_job_message,
    session_message,
)
from flops_auditor.aws.wiring.doors import (
    ALL_DOORS,
    BATCH,
    BATCH_READER,
    BEDROCK,
    CUSTOMIZATION_READER,
    NEWER_JOBS,
    NEWER_JOBS_READER,
    READER,
    SESSION_READER,
    SESSIONS,
)
from flops_auditor.aws.wiring.environment import ReconcileEnvironment
from flops_auditor.aws.wiring.listing import (
    batch_reader_from,
    customization_reader_from,
    newer_jobs_reader_from,
    reader_from,
    regions_from,
    session_reader_from,
)
from flops_auditor.use_cases.operations.reconcile_doors import (
    BATCH_JOBS,
    CUSTOMIZATION_JOBS,
    SAGEMAKER_JOBS,
    TRAINING_JOBS,
    TRAINING_SESSIONS,
    Doors,
)
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler

SECONDS_OF_BACKLOG = 1800
"""An audit takes about a second: the queue holds the history of half an hour, so that no new job waits for longer."""


def reconcilers_from(environment: ReconcileEnvironment) -> Doors:
    """The reconciliations of all doors that the function's environment opens, training jobs first."""
    doors = {TRAINING_JOBS: reconciler_from(environment)}
    if environment.doors == ALL_DOORS:
        doors[TRAINING_SESSIONS] = session_reconciler_from(environment)
        doors[SAGEMAKER_JOBS] = newer_jobs_reconciler_from(environment)
        doors[CUSTOMIZATION_JOBS] = customization_reconciler_from(environment)
        doors[BATCH_JOBS] = batch_reconciler_from(environment)
    return doors


def reconciler_from(environment: ReconcileEnvironment) -> Reconciler:
    """Everything that a reconciliation of training jobs works with, as the function's environment says."""
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


def session_reconciler_from(environment: ReconcileEnvironment) -> Reconciler:
    """The same of training sessions, of which no region's events come, and which not every region has."""
    table = environment.table_name
    return replace(
        reconciler_from(environment),
        reader=session_reader_from(environment, table, SESSION_READER),
        states=SessionStates(sagemaker_in),
        home="",
        seen=DynamoDbSeenJobs(client("dynamodb"), table, service=SESSIONS),
        queue=SqsAuditQueue(client("sqs"), environment.audit_queue_url, session_message),
    )


def newer_jobs_reconciler_from(environment: ReconcileEnvironment) -> Reconciler:
    """The same of SageMaker's jobs of the newer kinds, of which it is the same."""
    table = environment.table_name
    return replace(
        reconciler_from(environment),
        reader=newer_jobs_reader_from(environment, table, NEWER_JOBS_READER),
        states=SageMakerJobStates(sagemaker_in),
        home="",
        seen=DynamoDbSeenJobs(client("dynamodb"), table, service=NEWER_JOBS),
        queue=SqsAuditQueue(client("sqs"), environment.audit_queue_url, sagemaker_job_message),
    )


def customization_reconciler_from(environment: ReconcileEnvironment) -> Reconciler:
    """The same of model customization jobs."""
    table = environment.table_name
    return replace(
        reconciler_from(environment),
        regions=regions_from(environment, BEDROCK),
        reader=customization_reader_from(environment, table, CUSTOMIZATION_READER),
        states=BedrockStates(bedrock_in),
        seen=DynamoDbSeenJobs(client("dynamodb"), table, service=BEDROCK),
        queue=SqsAuditQueue(client("sqs"), environment.audit_queue_url, customization_message),
    )


def batch_reconciler_from(environment: ReconcileEnvironment) -> Reconciler:
    """The same of AWS Batch's jobs."""
    table = environment.table_name
    return replace(
        reconciler_from(environment),
        regions=regions_from(environment, BATCH),
        reader=batch_reader_from(environment, table, BATCH_READER),
        states=BatchStates(batch_in),
        seen=DynamoDbSeenJobs(client("dynamodb"), table, service=BATCH),
        queue=SqsAuditQueue(client("sqs"), environment.audit_queue_url, batch_message),
    )
