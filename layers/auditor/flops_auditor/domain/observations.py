"""What the metrics of a job say: occupancy of its accelerators per host, and what the training code emitted.

Occupancy (CloudWatch `GPUUtilization`, 100 per accelerator of a host) is the share of time in which some kernel ran.
It bounds utilisation from above and is no measure of it (docs/methodology.md).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from flops_auditor.domain.amounts import exact
from flops_auditor.domain.evidence import Evidence
from flops_auditor.domain.job import TrainingJob, read_time
from flops_auditor.domain.trainer_metrics import Meaning, TrainerMetrics
from flops_auditor.domain.training_time import Span, TrainingTime, seconds_between

OCCUPANCY_METRIC = "GPUUtilization"
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_HOST = re.compile(r"(?:.*/)?(algo-\d+)")


@dataclass(frozen=True)
class Point:
    """One value of a series; `start` is None when the series came without times."""

    start: datetime | None
    value: Fraction


@dataclass(frozen=True)
class Emitted:
    """A quantity that the training code emitted, with the name it was emitted under."""

    value: Fraction
    name: str


@dataclass(frozen=True)
class Busy:
    """Mean busy accelerators of one host over the `coverage` (0..1) of the training time that has values."""

    mean: Fraction
    coverage: Fraction = Fraction(1)


@dataclass(frozen=True)
class Observations:
    """Metrics, read. `busy` maps host -> busy accelerators of that host (GPUUtilization / 100).

    `emitted` maps quantity (see data/trainer_metrics.json) -> value; `notes` say what was left aside and why.
    """

    busy: Mapping[str, Busy]
    emitted: Mapping[str, Emitted]
    notes: tuple[str, ...] = ()


def observe(evidence: Evidence, job: TrainingJob, time: TrainingTime, vocabulary: TrainerMetrics) -> Observations:
    """Read the metrics in the evidence, weighted over the Training spans. Never raises: oddities become notes."""
    notes: list[str] = []
    busy: dict[str, Busy] = {}
    series: dict[str, list[Point]] = {}
    for result in evidence.metrics:
        label = str(result.get("Label", "")) if isinstance(result, Mapping) else ""
        metric, _, place = label.partition(" ")
        points = _points(result, notes)
        if metric == OCCUPANCY_METRIC and points:
            host = _HOST.fullmatch(place.strip())
            mean = weighted_mean(points, time.spans, evidence.period_seconds)
            if host is None or mean is None:
                notes.append(f"{label[:80]!r} is left aside: " + ("no host" if host is None else "outside training"))
            else:
                busy[host[1]] = Busy(mean[0] / 100, mean[1])
        elif points:
            series.setdefault(metric, []).extend(points)
    emitted: dict[str, Emitted] = {}
    for name, points in sorted(series.items()):
        meaning = vocabulary.recognise(name)
        if meaning and meaning.quantity not in emitted:
            _add(emitted, name, meaning, _from_series(name, meaning, points, time, evidence.period_seconds, notes))
    for final in job.final_metric_data_list:
        meaning = vocabulary.recognise(final.metric_name)
        if meaning and meaning.quantity not in emitted:
            _add(emitted, final.metric_name, meaning, _from_last(final.metric_name, final.value, meaning, time, notes))
    return Observations(busy, emitted, tuple(notes))


def _add(emitted: dict[str, Emitted], name: str, meaning: Meaning, value: Fraction | None) -> None:
    if value is not None:
        emitted[meaning.quantity] = Emitted(value * meaning.scale, name)


def _points(result: object, notes: list[str]) -> list[Point]:
    if not isinstance(result, Mapping):
        notes.append("a metric result is not an object and is left aside")
        return []
    values, times = result.get("Values") or [], result.get("Timestamps") or []
    label = str(result.get("Label", ""))[:80]
    points = []
    for index, value in enumerate(values if isinstance(values, Sequence) else []):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            notes.append(f"a value of {label!r} is {str(value)[:20]!r} and is left aside")
            continue
        try:
            start = read_time(times[index]) if index < len(times) else None
        except (ValueError, OverflowError, TypeError):
            start = None
        points.append(Point(start, exact(value)))
    return points


def weighted_mean(
    points: list[Point], spans: tuple[Span, ...], period_seconds: int | None
) -> tuple[Fraction, Fraction] | None:
    """Mean of a series over the Training spans, each point weighted by its overlap with them, and the coverage.

    Points without times, or a job without known spans, are averaged plainly. Coverage is the share of the spans that
    has values; it is taken as 1 when the period is not known. Returns None when no point falls into the spans.
    """
    timed = [(point.start, point.value) for point in points if point.start is not None]
    if not spans or len(timed) < len(points):
        return sum((p.value for p in points), Fraction(0)) / len(points), Fraction(1)
    step = timedelta(seconds=period_seconds or _spacing([start for start, _ in timed]))
    weights = [(sum((_overlap(start, start + step, s) for s in spans), Fraction(0)), value) for start, value in timed]
    covered = sum((weight for weight, _ in weights), Fraction(0))
    if covered == 0:
        return None
    mean = sum((weight * value for weight, value in weights), Fraction(0)) / covered
    if period_seconds is None:
        return mean, Fraction(1)
    return mean, min(Fraction(1), covered / sum((s.seconds for s in spans), Fraction(0)))


def _spacing(starts: list[datetime]) -> float:
    ordered = sorted(starts)
    steps = [(b - a).total_seconds() for a, b in pairwise(ordered) if b > a]
    return min(steps, default=60.0)


def _overlap(start: datetime, end: datetime, span: Span) -> Fraction:
    low, high = max(start, span.start), min(end, span.end)
    return seconds_between(low, high) if low < high else Fraction(0)


def _from_series(
    name: str, meaning: Meaning, points: list[Point], time: TrainingTime, period: int | None, notes: list[str]
) -> Fraction | None:
    if not meaning.cumulative:
        mean = weighted_mean(points, time.spans, period)
        if mean is None:
            notes.append(f"metric {name!r} has no value during training and is left aside")
            return None
        return mean[0]
    ordered = [p.value for p in sorted(points, key=lambda p: (p.start is not None, p.start or _BEFORE_ALL))]
    resets = sum(later < earlier for earlier, later in pairwise(ordered))
    if resets >= max(1, len(time.spans)):
        notes.append(
            f"contradictory evidence: counter {name!r} goes backwards {resets} times, "
            f"but training was interrupted {max(0, len(time.spans) - 1)} times; it is left aside"
        )
        return None
    if resets:
        notes.append(f"counter {name!r} restarts {resets} times after interruptions: summed over its resets")
    return counter_increase(ordered)


def counter_increase(values: list[Fraction]) -> Fraction:
    """The total increase of a counter that starts at zero and may restart from zero: a fall begins a new count."""
    total = previous = Fraction(0)
    for value in values:
        total += value - previous if value >= previous else value
        previous = value
    return total


def _from_last(name: str, value: float, meaning: Meaning, time: TrainingTime, notes: list[str]) -> Fraction | None:
    if not math.isfinite(value) or value < 0:
        notes.append(f"the last value of {name!r} is {value} and is left aside")
        return None
    if meaning.cumulative and len(time.spans) > 1:
        notes.append(
            f"only the last value of counter {name!r} is known and the job was restarted {len(time.spans) - 1} times: "
            "it may count from the last restart alone and is left aside"
        )
        return None
    return exact(value)


def metric_results(answers: Any) -> Sequence[Mapping[str, Any]]:
    """MetricDataResults of a GetMetricData answer, or of a list of such answers (one per page)."""
    pages = answers if isinstance(answers, list) else [answers]
    results: list[Mapping[str, Any]] = []
    for page in pages:
        found = page.get("MetricDataResults") if isinstance(page, Mapping) else None
        if not isinstance(found, list):
            raise ValueError("no MetricDataResults list: pass the answer of `aws cloudwatch get-metric-data`")
        results.extend(found)
    return results
