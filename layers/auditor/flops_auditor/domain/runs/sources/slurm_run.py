"""A run of Slurm from its lines: its allocations, and steps in them.

A job that is requeued keeps its number, has its time of submission reset, and earlier lines are shown with --duplicates
alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from flops_auditor.domain.runs.cluster_time import Stay
from flops_auditor.domain.runs.declared import TAG_PREFIX
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.sources.operators_word import (
    IN_THE_FUTURE,
    LONGER_THAN_ITS_TIMES,
    LONGEST_NAME,
    NO_END,
    NO_HOSTS_NAMED,
    REVERSED,
    STATEMENTS_DIFFER,
    SaidRun,
    first_tags,
)
from flops_auditor.domain.runs.sources.slurm_rows import (
    ROUNDING,
    SlurmRow,
    columns_of,
    latest_words,
    rows_of,
)
from flops_auditor.domain.runs.sources.slurm_steps import AllocatedHosts
from flops_auditor.domain.values.remarks import Kind, Remark

_COUNT_OF_NODES = re.compile(r"(?:^|,)node=([0-9]{1,6})(?:,|$)")
_ACCELERATORS = re.compile(r"(?:^|,)gres/gpu=([0-9]{1,6})(?=,|$)")
_PART_OF_ONE = re.compile(r"(?:^|,)gres/gpu:[^,=]*[0-9]g\.")
"""A slice of an accelerator, which Slurm counts as one (MIG)."""
_NUMBER = re.compile(r"[0-9]{1,6}")
_NEVER = datetime.min.replace(tzinfo=UTC)
STEPS_ALONE = Kind(
    "operators-steps-alone",
    "the operator's file has steps of it, and no line of the whole: how long it had its hosts is not known",
    AMEND,
)
STEPS_CONTRADICT = Kind(
    "operators-steps-contradict",
    "contradictory evidence: by the operator's file {what:said} was outside the time or the hosts of its job",
    AMEND,
)
ATTEMPTS_MISSING = Kind(
    "operators-attempts-missing",
    "the operator's file lacks {count} attempts of it: how long it had hosts then is not known. Export from the time "
    "on that it was submitted, with --duplicates",
    AMEND,
)


RESTARTS_NOT_TOLD = Kind(
    "operators-restarts-not-told",
    "the operator's file does not say how often Slurm began it again: it may have had hosts in earlier attempts that "
    "the file lacks. Export with the column Restarts, from the time on that it was submitted, with --duplicates",
    AMEND,
)


def read_slurm_run(run: str, header: str, lines: Sequence[str], read_at: datetime) -> SaidRun:
    """The run that lines are of, in a file that was read then. Raises MalformedOperatorsFile."""
    rows, doubts = rows_of(columns_of(header), lines)
    if not rows:
        return SaidRun(run, run, "unreadable", "ending", None, (), {}, tuple(doubts))
    own = [row for row in rows if row.whole] or rows
    current = latest_words(rows)
    last = max((row for row in current if row.whole or not own[0].whole), key=_order)
    every, differ = _tags(own)
    tags, left_out = first_tags(every)
    doubts += left_out
    if not own[0].whole:
        doubts.append(STEPS_ALONE())
    elif differ:
        doubts.append(STATEMENTS_DIFFER())
    for row in current:
        doubts += _doubts_of(row, last, read_at)
    steps = [row for row in rows if row.whole != own[0].whole]
    allocated = AllocatedHosts(own if steps else ())
    doubts += [STEPS_CONTRADICT(what=row.job_id) for row in steps if not allocated.cover(row)]
    doubts += _missing_attempts(own)
    return SaidRun(
        run_id=run,
        name=last.fields["JobName"][:LONGEST_NAME] or run,
        status=last.fields["State"][:LONGEST_NAME],
        state="running" if not all(row.ended for row in current) else last.state,
        created=min(row.submitted for row in rows),
        stays=tuple(stay for row in rows for stay in _stays(row)),
        tags=tags,
        doubts=tuple(dict.fromkeys(doubts)),
        given=_given(own),
    )


def _order(row: SlurmRow) -> tuple[datetime, datetime, bool, datetime]:
    """Of lines of one attempt that contradict each other the end counts: what goes on beside it is in doubt."""
    return row.submitted, row.start or _NEVER, row.ended, row.until


def _stays(row: SlurmRow) -> Iterator[Stay]:
    start, until = row.start, row.until
    if start is not None and start < until:
        yield from (Stay(host, start, until) for host in row.hosts)


def _missing_attempts(rows: Sequence[SlurmRow]) -> Iterator[Remark]:
    """A job that Slurm began again more often than there are attempts of it, each of which is submitted anew, or of
    which nothing says how often: by its times alone no attempt shows that there were others.
    """
    submits, again = defaultdict[str, set[datetime]](set), defaultdict[str, int](int)
    counted = [row.fields.get("Restarts", "") for row in rows]
    if not all(map(_NUMBER.fullmatch, counted)):
        yield RESTARTS_NOT_TOLD()
    for row, text in zip(rows, counted, strict=True):
        again[row.job_id] = max(again[row.job_id], int(text) if _NUMBER.fullmatch(text) else 0)
        submits[row.job_id].add(row.submitted)
    if missing := sum(max(0, again[job] + 1 - len(submits[job])) for job in again):
        yield ATTEMPTS_MISSING(count=missing)


def _given(rows: Sequence[SlurmRow]) -> Fraction:
    """Accelerator-seconds that allocations had in the time that they ran; one that stands twice counts once."""
    most = dict[tuple[str, datetime | None], int]()
    for row in rows:
        tres, key = row.fields["AllocTRES"], (row.job_id, row.start)
        counted = None if _PART_OF_ONE.search(tres) or not row.whole else _ACCELERATORS.search(tres)
        most[key] = max(most.get(key, 0), int(counted[1]) * (row.elapsed or 0) if counted else 0)
    return Fraction(sum(most.values()))


def _doubts_of(row: SlurmRow, last: SlurmRow, read_at: datetime) -> Iterator[Remark]:
    """Why the hours of a line are not known."""
    what = row.job_id
    if row.start is None:
        if row.hosts or row.elapsed:
            yield NO_END(what=what)
        return
    if row.end is None and (row.ended or (row.whole and row is not last)):
        yield NO_END(what=what)
    if not row.ended and row.elapsed is None:
        yield NO_END(what=what)
    if row.end is not None and row.end < row.start:
        yield REVERSED(what=what)
    if max(row.start, row.end or row.start, row.until) > read_at:
        yield IN_THE_FUTURE(what=what)
    elapsed = timedelta(seconds=row.elapsed or 0)
    if row.end is not None and row.end >= row.start and elapsed > row.end - row.start + ROUNDING:
        yield LONGER_THAN_ITS_TIMES(what=what)
    if not row.hosts and row.end == row.start and not elapsed:
        return  # it was cancelled before it began
    if not row.hosts or _hosts_counted(row) > len(row.hosts):
        yield NO_HOSTS_NAMED(what=what)


def _hosts_counted(row: SlurmRow) -> int:
    """How many hosts a line says that there were, where it does."""
    counted, column = _COUNT_OF_NODES.search(row.fields["AllocTRES"]), row.fields.get("NNodes", "")
    return max(int(counted[1]) if counted else 0, int(column) if _NUMBER.fullmatch(column) else 0)


def _tags(rows: Sequence[SlurmRow]) -> tuple[dict[str, str], bool]:
    """What comments say in the form of tags, `flops-auditor:NAME=VALUE` with semicolons between, and whether lines of a
    run contradict each other, or themselves.
    """
    statements = [pairs for row in rows if (pairs := list(_pairs(row.fields["Comment"])))]
    unlike = {frozenset(pairs) for pairs in statements}
    whose = {(row.fields["User"], row.fields["JobName"]) for row in rows}
    twice = any(len(dict(pairs)) < len(pairs) for pairs in unlike)
    return dict(statements[-1]) if statements else {}, twice or len(unlike) > 1 or len(whose) > 1


def _pairs(comment: str) -> Iterator[tuple[str, str]]:
    for part in comment.split(";"):
        name, equals, value = part.partition("=")
        if equals and name.strip().startswith(TAG_PREFIX):
            yield name.strip(), value.strip()
