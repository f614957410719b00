"""Runs of a Slurm cluster from its accounting, as `sacct --parsable2` writes it: one line for each allocation and step.

Facts: Slurm, sacct, "JOB ACCOUNTING FIELDS" and "JOB STATE CODES". A job that is requeued keeps its number, has its
time of submission reset, and earlier lines are shown with --duplicates alone. Texts that users choose are not escaped.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from flops_auditor.domain.runs.cluster_time import Stay
from flops_auditor.domain.runs.declared import TAG_PREFIX
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.run import NOT_ENDED, RunState
from flops_auditor.domain.runs.sources.host_lists import UnreadableHosts, host_names
from flops_auditor.domain.runs.sources.operators_word import (
    IN_THE_FUTURE,
    LONGER_THAN_ITS_TIMES,
    LONGEST_NAME,
    NO_END,
    NO_HOSTS_NAMED,
    REVERSED,
    STATEMENTS_DIFFER,
    TORN,
    MalformedOperatorsFile,
    SaidRun,
)
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import Kind, Remark

NEEDED = ("JobID", "JobName", "User", "Submit", "Start", "End", "Elapsed", "State", "AllocTRES", "NodeList", "Comment")
"""Columns without which nothing is read."""
_JOB_ID = re.compile(r"(?P<run>[0-9]{1,10}(?:_[0-9]{1,10})?)(?:\+[0-9]{1,4})?(?P<step>\.[A-Za-z0-9_+-]{1,40})?")
"""A job or a task of an array, with the component of a heterogeneous job, and a step."""
_WAITING = re.compile(r"[0-9]{1,10}_\[[0-9,:-]*(?:\.\.\.)?(?:%[0-9]{1,10})?\]")
"""Tasks of an array that have not begun."""
_ELAPSED = re.compile(r"(?:(?P<days>[0-9]{1,5})-)?(?P<hours>[0-9]{1,2}):(?P<minutes>[0-9]{2}):(?P<seconds>[0-9]{2})")
_COUNT_OF_NODES = re.compile(r"(?:^|,)node=([0-9]{1,6})(?:,|$)")
_ACCELERATORS = re.compile(r"(?:^|,)gres/gpu=([0-9]{1,6})(?=,|$)")
_PART_OF_ONE = re.compile(r"(?:^|,)gres/gpu:[^,=]*[0-9]g\.")
"""A slice of an accelerator, which Slurm counts as one (MIG)."""
_NUMBER = re.compile(r"[0-9]{1,6}")
_OFFSET = re.compile(r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$")
_NO_TIME = frozenset({"", "Unknown", "None", "N/A"})
_NO_HOSTS = frozenset({"", "None assigned", "None", "(null)"})
_STATES: Mapping[str, RunState] = {
    "COMPLETED": "succeeded",
    **dict.fromkeys(("CANCELLED", "DEADLINE", "PREEMPTED", "REVOKED", "TIMEOUT"), "stopped"),
    **dict.fromkeys(("FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "LAUNCH_FAILED"), "error"),
    **dict.fromkeys(
        ("RUNNING", "PENDING", "SUSPENDED", "REQUEUED", "RESIZING", "CONFIGURING", "COMPLETING"), "running"
    ),
}
_BETWEEN_ATTEMPTS = frozenset({"REQUEUED", "RESIZING"})
"""States of an attempt that is over, though its job is not."""
_ROUNDING = timedelta(minutes=1)
_LONGEST_LINE = 200_000
"""Characters in which the columns are looked for that say which run a line is of."""
STEPS_ALONE = Kind(
    "operators-steps-alone",
    "the operator's file has steps of it, and no line of the whole: how long it had its hosts is not known",
    AMEND,
)
STEPS_CONTRADICT = Kind(
    "operators-steps-contradict",
    "contradictory evidence: by the operator's file {what:said} was outside the time of its job",
    AMEND,
)
NO_OFFSET = Kind(
    "operators-times-without-offset",
    "{count} lines of it in the operator's file have times without an offset: nobody says where the cluster's clock "
    "is. Export with SLURM_TIME_FORMAT=%FT%T%z",
    AMEND,
)
ATTEMPTS_MISSING = Kind(
    "operators-attempts-missing",
    "the operator's file lacks {count} attempts of it: how long it had hosts then is not known. Export from the time "
    "on that it was submitted, with --duplicates",
    AMEND,
)


@dataclass(frozen=True)
class SlurmLines:
    """The lines of a file, by run, and how many cannot be told to be of any; `header` is the file's first line."""

    header: str
    of_runs: Mapping[str, tuple[str, ...]]
    torn: int


def slurm_lines(lines: Iterable[str]) -> SlurmLines:
    """Sort a file's lines by run. Raises MalformedOperatorsFile where it is no such file."""
    header, places, of_runs, torn = "", dict[str, int](), dict[str, list[str]](), 0
    for raw in lines:
        line = raw.rstrip("\r\n")
        if line and not header:
            header, places = line, _places(line[:_LONGEST_LINE])
        elif line and line != header:
            run = _run_of(line[:_LONGEST_LINE].split("|", places["JobID"] + 1), places["JobID"])
            if run is None:
                torn += 1
            elif run:
                of_runs.setdefault(run, []).append(line)
    if not header:
        raise MalformedOperatorsFile("it is empty")
    return SlurmLines(header, {run: tuple(each) for run, each in of_runs.items()}, torn)


def _places(header: str) -> dict[str, int]:
    names = header.lstrip("\ufeff").split("|")
    missing = [name for name in NEEDED if names.count(name) != 1 or names[-1] == name == "JobID"]
    if missing:
        raise MalformedOperatorsFile(
            f"its first line has not each of these columns once, JobID not last: {', '.join(missing)}"
        )
    return {name: place for place, name in enumerate(names)}


def is_of_a_step(line: str) -> bool:
    """Whether a line is of a step, by its first column, which JobID usually is."""
    match = _JOB_ID.fullmatch(line.split("|", 1)[0])
    return match is not None and match["step"] is not None


def _run_of(texts: Sequence[str], place: int) -> str | None:
    """Which run a line is of; empty for tasks that have not begun, None where that cannot be told: what no column
    follows may be torn.
    """
    job_id = texts[place] if len(texts) > place + 1 else ""
    if _WAITING.fullmatch(job_id):
        return ""
    match = _JOB_ID.fullmatch(job_id)
    return match["run"] if match else None


@dataclass(frozen=True)
class _Row:
    """One line, read. `whole`: it is of an allocation, and not of a step in it."""

    job_id: str
    whole: bool
    fields: Mapping[str, str]
    submitted: datetime
    start: datetime | None
    end: datetime | None
    hosts: tuple[str, ...]

    @property
    def word(self) -> str:
        """The state's first word: who cancelled it stands behind."""
        return self.fields["State"].split(" ", 1)[0].rstrip("+")

    @property
    def state(self) -> RunState:
        """What the state means. One that is not known shows neither that it goes on nor that it has ended."""
        return _STATES.get(self.word, "ending")


def read_slurm_run(run: str, header: str, lines: Sequence[str], read_at: datetime) -> SaidRun:
    """The run that lines are of, in a file that was read then. Raises MalformedOperatorsFile."""
    rows, doubts = _rows(header, lines)
    if not rows:
        return SaidRun(run, run, "unreadable", "ending", None, (), {}, tuple(doubts))
    own = [row for row in rows if row.whole] or rows
    last = max(own, key=lambda row: (row.submitted, row.start or _NEVER))
    tags = [tags for row in own if (tags := tags_in(row.fields["Comment"]))]
    if not own[0].whole:
        doubts.append(STEPS_ALONE())
    elif any(each != tags[0] for each in tags) or len({(row.fields["User"], row.fields["JobName"]) for row in own}) > 1:
        doubts.append(STATEMENTS_DIFFER())
    for row in rows:
        doubts += _doubts_of(row, last, read_at)
    doubts += [STEPS_CONTRADICT(what=row.job_id) for row in _outside(own, rows)]
    doubts += _missing_attempts(own)
    return SaidRun(
        run_id=run,
        name=last.fields["JobName"][:LONGEST_NAME] or run,
        status=last.fields["State"][:LONGEST_NAME],
        state="running" if any(row.state in NOT_ENDED and not _is_over(row) for row in rows) else last.state,
        created=min(row.submitted for row in rows),
        stays=tuple(stay for row in rows for stay in _stays(row)),
        tags=tags[-1] if tags else {},
        doubts=tuple(dict.fromkeys(doubts)),
        given=_given(own),
    )


_NEVER = datetime.min.replace(tzinfo=UTC)


def _rows(header: str, lines: Iterable[str]) -> tuple[list[_Row], list[Remark]]:
    """Lines that can be read, each once, and why the others cannot be."""
    places, rows, torn, somewhere = _places(header), list[_Row](), 0, 0
    for line in dict.fromkeys(lines):
        try:
            rows.append(_row(line, places))
        except _NoOffset:
            somewhere += 1
        except (ValueError, OverflowError):
            torn += 1
    doubts = [TORN(count=torn)] if torn else []
    return rows, [*doubts, NO_OFFSET(count=somewhere)] if somewhere else doubts


def outside(header: str, whole: Sequence[str], steps: Iterable[str]) -> list[str]:
    """Lines of steps that do not lie in the time of their run's allocations. Raises MalformedOperatorsFile."""
    places = _places(header)
    own, _ = _rows(header, whole)
    of_a_time = [places[name] for name in ("Start", "End", "Elapsed", "State")]
    inside, contradicting = set[tuple[str, ...]](), list[str]()
    for line in steps:
        texts = line.split("|")
        when = tuple(texts[place] for place in of_a_time) if len(texts) == len(places) else ()
        if when in inside:
            continue
        if any(_outside(own, _rows(header, [line])[0])):
            contradicting.append(line)
        else:
            inside.add(when)
    return contradicting


def _outside(own: Sequence[_Row], rows: Iterable[_Row]) -> Iterator[_Row]:
    """Lines that began before all allocations of a run, or ended after them, or while there was none."""
    times = [(row.start, _until(row, row.start)) for row in own if row.start is not None]
    start, end = min((each for each, _ in times), default=None), max((each for _, each in times), default=None)
    for row in rows:
        if row.start is not None and (
            start is None or end is None or start - row.start > _ROUNDING or _until(row, row.start) - end > _ROUNDING
        ):
            yield row


class _NoOffset(ValueError):
    """A time of which nothing says where."""


def _row(line: str, places: Mapping[str, int]) -> _Row:
    """Raises ValueError, OverflowError."""
    texts = line.split("|")
    if len(texts) != len(places):
        raise ValueError("it has other columns")
    fields = {name: texts[place] for name, place in places.items()}
    match = _JOB_ID.fullmatch(fields["JobID"])
    if match is None:
        raise ValueError("it has no JobID")
    listed = fields["NodeList"].strip()
    try:
        hosts = () if listed in _NO_HOSTS else host_names(listed)
    except UnreadableHosts as error:
        raise ValueError("its hosts cannot be read") from error
    submitted, start, end = (_time(fields[name]) for name in ("Submit", "Start", "End"))
    if submitted is None:
        raise ValueError("it was never submitted")
    row = _Row(fields["JobID"], not match["step"], fields, submitted, start, end, hosts)
    _until(row, start or submitted)
    return row


def _time(text: str) -> datetime | None:
    """Raises ValueError, also for a time of which nothing says where: a cluster's clock need not be in UTC."""
    if text in _NO_TIME:
        return None
    if not _OFFSET.search(text):
        raise _NoOffset
    return read_time(text)


def _is_over(row: _Row) -> bool:
    return row.word in _BETWEEN_ATTEMPTS and row.end is not None


def _stays(row: _Row) -> Iterator[Stay]:
    if row.start is not None and row.start < (until := _until(row, row.start)):
        yield from (Stay(host, row.start, until) for host in row.hosts)


def _until(row: _Row, start: datetime) -> datetime:
    """Its end, or, while it goes on, how far it had come: nobody says how old a file is. Raises OverflowError."""
    if row.end is not None and (row.state != "running" or _is_over(row)):
        return row.end
    return start + timedelta(seconds=_seconds(row.fields["Elapsed"]))


def _missing_attempts(rows: Sequence[_Row]) -> Iterator[Remark]:
    """A job that Slurm began again more often than there are attempts of it, each of which is submitted anew."""
    submits, again = defaultdict[str, set[datetime]](set), defaultdict[str, int](int)
    for row in rows:
        counted = row.fields.get("Restarts", "")
        again[row.job_id] = max(again[row.job_id], int(counted) if _NUMBER.fullmatch(counted) else 0)
        submits[row.job_id].add(row.submitted)
    if missing := sum(max(0, again[job] + 1 - len(submits[job])) for job in again):
        yield ATTEMPTS_MISSING(count=missing)


def _given(rows: Sequence[_Row]) -> Fraction:
    """Accelerator-seconds that allocations had in the time that they ran; one that stands twice counts once."""
    most = dict[tuple[str, datetime | None], int]()
    for row in rows:
        tres, key = row.fields["AllocTRES"], (row.job_id, row.start)
        counted = None if _PART_OF_ONE.search(tres) or not row.whole else _ACCELERATORS.search(tres)
        took = _seconds(row.fields["Elapsed"])
        most[key] = max(most.get(key, 0), int(counted[1]) * took if counted else 0)
    return Fraction(sum(most.values()))


def _doubts_of(row: _Row, last: _Row, read_at: datetime) -> Iterator[Remark]:
    """Why the hours of a line are not known."""
    what, ended = row.job_id, row.state not in NOT_ENDED or _is_over(row)
    if row.start is None:
        if row.hosts or _seconds(row.fields["Elapsed"]):
            yield NO_END(what=what)
        return
    if row.end is None and (ended or (row.whole and row is not last)):
        yield NO_END(what=what)
    if not ended and not _ELAPSED.fullmatch(row.fields["Elapsed"]):
        yield NO_END(what=what)
    if row.end is not None and row.end < row.start:
        yield REVERSED(what=what)
    if max(row.start, row.end or row.start, _until(row, row.start)) > read_at:
        yield IN_THE_FUTURE(what=what)
    elapsed = _seconds(row.fields["Elapsed"])
    if row.end is not None and row.end >= row.start and timedelta(seconds=elapsed) > row.end - row.start + _ROUNDING:
        yield LONGER_THAN_ITS_TIMES(what=what)
    if not row.hosts and row.end == row.start and not elapsed:
        return  # it was cancelled before it began
    if not row.hosts or _hosts_counted(row) > len(row.hosts):
        yield NO_HOSTS_NAMED(what=what)


def _hosts_counted(row: _Row) -> int:
    """How many hosts a line says that there were, where it does."""
    counted, column = _COUNT_OF_NODES.search(row.fields["AllocTRES"]), row.fields.get("NNodes", "")
    return max(int(counted[1]) if counted else 0, int(column) if _NUMBER.fullmatch(column) else 0)


def _seconds(text: str) -> int:
    """What is no length of time has none; a length without times is a doubt of its own."""
    match = _ELAPSED.fullmatch(text)
    if match is None:
        return 0
    hours = 24 * int(match["days"] or 0) + int(match["hours"])
    return 3600 * hours + 60 * int(match["minutes"]) + int(match["seconds"])


def tags_in(comment: str) -> dict[str, str]:
    """What a comment says in the form of tags: `flops-auditor:NAME=VALUE`, with semicolons between."""
    pairs = (each.split("=", 1) for each in comment.split(";") if each.strip().startswith(TAG_PREFIX) and "=" in each)
    return {name.strip(): value.strip() for name, value in pairs}
