"""Collect what Bedrock knows about a model customization job, how large its data is, and what was refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, Evidence, Unread, plain
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.sources.customization_job import run_of
from flops_auditor.domain.runs.sources.customization_job_answer import CustomizationJob, parse_customization_job
from flops_auditor.domain.runs.sources.customization_job_data import LIST_OBJECTS, NOT_THERE, data_place
from flops_auditor.domain.runs.sources.customization_job_events import pointer_to
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.collect_evidence import Described, SaidOfModels, amendments_of
from flops_auditor.use_cases.ports.sources import CustomizationJobs, ObjectEntries, SourceDenied, UnknownTrainingJob


@dataclass(frozen=True)
class CustomizationJobCollector:
    """The Collector of Bedrock's model customization jobs."""

    jobs: CustomizationJobs
    objects: ObjectEntries

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a customization job that is known."""
        return pointer_to(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What Bedrock says of the job. It deletes none, so one that it does not know never was."""
        answer = plain(self.jobs.describe(pointer.name, pointer.region))
        job = parse_customization_job(answer)
        if job.job_arn != pointer.arn:
            raise UnknownTrainingJob(f"asked for {pointer.arn}, Bedrock described {job.job_arn}")
        created = pointer.creation_time
        if created and abs(created - job.creation_time) >= timedelta(seconds=1):
            raise UnknownTrainingJob(f"{pointer.arn} created {iso(created)} was created {iso(job.creation_time)}")
        run = run_of(job, _evidence(answer))
        return Described(run.job_id, run.name, run.status, run.state, partial(self._collect, answer, job))

    def _collect(
        self, answer: Mapping[str, Any], job: CustomizationJob, now: datetime, of_models: SaidOfModels
    ) -> Case:
        """Ask for tags and for the size of the data. Refusals become evidence, passing faults are raised."""
        unread: list[Unread] = []
        tags = None
        try:
            tags = plain(self.jobs.tags(job.job_arn, job.region))
        except SourceDenied as denied:
            unread.append(denied.unread)
        evidence = replace(_evidence(answer), tags=tags, collected_at=now, objects=self._sizes(job))
        job = parse_customization_job(answer, tags)
        amendments, refused = amendments_of(of_models, run_of(job, evidence))
        evidence = replace(evidence, unread=(*unread, *refused), amendments=amendments)
        return Case(evidence, run_of(job, evidence))

    def _sizes(self, job: CustomizationJob) -> dict[str, Mapping[str, Any] | Unread]:
        """What S3 lists of the job's data; nothing where its size would bound nothing."""
        place = data_place(job)
        if place is None:
            return {}
        try:
            entry = self.objects.entry(place.space.removeprefix("s3://"), "/".join(place.path))
        except SourceDenied as denied:
            return {str(place): denied.unread}
        return {str(place): Unread(LIST_OBJECTS, NOT_THERE) if entry is None else plain(entry)}


def _evidence(answer: Mapping[str, Any]) -> Evidence:
    return Evidence(answer, source=CUSTOMIZATION_JOB)
