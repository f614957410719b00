"""Collect what SageMaker knows about a job of the newer kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB
from flops_auditor.domain.runs.sources.sagemaker_job import run_of
from flops_auditor.domain.runs.sources.sagemaker_job_answer import (
    DESCRIBE_SAGEMAKER_JOB,
    SageMakerJob,
    parse_sagemaker_job,
)
from flops_auditor.domain.runs.sources.sagemaker_job_events import last_word, pointer_to
from flops_auditor.use_cases.auditing.collect_self_described import SelfDescribed, SelfDescribedCollector
from flops_auditor.use_cases.ports.sources import DescribedJobs


def _tags_apart(answer: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[Mapping[str, str]]]:
    return {name: value for name, value in answer.items() if name != "Tags"}, answer.get("Tags") or []


_JOBS = SelfDescribed(
    source=SAGEMAKER_JOB,
    operation=DESCRIBE_SAGEMAKER_JOB,
    called="job",
    parse=parse_sagemaker_job,
    run_of=run_of,
    tags_apart=_tags_apart,
    pointer_to=pointer_to,
    last_word=last_word,
)


def sagemaker_job_collector(jobs: DescribedJobs) -> SelfDescribedCollector[SageMakerJob]:
    """The Collector of SageMaker's jobs of the newer kinds."""
    return SelfDescribedCollector(_JOBS, lambda pointer: jobs.describe(pointer.arn))
