"""The reconciliation on AWS: its ports, wired, for each door through which models are tuned."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

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
    BATCH,
    BATCH_READER,
    BEDROCK,
    CUSTOMIZATION_READER,
    NEWER_JOBS,
    NEWER_JOBS_READER,
    READER,
    SESSION_READER,
    SESSIONS,
    sources_behind,
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
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.operations.reconcile_doors import (
    BATCH_JOBS,
    CUSTOMIZATION_JOBS,
    SAGEMAKER_JOBS,
    SOURCE_OF_DOOR,
    TRAINING_JOBS,
    TRAINING_SESSIONS,
    Doors,
)
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import JobStates

SECONDS_OF_BACKLOG = 1800
"""An audit takes about a second: the queue holds the history of half an hour of each door, so that no new job waits for
longer.
"""


def reconcilers_from(environment: ReconcileEnvironment) -> Doors:
    """The reconciliations of all doors that the function's environment opens, training jobs first. Not every region has
    training sessions and the newer jobs, and no region's events of them come.
    """
    jobs, table = reconciler_from(environment), environment.table_name

    def reconciles(
        service: str, reader: JobReader, states: JobStates, message_of: Callable[[SeenJob], str], **others: Any
    ) -> Reconciler:
        seen = DynamoDbSeenJobs(client("dynamodb"), table, service=service)
        queue = SqsAuditQueue(client("sqs"), environment.audit_queue_url, message_of)
        return replace(jobs, reader=reader, states=states, seen=seen, queue=queue, **others)

    sessions = session_reader_from(environment, table, SESSION_READER)
    newer = newer_jobs_reader_from(environment, table, NEWER_JOBS_READER)
    customization = customization_reader_from(environment, table, CUSTOMIZATION_READER)
    batch = batch_reader_from(environment, table, BATCH_READER)
    of_bedrock, of_batch = (regions_from(environment, service) for service in (BEDROCK, BATCH))
    every = {
        TRAINING_JOBS: jobs,
        TRAINING_SESSIONS: reconciles(SESSIONS, sessions, SessionStates(sagemaker_in), session_message, home=""),
        SAGEMAKER_JOBS: reconciles(NEWER_JOBS, newer, SageMakerJobStates(sagemaker_in), sagemaker_job_message, home=""),
        CUSTOMIZATION_JOBS: reconciles(
            BEDROCK, customization, BedrockStates(bedrock_in), customization_message, regions=of_bedrock
        ),
        BATCH_JOBS: reconciles(BATCH, batch, BatchStates(batch_in), batch_message, regions=of_batch),
    }
    opened = sources_behind(environment.doors)
    return {door: each for door, each in every.items() if SOURCE_OF_DOOR[door] in opened}


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
