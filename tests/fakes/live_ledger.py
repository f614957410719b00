"""The whole of it in memory: audits by the real use cases, the real sealer, real bundles. Time moves by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from flops_auditor import __version__
from flops_auditor.aws.wiring.recording import signed_by_ledger
from flops_auditor.domain.ledger.dsse import signed_line
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import rotation
from flops_auditor.domain.values.archive_keys import rotation_key
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ledger.seal_log import Sealed, Sealer, seal_log
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.ports.ledger import PendingRecord
from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.audit import FakeMetrics, FixedClock, MemoryRecords
from tests.fakes.bundles import Bundle
from tests.fakes.ledger import MemoryArchive, MemoryMailbox, MemoryMailedDays, MemoryPendingRecords, MemorySigner
from tests.fakes.ledger_world import LEDGER, sign
from tests.fakes.lineage import World


@dataclass
class PendingOnCommit(MemoryRecords):
    """The Records port; what is committed waits for the sealer, as in the table."""

    pending: MemoryPendingRecords = field(default_factory=MemoryPendingRecords)

    def commit(self, job_id: str, record: StoredRecord, summary: Mapping[str, str]) -> bool:
        if not super().commit(job_id, record, summary):
            return False
        self.pending.commit(PendingRecord(job_id, record.revision, record.line))
        return True


class LiveLedger(World):
    """Jobs, audits, seals and bundles of one ledger."""

    def __init__(self, ledger: str = LEDGER, **overrides: Any) -> None:
        self.ledger = ledger
        self.archive = MemoryArchive()
        self.clock = FixedClock()
        self.pending = MemoryPendingRecords()
        self.record, self.checkpoint = MemorySigner("record"), MemorySigner("checkpoint")
        self.mailbox = MemoryMailbox()
        self.mailed = MemoryMailedDays()
        self.metrics = FakeMetrics()
        super().__init__(
            **{
                "archive": self.archive,
                "clock": self.clock,
                "records": PendingOnCommit(pending=self.pending),
                "signer": self.record,
                "ledger_id": ledger,
                "code_version": __version__,
                "metrics": self.metrics,
                "ours": lambda line: signed_by_ledger(self.archive, self.record.public_key, line),
                **overrides,
            }
        )

    @property
    def at(self) -> Any:
        """The time, as bundles ask for it."""
        return self.clock.now

    def deliver(self, name: str) -> None:
        """Deliver the job's event, which comes when the job has ended."""
        pointer = self.pointers[name]
        ended = self.jobs.descriptions[pointer.name, pointer.region].get("TrainingEndTime")
        if ended is not None:
            self.clock.now = max(self.clock.now, read_time(ended))
        super().deliver(name)

    def sealer(self) -> Sealer:
        """The sealer on the same archive."""
        return Sealer(
            archive=self.archive,
            pending=self.pending,
            signer=self.checkpoint,
            record_spki=self.record.public_key(),
            mailbox=self.mailbox,
            mailed=self.mailed,
            clock=self.clock,
            verify=verifies,
            ledger_id=self.ledger,
        )

    def seal(self) -> Sealed:
        """A quarter of an hour passes, and the sealer runs."""
        self.clock.now += timedelta(minutes=15)
        return seal_log(self.sealer())

    def request_rotation(self, role: Any, number: int, new: MemorySigner) -> None:
        """What `flops-auditor keys rotate` puts into the archive."""
        old = self.record if role == "record" else self.checkpoint
        payload = rotation(self.ledger, role, number, keyid(old.public_key()), new.public_key(), iso(self.clock.now))
        line = signed_line(payload, tuple(sign(payload, signer) for signer in (old, new)))
        self.archive.put_if_absent(rotation_key(number), line)

    def bundle(self, folder: Path, model: str | None = None) -> Bundle:
        """What `export` writes now."""
        return Bundle(self, folder, model)  # type: ignore[arg-type] - it asks for archive, ledger and time alone
