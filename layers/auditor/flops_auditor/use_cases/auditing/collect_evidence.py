"""Collect what SageMaker and CloudWatch know about a job, and what they refused to say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flops_auditor.domain.lineage.model_packages import Packages, beginnings, own_packages
from flops_auditor.domain.runs.evidence import Evidence, Unread
from flops_auditor.domain.runs.sources.training_job import TrainingJob, parse_training_job
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.runs.training_time import Span, TrainingTime, training_time
from flops_auditor.use_cases.ports.sources import JobMetrics, MetricRequest, SourceDenied, TrainingJobs

RETENTION = ((60, timedelta(days=15)), (300, timedelta(days=63)), (3600, timedelta(days=455)))
"""Amazon CloudWatch User Guide, metrics retention: period in seconds -> how long it is kept."""
MOST_POINTS = 100_800
"""One GetMetricData call. Beyond it a coarser period is asked for: the mean over whole periods is the same."""

PACKAGE_LEVELS = 2
"""A package that the job names, and the package that this one was made from. What lies further back is a doubt."""
MOST_PACKAGES = 10


@dataclass(frozen=True)
class Sources:
    """Where evidence comes from."""

    jobs: TrainingJobs
    metrics: JobMetrics
    vocabulary: TrainerMetrics


def collect(description: Mapping[str, Any], sources: Sources, now: datetime, gone: Sequence[Unread] = ()) -> Evidence:
    """Ask for tags and metrics of a described job. Refusals become part of the evidence, passing faults are raised.

    `gone` says that SageMaker no longer knows the job: then it has no tags to ask for, but metrics may be left.
    """
    unread = list(gone)
    job = parse_training_job(description)
    tags = None
    try:
        tags = None if gone else sources.jobs.tags(job.arn, job.region)
    except SourceDenied as denied:
        unread.append(denied.unread)
    time = training_time(job, now)
    request = metric_request(job, time, sources.vocabulary, now)
    packages = read_packages(parse_training_job(description, tags), sources.jobs)
    results = None
    if request is not None:
        try:
            results = sources.metrics.read(request)
        except SourceDenied as denied:
            unread.append(denied.unread)
    return Evidence(
        description=description,
        tags=tags,
        metrics=results or (),
        period_seconds=request.period_seconds if request and results is not None else None,
        unread=tuple(unread),
        collected_at=now,
        packages=packages,
    )


def read_packages(job: TrainingJob, jobs: TrainingJobs) -> Packages:
    """Ask for the model packages of this account that the job begins from, and for those that they were made from."""
    found: dict[str, Mapping[str, Any] | Unread] = {}
    for _ in range(PACKAGE_LEVELS):
        named, _notes = beginnings(job, found)
        for arn in own_packages(named, job):
            if arn not in found and len(found) < MOST_PACKAGES:
                try:
                    found[arn] = jobs.model_package(arn, arn.split(":")[3])
                except SourceDenied as denied:
                    found[arn] = denied.unread
    return found


def metric_request(
    job: TrainingJob, time: TrainingTime, vocabulary: TrainerMetrics, now: datetime
) -> MetricRequest | None:
    """What to ask CloudWatch for; None when the job never trained, has no hosts, or is older than any metric."""
    hosts = sum(group.instance_count for group in job.groups)
    recognised = {name: vocabulary.recognise(name) for name in job.metric_names}
    named = sorted(name for name, meaning in recognised.items() if meaning is not None)
    counters = tuple(name for name in named if (meaning := recognised[name]) and meaning.cumulative)
    period = finest_period(time.spans, hosts + len(named), now)
    if period is None or hosts + len(named) == 0:
        return None
    return MetricRequest(job.name, job.region, hosts, tuple(named), counters, time.spans, period)


def finest_period(spans: tuple[Span, ...], series: int, now: datetime) -> int | None:
    """The finest period in seconds that CloudWatch still keeps for the whole job, and that fits MOST_POINTS."""
    if not spans:
        return None
    seconds = (spans[-1].end - spans[0].start).total_seconds()
    kept = [period for period, age in RETENTION if now - spans[0].start < age]
    fitting = [period for period in kept if seconds / period * max(1, series) <= MOST_POINTS]
    return fitting[0] if fitting else (kept[-1] if kept else None)
