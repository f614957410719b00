"""Collect what SageMaker knows about a job of the newer kinds; its tags stand in its description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, Evidence, Unread, plain
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.sources.sagemaker_job import run_of
from flops_auditor.domain.runs.sources.sagemaker_job_answer import (
    DESCRIBE_SAGEMAKER_JOB,
    SageMakerJob,
    parse_sagemaker_job,
)
from flops_auditor.domain.runs.sources.sagemaker_job_events import last_word, pointer_to
from flops_auditor.use_cases.auditing.collect_evidence import Described, SaidOfModels, amendments_of, check_identity
from flops_auditor.use_cases.ports.sources import DescribedJobs, UnknownTrainingJob


@dataclass(frozen=True)
class SageMakerJobCollector:
    """The Collector of SageMaker's jobs of the newer kinds."""

    jobs: DescribedJobs

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a job that is known."""
        return pointer_to(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What SageMaker says of the job, or, when it was deleted, what was seen of it, with that doubt."""
        try:
            answer = plain(self.jobs.describe(pointer.arn))
            job = parse_sagemaker_job(answer)
            check_identity(pointer, job.job_arn, job.creation_time, "one")
            return _described(answer, job)
        except UnknownTrainingJob as unknown:
            if not pointer.known_to_exist:
                raise
            doubt = f"SageMaker no longer knows the job, what {pointer.source} said is all there is: {unknown}"
            return _described(*last_word(pointer), Unread(DESCRIBE_SAGEMAKER_JOB, unknown.name, doubt[:400]))


def _described(answer: Mapping[str, Any], job: SageMakerJob, *gone: Unread) -> Described:
    run = run_of(job)
    ask = partial(_collect, answer, gone)
    return Described(run.job_id, run.name, run.status, run.state, ask, bool(gone))


def _collect(answer: Mapping[str, Any], gone: Sequence[Unread], now: datetime, of_models: SaidOfModels) -> Case:
    """The case of a job. Its tags are kept apart from its description, as those of other services are."""
    description = {name: value for name, value in answer.items() if name != "Tags"}
    tags = None if gone else answer.get("Tags") or []
    evidence = Evidence(description, tags, collected_at=now, source=SAGEMAKER_JOB)
    run = run_of(parse_sagemaker_job(answer, tags))
    amendments, refused = amendments_of(of_models, run)
    evidence = replace(evidence, unread=(*gone, *refused), amendments=amendments)
    return Case(evidence, run)
