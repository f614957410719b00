"""How busy the hosts of a run were, in per cent, up to 100 per accelerator of a host, and what that can prove.

AWS's agent on each host sends one sample a minute (Amazon SageMaker AI metrics in Amazon CloudWatch, job metrics). The
container holds the run's role, so it may send samples of its own, but it cannot take back those of the agent. So a
period with more samples than the agent sends, with one below zero, or with a mean that its highest sample rules out,
counts with its highest sample: nobody lowers that (docs/methodology.md, "What the run itself can write"). In a period
of more than one sample of the agent nothing shows what others made of its mean, so it always does. A lower bound takes
the means of such periods: the busiest minute of an hour is no measure of the hour.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from flops_auditor.domain.runs.run import HostMetrics
from flops_auditor.domain.runs.series import Coverage, Series, coverage, series_of, step_of, training_microseconds
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.remarks import Kind, Remark

MAXIMUM, LOWEST, SAMPLES = " Maximum", " Minimum", " SampleCount"
"""What the labels of a host's highest and lowest values and numbers of samples end with, beside its means."""
AGENT_PERIOD = 60 * 10**6
"""Microseconds between two samples of AWS's agent."""
_SAME = 1.001
"""Sums of floating-point numbers differ by less."""

NO_HOST = Kind("occupancy-without-host", "{label:said80} is not used: it names no host")
NO_TIME = Kind("occupancy-not-during-training", "{label:said80} is not used: no value lies in training time")
ADDED_SAMPLES = Kind(
    "occupancy-has-added-samples",
    "in {count} periods {label:said80} has more samples than AWS's agent sends (one a minute), one below zero, or a "
    "mean that its highest sample rules out: whoever may write the metric can lower a mean so, and these periods count "
    "with their highest sample",
)

HIGHEST_OF_PERIODS = Kind(
    "occupancy-highest-of-periods",
    "the occupancy is that of periods of {minutes} minutes, in which an old or large run is read: each counts with "
    "its busiest minute, since whoever may write the metric can lower a mean",
)

Points = Sequence[tuple[int | None, float]]
"""Microseconds since 1970 (None: not known) and a value."""


@dataclass(frozen=True)
class Busy:
    """Busy accelerators of one host, in hundredths, over `total` microseconds of training; with `means` where the
    values are the highest of periods.
    """

    values: Coverage
    total: int
    means: Coverage | None = None

    @property
    def least(self) -> "Busy":
        """As busy as lower bounds take it: nobody's samples make the means of periods of several minutes a floor, but
        they are what was reported.
        """
        return self if self.means is None else Busy(self.means, self.total)

    @cached_property
    def highest(self) -> Fraction:
        """The most accelerators that were busy at once, as reported."""
        return self.values.highest / 100

    @cached_property
    def coverage(self) -> Fraction:
        """The part of the training time that has values, 0..1."""
        return Fraction(self.values.covered, self.total)

    def if_means(self, devices: int) -> "Busy":
        """As busy as if each value that is not over 100 were a mean over so many accelerators, and not their sum."""
        of = self.values
        most = 100 * of.scale
        whole = tuple(value if value > most else devices * value for value in of.whole)
        parts = tuple((covered, value if value > most else devices * value) for covered, value in of.parts)
        return Busy(replace(of, whole=whole, parts=parts), self.total)

    def occupancy_of_values(self, devices: int) -> Fraction:
        """As `occupancy`, in the time that has values."""
        highest = 100 * devices
        return self.values.most(highest) / (highest * self.values.covered)

    def occupancy(self, devices: int) -> Fraction:
        """Mean share of time (0..1) in which an accelerator of the host, of `devices`, ran some kernel, at most.

        No accelerator is busier than all the time, and time without values counts as fully busy.
        """
        highest = 100 * devices
        return self.values.most(highest) / (highest * self.total) + (1 - self.coverage)


def busy_hosts(
    labelled: Mapping[str, Points],
    metrics: HostMetrics,
    spans: Sequence[Span],
    period_seconds: int | None,
    notes: list[Remark],
    beside: Sequence[Span] = (),
) -> tuple[dict[str, Busy], Fraction]:
    """Host -> how busy it was, from the points of each label of the metric; what is not used is noted. And for how many
    seconds of the spans `beside` training some host was seen at work, at most.
    """
    busy: dict[str, Busy] = {}
    at_work = longest = 0
    training = training_microseconds(spans)
    for label in sorted(labelled):
        means_of = label.removesuffix(MAXIMUM)
        if label.endswith((LOWEST, SAMPLES)) or (means_of != label and means_of in labelled):
            continue
        host = host_in(means_of.removeprefix(metrics.occupancy).strip(), metrics)
        if host is None:
            notes.append(NO_HOST(label=label))
            continue
        highest, lowest, samples = (labelled.get(label + end, ()) for end in (MAXIMUM, LOWEST, SAMPLES))
        points, changed = _of_the_agent(labelled[label], highest, lowest, samples, period_seconds)
        if changed:
            notes.append(ADDED_SAMPLES(count=changed, label=label))
        series = series_of(points)
        step = step_of(series, period_seconds) if samples or highest or means_of != label else 0
        longest = max(longest, step)
        at_work = max(at_work, _at_work(series, beside, period_seconds))
        read = busyness(series, spans, training, period_seconds)
        if read is not None and highest and step > AGENT_PERIOD:
            means = coverage(series_of(labelled[label]), spans, step)
            busy[host] = replace(read, means=means if means.covered else None)
        elif read is not None:
            busy[host] = read
        elif not changed:
            notes.append(NO_TIME(label=label))
    if longest > AGENT_PERIOD:
        notes.append(HIGHEST_OF_PERIODS(minutes=longest // AGENT_PERIOD))
    return busy, Fraction(at_work, 10**6)


def _at_work(series: Series, beside: Sequence[Span], period_seconds: int | None) -> int:
    """Microseconds of spans beside training in which a host's accelerators were not idle; what lies in part in training
    counts there.
    """
    if not beside:
        return 0
    covered = coverage(series, beside, step_of(series, period_seconds))
    return covered.step * sum(value > 0 for value in covered.whole)


def host_in(text: str, metrics: HostMetrics) -> str | None:
    """The host that a text names, such as `host-1` in `run/host-1`; None where it names none."""
    match = re.fullmatch(rf"(?:.*/)?({re.escape(metrics.host)}[1-9]\d*)", text)
    return match[1] if match else None


def is_occupancy(label: str, metrics: HostMetrics) -> bool:
    """Whether a label is one of the metric's."""
    name = metrics.occupancy
    return bool(name) and (label == name or label.startswith(f"{name} "))


def busyness(series: Series, spans: Sequence[Span], training: int, period_seconds: int | None) -> Busy | None:
    """The metric of one host as busy accelerators; None when no value falls into the spans, which are `training`
    microseconds long.

    Time that no value covers is not covered, and a value that lies partly outside the spans counts as if the host had
    been idle outside: the figure bounds the occupancy from above.
    """
    covered = coverage(series, spans, step_of(series, period_seconds))
    return Busy(covered, max(covered.covered, training)) if covered.covered else None


def _of_the_agent(
    means: Points, highest: Points, lowest: Points, samples: Points, period_seconds: int | None
) -> tuple[Points, int]:
    """The means, less what samples of others may have made of them, and in how many periods others surely sent some.

    A period of which not even the highest value is known is left out: it then counts as fully busy. Without numbers of
    samples (a file from a person) the values of periods of a minute stay as they are.
    """
    most = step_of(series_of(means), period_seconds) / AGENT_PERIOD
    counted, peaks, lows = _highest(samples), _highest(highest), _highest(lowest)
    if not samples:
        return (means if most <= 1 or not highest else list(peaks.items())), 0
    kept, changed = [], 0
    for start, mean in means:
        count, peak = counted.get(start, 0.0), peaks.get(start)
        # What is below zero is no amount, so its period has no lowest value here.
        alone = count <= max(1, most) and start in lows
        possible = alone and (peak is None or peak <= mean * max(1.0, count) * _SAME)
        changed += not possible and start is not None
        if start is None or (possible and most <= 1):
            kept.append((start, mean))
        elif peak is not None:
            kept.append((start, max(mean, peak)))
    return kept, changed


def _highest(points: Points) -> dict[int | None, float]:
    by_start: dict[int | None, float] = {}
    for start, value in points:
        by_start[start] = max(value, by_start.get(start, 0.0))
    return by_start
