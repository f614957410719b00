"""The report on AWS: its ports, wired."""

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.sources.regions import SAGEMAKER
from flops_auditor.aws.stores.dynamodb_current import DynamoDbCurrentRecords
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_reading import DynamoDbReadings
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbRecordIndex, DynamoDbSeenJobs
from flops_auditor.aws.stores.s3_archive import S3Archive
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
from flops_auditor.aws.wiring.environment import ReportEnvironment
from flops_auditor.aws.wiring.listing import regions_from
from flops_auditor.aws.wiring.recording import now
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.operations.report_ledger import ListedDoor, Reporter


def reporter_from(environment: ReportEnvironment) -> Reporter:
    """Everything that a report is made from, as the function's environment says."""
    dynamodb, table = client("dynamodb"), environment.table_name

    def door(reader: str, waits_as: str = "", service: str = SAGEMAKER) -> ListedDoor:
        return ListedDoor(
            regions_from(environment, service),
            DynamoDbReadings(dynamodb, table, reader),
            DynamoDbSeenJobs(dynamodb, table, service=waits_as),
        )

    doors = [door(READER)]
    if environment.doors == ALL_DOORS:
        doors += [door(SESSION_READER, SESSIONS), door(NEWER_JOBS_READER, NEWER_JOBS)]
        doors += [door(CUSTOMIZATION_READER, BEDROCK, BEDROCK), door(BATCH_READER, BATCH, BATCH)]
    return Reporter(
        ledger_id=environment.ledger_id,
        records=DynamoDbCurrentRecords(dynamodb, table),
        archive=S3Archive(client("s3"), environment.archive_bucket),
        pending=DynamoDbPendingRecords(dynamodb, table),
        doors=tuple(doors),
        index=DynamoDbRecordIndex(dynamodb, table),
        verify=verifies,
        clock=now,
    )
