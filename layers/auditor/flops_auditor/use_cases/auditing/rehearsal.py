"""A rehearsal: the same work on a recorder whose writes stay in memory, so that what it would do can be seen first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.tags_seen import TagsSeen
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.ledger import Archive
from flops_auditor.use_cases.ports.records import KnownJob, Records, StoredRecord

_NO_SIGNATURE = b"rehearsed"


def rehearsed(recorder: Recorder) -> Recorder:
    """A recorder that reads what is kept and writes nothing; work on it sees what earlier work would have made."""
    return replace(
        recorder,
        records=_Records(recorder.records),
        archive=_Archive(recorder.archive),
        signer=_Signer(),
        alerts=_Silent(),
        queue=_Silent(),
    )


@dataclass
class _Records:
    """The Records port: what is committed stays here; nobody is told."""

    kept: Records
    made: dict[str, StoredRecord] = field(default_factory=dict)

    def known(self, job_id: str) -> KnownJob:
        return KnownJob(self.latest(job_id), self.tags_seen(job_id))

    def latest(self, job_id: str) -> StoredRecord | None:
        return self.made.get(job_id) or self.kept.latest(job_id)

    def commit(self, job_id: str, record: StoredRecord, summary: Mapping[str, str]) -> bool:
        self.made[job_id] = record
        return True

    def alert_sent(self, job_id: str, alert: str) -> bool:
        return True

    def note_alerts(self, job_id: str, alerts: Sequence[str], at: datetime) -> None:
        """Nothing was sent."""

    def noted(self, job_id: str, what: str) -> datetime | None:
        return self.kept.noted(job_id, what)

    def note(self, job_id: str, what: str, at: datetime) -> bool:
        """Nothing happened that is to be noted."""
        return True

    def tags_seen(self, job_id: str) -> Sequence[TagsSeen]:
        return self.kept.tags_seen(job_id)

    def note_tags(self, job_id: str, seen: TagsSeen) -> None:
        """Nothing happened that is to be noted."""


@dataclass
class _Archive:
    """The Archive port: what is stored stays here."""

    kept: Archive
    stored: dict[str, bytes] = field(default_factory=dict)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        if self.get(key) is not None:
            return False
        self.stored[key] = body
        return True

    def get(self, key: str) -> bytes | None:
        return self.stored.get(key) or self.kept.get(key)

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        return self.kept.list(prefix, start_after, limit)

    def inspect(self, prefix: str) -> Iterator[tuple[str, str]]:
        return self.kept.inspect(prefix)


class _Signer:
    """The Signer port: no key is used."""

    def sign(self, digest: bytes) -> bytes:
        return _NO_SIGNATURE

    def public_key(self) -> bytes:
        return _NO_SIGNATURE


class _Silent:
    """The Alerts and the Reassessments port: nothing leaves."""

    def send(self, _: Alert | Sequence[Reassessment]) -> None:
        """Kept from everybody."""
