"""The lines of flops-meter, from the metrics that SageMaker made of them: one series for each word of a line.

Metrics keep no text, so the chain of digests cannot be checked here; what can be is whether the words are this job's,
of this time, in one order, and from one writer (docs/adr/1702, 1705). All amounts are cumulative over the run and over
interruptions: a line that is missing between others costs nothing.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, pairwise

from flops_auditor.domain.runs.emitted import Emitted, Final
from flops_auditor.domain.runs.meter_words import (
    AMOUNTS,
    BINDING,
    CHECK_THE_LOG,
    CLOCKS_DIFFER,
    MODEL_FLOP,
    OTHER_JOB,
    WORDS,
    Counted,
    Facts,
    Suspicion,
    check_of,
    counted,
    suspicions_of,
)
from flops_auditor.domain.runs.series import Series, in_microseconds
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.remarks import Kind, Remark

PREFIX = "flops_auditor:"
MINIMUM = " Minimum"
"""Behind a metric's name: the label of its lowest value in each period."""
SOURCE = "flops-meter's lines"
_SECOND = 10**6
_DELAY = int(CLOCKS_DIFFER) * _SECOND
_NO_TIME = -1
_SINGLE = Fraction(1, 2**22)
"""SageMaker keeps a metric's final value in single precision (24 bits): it may differ by so much."""

GOES_BACK = Kind(
    "meter-lines-go-back",
    "contradictory evidence: {word} of the meter's lines goes back without an interruption; the largest count is taken",
    CHECK_THE_LOG,
)
TWO_WRITERS = Kind(
    "meter-lines-of-two-writers",
    "contradictory evidence: lines with the same numbers were written more than once: several meters write into one "
    "log, or lines were pasted",
    CHECK_THE_LOG,
)
OTHER_TIME = Kind(
    "meter-lines-of-another-time",
    "contradictory evidence: {count} of the meter's lines speak of another time than the one in which they were logged",
    CHECK_THE_LOG,
)
LINES_MISSING = Kind(
    "meter-lines-missing",
    "{count:.6g} of the meter's lines are not among the metrics; amounts are cumulative, so that nothing is lost by it",
)
COUNTS_ANEW = Kind(
    "meter-counts-anew",
    "the meter began to count anew {times} times, without the state of the count before: the counts are added up",
)

Words = dict[str, Fraction]
_GROWING = (MODEL_FLOP, "covered", "seq")
"""Words that never shrink within an attempt."""
_LARGEST = ("failed", "unknown_ops")
"""Words that hold once they were said."""
_ADDED = (*AMOUNTS, "covered", "steps")


@dataclass(frozen=True)
class _Row:
    """What the lines of one period say: the highest value of each word, and the lowest of those asked for."""

    start: int
    most: Words
    least: Words

    def word(self, name: str) -> Fraction:
        """The highest value; 0 where the word is missing."""
        return self.most.get(name, Fraction(0))


def word_of(label: str) -> str | None:
    """The word of a meter's line that a metric of this label is; None for every other metric."""
    word = label.removesuffix(MINIMUM).removeprefix(PREFIX)
    return word if label.startswith(PREFIX) and word in WORDS else None


def read_lines(
    series: Mapping[str, Series],
    finals: Mapping[str, Final],
    facts: Facts,
    spans: Sequence[Span],
    step: int,
    plain: Emitted | None,
) -> Counted | Remark | None:
    """What the lines of a job amount to: a count; why there is none that can be used; or None without any line.

    `series` by label, `finals` by name; `step`: microseconds that one value of a series stands for. `plain` is the
    count read like every other counter, which is taken where nothing says which time the lines cover.
    """
    rows = _rows(series)
    last = {word: final.value for name, final in finals.items() if (word := word_of(name))}
    if not _of_this_job(rows, last, facts):
        return OTHER_JOB(source=SOURCE)
    known = {**last, **{word: value for row in rows for word, value in row.most.items()}}
    if MODEL_FLOP not in known:
        return None
    if "covered" not in known:
        return None if plain is None else Counted(plain, suspicions=tuple(suspicions_of(known, facts)))
    stretches = _stretches(rows, spans, step)
    counts = _counts(stretches)
    doubts = dict.fromkeys((*_order(stretches), *_of_another_time(rows, step)))
    totals = _together(counts, last, orderly=not doubts)
    lost = _lost(stretches)
    if lost > totals.get("discarded_flop", Fraction(0)):
        totals["discarded_flop"] = lost
    result = counted(totals, facts, SOURCE, (*BINDING, "chain_check"))
    notes = [*result.notes, *_missing(stretches)]
    if len(counts) > 1:
        notes.append(COUNTS_ANEW(times=len(counts) - 1))
    return replace(result, suspicions=(*map(Suspicion, doubts), *result.suspicions), notes=tuple(notes))


def _rows(series: Mapping[str, Series]) -> list[_Row]:
    """What each period says, in order; values without times are one row of their highest and lowest."""
    by_start: dict[int, _Row] = {}
    timed = any(each.starts for each in series.values())
    for label, each in series.items():
        word = word_of(label)
        if word is None:
            continue
        for start, value in zip(each.starts, each.timed, strict=True):
            row = by_start.setdefault(start, _Row(start, {}, {}))
            (row.least if label.endswith(MINIMUM) else row.most)[word] = Fraction(value, each.scale)
        if not timed:
            row = by_start.setdefault(_NO_TIME, _Row(_NO_TIME, {}, {}))
            row.most[word] = Fraction(max(each.untimed), each.scale)
            row.least[word] = Fraction(min(each.untimed), each.scale)
    rows = [by_start[start] for start in sorted(by_start) if MODEL_FLOP in by_start[start].most]
    for before, row in pairwise(rows):
        for word in ("since", "attempt"):
            if word in before.most:
                row.most.setdefault(word, before.most[word])
    return rows


def _stretches(rows: Sequence[_Row], spans: Sequence[Span], step: int) -> list[list[_Row]]:
    """Rows of one count, one attempt and one span of training: between two of them a process began anew."""
    begins = in_microseconds(spans).begins

    def which(row: _Row) -> tuple[Fraction, Fraction, int]:
        return row.word("since"), row.word("attempt"), bisect_left(begins, row.start + step)

    return [list(each) for _, each in groupby(rows, key=which)]


def _of_this_job(rows: Sequence[_Row], last: Words, facts: Facts) -> bool:
    """Whether all lines name this job, as far as they name any; final values are kept in single precision."""
    expected = Fraction(check_of(facts.arn))
    exact = all(values.get("job_check", expected) == expected for row in rows for values in (row.most, row.least))
    return exact and abs(last.get("job_check", expected) - expected) <= expected * _SINGLE


def _counts(stretches: Sequence[list[_Row]]) -> list[list[_Row]]:
    """The rows of each count: a later `since` begins one anew.

    In the period in which it begins, the highest values may be those of the count before.
    """
    counts: list[list[_Row]] = []
    for stretch in stretches:
        rows = stretch
        if not counts or rows[0].word("since") > counts[-1][-1].word("since"):
            if counts and len(rows) > 1 and rows[0].word(MODEL_FLOP) > rows[1].word(MODEL_FLOP):
                counts[-1].append(rows[0])
                rows = rows[1:]
            counts.append([])
        counts[-1] += rows
    return counts


def _lost(stretches: Sequence[list[_Row]]) -> Fraction:
    """FLOP that were said before an interruption and not after it: lost and done again, whatever the lines call it.

    What the process did before its first line is taken to be as much as between that one and the next.
    """
    lost, peak = Fraction(0), Fraction(0)
    for before, after in pairwise([[], *stretches]):
        rows = after
        if not before or rows[0].word("since") > before[-1].word("since"):
            peak = Fraction(0)
        elif len(rows) > 1 and rows[0].word(MODEL_FLOP) > rows[1].word(MODEL_FLOP):
            peak, rows = max(peak, rows[0].word(MODEL_FLOP)), rows[1:]
        first = rows[0].word(MODEL_FLOP)
        done = rows[1].word(MODEL_FLOP) - first if len(rows) > 1 else first
        if peak > first:
            lost += peak - max(Fraction(0), first - max(Fraction(0), done))
        peak = max(row.word(MODEL_FLOP) for row in rows)
    return lost


def _order(stretches: Sequence[list[_Row]]) -> Iterator[Remark]:
    """What speaks against the order of the lines: within an attempt all words grow, and each number comes once."""
    for before, after in pairwise(each[-1] for each in stretches):
        if after.word("since") < before.word("since"):
            yield GOES_BACK(word="since")
        elif after.word("since") == before.word("since") and after.word("attempt") < before.word("attempt"):
            yield GOES_BACK(word="attempt")
    for place, stretch in enumerate(stretches):
        rows = stretch if place == 0 else stretch[1:]  # the period in which a process begins may have lines of two
        if any(_two_in_one(row) for row in rows):
            yield TWO_WRITERS()
        for before, row in pairwise(rows):
            yield from (GOES_BACK(word=word) for word in _GROWING if row.word(word) < before.word(word))
            if "seq" in row.most and row.least.get("seq", row.word("seq")) <= before.word("seq"):
                yield TWO_WRITERS()


def _two_in_one(row: _Row) -> bool:
    """Whether two different lines of a period have the same number."""
    one = "seq" in row.least and row.least["seq"] == row.most.get("seq")
    return one and "chain_check" in row.least and row.least["chain_check"] != row.most.get("chain_check")


def _missing(stretches: Sequence[list[_Row]]) -> Iterator[Remark]:
    """Lines between others, and before the first, that are not among the metrics."""
    missing = Fraction(0)
    for place, stretch in enumerate(stretches):
        if place == 0 and stretch[0].word("attempt") <= 1:
            missing += stretch[0].least.get("seq", Fraction(1)) - 1
        for before, row in pairwise(stretch):
            missing += max(Fraction(0), row.least.get("seq", Fraction(0)) - before.word("seq") - 1)
    if missing > 0:
        yield LINES_MISSING(count=missing)


def _of_another_time(rows: Sequence[_Row], step: int) -> Iterator[Remark]:
    """Lines whose own time is not the one in which they were logged: an earlier log that was printed again."""
    off = 0
    for row in rows:
        if "to" in row.most and row.start != _NO_TIME:
            late = row.word("to") * _SECOND - row.start
            began_late = row.word("since") * _SECOND - row.start
            off += not -_DELAY <= late <= step + _DELAY or began_late > step + _DELAY
    if off:
        yield OTHER_TIME(count=off)


def _together(counts: Sequence[list[_Row]], last: Words, *, orderly: bool) -> Words:
    """The words of the whole run: amounts of all counts added up. In disorder, the largest figure of each count."""
    each = [_values_of(count, orderly=orderly) for count in counts]
    if not each:
        return last
    whole = dict(each[-1])
    for word in _ADDED:
        if any(word in values for values in each):
            whole[word] = sum((values.get(word, Fraction(0)) for values in each), Fraction(0))
    whole |= {word: max(values.get(word, Fraction(0)) for values in each) for word in _LARGEST if word in whole}
    worst = min(each, key=_heard)
    whole |= {word: worst[word] for word in ("ranks", "reporting") if word in worst}
    if any("uncounted_steps" in values for values in each):
        whole["uncounted_steps"] = _uncounted(counts, each)
    if last.get(MODEL_FLOP, Fraction(0)) > whole[MODEL_FLOP] * (1 + _SINGLE):
        whole |= {word: max(value, whole.get(word, value)) for word, value in last.items()}
    return whole


def _uncounted(counts: Sequence[list[_Row]], values: Sequence[Words]) -> Fraction:
    """Steps that are in no count. Those that a count was told of when it began are known from the counts before it.

    The others of its first line it saw nothing of: as many for each step in it as in the later lines of any count.
    """
    unseen = max(_grown(rows, "uncounted_steps") / max(_grown(rows, "steps"), Fraction(1)) for rows in counts)
    missing, known = Fraction(0), Fraction(0)
    for rows, words in zip(counts, values, strict=True):
        uncounted, first = words.get("uncounted_steps", Fraction(0)), rows[0]
        told = max(Fraction(0), first.word("uncounted_steps") - unseen * first.word("steps") // 1)
        own = uncounted - min(told, known, uncounted)
        missing, known = missing + own, known + own + words.get("steps", Fraction(0))
    return missing


def _grown(rows: Sequence[_Row], word: str) -> Fraction:
    return max(Fraction(0), rows[-1].word(word) - rows[0].word(word))


def _heard(values: Words) -> Fraction:
    """The part of the processes that a count heard of."""
    ranks = values.get("ranks", Fraction(1))
    return values.get("reporting", ranks) / max(ranks, Fraction(1))


def _values_of(count: Sequence[_Row], *, orderly: bool) -> Words:
    """The words of one count: its last line's; the largest of those that hold once said, and of all in disorder."""
    values = {word: value for row in count for word, value in row.most.items()}
    for word in _LARGEST if orderly else (*_LARGEST, *_ADDED, "uncounted_steps"):
        if word in values:
            values[word] = max(row.word(word) for row in count)
    return values
