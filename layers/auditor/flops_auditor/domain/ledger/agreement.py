"""Whether records agree with one another: who signed them is one question, whether they can all be true another.

A record becomes a row of fixed size, and each ancestor that it lists a reference; chunks are read in any order and by
several processes, and rows are compared once all are there. Rows hold digests of eight bytes under a key that is drawn
for each run: nobody can choose records whose digests meet.
"""

import marshal
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from flops_auditor.domain.ledger.bills import check_bill
from flops_auditor.domain.ledger.findings import Defect, defect_of
from flops_auditor.domain.ledger.forms import ACTIVITY_CONTRADICTED, WITHOUT_STATEMENTS
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Leaf, account_of_ledger
from flops_auditor.domain.ledger.ledger_errors import (
    AncestorMismatch,
    AncestorNotHere,
    DueDateMismatch,
    DuplicateSubject,
    FutureTimestamp,
    HistoryMismatch,
    LedgerError,
    LoggedOtherwise,
    LoggedTwice,
    MalformedRecord,
    RevisionOutOfOrder,
    SubjectMismatch,
    SupersedesMismatch,
    TimeRunsBackwards,
    WrongLedger,
)
from flops_auditor.domain.values.archive_keys import job_id
from flops_auditor.domain.values.arns import partition_of_region
from flops_auditor.domain.values.json_size import MOST_DUE
from flops_auditor.domain.values.moments import iso

SPARE_REFERENCES = 10_000
"""How many more ancestors than records a log may name: each is a record of it, or one that is not logged yet."""
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
PLAIN = 2
"""The version of marshal that writes a value by what it is alone: later ones also by how often it is in memory."""
SKEW_MS = CLOCK_SKEW // timedelta(milliseconds=1)
KEY_BYTES = 16
"""Of the key that a Reader is made with."""


class Row(NamedTuple):
    """A record as others have to agree with it. `state` is what it says, `state_before` what it says of the one before.

    `view` is the record as its descendants list it. `tables` are those it rests on; `tables_before` those that the
    record before must rest on, where this one says that other tables are why it was made.
    """

    job: bytes
    leaf: int
    revision: int
    line: bytes
    supersedes: bytes
    state: bytes
    state_before: bytes
    view: bytes
    tables: bytes
    tables_before: bytes
    action: bytes
    at: int
    finished: bool


class RecordReference(NamedTuple):
    """An ancestor as a record lists it; `leaf` and `at` are the first place and time at which one does."""

    job: bytes
    revision: int
    view: bytes
    leaf: int
    at: int


class Due(NamedTuple):
    """The day of one dated duty, as an ordinal; `duty` names it with what its law says of the day."""

    job: bytes
    duty: bytes
    revision: int
    leaf: int
    day: int


_ROW = struct.Struct("<8sLL6s6s6s6s6s4s4s4sq?")
_REFERENCE = struct.Struct("<8sL6sLq")
_DUE = struct.Struct("<8s6sLLL")
_LEAF = struct.Struct("<L")
MOST = (1 << 32) - 1
"""Leaves of a log and revisions of a job: what a row has room for."""


class Rows(NamedTuple):
    """Of some records: their rows, the ancestors that they list, their days, each packed."""

    rows: bytes = b""
    references: bytes = b""
    due: bytes = b""


class Reader:
    """Turns records into rows and references, under the key of this run."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def rows(self, leaf: Leaf, line: bytes, index: int) -> Rows:
        """What others have to agree with. Raises what a record shows by itself: see `check_record`, `check_bill`."""
        content = leaf.statement.predicate
        job, revision = leaf.statement.identity
        if max(index, revision) > MOST:
            raise MalformedRecord(f"leaf {index} is revision {revision}")
        if leaf.kind == "bill":
            check_bill(leaf)
            return Rows(self._bill(leaf, line, index))
        check_record(leaf)
        at, before, reassessed = milliseconds(leaf.at), before_changes(content), content["reassessed"]
        name = self._digest(8, job)
        row = _ROW.pack(
            name,
            index,
            revision,
            self.line(line),
            self._digest(6, content["supersedes"]) if content["supersedes"] else bytes(6),
            self._digest(6, content["verdict"], verdicts(content)),
            bytes(6) if before is None else self._digest(6, content["previous_verdict"], before),
            self._digest(6, as_ancestor(content)),
            self._digest(4, content["code_version"], sorted(content["tables"].items())),
            self._digest(4, reassessed["code_version"], before_tables(content)) if reassessed else bytes(4),
            self._digest(4, sorted(content["action"].items())) if content["action"] else bytes(4),
            at,
            content["job"]["finished"],
        )
        terms = terms_of(content) if content["due"] else {}
        due = (
            _DUE.pack(name, self._duty(each, terms), revision, index, ordinal(each["day"])) for each in content["due"]
        )
        return Rows(row, self.references(content["cumulative"]["ancestors"], job, index, at), b"".join(due))

    def _bill(self, leaf: Leaf, line: bytes, index: int) -> bytes:
        """A statement on a bill, which follows another one, and says nothing of it beside its digest."""
        (job, revision), supersedes = leaf.statement.identity, leaf.statement.predicate["supersedes"]
        lines = (self.line(line), self._digest(6, supersedes) if supersedes else bytes(6))
        nothing = (bytes(6), bytes(6), bytes(6), bytes(4), bytes(4), bytes(4))
        return _ROW.pack(self._digest(8, job), index, revision, *lines, *nothing, milliseconds(leaf.at), True)

    def line(self, line: bytes) -> bytes:
        """A line as `Row.line` and `Row.supersedes` hold it."""
        return self._digest(6, sha256(line).hexdigest())

    def references(self, ancestors: list[dict[str, Any]], job: str, index: int, at: int) -> bytes:
        """Listed ancestors, packed. Raises AncestorMismatch for a record that continues itself."""
        packed = bytearray()
        for each in ancestors:
            if each["job_id"] == job or each["revision"] > MOST:
                raise AncestorMismatch(f"leaf {index} lists itself, or no revision, among its ancestors")
            view = self._digest(6, listed_ancestor(each))
            packed += _REFERENCE.pack(self._digest(8, each["job_id"]), each["revision"], view, index, at)
        return bytes(packed)

    def _duty(self, due: Mapping[str, str], terms: Mapping[tuple[str, str], tuple[Any, ...]]) -> bytes:
        named = (due["policy"], due["duty"])
        return self._digest(6, *named, *terms.get(named, ()))

    def _digest(self, size: int, *values: Any) -> bytes:
        return blake2b(marshal.dumps(values, PLAIN), digest_size=size, key=self._key).digest()


def terms_of(content: Mapping[str, Any]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """By policy and duty what a record says that makes the day of the duty: a day stays while that stays."""
    return {
        (a["policy"], duty["id"]): (duty["within_days"], duty["since"], duty.get("in_force"))
        for a in content["assessments"]
        for duty in a["duties"]
    }


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def ordinal(day: str) -> int:
    """A day as a number. Raises MalformedRecord."""
    try:
        return datetime.fromisoformat(day).toordinal()
    except ValueError as error:
        raise MalformedRecord(f"{day} is no day") from error


def check_record(leaf: Leaf) -> None:
    """What a record shows by itself: subject, ARN and job id name one job of this ledger, which was there before the
    record; and a first record has none before it.

    Raises SubjectMismatch, WrongLedger, FutureTimestamp, HistoryMismatch, DueDateMismatch, SupersedesMismatch,
    MalformedRecord.
    """
    content = leaf.statement.predicate
    job = content["job"]
    if leaf.statement.subject_name != job["arn"]:
        raise SubjectMismatch(f"the subject is {leaf.statement.subject_name[:200]!r}, the job {job['arn'][:200]!r}")
    if job["id"] != job_id(job["arn"], job["creation_time"] or ""):
        raise SubjectMismatch(f"{job['arn'][:200]}: the job id is not that of this ARN and creation time")
    _check_account(job, content["ledger_id"])
    told = max(job["creation_time"] or "", job["start"] or "", job["end"] or "")
    if told > content["recorded_at"]:  # moments of one form are in the order of their texts
        check_told(told, leaf.at, job["arn"])
    _check_due(content)
    _check_action(leaf, content)
    check_order(content["cumulative"]["ancestors"])
    first = content["revision"] == 0
    if first != (content["supersedes"] is None):
        raise SupersedesMismatch(
            f"{job['arn'][:200]}: revision {content['revision']} supersedes {content['supersedes']}"
        )
    if first != (content["previous_verdict"] is None) or (first and (content["changes"] or content["reassessed"])):
        raise HistoryMismatch(f"{job['arn'][:200]}: what is said of the record before does not fit the revision")
    if content["changes"]:
        _check_changes(content)


def _check_due(content: Mapping[str, Any]) -> None:
    """A duty has one day in a record, the first of which it names. Raises MalformedRecord, DueDateMismatch."""
    due, arn = content["due"], content["job"]["arn"][:200]
    if len(due) > MOST_DUE or len({(each["policy"], each["duty"]) for each in due}) < len(due):
        raise MalformedRecord(f"{arn}: a duty with two days, or more than {MOST_DUE} days: there are {len(due)}")
    if content["notification_due"] != min((each["day"] for each in due), default=None):
        raise DueDateMismatch(f"{arn}: notification_due is not the first day of a duty")


def _check_changes(content: Mapping[str, Any]) -> None:
    """What became of a line is told once: first of those that the record has, in their order, then of those that it has
    no longer. Raises HistoryMismatch.
    """
    verdict_of = {(each["policy"], each["scenario"]): each["verdict"] for each in content["assessments"]}
    changes = {(each["policy"], each["scenario"]): each["to"] for each in content["changes"]}
    kept = [line for line in changes if line in verdict_of]
    if len(changes) < len(content["changes"]) or list(changes)[: len(kept)] != [
        each for each in verdict_of if each in changes
    ]:
        raise HistoryMismatch(f"{content['job']['arn'][:200]}: changes tell of a line twice, or in another order")
    for change in content["changes"]:
        line = (change["policy"], change["scenario"])
        if change["from"] == change["to"] or verdict_of.get(line) != change["to"]:
            raise HistoryMismatch(f"a change of {line[0][:60]}, {line[1][:60]} is not one to what the record says")


def check_told(moment: str, recorded_at: datetime, arn: str) -> None:
    """Nothing is recorded before it came to pass, by more than clocks differ. Raises FutureTimestamp."""
    if _time(moment) > milliseconds(recorded_at) + SKEW_MS:
        raise FutureTimestamp(f"{arn[:200]}: recorded {iso(recorded_at)}, and tells of {moment}")


def _check_account(job: Mapping[str, Any], ledger_id: str) -> None:
    """A ledger is of one account, whose jobs may be in any region of its partition.

    A ledger whose id names no account and region may be of any. Raises SubjectMismatch, WrongLedger.
    """
    parts, of_ledger = job["arn"].split(":", 5), account_of_ledger(ledger_id)
    if len(parts) < 6 or parts[3] != job["region"] or parts[1] != partition_of_region(parts[3]):
        raise SubjectMismatch(f"{job['arn'][:200]}: not an ARN of the region {job['region'][:60]!r} and its partition")
    if of_ledger is not None and of_ledger != (parts[1], parts[4]):
        raise WrongLedger(f"{job['arn'][:200]}: not a job of the account and partition of {ledger_id[:120]}")


def check_order(ancestors: list[dict[str, Any]]) -> None:
    """Ancestors are listed once each, in the order of their job ids. Raises MalformedRecord."""
    jobs = [each["job_id"] for each in ancestors]
    if any(before >= after for before, after in pairwise(jobs)):
        raise MalformedRecord("ancestors are not listed once each, in the order of their job ids")


def _check_action(leaf: Leaf, content: Mapping[str, Any]) -> None:
    """A running job is recorded to be stopped, and for nothing else. Raises HistoryMismatch, MalformedRecord."""
    action, job = content["action"], content["job"]
    if (action is None) != job["finished"]:
        raise HistoryMismatch(f"{job['arn'][:200]}: an action on a job that had ended, or a running one without")
    if action is None:
        return
    at = _time(action["requested_at"])
    begun = job["start"] or job["creation_time"]
    earliest = _time(begun) if begun else 0
    if action["kind"] != "stop" or not earliest - SKEW_MS <= at <= milliseconds(leaf.at) + SKEW_MS:
        raise HistoryMismatch(f"{job['arn'][:200]}: an action that is no stop of the job while it ran")


def _time(text: str) -> int:
    """A moment in milliseconds since 1970. Raises MalformedRecord."""
    try:
        return milliseconds(datetime.fromisoformat(text))
    except ValueError as error:
        raise MalformedRecord(f"{text} is no time") from error


def verdicts(content: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(policy, scenario, verdict) of every assessment. Raises MalformedRecord where a line is assessed twice."""
    by_line = {(each["policy"], each["scenario"]): each["verdict"] for each in content["assessments"]}
    if len(by_line) != len(content["assessments"]):
        raise MalformedRecord("a line is assessed twice")
    return sorted((*line, verdict) for line, verdict in by_line.items())


def before_changes(content: Mapping[str, Any]) -> list[tuple[str, str, str]] | None:
    """The verdicts that the record before must have had by changes that were checked, None for a first record."""
    if content["revision"] == 0:
        return None
    by_line = {(policy, scenario): verdict for policy, scenario, verdict in verdicts(content)}
    for change in content["changes"]:
        by_line[change["policy"], change["scenario"]] = change["from"]
    return sorted((*line, verdict) for line, verdict in by_line.items() if verdict is not None)


def before_tables(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The tables that the record before rests on, where this one says which have changed since."""
    changed, before = content["reassessed"]["tables"], content["reassessed"]["code_version"]
    if not changed and before == content["code_version"]:
        raise HistoryMismatch("it was reassessed since tables or a version changed, and names none that did")
    digests = {**content["tables"], **changed}
    if any(content["tables"].get(name) == digest for name, digest in changed.items()):
        raise HistoryMismatch("a table is said to have changed that has not")
    return sorted((name, digest) for name, digest in digests.items() if digest is not None)


def as_ancestor(content: Mapping[str, Any]) -> list[object]:
    """What a descendant must list of this record: its own figures, what it says of its original, its parents."""
    job, estimate, lineage = content["job"], content["estimate"], content["lineage"]
    return _ancestor(
        job["arn"],
        estimate["best_flop"],
        estimate["cautious_upper_flop"],
        job["activity"],
        lineage["base_model"],
        lineage["pretraining_flop"],
        sorted(lineage["stated"].items()),
        lineage["loads_weights"],
        estimate["updates_upper_flop"],
        estimate["lower_flop"],
        estimate["firm_flop"],
        estimate["signal_flop"],
        job["succeeded"],
        _unsaid(content["rests_on"]["without_statements"]),
        list(lineage["other_names"]),
        lineage["parents"],
        bool(estimate["doubts"] or lineage["doubts"]) or _is_contradicted(content),
    )


def _is_contradicted(content: Mapping[str, Any]) -> bool:
    for assessment in content["assessments"]:
        for doubt in assessment["doubts"]:
            if doubt["kind"] == ACTIVITY_CONTRADICTED:
                return True
    return False


def listed_ancestor(each: Mapping[str, Any]) -> list[object]:
    """What a record lists of an ancestor, to compare with `as_ancestor` of the ancestor's own record."""
    return _ancestor(
        each["job_arn"],
        each["best_flop"],
        each["upper_flop"],
        each["activity"],
        each.get("base_model", ""),
        each.get("pretraining_flop"),
        sorted(each.get("stated", {}).items()),
        each.get("loads_weights", False),
        each.get("updates_upper_flop"),
        each.get("lower_flop"),
        each.get("firm_flop"),
        each.get("signal_flop", "0"),
        not each.get("failed", False),
        _unsaid(each.get("without_statements")),
        list(each.get("other_names", [])),
        each.get("parents", []),
        bool(each.get("doubts")),
    )


def _unsaid(figures: Mapping[str, Any] | None) -> list[object]:
    """What is said of a run without its own word; of a record, as much as descendants list."""
    return [] if figures is None else [figures[name] for name in WITHOUT_STATEMENTS]


def _ancestor(*members: Any) -> list[object]:
    """Runs that made data hand no parents on: what made their models is not counted (Annex A.1)."""
    arn, best, upper, activity, *more, parents, doubtful = members
    handed_on = [] if activity == "synthetic-data" else list(parents)
    return [arn, best, upper, activity, *more, handed_on, doubtful]


Lines = Callable[[Iterable[int]], Iterator[bytes]]
"""Leaves in rising order -> the line of each."""
Respelled = Callable[[bytes], bytes]
"""A line -> the same with the other value of s in its signature, as `Reader.line` has it."""
_UNLIKE = struct.Struct(">LL6s")
"""A leaf, that of the record which should supersede it, and what that supersedes: in order of the first as bytes."""


class Agreement:
    """All rows of a log, in buckets by job; `part`: of chosen records, where others may be missing.

    `superseded_elsewhere`: how many records a part lacks below the newest of each job, once they were checked.
    """

    def __init__(self, part: bool = False) -> None:
        self._part = part
        self.superseded_elsewhere = 0
        self._rows, self._references, self._due = ([bytearray() for _ in range(256)] for _ in range(3))
        self._distinct = [1024] * 256
        self._records = 0
        self._unlike = bytearray()
        self._twins = bytearray()

    def add(self, rows: Rows) -> None:
        """More of them, in any order."""
        self._records += len(rows.rows) // _ROW.size
        for packed, size, buckets in (
            (rows.rows, _ROW.size, self._rows),
            (rows.references, _REFERENCE.size, self._references),
            (rows.due, _DUE.size, self._due),
        ):
            for at in range(0, len(packed), size):
                buckets[packed[at]] += packed[at : at + size]
        for bucket, held in enumerate(self._references if rows.references else ()):
            if len(held) >= 2 * self._distinct[bucket]:
                self._references[bucket] = once = _once(held)
                self._distinct[bucket] = max(1024, len(once))

    def too_many(self) -> bool:
        """Whether more ancestors are named than records can be: memory stays bounded by the log."""
        named = sum(len(held) for held in self._references) // _REFERENCE.size
        return named > 2 * (self._records + SPARE_REFERENCES)

    @property
    def twins(self) -> list[int]:
        """Leaves that were checked and are the same, byte for byte, as one before them."""
        return sorted(leaf for (leaf,) in _LEAF.iter_unpack(self._twins))

    def check(self, lines: Lines, respelled: Respelled) -> Iterator[Defect]:
        """Everything that does not agree, job by job; then, by their lines, where one does not supersede another."""
        for rows, references, due in zip(self._rows, self._references, self._due, strict=True):
            yield from _put_off(due)
            named = {job: list(of) for job, of in groupby(sorted(_unpacked(_once(references))), lambda each: each.job)}
            ordered = sorted((Row(*each) for each in _ROW.iter_unpack(rows)), key=lambda row: (row.job, row.leaf))
            for job, of in groupby(ordered, lambda row: row.job):
                history = list(of)
                yield from self._history(history)
                if listed := named.pop(job, None):
                    yield from self._named({row.revision: row for row in reversed(history)}, listed)
            for unknown in named.values():
                yield from self._named({}, unknown)
        yield from self._otherwise(lines, respelled)

    def _history(self, history: list[Row]) -> Iterator[Defect]:
        """The revisions of one job, in the order of the log."""
        seen: dict[int, Row] = {}
        latest, highest = 0, -1
        for row in history:
            twin = seen.get(row.revision)
            if twin is not None and twin.line == row.line:
                yield _defect(LoggedTwice(f"leaf {row.leaf} is the record of leaf {twin.leaf} once more"), row)
                self._twins += _LEAF.pack(row.leaf)
                continue
            if twin is not None:
                yield _defect(DuplicateSubject(f"leaf {row.leaf} is another record of what leaf {twin.leaf} is"), row)
                continue
            before = seen.get(row.revision - 1)
            if highest > row.revision or (row.revision and before is None and not self._part):
                after = highest if seen else "none"
                yield _defect(RevisionOutOfOrder(f"leaf {row.leaf} is revision {row.revision}, after {after}"), row)
            elif before is not None:
                if row.supersedes != before.line:
                    self._unlike += _UNLIKE.pack(before.leaf, row.leaf, row.supersedes)
                yield from _succession(before, row)
                if row.at < latest - SKEW_MS:
                    yield _defect(TimeRunsBackwards(f"leaf {row.leaf} is dated before a record that it follows"), row)
            seen[row.revision] = row
            latest, highest = max(latest, row.at), max(highest, row.revision)
        if self._part:
            self.superseded_elsewhere += highest + 1 - len(seen)

    def _otherwise(self, lines: Lines, respelled: Respelled) -> Iterator[Defect]:
        """Whether it is the other value of s that makes a line another one than is superseded."""
        packed, size = bytes(self._unlike), _UNLIKE.size
        unlike = sorted(packed[at : at + size] for at in range(0, len(packed), size))
        for line, each in zip(lines(_UNLIKE.unpack(each)[0] for each in unlike), unlike, strict=True):
            before, leaf, supersedes = _UNLIKE.unpack(each)
            if supersedes == respelled(line):
                message = f"leaf {before} has the other value of s than the line that leaf {leaf} supersedes"
                yield defect_of(LoggedOtherwise(message), before)
            else:
                yield defect_of(SupersedesMismatch(f"leaf {leaf} does not supersede leaf {before}"), leaf)

    def _named(self, records: Mapping[int, Row], references: list[RecordReference]) -> Iterator[Defect]:
        """One ancestor, as others list it, beside its own records."""
        highest = max(records, default=-1)
        for each in references:
            record = records.get(each.revision)
            where = f"leaf {each.leaf} lists revision {each.revision} of an ancestor"
            if record is None:
                if not self._part and each.revision < highest:
                    continue  # that the log lacks it is named once, as its history
                yield defect_of(AncestorNotHere(f"{where}, which is not here"), each.leaf)
            elif record.view != each.view:
                yield defect_of(AncestorMismatch(f"{where} otherwise than leaf {record.leaf} records it"), each.leaf)
            elif record.at > each.at + SKEW_MS:
                yield defect_of(AncestorMismatch(f"{where} that leaf {record.leaf} recorded later"), each.leaf)


def _succession(before: Row, row: Row) -> Iterator[Defect]:
    """A record beside the one that it must supersede."""
    if row.state_before != before.state:
        yield _defect(HistoryMismatch(f"leaf {row.leaf} says of leaf {before.leaf} what that does not say"), row)
    if before.finished and not row.finished:
        yield _defect(
            HistoryMismatch(f"leaf {row.leaf} says that a job runs which had ended by leaf {before.leaf}"), row
        )
    if any(before.action) and any(row.action) and before.action != row.action:
        yield _defect(HistoryMismatch(f"leaf {row.leaf} tells of another action than leaf {before.leaf}"), row)
    if any(row.tables_before) and row.tables_before != before.tables:
        yield _defect(HistoryMismatch(f"leaf {row.leaf} names other tables of leaf {before.leaf} than that does"), row)


def _put_off(due: bytearray) -> Iterator[Defect]:
    """A day that a duty was due by stays, or is an earlier one found later, unless its law says otherwise of it now."""
    due_days = sorted(Due(*each) for each in _DUE.iter_unpack(due))
    for before, after in pairwise(due_days):
        same = (before.job, before.duty, before.revision + 1) == (after.job, after.duty, after.revision)
        if same and after.day > before.day:
            message = f"leaf {after.leaf} puts off the day that leaf {before.leaf} names"
            yield defect_of(DueDateMismatch(message), after.leaf)


def _defect(error: LedgerError, row: Row) -> Defect:
    return defect_of(error, row.leaf)


def _unpacked(references: bytes | bytearray) -> Iterator[RecordReference]:
    return (RecordReference(*each) for each in _REFERENCE.iter_unpack(references))


def _once(references: bytearray) -> bytearray:
    """Each of them once, with the first place and the earliest time at which it is named."""
    once: dict[tuple[bytes, int, bytes], tuple[int, int]] = {}
    for job, revision, view, index, at in _REFERENCE.iter_unpack(references):
        known = once.get((job, revision, view))
        once[job, revision, view] = (index, at) if known is None else (min(index, known[0]), min(at, known[1]))
    return bytearray().join(_REFERENCE.pack(*key, *place) for key, place in once.items())
