"""Find which recorded jobs a job continues, with a bounded number of reads.

Per place that a job begins from: one query for each segment of its path until a job is found. Per parent: its newest
record, and one object if it has more than MOST_INLINE ancestors. How long the chain is makes no difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.lineage.kept_ancestors import KeptSet, read_kept, unpack
from flops_auditor.domain.lineage.lineage import (
    Ancestor,
    Lineage,
    MalformedLineage,
    ancestor_of,
    passed_on,
    read_lineage,
    union,
)
from flops_auditor.domain.lineage.model_packages import Packages, beginnings, package_doubts, unfold
from flops_auditor.domain.lineage.places import JOBS, MOST_REFERENCES, Location, Reference, outputs
from flops_auditor.domain.runs.sources.training_job import TrainingJob
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.ledger import Archive
from flops_auditor.use_cases.ports.lineage import IndexEntry, LineageIndex
from flops_auditor.use_cases.ports.records import Records

ENTRIES_IN_A_PAGE = 100
AWAITED = "which is not recorded yet"
"""Ends the doubt about a parent that is known to the index, but whose record is not committed yet."""
MOST_PAGES = 5
"""Pages of the index that one place may take: trials of one tuning job, or results below one directory."""
MOST_PARENTS = 50


@dataclass(frozen=True)
class FoundLineage:
    """A job's lineage, the objects that keep its parents' ancestors, and the days by which parents were to notify."""

    lineage: Lineage
    kept: tuple[KeptSet, ...] = ()
    due: tuple[str, ...] = ()


def index_job(job: TrainingJob, packages: Packages, index: LineageIndex) -> None:
    """Enter where the job leaves its results and where it begins from.

    Before its parents are read: whichever of parent and child is recorded second then sees the other one.
    """
    for location in outputs(job):
        if not location.too_long:
            index.add("output", entry_of(job, location))
    found, _ = beginnings(job, packages)
    for reference in found[:MOST_REFERENCES]:
        if not reference.location.too_long:
            index.add("input", entry_of(job, reference.location))
            if reference.directory:
                index.add("directory", entry_of(job, reference.location))


def entry_of(job: TrainingJob, location: Location) -> IndexEntry:
    """The job's entry at a place."""
    return IndexEntry(location, created(job), job.job_id, job.arn, job.tuning_job_arn)


def awaits_parent(content: Mapping[str, Any]) -> bool:
    """Whether a record was made while an audit of a parent was under way: its commit has this job assessed again."""
    return any(doubt.endswith(AWAITED) for doubt in content["lineage"]["doubts"])


def created(job: TrainingJob) -> str:
    """Creation time as the index sorts it."""
    return iso(job.creation_time) if job.creation_time else ""


def find_lineage(
    job: TrainingJob, packages: Packages, records: Records, index: LineageIndex, archive: Archive
) -> FoundLineage:
    """The jobs that this job continues, and their ancestors. What cannot be told becomes a doubt.

    `packages` is what the evidence says of the model packages that the job begins from.
    """
    named, notes = beginnings(job, packages)
    doubts: list[str] = []
    if len(named) > MOST_REFERENCES:
        doubts.append(f"the job begins from {len(named)} places, of which {MOST_REFERENCES} were looked up")
    if named and job.creation_time is None:
        doubts.append("the job has no creation time, so nothing says which jobs came before it")
    parents: dict[str, tuple[IndexEntry, Reference]] = {}
    resolved: set[Location] = set()
    for reference in named[:MOST_REFERENCES]:
        for entry in _resolve(job, reference, index, doubts):
            resolved.add(reference.location)
            parents.setdefault(entry.job_id, (entry, reference))
    for reference in named[:MOST_REFERENCES]:
        places = (place.location for place in unfold(reference, packages))
        if reference.explicit and not reference.location.too_long and resolved.isdisjoint(places):
            doubts.append(_unfound(job, reference, index))
    doubts += package_doubts(job, packages, named, resolved)
    if len(parents) > MOST_PARENTS:
        doubts.append(f"the job continues {len(parents)} others, of which {MOST_PARENTS} were looked up")
    sets: list[tuple[Ancestor, ...]] = []
    kept: dict[str, KeptSet] = {}
    due: list[str] = []
    said = list(notes)
    for job_id in sorted(parents)[:MOST_PARENTS]:
        entry, reference = parents[job_id]
        name = entry.job_arn.rsplit("/", 1)[-1]
        stored = records.latest(job_id)
        if stored is None:
            doubts.append(f"{reference.where} takes the result of {name}, {AWAITED}")
            continue
        content = predicate_of(stored.line)
        said.append(f"{reference.where} ({str(reference.location)[:200]}) takes the result of {name}")
        recorded = read_lineage(content, lambda key, digest: _load(key, digest, archive, kept))
        sets.append(passed_on(ancestor_of(content), recorded.ancestors))
        due += [content["notification_due"]] if content["notification_due"] else []
    ancestors = union(sets, without=job.job_id)
    known = tuple(job_id for job_id in sorted(parents) if any(a.job_id == job_id for a in ancestors))
    return FoundLineage(
        Lineage(known, ancestors, tuple(doubts[:20]), tuple(said[:30])), tuple(kept.values()), tuple(due)
    )


def recorded_lineage(content: dict[str, object], archive: Archive) -> Lineage:
    """The lineage that a record was audited with."""
    return read_lineage(content, lambda key, digest: _load(key, digest, archive, {}))


def _load(key: str, digest: str, archive: Archive, kept: dict[str, KeptSet]) -> tuple[Ancestor, ...]:
    if key not in kept:
        body = archive.get(key)
        if body is None:
            raise MalformedLineage(f"{key} is missing")
        kept[key] = read_kept(key, digest, unpack(body, digest))
    return kept[key].ancestors


def _resolve(job: TrainingJob, reference: Reference, index: LineageIndex, doubts: list[str]) -> Iterator[IndexEntry]:
    """The jobs whose results a reference takes: at the longest path that holds it, and below it for a directory."""
    at = reference.location
    if at.too_long:
        doubts.append(f"{reference.where}: the place is too long to be looked up")
        return
    places = at.upwards() if at.space.startswith("s3://") else iter([at])
    for place in places:
        entry = _latest(job, place, index, doubts)
        if entry is not None:
            yield entry
            break
    if reference.directory and at.space.startswith("s3://"):
        yield from _below(job, at, index, doubts)


def _latest(job: TrainingJob, at: Location, index: LineageIndex, doubts: list[str]) -> IndexEntry | None:
    """The last job before this one that left results at a place; trials of the same tuning job are no ancestors.

    Jobs before it that used the same place are its ancestors or were overwritten by it.
    """
    before = created(job)
    for _ in range(MOST_PAGES):
        page = index.newest("output", at, before, ENTRIES_IN_A_PAGE)
        for entry in page:
            if entry.job_id != job.job_id and not _siblings(job, entry):
                return entry
        if len(page) < ENTRIES_IN_A_PAGE:
            return None
        before = page[-1].created
    doubts.append(f"more than {ENTRIES_IN_A_PAGE * MOST_PAGES} trials of the same tuning job share {str(at)[:200]}")
    return None


def _below(job: TrainingJob, at: Location, index: LineageIndex, doubts: list[str]) -> list[IndexEntry]:
    """Of every place strictly below, the last job before this one that left results there."""
    latest: dict[Location, IndexEntry] = {}
    after = ""
    for _ in range(MOST_PAGES):
        page = index.within("output", at, after, ENTRIES_IN_A_PAGE)
        for entry in page:
            earlier = entry.created < created(job) and entry.job_id != job.job_id
            if entry.location != at and earlier and not _siblings(job, entry):
                latest[entry.location] = entry
        if len(page) < ENTRIES_IN_A_PAGE:
            return list(latest.values())
        after = page[-1].cursor
    doubts.append(
        f"more than {ENTRIES_IN_A_PAGE * MOST_PAGES} results lie below {str(at)[:200]}, not all were looked up"
    )
    return list(latest.values())


def _siblings(job: TrainingJob, entry: IndexEntry) -> bool:
    return bool(job.tuning_job_arn) and job.tuning_job_arn == entry.family


def _unfound(job: TrainingJob, reference: Reference, index: LineageIndex) -> str:
    at = reference.location
    name = (at.path[-1] if at.space == JOBS else str(at))[:200]
    for entry in index.exactly("output", at, "", ENTRIES_IN_A_PAGE):
        if entry.job_id == job.job_id:
            return f"{reference.where} names the job itself: a job cannot continue itself"
        return (
            f"{reference.where} names {name}, which was not created before this job: a job cannot continue a later "
            "one, so the circle is refused"
        )
    return f"{reference.where} names {name}, of which nothing is recorded"
