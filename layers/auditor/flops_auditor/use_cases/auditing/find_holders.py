"""Which runs left results at a place that a run begins from, and which of them are only said to have.

A place is held by every run whose results lie there or whose result holds it: a longer path or a newer run adds a
holder and takes no one's place. A file that SageMaker itself wrote for a run proves it. Where nothing does, all holders
count that do not continue one another, and a doubt names them. Data is taken for a run's only where SageMaker wrote it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from flops_auditor.domain.runs.places import DEPTH, Location, Reference
from flops_auditor.domain.runs.remedies import TAG_LINEAGE
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.use_cases.auditing.crowds import ENTRIES_IN_A_PAGE, MOST_BELOW, MOST_SHARING, apart, is_crowd
from flops_auditor.use_cases.ports.lineage import Find, IndexEntry, LineageIndex

MOST_PAGES = 5
"""Pages of the index that one place may take."""
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
NOT_ITS_OUTPUT = Kind(
    "no-output-of-a-run",
    "{where} ({place:said200}) lies where a run keeps checkpoints or other files, which is no proof that it is a "
    "result of it: not counted",
)
OF_ANOTHER_ROLE = Kind(
    "of-another-role",
    "{where} ({place:said200}) lies where {names:list} of another role keeps checkpoints: whether it takes a result of "
    "it cannot be told, so it is not counted",
    TAG_LINEAGE,
)
LATER_THAN_IT = Kind(
    "later-than-child",
    "{where} ({place:said200}) names a result of a run that was created after this job, and before it ended: what a "
    "job takes from a later one is not counted",
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
    "{where} ({place:said200}): another run has results above or at this place, which SageMaker did not "
    "write there for it: not counted",
)
OVERWRITTEN = Kind(
    "overwritten", "{where} ({place:said200}): an earlier run of the name {name} left results there, too: not counted"
)
_WRITTEN = (("output",), ("output", "model.tar.gz"), ("output", "output.tar.gz"), ("output", "model"))
"""What SageMaker writes below `<S3OutputPath>/<job name>/`: (API Reference, OutputDataConfig; Developer Guide, "Amazon
S3 storage paths")."""
_NEAR = 1 + max(map(len, _WRITTEN))
"""Levels from a place upwards on which the run stands that surely wrote it."""


@dataclass(frozen=True)
class Known:
    """What the newest record of a run says: whether it ended well, and its ancestors by job id."""

    succeeded: bool
    ancestors: frozenset[str]


@dataclass
class Holders:
    """Looks for one run. `known` tells of a recorded run, None for one without a record; `tagged` are runs that a
    person named, which settles what is in doubt about the others. Doubts and notes gather here.
    """

    run: Run
    index: LineageIndex
    known: Callable[[str], Known | None]
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
            return self._apart(reference, self._of_our_role(reference, self._told_apart(reference, at)))
        if len(at.path) > DEPTH:
            self._unless_tagged(PLACE_TOO_DEEP(where=reference.where, most=DEPTH))
        if reference.data:
            return self._of_data(reference)
        if at.whole_bucket:
            self._unless_tagged(WHOLE_BUCKET(where=reference.where, place=str(at)))
            return []
        held = [*self._above(reference), *(self._below(reference) if reference.directory else ())]
        return self._with_neighbours(reference, held) if reference.prefix else held

    def _with_neighbours(self, reference: Reference, held: list[IndexEntry]) -> list[IndexEntry]:
        """What a job takes that reads every key which begins so: where the place is none of a run, all of it."""
        known = {entry.job_id for entry in held}
        beside = [entry for entry in self._begun(reference) if entry.job_id not in known]
        if not held or not beside:
            return [*held, *beside]
        names = sorted({name_of(entry.job_arn) for entry in beside})[:MOST_HOLDERS]
        self._unless_tagged(ALSO_BEGINS(where=reference.where, place=str(reference.location), names=names))
        return held

    def _above(self, reference: Reference) -> list[IndexEntry]:
        """Those at the place and above it."""
        at = reference.location
        every: list[IndexEntry] = []
        sure: list[IndexEntry] = []
        shared = False
        for level, place in enumerate(_inside_the_bucket(at)):
            if level >= _NEAR and sure:
                break
            here = self._told_apart(reference, place)
            if len(here) < len(self._at(reference, place)):
                shared = True
            elif level < _NEAR and at not in self.run.checkpoints:
                self._doubt_later(reference, place)
            every += here
            sure += [entry for entry in here if _surely_wrote(entry, at)]
        if sure and {entry.job_id for entry in every} - self._behind(sure):
            self.notes.append(ALSO_HELD(where=reference.where, place=str(at)))
        if not every and not shared and self._at(reference, Location(at.space)):
            self._unless_tagged(IN_A_RUNS_BUCKET(where=reference.where, place=str(at)))
        return self._apart(reference, sure or self._of_our_role(reference, every))

    def _told_apart(self, reference: Reference, at: Location) -> list[IndexEntry]:
        """The runs before this one at a place, without those that only say that they leave results there, where these
        are too many.
        """
        entries = self._at(reference, at)
        if not is_crowd(entry for entry in entries if entry.checkpoint):
            return entries
        self._unless_tagged(SHARED_PLACE(where=reference.where, most=MOST_SHARING, place=str(at)))
        return [entry for entry in entries if not entry.checkpoint]

    def _doubt_later(self, reference: Reference, place: Location) -> None:
        """Runs created during this one that leave results where it begins: its parents, whatever the clock says."""
        created, ended = self.run.created_text, self.run.ended_text
        if not created or not self._may_ask():
            return
        later = (
            entry
            for entry in self.index.exactly("output", place, f"{place.key}#{created}", ENTRIES_IN_A_PAGE)
            if entry.created > created and (not ended or entry.created < ended) and not self._apart_from_us(entry)
            if entry.checkpoint or _surely_wrote(entry, reference.location)
        )
        if any(later):
            self._unless_tagged(LATER_THAN_IT(where=reference.where, place=str(reference.location)))

    def _of_our_role(self, reference: Reference, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Those without runs that only say that they leave results there, and that had the rights of others."""
        foreign = [entry for entry in entries if self._foreign(entry) and not reference.explicit]
        if foreign:
            names = sorted({name_of(entry.job_arn) for entry in foreign})[:MOST_HOLDERS]
            place = str(reference.location)
            self._unless_tagged(OF_ANOTHER_ROLE(where=reference.where, place=place, names=names))
        return [entry for entry in entries if entry not in foreign]

    def _foreign(self, entry: IndexEntry) -> bool:
        return entry.checkpoint and bool(entry.role and self.run.role) and entry.role != self.run.role

    def _of_data(self, reference: Reference) -> list[IndexEntry]:
        """Those below whose name SageMaker wrote it."""
        at = reference.location
        every = [entry for place in at.upwards() for entry in self._at(reference, place)]
        sure = [e for e in every if not e.checkpoint and at.path[len(e.location.path) :][:1] == _WRITTEN[0]]
        if every and not sure and not reference.exact:
            self.notes.append(NOT_ITS_OUTPUT(where=reference.where, place=str(at)))
        return self._apart(reference, sure)

    def _apart(self, reference: Reference, candidates: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Of runs, nearest and newest first, those that no other one of them continues."""
        taken: list[IndexEntry] = []
        behind: set[str] = set()
        place = str(reference.location)
        for entry in candidates:
            if entry.job_id in behind:
                continue
            if any(entry.job_arn == other.job_arn and self._overwrote(other) for other in taken):
                self.notes.append(OVERWRITTEN(where=reference.where, place=place, name=name_of(entry.job_arn)))
                continue
            if len(taken) == MOST_HOLDERS:
                self._doubt(TOO_MANY_WRITERS(where=reference.where, most=MOST_HOLDERS, place=place))
                break
            taken.append(entry)
            known = self.known(entry.job_id)
            if known is None:
                break  # what it continues is not known yet; its commit has this run assessed again
            behind |= {entry.job_id} | known.ancestors
        behind = {each for entry in taken for each in self._behind([entry]) - {entry.job_id}}
        left = [entry for entry in taken if entry.job_id not in behind]
        if len(left) > 1 and self.tagged.isdisjoint(entry.job_id for entry in left):
            names = sorted(name_of(entry.job_arn) for entry in left)
            self._doubt(SEVERAL_HOLDERS(where=reference.where, place=place, names=names))
        return left

    def _overwrote(self, entry: IndexEntry) -> bool:
        known = self.known(entry.job_id)
        return not entry.checkpoint and known is not None and known.succeeded

    def _behind(self, entries: Sequence[IndexEntry]) -> set[str]:
        """Runs and their ancestors."""
        behind = {entry.job_id for entry in entries}
        for entry in entries:
            known = self.known(entry.job_id)
            behind |= known.ancestors if known else set()
        return behind

    def _unless_tagged(self, doubt: Remark) -> None:
        """A doubt that a person settles who says what the run continues."""
        if not self.tagged:
            self._doubt(doubt)

    def _doubt(self, doubt: Remark) -> None:
        if doubt not in self.doubts:
            self.doubts.append(doubt)

    def _at(self, reference: Reference, at: Location) -> list[IndexEntry]:
        """The runs before this one that left results at a place, newest first."""
        if at not in self._seen:
            self._seen[at] = self._read(at)
        entries, whole = self._seen[at]
        if not whole:
            most = ENTRIES_IN_A_PAGE * MOST_PAGES
            self._doubt(TOO_MANY_WRITERS(where=reference.where, most=most, place=str(at)))
        return entries

    def _read(self, at: Location) -> tuple[list[IndexEntry], bool]:
        entries: list[IndexEntry] = []
        before = self.run.created_text
        for _ in range(MOST_PAGES):
            if not self._may_ask():
                return entries, True
            page = self.index.newest("output", at, before, ENTRIES_IN_A_PAGE)
            entries += [entry for entry in page if not self._apart_from_us(entry)]
            if len(page) < ENTRIES_IN_A_PAGE or at.whole_bucket:
                return entries, True
            before = page[-1].created
        return entries, False

    def _may_ask(self) -> bool:
        """Counts a query of the index; False, with a doubt, once there were too many."""
        if self._queries >= MOST_QUERIES:
            self._doubt(TOO_MANY_LOOKUPS(most=MOST_QUERIES))
            return False
        self._queries += 1
        return True

    def _below(self, reference: Reference) -> list[IndexEntry]:
        """Of every place strictly below, the last run before this one that left results there."""
        at = reference.location
        return self._last(reference, self.index.within, lambda place: place != at)

    def _begun(self, reference: Reference) -> list[IndexEntry]:
        """The same of every place that is not there or below, and whose name begins as this one's."""
        at = reference.location
        return self._last(reference, self.index.beginning, lambda place: not at.holds(place))

    def _last(self, reference: Reference, find: Find, wanted: Callable[[Location], bool]) -> list[IndexEntry]:
        at = reference.location
        earlier: list[IndexEntry] = []
        seen, after = 0, ""
        while self._may_ask():
            page = find("output", at, after, ENTRIES_IN_A_PAGE)
            below = [entry for entry in page if wanted(entry.location)]
            seen += len(below)
            earlier += [e for e in below if e.created < self.run.created_text and not self._apart_from_us(e)]
            if is_crowd(earlier):
                self._unless_tagged(SHARED_PLACE(where=reference.where, most=MOST_SHARING, place=str(at)))
                return []
            if seen > MOST_BELOW:
                self._unless_tagged(TOO_MANY_RESULTS(most=MOST_BELOW, place=str(at)))
                return []
            if len(page) < ENTRIES_IN_A_PAGE:
                break
            after = page[-1].cursor
        return list({entry.location: entry for entry in self._of_our_role(reference, earlier)}.values())

    def _apart_from_us(self, entry: IndexEntry) -> bool:
        return apart(entry, self.run.job_id, self.run.family)


def _inside_the_bucket(at: Location) -> Iterator[Location]:
    return (place for place in at.upwards() if place.path)


def _surely_wrote(entry: IndexEntry, at: Location) -> bool:
    """Whether SageMaker wrote what lies at a place for a run: all its results, or a file of them."""
    return not entry.checkpoint and (entry.location == at or at.path[len(entry.location.path) :] in _WRITTEN)
