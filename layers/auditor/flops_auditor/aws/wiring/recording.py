"""The recorder on AWS: the ports of the audit, wired."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from flops_auditor import __version__
from flops_auditor.aws.calls.clients import batch_in, bedrock_in, client, cloudwatch_in, sagemaker_in
from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.aws.sources.batch import DescribedBatchJobs
from flops_auditor.aws.sources.bedrock import BedrockJobs, BedrockModels
from flops_auditor.aws.sources.cloudwatch import CloudWatchMetrics
from flops_auditor.aws.sources.regions import AccountRegions, RememberedRegions
from flops_auditor.aws.sources.s3_objects import S3ObjectAttributes, S3ObjectEntries
from flops_auditor.aws.sources.sagemaker import SageMakerJobs
from flops_auditor.aws.sources.sagemaker_jobs import DescribedSageMakerJobs
from flops_auditor.aws.sources.training_sessions import SageMakerSessions
from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_records import DynamoDbClaims, DynamoDbRecords
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbSeenJobs
from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.stores.sns import SnsAlerts
from flops_auditor.aws.stores.sqs import SqsReassessments, SqsRedelivery
from flops_auditor.aws.wiring.doors import sources_behind
from flops_auditor.aws.wiring.environment import AuditEnvironment, QueueingEnvironment, RecordingEnvironment
from flops_auditor.data import load_tables
from flops_auditor.domain.runs.evidence import (
    BATCH_JOB,
    CUSTOMIZATION_JOB,
    SAGEMAKER_JOB,
    TRAINING_JOB,
    TRAINING_SESSION,
)
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.use_cases.auditing.audit_job import Territory
from flops_auditor.use_cases.auditing.collect_batch_job import BatchJobCollector
from flops_auditor.use_cases.auditing.collect_custom_models import WithCustomModels
from flops_auditor.use_cases.auditing.collect_customization_job import CustomizationJobCollector
from flops_auditor.use_cases.auditing.collect_evidence import Collectors
from flops_auditor.use_cases.auditing.collect_sagemaker_job import sagemaker_job_collector
from flops_auditor.use_cases.auditing.collect_shut_doors import WithShutDoors
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector
from flops_auditor.use_cases.auditing.collect_training_session import training_session_collector
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.ledger import Archive
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
    of_account = AccountRegions(lambda: client("ec2"), environment.regions, environment.excluded_regions)
    regions = RememberedRegions(of_account, now)
    return Territory(environment.account_id, regions, sources_behind(environment.doors))


def redelivery_from(environment: AuditEnvironment) -> SqsRedelivery:
    """What has the audit's own messages delivered again."""
    return SqsRedelivery(client("sqs"), environment.audit_queue_url)


def collectors(vocabulary: TrainerMetrics, compares_artifacts: bool, shut: tuple[str, ...] = ()) -> Collectors:
    """What asks each service about its runs; `shut` are the sources that nobody looks after."""
    objects = S3ObjectAttributes(client("s3")) if compares_artifacts else None
    metrics = CloudWatchMetrics(cloudwatch_in)
    training_jobs = TrainingJobCollector(SageMakerJobs(sagemaker_in), metrics, vocabulary, objects, side_by_side)
    customization_jobs = CustomizationJobCollector(BedrockJobs(bedrock_in), S3ObjectEntries(client("s3")))
    training_sessions = training_session_collector(SageMakerSessions(sagemaker_in))
    asked: Collectors = {
        TRAINING_JOB: training_jobs,
        TRAINING_SESSION: training_sessions,
        SAGEMAKER_JOB: sagemaker_job_collector(DescribedSageMakerJobs(sagemaker_in)),
        CUSTOMIZATION_JOB: customization_jobs,
        BATCH_JOB: BatchJobCollector(DescribedBatchJobs(batch_in)),
    }
    models = BedrockModels(bedrock_in)
    asked = {source: WithCustomModels(collector, models) for source, collector in asked.items()}
    return {source: WithShutDoors(collector, shut) for source, collector in asked.items()} if shut else asked


def signed_by_ledger(archive: Archive, own: Callable[[], bytes], line: bytes) -> bool:
    """Whether a record key of the ledger signed a line, before the first seal the recorder's `own`.

    Raises what the line shows.
    """
    from flops_auditor.use_cases.ledger.log_reader import Signers, signers_of  # noqa: PLC0415 - rarely asked, slow to import
    from flops_auditor.use_cases.ledger.signatures import verifies  # noqa: PLC0415

    signers = signers_of(archive, verifies)
    return (signers or Signers("", (), verifies, (own(),))).recorded(line)


def recorder_from(environment: QueueingEnvironment, shut: tuple[str, ...] = ()) -> Recorder:
    """Everything an audit works with, as the function's environment says; `shut` as `collectors` takes it."""
    return recorder_with(environment, SqsReassessments(client("sqs"), environment.audit_queue_url), shut)


def recorder_with(environment: RecordingEnvironment, queue: Reassessments, shut: tuple[str, ...] = ()) -> Recorder:
    """A recorder on a queue of its own."""
    trusts = environment.trust_statements.strip().lower() == "true"
    tables = replace(load_tables(environment.policies.split(",")), trusts_statements=trusts)
    archive = S3Archive(client("s3"), environment.archive_bucket)
    signer = KmsSigner(client("kms"), environment.record_key_id)
    return Recorder(
        collectors=collectors(tables.metrics, environment.compare_artifacts.strip().lower() == "true", shut),
        tables=tables,
        records=DynamoDbRecords(client("dynamodb"), environment.table_name),
        archive=archive,
        signer=signer,
        alerts=SnsAlerts(client("sns"), environment.alert_topic_arn),
        claims=DynamoDbClaims(client("dynamodb"), environment.table_name),
        clock=now,
        ledger_id=environment.ledger_id,
        code_version=__version__,
        index=DynamoDbLineageIndex(client("dynamodb"), environment.table_name),
        queue=queue,
        ours=lambda line: signed_by_ledger(archive, signer.public_key, line),
        seen=DynamoDbSeenJobs(client("dynamodb"), environment.table_name),
        at_once=side_by_side,
    )
