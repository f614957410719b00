"""What the metrics of a job say: occupancy of its accelerators per host, and what the training code emitted.

Occupancy (CloudWatch `GPUUtilization`, 100 per accelerator of a host) is the share of time in which some kernel ran.
It bounds utilisation from above and is no measure of it (docs/methodology.md).
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.training_job import TrainingJob
from flops_auditor.domain.runs.trainer_metrics import Meaning, TrainerMetrics
from flops_auditor.domain.runs.training_time import Span, TrainingTime
from flops_auditor.domain.values.amounts import LARGEST_AMOUNT, exact
from flops_auditor.domain.values.moments import read_time

OCCUPANCY_METRIC = "GPUUtilization"
AGREEMENT = Fraction(13, 10)
"""Two readings of one quantity that differ by more than the error margin of Annex A.2 contradict each other."""
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_HOST = re.compile(r"(?:.*/)?(algo-[1-9]\d*)")
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Point:
    """One value of a series; `start` is None when the series came without times."""

    start: datetime | None
    value: Fraction


@dataclass(frozen=True)
class Weighted:
    """A value with the microseconds of training that it covers, of a period of `period` microseconds."""

    covered: int
    period: int
    value: Fraction

    @property
    def most(self) -> Fraction:
        """The highest mean over the covered part: in the rest of the period the value may have been zero."""
        return self.value * self.period / self.covered


@dataclass(frozen=True)
class Emitted:
    """A quantity that the training code emitted, with the name it was emitted under."""

    value: Fraction
    name: str


@dataclass(frozen=True)
class Busy:
    """Busy accelerators of one host: each value with the share of the training time it covers.

    The shares add up to `coverage` (0..1), the part of the training time that has values. `highest` is the highest
    value as it was reported; a piece at the edge of training may be larger, since part of its period was not training.
    """

    pieces: tuple[tuple[Fraction, Fraction], ...]
    highest: Fraction
    coverage: Fraction = Fraction(1)

    def occupancy(self, devices: int) -> Fraction:
        """Mean share of time (0..1) in which an accelerator of the host, of `devices`, ran some kernel.

        No accelerator is busier than all the time, and time without values counts as fully busy.
        """
        busy = sum((share * min(value, Fraction(devices)) for share, value in self.pieces), Fraction(0))
        return busy / devices + (1 - self.coverage)


@dataclass(frozen=True)
class Observations:
    """Metrics, read. `busy` maps host -> busy accelerators of that host (GPUUtilization / 100).

    `emitted` maps quantity (see data/trainer_metrics.json) -> value; `notes` say what was left aside and why; `doubts`
    name series that CloudWatch did not give in full.
    """

    busy: Mapping[str, Busy]
    emitted: Mapping[str, Emitted]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def observe(evidence: Evidence, job: TrainingJob, time: TrainingTime, vocabulary: TrainerMetrics) -> Observations:
    """Read the metrics in the evidence, weighted over the Training spans. Never raises: oddities become notes.

    The order of results does not matter; results of one label (pages of an answer) are one series.
    """
    notes: list[str] = []
    series = _series(evidence, notes)
    period = evidence.period_seconds
    busy: dict[str, Busy] = {}
    found: dict[str, list[Emitted]] = {}
    for label, points in series.items():
        if _is_occupancy(label):
            host = _HOST.fullmatch(label.removeprefix(OCCUPANCY_METRIC).strip())
            read = busyness(points, time.spans, period) if host else None
            if host is None or read is None:
                why = "it names no host" if host is None else "no value lies in training time"
                notes.append(f"{label[:80]!r} is left aside: {why}")
            else:
                busy[host[1]] = read
            continue
        name, meaning = _meaning(label, vocabulary)
        if meaning is not None:
            _add(found, name, meaning, _from_series(name, meaning, points, time, period, notes))
    finals = sorted(job.final_metric_data_list, key=lambda final: (final.metric_name, final.value))
    for final in finals:
        meaning = vocabulary.recognise(final.metric_name)
        if meaning and (meaning.cumulative or meaning.quantity not in found):
            known = meaning.quantity in found
            _add(
                found,
                final.metric_name,
                meaning,
                _from_last(final.metric_name, final.value, meaning, time, notes, known),
            )
    emitted = {quantity: _largest(quantity, values, notes) for quantity, values in sorted(found.items())}
    if busy and period is None:
        notes.append("the period of the metrics is not known: their values are taken to cover the whole training time")
    return Observations(busy, emitted, tuple(dict.fromkeys(notes)), _unfinished(evidence))


def _is_occupancy(label: str) -> bool:
    return label == OCCUPANCY_METRIC or label.startswith(f"{OCCUPANCY_METRIC} ")


def _meaning(label: str, vocabulary: TrainerMetrics) -> tuple[str, Meaning | None]:
    """A label is a metric's name, which may hold blanks, or a name with the host that emitted it."""
    meaning = vocabulary.recognise(label)
    name, _, place = label.rpartition(" ")
    if meaning is None and name and _HOST.fullmatch(place):
        return name, vocabulary.recognise(name)
    return label, meaning


def _add(found: dict[str, list[Emitted]], name: str, meaning: Meaning, value: Fraction | None) -> None:
    if value is not None:
        found.setdefault(meaning.quantity, []).append(Emitted(value * meaning.scale, name))


def _largest(quantity: str, values: list[Emitted], notes: list[str]) -> Emitted:
    """The largest reading of a quantity, so that no second name can lower a figure."""
    largest = max(values, key=lambda emitted: (emitted.value, emitted.name))
    others = sorted({e.name for e in values if e.value * AGREEMENT < largest.value})
    if others:
        notes.append(
            f"contradictory evidence on {quantity}: {', '.join(others)[:120]} is less than {largest.name}; "
            "the larger one counts"
        )
    return largest


def _series(evidence: Evidence, notes: list[str]) -> dict[str, list[Point]]:
    """Points by label, each point of time once."""
    merged: dict[str, list[Point]] = {}
    for result in evidence.metrics:
        if not isinstance(result, Mapping):
            notes.append("a metric result is not an object and is left aside")
            continue
        points = _points(result, notes)
        if points:
            merged.setdefault(str(result.get("Label", "")).strip(), []).extend(points)
    return {label: _once(points) for label, points in sorted(merged.items())}


def _once(points: list[Point]) -> list[Point]:
    """Points in order of time; of several at one time the highest, as pages or windows of an answer may overlap."""
    highest: dict[datetime, Fraction] = {}
    for point in points:
        if point.start is not None:
            highest[point.start] = max(point.value, highest.get(point.start, point.value))
    return [p for p in points if p.start is None] + [Point(start, highest[start]) for start in sorted(highest)]


def _points(result: Mapping[str, Any], notes: list[str]) -> list[Point]:
    values, times = result.get("Values") or [], result.get("Timestamps") or []
    times = times if isinstance(times, Sequence) else []
    label = str(result.get("Label", ""))[:80]
    points, refused = [], []
    for index, value in enumerate(values if isinstance(values, Sequence) else []):
        if not _is_amount(value):
            refused.append(str(value)[:20])
            continue
        try:
            start = read_time(times[index]) if index < len(times) else None
        except (ValueError, OverflowError, TypeError):
            start = None
        points.append(Point(start, exact(value)))
    if refused:
        notes.append(f"{len(refused)} values of {label!r} are no amounts and are left aside, such as {refused[0]!r}")
    return points


def _is_amount(value: object) -> bool:
    """Not negative, not NaN, and not larger than anything a training run could count."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST_AMOUNT


def _unfinished(evidence: Evidence) -> tuple[str, ...]:
    """Series that CloudWatch did not give in full (API Reference, MetricDataResult, StatusCode)."""
    codes: dict[str, set[str]] = {}
    for result in evidence.metrics:
        if isinstance(result, Mapping) and result.get("StatusCode"):
            codes.setdefault(str(result.get("Label", ""))[:80], set()).add(str(result["StatusCode"])[:40])
    doubts = []
    for label, found in sorted(codes.items()):
        failed = sorted(found - {"Complete", "PartialData"})
        if failed or "Complete" not in found:
            doubts.append(f"CloudWatch answered {', '.join(failed) or 'PartialData'} for {label!r}")
    return tuple(doubts)


def weigh(points: Sequence[Point], spans: Sequence[Span], period_seconds: int | None) -> list[Weighted]:
    """Each point with its overlap with the Training spans; points outside are left out.

    Points without times, or a job without known spans, weigh alike; where the period is known, points without times
    are left out: they cover no time.
    """
    timed = [(point.start, point.value) for point in points if point.start is not None]
    if not spans or (len(timed) < len(points) and period_seconds is None):
        return [Weighted(1, 1, point.value) for point in points]
    step = timedelta(seconds=period_seconds or _spacing([start for start, _ in timed]))
    ends = [span.end for span in spans]
    weighted = []
    for start, value in timed:
        covered = 0
        for span in spans[bisect_right(ends, start) :]:
            if span.start >= start + step:
                break
            covered += (min(start + step, span.end) - max(start, span.start)) // _MICROSECOND
        if covered > 0:
            weighted.append(Weighted(covered, step // _MICROSECOND, value))
    return weighted


def weighted_mean(points: Sequence[Point], spans: Sequence[Span], period_seconds: int | None) -> Fraction | None:
    """Mean of a series over the Training spans, each point weighted by its overlap; None when no point has any."""
    weighted = weigh(points, spans, period_seconds)
    covered = sum(w.covered for w in weighted)
    return sum((w.covered * w.value for w in weighted), Fraction(0)) / covered if covered else None


def busyness(points: Sequence[Point], spans: Sequence[Span], period_seconds: int | None) -> Busy | None:
    """GPUUtilization of one host as busy accelerators; None when no point falls into the spans.

    With a known period, time that no point covers is not covered, and a point that lies partly outside the spans counts
    as if the host had been idle outside: the figure bounds the occupancy from above. Without, values cover all time.
    """
    weighted = weigh(points, spans, period_seconds)
    covered = sum(w.covered for w in weighted)
    if not covered:
        return None
    highest = max(w.value for w in weighted) / 100
    if period_seconds is None or not spans:
        return Busy(tuple((Fraction(w.covered, covered), w.value / 100) for w in weighted), highest)
    total = max(covered, sum((span.end - span.start) // _MICROSECOND for span in spans))
    pieces = tuple((Fraction(w.covered, total), w.most / 100) for w in weighted)
    return Busy(pieces, highest, Fraction(covered, total))


def _spacing(starts: list[datetime]) -> float:
    ordered = sorted(starts)
    steps = [(b - a).total_seconds() for a, b in pairwise(ordered) if b > a]
    return min(steps, default=60.0)


def _from_series(
    name: str, meaning: Meaning, points: list[Point], time: TrainingTime, period: int | None, notes: list[str]
) -> Fraction | None:
    if not meaning.cumulative:
        mean = weighted_mean(points, time.spans, period)
        if mean is None:
            notes.append(f"metric {name[:80]!r} has no value during training and is left aside")
        return mean
    ordered = [p.value for p in sorted(points, key=lambda p: (p.start is not None, p.start or _BEFORE_ALL))]
    resets = sum(later < earlier for earlier, later in pairwise(ordered))
    if resets >= max(1, len(time.spans)):
        notes.append(
            f"contradictory evidence: counter {name[:80]!r} goes backwards {resets} times, "
            f"but training was interrupted {max(0, len(time.spans) - 1)} times; it is left aside"
        )
        return None
    if resets:
        notes.append(
            f"counter {name[:80]!r} restarts {resets} times after interruptions: summed over its restarts, "
            "so work that was done again from a checkpoint may count twice"
        )
    return counter_increase(ordered)


def counter_increase(values: Sequence[Fraction]) -> Fraction:
    """The total increase of a counter that starts at zero and may restart from zero: a fall begins a new count.

    Source: Prometheus, `increase()` and counter resets.
    """
    total = previous = Fraction(0)
    for value in values:
        total += value - previous if value >= previous else value
        previous = value
    return total


def _from_last(
    name: str, value: float, meaning: Meaning, time: TrainingTime, notes: list[str], known: bool
) -> Fraction | None:
    if not _is_amount(value):
        notes.append(f"the last value of {name[:80]!r} is {value} and is left aside")
        return None
    if meaning.cumulative and len(time.spans) > 1:
        if not known:
            notes.append(
                f"only the last value of counter {name[:80]!r} is known and the job was restarted "
                f"{len(time.spans) - 1} times: it may count from the last restart alone and is left aside"
            )
        return None
    if not meaning.cumulative:
        notes.append(f"only the last value of {name[:80]!r} is known: it may describe the last steps alone")
    return exact(value)


def metric_results(answers: Any) -> Sequence[Mapping[str, Any]]:
    """MetricDataResults of a GetMetricData answer, or of a list of such answers (one per page).

    Raises ValueError for anything else.
    """
    pages = answers if isinstance(answers, list) else [answers]
    results: list[Mapping[str, Any]] = []
    for page in pages:
        found = page.get("MetricDataResults") if isinstance(page, Mapping) else None
        if not isinstance(found, list):
            raise ValueError("no MetricDataResults list: pass the answer of `aws cloudwatch get-metric-data`")
        results.extend(found)
    return results
