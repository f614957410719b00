"""Chunks of a whole log joined in order: the tree under every checkpoint, the times of its batches, its records."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from flops_auditor.domain.ledger.agreement import Agreement, milliseconds
from flops_auditor.domain.ledger.bills import Bills
from flops_auditor.domain.ledger.checks import (
    SEALED_WITHIN,
    Pins,
    check_checkpoint,
    check_pins,
    check_sealed,
    late,
)
from flops_auditor.domain.ledger.findings import Findings, defect_of
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Rotation
from flops_auditor.domain.ledger.ledger_errors import (
    AncestorMismatch,
    EvidenceMismatch,
    LoggedAfterPin,
    MissingCheckpoint,
    RootMismatch,
    TimeRunsBackwards,
    TruncatedLedger,
    UncheckpointedTail,
)
from flops_auditor.domain.ledger.merkle import CompactRange
from flops_auditor.domain.ledger.signed_note import Checkpoint
from flops_auditor.domain.ledger.verification import (
    ChunkSummary,
    Dated,
    Heartbeat,
    LogFacts,
    Segment,
    Tally,
    times_of,
)
from flops_auditor.domain.values.moments import iso


class LogJoin:
    """Joins the summaries of chunks in order and compares every checkpoint with the tree so far."""

    def __init__(self, facts: LogFacts, checkpoints: Iterator[bytes], pins: Pins, findings: Findings) -> None:
        self._facts, self._pins, self._findings = facts, pins, findings
        self._notes = checkpoints
        self._note, self._before = self._next(), b""
        self.tree = CompactRange()
        self._roots = pins.roots(unknown=b"")  # where no batch of a whole log ends, it has another history
        self._compared = frozenset(pins.sizes)
        self._pinned_at: datetime | None = None
        self.newest: Heartbeat | None = None
        self._latest_seal: datetime | None = None
        self.began: datetime | None = None
        self.checkpoints = 0
        self.rotations: list[tuple[int, Rotation]] = []
        self.tally, self.bills = Tally(), Bills()
        self.agreement = Agreement()
        self.replay = facts.recompute.replay(facts.kept) if facts.recompute else None
        self._batch_begins = 0
        self._earliest: list[Dated] = []
        self._latest: list[Dated] = []
        self._times: list[bytes] = []

    def add(self, summary: ChunkSummary) -> None:
        """The next chunk. Raises the error that names what does not fit."""
        if summary.begin != self.tree.end:
            raise RootMismatch(f"after leaf {self.tree.end} comes a chunk that begins at leaf {summary.begin}")
        self.rotations += summary.rotations
        self.tally.join(summary.tally)
        self.bills.join(summary.bills)
        if len(self.tally.ancestors) > self._facts.ancestors:
            raise EvidenceMismatch("an object with ancestors, which a record names, is missing")
        self.agreement.add(summary.rows)
        if self.replay is not None:
            for leaf, at, told in summary.told:
                self.replay.add(leaf, at, told)
            for job_id in summary.untold:
                self.replay.leave_out(job_id)
        if self.agreement.too_many():
            raise AncestorMismatch("records list more ancestors than there are records")
        for segment in summary.segments:
            self.tree = self.tree.join(CompactRange(segment.begin, segment.end, segment.nodes))
            self._earliest += [segment.earliest] if segment.earliest else []
            self._latest += [segment.latest] if segment.latest else []
            self._times.append(segment.times)
            if segment.heartbeat is not None:
                self._boundary(segment, segment.closing)

    def finish(self) -> None:
        """Nothing is missing at the end, and nothing is over."""
        size = self._facts.size
        if self.tree.end < size:
            raise TruncatedLedger(f"{self.tree.end} leaves are there, the newest checkpoint commits to {size}")
        if self.tree.end > size:
            raise UncheckpointedTail(f"{self.tree.end} leaves are there, the newest checkpoint commits to {size}")
        if self._note is not None:
            raise RootMismatch(f"no batch ends where the checkpoint of size {self._note[1].size} does")
        check_pins(self._pins, size, self._roots)

    def _next(self) -> tuple[bytes, Checkpoint] | None:
        for note in self._notes:
            return note, check_checkpoint(note, self._facts.ledger_id, self._facts.keys, self._facts.verify)
        return None

    def _boundary(self, segment: Segment, heartbeat: Heartbeat) -> None:
        if self.tree.end > self._facts.size:
            return  # a tail, which `finish` names
        if heartbeat.first_index != self._batch_begins or heartbeat.previous_size != self._batch_begins:
            raise RootMismatch(f"the batch that leaf {segment.end - 1} closes does not begin where it says")
        self._check_times(heartbeat)
        self._check_head(segment, heartbeat)
        self._earliest, self._latest, self._times = [], [], []
        self._batch_begins, self.newest = segment.end, heartbeat

    def _check_head(self, segment: Segment, heartbeat: Heartbeat) -> None:
        """The checkpoint at a batch's end is over the tree up to there, and its heartbeat names the one before."""
        if self._note is None or self._note[1].size > segment.end:
            raise MissingCheckpoint(f"there is no checkpoint of size {segment.end}, where a batch ends")
        note, head = self._note
        if head.size < segment.end:
            raise RootMismatch(f"no batch ends where the checkpoint of size {head.size} does")
        if head.root != self.tree.root():
            raise RootMismatch(f"the first {head.size} leaves do not lead to the root that was signed for them")
        if heartbeat.previous_sha256 != sha256(self._before).hexdigest():
            raise MissingCheckpoint(f"the log names another checkpoint of size {heartbeat.previous_size} than is here")
        if head.size in self._roots:
            self._roots[head.size] = head.root
        if head.size in self._compared:
            self._pinned_at = heartbeat.sealed_at
        self.checkpoints += 1
        self._before, self._note = note, self._next()

    def _check_times(self, heartbeat: Heartbeat) -> None:
        """A batch is sealed after the one before it and after its records, and soon."""
        sealed_at = heartbeat.sealed_at
        if self._latest_seal is not None and sealed_at < self._latest_seal - CLOCK_SKEW:
            raise TimeRunsBackwards(f"a heartbeat of {iso(sealed_at)} follows one of {iso(self._latest_seal)}")
        self._latest_seal = max(self._latest_seal or sealed_at, sealed_at)
        self.began = self.began or sealed_at
        check_sealed(max(self._latest, default=None), sealed_at)
        earliest = min(self._earliest, default=None)
        self._findings.add(late(earliest, self._times, sealed_at))
        if self._pinned_at and earliest and earliest.at < self._pinned_at - SEALED_WITHIN:
            before = milliseconds(self._pinned_at - SEALED_WITHIN)
            for leaf in (leaf for packed in self._times for at, leaf in times_of(packed) if at < before):
                message = f"leaf {leaf} is dated long before the pin, and was not in the log at it"
                self._findings.add([defect_of(LoggedAfterPin(message), leaf)])
