"""What training code emits: counters and gauges, with the part of the training time that each of them speaks for.

A trainer may log now and then, stop logging, restart its counters or log on each host. What it emitted counts for the
time that it covers; of the rest only the hardware tells (docs/methodology.md).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import pairwise

from flops_auditor.domain.runs.series import (
    Series,
    counter_increase,
    falls,
    held,
    in_microseconds,
    moment_in_microseconds,
    step_of,
    training_microseconds,
)
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.remarks import Kind, Remark

AGREEMENT = Fraction(13, 10)
"""Two readings of one quantity that differ by more than the error margin of Annex A.2 contradict each other."""
_SURELY_CONTINUED = 2
"""A counter that would have to run this many times faster than ever before was not restarted from zero."""

NOT_DURING_TRAINING = Kind(
    "metric-not-during-training", "metric {name:said80} has no value during training and is not used"
)
GOES_BACKWARDS = Kind(
    "counter-goes-backwards",
    "contradictory evidence: counter {name:said80} goes backwards {falls} times, but training was interrupted "
    "{interruptions} times; it is not used",
)
RESTARTS = Kind(
    "counter-restarts",
    "counter {name:said80} restarts {falls} times after interruptions: summed over its restarts, so work that was done "
    "again from a checkpoint may count twice",
)
BEGINS_HIGH = Kind(
    "counter-begins-high",
    "counter {name:said80} begins with more than it ever counted in such a time, {high:flop}: it may go on from an "
    "earlier run's, so no verdict of above rests on that",
)
BEGINS_UNSEEN = Kind(
    "counter-begins-unseen",
    "counter {name:said80} was seen to grow by {grown:flop} alone, and the run may go on from a checkpoint whose count "
    "it was restored with: no verdict of above rests on the rest",
)
FINAL_OF_RESTARTED = Kind(
    "final-value-of-restarted-counter",
    "only the last value of counter {name:said80} is known and the job was restarted {interruptions} times: it may "
    "count from the last restart alone and is not used",
)
FINAL_GAUGE = Kind(
    "only-a-final-value", "only the last value of {name:said80} is known: it may describe the last steps alone"
)
PER_HOST = Kind(
    "counter-of-each-host",
    "counter {name:said80} is emitted by {hosts} hosts of {of}: added up, as if each counts its own share",
)
DISAGREE = Kind(
    "metrics-disagree",
    "contradictory evidence on {quantity}: {others:list} is less than {name:said80}; the larger one counts",
)
SPEAKS_FOR = Kind(
    "metric-covers-a-part",
    "{name:said80} speaks for {share:percent} of the training time; the rest counts at the hardware bound",
)
TIME_UNKNOWN = Kind(
    "metric-without-times",
    "nothing says which part of the training {name:said80} speaks for: the upper bound is that of the hardware",
)


@dataclass(frozen=True)
class Emitted:
    """A quantity that the training code emitted, with the name it was emitted under.

    `share` is the part of the training time (0..1) that it speaks for, None where nothing says. `counts`: it adds up
    over the training, and is no mean. `least` and `most` bound a count that may have been repeated on several hosts, or
    restarted unseen; None: the value itself. `grown` is what a count was seen to grow: no
    more is certain of one that may have been restored from a checkpoint; None: of what is no count.
    """

    value: Fraction
    name: str
    share: Fraction | None = Fraction(1)
    counts: bool = False
    least: Fraction | None = None
    most: Fraction | None = None
    grown: Fraction | None = None

    @property
    def extrapolated(self) -> Fraction:
        """The value of the whole run, had it gone on alike in the part that is not covered."""
        return self.value / self.share if self.counts and self.share else self.value

    @property
    def lowest(self) -> Fraction:
        """What is certain of the value."""
        return self.value if self.least is None else self.least

    @property
    def highest(self) -> Fraction:
        """What the value may be at most."""
        return self.value if self.most is None else self.most

    def scaled(self, scale: Fraction) -> "Emitted":
        """In another unit."""
        bounds = (self.least, self.most, self.grown)
        least, most, grown = (None if bound is None else bound * scale for bound in bounds)
        return replace(self, value=self.value * scale, least=least, most=most, grown=grown)

    @property
    def surely_grown(self) -> Fraction:
        """What is certain of a count that may have been restored."""
        return self.lowest if self.grown is None else min(self.lowest, self.grown)


@dataclass(frozen=True)
class Final:
    """The last value of a metric that the run emitted, and when."""

    name: str
    value: Fraction
    at: datetime | None


def read_gauge(
    name: str, series: Series, spans: Sequence[Span], period: int | None, notes: list[Remark]
) -> Emitted | None:
    """The mean of a metric that says how things are; None when it says nothing about the training."""
    if not spans or (series.untimed and not series.timed):
        values = series.values
        return Emitted(Fraction(sum(values), len(values) * series.scale), name, None) if values else None
    points = held(series, spans, step_of(series, period))
    mean = points.mean()
    if mean is None:
        notes.append(NOT_DURING_TRAINING(name=name))
        return None
    return Emitted(mean, name, Fraction(points.covered, training_microseconds(spans)))


def read_counter(
    name: str, series: Series, spans: Sequence[Span], period: int | None, notes: list[Remark]
) -> Emitted | None:
    """What a counter that starts at zero has counted; None when it contradicts itself."""
    resets, interruptions = falls(series.values), max(0, len(spans) - 1)
    if resets > interruptions:
        notes.append(GOES_BACKWARDS(name=name, falls=resets, interruptions=interruptions))
        return None
    if resets:
        notes.append(RESTARTS(name=name, falls=resets))
    value = Fraction(counter_increase(series.values), series.scale)
    if not spans or not series.timed:
        return Emitted(value, name, None, counts=True, grown=_grown(series))
    moments, step, fastest = in_microseconds(spans), step_of(series, period), _fastest(series)
    high = Fraction(_begun_before(series, moments, step, fastest), series.scale)
    if high:
        notes.append(BEGINS_HIGH(name=name, high=high))
    most = value + Fraction(_lost_in_restarts(series, moments, step, fastest), series.scale)
    share = _counted_share(series, spans, step)
    least = value - high if high else None
    return Emitted(value, name, share, True, least, most if most > value else None, _grown(series))


def _counted_share(series: Series, spans: Sequence[Span], step: int) -> Fraction:
    """The part of the training time until the last value of each span."""
    moments, counted = in_microseconds(spans), 0
    for number, (begin, end) in enumerate(moments):
        following = moments[number + 1][0] if number + 1 < len(moments) else None
        upto = len(series.starts) if following is None else bisect_left(series.starts, following)
        if upto and series.starts[upto - 1] + step > begin:
            counted += min(series.starts[upto - 1] + step, end) - begin
    return Fraction(counted, training_microseconds(spans))


def _lost_in_restarts(series: Series, spans: Sequence[tuple[int, int]], step: int, fastest: Fraction) -> int:
    """What a counter may have lost where it restarted from zero after an interruption and passed its old value unseen.

    Not where it would have had to count much faster than it ever did.
    """
    points = list(zip(series.starts, series.timed, strict=True))
    lost = 0
    for begin, _ in spans[1:]:
        before = [value for start, value in points if start < begin]
        after = next(((start, value) for start, value in points if start >= begin), None)
        if not before or after is None or after[1] < before[-1]:
            continue
        if after[1] <= _SURELY_CONTINUED * fastest * (after[0] + step - begin):
            lost += before[-1]
    return lost


def _begun_before(series: Series, spans: Sequence[tuple[int, int]], step: int, fastest: Fraction) -> int:
    """What a counter may have brought from a checkpoint: at its first value, and where it fell, it would have had to
    count much faster than it ever did to come so far since the hardware began. Nothing of one that never grows.
    """
    begins = [begin for begin, _ in spans]
    brought, before = 0, None
    for start, value in zip(series.starts, series.timed, strict=True):
        if fastest and (before is None or value < before):
            begin = begins[max(0, bisect_right(begins, start) - 1)]
            if value > _SURELY_CONTINUED * fastest * (max(start, begin) + step - begin):
                brought += value
        before = value
    return brought


def _fastest(series: Series) -> Fraction:
    """The most that a counter grew in a microsecond, between two values."""
    points = zip(series.starts, series.timed, strict=True)
    rises = (Fraction(max(0, b - a), later - earlier) for (earlier, a), (later, b) in pairwise(points))
    return max(rises, default=Fraction(0))


def _grown(series: Series) -> Fraction:
    """What a counter was seen to grow."""
    return Fraction(sum(max(0, later - earlier) for earlier, later in pairwise(series.values)), series.scale)


def with_final(counted: Emitted | None, final: Final, spans: Sequence[Span], notes: list[Remark]) -> Emitted | None:
    """A counter with the last value that SageMaker kept, which speaks for the time until it was emitted.

    Of a run that was interrupted it may count from the last restart alone, and is not used.
    """
    if len(spans) > 1:
        if counted is None:
            notes.append(FINAL_OF_RESTARTED(name=final.name, interruptions=len(spans) - 1))
        return counted
    share = None
    if spans and final.at is not None:
        (begin, end), at = in_microseconds(spans)[0], moment_in_microseconds(final.at)
        share = Fraction(max(0, min(at, end) - begin), end - begin)
    if counted is None:
        return Emitted(final.value, final.name, share, counts=True, grown=Fraction(0))
    known = [part for part in (counted.share, share) if part is not None]
    more = final.value - counted.value
    least, grown = (None if bound is None else bound + more for bound in (counted.least, counted.grown))
    last = Emitted(final.value, final.name, counts=True, least=least, grown=grown)
    return replace(last if more > 0 else counted, share=max(known, default=None))


def of_all_hosts(name: str, by_host: Mapping[str, Emitted], hosts: int, notes: list[Remark]) -> Emitted:
    """A counter that several hosts emit, added up: each may count its own part of the work.

    If it is one count that all of them repeat, one of them would be the whole, so no less than that is certain.
    """
    notes.append(PER_HOST(name=name, hosts=len(by_host), of=hosts))
    hosts_counted = list(by_host.values())
    shares = [one.share for one in hosts_counted]
    share = None
    if all(part is not None for part in shares):
        share = min(
            Fraction(1),
            sum((part for part in shares if part is not None), Fraction(0)) / max(hosts, len(hosts_counted)),
        )
    value = sum((one.value for one in hosts_counted), Fraction(0))
    most = sum((one.highest for one in hosts_counted), Fraction(0))
    least, grown = (max(each) for each in zip(*((one.lowest, one.surely_grown) for one in hosts_counted), strict=True))
    return Emitted(value, name, share, counts=True, least=least, most=most, grown=grown)


def largest(quantity: str, readings: Sequence[Emitted], notes: list[Remark]) -> Emitted:
    """The largest reading of a quantity for the whole run, so that no second name can lower a figure; of several that
    agree, the one that speaks for most of the training.
    """
    top = max(readings, key=lambda one: (one.extrapolated, one.name))
    agreeing = [one for one in readings if one.extrapolated * AGREEMENT >= top.extrapolated]
    chosen = max(agreeing, key=lambda one: (one.share or 0, one.value, one.name))
    others = sorted({one.name for one in readings if one not in agreeing})
    if others:
        notes.append(DISAGREE(quantity=quantity, others=others, name=chosen.name))
    return chosen


def said_of_share(emitted: Emitted) -> Remark | None:
    """What is to be said of a reading that does not speak for the whole training."""
    if emitted.share is None:
        return TIME_UNKNOWN(name=emitted.name)
    return SPEAKS_FOR(name=emitted.name, share=emitted.share) if emitted.share < 1 else None


def by_quantity(emitted: Mapping[str, Sequence[Emitted]], notes: list[Remark]) -> dict[str, Emitted]:
    """One reading of each quantity."""
    return {quantity: largest(quantity, readings, notes) for quantity, readings in sorted(emitted.items())}
