"""Lines of Slurm's accounting, as `sacct --parsable2` writes them: one for each allocation and step.

Facts: Slurm, sacct, "JOB ACCOUNTING FIELDS" and "JOB STATE CODES". Texts that users choose are not escaped.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.run import NOT_ENDED, RunState
from flops_auditor.domain.runs.sources.host_lists import UnreadableHosts, host_names
from flops_auditor.domain.runs.sources.operators_word import TORN, MalformedOperatorsFile
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import Kind, Remark

NEEDED = ("JobID", "JobName", "User", "Submit", "Start", "End", "Elapsed", "State", "AllocTRES", "NodeList", "Comment")
"""Columns without which nothing is read."""
_LONGEST_HEADER = 10_000
"""Characters: all columns of sacct together have some 1,500. It is read, and kept, with each run."""
JOB_ID = re.compile(r"(?P<run>[0-9]{1,10}(?:_[0-9]{1,10})?)(?:\+[0-9]{1,4})?(?P<step>\.[A-Za-z0-9_+-]{1,40})?")
"""A job or a task of an array, with the component of a heterogeneous job, and a step."""
_ELAPSED = re.compile(r"(?:(?P<days>[0-9]{1,5})-)?(?P<hours>[0-9]{1,2}):(?P<minutes>[0-9]{2}):(?P<seconds>[0-9]{2})")
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
"""States of attempts that may be over, though their job is not."""
ROUNDING = timedelta(minutes=1)
"""By which times and lengths of one line, and those of an allocation and its steps, may differ."""
NO_OFFSET = Kind(
    "operators-times-without-offset",
    "{count} lines of it in the operator's file have times without an offset: nobody says where the cluster's clock "
    "is. Export with SLURM_TIME_FORMAT=%FT%T%z",
    AMEND,
)


@lru_cache(4)
def columns_of(header: str) -> Mapping[str, int]:
    """The place of each column; what is called as one before it stands under its place alone. Raises
    MalformedOperatorsFile where one that is needed is not there once, or where there are far more than Slurm has.
    """
    names = header.lstrip("\ufeff").split("|")
    missing = [name for name in NEEDED if names.count(name) != 1 or names[-1] == name == "JobID"]
    if missing:
        raise MalformedOperatorsFile(
            f"its first line has not each of these columns once, JobID not last: {', '.join(missing)}"
        )
    if len(header) > _LONGEST_HEADER:
        raise MalformedOperatorsFile(f"its first line has more than {_LONGEST_HEADER:,} characters")
    columns = dict[str, int]()
    for place, name in enumerate(names):
        columns[name if name not in columns else f"|{place}"] = place
    return MappingProxyType(columns)


@dataclass(frozen=True)
class SlurmRow:
    """One line, read. `whole`: it is of an allocation, and not of a step in it. It took `elapsed` seconds; None: that
    is no length of time.
    """

    job_id: str
    whole: bool
    fields: Mapping[str, str]
    submitted: datetime
    start: datetime | None
    end: datetime | None
    elapsed: int | None
    hosts: tuple[str, ...]

    @property
    def word(self) -> str:
        """The state's first word: who cancelled it stands behind."""
        return self.fields["State"].split(" ", 1)[0].rstrip("+")

    @property
    def state(self) -> RunState:
        """What the state means. One that is not known shows neither that it goes on nor that it has ended."""
        return _STATES.get(self.word, "ending")

    @property
    def between_attempts(self) -> bool:
        """Whether it is over, though its job is not."""
        return self.word in _BETWEEN_ATTEMPTS and self.end is not None

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state not in NOT_ENDED or self.between_attempts

    @property
    def until(self) -> datetime:
        """Its end, or, while it goes on, how far it had come: nobody says how old a file is."""
        if self.end is not None and (self.state != "running" or self.between_attempts):
            return self.end
        return (self.start or self.submitted) + timedelta(seconds=self.elapsed or 0)


def rows_of(places: Mapping[str, int], lines: Iterable[str]) -> tuple[list[SlurmRow], list[Remark]]:
    """Lines of a file with these columns that can be read, each once, and why the others cannot be."""
    rows, torn, somewhere = list[SlurmRow](), 0, 0
    for line in dict.fromkeys(lines):
        try:
            rows.append(_row(line, places))
        except _NoOffset:
            somewhere += 1
        except (ValueError, OverflowError):
            torn += 1
    doubts = [TORN(count=torn)] if torn else []
    return rows, [*doubts, NO_OFFSET(count=somewhere)] if somewhere else doubts


def hosts_of_line(line: str, places: Mapping[str, int]) -> str:
    """The list of hosts of a line, unread; empty where it has none, or has other columns."""
    texts = line.split("|")
    listed = texts[places["NodeList"]].strip() if len(texts) == len(places) else ""
    return "" if listed in _NO_HOSTS else listed


def had_nothing(line: str, places: Mapping[str, int]) -> bool:
    """Whether a line says that what it is of had no host and no time: it waits, or was cancelled before it began."""
    texts = line.split("|")
    if len(texts) != len(places):
        return False
    start, end, elapsed, hosts = (texts[places[name]] for name in ("Start", "End", "Elapsed", "NodeList"))
    never_began = start in _NO_TIME or start == end
    return never_began and (elapsed in _NO_TIME or _seconds(elapsed) == 0) and hosts.strip() in _NO_HOSTS


def latest_words(rows: Sequence[SlurmRow]) -> list[SlurmRow]:
    """Without lines that a later export says anew: of an attempt that waited or went on then, and has come further in
    another line. What contradicts that line stays.
    """
    begun = {_attempt(row) for row in rows if row.start is not None or row.ended}
    furthest = dict[tuple[str, datetime, datetime | None], SlurmRow]()
    for row in rows:
        known = furthest.setdefault((*_attempt(row), row.start), row)
        if (row.until, row.ended) > (known.until, known.ended):
            furthest[(*_attempt(row), row.start)] = row

    def is_said_anew(row: SlurmRow) -> bool:
        if row.state != "running" or row.ended:
            return False
        if row.start is None and not row.hosts and not row.elapsed:
            return _attempt(row) in begun
        return _came_further(furthest[(*_attempt(row), row.start)], row)

    return [row for row in rows if not is_said_anew(row)]


def _attempt(row: SlurmRow) -> tuple[str, datetime]:
    return row.job_id, row.submitted


def _came_further(later: SlurmRow, row: SlurmRow) -> bool:
    """Whether a line of the same attempt says all that this one does, and more."""
    if row.elapsed is None or not (later.ended or later.until > row.until):
        return False
    return later.hosts == row.hosts or set(row.hosts) <= set(later.hosts)


class _NoOffset(ValueError):
    """A time of which nothing says where."""


def _row(line: str, places: Mapping[str, int]) -> SlurmRow:
    """Raises ValueError, OverflowError."""
    texts = line.split("|")
    if len(texts) != len(places):
        raise ValueError("it has other columns")
    fields = {name: texts[place] for name, place in places.items()}
    match = JOB_ID.fullmatch(fields["JobID"])
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
    elapsed = _seconds(fields["Elapsed"])
    row = SlurmRow(fields["JobID"], not match["step"], fields, submitted, start, end, elapsed, hosts)
    _ = row.until  # raises where it is beyond all time
    return row


def _time(text: str) -> datetime | None:
    """Raises ValueError, also for a time of which nothing says where: a cluster's clock need not be in UTC."""
    if text in _NO_TIME:
        return None
    if not _OFFSET.search(text):
        raise _NoOffset
    return read_time(text)


def _seconds(text: str) -> int | None:
    match = _ELAPSED.fullmatch(text)
    if match is None:
        return None
    hours = 24 * int(match["days"] or 0) + int(match["hours"])
    return 3600 * hours + 60 * int(match["minutes"]) + int(match["seconds"])
