"""Training jobs and their metrics as SageMaker and CloudWatch would answer for them: no HTTP, no moto here.

A loaded job answers DescribeTrainingJob with exactly what was loaded. Its metrics answer GetMetricData the way
CloudWatch does: per `Host`, averaged over the period asked for, at the resolution CloudWatch still keeps for that age.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

TRAINING_JOBS_NAMESPACE = "/aws/sagemaker/TrainingJobs"
# (age in seconds, the finest period kept beyond it): CloudWatch user guide, "Metrics retention".
RETENTION = ((15 * 86400, 300), (63 * 86400, 3600), (455 * 86400, None))


class MetricLabelError(ValueError):
    """A metric label does not read `<metric> <host>`, as in `GPUUtilization algo-1`."""


@dataclass
class LoadedJob:
    """One training job: the answer of DescribeTrainingJob, its tags and its metric series by (metric, host)."""

    describe_answer: dict[str, Any]
    tags: list[dict[str, str]] = field(default_factory=list)
    series: dict[tuple[str, str], EmittedSeries] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """TrainingJobName."""
        return str(self.describe_answer["TrainingJobName"])

    @property
    def arn(self) -> str:
        """TrainingJobArn."""
        return str(self.describe_answer["TrainingJobArn"])

    @property
    def region(self) -> str:
        """The region in the job's ARN."""
        return self.arn.split(":")[3]

    def time(self, name: str) -> datetime | None:
        """A timestamp of the answer, or None where the answer has none."""
        value = self.describe_answer.get(name)
        return value if isinstance(value, datetime) else None


@dataclass(frozen=True)
class EmittedSeries:
    """One metric of a host, or one the job emitted: epoch seconds in ascending order, and a value for each."""

    times: Sequence[float]
    values: Sequence[float]

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> EmittedSeries:
        """From points in any order."""
        ordered = sorted(points)
        return cls([time for time, _ in ordered], [value for _, value in ordered])

    def statistic(self, stat: str, window: tuple[float, float], period: int, now: float) -> list[tuple[int, float]]:
        """(period's begin, Average, Maximum, Minimum or SampleCount) for each period that CloudWatch still keeps."""
        start, end = window
        buckets: dict[int, list[float]] = {}
        for index in range(bisect_left(self.times, start), bisect_left(self.times, end)):
            if kept(now - self.times[index], period):
                buckets.setdefault(int(self.times[index] // period) * period, []).append(self.values[index])
        statistics: dict[str, Callable[[Sequence[float]], float]]
        statistics = {"Maximum": max, "Minimum": min, "SampleCount": len}
        of = statistics.get(stat, fmean)
        return [(begin, float(of(values))) for begin, values in sorted(buckets.items())]


def kept(age: float, period: int) -> bool:
    """Whether CloudWatch still answers for a point of this age (seconds) at this period (seconds)."""
    finest: int | None = 1
    for limit, period_beyond in RETENTION:
        if age > limit:
            finest = period_beyond
    return finest is not None and period >= finest


def series_of(metrics: Mapping[str, Any], job_name: str) -> dict[tuple[str, str], EmittedSeries]:
    """The series in an answer of GetMetricData whose labels read `GPUUtilization algo-1`, or `mfu` for an emitted one.

    The place in the result is CloudWatch's: the host `<job>/algo-1`, or the job's name.
    """
    by_series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for result in metrics.get("MetricDataResults", []):
        metric, _, host = str(result["Label"]).partition(" ")
        if not metric:
            raise MetricLabelError(f"metric label {result['Label']!r} is not '<metric> <host>' or '<metric>'")
        place = host if "/" in host else f"{job_name}/{host}" if host else job_name
        points = by_series.setdefault((metric, place), [])
        for time, value in zip(result["Timestamps"], result["Values"], strict=True):
            points.append((as_datetime(time).timestamp(), float(value)))
    return {key: EmittedSeries.of(points) for key, points in by_series.items()}


def as_datetime(value: datetime | str | float) -> datetime:
    """A moment as AWS's answers write it: a datetime, ISO 8601 text, or epoch seconds (UTC where no zone is said)."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(value), UTC)


@dataclass
class LocalTrainingJobs:
    """All loaded jobs, by region and name; a job loaded again under its name replaces the earlier one."""

    jobs: dict[tuple[str, str], LoadedJob] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, job: LoadedJob) -> None:
        """Add or replace a job."""
        with self.lock:
            self.jobs[(job.region, job.name)] = job

    def remove(self, region: str, name: str) -> bool:
        """Delete a job, as DeleteTrainingJob does; False where there is none."""
        with self.lock:
            return self.jobs.pop((region, name), None) is not None

    def get(self, region: str, name: str) -> LoadedJob | None:
        """The job of this name in this region."""
        return self.jobs.get((region, name))

    def by_arn(self, arn: str) -> LoadedJob | None:
        """The job with this ARN."""
        return next((job for job in list(self.jobs.values()) if job.arn == arn), None)

    def in_region(self, region: str) -> list[LoadedJob]:
        """Every job of a region, newest first, as ListTrainingJobs sorts by default."""
        jobs = [job for (job_region, _), job in list(self.jobs.items()) if job_region == region]
        return sorted(jobs, key=lambda job: job.time("CreationTime") or datetime.min.replace(tzinfo=UTC), reverse=True)

    def series(self, metric: str, place: str) -> EmittedSeries:
        """The series of one host (`<job>/algo-1`) or one job; empty where nobody loaded it."""
        name = place.split("/", 1)[0]
        for (_, job_name), job in list(self.jobs.items()):
            if job_name == name and (metric, place) in job.series:
                return job.series[(metric, place)]
        return EmittedSeries((), ())
