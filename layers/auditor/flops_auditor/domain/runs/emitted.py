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
from math import lcm

from flops_auditor.domain.runs.series import (
    A_LONG_TIME,
    Moments,
    Series,
    counter_increase,
    falls,
    held,
    moment_in_microseconds,
    step_of,
)
from flops_auditor.domain.values.remarks import Kind, Remark

AGREEMENT = Fraction(13, 10)
"""Two readings of one quantity that differ by more than the error margin of Annex A.2 contradict each other."""
_SURELY_CONTINUED = 2
"""A counter that would have to run this many times faster than ever before was not restarted from zero."""
_SURELY_JUMPED = 20
"""A counter that runs this many times faster than it usually does was set."""
_MAY_HAVE_JUMPED = 4
"""One that may have been restored may have been set where it runs this many times faster than it usually does."""
_SEEN_OFTEN = 4
"""Times that a counter was seen to grow, of which one tells what is usual."""

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
    "counter {name:said80} begins with, or jumps by, more than it ever counted in such a time, {high:flop}: it may go "
    "on from an earlier run's, so no verdict of above rests on that",
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
    "contradictory evidence on {quantity}: {others:list} is less than {name:said80}; the larger one counts, and no "
    "verdict of above rests on more than the smaller one",
)
REPEATED = Kind(
    "counter-repeated-by-hosts",
    "counter {name:said80} is the same on {hosts} hosts of {of}, as one count of all that each of them repeats: it "
    "counts once, and the upper bound adds them up, as if each counted its own share",
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
    restarted unseen; None: the value itself. `grown` is what a count was seen to grow, None of what is no count;
    `steadily` what of it at no more than several times its usual rate: no more is certain of one that may have been
    restored from a checkpoint. `watched` is the part of the training time (0..1) in which it was seen whether it grows.
    """

    value: Fraction
    name: str
    share: Fraction | None = Fraction(1)
    counts: bool = False
    least: Fraction | None = None
    most: Fraction | None = None
    grown: Fraction | None = None
    steadily: Fraction | None = None
    watched: Fraction = Fraction(0)

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
        bounds = (self.least, self.most, self.grown, self.steadily)
        least, most, grown, steadily = (None if bound is None else bound * scale for bound in bounds)
        return replace(self, value=self.value * scale, least=least, most=most, grown=grown, steadily=steadily)

    @property
    def surely_grown(self) -> Fraction:
        """What is certain of a count that was not set to another one."""
        return self.lowest if self.grown is None else min(self.lowest, self.grown)

    @property
    def surely_its_own(self) -> Fraction:
        """What is certain of a count that may have been restored."""
        return self.surely_grown if self.steadily is None else min(self.surely_grown, self.steadily)

    @property
    def as_restored(self) -> "Emitted":
        """The same count, if it was restored."""
        return replace(self, least=self.surely_its_own, grown=None if self.grown is None else self.surely_its_own)


@dataclass(frozen=True)
class Final:
    """The last value of a metric that the run emitted, and when."""

    name: str
    value: Fraction
    at: datetime | None


def read_gauge(name: str, series: Series, moments: Moments, period: int | None, notes: list[Remark]) -> Emitted | None:
    """The mean of a metric that says how things are; None when it says nothing about the training."""
    if not moments or (series.untimed and not series.timed):
        values = series.values
        return Emitted(Fraction(sum(values), len(values) * series.scale), name, None) if values else None
    points = held(series, moments, step_of(series, period))
    mean = points.mean()
    if mean is None:
        notes.append(NOT_DURING_TRAINING(name=name))
        return None
    return Emitted(mean, name, Fraction(points.covered, moments.total))


def read_counter(
    name: str, series: Series, moments: Moments, period: int | None, notes: list[Remark]
) -> Emitted | None:
    """What a counter that starts at zero has counted; None when it contradicts itself."""
    resets, interruptions = falls(series.values), max(0, len(moments) - 1)
    if resets > interruptions:
        notes.append(GOES_BACKWARDS(name=name, falls=resets, interruptions=interruptions))
        return None
    if resets:
        notes.append(RESTARTS(name=name, falls=resets))
    return _counted(name, series, moments, period, notes, _rates_of_jumps(series, moments, period))


def _counted(
    name: str, series: Series, moments: Moments, period: int | None, notes: list[Remark], jumps: "_Jumps"
) -> Emitted:
    value = Fraction(counter_increase(series.values), series.scale)
    smooth, jumped = _without_jumps(series, jumps.surely)
    grown = _grown(series) - Fraction(jumped, series.scale)
    steadily = min(grown, _grown(_without_jumps(series, jumps.maybe)[0]))
    if not moments or not series.timed:
        watched = Fraction(len(series.values) > 1)
        return Emitted(value, name, None, counts=True, grown=grown, steadily=steadily, watched=watched)
    step, fastest = step_of(series, period), _fastest(series)
    high = Fraction(_begun_before(smooth, moments, step) + jumped, series.scale)
    if high:
        notes.append(BEGINS_HIGH(name=name, high=high))
    most = value + Fraction(_lost_in_restarts(series, moments, step, fastest), series.scale)
    return Emitted(
        value,
        name,
        _counted_share(series, moments, step),
        counts=True,
        least=value - high if high else None,
        most=most if most > value else None,
        grown=grown,
        steadily=steadily,
        watched=_watched_share(series, moments),
    )


def _watched_share(series: Series, moments: Moments) -> Fraction:
    """The part of the training time between values of a counter, but for those between which it fell."""
    trained = moments.until
    points = pairwise(zip(series.starts, series.timed, strict=True))
    unseen = sum(trained(later) - trained(earlier) for (earlier, high), (later, low) in points if low < high)
    return Fraction(trained(series.starts[-1]) - trained(series.starts[0]) - unseen, moments.total)


def _counted_share(series: Series, moments: Moments, step: int) -> Fraction:
    """The part of the training time until the last value of each span."""
    starts, counted, number = series.starts, 0, 0
    while number < len(moments):
        begin, end = moments.begins[number], moments.ends[number]
        last = number + 1 == len(moments)
        upto = len(starts) if last else bisect_left(starts, moments.begins[number + 1])
        if upto and starts[upto - 1] + step > begin:
            counted += min(starts[upto - 1] + step, end) - begin
            number += 1
        elif upto == len(starts):
            break
        else:
            number = bisect_right(moments.begins, starts[upto]) - 1
    return Fraction(counted, moments.total)


def _lost_in_restarts(series: Series, moments: Moments, step: int, fastest: Fraction) -> int:
    """What a counter may have lost where it restarted from zero after an interruption and passed its old value unseen.

    Not where it would have had to count much faster than it ever did.
    """
    starts, values, begins = series.starts, series.timed, moments.begins
    lost, number = 0, 1
    while fastest and number < len(begins) and (after := bisect_left(starts, begins[number])) < len(starts):
        following = bisect_right(begins, starts[after])
        if after and values[after] >= values[after - 1]:
            latest = starts[after] + step - values[after] / (_SURELY_CONTINUED * fastest)
            lost += values[after - 1] * (bisect_right(begins, latest, number, following) - number)
        number = following
    return lost


def _begun_before(series: Series, moments: Moments, step: int) -> int:
    """What a counter may have brought from a checkpoint: at its first value, and where it fell, it would have had to
    count much faster than it ever did to come so far since the hardware began. Of one that is never seen to grow, what
    it had, if it would have had to come so far in less time than it then stood still.
    """
    begins, fastest = moments.begins, _fastest(series)
    brought, before = 0, None
    if not fastest:
        first, last = series.starts[0], series.starts[-1]
        counted = moments.until(first + step)
        return series.timed[0] if moments.until(last) - moments.until(first) > _SURELY_CONTINUED * counted else 0
    for start, value in zip(series.starts, series.timed, strict=True):
        if before is None or value < before:
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


@dataclass(frozen=True)
class _Jumps:
    """Faster than this (Series.rates) a counter did not count what it grew; None: any rate may be its own. `maybe`: if
    it may have been restored.
    """

    surely: int | None
    maybe: int | None

    def and_of(self, other: "_Jumps") -> "_Jumps":
        """The slower of both: what jumped by either did."""
        surely, maybe = (
            min((rate for rate in rates if rate is not None), default=None)
            for rates in ((self.surely, other.surely), (self.maybe, other.maybe))
        )
        return _Jumps(surely, maybe)


def _rates_of_jumps(series: Series, moments: Moments, period: int | None) -> _Jumps:
    """By how a counter usually grows: in half of the times that it was seen to; once alone is compared with what it
    began with.
    """
    grew = sorted(rate for rate in series.rates if rate > 0)
    if not grew:
        return _Jumps(None, None)
    surely = _SURELY_JUMPED * grew[len(grew) // 2] if len(grew) >= _SEEN_OFTEN else None
    if len(grew) == 1 and moments:
        start = series.starts[0]
        begin = moments.begins[max(0, bisect_right(moments.begins, start) - 1)]
        since = max(1, start + step_of(series, period) - begin)
        grew = sorted([*grew, A_LONG_TIME * series.timed[0] // since])
    return _Jumps(surely, _MAY_HAVE_JUMPED * grew[(len(grew) - 1) // 2])


def _without_jumps(series: Series, most: int | None) -> tuple[Series, int]:
    """A counter without what it grew faster than `most` (Series.rates), and how much that is: there it was set to
    another count.
    """
    rates = series.rates
    if most is None or max(rates, default=0) <= most:
        return series, 0
    whole, since_it_fell, values = 0, 0, [series.timed[0]]
    for rate, (before, value) in zip(rates, pairwise(series.timed), strict=True):
        if rate > most:
            whole += value - before
            since_it_fell += value - before
        elif value < before:
            since_it_fell = 0
        values.append(value - since_it_fell)
    return replace(series, timed=tuple(values)), whole


def _grown(series: Series) -> Fraction:
    """What a counter was seen to grow."""
    return Fraction(sum(max(0, later - earlier) for earlier, later in pairwise(series.values)), series.scale)


def with_final(
    counted: Emitted | None,
    final: Final,
    series: Series | None,
    moments: Moments,
    period: int | None,
    notes: list[Remark],
) -> Emitted | None:
    """A counter with the last value that SageMaker kept, which speaks for the time until it was emitted. `series` is
    what the counter was read from: how it grew up to its last value may tell what it began with.

    Of a run that was interrupted it may count from the last restart alone, and is not used.
    """
    if len(moments) > 1:
        if counted is None:
            notes.append(FINAL_OF_RESTARTED(name=final.name, interruptions=len(moments) - 1))
        return counted
    share = None
    if moments and final.at is not None:
        share = Fraction(moments.until(moment_in_microseconds(final.at)), moments.total)
    if counted is None:
        return Emitted(final.value, final.name, share, counts=True, grown=Fraction(0))
    share = max((part for part in (counted.share, share) if part is not None), default=None)
    if series is None or final.value <= counted.value:
        return replace(counted, share=share)
    told: list[Remark] = []
    if (to_its_last := _to_its_last(series, final)) is None:  # nothing says that it was counted since the others
        last = replace(counted, value=final.value, least=counted.lowest)
        told.append(BEGINS_HIGH(name=final.name, high=last.value - last.lowest))
    else:
        before = replace(to_its_last, starts=to_its_last.starts[:-1], timed=to_its_last.timed[:-1])
        jumps = _rates_of_jumps(to_its_last, moments, period).and_of(_rates_of_jumps(before, moments, period))
        last = _counted(final.name, to_its_last, moments, period, told, jumps)
    brought, brought_before = last.value - last.lowest, counted.value - counted.lowest
    if brought > brought_before:
        notes += told
    elif counted.least is not None:
        last = replace(last, least=last.value - brought_before)
    return replace(last, share=share)


def _to_its_last(series: Series, final: Final) -> Series | None:
    """A counter up to its last value; None where nothing says that this is later than the others."""
    at = None if final.at is None else moment_in_microseconds(final.at)
    if at is None or not series.timed or at <= series.starts[-1]:
        return None
    scale = lcm(series.scale, final.value.denominator)
    times = scale // series.scale
    timed = (*(value * times for value in series.timed), int(final.value * scale))
    return Series((*series.starts, at), timed, tuple(value * times for value in series.untimed), scale)


def of_all_hosts(
    name: str, by_host: Mapping[str, Emitted], series: Mapping[str, Series], hosts: int, notes: list[Remark]
) -> Emitted:
    """A counter that several hosts emit, added up: each may count its own part of the work. What all repeat alike is
    one count, as far as that makes it no milder: in upper bounds they are added up, too.

    If it is one count that all of them repeat, one of them would be the whole, so no less than that is certain.
    """
    hosts_counted = list(by_host.values())
    repeated = _repeat_one_count([series[host] for host in by_host])
    notes.append((REPEATED if repeated else PER_HOST)(name=name, hosts=len(by_host), of=hosts))
    shares = [one.share for one in hosts_counted]
    share = None
    if all(part is not None for part in shares) and not (repeated and len(hosts_counted) < hosts):
        share = min(
            Fraction(1),
            sum((part for part in shares if part is not None), Fraction(0)) / max(hosts, len(hosts_counted)),
        )
    value = sum((one.value for one in hosts_counted), Fraction(0))
    most = sum((one.highest for one in hosts_counted), Fraction(0))
    least, grown = (max(each) for each in zip(*((one.lowest, one.surely_grown) for one in hosts_counted), strict=True))
    steadily = max(one.surely_its_own for one in hosts_counted)
    watched = max(one.watched for one in hosts_counted)
    if repeated:
        value = max(one.value for one in hosts_counted)
    bounds = {"least": least, "most": most, "grown": grown, "steadily": steadily}
    return Emitted(value, name, share, counts=True, **bounds, watched=watched)


def _repeat_one_count(several: Sequence[Series]) -> bool:
    """Whether counters of several hosts have the same values to the last digit wherever they were taken at one time, at
    two times at least, or, where there are no such times, the same last value.
    """
    at = [dict(zip(each.starts, _unscaled(each.timed, each.scale), strict=True)) for each in several]
    first, others = at[0], at[1:]
    common = [(first[start], other[start]) for other in others for start in first.keys() & other.keys()]
    if not others or any(mine != theirs for mine, theirs in common):
        return False
    if all(len(first.keys() & other.keys()) > 1 for other in others):
        return True
    return len({_unscaled(each.values[-1:], each.scale) for each in several}) == 1


def _unscaled(values: Sequence[int], scale: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(value, scale) for value in values)


def largest(quantity: str, readings: Sequence[Emitted], notes: list[Remark]) -> Emitted:
    """The largest reading of a quantity for the whole run, so that no second name can lower a figure; of several that
    agree, the one that speaks for most of the training. No more is certain than the smallest says.
    """
    top = max(readings, key=lambda one: (one.extrapolated, one.name))
    agreeing = [one for one in readings if one.extrapolated * AGREEMENT >= top.extrapolated]
    chosen = max(agreeing, key=lambda one: (one.share or 0, one.value, one.name))
    others = sorted({one.name for one in readings if one not in agreeing})
    if not others:
        return chosen
    notes.append(DISAGREE(quantity=quantity, others=others, name=chosen.name))
    grown = None if chosen.grown is None else min(one.surely_grown for one in readings)
    steadily = None if chosen.grown is None else min(one.surely_its_own for one in readings)
    return replace(chosen, least=min(one.lowest for one in readings), grown=grown, steadily=steadily)


def said_of_share(emitted: Emitted) -> Remark | None:
    """What is to be said of a reading that does not speak for the whole training."""
    if emitted.share is None:
        return TIME_UNKNOWN(name=emitted.name)
    return SPEAKS_FOR(name=emitted.name, share=emitted.share) if emitted.share < 1 else None


def by_quantity(emitted: Mapping[str, Sequence[Emitted]], notes: list[Remark]) -> dict[str, Emitted]:
    """One reading of each quantity."""
    return {quantity: largest(quantity, readings, notes) for quantity, readings in sorted(emitted.items())}
