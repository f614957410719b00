"""The report on AWS: its ports, wired."""

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.sources.regions import AccountRegions
from flops_auditor.aws.stores.dynamodb_current import DynamoDbCurrentRecords
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_reading import DynamoDbReadings
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbSeenJobs
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.wiring.environment import ReportEnvironment
from flops_auditor.aws.wiring.reconciling import READER
from flops_auditor.aws.wiring.recording import now
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.operations.report_ledger import Reporter


def reporter_from(environment: ReportEnvironment) -> Reporter:
    """Everything that a report is made from, as the function's environment says."""
    dynamodb, table = client("dynamodb"), environment.table_name
    return Reporter(
        ledger_id=environment.ledger_id,
        records=DynamoDbCurrentRecords(dynamodb, table),
        archive=S3Archive(client("s3"), environment.archive_bucket),
        pending=DynamoDbPendingRecords(dynamodb, table),
        regions=AccountRegions(client("ec2"), environment.regions, environment.excluded_regions),
        readings=DynamoDbReadings(dynamodb, table, READER),
        seen=DynamoDbSeenJobs(dynamodb, table),
        verify=verifies,
        clock=now,
    )
