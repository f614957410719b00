"""L of the hardware-based method: for how long the hardware of a run trained, and when.

Annex A.2 counts seconds of use: a run that was interrupted and restarted has several spans, and the time between them
is not use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from flops_auditor.domain.values.remarks import Kind, Remark

STILL_TRAINING = Kind("still-training", "the job is {status}: it may still be training")
"""A doubt that time settles."""
UNKNOWN_TIME = Kind("unknown-training-time", "training time: unknown")


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

    `seconds` is None when nothing says how long the job trained: then no upper bound exists. `longest` is what another
    field of the description says, where that is so much more that the spans may be incomplete. `unexplained` seconds
    beside the spans the run had its hardware for, and nothing says what for.
    """

    spans: tuple[Span, ...]
    seconds: Fraction | None
    basis: Remark
    doubts: tuple[Remark, ...] = ()
    longest: Fraction | None = None
    unexplained: Fraction = Fraction(0)
    notes: tuple[Remark, ...] = ()


def seconds_between(start: datetime, end: datetime) -> Fraction:
    """Seconds from `start` to `end`, exact to the microsecond."""
    delta = end - start
    return Fraction(delta.days * 86400 + delta.seconds) + Fraction(delta.microseconds, 10**6)


def merge(spans: list[Span]) -> tuple[Span, ...]:
    """Overlapping or touching spans joined, so that no second is counted twice (Annex A.2 counts seconds of use)."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def gaps(start: datetime | None, end: datetime | None, spans: Sequence[Span]) -> tuple[Span, ...]:
    """What lies between two moments and in none of these disjoint spans, which are in order; nothing where a moment is
    not known.
    """
    if start is None or end is None:
        return ()
    edges = [start, *(moment for span in spans for moment in (span.start, span.end)), end]
    between = [Span(max(a, start), min(b, end)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return tuple(span for span in between if span.start < span.end)
