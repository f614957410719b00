"""In-memory twins of the ports in use_cases/ports.py, proven equal to the AWS adapters by tests/contract."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.assessment_words import assessment_members
from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.evidence import TRAINING_JOB, Unread
from flops_auditor.domain.runs.places import AFTER_ALL, Location
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_events import pointer_to
from flops_auditor.domain.runs.tags_seen import MOST_SEEN, TagsSeen
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.listing.reading import JobReading
from flops_auditor.use_cases.ports.lineage import ANYBODY, IndexEntry, IndexKind, read_under
from flops_auditor.use_cases.ports.records import KnownJob, LastLook, SeenJob, StoredRecord
from flops_auditor.use_cases.ports.sources import (
    EnabledRegions,
    ListedJob,
    ListedPage,
    MetricRequest,
    SourceDenied,
    SourceUnavailable,
    UnknownTrainingJob,
)
from tests.fakes.jobs import tagged
from tests.fakes.ledger import MemoryArchive, MemorySigner

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class FixedClock:
    """The Clock port: stands still until a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        """Move on, as timedelta(**parts)."""
        self.now += timedelta(**parts)


@dataclass
class FakeTrainingJobs:
    """The TrainingJobs, JobListing and JobStopper ports over described jobs.

    `denied` holds API calls ("sagemaker:ListTags") that answer AccessDenied; `calls` and `stopped` what was asked.
    """

    descriptions: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    tags_by_arn: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    packages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)
    page_size: int = 100

    def add(self, description: Mapping[str, Any], **tags: str) -> JobPointer:
        """Put a job (or its new state) in place; tags are given without `flops-auditor:` and with _ for -."""
        job = parse_training_job(description)
        self.descriptions[job.name, job.region] = description
        if tags or job.arn not in self.tags_by_arn:
            self.tags_by_arn[job.arn] = tagged(**tags)
        pointer = pointer_to(job.arn, job.creation_time)
        return pointer.model_copy(update={"status": job.training_job_status, "finished": job.finished})

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        self._called("sagemaker:DescribeTrainingJob", name)
        if (name, region) not in self.descriptions:
            raise UnknownTrainingJob(f"{name} in {region}: Requested resource not found.")
        return self.descriptions[name, region]

    def tags(self, arn: str, region: str) -> Sequence[Mapping[str, str]]:
        self._called("sagemaker:ListTags", arn)
        return self.tags_by_arn.get(arn, [])

    def model_package(self, arn: str, region: str) -> Mapping[str, Any]:
        self._called("sagemaker:DescribeModelPackage", arn)
        if arn not in self.packages:
            refusal = Unread("sagemaker:DescribeModelPackage", "ValidationException", f"{arn} does not exist.")
            raise SourceDenied(refusal)
        return self.packages[arn]

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        self._called("sagemaker:ListTrainingJobs", region)
        question, _, last = token.partition("|")
        assert question in ("", iso(created_before)), "a token belongs to the question that it was the answer to"
        found = []
        for (_, place), description in self.descriptions.items():
            job = parse_training_job(description)
            created = job.creation_time or NOW
            place_in_list = f"{iso(created)} {job.arn}"
            if place == region and created < created_before and (not last or place_in_list < last):
                listed = ListedJob(job.name, job.arn, region, job.training_job_status, created, job.last_modified_time)
                found.append((place_in_list, listed))
        found.sort(key=lambda each: each[0], reverse=True)
        jobs = tuple(listed for _, listed in found[: self.page_size])
        more = len(found) > self.page_size
        return ListedPage(jobs, f"{iso(created_before)}|{found[self.page_size - 1][0]}" if more else "")

    def stop(self, name: str, region: str) -> None:
        self._called("sagemaker:StopTrainingJob", name)
        self.stopped.append((name, region))

    def _called(self, action: str, subject: str) -> None:
        self.calls.append((action, subject))
        if action in self.denied:
            raise SourceDenied(Unread(action, "AccessDenied", "not authorised"))


@dataclass
class FakeJobStates:
    """The JobStates port over described jobs."""

    jobs: FakeTrainingJobs
    asks = "sagemaker:DescribeTrainingJob"
    asks_tags = "sagemaker:ListTags"

    def now(self, job: ListedJob) -> ListedJob | None:
        try:
            found = parse_training_job(self.jobs.describe(job.name, job.region))
        except UnknownTrainingJob:
            return None
        if found.creation_time != job.creation_time:
            return None
        return replace(job, status=found.training_job_status, last_modified=found.last_modified_time)

    def tags(self, job: ListedJob) -> Sequence[Mapping[str, str]]:
        return self.jobs.tags(job.arn, job.region)


@dataclass
class FakeMetrics:
    """The JobMetrics port: results by job name; `denied` makes it answer AccessDenied."""

    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    denied: bool = False
    requests: list[MetricRequest] = field(default_factory=list)

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        self.requests.append(request)
        if self.denied:
            raise SourceDenied(Unread("cloudwatch:GetMetricData", "AccessDenied", "not authorised"))
        return self.results.get(request.job_name, [])


@dataclass
class MemoryRecords:
    """The Records port in dictionaries."""

    lines: dict[str, dict[int, bytes]] = field(default_factory=dict)
    summaries: dict[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)
    alerts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    notes: dict[tuple[str, str], datetime] = field(default_factory=dict)
    looks: dict[tuple[str, datetime], TagsSeen] = field(default_factory=dict)

    def known(self, job_id: str) -> KnownJob:
        return KnownJob(self.latest(job_id), self.tags_seen(job_id))

    def latest(self, job_id: str) -> StoredRecord | None:
        revisions = self.lines.get(job_id)
        if not revisions:
            return None
        return StoredRecord(max(revisions), revisions[max(revisions)])

    def commit(self, job_id: str, record: StoredRecord, summary: Mapping[str, str]) -> bool:
        revisions = self.lines.setdefault(job_id, {})
        if record.revision in revisions:
            return False
        revisions[record.revision] = record.line
        self.summaries[job_id, record.revision] = dict(summary)
        return True

    def alert_sent(self, job_id: str, alert: str) -> bool:
        return (job_id, alert) in self.alerts

    def note_alerts(self, job_id: str, alerts: Sequence[str], at: datetime) -> None:
        for alert in alerts:
            self.alerts.setdefault((job_id, alert), at)

    def noted(self, job_id: str, what: str) -> datetime | None:
        return self.notes.get((job_id, what))

    def note(self, job_id: str, what: str, at: datetime) -> bool:
        known = (job_id, what) in self.notes
        self.notes.setdefault((job_id, what), at)
        return not known

    def tags_seen(self, job_id: str) -> Sequence[TagsSeen]:
        looks = sorted((look for (job, _), look in self.looks.items() if job == job_id), key=lambda look: look.at)
        return looks[:MOST_SEEN]

    def note_tags(self, job_id: str, seen: TagsSeen) -> None:
        self.looks.setdefault((job_id, seen.at), seen)


@dataclass
class MemoryRecordIndex:
    """The RecordIndex port over the records in memory."""

    records: MemoryRecords

    def recorded(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        found = {}
        for job_id in job_ids:
            summaries = [
                self.records.summaries.get((job_id, at), {}) for at in sorted(self.records.lines.get(job_id, ()))
            ]
            of_its_end = [each for each in summaries if "interim" not in each]
            found |= {job_id: of_its_end[0].get("tags", "")} if of_its_end else {}
        return found


@dataclass
class MemorySeenJobs:
    """The SeenJobs port in dictionaries; `notes` counts."""

    seen: dict[str, SeenJob] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    notes: int = 0
    looked: dict[str, LastLook] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def waiting(self, region: str) -> Sequence[SeenJob]:
        found = [
            replace(seen, description=self.kept.get(job_id, ""))
            for job_id, seen in self.seen.items()
            if seen.job.region == region and job_id not in self.settled
        ]
        return sorted(found, key=lambda seen: (seen.seen_at, seen.job.arn))

    def note(self, jobs: Sequence[SeenJob]) -> None:
        self.notes += len(jobs)
        self.settled -= {seen.job.job_id for seen in jobs}
        self.seen.update({seen.job.job_id: seen for seen in jobs})

    def note_new(self, jobs: Sequence[SeenJob]) -> None:
        waiting = self.seen.keys() - self.settled
        self.note([seen for seen in jobs if seen.job.job_id not in waiting])

    def describe(self, job_id: str, description: str, at: datetime) -> None:
        self.notes += 1
        self.kept[job_id] = description

    def described(self, job_id: str) -> str:
        return self.kept.get(job_id, "")

    def settle(self, jobs: Sequence[SeenJob]) -> None:
        self.settled |= {seen.job.job_id for seen in jobs}

    def looks(self, job_ids: Sequence[str]) -> Mapping[str, LastLook]:
        return {job_id: self.looked[job_id] for job_id in job_ids if job_id in self.looked}

    def note_look(self, job_id: str, look: LastLook) -> None:
        self.looked[job_id] = look


@dataclass
class MemoryQueue:
    """The AuditQueue port in a list."""

    jobs: list[SeenJob] = field(default_factory=list)

    def send(self, jobs: Sequence[SeenJob]) -> Mapping[str, str]:
        self.jobs.extend(jobs)
        return {}

    def waiting(self) -> int:
        return len(self.jobs)


@dataclass
class MemoryReadings:
    """The ReadingStore port in a dictionary of versions; two rounds share `kept`."""

    kept: dict[str, tuple[int, JobReading]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def read(self, region: str) -> JobReading:
        self.versions[region], reading = self.kept.get(region, (0, JobReading()))
        return reading

    def write(self, region: str, reading: JobReading) -> None:
        version = self.versions.get(region, 0)
        if self.kept.get(region, (0, None))[0] != version:
            raise SourceUnavailable(f"another round reads the jobs of {region}")
        self.kept[region] = version + 1, reading
        self.versions[region] = version + 1


@dataclass
class OnceUnread(MemoryReadings):
    """Readings of which one request meets a fault: the one of that number, of a region."""

    region: str = ""
    number: int = 0

    def read(self, region: str) -> JobReading:
        if region == self.region:
            self.number -= 1
            if self.number == 0:
                raise SourceUnavailable("dynamodb:GetItem: the answer broke off")
        return super().read(region)


@dataclass
class MemoryClaims:
    """The Claims port in a dictionary."""

    held: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def claim(self, subject: str, owner: str, now: datetime, until: datetime) -> bool:
        if subject in self.held:
            holder, held_until = self.held[subject]
            if holder != owner and held_until >= now:
                return False
        self.held[subject] = owner, until
        return True

    def release(self, subject: str, owner: str, now: datetime) -> None:
        if subject in self.held and self.held[subject][0] == owner:
            self.held[subject] = owner, datetime.fromtimestamp(0, UTC)


@dataclass
class MemoryIndex:
    """The LineageIndex port in sorted lists; `reads` counts queries."""

    entries: dict[tuple[IndexKind, str, str | None], dict[str, IndexEntry]] = field(default_factory=dict)
    reads: int = 0
    _order: dict[tuple[IndexKind, str, str | None], list[str]] = field(default_factory=dict)

    def add(self, entries: Sequence[tuple[IndexKind, IndexEntry]]) -> None:
        for kind, entry in entries:
            for role in read_under(kind, entry):
                self._insert((kind, entry.location.space, role), entry)

    def _insert(self, among: tuple[IndexKind, str, str | None], entry: IndexEntry) -> None:
        found = self.entries.setdefault(among, {})
        if entry.cursor not in found:
            insort(self._order.setdefault(among, []), entry.cursor)
        found[entry.cursor] = entry

    def look(self, places: Sequence[Location]) -> "MemoryIndex":
        return self

    def newest(
        self, kind: IndexKind, at: Location, before: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        return self._between(kind, at, f"{at.key}#", f"{at.key}#{before}", None, role)[: -limit - 1 : -1]

    def within(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        return self._between(kind, at, after or at.key, f"{at.key}{AFTER_ALL}", limit, role)

    def beginning(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        return self._between(kind, at, after or at.text, f"{at.text}{AFTER_ALL}", limit, role)

    def exactly(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        return self._between(kind, at, after or f"{at.key}#", f"{at.key}#{AFTER_ALL}", limit, role)

    def _between(
        self, kind: IndexKind, at: Location, after: str, before: str, limit: int | None, role: str | None
    ) -> list[IndexEntry]:
        """The first of a space behind a cursor and before a text."""
        self.reads += 1
        among = kind, at.space, role
        found, order = self.entries.get(among, {}), self._order.get(among, [])
        return [found[cursor] for cursor in order[bisect_right(order, after) : bisect_left(order, before)][:limit]]


@dataclass
class MemoryReassessments:
    """The Reassessments port in a list."""

    waiting: list[Reassessment] = field(default_factory=list)

    def send(self, messages: Sequence[Reassessment]) -> None:
        self.waiting += messages


@dataclass
class MemoryObjects:
    """The ObjectAttributes port in a dictionary; `denied` buckets refuse."""

    objects: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)

    def read(self, bucket: str, key: str) -> Mapping[str, Any] | None:
        if bucket in self.denied:
            raise SourceDenied(Unread("s3:GetObjectAttributes", "AccessDenied", bucket))
        return self.objects.get(f"s3://{bucket}/{key}")


@dataclass
class MemoryAlerts:
    """The Alerts port in a list."""

    sent: list[Alert] = field(default_factory=list)

    def send(self, alert: Alert) -> None:
        self.sent.append(alert)


@dataclass
class FixedRegions:
    """The Regions port: those given."""

    names: tuple[str, ...] = ("eu-west-1",)
    unread: str = ""

    def enabled(self) -> EnabledRegions:
        return EnabledRegions(self.names, self.unread)


def recorder(jobs: FakeTrainingJobs | None = None, metrics: FakeMetrics | None = None, **overrides: Any) -> Recorder:
    """A Recorder whose every port is a twin; `overrides` replace its fields."""
    tables = overrides.pop("tables", None) or load_tables()
    parts: dict[str, Any] = {
        "collectors": {
            TRAINING_JOB: TrainingJobCollector(jobs or FakeTrainingJobs(), metrics or FakeMetrics(), tables.metrics)
        },
        "tables": tables,
        "records": MemoryRecords(),
        "archive": MemoryArchive(),
        "signer": MemorySigner(),
        "alerts": MemoryAlerts(),
        "claims": MemoryClaims(),
        "clock": FixedClock(),
        "ledger_id": "test-ledger",
        "code_version": "0.0.0-test",
        "index": MemoryIndex(),
        "queue": MemoryReassessments(),
        "ours": lambda line: True,
        "seen": MemorySeenJobs(),
    }
    return Recorder(**{**parts, **overrides})


def told(assessment: Assessment) -> str:
    """All that an assessment's record says in words: reason, doubts, notes, and what would settle it."""
    shown = assessment_members(assessment, "JOB")
    more = [each["words"] for each in (*shown["doubts"], *shown["notes"], *shown["settle"])]
    return "; ".join([shown["reason"], *more])
