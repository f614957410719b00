"""A round of the reconciliation through every door: the jobs of each service are listed and queued by themselves.

What keeps one door shut keeps no other: each has its own reading of each region, and its own jobs that wait.
"""

from collections.abc import Callable, Mapping
from functools import partial

from flops_auditor.domain.runs.evidence import (
    BATCH_JOB,
    CUSTOMIZATION_JOB,
    SAGEMAKER_JOB,
    TRAINING_JOB,
    TRAINING_SESSION,
)
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler, ReconcileReport, reconcile, tell_people
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn

TRAINING_JOBS = "training jobs"
CUSTOMIZATION_JOBS = "model customization jobs"
TRAINING_SESSIONS = "training sessions"
SAGEMAKER_JOBS = "SageMaker jobs"
BATCH_JOBS = "Batch jobs"
SOURCE_OF_DOOR = {
    TRAINING_JOBS: TRAINING_JOB,
    TRAINING_SESSIONS: TRAINING_SESSION,
    SAGEMAKER_JOBS: SAGEMAKER_JOB,
    CUSTOMIZATION_JOBS: CUSTOMIZATION_JOB,
    BATCH_JOBS: BATCH_JOB,
}
"""What goes through each door, in words, and the source that its evidence names."""
EVERY_DOOR = tuple(SOURCE_OF_DOOR)
Doors = Mapping[str, Reconciler]
"""By what goes through them, in words."""
Reports = Mapping[str, ReconcileReport]


def reconcile_doors(doors: Doors, out_of_time: Callable[[], bool], side_by_side: SideBySide = in_turn) -> Reports:
    """One round of each door, `side_by_side`: none waits for another. `tell_people_of` is to follow."""
    reports = side_by_side([partial(reconcile, each, out_of_time) for each in doors.values()])
    return dict(zip(doors, reports, strict=True))


def tell_people_of(reports: Reports, doors: Doors) -> None:
    """Mail what changed, door by door: what is not sent, the next round finds again. Raises what sending raises."""
    for name, report in reports.items():
        tell_people(report, doors[name])


def together(reports: Reports) -> ReconcileReport:
    """What all doors did, with the door before the region that failed, but for the first."""
    whole = ReconcileReport()
    for number, (name, each) in enumerate(reports.items()):
        before = f"{name} in " if number else ""
        whole.listed += each.listed
        whole.finished += each.finished
        whole.queued += each.queued
        whole.overdue += each.overdue
        whole.changes += each.changes
        whole.complete += [before + region for region in each.complete]
        whole.pending += [before + region for region in each.pending]
        whole.failed |= {before + region: reason for region, reason in each.failed.items()}
        whole.closed |= {before + region: reason for region, reason in each.closed.items()}
        whole.unasked |= each.unasked
        whole.unqueued |= each.unqueued
    return whole
