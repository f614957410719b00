"""Give committed records their places in the log, in batches, each under a signed checkpoint.

Writes of one batch, in order: the batch (put if absent at its first index: of two sealers one wins, the other adopts),
the frontier, the checkpoint, the places in the index, the mail. After a kill the next run finds how far the last one
came and goes on from there. A sealer notes all places of a batch before it writes the next, and looks into the log for
what the table says that it waits, so no record gets two.
The work is O(new records + log n).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from flops_auditor.domain.ledger.dsse import (
    PAYLOAD_TYPE,
    Signature,
    parse_envelope,
    pre_authentication_encoding,
    signed_line,
)
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import (
    CLOCK_SKEW,
    Leaf,
    Rotation,
    Verify,
    check_time,
    heartbeat,
    parse_rotation,
    read_leaf,
)
from flops_auditor.domain.ledger.ledger_errors import (
    DuplicateSubject,
    LedgerError,
    MalformedRecord,
    RootMismatch,
    TimeRunsBackwards,
    UnauthorisedRotation,
    UnknownKey,
)
from flops_auditor.domain.ledger.merkle import EMPTY_ROOT, CompactRange
from flops_auditor.domain.ledger.signed_note import Checkpoint, signed_note
from flops_auditor.domain.ledger.statement import HEARTBEAT_PREDICATE, ROTATION_PREDICATE, parse_statement
from flops_auditor.domain.values.archive_keys import KEYS, batch_key, checkpoint_key
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ledger.find_places import batch_with, confirm_places, find_places, time_of
from flops_auditor.use_cases.ledger.log_reader import (
    Signers,
    genesis_keys,
    lines_of,
    load_frontier,
    newest_batch,
    places_of,
    range_of,
    read_batch,
    read_checkpoint,
    requested_rotation,
    root_at,
    rotation_line,
    signers_of,
    store_frontier,
    verified_checkpoint,
)
from flops_auditor.use_cases.ledger.successions import Placed, Predecessors, disagreement
from flops_auditor.use_cases.ports.ledger import (
    Archive,
    Identity,
    Mailbox,
    MailedDays,
    PendingRecord,
    PendingRecords,
    Signer,
)
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn

BATCH = 1000
"""Records per batch."""
BATCH_BYTES = 12 * 1024 * 1024
"""Bytes of a batch, after which it is closed: a job's owner decides how large a record is, and the sealer's memory is
bounded; readers of the archive take nothing larger than LARGEST_OBJECT for one.
"""
LOOKED_AT = 5
"""How many batches of waiting records are looked at for one batch of good ones."""


@dataclass(frozen=True)
class Sealer:
    """Everything sealing works with. `record_spki` is the recorder's public key; its private part is out of reach."""

    archive: Archive
    pending: PendingRecords
    signer: Signer
    record_spki: bytes
    mailbox: Mailbox
    mailed: MailedDays
    clock: Callable[[], datetime]
    verify: Verify
    ledger_id: str
    at_once: SideBySide = in_turn


@dataclass(frozen=True)
class Held:
    """A record that was refused a place, and why."""

    job_id: str
    revision: int
    error: str
    message: str


@dataclass(frozen=True)
class Sealed:
    """What a run did: the log's new size, records placed, batches adopted from another run, records held back."""

    size: int
    records: int = 0
    adopted: int = 0
    held: tuple[Held, ...] = ()


@dataclass
class _Log:
    """The log as far as it is committed to."""

    head: Checkpoint
    note: bytes
    tree: CompactRange
    keys: KeyHistory
    signers: Signers
    """Whose signatures it may bear: read once, since a batch that another sealer adds meanwhile ends the run."""
    rotations: int = 0
    sealed_at: datetime | None = None
    """When it was last sealed."""
    placed: Predecessors = field(default_factory=Predecessors)
    """Records that this run saw in it, of those that matter for what waits."""


@dataclass
class _Draft:
    """A batch in the making."""

    lines: list[bytes] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    placed: dict[Identity, Placed] = field(default_factory=dict)
    unread: set[Identity] = field(default_factory=set)
    """Records that others follow, for which there was no time to see whether the log has them."""
    size: int = 0

    @property
    def records(self) -> int:
        """How many of its lines are records."""
        return len(self.placed)

    @property
    def full(self) -> bool:
        """Whether a further record belongs into the next batch."""
        return self.records >= BATCH or self.size >= BATCH_BYTES


def seal_log(sealer: Sealer, may_go_on: Callable[[], bool] = lambda: True) -> Sealed:
    """Seal all that waits, or append a heartbeat if nothing does; `may_go_on` is asked before a further batch."""
    log, adopted = _open(sealer)
    records = 0
    while True:
        draft = _draft(sealer, log, may_go_on)
        if records and not draft.records:
            return Sealed(log.head.size, records, adopted, tuple(draft.held))
        body = b"".join(line + b"\n" for line in draft.lines)
        draft.lines.clear()  # a batch may be large, and is in memory once
        if not sealer.archive.put_if_absent(batch_key(log.head.size), body):
            _conclude(sealer, log, read_batch(sealer.archive, log.head.size))  # another sealer was faster
            return Sealed(log.head.size, records, adopted + 1, tuple(draft.held))
        _conclude(sealer, log, body)
        records += draft.records
        if not draft.full or not may_go_on():
            return Sealed(log.head.size, records, adopted, tuple(draft.held))


def _open(sealer: Sealer) -> tuple[_Log, int]:
    """Read the log's head, and bring to its end whatever an earlier run left half done."""
    nothing = Checkpoint(sealer.ledger_id, 0, EMPTY_ROOT)
    log = _Log(nothing, b"", CompactRange(), _genesis(sealer), _signers(sealer))
    newest = newest_batch(sealer.archive, log.signers)
    if newest is None:
        return log, 0
    body = read_batch(sealer.archive, newest)
    lines = lines_of(body)
    end = newest + len(lines)
    sealed = sealer.archive.get(checkpoint_key(end)) is not None
    _restore(sealer, log, end if sealed else newest, lines, sealed)
    before = lines if sealed else batch_with(sealer.archive, log.signers, newest, newest - 1)[1]
    if before:
        log.sealed_at = read_time(parse_statement(parse_envelope(before[-1]).payload).predicate["sealed_at"])
    if sealed:
        sealer.pending.mark_logged(places_of(newest, lines))
        return log, 0
    _conclude(sealer, log, body)
    return log, 1


def _signers(sealer: Sealer) -> Signers:
    """Whose signatures the log may bear, this sealer's own among them."""
    ours = (sealer.signer.public_key(),)
    known = signers_of(sealer.archive, sealer.verify)
    record = known.record if known else (sealer.record_spki,)
    return Signers(sealer.ledger_id, ours + (known.checkpoint if known else ()), sealer.verify, record)


def _genesis(sealer: Sealer) -> KeyHistory:
    """The keys the ledger began with; the first seal of all writes them."""
    keys = genesis_keys(sealer.archive, sealer.ledger_id)
    if keys is None:
        keys = KeyHistory.genesis(sealer.ledger_id, sealer.record_spki, sealer.signer.public_key())
        if not sealer.archive.put_if_absent(KEYS, keys.to_bytes()):
            return genesis_keys(sealer.archive, sealer.ledger_id) or keys
    return keys


def _restore(sealer: Sealer, log: _Log, size: int, newest: list[bytes], sealed: bool) -> None:
    """Load keys, checkpoint and frontier as of `size`; the newest batch, `sealed` or not, counts the rotations."""
    statements = [parse_statement(parse_envelope(line).payload) for line in newest]
    if not statements or statements[-1].predicate_type != HEARTBEAT_PREDICATE:
        raise MalformedRecord(f"the newest batch, of {len(newest)} leaves, does not end with a heartbeat")
    log.rotations = int(statements[-1].predicate["rotations"])
    if not sealed:
        log.rotations -= sum(statement.predicate_type == ROTATION_PREDICATE for statement in statements)
    for number in range(log.rotations):
        line = rotation_line(sealer.archive, number)
        if line is None:
            raise UnauthorisedRotation(f"the request for rotation {number} is missing")
        change = parse_rotation(parse_envelope(line).payload)
        log.keys = log.keys.rotated(change.role, change.new_spki, size - 1)
    if size:
        log.note = read_checkpoint(sealer.archive, size)
        log.head = verified_checkpoint(log.note, sealer.ledger_id, log.keys.current("checkpoint").spki, sealer.verify)
        log.tree = load_frontier(sealer.archive, log.head)


def _draft(sealer: Sealer, log: _Log, may_go_on: Callable[[], bool]) -> _Draft:
    """Waiting records under the key in force, a rotation if asked for, records under the new key, a heartbeat."""
    draft, now, keys = _Draft(), _now(sealer, log), log.keys
    waiting = revisions_in_order(_to_look_at(sealer, keys, may_go_on))
    waiting = _without_logged(sealer, log, draft, waiting, may_go_on)
    later = _append_records(sealer, log, draft, waiting, keys, now, may_go_on)
    rotation = _next_rotation(sealer, log, draft, now)
    if rotation:
        line, change = rotation
        keys = keys.rotated(change.role, change.new_spki, log.head.size + len(draft.lines))
        draft.lines.append(line)
        later = _append_records(sealer, log, draft, later, keys, now, may_go_on)
    draft.held += [Held(record.job_id, record.revision, "UnknownKey", "signed by no key in force") for record in later]
    index = log.head.size + len(draft.lines)
    payload = heartbeat(
        sealer.ledger_id,
        iso(now),
        log.head.size,
        index,
        (log.head.size, sha256(log.note).hexdigest()),
        keys,
        log.rotations + (1 if rotation else 0),
    )
    _check_own_key(sealer, keys, index)
    digest = sha256(pre_authentication_encoding(PAYLOAD_TYPE, payload)).digest()
    signature = Signature(keyid(sealer.signer.public_key()), sealer.signer.sign(digest))
    draft.lines.append(signed_line(payload, (signature,)))
    return draft


def _now(sealer: Sealer, log: _Log) -> datetime:
    """The time of the next batch, never before that of the last one: no verifier would take it.

    Raises TimeRunsBackwards where the clocks of two functions do not explain it.
    """
    now = sealer.clock()
    if log.sealed_at is not None and now < log.sealed_at - CLOCK_SKEW:
        raise TimeRunsBackwards(
            f"the log was sealed at {iso(log.sealed_at)}, and the clock says {iso(now)}: nothing is sealed before then"
        )
    return max(now, log.sealed_at or now)


def _to_look_at(sealer: Sealer, keys: KeyHistory, may_go_on: Callable[[], bool]) -> list[PendingRecord]:
    """The oldest records that wait, and beyond them a batch of those that a key of the ledger signed.

    So items that nobody signed, however many, keep no record from its place.
    """
    records: list[PendingRecord] = []
    size, signed, signed_bytes = 0, 0, 0
    for record in sealer.pending.waiting():
        enough = len(records) >= BATCH * LOOKED_AT or size >= BATCH_BYTES * LOOKED_AT
        if not enough:
            records.append(record)
            size += len(record.line)
        elif time_of(record, keys, sealer.verify) is not None:
            records.append(record)
            signed, signed_bytes = signed + 1, signed_bytes + len(record.line)
        if signed == BATCH or signed_bytes >= BATCH_BYTES or (enough and not may_go_on()):
            break
    return records


def _without_logged(
    sealer: Sealer, log: _Log, draft: _Draft, waiting: list[PendingRecord], may_go_on: Callable[[], bool]
) -> list[PendingRecord]:
    """Note again the places of records that the log has already; hold those that it has otherwise, or may have."""
    waiting = _each_once(draft, waiting)
    timed = ((record, time_of(record, log.keys, sealer.verify)) for record in waiting)
    signed = [(record, at) for record, at in timed if at is not None]
    logged = find_places(sealer.archive, log.signers, log.head.size, signed, sealer.clock(), may_go_on, log.placed)
    known = logged.known
    if logged.places:
        sealer.pending.mark_logged(logged.places)
    for (job, revision), index in logged.others.items():
        draft.held.append(Held(job, revision, DuplicateSubject.__name__, f"leaf {index} is another record of it"))
    for job, revision in logged.unread:
        draft.held.append(Held(job, revision, "NotLookedFor", "there was no time to see whether the log has it"))
    return [record for record in waiting if record.identity not in known]


def _find_predecessors(
    sealer: Sealer,
    log: _Log,
    draft: _Draft,
    waiting: list[PendingRecord],
    keys: KeyHistory,
    may_go_on: Callable[[], bool],
) -> None:
    """See whether the log has what the waiting records follow: where the table says that it is, and nowhere else."""
    before = {
        (record.job_id, record.revision - 1)
        for record in waiting
        if record.revision > 0
        and (record.job_id, record.revision - 1) not in log.placed.placed
        and time_of(record, keys, sealer.verify) is not None
    }
    hints = sealer.pending.places(before) if before else []
    if hints:
        archive, size = sealer.archive, log.head.size
        draft.unread |= confirm_places(archive, log.signers, size, hints, may_go_on, log.placed, sealer.at_once)


def _each_once(draft: _Draft, waiting: list[PendingRecord]) -> list[PendingRecord]:
    """One record of each job and revision, however often the table has it; another one is held."""
    once: dict[Identity, PendingRecord] = {}
    for record in waiting:
        known = once.setdefault(record.identity, record)
        if known.line != record.line:
            message = "another record of the same job and revision waits"
            draft.held.append(Held(record.job_id, record.revision, DuplicateSubject.__name__, message))
    return list(once.values())


def revisions_in_order(waiting: Sequence[PendingRecord]) -> list[PendingRecord]:
    """The records, with those of one job in the order of their revisions at the places that the job has among them.

    They wait in order of time, and the clocks of two functions may differ.
    """
    of_job: defaultdict[str, list[PendingRecord]] = defaultdict(list)
    for record in sorted(waiting, key=lambda record: record.revision):
        of_job[record.job_id].append(record)
    rest = {job: iter(records) for job, records in of_job.items()}
    return [next(rest[record.job_id]) for record in waiting]


def _append_records(
    sealer: Sealer,
    log: _Log,
    draft: _Draft,
    waiting: list[PendingRecord],
    keys: KeyHistory,
    now: datetime,
    may_go_on: Callable[[], bool],
) -> list[PendingRecord]:
    """Append what is sound; hold what is not, so that one bad record stops nobody; return those of an unknown key."""
    _find_predecessors(sealer, log, draft, waiting, keys, may_go_on)
    later = []
    for record in waiting:
        if draft.full:
            break
        index = log.head.size + len(draft.lines)
        try:
            leaf = read_leaf(parse_envelope(record.line), sealer.ledger_id, index, keys, sealer.verify)
            if leaf.identity != record.identity:
                raise MalformedRecord(f"the record says that it is {leaf.identity}")
            check_time(leaf.at, now, index)
            _check_compared(sealer, log, leaf)
            read = log.placed.read(leaf, record.line, index)
        except UnknownKey:
            later.append(record)
        except LedgerError as error:
            draft.held.append(Held(record.job_id, record.revision, error.name, str(error)))
        else:
            if held := _does_not_follow(record, read, log, draft):
                draft.held.append(held)
                continue
            draft.lines.append(record.line)
            draft.placed[record.identity] = read
            draft.size += len(record.line) + 1
    return later


def _check_compared(sealer: Sealer, log: _Log, leaf: Leaf) -> None:
    """A statement on a bill was compared with the log as it was. Raises RootMismatch, and what the archive shows."""
    if leaf.kind != "bill":
        return
    state = leaf.statement.predicate["compared_with"]
    size = int(state["size"])
    known = size <= log.head.size and root_at(sealer.archive, size, log.signers)
    if not known or known.hex() != state["root"]:
        raise RootMismatch(f"the bill was compared with {size} leaves as they never were")


def _does_not_follow(record: PendingRecord, read: Placed, log: _Log, draft: _Draft) -> Held | None:
    """Why a sound record gets no place: nothing before it has one, or what has one is not what it follows."""
    if not record.revision:
        return None
    identity = (record.job_id, record.revision - 1)
    before = draft.placed.get(identity) or log.placed.placed.get(identity)
    if before is not None:
        differs = disagreement(before, read)
        return Held(record.job_id, record.revision, differs.error, differs.message) if differs else None
    name = f"revision {record.revision - 1}"
    if identity in draft.unread:
        return Held(record.job_id, record.revision, "NotLookedFor", f"there was no time to see {name} in the log")
    return Held(record.job_id, record.revision, "PredecessorNotLogged", f"the log does not have {name} yet")


def _next_rotation(sealer: Sealer, log: _Log, draft: _Draft, now: datetime) -> tuple[bytes, Rotation] | None:
    """The next requested rotation, if its time has come: a checkpoint key takes over once this sealer holds it."""
    index = log.head.size + len(draft.lines)
    try:
        asked = requested_rotation(sealer.archive, log.signers, log.keys, log.rotations, index)
        if asked is None:
            return None
        line, change = asked
        check_time(change.at, now, index)
    except LedgerError as error:
        draft.held.append(Held("rotation", log.rotations, error.name, str(error)))
        return None
    ours = keyid(sealer.signer.public_key())
    if change.role == "checkpoint" and keyid(change.new_spki) != ours:
        return None
    return line, change


def _check_own_key(sealer: Sealer, keys: KeyHistory, index: int) -> None:
    keys.signer("checkpoint", keyid(sealer.signer.public_key()), index)


def _conclude(sealer: Sealer, log: _Log, body: bytes) -> None:
    """Check the batch at the head of the log, whoever wrote it; then frontier, checkpoint, places and mail."""
    lines = lines_of(body)
    leaves = _check_batch(sealer, log, lines)
    log.rotations += sum(leaf.kind == "rotation" for leaf in leaves)
    _check_own_key(sealer, log.keys, log.head.size + len(lines) - 1)
    first = log.head.size
    log.tree = log.tree.join(range_of(first, lines))
    store_frontier(sealer.archive, log.tree)
    head = Checkpoint(sealer.ledger_id, log.tree.end, log.tree.root())
    note = signed_note(
        head.text, head.origin, sealer.signer.public_key(), sealer.signer.sign(sha256(head.text).digest())
    )
    if not sealer.archive.put_if_absent(checkpoint_key(head.size), note):
        note = read_checkpoint(sealer.archive, head.size)
        checkpoint = verified_checkpoint(note, sealer.ledger_id, sealer.signer.public_key(), sealer.verify)
        if checkpoint != head:
            raise RootMismatch(f"the checkpoint of size {head.size} is not over the log's leaves")
    today = leaves[-1].at.date()
    # A run that died, or that the mailbox refused, leaves the mail of the day to the next one.
    sealed_today = log.sealed_at is not None and log.sealed_at.date() == today
    first_of_the_day = not sealed_today or not sealer.mailed.mailed(today)
    log.head, log.note, log.sealed_at = head, note, leaves[-1].at
    sealer.pending.mark_logged(places_of(first, lines))
    mail = note.decode() + CHECKPOINT_MAIL
    sealer.mailbox.publish(f"FLOPs Auditor checkpoint {head.size}", mail, first_of_the_day=first_of_the_day)
    if first_of_the_day:
        sealer.mailed.note(today)


CHECKPOINT_MAIL = """
This is the signed state of the log of training records: nothing to do (flops-auditor docs you-got-a-mail).
Keep this mail out of the audited account's reach; it later proves that nothing was rewritten.
"""
"""What a mailed checkpoint is, and what to do with it. `verify --pin` reads the mail as it stands."""


def _check_batch(sealer: Sealer, log: _Log, lines: list[bytes]) -> list[Leaf]:
    """Every leaf by its named error, so that nothing is signed unseen; moves the keys on over rotations."""
    leaves = []
    for index, line in enumerate(lines, start=log.head.size):
        leaf = read_leaf(parse_envelope(line), sealer.ledger_id, index, log.keys, sealer.verify)
        if leaf.rotation:
            log.keys = log.keys.rotated(leaf.rotation.role, leaf.rotation.new_spki, index)
        leaves.append(leaf)
    if not leaves or leaves[-1].kind != "heartbeat":
        raise MalformedRecord(f"the batch from leaf {log.head.size} on does not end with a heartbeat")
    closing, at = leaves[-1].statement, leaves[-1].at
    if log.sealed_at is not None and at < log.sealed_at - CLOCK_SKEW:
        raise TimeRunsBackwards(f"the batch from leaf {log.head.size} on is dated {iso(at)}, before the one before it")
    if int(closing.predicate["first_index"]) != log.head.size or closing.subject_sha256 != sha256(log.note).hexdigest():
        raise MalformedRecord(f"the batch from leaf {log.head.size} on does not follow the checkpoint before it")
    return leaves
