"""The sealer on AWS: the ports of sealing, wired."""

from datetime import UTC, datetime

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.aws.stores.dynamodb_mailed import DynamoDbMailedDays
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.stores.sns import SnsMailbox
from flops_auditor.aws.wiring.environment import SealEnvironment
from flops_auditor.use_cases.ledger.seal_log import Sealer
from flops_auditor.use_cases.ledger.signatures import verifies


def sealer_from(environment: SealEnvironment) -> Sealer:
    """Everything sealing works with, as the function's environment says."""
    kms = client("kms")
    return Sealer(
        archive=S3Archive(client("s3"), environment.archive_bucket),
        pending=DynamoDbPendingRecords(client("dynamodb"), environment.table_name),
        signer=KmsSigner(kms, environment.checkpoint_key_id),
        record_spki=KmsSigner(kms, environment.record_key_id).public_key(),
        mailbox=SnsMailbox(client("sns"), environment.checkpoint_topic_arn),
        mailed=DynamoDbMailedDays(client("dynamodb"), environment.table_name),
        clock=lambda: datetime.now(UTC),
        verify=verifies,
        ledger_id=environment.ledger_id,
        at_once=side_by_side,
    )
