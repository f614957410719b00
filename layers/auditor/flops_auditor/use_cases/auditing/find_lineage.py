"""Find which recorded jobs a job continues, with a bounded number of reads.

Per place that a job begins from: at most one query for each segment of its path (`find_holders.py`). Per parent: its
newest record, and one object if it has more than MOST_INLINE ancestors. How long the chain is makes no difference.
"""

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from flops_auditor.domain.law.due_dates import DueDate, read_due_dates
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.lineage.kept_ancestors import AncestorSet, Unpacked, within_room
from flops_auditor.domain.lineage.lineage import (
    BEHIND_SHUT_DOORS,
    Ancestor,
    Lineage,
    ancestor_of,
    join,
    on_its_word,
    passed_on,
    read_lineage,
    union,
)
from flops_auditor.domain.runs.model_names import in_service_bucket
from flops_auditor.domain.runs.places import MOST_REFERENCES, NAMES, Location, Reference
from flops_auditor.domain.runs.remedies import TAG_LINEAGE, WAIT
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.s3_spellings import can_be_followed
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.use_cases.auditing.crowds import ENTRIES_IN_A_PAGE
from flops_auditor.use_cases.auditing.find_holders import Holders
from flops_auditor.use_cases.auditing.recorded_runs import AncestorObjects, RecordedRuns
from flops_auditor.use_cases.ports.ledger import Archive
from flops_auditor.use_cases.ports.lineage import IndexEntry, IndexKind, LineageIndex, LineageReads
from flops_auditor.use_cases.ports.records import Records
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn

AWAITED = Kind("parent-not-recorded", "{where} takes the result of {name}, which is not recorded yet", WAIT)
"""A parent that is known to the index, but whose record is not committed yet."""
TOO_MANY_PLACES = Kind(
    "too-many-places", "the job begins from {count} places, of which {most} were looked up", TAG_LINEAGE
)
NO_CREATION_TIME = Kind(
    "no-creation-time", "the job has no creation time, so nothing says which jobs came before it", TAG_LINEAGE
)
TOO_MANY_PARENTS = Kind(
    "too-many-parents", "the job continues {count} others, of which {most} were looked up", TAG_LINEAGE
)
TOO_MUCH_BEHIND_PARENTS = Kind(
    "too-much-behind-parents",
    "what {count} of the jobs that this one continues go back to was not read: it is more than one audit reads",
    TAG_LINEAGE,
)
CONTINUES = Kind("takes-result", "{where} ({place:said200}) takes the result of {name}")
RESULT_TOO_LONG = Kind(
    "result-too-long", "a place where the job leaves results is too long to be noted: who continues it is not seen"
)
RESULT_NOT_FOLLOWED = Kind(
    "result-not-followed",
    "the job leaves results at {place:said200}, an access point or a place of a form that is not known: who continues "
    "it by another name of the place is not seen",
)
NAMES_ITSELF = Kind("lineage-names-itself", "{where} names the job itself: a job cannot continue itself", TAG_LINEAGE)
NAMES_LATER = Kind(
    "lineage-names-later",
    "{where} names {name:said200}, which was not created before this job: a job cannot continue a later one, so the "
    "circle is refused",
    TAG_LINEAGE,
)
NAMES_A_PLACE_OF_OTHERS = Kind(
    "lineage-names-place-of-others",
    "{where} names {name:said200}, a name or a place that only runs of other roles, or of none that is known, have: "
    "which run is meant, its ARN would say",
    TAG_LINEAGE,
)
NAMES_UNKNOWN = Kind("lineage-names-unknown", "{where} names {name:said200}, of which nothing is recorded", TAG_LINEAGE)
TOO_MANY_ANCESTORS = Kind(
    "too-many-ancestors", "{count} more of its earlier runs, those of the least compute, are left out: there is no room"
)
MAYBE_DELETED = Kind(
    "deleted-run-of-its-role",
    "{where} ({place:said200}): a run of its role was deleted before its audit, and its event does not say all places "
    "where that left results: this may be one of them",
    TAG_LINEAGE,
)
MOST_PARENTS = 50
MOST_ROLES = 400
"""Ancestors of a running job whose role is looked up before it is stopped."""
MOST_DOUBTS = 20
MOST_NOTES = 30
"""Of what a job continues, in its record; one more says how many others there are."""
MORE_DOUBTS = Kind("more-lineage-doubts", "and {count} more doubts about what the job continues", TAG_LINEAGE)
MORE_NOTES = Kind("more-lineage-notes", "and {count} more notes about what the job continues")


@dataclass(frozen=True)
class FoundLineage:
    """A job's lineage, the objects that keep its parents' ancestors, and the days by which parents were to notify.
    `heir_of` are the parents of its own role whose results it reads, whatever its tag says; `recorded_at` is when the
    last record of a parent was made, none of which is older than those of its own ancestors.
    """

    lineage: Lineage
    kept: tuple[AncestorSet, ...] = ()
    due: tuple[DueDate, ...] = ()
    heir_of: tuple[str, ...] = ()
    recorded_at: datetime | None = None


def index_run(run: Run, index: LineageIndex) -> None:
    """Enter where the job leaves its results and where it begins from.

    Before its parents are read: whichever of parent and child is recorded second then sees the other one.
    """
    places: list[tuple[IndexKind, Location]] = [("output", each) for each in run.results if not each.too_long]
    for reference in run.begins[:MOST_REFERENCES]:
        at = reference.location
        if at.whole_bucket and reference.explicit:
            places.append(("input", at))  # it says of whom the first results there are
        if not at.too_long and not at.whole_bucket:
            places.append(("input", at))
            if reference.directory:
                places.append(("directory", at))
            if reference.prefix and not at.in_folder.too_long:
                places.append(("prefix", at.in_folder))
    if run.role and _models_of(run):
        places.append(("input", Location(run.role)))  # where a run stands of which not all places are known
    index.add([(kind, entry_of(run, at)) for kind, at in dict.fromkeys(places)])


def _models_of(run: Run) -> list[Reference]:
    """Places of models in S3 that the run reads, but for AWS's own, and those where it leaves results itself."""
    own = set(run.checkpoints)
    return [
        each
        for each in run.begins[:MOST_REFERENCES]
        if each.location.in_s3
        and not (each.data or each.explicit or each.location in own)
        and not in_service_bucket(str(each.location))
    ]


def entry_of(run: Run, location: Location) -> IndexEntry:
    """The run's entry at a place."""
    return IndexEntry(
        location,
        run.created_text,
        run.job_id,
        run.arn,
        family=run.family,
        checkpoint=location in run.checkpoints,
        role=run.role,
        ended=run.ended_text,
        artifact=run.artifact,
        succeeded=run.succeeded,
    )


def awaits_parent(content: Mapping[str, Any]) -> bool:
    """Whether a record was made while an audit of a parent was under way: its commit has this job assessed again."""
    return any(doubt["kind"] == AWAITED.name for doubt in content["lineage"]["doubts"])


def find_lineage(
    run: Run,
    records: Records,
    index: LineageIndex,
    archive: Archive,
    at_once: SideBySide = in_turn,
    expected: Sequence[str] = (),
) -> FoundLineage:
    """The runs that this one continues, and their ancestors, as they are recorded now. What is `expected` to be among
    its parents is read beside the index.
    """
    objects = AncestorObjects(archive)
    recorded_at: dict[str, datetime] = {}
    places = [each.location for each in run.begins[:MOST_REFERENCES] if not each.location.too_long]
    asked = [partial(index.look, [place for place in places if not place.whole_bucket])]
    look, *ahead = at_once([*asked, *(partial(records.latest, job_id) for job_id in expected)])
    latest = dict(zip(expected, ahead, strict=True))

    def newest(job_id: str) -> Mapping[str, Any] | None:
        stored = latest[job_id] if job_id in latest else records.latest(job_id)
        content = None if stored is None else predicate_of(stored.line)
        if content is not None:
            recorded_at[job_id] = read_time(content["recorded_at"])
        return content

    followed = follow(run, newest, look, objects.load, objects.kept)
    return replace(followed, recorded_at=max(map(recorded_at.__getitem__, followed.lineage.parents), default=None))


def follow(
    run: Run,
    newest: Callable[[str], Mapping[str, Any] | None],
    index: LineageReads,
    load: Callable[[str, str], Unpacked],
    kept: Mapping[str, AncestorSet] = MappingProxyType({}),
) -> FoundLineage:
    """The same from whatever says what is recorded: `newest` gives the predicate of a job's newest record, `load` what
    stands in an object by key and SHA-256, and `kept` has those that it read. What cannot be told becomes a doubt.
    """
    named = run.begins
    doubts: list[Remark] = []
    if len(named) > MOST_REFERENCES:
        doubts.append(TOO_MANY_PLACES(count=len(named), most=MOST_REFERENCES))
    if named and run.created is None:
        doubts.append(NO_CREATION_TIME())
    recorded = RecordedRuns(newest, load)
    holders = Holders(run, index, recorded.ancestor_ids, doubts=doubts, notes=list(run.begins_notes))
    parents: dict[str, tuple[IndexEntry, Reference]] = {}
    resolved: set[Location] = set()
    read_from: set[str] = set()
    for reference in named[:MOST_REFERENCES]:
        for entry in holders.of(reference):
            resolved.add(reference.location)
            parents.setdefault(entry.job_id, (entry, reference))
            if run.role and entry.role == run.role and not reference.explicit:
                read_from.add(entry.job_id)
    for reference in named[:MOST_REFERENCES]:
        at = reference.location
        if reference.explicit and not at.too_long and resolved.isdisjoint((at, *reference.leads_to)):
            doubts.append(_unfound(run, reference, index))
    unfound = [r.unless_found for r in named if r.unless_found is not None and r.location not in resolved]
    doubts += [each for each in unfound if not (holders.tagged and each.kind.remedy is TAG_LINEAGE)]
    if not holders.tagged:
        doubts += run.begins_doubts
        doubts += _maybe_deleted(run, resolved, index)
        holders.notes += _behind_shut_doors(run, resolved)
    doubts += _unseen_results(run)
    before_parents, unread = len(doubts), 0
    once, read = dict[str, Ancestor](), set[str]()
    due: list[DueDate] = []
    notes = holders.notes
    for job_id in sorted(parents)[:MOST_PARENTS]:
        entry, reference = parents[job_id]
        name = name_of(entry.job_arn)
        content, ancestors = recorded.content(job_id), recorded.ancestors(job_id)
        unread += ancestors is None
        if content is None:
            doubts.append(AWAITED(where=reference.where, name=name))
            continue
        notes.append(CONTINUES(where=reference.where, place=str(reference.location), name=name))
        join(once, passed_on(ancestor_of(content), ancestors or ()))
        read.add(job_id)
        due += read_due_dates(content)
    doubts[before_parents:before_parents] = _not_all(len(parents), unread)
    everyone = union([once.values()], without=run.job_id)
    within = within_room(everyone, read)
    if len(within) < len(everyone):
        doubts.insert(0, TOO_MANY_ANCESTORS(count=len(everyone) - len(within)))
    decisive_first = sorted(notes, key=lambda note: not on_its_word(note))
    remarks = _first(doubts, MOST_DOUBTS, MORE_DOUBTS), _first(decisive_first, MOST_NOTES, MORE_NOTES)
    known = tuple(sorted(parents.keys() & {ancestor.job_id for ancestor in within}))
    heir_of = tuple(job_id for job_id in known if job_id in read_from)
    return FoundLineage(Lineage(known, within, *remarks), tuple(kept.values()), tuple(due), heir_of)


def _not_all(parents: int, unread: int) -> list[Remark]:
    """Doubts about parents of which not all were looked up, and of which some continue what was not read."""
    many = [TOO_MANY_PARENTS(count=parents, most=MOST_PARENTS)] if parents > MOST_PARENTS else []
    return many + ([TOO_MUCH_BEHIND_PARENTS(count=unread)] if unread else [])


def of_its_role(run: Run, lineage: Lineage, index: LineageReads) -> Lineage:
    """A run's lineage without runs that had the rights of another role, or of one that is not known, and without what
    only those continue: each ancestor's role is looked up, of more than MOST_ROLES the nearest.
    """
    once = {ancestor.job_id: ancestor for ancestor in lineage.ancestors}
    ours: list[Ancestor] = []
    waiting = deque(lineage.parents)
    asked: set[str] = set()
    while waiting and len(asked) < MOST_ROLES:
        ancestor = once.get(waiting.popleft())
        if ancestor is None or ancestor.job_id in asked:
            continue
        asked.add(ancestor.job_id)
        entries = index.exactly("output", Location(ancestor.job_arn), "", ENTRIES_IN_A_PAGE)
        if any(entry.job_id == ancestor.job_id and entry.role == run.role for entry in entries):
            ours.append(ancestor)
            waiting += ancestor.parents
    if len(ours) == len(once):
        return lineage
    known = {ancestor.job_id for ancestor in ours}
    parents = tuple(job_id for job_id in lineage.parents if job_id in known)
    return replace(lineage, parents=parents, ancestors=union([ours]))


def _maybe_deleted(run: Run, resolved: Container[Location], index: LineageReads) -> list[Remark]:
    """A doubt about a model of which nobody is known to have left it, where a run of the job's role was deleted before
    anybody knew all places of its results.
    """
    unknown = _of_nobody(run, resolved)
    if not run.role or not unknown or not index.newest("output", Location(run.role), run.created_text, 1):
        return []
    return [MAYBE_DELETED(where=unknown[0].where, place=str(unknown[0].location))]


def _behind_shut_doors(run: Run, resolved: Container[Location]) -> list[Remark]:
    """A note about such a model where doors were shut: a run that went through one may have left it."""
    unknown = _of_nobody(run, resolved) if run.shut_doors else []
    places = [BEHIND_SHUT_DOORS(where=e.where, place=str(e.location), doors=run.shut_doors) for e in unknown]
    return places[:1]


def _of_nobody(run: Run, resolved: Container[Location]) -> list[Reference]:
    """Models that the run reads and of which nobody is known to have left them."""
    return [each for each in _models_of(run) if each.location not in resolved]


def _unseen_results(run: Run) -> list[Remark]:
    """Doubts about who continues a run, where nobody can see it."""
    doubts = [RESULT_TOO_LONG()] if any(location.too_long for location in run.results) else []
    hidden = [location for location in run.results if not can_be_followed(location)]
    return [*doubts, *(RESULT_NOT_FOLLOWED(place=str(location)) for location in hidden[:1])]


def _first(remarks: Sequence[Remark], most: int, more: Kind) -> tuple[Remark, ...]:
    """The first of these remarks, and one that says how many others there are."""
    left = len(remarks) - most
    return (*remarks[:most], *([more(count=left)] if left > 0 else []))


def recorded_lineage(content: dict[str, object], archive: Archive) -> Lineage:
    """The lineage that a record was audited with."""
    return read_lineage(content, lambda key, digest: AncestorObjects(archive).load(key, digest).ancestors)


def _unfound(run: Run, reference: Reference, index: LineageReads) -> Remark:
    at = reference.location
    name = at.path[-1] if at.space == NAMES else str(at)
    for entry in index.exactly("output", at, "", ENTRIES_IN_A_PAGE):
        if entry.job_id == run.job_id:
            return NAMES_ITSELF(where=reference.where)
        if entry.created < run.created_text:
            return NAMES_A_PLACE_OF_OTHERS(where=reference.where, name=name)
        return NAMES_LATER(where=reference.where, name=name)
    return NAMES_UNKNOWN(where=reference.where, name=name)
