"""The evidence of one job as SageMaker and CloudWatch answer now, read-only."""

from datetime import UTC, datetime

from flops_auditor.aws.calls.clients import client, cloudwatch_in, sagemaker_in
from flops_auditor.aws.sources.cloudwatch import CloudWatchMetrics
from flops_auditor.aws.sources.sagemaker import SageMakerJobs
from flops_auditor.data import trainer_metrics
from flops_auditor.domain.runs.evidence import Evidence, plain
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector, collect


def live_evidence(name: str) -> Evidence:
    """The evidence of a job in the region that the process talks to. Raises UnknownTrainingJob, SourceDenied."""
    jobs = SageMakerJobs(sagemaker_in)
    sources = TrainingJobCollector(jobs, CloudWatchMetrics(cloudwatch_in), trainer_metrics())
    answer = plain(jobs.describe(name, client("sagemaker").meta.region_name))
    return collect(answer, parse_training_job(answer), sources, datetime.now(UTC)).evidence
