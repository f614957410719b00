"""Collect what AWS Batch knows about a job, and about the compute environments that it may have run in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import BATCH_JOB, Evidence, Unread, plain
from flops_auditor.domain.runs.pointer import JobPointer, PassedOver
from flops_auditor.domain.runs.sources.batch_job import NO_ACCELERATORS, passed_over, run_of
from flops_auditor.domain.runs.sources.batch_job_answer import DESCRIBE_BATCH_JOBS, BatchJob, parse_batch_job
from flops_auditor.domain.runs.sources.batch_job_events import last_word, pointer_to
from flops_auditor.domain.runs.sources.batch_job_hosts import Environments, has_no_accelerators
from flops_auditor.use_cases.auditing.collect_evidence import Described, SaidOfModels, amendments_of, check_identity
from flops_auditor.use_cases.ports.sources import BatchJobs, UnknownTrainingJob


@dataclass(frozen=True)
class BatchJobCollector:
    """The Collector of AWS Batch's jobs. `describe` raises PassedOver where a job is no run."""

    jobs: BatchJobs

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a job that is known."""
        return pointer_to(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What AWS Batch says of the job, or, where it has forgotten it, what its event said, with that doubt."""
        try:
            answer = plain(self.jobs.describe(pointer.arn))
        except UnknownTrainingJob as unknown:
            if not pointer.known_to_exist:
                raise
            seen = f"AWS Batch no longer knows the job, what {pointer.source} said is all there is: {unknown}"
            return self._described(*last_word(pointer), Unread(DESCRIBE_BATCH_JOBS, unknown.name, seen[:400]))
        job = parse_batch_job(answer)
        check_identity(pointer, job.job_arn, job.created_at, "one")
        return self._described(answer, job)

    def _described(self, answer: Mapping[str, Any], job: BatchJob, *gone: Unread) -> Described:
        if reason := passed_over(job):
            raise PassedOver(f"{job.job_arn}: {reason}")
        environments = _plain_of(self.jobs.environments(job.job_queue)) if job.job_queue else {}
        if has_no_accelerators(job, environments):
            raise PassedOver(f"{job.job_arn}: {NO_ACCELERATORS}, and its hosts have none")
        run = run_of(job, Evidence(answer, objects=environments))
        ask = partial(self._collect, answer, environments, gone)
        return Described(run.job_id, run.name, run.status, run.state, ask, bool(gone))

    def _collect(
        self,
        answer: Mapping[str, Any],
        environments: Environments,
        gone: Sequence[Unread],
        now: datetime,
        of_models: SaidOfModels,
    ) -> Case:
        """The case of a run. Its tags are kept apart from its description, as those of other services are."""
        description = {name: value for name, value in answer.items() if name != "tags"}
        within = answer.get("tags") or {}
        tags = None if gone else [{"Key": key, "Value": value} for key, value in within.items()]
        evidence = Evidence(description, tags, collected_at=now, source=BATCH_JOB, objects=environments)
        run = run_of(parse_batch_job(description, tags), evidence)
        amendments, refused = amendments_of(of_models, run)
        return Case(replace(evidence, unread=(*gone, *refused), amendments=amendments), run)


def _plain_of(environments: Environments) -> Environments:
    """The answers as evidence keeps them."""
    return {arn: each if isinstance(each, Unread) else plain(each) for arn, each in environments.items()}
