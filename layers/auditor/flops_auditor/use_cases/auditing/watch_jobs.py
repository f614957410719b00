"""Watch the training jobs in progress in every region: warn people in time, each level once; stop a job if asked to.

A level is noted after its warning was sent: it is sent again only if the function dies between the two. A metric that
wobbles around a level warns once, since a noted level stays noted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from flops_auditor.data import titles
from flops_auditor.domain.audit.audit import audit
from flops_auditor.domain.audit.forecast import (
    CROSSED,
    IMMINENT,
    PROJECTED,
    UNBOUNDED,
    RunForecast,
    levels_reached,
    look,
)
from flops_auditor.domain.audit.record import lineage_part, result
from flops_auditor.domain.law.due_dates import is_systemic, notification_due
from flops_auditor.domain.lineage.kept_ancestors import pack
from flops_auditor.domain.messages.early_warning import percent, warn
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.training_job import TrainingJob, parse_training_job
from flops_auditor.domain.runs.training_time import training_time
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.collect_evidence import collect
from flops_auditor.use_cases.auditing.find_lineage import find_lineage
from flops_auditor.use_cases.auditing.keep_record import CROSSING_SYSTEMIC, content_of, finish, first_record
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.sources import (
    JobListing,
    JobStopper,
    ListedJob,
    Regions,
    SourceDenied,
    SourceUnavailable,
    UnknownTrainingJob,
)

RUNNING = "InProgress"
INTERVAL = timedelta(minutes=15)
"""Between two looks. A job that would cross before the look after the next one is stopped now."""
LONGEST = timedelta(days=60)
"""From a job's creation to its end: 28 days of waiting and 28 of running (API Reference, StoppingCondition)."""


@dataclass(frozen=True)
class Watcher:
    """What watching works with. `stopper` is None unless StopOnCrossing is on; `fractions` are the warning levels."""

    recorder: Recorder
    listing: JobListing
    regions: Regions
    fractions: Sequence[Fraction]
    stopper: JobStopper | None = None


@dataclass(frozen=True)
class Look:
    """One running job as it was seen, with the evidence."""

    job: TrainingJob
    evidence: Evidence
    seen: RunForecast
    parents: tuple[str, ...]


@dataclass
class Watched:
    """What one round did. `failures` name what could not be watched, with the reason."""

    jobs: int = 0
    warnings: int = 0
    stopped: int = 0
    failures: tuple[str, ...] = ()


def watch_jobs(watcher: Watcher) -> Watched:
    """Watch every running job. One that fails does not keep the others from being watched."""
    done = Watched()
    for listed in running_jobs(watcher.listing, watcher.regions, watcher.recorder.clock(), done):
        try:
            looked = look_at(listed, watcher.recorder)
            if looked is not None:
                done.jobs += 1
                done.warnings += warn_people(looked, watcher)
                done.stopped += stop_if_due(looked, watcher)
        except Exception as error:  # whatever is wrong with one job, the others are watched
            done.failures += (f"{listed.arn}: {type(error).__name__}: {str(error)[:300]}",)
    return done


def running_jobs(listing: JobListing, regions: Regions, now: datetime, done: Watched) -> Iterator[ListedJob]:
    """The jobs in progress of every enabled region; a region that refuses or does not answer is noted.

    ListTrainingJobs filters by status page by page, so without a first day it would walk through the whole history.
    """
    for region in regions.enabled():
        try:
            yield from listing.list(region, status=RUNNING, created_after=now - LONGEST)
        except (SourceDenied, SourceUnavailable) as failure:
            done.failures += (f"{region}: {failure}",)


def look_at(listed: ListedJob, recorder: Recorder) -> Look | None:
    """See one running job now; None when it has ended or gone meanwhile, which is the audit's to record."""
    now = recorder.clock()
    try:
        description = recorder.sources.jobs.describe(listed.name, listed.region)
    except UnknownTrainingJob:
        return None
    if parse_training_job(description).training_job_status != RUNNING:
        return None
    evidence = collect(description, recorder.sources, now)
    job = parse_training_job(description, evidence.tags)
    found = find_lineage(job, evidence.packages, recorder.records, recorder.index, recorder.archive)
    audited = audit(evidence, recorder.tables, found.lineage)
    return Look(job, evidence, look(audited, training_time(job, now), evidence.tags is not None), found.lineage.parents)


def warn_people(looked: Look, watcher: Watcher) -> int:
    """Send the warnings that are due, each level once per job; the number of them."""
    recorder, now = watcher.recorder, watcher.recorder.clock()
    due = [level for level in levels_of(looked.seen, watcher.fractions) if not _known(looked, level, recorder)]
    fractions = [level for level in due if level not in {PROJECTED, CROSSED, UNBOUNDED}]
    told = [*fractions[-1:], *(level for level in due if level not in fractions)]
    for level in fractions[:-1]:  # before the highest is sent, or a retry would send them after it
        recorder.records.note_alert(looked.job.job_id, _note(level), now)
    for level in told:
        content = content_of_look(looked, recorder, now)
        recorder.alerts.send(warn(looked.seen, level, content, now, titles()))
        recorder.records.note_alert(looked.job.job_id, _note(level), now)
    return len(told)


def levels_of(seen: RunForecast, fractions: Sequence[Fraction]) -> list[str]:
    """Every level that the job has reached: fractions of a threshold, lowest first, then the named ones."""
    levels = [_name(fraction) for fraction in levels_reached(seen.outlooks, fractions)]
    if any(o.crossed for o in seen.outlooks):
        levels.append(CROSSED)
    elif seen.projected:
        levels.append(PROJECTED)
    if seen.audited.estimate.upper_flop is None and seen.audited.job.serverless is None:
        levels.append(UNBOUNDED)
    return levels


def _name(fraction: Fraction) -> str:
    return f"{float(fraction):.6g}"


def _note(level: str) -> str:
    return f"WATCH#{level}"


def _known(looked: Look, level: str, recorder: Recorder) -> bool:
    """Whether people were warned of this level, by this job or by one that it continues directly.

    A level of a parent is noted for the job itself, so its own children need not look further.
    """
    if recorder.records.alert_sent(looked.job.job_id, _note(level)):
        return True
    if level in {PROJECTED, UNBOUNDED}:
        return False
    if any(recorder.records.alert_sent(parent, _note(level)) for parent in looked.parents):
        recorder.records.note_alert(looked.job.job_id, _note(level), recorder.clock())
        return True
    return False


def content_of_look(looked: Look, recorder: Recorder, now: datetime) -> dict[str, Any]:
    """The fields of a record, for a job that has none yet. Notes when it became known that a systemic line is met."""
    audited = looked.seen.audited
    packed = pack(looked.job.job_id, audited.lineage)
    content = {**result(audited, packed), "lineage": lineage_part(audited, packed)}
    over = [
        {"scenario": o.assessment.scenario, "verdict": "above"}
        for o in looked.seen.outlooks
        if o.crossed or (o.projected_best_share is not None and o.projected_best_share > 1)
    ]
    known_at = now
    if any(is_systemic(assessment, content["original"]) for assessment in over):
        recorder.records.note(looked.job.job_id, CROSSING_SYSTEMIC, now)
        known_at = recorder.records.noted(looked.job.job_id, CROSSING_SYSTEMIC) or now
    due = notification_due({"assessments": over, "original": content["original"]}, known_at)
    return {**content, "notification_due": due, "revision": None, "ledger_id": recorder.ledger_id}


def stop_if_due(looked: Look, watcher: Watcher) -> int:
    """Stop a job whose best estimate would cross before the look after next: record, stop, tell. 1 if it was stopped.

    A record of the request is signed first, so there is no stop without a record.
    """
    first = looked.seen.about_to_cross(2 * INTERVAL)
    if watcher.stopper is None or first is None:
        return 0
    recorder, job = watcher.recorder, looked.job
    now = recorder.clock()
    if looked.seen.never_stop:
        if not recorder.records.alert_sent(job.job_id, _note(IMMINENT)):
            recorder.alerts.send(warn(looked.seen, IMMINENT, content_of_look(looked, recorder, now), now, titles()))
            recorder.records.note_alert(job.job_id, _note(IMMINENT), now)
        return 0
    stored = recorder.records.latest(job.job_id)
    if stored is None or content_of(stored)["action"] is None:
        a = first.assessment
        share = percent(first.best_share)
        reason = f"its best estimate was {share} of the threshold of {a.policy}, {a.scenario}"
        action = {"kind": "stop", "requested_at": iso(now), "reason": reason}
        first_record(job.job_id, looked.evidence.to_bytes(), recorder, stored, action)
        stored = recorder.records.latest(job.job_id)
    watcher.stopper.stop(job.name, job.region)
    if stored is not None:
        finish(job.job_id, stored, recorder)
    return 1
