"""A training job in progress: what it has spent, what it will have spent at its time limit, and what that means.

Why which figure (docs/adr/0301): warning levels look at the upper bound of what is spent, so no line is crossed in
truth before a level was; the projection to the time limit and the stop look at the best estimate, since a limit is
seldom reached and half of an upper bound is often slack.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.runs.yes_or_no import NO
from flops_auditor.domain.values.figures import telling

NEVER_STOP = "flops-auditor:never-stop"
UNBOUNDED = "unbounded"
PROJECTED = "projected"
CROSSED = "crossed"
IMMINENT = "imminent"
LONGEST_FORECAST = timedelta(days=10 * 365)
"""A rate of today says nothing of a time farther away."""


@dataclass(frozen=True)
class ThresholdForecast:
    """One threshold seen from a running job. Shares are of the room that the modification has under it; `*_of_line` are
    of the whole line, and count what was inherited, too.

    `projected_*` are what the job will have used at its time limit; `seconds_left` until the best estimate crosses at
    the present rate (0: it has), None when it does not move or is not known.
    """

    assessment: Assessment
    best_share: Fraction | None
    upper_share: Fraction | None
    projected_best_share: Fraction | None
    projected_upper_share: Fraction | None
    projected_best_flop: int | None
    projected_upper_flop: int | None
    seconds_left: Fraction | None

    @property
    def lower_of_line(self) -> Fraction | None:
        """The lower bound with what was inherited, as a share of the line."""
        return self._of_line(self.assessment.counted.lower_flop, 0)

    @property
    def best_of_line(self) -> Fraction | None:
        """The best estimate with what was inherited, as a share of the line."""
        return self._of_line(self.assessment.best_flop, self.assessment.inherited_flop)

    @property
    def upper_of_line(self) -> Fraction | None:
        """The upper bound with what was inherited, as a share of the line."""
        return self._of_line(self.assessment.counted.upper_flop, 0)

    @property
    def projected_best_of_line(self) -> Fraction | None:
        """The best estimate at the time limit, with what was inherited, as a share of the line."""
        return self._of_line(self.projected_best_flop, self.assessment.inherited_flop)

    @property
    def projected_upper_of_line(self) -> Fraction | None:
        """The upper bound at the time limit, with what was inherited, as a share of the line."""
        counted, own = self.assessment.counted.upper_flop, self.assessment.own.upper_flop
        return self._of_line(self.projected_upper_flop, 0 if counted is None or own is None else counted - own)

    def _of_line(self, flop: int | None, inherited: int) -> Fraction | None:
        line = self.assessment.threshold_flop
        return None if flop is None or line <= 0 else Fraction(flop + inherited, line)

    @property
    def crossed(self) -> bool:
        """Whether the best estimate is over the line, be it disputed what that means, or not certain yet."""
        return self.assessment.crossed

    @property
    def projected(self) -> bool:
        """Whether the best estimate crosses the line before the time limit."""
        return self.projected_best_share is not None and self.projected_best_share > 1

    @property
    def will_cross(self) -> bool:
        """Whether the line is crossed, or will be before the time limit by the best estimate."""
        return self.crossed or self.projected

    @property
    def line(self) -> str:
        """The line's name among those of all policies."""
        return f"{self.assessment.policy}#{self.assessment.scenario}"

    def crosses_at(self, now: datetime) -> datetime | None:
        """When the best estimate crosses the line at the present rate, seen now; None where it has, or nobody knows.

        A time farther away than LONGEST_FORECAST is not known either.
        """
        if self.crossed or self.seconds_left is None or self.seconds_left > LONGEST_FORECAST.total_seconds():
            return None
        return now + timedelta(seconds=float(self.seconds_left))

    def levels(self, fractions: Sequence[Fraction]) -> list[Fraction]:
        """The warning levels that the upper bound has reached, lowest first."""
        return [f for f in sorted(fractions) if self.upper_share is not None and self.upper_share >= f]


@dataclass(frozen=True)
class RunForecast:
    """A running job as it was seen: its audit up to now, and its outlook on every threshold.

    `spent_seconds` it has trained, `limit_seconds` it may (MaxRuntimeInSeconds); None when not known.
    """

    audited: Audit
    spent_seconds: Fraction | None
    limit_seconds: int | None
    outlooks: tuple[ThresholdForecast, ...]
    tags_read: bool = True

    @property
    def as_a_whole(self) -> bool:
        """Whether its figures are of all that it will have done: its service says neither on what hardware nor how far
        it is, so that they rest on the size of its data, or on what people say of it.
        """
        run = self.audited.run
        return not run.hardware_disclosed and run.billed_tokens is None

    @property
    def never_stop(self) -> bool:
        """Whether a tag forbids to stop the job, or might: tags that could not be read forbid it, too."""
        return not self.tags_read or self.audited.run.tags.get(NEVER_STOP, "").strip().lower() not in NO

    def closest(self) -> ThresholdForecast | None:
        """The line that shares are shown of, as the report has it: the one with the largest share, inherited compute
        included; of a policy that only words a law only where it is more severe than the law.
        """
        lines = telling(self.outlooks, lambda o: (o.assessment.verdict, bool(o.assessment.wording_of)))
        return max(lines, key=lambda o: (o.upper_of_line or 0, o.best_of_line or 0), default=None)

    def about_to_cross(self, within: timedelta) -> list[ThresholdForecast]:
        """The lines that the best estimate crosses within a time, or has crossed, the first one first."""
        soon = [o for o in self.outlooks if o.seconds_left is not None and o.seconds_left <= within.total_seconds()]
        return sorted(soon, key=lambda o: o.seconds_left or 0)


def nearest_first(outlooks: Sequence[ThresholdForecast]) -> list[ThresholdForecast]:
    """Lines by their shares, the largest first: it is met first."""
    return sorted(outlooks, key=lambda o: (o.upper_share or 0, o.best_share or 0), reverse=True)


def look(audited: Audit, tags_read: bool = True) -> RunForecast:
    """See a running job from its audit up to now. Where the compute does not matter, there is no line to warn of."""
    time, limit = audited.run.time, audited.run.limit_seconds
    lines = [a for a in audited.assessments if not a.rule.at_any_compute]
    outlooks = tuple(_outlook(a, _own(audited, a), time.seconds, limit) for a in lines)
    return RunForecast(audited, time.seconds, limit, outlooks, tags_read)


def _own(audited: Audit, assessment: Assessment) -> tuple[int | None, int | None]:
    """Best estimate and upper bound of the run alone, on the basis of the assessment."""
    best, upper, signal = audited.estimate.best_flop, audited.estimate.upper_flop, audited.estimate.signal_flop
    if assessment.rule.basis == "updates" or best is None:
        return best, upper
    return best + signal, None if upper is None else upper + signal


def _outlook(
    assessment: Assessment, own: tuple[int | None, int | None], spent: Fraction | None, limit: int | None
) -> ThresholdForecast:
    room = assessment.room_flop
    rate = Fraction(own[0] or 0) / spent if spent else Fraction(0)
    left = None if assessment.best_flop is None else room - assessment.best_flop
    seconds_left = None
    if left is not None and left < 0:
        seconds_left = Fraction(0)
    elif left is not None and rate > 0:
        seconds_left = left / rate
    more = max(Fraction(0), Fraction(limit) / spent - 1) if spent and limit else None
    best_at_limit = _projected(assessment.best_flop, own[0], more)
    upper_at_limit = _projected(assessment.upper_flop, own[1], more)
    return ThresholdForecast(
        assessment=assessment,
        best_share=_share(assessment.best_flop, room),
        upper_share=_share(assessment.upper_flop, room),
        projected_best_share=_share(best_at_limit, room),
        projected_upper_share=_share(upper_at_limit, room),
        projected_best_flop=best_at_limit,
        projected_upper_flop=upper_at_limit,
        seconds_left=seconds_left,
    )


def _share(amount: int | None, room: int) -> Fraction | None:
    if amount is None:
        return None
    return Fraction(amount, room) if room > 0 else Fraction(max(2, amount))


def _projected(spent: int | None, own: int | None, more: Fraction | None) -> int | None:
    return None if spent is None or own is None or more is None else int(spent + own * more)
