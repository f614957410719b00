"""The recorder on AWS: the ports of the audit, wired."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from flops_auditor import __version__
from flops_auditor.aws.calls.clients import client, cloudwatch_in, sagemaker_in
from flops_auditor.aws.sources.cloudwatch import CloudWatchMetrics
from flops_auditor.aws.sources.regions import AccountRegions, RememberedRegions
from flops_auditor.aws.sources.s3_objects import S3ObjectAttributes
from flops_auditor.aws.sources.sagemaker import SageMakerJobs
from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_records import DynamoDbClaims, DynamoDbRecords
from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.stores.sns import SnsAlerts
from flops_auditor.aws.stores.sqs import SqsReassessments
from flops_auditor.aws.wiring.environment import AuditEnvironment, QueueingEnvironment, RecordingEnvironment
from flops_auditor.data import load_tables
from flops_auditor.domain.runs.evidence import TRAINING_JOB
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.use_cases.auditing.audit_job import Territory
from flops_auditor.use_cases.auditing.collect_evidence import Collectors
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.queues import Reassessments


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def claims_from(table_name: str) -> DynamoDbClaims:
    """The claims of the table, for leases."""
    return DynamoDbClaims(client("dynamodb"), table_name)


class NoReassessments:
    """The Reassessments port of a function that has nothing assessed again."""

    def send(self, messages: Sequence[Reassessment]) -> None:
        """Refuse, so that nothing is lost silently."""
        if messages:
            raise NotImplementedError("this function may not queue reassessments")


def territory_from(environment: AuditEnvironment) -> Territory:
    """Whose jobs the audit takes."""
    of_account = AccountRegions(client("ec2"), environment.regions, environment.excluded_regions)
    regions = RememberedRegions(of_account, now)
    return Territory(environment.account_id, regions)


def collectors(vocabulary: TrainerMetrics, compares_artifacts: bool) -> Collectors:
    """What asks each service about its runs."""
    objects = S3ObjectAttributes(client("s3")) if compares_artifacts else None
    metrics = CloudWatchMetrics(cloudwatch_in)
    training_jobs = TrainingJobCollector(SageMakerJobs(sagemaker_in), metrics, vocabulary, objects)
    return {TRAINING_JOB: training_jobs}


def recorder_from(environment: QueueingEnvironment) -> Recorder:
    """Everything an audit works with, as the function's environment says."""
    return recorder_with(environment, SqsReassessments(client("sqs"), environment.audit_queue_url))


def recorder_with(environment: RecordingEnvironment, queue: Reassessments) -> Recorder:
    """A recorder on a queue of its own."""
    trusts = environment.trust_statements.strip().lower() == "true"
    tables = replace(load_tables(environment.policies.split(",")), trusts_statements=trusts)
    return Recorder(
        collectors=collectors(tables.metrics, environment.compare_artifacts.strip().lower() == "true"),
        tables=tables,
        records=DynamoDbRecords(client("dynamodb"), environment.table_name),
        archive=S3Archive(client("s3"), environment.archive_bucket),
        signer=KmsSigner(client("kms"), environment.record_key_id),
        alerts=SnsAlerts(client("sns"), environment.alert_topic_arn),
        claims=DynamoDbClaims(client("dynamodb"), environment.table_name),
        clock=now,
        ledger_id=environment.ledger_id,
        code_version=__version__,
        index=DynamoDbLineageIndex(client("dynamodb"), environment.table_name),
        queue=queue,
    )
