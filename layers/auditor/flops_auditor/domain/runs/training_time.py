"""L of the hardware-based method: for how long the hardware of a run trained, and when.

Annex A.2 counts seconds of use: a run that was interrupted and restarted has several spans, and the time between them
is not use.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property

from flops_auditor.domain.values.amounts import summed
from flops_auditor.domain.values.remarks import Kind, Remark

STILL_TRAINING = Kind("still-training", "the job is {status}: it may still be training")
"""A doubt that time settles."""
A_MOMENT = Fraction(60)
"""States follow each other; seconds between them, fewer than this, are how a service keeps its times."""
UNKNOWN_TIME = Kind("unknown-training-time", "training time: unknown")
SAID_BY_THE_OPERATOR = Kind(
    "training-time-said-by-the-operator",
    "training time: by a file of {who:said80}, who operates the cluster, {seconds:.10g} s of {hosts} hosts",
)
"""Hours that no service says: they are a person's word."""


@dataclass(frozen=True)
class Span:
    """Half-open interval of time."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> Fraction:
        """Length in seconds."""
        return seconds_between(self.start, self.end)


@dataclass(frozen=True)
class TrainingTime:
    """Disjoint spans in order of time, their sum in seconds, and how they were found.

    `seconds` is None when nothing says how long the job trained: then no upper bound exists. Spans that are longer than
    `seconds` say no more than where training lies. `in_no_state`: when the run had its hardware, and neither a span nor
    a state says what for; `unexplained` is how much of that, and of what other fields say beyond it, is not in
    `seconds`.
    """

    spans: tuple[Span, ...]
    seconds: Fraction | None
    basis: Remark
    doubts: tuple[Remark, ...] = ()
    unexplained: Fraction = Fraction(0)
    notes: tuple[Remark, ...] = ()
    in_no_state: tuple[Span, ...] = ()

    @cached_property
    def placed(self) -> tuple[Span, ...]:
        """The spans, where they are the training that counts; nothing where they only say in what it lies."""
        return self.spans if self.seconds is not None and length(self.spans) <= self.seconds else ()

    @cached_property
    def accounted(self) -> tuple[Span, ...]:
        """When the run trained, and when nothing says what it did: this counts already."""
        return merge([*self.placed, *self.in_no_state])

    @property
    def unplaced(self) -> Fraction:
        """Seconds of training of which nothing says when they were."""
        return max(Fraction(0), (self.seconds or 0) - length(self.accounted))


def seconds_between(start: datetime, end: datetime) -> Fraction:
    """Seconds from `start` to `end`, exact to the microsecond."""
    delta = end - start
    return Fraction(delta.days * 86400 + delta.seconds) + Fraction(delta.microseconds, 10**6)


def length(spans: Sequence[Span]) -> Fraction:
    """Seconds of disjoint spans together."""
    return summed(span.seconds for span in spans)


def merge(spans: Iterable[Span], apart: timedelta = timedelta(0)) -> tuple[Span, ...]:
    """Overlapping or touching spans joined, so that no second is counted twice (Annex A.2 counts seconds of use), and
    those that are no further `apart`.
    """
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        if merged and span.start - merged[-1].end <= apart:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def gaps(outer: Span, spans: Sequence[Span]) -> tuple[Span, ...]:
    """What lies in a span and in none of these disjoint ones, which are in order."""
    start, end = outer.start, outer.end
    edges = [start, *(moment for span in spans for moment in (span.start, span.end)), end]
    between = [Span(max(a, start), min(b, end)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return tuple(span for span in between if span.start < span.end)
