"""Follow again, over a whole log, what each record continues: from evidence, as when the record was made.

The same walk that the recorder takes (`find_lineage.follow`) runs over the records of the log instead of the table. A
record must name what the records before it show. Which of two records came first is only known within WINDOW, so what
a record says decides inside it. What is needed of each record lies in a database in a temporary file, not in memory.
"""

import marshal
import pickle
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from weakref import finalize

from flops_auditor import __version__
from flops_auditor.domain.audit.record import spoken
from flops_auditor.domain.ledger.agreement import milliseconds
from flops_auditor.domain.ledger.findings import Defect, defect_of
from flops_auditor.domain.ledger.forms import ACTIVITY_CONTRADICTED
from flops_auditor.domain.ledger.ledger_errors import (
    AncestorNotHere,
    EvidenceMismatch,
    HistoryMismatch,
    LineageBehind,
    LineageMismatch,
    NotRecomputable,
)
from flops_auditor.domain.ledger.verification import Kept
from flops_auditor.domain.lineage.kept_ancestors import Unpacked, unpack
from flops_auditor.domain.lineage.lineage import (
    CALLED_DATA,
    MAYBE_OVERWRITTEN,
    NAMED_BY_ANOTHER_ROLE,
    NO_LINEAGE,
    Ancestor,
    Lineage,
    read_lineage,
    to_json,
)
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.remarks import printable
from flops_auditor.use_cases.auditing.find_holders import ALSO_HELD, KEPT_TOGETHER, OF_ANOTHER_ROLE
from flops_auditor.use_cases.auditing.find_lineage import AWAITED, CONTINUES, entry_of, follow
from flops_auditor.use_cases.ports.lineage import ANYBODY, IndexEntry, IndexKind
from flops_auditor.use_cases.recomputing.recent import Recent

WINDOW = timedelta(minutes=10)
"""Two clocks differ by five minutes at most, and so long may pass between looking for parents and the record's time."""
FOLLOWED_WITHIN = timedelta(hours=2)
"""From the record of a run to new records of those that continue it: a message in a queue, with at most 15 minutes of
delay and five receives of 12 minutes each; WINDOW, and the rest for a queue that others fill."""
_WINDOW_MS = WINDOW // timedelta(milliseconds=1)
_ROWS, _ANCESTORS = 1 << 22, 1 << 22
"""Bytes of rows, and of objects with ancestors, that stay unpacked: six to twelve times as many of memory."""
_AFTER_ALL = b"\xff"
_END = 1 << 62
"""Later than any record."""
_NAMING_OTHERS = frozenset(
    kind.name for kind in (OF_ANOTHER_ROLE, NAMED_BY_ANOTHER_ROLE, CALLED_DATA, MAYBE_OVERWRITTEN, KEPT_TOGETHER)
)
"""Kinds of remarks that name runs which are not counted."""
_LAST = "9999"
"""An end that none is after."""
_AMOUNTS = ("best", "upper", "lower", "firm", "updates_upper")


Seen = Literal["as it says", "none", "earlier", "all"]
"""Which of the runs that are recorded within WINDOW of a record it may have seen."""


class Told(NamedTuple):
    """What the replay needs of one record: the run, what the record says of it, and its evidence in digests.

    `answers` is of what AWS answered, `amendments` of what people added, one by one. `lines` are those that the record
    has, and `dropped` those that it says the record before had beside them, as parts of digests, both in its order.
    """

    run: Run
    content: dict[str, Any]
    answers: bytes
    amendments: tuple["Added", ...]
    lines: tuple[bytes, ...]
    dropped: tuple[bytes, ...]


class _Row(NamedTuple):
    """A record as it is entered: the run, its revision, each of its results as (space, cursor, packed entry), and the
    packed rest, which only following it unpacks.
    """

    job: str
    revision: int
    results: tuple[tuple[bytes, bytes, bytes], ...]
    told: bytes


class Added(NamedTuple):
    """What a person added: its digest, and whether it had the sources asked again."""

    digest: bytes
    asked_again: bool


def told_of(case: Case, content: Mapping[str, Any]) -> bytes:
    """What the replay needs of a record, packed."""
    run = replace(case.run, metric_names=(), final_values=(), tags={}, hosts=())
    estimate = {name: value for name, value in content["estimate"].items() if name not in ("tiers", "assumptions")}
    members = {name: content[name] for name in ("job", "lineage", "cumulative", "revision", "due")}
    rests = {"without_statements": content["rests_on"]["without_statements"]}
    members |= {"assessments": _against(content), "estimate": estimate}
    members |= {"code_version": content["code_version"], "rests_on": rests}
    added = tuple(
        Added(sha256(canonical(each.to_json())).digest(), each.asked_again) for each in case.evidence.amendments
    )
    dropped = tuple(_line(each) for each in content["changes"] if each["to"] is None)
    lines = tuple(map(_line, content["assessments"]))
    told = Told(run, members, _answers(case.evidence), added, lines, dropped)
    results = (entry_of(run, location) for location in run.results if not location.too_long)
    packed = ((_bytes(each.location.space), _bytes(each.cursor), pickle.dumps(each)) for each in results)
    return pickle.dumps(_Row(run.job_id, content["revision"], tuple(packed), pickle.dumps(told)))


def _answers(evidence: Evidence) -> bytes:
    """A digest of what AWS answered: equal where all of it is. Metrics may have thousands of points, which `marshal`
    writes many times as fast as JSON: in its second form values alone, in the order in which they are kept.
    """
    others = replace(evidence, amendments=(), metrics=()).to_bytes()
    metrics = marshal.dumps(evidence.metrics, 2)  # type: ignore[arg-type] # as they were read from JSON
    return sha256(others + metrics).digest()


def _line(each: Mapping[str, Any]) -> bytes:
    return sha256(canonical([each["policy"], each["scenario"]])).digest()[:8]


def _against(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What speaks against the run's activity, of all that its lines say."""
    doubts = [doubt for a in content["assessments"] for doubt in a["doubts"] if doubt["kind"] == ACTIVITY_CONTRADICTED]
    return [{"duties": [], "doubts": doubts[:1]}]


class _LoggedRun(NamedTuple):
    leaf: int
    at: int
    told: Told


class LineageReplay:
    """All records of a log, to be followed once they are all there."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        # Whichever thread collects this closes it; one alone works with it.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        finalize(self, self._db.close)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE record (leaf INTEGER PRIMARY KEY, job TEXT, revision INTEGER, at INTEGER, told BLOB);"
            "CREATE INDEX of_job ON record (job, revision);"
            "CREATE TABLE output (space BLOB, cursor BLOB, at INTEGER, entry BLOB, job TEXT,"
            " PRIMARY KEY (space, cursor));"
            "CREATE TABLE left_out (job TEXT PRIMARY KEY);"
        )
        self._told = Recent[int, Told](self._packed, lambda _, told: pickle.loads(told), _ROWS)  # noqa: S301 - see `add`
        self._unpacked = Recent(self._object, _unpack, _ANCESTORS)

    def add(self, leaf: int, at: datetime, told: bytes) -> None:
        """The next record of the log."""
        row: _Row = pickle.loads(told)  # noqa: S301 - made by this process or its workers
        ms = milliseconds(at)
        self._db.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?)", (leaf, row.job, row.revision, ms, row.told))
        for space, cursor, entry in row.results:
            self._db.execute(
                "INSERT INTO output VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET at = min(at, excluded.at), entry = excluded.entry",
                (space, cursor, ms, entry, row.job),
            )

    def leave_out(self, job_id: str) -> None:
        """A run of which a record told nothing: what others tell of it is not all, so none of them is taken."""
        self._db.execute("INSERT OR IGNORE INTO left_out VALUES (?)", (job_id,))

    def check(self, sealed_at: datetime) -> Iterator[Defect]:
        """Every record that does not follow from its evidence and the records before it, in the order of the log.

        Each is also held against what was recorded after it, up to FOLLOWED_WITHIN before it was superseded, or before
        `sealed_at`.
        """
        settled = milliseconds(sealed_at - FOLLOWED_WITHIN)
        for table in ("record", "output"):
            self._db.execute(f"DELETE FROM {table} WHERE job IN left_out")  # noqa: S608 - one of two words
        lacking = self._db.execute("SELECT count(*) FROM left_out").fetchone()[0]
        for leaf, job, revision in self._db.execute("SELECT leaf, job, revision FROM record ORDER BY leaf"):
            row = self._row(leaf)
            if problem := self._evidence(job, revision, row):
                yield self._defect(problem, row)
                continue
            if problem := self._problem(row, row.at) or self._unplaced(row):
                yield self._defect(problem, row, lacking)
                continue
            if self._in_another_order(job, revision, row):
                message = f"leaf {leaf} tells in another order than the record before of lines that are no longer there"
                yield defect_of(HistoryMismatch(message), leaf)
            if self._waits(row):
                yield defect_of(AncestorNotHere(f"leaf {leaf} waits for a run whose record is not in the log"), leaf)
            stood = self._stood_until(job, revision, settled)
            if row.at < stood and (behind := self._problem(row, stood, then=False)):
                yield defect_of(LineageBehind(f"leaf {leaf} was not superseded in time: it {behind}"), leaf)

    def _defect(self, problem: str, row: _LoggedRun, lacking: int = 0) -> Defect:
        """`lacking`: how many runs are not looked at, any of which may be why."""
        version = str(row.told.content["code_version"])[:40]
        message = f"leaf {row.leaf} {problem}"
        if lacking:
            return defect_of(NotRecomputable(f"{message}, as far as without {lacking} runs can be said"), row.leaf)
        if version == __version__:
            return defect_of(LineageMismatch(message), row.leaf)
        return defect_of(NotRecomputable(f"{message}; recorded by version {version!r}"), row.leaf)

    def _evidence(self, job: str, revision: int, row: _LoggedRun) -> str:
        """What is wrong with the evidence beside that of the record before.

        Of a run that had ended it is the same, with amendments added, unless one of them had the sources asked again.
        """
        before = self._revision(job, revision - 1)
        if before is None or not before.told.content["job"]["finished"]:
            return ""
        then, now = before.told, row.told
        added = now.amendments[len(then.amendments) :]
        asked_again = any(each.asked_again for each in added)
        if now.amendments != (*then.amendments, *added) or (now.answers != then.answers and not asked_again):
            return f"rests on other evidence than leaf {before.leaf}, with more than amendments added"
        return ""

    def _in_another_order(self, job: str, revision: int, row: _LoggedRun) -> bool:
        """Whether lines that only the record before has are told of in another order than it has them."""
        dropped = row.told.dropped
        before = self._revision(job, revision - 1) if len(dropped) > 1 else None
        return before is not None and tuple(line for line in before.told.lines if line in dropped) != dropped

    def _unplaced(self, row: _LoggedRun) -> str:
        """What is wrong with where the ancestors are kept: no record of the run that is named put an object there.

        One that the log lacks may have.
        """
        kept = row.told.content["lineage"]["kept"]
        writer = "" if kept is None else str(kept["key"]).split("/")[1]
        if writer in ("", row.told.run.job_id):
            return ""
        revisions = self.revisions(writer)
        claimed = {a.job_id: a.revision for a in self._claimed(row.told).ancestors}.get(writer, 0)
        earlier = [leaf for _, at, leaf in revisions if at <= row.at + _WINDOW_MS]
        placed = any(self._row(leaf).told.content["lineage"]["kept"] == kept for leaf in earlier)
        lacking = not revisions or claimed > revisions[-1][0]
        return "" if placed or lacking else f"names a place of its ancestors where none were put: {kept['key'][:200]}"

    def _claimed(self, told: Told) -> Lineage:
        return read_lineage(told.content, lambda _, digest: self._unpacked(digest).ancestors)

    def _waits(self, row: _LoggedRun) -> bool:
        """Whether the record says that it waits for a run of which the log has no record."""
        return bool(_View(self, row, row.at, self._claimed(row.told), "as it says").unknown_waits())

    def _stood_until(self, job: str, revision: int, settled: int) -> int:
        """Until when a record had to be superseded by what was recorded after it."""
        after = self._revision(job, revision + 1)
        within = FOLLOWED_WITHIN // timedelta(milliseconds=1)
        return settled if after is None else min(settled, after.at - within)

    def _problem(self, row: _LoggedRun, at: int, then: bool = True) -> str:
        """How a record differs from what it should continue as of `at`; "" if it does not. `then`: as it was made."""
        try:
            claimed = self._claimed(row.told)
            problem = self._try(row, at, claimed, "as it says", then)
            others = (self._try(row, at, claimed, seen, then) for seen in ("none", "earlier", "all"))
            return "" if problem and "" in others else problem
        except (AuditorError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            return f"cannot be followed: {error!r:.200}"

    def _try(self, row: _LoggedRun, at: int, claimed: Lineage, seen: Seen, then: bool) -> str:
        view = _View(self, row, at, claimed, seen)
        traced = follow(row.told.run, view.newest, view, self._ancestors).lineage
        return next(_differences(row.told, claimed, traced, view, then), "")

    def revisions(self, job: str) -> list[tuple[int, int, int]]:
        """(revision, time, leaf) of a job's records in order."""
        rows = self._db.execute("SELECT revision, at, leaf FROM record WHERE job = ? ORDER BY revision, leaf", (job,))
        return rows.fetchall()

    def row(self, leaf: int) -> _LoggedRun:
        """A record by its leaf."""
        return self._row(leaf)

    def outputs(self, at: Location, low: bytes, high: bytes, newest_first: bool) -> Iterator[tuple[IndexEntry, int]]:
        """Entries of the index with the times of their first records, between two cursors."""
        order = "DESC" if newest_first else "ASC"
        rows = self._db.execute(
            f"SELECT entry, at FROM output WHERE space = ? AND cursor > ? AND cursor < ? ORDER BY cursor {order}",  # noqa: S608 - one of two words
            (_bytes(at.space), low, high),
        )
        return ((pickle.loads(entry), first) for entry, first in rows)  # noqa: S301 - see `add`

    def _revision(self, job: str, revision: int) -> _LoggedRun | None:
        newest = self._db.execute(
            "SELECT min(leaf) FROM record WHERE job = ? AND revision = ?", (job, revision)
        ).fetchone()
        return None if newest[0] is None else self._row(newest[0])

    def _row(self, leaf: int) -> _LoggedRun:
        (at,) = self._db.execute("SELECT at FROM record WHERE leaf = ?", (leaf,)).fetchone()
        return _LoggedRun(leaf, at, self._told(leaf))

    def _packed(self, leaf: int) -> bytes:
        (told,) = self._db.execute("SELECT told FROM record WHERE leaf = ?", (leaf,)).fetchone()
        return bytes(told)

    def _ancestors(self, _: str, digest: str) -> Unpacked:
        return self._unpacked(digest)

    def _object(self, digest: str) -> bytes:
        body = self._kept.ancestors(digest)
        if body is None:
            raise EvidenceMismatch(f"the ancestors in {digest} are missing")
        return body


class _View:
    """The index and the newest records as one record may have seen them when it was made.

    `seen`: which runs were, whose records are of about the same time. `uncertain`: there were such runs.
    """

    uncertain = False

    def __init__(self, log: LineageReplay, row: _LoggedRun, at: int, claimed: Lineage, seen: Seen) -> None:
        self._log, self._row, self._at, self._which = log, row, at, seen
        self.run = row.told.run
        self.claimed = {ancestor.job_id: ancestor for ancestor in claimed.ancestors}
        self._parents = set(claimed.parents)
        self._doubts = {doubt["words"] for doubt in row.told.content["lineage"]["doubts"]}
        notes = row.told.content["lineage"]["notes"]
        self._notes = {note["words"] for note in notes}
        self._overwritten = any(note["kind"] == MAYBE_OVERWRITTEN.name for note in notes)
        self._unlogged = {job: self.claimed[job] for job in self._parents & set(self.claimed) if not log.revisions(job)}
        self._stand_in = {job: taken for job, a in self._unlogged.items() if (taken := self._reference(a)) is not None}

    def unknown_waits(self) -> set[str]:
        """Waits, in words, for runs that the log has no record of: none of those that it has is waited for so."""
        awaited = {d["words"] for d in self._row.told.content["lineage"]["doubts"] if d["kind"] == AWAITED.name}
        if not awaited:
            return awaited
        everything = _View(self._log, self._row, _END, NO_LINEAGE, "all")
        waits = follow(self.run, lambda job: None, everything, lambda key, digest: Unpacked((), 0)).lineage.doubts
        return awaited - {_words(doubt, self.run) for doubt in waits}

    def stand_ins(self) -> list[Ancestor]:
        """Parents that are not in the log and whose results the record says that it takes."""
        return [self._unlogged[job] for job in self._stand_in]

    def _reference(self, parent: Ancestor) -> Reference | None:
        """Where the record says that it takes the result of a parent that is not in the log."""
        for each in self.run.begins:
            remark = CONTINUES(where=each.where, place=str(each.location), name=parent.name)
            if _words(remark, self.run) in self._notes:
                return each
        return None

    def newest(self, *asked: Any) -> Any:
        """Of the index (five arguments), or the predicate of a job's newest record (one)."""
        return self._newest_record(*asked) if len(asked) == 1 else self._newest_entries(*asked)

    def _newest_entries(
        self, kind: IndexKind, at: Location, before: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        stand_in = [
            self._entry(job, at, r) for job, r in self._stand_in.items() if r.location == at and not r.directory
        ]
        outputs = self._log.outputs(at, _bytes(f"{at.key}#"), _bytes(f"{at.key}#{before}"), newest_first=True)
        return [*(stand_in if not role else ()), *self._seen(outputs, limit, role)][:limit]

    def within(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """At a place and below it."""
        below = Location(at.space, (*at.path, ""))
        stand_in = [self._entry(job, below, r) for job, r in self._stand_in.items() if r.location == at and r.directory]
        outputs = self._log.outputs(at, _bytes(after or at.key), _bytes(at.key) + _AFTER_ALL, newest_first=False)
        return [*([] if after or role else stand_in), *self._seen(outputs, limit, role)][:limit]

    def beginning(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """At every place that begins so."""
        text = _bytes(at.text)
        outputs = self._log.outputs(at, _bytes(after) or text, text + _AFTER_ALL, newest_first=False)
        return self._seen(outputs, limit, role)

    def exactly(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """At a place."""
        low = _bytes(after or f"{at.key}#")
        outputs = self._log.outputs(at, low, _bytes(f"{at.key}#") + _AFTER_ALL, newest_first=False)
        return self._seen(outputs, limit, role)

    def _entry(self, job: str, at: Location, reference: Reference) -> IndexEntry:
        """The entry of a run that is not in the log: whether SageMaker wrote the place for it, the record tells by
        those whom it does not count beside it.
        """
        also_held = ALSO_HELD(where=reference.where, place=str(reference.location))
        alone, self.uncertain = _words(also_held, self.run) in self._notes, True
        proven = alone or reference.data or self._overwritten
        ended, artifact = _LAST if alone else "", reference.location if proven else None
        return IndexEntry(at, "", job, self._unlogged[job].job_arn, ended=ended, artifact=artifact, succeeded=proven)

    def _seen(self, entries: Iterator[tuple[IndexEntry, int]], limit: int, role: str | None) -> list[IndexEntry]:
        seen = []
        for entry, first in entries:
            if entry.read_for(role) and self._was_there(entry, first):
                seen.append(entry)
                if len(seen) == limit:
                    break
        return seen

    def _was_there(self, entry: IndexEntry, first: int) -> bool:
        """Entries are older than records: one whose record is later, or was then under way, may have been seen."""
        if first < self._at - _WINDOW_MS or entry.job_id == self.run.job_id:
            return True
        self.uncertain = self.uncertain or first <= self._at + _WINDOW_MS
        if self._which != "as it says" and first <= self._at + _WINDOW_MS:
            return self._which == "all" or (self._which == "earlier" and first <= self._at)
        return entry.job_id in self._parents or self._is_awaited(entry)

    def _is_awaited(self, entry: IndexEntry) -> bool:
        name = name_of(entry.job_arn)
        return any(_words(AWAITED(where=each.where, name=name), self.run) in self._doubts for each in self.run.begins)

    def _newest_record(self, job: str) -> Mapping[str, Any] | None:
        """The newest record of a job: at the time as the clocks say, unless the record names another one of then."""
        if job in self._unlogged:
            return _as_content(self._unlogged[job], self.claimed)
        revisions = self._log.revisions(job)
        newest = None
        for position, (revision, at, leaf) in enumerate(revisions):
            until = revisions[position + 1][1] if position + 1 < len(revisions) else None
            possible = at <= self._at + _WINDOW_MS and (until is None or until >= self._at - _WINDOW_MS)
            claimed = self.claimed.get(job)
            if possible and claimed is not None and claimed.revision == revision:
                return self._log.row(leaf).told.content
            if (at, leaf) < (self._at, self._row.leaf) or at < self._at:
                newest = leaf
        if newest is not None and revisions[0][1] >= self._at - _WINDOW_MS and job not in self._parents:
            return None  # it was under way: the record says that it waits for it
        return None if newest is None else self._log.row(newest).told.content


def _differences(told: Told, claimed: Lineage, traced: Lineage, view: _View, then: bool) -> Iterator[str]:
    """How what a record continues differs from what was found."""
    by_job = {a.job_id: a for a in claimed.ancestors}
    right = {a.job_id: a for a in traced.ancestors}
    elsewhere = _behind(view.stand_ins(), by_job)
    waits = view.unknown_waits()
    hidden = right.keys() - by_job.keys() if waits else set()  # by what is waited for, maybe
    for job, ancestor in right.items():
        if job not in by_job and job not in hidden:
            yield f"leaves out {ancestor.name[:100]}, which its evidence continues"
    inline = {each["job_id"] for each in told.content["cumulative"]["ancestors"]}
    for job, ancestor in by_job.items():
        if job not in right:
            yield f"lists {ancestor.name[:100]}, which its evidence does not continue"
            continue
        exact = then and job in inline
        mine, its = (
            (ancestor, right[job]) if exact else (replace(ancestor, revision=0), replace(right[job], revision=0))
        )
        if job not in elsewhere and mine != its:
            yield f"lists {ancestor.name[:100]} otherwise than its record of then: {_members(ancestor, right[job])}"
    if claimed.parents != tuple(job for job in traced.parents if job not in hidden):
        yield "names other parents than its evidence"
    if not then:
        if not waits and not hidden and claimed.open_kinds != traced.open_kinds:
            yield "is in doubt about other things that it continues than its evidence gives"
        return
    doubts, notes = (_said(spoken(each, printable(told.run.arn)), view) for each in (traced.doubts, traced.notes))
    its_doubts, its_notes = (_said(told.content["lineage"][name], view) for name in ("doubts", "notes"))
    rest = [doubt for doubt in its_doubts if doubt["words"] not in waits]
    if rest != doubts and not (waits and all(doubt in doubts for doubt in rest)):
        yield "has other doubts about what it continues than its evidence gives"
    if its_notes != notes and not (hidden and all(note in notes for note in its_notes)):
        yield "has other notes about what it continues than its evidence gives"


def _said(remarks: Sequence[Mapping[str, Any]], view: _View) -> list[Mapping[str, Any]]:
    """Remarks as they are compared: whom one names is not known where runs are recorded at about its time."""
    return [
        {"kind": each["kind"], "words": ""} if view.uncertain and each["kind"] in _NAMING_OTHERS else each
        for each in remarks
    ]


def _members(claimed: Ancestor, right: Ancestor) -> str:
    before, after = to_json(claimed), to_json(right)
    return ", ".join(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))


def _behind(unlogged: Sequence[Ancestor], by_job: Mapping[str, Ancestor]) -> set[str]:
    """Ancestors that are not in the log, and what is only reached through them."""
    reached: set[str] = set()
    waiting = [a.job_id for a in unlogged]
    while waiting:
        job = waiting.pop()
        if job not in reached:
            reached.add(job)
            waiting += by_job[job].parents if job in by_job else ()
    return reached


def _as_content(parent: Ancestor, claimed: Mapping[str, Ancestor]) -> dict[str, Any]:
    """A record that is not in the log, as far as one that continues it tells of it."""
    listed = to_json(parent)
    above = _behind([claimed[job] for job in parent.parents if job in claimed], claimed)
    amounts = {f"{name}_flop": listed.get(f"{name}_flop") for name in _AMOUNTS}
    return {
        "job": {
            "id": parent.job_id,
            "arn": parent.job_arn,
            "activity": parent.activity,
            "succeeded": parent.succeeded,
        },
        "estimate": {**amounts, "cautious_upper_flop": amounts["upper_flop"], "doubts": []},
        "lineage": {
            "parents": list(parent.parents),
            "base_model": parent.base_model,
            "other_names": list(parent.other_names),
            "pretraining_flop": listed.get("pretraining_flop"),
            "loads_weights": parent.loads_weights,
            "stated": parent.stated.to_json(),
            "doubts": [],
            "notes": [],
            "kept": None,
        },
        "rests_on": {"without_statements": listed.get("without_statements")},
        "cumulative": {"ancestors": [to_json(claimed[job]) for job in sorted(above) if job in claimed]},
        "revision": parent.revision,
        "due": [],
    }


def _unpack(digest: str, body: bytes) -> Unpacked:
    return Unpacked(unpack(body, digest), len(body))


def _words(remark: Any, run: Run) -> str:
    """A remark's words as a record of this run holds them."""
    return str(spoken([remark], run.name)[0]["words"])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
