"""Record runs that a cluster's operator tells of: what is known of them was handed in, and nothing can be asked."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import CLUSTER_RUN
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.run import NOT_ENDED
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.cluster_run import CREATED, SLURM, said_run
from flops_auditor.domain.runs.training_time import UNKNOWN_TIME, Span, merge
from flops_auditor.domain.values.arns import account_of, region_of
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import record_the_end
from flops_auditor.use_cases.auditing.collect_evidence import Described, SaidOfModels, amendments_of
from flops_auditor.use_cases.auditing.keep_record import case_behind, newest
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob

_MOST_OF_ONE_JOB = 100
"""Entries of one job that are looked at: there is one, but where a record was lost."""
ClusterOutcome = Literal["recorded", "already recorded", "superseded", "recorded otherwise", "goes on"]
"""What became of a run: that it goes on, so that there is no record yet; `recorded otherwise`: it has a record, and the
file says something else of it now.
"""


ON_RECORD: tuple[ClusterOutcome, ...] = ("recorded", "already recorded", "superseded")
"""The run has a record that says what the file says of it."""


@dataclass(frozen=True)
class HandedIn:
    """The Collector of runs that were handed in, by ARN."""

    cases: Mapping[str, Case]

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a run that is known."""
        return JobPointer(
            service=CLUSTER_RUN,
            event_source="",
            arn=arn,
            name=arn,
            region=region_of(arn),
            account=account_of(arn),
            creation_time=created,
        )

    def describe(self, pointer: JobPointer) -> Described:
        """What was handed in of the run. Raises UnknownTrainingJob."""
        case = self.cases.get(pointer.arn)
        if case is None or case.run.created != pointer.creation_time:
            raise UnknownTrainingJob(f"nothing was handed in of {pointer.arn}")
        run = case.run
        return Described(run.job_id, run.name, run.status, run.state, partial(_collect, case))


def _collect(case: Case, now: datetime, of_models: SaidOfModels) -> Case:
    amendments, refused = amendments_of(of_models, case.run)
    return Case(replace(case.evidence, amendments=amendments, unread=refused), case.run)


def record_cluster_run(case: Case, correction: Amendment | None, recorder: Recorder) -> tuple[ClusterOutcome, str]:
    """Record a run that has ended, once: what became of it, and the id of its record. With a `correction`, which says
    who corrects and why, a record that rests on something else is superseded by what was handed in now. Raises as
    `record_the_end` and `amend` do.
    """
    case = _as_recorded(case, recorder)
    return _record(case, correction, recorder), case.run.job_id


def _as_recorded(case: Case, recorder: Recorder) -> Case:
    """The same run as the job that has a record already. A job of Slurm that is requeued has a time of submission of
    each attempt, and a file may lack some; its number stays.
    """
    run, description = case.run, case.evidence.description
    if description["Orchestrator"] != SLURM:
        return case
    for entry in recorder.index.exactly("output", Location(run.arn), "", _MOST_OF_ONE_JOB):
        if entry.job_arn == run.arn and newest(entry.job_id, recorder) is not None:
            known = {**description, CREATED: entry.created}
            return case if entry.job_id == run.job_id else case_of(replace(case.evidence, description=known))
    return case


def _record(case: Case, correction: Amendment | None, recorder: Recorder) -> ClusterOutcome:
    run, handed_in = case.run, HandedIn({case.run.arn: case})
    if run.state in NOT_ENDED:
        return "goes on" if newest(run.job_id, recorder) is None else "recorded otherwise"
    outcome = record_the_end(handed_in.describe(handed_in.pointer(run.arn, run.created)), recorder)
    kept = newest(run.job_id, recorder)
    if outcome.kind == "recorded" or kept is None:
        return "recorded"
    if _rests_on(case_behind(run.job_id, kept, recorder)) == _rests_on(case):
        return "already recorded"
    if correction is None:
        return "recorded otherwise"
    collectors = {**recorder.collectors, CLUSTER_RUN: handed_in}
    amend(run.job_id, replace(correction, asked_again=True), replace(recorder, collectors=collectors))
    return "superseded"


def _rests_on(case: Case) -> tuple[object, ...]:
    """What is known of the run, in whichever lines or columns a file says so, and whenever that was read."""
    said_by_anybody = replace(case.run.time, basis=UNKNOWN_TIME())
    by_host = defaultdict[str, list[Span]](list)
    for stay in said_run(case.evidence.description).stays:
        by_host[stay.host].append(Span(stay.start, stay.end))
    return replace(case.run, time=said_by_anybody), {host: merge(spans) for host, spans in by_host.items()}
