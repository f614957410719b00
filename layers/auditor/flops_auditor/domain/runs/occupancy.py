"""How busy the hosts of a run were, in per cent, up to 100 per accelerator of a host, and what that can prove.

AWS's agent on each host sends one sample a minute (Amazon SageMaker AI metrics in Amazon CloudWatch, job metrics). The
container holds the run's role, so it may send samples of its own, but it cannot take back those of the agent. So a
period with more samples than the agent sends, with one below zero, with a mean that its highest sample rules out, or
with a figure that no samples of an occupancy have, counts with its highest sample, and where that is no possible figure
itself as fully busy: nobody lowers that (docs/methodology.md, "What the run itself can write"). In a period
of more than one sample of the agent nothing shows what others made of its mean, so it always does. A lower bound takes
the means of such periods: the busiest minute of an hour is no measure of the hour.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from flops_auditor.domain.runs.run import HostMetrics
from flops_auditor.domain.runs.series import Coverage, Moments, Series, coverage, series_of, step_of
from flops_auditor.domain.values.remarks import Kind, Remark

MAXIMUM, LOWEST, SAMPLES = " Maximum", " Minimum", " SampleCount"
BESIDE_MEANS = (MAXIMUM, LOWEST, SAMPLES)
"""What the labels of a host's highest and lowest values and numbers of samples end with, beside its means."""
AGENT_PERIOD = 60 * 10**6
"""Microseconds between two samples of AWS's agent."""
_SAME = 1.001
"""Sums of floating-point numbers differ by less."""

NO_HOST = Kind("occupancy-without-host", "{label:said80} is not used: it names no host")
NO_TIME = Kind("occupancy-not-during-training", "{label:said80} is not used: no value lies in training time")
ADDED_SAMPLES = Kind(
    "occupancy-has-added-samples",
    "in {count} periods {label:said80} has more samples than AWS's agent sends (one a minute), one below zero, a mean "
    "that its highest sample rules out, or a figure that no samples have: whoever may write the metric can lower a "
    "mean so, and these periods count with their highest sample, or as fully busy where that is no such figure",
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

    def in_any_unit(self, devices: int) -> "Busy":
        """As busy as if each value were in the unit that makes it the most: a fraction of the host of so many
        accelerators, a sum of their fractions, a mean over them in per cent, or, as the service gives it, their sum.
        """
        of = self.values
        whole = tuple(_most_of(value, devices, of.scale) for value in of.whole)
        parts = tuple((covered, _most_of(value, devices, of.scale)) for covered, value in of.parts)
        return Busy(replace(of, whole=whole, parts=parts), self.total)

    def has_fractions(self, devices: int) -> bool:
        """Whether some value may be a fraction, or a sum of them."""
        most = devices * self.values.scale
        return any(0 < value <= most for value in (*self.values.whole, *(value for _, value in self.values.parts)))

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


def _most_of(value: int, devices: int, one: int) -> int:
    """What a value, in units of 1 / `one`, is in per cent of one accelerator, at most."""
    if value <= devices * one:
        return 100 * value * (devices if value <= one else 1)
    return devices * value if value <= 100 * one else value


def busy_hosts(
    labelled: Mapping[str, Points],
    metrics: HostMetrics,
    moments: Moments,
    period_seconds: int | None,
    notes: list[Remark],
) -> tuple[dict[str, Busy], list[Series]]:
    """Host -> how busy it was in the spans, from the points of each label of the metric; what is not used is noted. And
    every series of a host, whenever it was.
    """
    busy: dict[str, Busy] = {}
    every: list[Series] = []
    longest = 0
    for label in sorted(labelled):
        means_of = label.removesuffix(MAXIMUM)
        if label.endswith((LOWEST, SAMPLES)) or (means_of != label and means_of in labelled):
            continue
        host = host_in(means_of.removeprefix(metrics.occupancy).strip(), metrics)
        reported = series_of(labelled[label])
        if host is None:
            notes.append(NO_HOST(label=label))
            every.append(reported)  # some host was at work
            continue
        highest, lowest, samples = (labelled.get(label + end) for end in BESIDE_MEANS)
        minutes = step_of(reported, period_seconds) / AGENT_PERIOD
        points, changed = _of_the_agent(labelled[label], highest, lowest, samples, minutes)
        if changed:
            notes.append(ADDED_SAMPLES(count=changed, label=label))
        series = reported if points == labelled[label] else series_of(points)
        step = step_of(series, period_seconds) if samples is not None or highest is not None or means_of != label else 0
        longest = max(longest, step)
        every.append(series)
        read = busyness(series, moments, period_seconds)
        if read is not None and highest and step > AGENT_PERIOD:
            means = coverage(reported, moments, step)
            busy[host] = replace(read, means=means if means.covered else None)
        elif read is not None:
            busy[host] = read
        elif not changed:
            notes.append(NO_TIME(label=label))
    if longest > AGENT_PERIOD:
        notes.append(HIGHEST_OF_PERIODS(minutes=longest // AGENT_PERIOD))
    return busy, every


def host_in(text: str, metrics: HostMetrics) -> str | None:
    """The host that a text names, such as `host-1` in `run/host-1`; None where it names none."""
    match = re.fullmatch(rf"(?:.*/)?({re.escape(metrics.host)}[1-9]\d*)", text)
    return match[1] if match else None


def is_occupancy(label: str, metrics: HostMetrics) -> bool:
    """Whether a label is one of the metric's."""
    name = metrics.occupancy
    return bool(name) and (label == name or label.startswith(f"{name} "))


def busyness(series: Series, moments: Moments, period_seconds: int | None) -> Busy | None:
    """The metric of one host as busy accelerators; None when no value falls into the spans.

    Time that no value covers is not covered, and a value that lies partly outside the spans counts as if the host had
    been idle outside: the figure bounds the occupancy from above.
    """
    covered = coverage(series, moments, step_of(series, period_seconds))
    return Busy(covered, max(covered.covered, moments.total)) if covered.covered else None


def _of_the_agent(
    means: Points, highest: Points | None, lowest: Points | None, samples: Points | None, minutes: float
) -> tuple[Points, int]:
    """The means of periods of so many minutes, less what samples of others may have made of them, and in how many
    periods others surely sent some.

    CloudWatch gives each figure of each period: where one was asked for (it is not None) and a period has none that is
    an amount, others sent what no agent does. A period of which not even the highest value is known is left out: it
    then counts as fully busy. Without numbers of samples (a file from a person) the values of periods of a minute stay
    as they are.
    """
    if samples is None and (minutes <= 1 or highest is None):
        return means, 0
    if minutes <= 1 and samples and lowest and _is_one_sample_each(means, highest, lowest, samples):
        return means, 0
    counted, peaks, lows = _highest(samples or ()), _highest(highest or ()), _highest(lowest or ())
    if samples is None:
        return list(peaks.items()), sum(start not in peaks for start, _ in means)
    kept, changed = [], 0
    for start, mean in means:
        count, peak = counted.get(start), peaks.get(start)
        alone = count is not None and count <= max(1, minutes) and start in lows
        below_peak = peak is not None and peak > mean * max(1.0, count or 0.0) * _SAME
        possible = alone and not below_peak and (peak is not None or highest is None)
        changed += not possible and start is not None
        if start is None or (possible and minutes <= 1):
            kept.append((start, mean))
        elif peak is not None:
            kept.append((start, max(mean, peak)))
    return kept, changed


def _is_one_sample_each(means: Points, highest: Points | None, lowest: Points, samples: Points) -> bool:
    """Whether each period has all its figures once, of one sample at most: nearly all series, told at once."""
    starts = [start for start, _ in means]
    others = [[start for start, _ in points] for points in (highest, lowest, samples) if points is not None]
    known = set(starts)
    if None in known or len(known) < len(starts) or any(each != starts for each in others):
        return False
    if max(count for _, count in samples) > 1:
        return False
    return highest is None or all(peak <= mean * _SAME for (_, peak), (_, mean) in zip(highest, means, strict=True))


def _highest(points: Points) -> dict[int | None, float]:
    by_start = dict(points)
    if len(by_start) == len(points):
        return by_start
    by_start.clear()
    for start, value in points:
        by_start[start] = max(value, by_start.get(start, 0.0))
    return by_start
