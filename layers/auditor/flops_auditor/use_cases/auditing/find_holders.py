"""Which runs left results at a place that a run begins from, and which of them are only said to have.

A place is held by every run whose results lie there or whose result holds it: a longer path or a newer run adds a
holder and takes no one's place. The artifact of a run that succeeded proves it, whatever its role. Where nothing does,
all holders of the run's own role count that do not continue one another, and a doubt names them; those of another role
are said in a note (docs/adr/1201-who-wrote-a-place.md). Data is taken for a run's only where SageMaker wrote it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from flops_auditor.domain.lineage.lineage import (
    ALSO_IN_A_RUNS_BUCKET,
    CALLED_DATA,
    MAYBE_OVERWRITTEN,
    NAMED_BY_ANOTHER_ROLE,
)
from flops_auditor.domain.runs.places import DEPTH, NAMES, Location, Reference
from flops_auditor.domain.runs.remedies import TAG_LINEAGE
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.use_cases.auditing.crowds import ENTRIES_IN_A_PAGE, MOST_BELOW, MOST_SHARING, apart, is_crowd
from flops_auditor.use_cases.auditing.per_role import AskPage, Enough, PagesPerRole, never_enough
from flops_auditor.use_cases.ports.lineage import Find, IndexEntry, LineageReads

MOST_PAGES = 5
"""Pages of the index that the runs of one role at a place may take."""
MOST_QUERIES = 360
"""Of the index for one run: 20 places, each 15 folders deep, and of each who came there later."""
MOST_HOLDERS = 4
"""Runs at one place that do not continue one another: with more of them it is a place that many write to."""

PLACE_TOO_LONG = Kind("place-too-long", "{where}: the place is too long to be looked up", TAG_LINEAGE)
TOO_MANY_WRITERS = Kind(
    "too-many-writers",
    "{where}: more than {most} runs leave results at {place:said200}, of which not all were looked up",
    TAG_LINEAGE,
)
TOO_MANY_RESULTS = Kind(
    "too-many-results", "more than {most} results lie below {place:said200}: none of them is counted", TAG_LINEAGE
)
SHARED_PLACE = Kind(
    "shared-place",
    "{where}: more than {most} runs leave results at or below {place:said200}: nothing tells them apart, so none of "
    "them is counted",
    TAG_LINEAGE,
)
PLACE_TOO_DEEP = Kind(
    "place-too-deep", "{where}: the place is more than {most} folders deep, so not all of it was looked up", TAG_LINEAGE
)
TOO_MANY_LOOKUPS = Kind(
    "too-many-lookups",
    "the places that the job begins from need more than {most} look-ups: not all were looked up",
    TAG_LINEAGE,
)
SEVERAL_HOLDERS = Kind(
    "several-holders",
    "{where} ({place:said200}) may take the result of each of {names:list}: nothing tells them apart, so all are "
    "counted",
    TAG_LINEAGE,
)
WHOLE_BUCKET = Kind(
    "whole-bucket",
    "{where} names the whole of {place:said200}: which of the results there it takes cannot be told",
    TAG_LINEAGE,
)
IN_A_RUNS_BUCKET = Kind(
    "in-a-runs-bucket",
    "{where} ({place:said200}) lies in a bucket of which a run keeps its checkpoints in the whole: whether it takes a "
    "result of it cannot be told",
    TAG_LINEAGE,
)
KEPT_TOGETHER = Kind(
    "kept-together",
    "{where} ({place:said200}): {names:list} keep checkpoints or other results there, too, and nothing says that the "
    "job goes on from one of theirs: not counted",
    TAG_LINEAGE,
)
NOT_ITS_OUTPUT = Kind(
    "no-output-of-a-run",
    "{where} ({place:said200}) lies where a run keeps checkpoints or other files, which is no proof that it is a "
    "result of it: not counted",
)
OF_ANOTHER_ROLE = Kind(
    "of-another-role",
    "{where} ({place:said200}): SageMaker wrote models of runs of another role ({names:list}) inside of it: whether "
    "the job takes one of them cannot be told, so none is counted",
    TAG_LINEAGE,
)
LATER_THAN_IT = Kind(
    "later-than-child",
    "{where} ({place:said200}) names a result of a run that was not created before this job, but before it ended: what "
    "a job takes from a later one is not counted",
    TAG_LINEAGE,
)
ALSO_BEGINS = Kind(
    "prefix-of-several",
    "{where} ({place:said200}) is no folder: it reads every key that begins so, results of {names:list} among them, "
    "which are not counted",
    TAG_LINEAGE,
)
ALSO_HELD = Kind(
    "also-held",
    "{where} ({place:said200}): another run has this name, or names this place, or one above it, for its results, but "
    "it is not the one that it was written for: not counted",
)
OVERWRITTEN = Kind(
    "overwritten", "{where} ({place:said200}): an earlier run of the name {name} left results there, too: not counted"
)
_WRITTEN = ("output",)
"""The folder below `<S3OutputPath>/<job name>/` that SageMaker writes into: model.tar.gz, model/, output.tar.gz (API
Reference, OutputDataConfig; Developer Guide, "Amazon S3 storage paths")."""
_NEAR = 3
"""Levels from a place upwards on which the run stands that surely wrote it, as `output/model` has."""


def most_at_a_place() -> int:
    """Runs of one role at one place that are looked up, the newest."""
    return ENTRIES_IN_A_PAGE * MOST_PAGES


@dataclass
class Holders:
    """Looks for one run. `ancestors_of` tells of a recorded run by its job id, None for one without a record; `tagged`
    are runs that a person named, which settles what is in doubt about the others. Doubts and notes gather here.
    """

    run: Run
    index: LineageReads
    ancestors_of: Callable[[str], frozenset[str] | None]
    tagged: set[str] = field(default_factory=set)
    doubts: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    _queries: int = 0
    _seen: dict[Location, tuple[list[IndexEntry], bool]] = field(default_factory=dict)

    def of(self, reference: Reference) -> list[IndexEntry]:
        """The runs whose results a reference takes."""
        entries = self._found(reference)
        if reference.explicit:
            self.tagged |= {entry.job_id for entry in entries}
        return entries

    def _found(self, reference: Reference) -> list[IndexEntry]:
        at = reference.location
        if at.too_long:
            self.doubts.append(PLACE_TOO_LONG(where=reference.where))
            return []
        if not at.in_s3:
            return self._named(reference)
        if len(at.path) > DEPTH:
            self._unless_tagged(PLACE_TOO_DEEP(where=reference.where, most=DEPTH))
        if reference.data:
            return self._of_data(reference)
        if at.whole_bucket:
            self._unless_tagged(WHOLE_BUCKET(where=reference.where, place=str(at)))
            return []
        held = [*self._above(reference), *(self._below(reference) if reference.directory else ())]
        if reference.kept:
            return self._kept_together(reference, held)
        return self._with_neighbours(reference, held) if reference.prefix else held

    def _kept_together(self, reference: Reference, held: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Of who left results where the job keeps checkpoints itself, the run below whose own folder that is. Of others
        it may go on from one, or each goes its own way.
        """
        at = reference.location
        counted = [entry for entry in held if not entry.checkpoint and entry.location.holds(at)]
        beside = [entry for entry in held if entry not in counted]
        if beside:
            self._unless_tagged(KEPT_TOGETHER(where=reference.where, place=str(at), names=_names(beside)))
        return counted

    def _with_neighbours(self, reference: Reference, held: list[IndexEntry]) -> list[IndexEntry]:
        """What a job takes that reads every key which begins so: where the place is none of a run, all of it."""
        known = {entry.job_id for entry in held}
        beside = [entry for entry in self._begun(reference) if entry.job_id not in known]
        if not held or not beside:
            return [*held, *beside]
        place = str(reference.location)
        self._unless_tagged(ALSO_BEGINS(where=reference.where, place=place, names=_names(beside)))
        return held

    def _named(self, reference: Reference) -> list[IndexEntry]:
        """Those of a name, an ARN, or a content, which anybody may have. A name means the runs of the job's role, if
        there are any, else those of another whose model the job reads: who they are, only an ARN would say otherwise.
        """
        at = reference.location
        entries = self._at(reference, at)
        ours, theirs = self._by_role(entries)
        if at.space == NAMES:
            meant = ours or [entry for entry in theirs if self._reads_model_of(entry)]
            if meant and len(meant) < len(entries):
                self.notes.append(ALSO_HELD(where=reference.where, place=str(at)))
            entries = meant
        else:
            if any(entry.checkpoint for entry in entries):
                self._say_of_others(reference, theirs)
                entries = ours
            if not reference.explicit:
                self._doubt_later(reference, at)
        return self._apart(reference, self._told_apart(reference, at, entries))

    def _reads_model_of(self, entry: IndexEntry) -> bool:
        """Whether the job itself names what SageMaker wrote for a run, or a model's folder that it lies in."""
        read = [each for each in self.run.begins if not each.explicit and not each.location.whole_bucket]
        return any(
            entry.wrote_around(each.location) or (not each.data and entry.wrote_within(each.location)) for each in read
        )

    def _above(self, reference: Reference) -> list[IndexEntry]:
        """Those at the place and above it."""
        at = reference.location
        every: list[IndexEntry] = []
        others: list[IndexEntry] = []
        shared = proven = False
        for level, place in enumerate(_inside_the_bucket(at)):
            ours, theirs = self._by_role(self._at(reference, place, proven and level >= _NEAR))
            others += [entry for entry in theirs if not entry.wrote_around(at)]
            ours += [entry for entry in theirs if entry.wrote_around(at)]
            here = ours if proven and level >= _NEAR else self._told_apart(reference, place, ours)
            if len(here) < len(ours):
                shared = True
            elif level < _NEAR or not proven:
                self._doubt_later(reference, place)
            every += here
            proven = proven or any(entry.wrote_object(at) for entry in here)
        if proven:
            exact = [entry for entry in every if entry.artifact == at]
            self._say_of_proven(reference, exact, every, others)
            return self._apart(reference, exact)
        self._say_of_bucket(reference, every, others, shared)
        return self._apart(reference, every)

    def _say_of_proven(
        self,
        reference: Reference,
        exact: Sequence[IndexEntry],
        every: Sequence[IndexEntry],
        others: Sequence[IndexEntry],
    ) -> None:
        """Who else names a place that SageMaker wrote for a run: of the job's role, he may have written there since."""
        behind, place = self._behind(exact), str(reference.location)
        written = max(entry.ended for entry in exact if entry.succeeded)
        since = [e for e in every if e.job_id not in behind and (not e.ended or e.ended > written)]
        if since:
            self._note_runs(MAYBE_OVERWRITTEN, reference, since)
        elif {entry.job_id for entry in (*every, *others)} - behind:
            self.notes.append(ALSO_HELD(where=reference.where, place=place))

    def _say_of_bucket(
        self, reference: Reference, every: Sequence[IndexEntry], others: Sequence[IndexEntry], shared: bool
    ) -> None:
        """What runs hold that are not counted: those of other roles, and those that hold the whole bucket."""
        in_root, theirs = self._by_role(self._at(reference, Location(reference.location.space)))
        left = [*others, *theirs]
        if not left and not in_root:
            return
        behind = self._behind(every)
        self._say_of_others(reference, [entry for entry in left if entry.job_id not in behind])
        if not shared and not behind.issuperset(entry.job_id for entry in in_root):
            where, place = reference.where, str(reference.location)
            if every:
                self._note_unless_tagged(ALSO_IN_A_RUNS_BUCKET(where=where, place=place))
            else:
                self._unless_tagged(IN_A_RUNS_BUCKET(where=where, place=place))

    def _by_role(self, entries: Sequence[IndexEntry]) -> tuple[list[IndexEntry], list[IndexEntry]]:
        """Runs of the job's role, or all where that is not known, and those of others."""
        theirs = [entry for entry in entries if entry.foreign_to(self.run.role)]
        return [entry for entry in entries if not entry.foreign_to(self.run.role)], theirs

    def _say_of_others(self, reference: Reference, others: Sequence[IndexEntry]) -> None:
        """Runs of other roles at a place: a doubt where SageMaker wrote their models inside of it, else a note."""
        at = reference.location
        within = [entry for entry in others if entry.wrote_within(at)]
        if within:
            self._unless_tagged(OF_ANOTHER_ROLE(where=reference.where, place=str(at), names=_names(within)))
        else:
            self._note_runs(NAMED_BY_ANOTHER_ROLE, reference, others)

    def _told_apart(self, reference: Reference, at: Location, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Entries at a place without those that only say that they leave results there, where these are too many."""
        if not is_crowd(entry for entry in entries if entry.checkpoint):
            return list(entries)
        self._unless_tagged(SHARED_PLACE(where=reference.where, most=MOST_SHARING, place=str(at)))
        return [entry for entry in entries if not entry.checkpoint]

    def _doubt_later(self, reference: Reference, place: Location) -> None:
        """Runs that were not created before this one, and leave results where it begins, are its parents, whatever the
        clock says. Of those that share its checkpoint the later one continues the earlier, unless none is earlier.
        """
        at, named = reference.location, list[IndexEntry]()
        for entry in self._not_earlier(reference, place):
            if not (entry.checkpoint or entry.location == at or _left_by_sagemaker(entry, at)):
                continue
            if entry.foreign_to(self.run.role) and not entry.wrote(at):
                named.append(entry)
                continue
            self._unless_tagged(LATER_THAN_IT(where=reference.where, place=str(at)))
            return
        self._note_runs(NAMED_BY_ANOTHER_ROLE, reference, named)

    def _not_earlier(self, reference: Reference, place: Location) -> Iterator[IndexEntry]:
        """Runs at a place that were created at the same time as this one, or, unless it is its own checkpoint, while it
        went on.
        """
        created, shared = self.run.created_text, reference.location in self.run.checkpoints
        last = created if shared else self.run.ended_text
        if not created:
            return
        later = self._pages(
            lambda after, role: self.index.exactly("output", place, after, ENTRIES_IN_A_PAGE, role),
            f"{place.key}#{created}",
            lambda entry: entry.cursor,
            enough=lambda read: bool(last) and any(entry.created > last for entry in read),
        )
        for entry in later.entries:
            during = entry.created == created or (created < entry.created and not shared)
            if during and (not last or entry.created <= last) and not self._apart_from_us(entry, reference):
                yield entry
        if not later.whole:
            self._say_too_many(reference, place)

    def _of_data(self, reference: Reference) -> list[IndexEntry]:
        """Those for whom SageMaker wrote it; of the job's role also those below whose name it does."""
        at = reference.location
        ours, theirs = self._by_role([entry for place in at.upwards() for entry in self._at(reference, place)])
        output = {e.job_id for e in (*ours, *theirs) if not e.checkpoint and _in_its_output(e, at)}
        taken = [e for e in ours if not e.checkpoint and e.job_id in output]
        taken += [e for e in (*ours, *theirs) if e.wrote_around(at)]
        if any(entry.wrote_object(at) for entry in taken):
            exact = [entry for entry in taken if entry.artifact == at]
            self._say_of_proven(reference, exact, [e for e in ours if not e.location.whole_bucket], theirs)
            return self._apart(reference, exact)
        self._doubt_later_data(reference)
        if not reference.exact:
            self._say_of_data(reference, ours, theirs, taken, output)
        return self._apart(reference, taken)

    def _doubt_later_data(self, reference: Reference) -> None:
        """The same as of a model: what SageMaker wrote for a later run is a doubt, whatever it is called, and where one
        keeps checkpoints, the job's word: that it is data, or that a run of another role only names the place.
        """
        at = reference.location
        near = DEPTH if _WRITTEN[0] in at.path else _NEAR
        later = [e for place in islice(_inside_the_bucket(at), near) for e in self._not_earlier(reference, place)]
        ours, theirs = self._by_role(later)
        if any(e.wrote_around(at) for e in later) or any(not e.checkpoint and _in_its_output(e, at) for e in ours):
            self._unless_tagged(LATER_THAN_IT(where=reference.where, place=str(at)))
            return
        if reference.exact:
            return
        called = [entry for entry in ours if entry.checkpoint]
        named = [entry for entry in theirs if _in_its_output(entry, at) or _a_checkpoint_of(entry)]
        self._note_runs(CALLED_DATA, reference, called)
        self._note_runs(NAMED_BY_ANOTHER_ROLE, reference, named)

    def _say_of_data(
        self,
        reference: Reference,
        ours: Sequence[IndexEntry],
        theirs: Sequence[IndexEntry],
        taken: Sequence[IndexEntry],
        output: set[str],
    ) -> None:
        """Whose places the data lies at, and who is not counted."""
        behind = self._behind(taken)
        called = [e for e in ours if not e.location.whole_bucket and e.job_id not in behind]
        named = [e for e in theirs if e.job_id not in behind and (e.job_id in output or _a_checkpoint_of(e))]
        self._note_runs(CALLED_DATA, reference, called)
        self._note_runs(NAMED_BY_ANOTHER_ROLE, reference, named)
        if (ours or theirs) and not (taken or called or named):
            self.notes.append(NOT_ITS_OUTPUT(where=reference.where, place=str(reference.location)))

    def _apart(self, reference: Reference, candidates: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Of runs, nearest and newest first, those that no other one of them continues."""
        taken: list[IndexEntry] = []
        behind: set[str] = set()
        place = str(reference.location)
        for entry in candidates:
            if entry.job_id in behind:
                continue
            if any(_overwrote(other, entry, reference.location) for other in taken):
                self.notes.append(OVERWRITTEN(where=reference.where, place=place, name=name_of(entry.job_arn)))
                continue
            if len(taken) == MOST_HOLDERS:
                self._unless_tagged(TOO_MANY_WRITERS(where=reference.where, most=MOST_HOLDERS, place=place))
                break
            taken.append(entry)
            ancestors = self.ancestors_of(entry.job_id)
            if ancestors is None:
                break  # what it continues is not known yet; its commit has this run assessed again
            behind |= {entry.job_id} | ancestors
        behind = {each for entry in taken for each in self._behind([entry]) - {entry.job_id}}
        left = [entry for entry in taken if entry.job_id not in behind]
        if len(left) > 1 and not reference.kept and self.tagged.isdisjoint(entry.job_id for entry in left):
            names = sorted(name_of(entry.job_arn) for entry in left)
            self._doubt(SEVERAL_HOLDERS(where=reference.where, place=place, names=names))
        return left

    def _behind(self, entries: Sequence[IndexEntry]) -> set[str]:
        """Runs and their ancestors."""
        behind = {entry.job_id for entry in entries}
        for entry in entries:
            behind |= self.ancestors_of(entry.job_id) or frozenset()
        return behind

    def _unless_tagged(self, doubt: Remark) -> None:
        """A doubt that a person settles who says what the run continues."""
        if not self.tagged:
            self._doubt(doubt)

    def _note_unless_tagged(self, note: Remark) -> None:
        """The same of a note."""
        if not self.tagged and note not in self.notes:
            self.notes.append(note)

    def _note_runs(self, kind: Kind, reference: Reference, entries: Sequence[IndexEntry]) -> None:
        """Such a note that names runs at a place, if there are any."""
        if entries:
            place = str(reference.location)
            self._note_unless_tagged(kind(where=reference.where, place=place, names=_names(entries)))

    def _doubt(self, doubt: Remark) -> None:
        if doubt not in self.doubts:
            self.doubts.append(doubt)

    def _at(self, reference: Reference, at: Location, settled: bool = False) -> list[IndexEntry]:
        """The runs before this one that left results at a place, newest first. `settled`: whose it is, is proven."""
        if at not in self._seen:
            self._seen[at] = self._read(at)
        entries, whole = self._seen[at]
        if not whole and not settled:
            self._say_too_many(reference, at)
        return [entry for entry in entries if not self._apart_from_us(entry, reference)]

    def _say_too_many(self, reference: Reference, at: Location) -> None:
        """Of a bucket's root it is enough that there are runs; of data, that they keep something above it, unless it
        lies where SageMaker writes for runs of that name.
        """
        exact = not reference.data or reference.location.path[len(at.path) :][:1] == _WRITTEN
        if exact and not at.whole_bucket:
            self._unless_tagged(TOO_MANY_WRITERS(where=reference.where, most=most_at_a_place(), place=str(at)))

    def _read(self, at: Location) -> tuple[list[IndexEntry], bool]:
        before = self._pages(
            lambda before, role: self.index.newest("output", at, before, ENTRIES_IN_A_PAGE, role),
            self.run.created_text,
            lambda entry: entry.created,
            most=1 if at.whole_bucket else MOST_PAGES,
        )
        return sorted(before.entries, key=lambda entry: entry.cursor, reverse=True), before.whole

    def _pages(
        self, ask: AskPage, begin: str, end: Callable[[IndexEntry], str], most: int = 0, enough: Enough = never_enough
    ) -> PagesPerRole:
        return PagesPerRole(self.run.role, ask, begin, end, most or MOST_PAGES, self._may_ask, enough)

    def _may_ask(self) -> bool:
        """Counts a query of the index; False, with a doubt, once there were too many."""
        if self._queries >= MOST_QUERIES:
            self._doubt(TOO_MANY_LOOKUPS(most=MOST_QUERIES))
            return False
        self._queries += 1
        return True

    def _below(self, reference: Reference) -> list[IndexEntry]:
        """Of every place strictly below, the runs before this one that left results there."""
        at = reference.location
        return self._last(reference, self.index.within, lambda place: place != at)

    def _begun(self, reference: Reference) -> list[IndexEntry]:
        """The same of every place that is not there or below, and whose name begins as this one's."""
        at = reference.location
        return self._last(reference, self.index.beginning, lambda place: not at.holds(place))

    def _last(self, reference: Reference, find: Find, wanted: Callable[[Location], bool]) -> list[IndexEntry]:
        at, created = reference.location, self.run.created_text

        def below(read: Sequence[IndexEntry]) -> tuple[list[IndexEntry], list[IndexEntry]]:
            return self._by_role([e for e in read if wanted(e.location) and not self._apart_from_us(e, reference)])

        counted: list[IndexEntry] = []
        looked_at = 0

        def too_many(read: Sequence[IndexEntry]) -> Kind | None:
            nonlocal looked_at
            counted.extend(below(read[looked_at:])[0])
            looked_at = len(read)
            if is_crowd(entry for entry in counted if entry.created < created):
                return SHARED_PLACE
            return TOO_MANY_RESULTS if len(counted) > MOST_BELOW else None

        read = self._pages(
            lambda after, role: find("output", at, after, ENTRIES_IN_A_PAGE, role),
            "",
            lambda entry: entry.cursor,
            most=MOST_QUERIES,
            enough=lambda read: too_many(read) is not None,
        ).entries
        ours, theirs = below(sorted(read, key=lambda entry: entry.cursor))
        if any(entry.created == created for entry in ours):
            self._unless_tagged(LATER_THAN_IT(where=reference.where, place=str(at)))
        kind = too_many(read)
        if kind is SHARED_PLACE:
            self._unless_tagged(SHARED_PLACE(where=reference.where, most=MOST_SHARING, place=str(at)))
            return []
        if kind is TOO_MANY_RESULTS:
            self._unless_tagged(TOO_MANY_RESULTS(most=MOST_BELOW, place=str(at)))
            return []
        self._say_of_others(reference, [entry for entry in theirs if entry.created < created])
        ours = [entry for entry in ours if entry.created < created]
        by_place: dict[Location, list[IndexEntry]] = {}
        for entry in reversed(ours):
            by_place.setdefault(entry.location, []).append(entry)
        return [entry for entries in by_place.values() for entry in self._apart(reference, entries)]

    def _apart_from_us(self, entry: IndexEntry, reference: Reference) -> bool:
        """Whether the job takes nothing from a run, see `apart`; of a trial of its own search it may take what that had
        left before this one began to train, in whatever state.
        """
        if not apart(entry, self.run.job_id, self.run.family):
            return False
        at, started = reference.location, iso(self.run.started) if self.run.started else self.run.ended_text
        before = bool(entry.ended) and (not started or entry.ended <= started)
        left = entry.wrote_within(at) or (at.in_s3 and entry.location.holds(at))
        taken = reference.explicit or entry.wrote_around(at) or (left and before)
        return entry.job_id == self.run.job_id or not taken


def _a_checkpoint_of(entry: IndexEntry) -> bool:
    return entry.checkpoint and not entry.location.whole_bucket


def _in_its_output(entry: IndexEntry, at: Location) -> bool:
    """Whether a place lies where SageMaker writes below the place of a run that holds it."""
    return at.path[len(entry.location.path) :][:1] == _WRITTEN


def _left_by_sagemaker(entry: IndexEntry, at: Location) -> bool:
    """Whether SageMaker writes there for a run, or says so, be it for one without success."""
    return _in_its_output(entry, at) or (entry.artifact is not None and entry.artifact.holds(at))


def _names(entries: Sequence[IndexEntry]) -> list[str]:
    """Names of runs, a few of them."""
    return sorted({name_of(entry.job_arn) for entry in entries})[:MOST_HOLDERS]


def _overwrote(newer: IndexEntry, older: IndexEntry, at: Location) -> bool:
    """Whether a run of the same ARN left its artifact in the place of an older one's, and that is what is read: a job
    of that name, or the artifact itself. Whatever else the older one left is still there, also in a folder.
    """
    replaced = older.artifact is not None and newer.wrote_object(older.artifact)
    return newer.job_arn == older.job_arn and replaced and (newer.artifact == at or not at.in_s3)


def _inside_the_bucket(at: Location) -> Iterator[Location]:
    return (place for place in at.upwards() if place.path)
