"""What the metrics of a job say: occupancy of its accelerators per host, and what the training code emitted.

Occupancy (CloudWatch `GPUUtilization`, 100 per accelerator of a host) is the share of time in which some kernel ran.
It bounds utilisation from above and is no measure of it (docs/methodology.md).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.remedies import REASSESS
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.series import (
    Coverage,
    Series,
    SeriesReader,
    counter_increase,
    coverage,
    falls,
    is_amount,
    series_of,
    training_microseconds,
)
from flops_auditor.domain.runs.trainer_metrics import Meaning, TrainerMetrics
from flops_auditor.domain.runs.training_time import Span, TrainingTime
from flops_auditor.domain.values.amounts import exact
from flops_auditor.domain.values.remarks import Kind, Remark

OCCUPANCY_METRIC = "GPUUtilization"
UNFINISHED = Kind("metric-not-complete", "CloudWatch answered {codes} for {label:said80}", REASSESS)
AGREEMENT = Fraction(13, 10)
"""Two readings of one quantity that differ by more than the error margin of Annex A.2 contradict each other."""
_HOST = re.compile(r"(?:.*/)?(algo-[1-9]\d*)")


@dataclass(frozen=True)
class Emitted:
    """A quantity that the training code emitted, with the name it was emitted under."""

    value: Fraction
    name: str


@dataclass(frozen=True)
class Busy:
    """Busy accelerators of one host, in hundredths (GPUUtilization), over `total` microseconds of training.

    `bounds` says that a value which covers its period in part stands for as much as it may hide.
    """

    values: Coverage
    total: int
    bounds: bool = True

    @property
    def highest(self) -> Fraction:
        """The most accelerators that were busy at once, as reported."""
        return self.values.highest / 100

    @property
    def coverage(self) -> Fraction:
        """The part of the training time that has values, 0..1."""
        return Fraction(self.values.covered, self.total)

    def occupancy(self, devices: int) -> Fraction:
        """Mean share of time (0..1) in which an accelerator of the host, of `devices`, ran some kernel.

        No accelerator is busier than all the time, and time without values counts as fully busy.
        """
        highest = 100 * devices
        busy = self.values.most(highest) if self.bounds else self.values.total(highest)
        return busy / (highest * self.total) + (1 - self.coverage)


@dataclass(frozen=True)
class Observations:
    """Metrics, read. `busy` maps host -> busy accelerators of that host (GPUUtilization / 100).

    `emitted` maps quantity (see data/trainer_metrics.json) -> value; `notes` say what was left aside and why; `doubts`
    name series that CloudWatch did not give in full.
    """

    busy: Mapping[str, Busy]
    emitted: Mapping[str, Emitted]
    notes: tuple[str, ...] = ()
    doubts: tuple[Remark, ...] = ()


def observe(evidence: Evidence, run: Run, vocabulary: TrainerMetrics) -> Observations:
    """Read the metrics in the evidence, weighted over the Training spans. Never raises: oddities become notes.

    The order of results does not matter; results of one label (pages of an answer) are one series.
    """
    notes: list[str] = []
    time = run.time
    series = _series(evidence, notes)
    period = evidence.period_seconds
    busy: dict[str, Busy] = {}
    found: dict[str, list[Emitted]] = {}
    for label, values in series.items():
        if _is_occupancy(label):
            host = _HOST.fullmatch(label.removeprefix(OCCUPANCY_METRIC).strip())
            read = busyness(values, time.spans, period) if host else None
            if host is None or read is None:
                why = "it names no host" if host is None else "no value lies in training time"
                notes.append(f"{label[:80]!r} is not used: {why}")
            else:
                busy[host[1]] = read
            continue
        name, meaning = _meaning(label, vocabulary)
        if meaning is not None:
            _add(found, name, meaning, _from_series(name, meaning, values, time, period, notes))
    finals = sorted(run.final_values, key=lambda final: (final.name, final.value))
    for final in finals:
        meaning = vocabulary.recognise(final.name)
        if meaning and (meaning.cumulative or meaning.quantity not in found):
            known = meaning.quantity in found
            _add(
                found,
                final.name,
                meaning,
                _from_last(final.name, final.value, meaning, time, notes, known),
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


def _series(evidence: Evidence, notes: list[str]) -> dict[str, Series]:
    """Series by label; results of one label (pages of an answer) are one series."""
    merged: dict[str, list[tuple[int | None, float]]] = {}
    reader = SeriesReader()
    for result in evidence.metrics:
        if not isinstance(result, Mapping):
            notes.append("a metric result is not an object and is not used")
            continue
        label = str(result.get("Label", "")).strip()
        points, refused = reader.points(result)
        if refused:
            shown = f"{label[:80]!r} are no amounts and are left aside, such as {str(refused[0])[:20]!r}"
            notes.append(f"{len(refused)} values of {shown}")
        if points:
            merged.setdefault(label, []).extend(points)
    return {label: series_of(points) for label, points in sorted(merged.items())}


def _unfinished(evidence: Evidence) -> tuple[Remark, ...]:
    """Series that CloudWatch did not give in full (API Reference, MetricDataResult, StatusCode)."""
    codes: dict[str, set[str]] = {}
    for result in evidence.metrics:
        if isinstance(result, Mapping) and result.get("StatusCode"):
            codes.setdefault(str(result.get("Label", ""))[:80], set()).add(str(result["StatusCode"])[:40])
    doubts = []
    for label, found in sorted(codes.items()):
        failed = sorted(found - {"Complete", "PartialData"})
        if failed or "Complete" not in found:
            doubts.append(UNFINISHED(codes=", ".join(failed) or "PartialData", label=label))
    return tuple(doubts)


def busyness(series: Series, spans: Sequence[Span], period_seconds: int | None) -> Busy | None:
    """GPUUtilization of one host as busy accelerators; None when no value falls into the spans.

    With a known period, time that no value covers is not covered, and a value that lies partly outside the spans counts
    as if the host had been idle outside: the figure bounds the occupancy from above. Without, values cover all time.
    """
    found = coverage(series, spans, period_seconds)
    if not found.covered:
        return None
    if period_seconds is None or not spans:
        return Busy(found, found.covered, bounds=False)
    return Busy(found, max(found.covered, training_microseconds(spans)))


def _from_series(
    name: str, meaning: Meaning, series: Series, time: TrainingTime, period: int | None, notes: list[str]
) -> Fraction | None:
    if not meaning.cumulative:
        mean = coverage(series, time.spans, period).mean()
        if mean is None:
            notes.append(f"metric {name[:80]!r} has no value during training and is not used")
        return mean
    resets = falls(series.values)
    if resets >= max(1, len(time.spans)):
        notes.append(
            f"contradictory evidence: counter {name[:80]!r} goes backwards {resets} times, "
            f"but training was interrupted {max(0, len(time.spans) - 1)} times; it is not used"
        )
        return None
    if resets:
        notes.append(
            f"counter {name[:80]!r} restarts {resets} times after interruptions: summed over its restarts, "
            "so work that was done again from a checkpoint may count twice"
        )
    return Fraction(counter_increase(series.values), series.scale)


def _from_last(
    name: str, value: float, meaning: Meaning, time: TrainingTime, notes: list[str], known: bool
) -> Fraction | None:
    if not is_amount(value):
        notes.append(f"the last value of {name[:80]!r} is {value} and is not used")
        return None
    if meaning.cumulative and len(time.spans) > 1:
        if not known:
            notes.append(
                f"only the last value of counter {name[:80]!r} is known and the job was restarted "
                f"{len(time.spans) - 1} times: it may count from the last restart alone and is not used"
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
