"""The report on AWS: its ports, wired."""

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.sources.regions import SAGEMAKER
from flops_auditor.aws.stores.dynamodb_current import DynamoDbCurrentRecords
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_reading import DynamoDbReadings
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbRecordIndex, DynamoDbSeenJobs
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.wiring.doors import (
    BATCH,
    BATCH_READER,
    BEDROCK,
    CUSTOMIZATION_READER,
    NEWER_JOBS,
    NEWER_JOBS_READER,
    PARAMETER_OF_SOURCE,
    READER,
    SESSION_READER,
    SESSIONS,
    sources_behind,
)
from flops_auditor.aws.wiring.environment import ReportEnvironment
from flops_auditor.aws.wiring.listing import regions_from
from flops_auditor.aws.wiring.recording import now
from flops_auditor.domain.runs.evidence import (
    BATCH_JOB,
    CUSTOMIZATION_JOB,
    SAGEMAKER_JOB,
    TRAINING_JOB,
    TRAINING_SESSION,
)
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.operations.reconcile_doors import SOURCE_OF_DOOR
from flops_auditor.use_cases.operations.report_ledger import ClosedDoor, ListedDoor, Reporter


def reporter_from(environment: ReportEnvironment) -> Reporter:
    """Everything that a report is made from, as the function's environment says."""
    dynamodb, table = client("dynamodb"), environment.table_name

    def door(reader: str, waits_as: str = "", service: str = SAGEMAKER) -> ListedDoor:
        return ListedDoor(
            regions_from(environment, service),
            DynamoDbReadings(dynamodb, table, reader),
            DynamoDbSeenJobs(dynamodb, table, service=waits_as),
        )

    every = {
        TRAINING_JOB: door(READER),
        TRAINING_SESSION: door(SESSION_READER, SESSIONS),
        SAGEMAKER_JOB: door(NEWER_JOBS_READER, NEWER_JOBS),
        CUSTOMIZATION_JOB: door(CUSTOMIZATION_READER, BEDROCK, BEDROCK),
        BATCH_JOB: door(BATCH_READER, BATCH, BATCH),
    }
    opened = sources_behind(environment.doors)
    words = {source: what for what, source in SOURCE_OF_DOOR.items()}
    return Reporter(
        ledger_id=environment.ledger_id,
        records=DynamoDbCurrentRecords(dynamodb, table),
        archive=S3Archive(client("s3"), environment.archive_bucket),
        pending=DynamoDbPendingRecords(dynamodb, table),
        doors=tuple(each for source, each in every.items() if source in opened),
        index=DynamoDbRecordIndex(dynamodb, table),
        verify=verifies,
        clock=now,
        closed=tuple(
            ClosedDoor(words[source], PARAMETER_OF_SOURCE[source], each.regions, each.seen)
            for source, each in every.items()
            if source not in opened
        ),
    )
