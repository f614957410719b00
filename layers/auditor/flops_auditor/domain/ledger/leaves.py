"""What is in the log: records of jobs, statements on bills, heartbeats, key rotations. Building and reading them.

Every batch ends with a heartbeat: it dates the batch, names the checkpoint before it, and shows that the sealer lives.
"""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from flops_auditor.domain.ledger.dsse import PAYLOAD_TYPE, Envelope
from flops_auditor.domain.ledger.forms import BILL_FORM, HEARTBEAT_FORM, RECORD_FORM, ROTATION_FORM
from flops_auditor.domain.ledger.key_history import ROLES, KeyHistory, KeyRole, read_spki
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.ledger_errors import (
    BadSignature,
    FutureTimestamp,
    MalformedRecord,
    RootMismatch,
    UnauthorisedRotation,
    WrongLedger,
    WrongPayloadType,
)
from flops_auditor.domain.ledger.statement import (
    BILL_PREDICATE,
    HEARTBEAT_PREDICATE,
    RECORD_PREDICATE,
    ROTATION_PREDICATE,
    Statement,
    parse_statement,
    read_record,
    statement,
)
from flops_auditor.domain.values.arns import partition_of_region

FIRST_YEAR, LAST_YEAR = 2000, 2199
CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two functions may differ."""

Verify = Callable[[bytes, bytes, bytes], bool]
"""(SPKI DER, ASN.1 DER signature, message) -> whether ECDSA P-256 over SHA-256 of the message verifies."""

LeafKind = Literal["record", "bill", "heartbeat", "rotation"]


class Leaf(NamedTuple):
    """One verified leaf. `identity` is job id and revision of a record, and likewise of a statement on a bill: such
    leaves rest on evidence, and later ones supersede them. `at` is when it was recorded or sealed.
    """

    kind: LeafKind
    at: datetime
    identity: tuple[str, int] | None
    statement: Statement
    rotation: "Rotation | None" = None


class Rotation(NamedTuple):
    """A change of key, authorised by both; `number` counts the ledger's rotations from 0, `at` is when it was asked."""

    role: KeyRole
    old_keyid: str
    new_spki: bytes
    number: int
    at: datetime


def heartbeat(
    ledger_id: str,
    sealed_at: str,
    first_index: int,
    index: int,
    previous: tuple[int, str],
    keys: KeyHistory,
    rotations: int,
) -> bytes:
    """The payload of the heartbeat at `index` that closes the batch from `first_index` on.

    `previous` is size and hex SHA-256 of the checkpoint before it (0 and the hash of nothing for the first);
    `rotations` counts the rotation leaves so far, and `keys` are those in force after them.
    """
    content = {
        "ledger_id": ledger_id,
        "sealed_at": sealed_at,
        "first_index": str(first_index),
        "index": str(index),
        "previous_size": str(previous[0]),
        "rotations": rotations,
        "keys": {role: keys.current(role).keyid for role in ROLES},
    }
    return statement(f"{ledger_id} checkpoint {previous[0]}", previous[1], content, HEARTBEAT_PREDICATE)


def rotation(ledger_id: str, role: KeyRole, number: int, old_keyid: str, new_spki: bytes, requested_at: str) -> bytes:
    """The payload of the ledger's rotation `number` (from 0); the subject is the new key's SPKI DER file."""
    content = {
        "ledger_id": ledger_id,
        "requested_at": requested_at,
        "role": role,
        "number": number,
        "old_keyid": old_keyid,
        "new_public_key": b64encode(new_spki).decode(),
    }
    return statement(f"{ledger_id} {role} key", keyid(new_spki), content, ROTATION_PREDICATE)


def read_leaf(envelope: Envelope, ledger_id: str, index: int, keys: KeyHistory, verify: Verify) -> Leaf:
    """Check one envelope as the leaf at `index`: keys, signatures, then the payload that they cover.

    Raises the error that names what is wrong.
    """
    return leaf_of(envelope, check_signed(envelope, index, keys, verify), ledger_id, index)


def check_signed(envelope: Envelope, index: int, keys: KeyHistory, verify: Verify) -> LeafKind:
    """The leaf at `index` is signed by whom its kind must be signed by. Raises the error that names what is wrong.

    The payload is parsed only after its signature verified; before, it is asked only which role must sign it, and a
    rotation also for the key that it brings: it can demand, not grant.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise WrongPayloadType(f"leaf {index} has the payloadType {envelope.payload_type[:80]!r}")
    kind = kind_of(envelope.payload)
    if kind == "rotation":
        _check_rotation(envelope, index, keys, verify)
        return kind
    role: KeyRole = "checkpoint" if kind == "heartbeat" else "record"
    if len(envelope.signatures) != 1:
        raise MalformedRecord(f"leaf {index} has {len(envelope.signatures)} signatures")
    signature = envelope.signatures[0]
    key = keys.signer(role, signature.keyid, index)
    if not verify(key.spki, signature.der, envelope.signed_bytes):
        raise BadSignature(f"leaf {index}: the signature does not verify with the {role} key {key.keyid[:16]}")
    return kind


def leaf_of(envelope: Envelope, kind: LeafKind, ledger_id: str, index: int) -> Leaf:
    """What an envelope says whose signatures were checked. Raises the error that names what is wrong."""
    leaf = _record(envelope.payload, index) if kind == "record" else _leaf(kind, envelope.payload, index)
    if leaf.statement.predicate["ledger_id"] != ledger_id:
        raise WrongLedger(f"leaf {index} belongs to {leaf.statement.predicate['ledger_id'][:120]}")
    return leaf


def record_of(envelope: Envelope) -> Leaf:
    """The record, or the statement on a bill, that an envelope holds, whoever signed it. Raises what its form shows."""
    payload = envelope.payload
    return _leaf("bill", payload, -1) if kind_of(payload) == "bill" else _record(payload, -1)


def parse_rotation(payload: bytes) -> Rotation:
    """The change that a rotation leaf in a checked log makes. Raises MalformedRecord for any other leaf."""
    parsed = _leaf("rotation", payload, -1).rotation
    if parsed is None:
        raise MalformedRecord("not a rotation")
    return parsed


def kind_of(payload: bytes) -> LeafKind:
    """The kind that a canonical payload's predicateType demands; anything unknown is treated as a record."""
    tail = payload.rpartition(b'"predicateType":')[2]
    for begins, kind in _KINDS:
        if tail.startswith(begins):
            return kind
    return "record"


def rests_on_evidence(kind: LeafKind) -> bool:
    """Whether leaves of a kind rest on evidence, kept under their identity: records, and statements on bills."""
    return kind in ("record", "bill")


@lru_cache(16)
def account_of_ledger(ledger_id: str) -> tuple[str, str] | None:
    """Partition and account of a ledger, where its id is flops-auditor/ACCOUNT/REGION/STACK."""
    parts = ledger_id.split("/")
    return (partition_of_region(parts[2]), parts[1]) if len(parts) == 4 else None


def check_time(at: datetime, sealed_at: datetime, index: int) -> None:
    """Nothing is recorded after the heartbeat that closes its batch. Raises FutureTimestamp."""
    if at > sealed_at + CLOCK_SKEW:
        raise FutureTimestamp(f"leaf {index} is dated {at.isoformat()}, its batch {sealed_at.isoformat()}")


def check_heartbeat(leaf: Leaf, index: int, keys: KeyHistory) -> None:
    """A heartbeat stands where it says, and names the keys in force there and the rotations before it.

    Raises RootMismatch or UnauthorisedRotation.
    """
    predicate = leaf.statement.predicate
    if predicate["index"] != str(index):
        raise RootMismatch(f"leaf {index} says that it is leaf {predicate['index']}: leaves are missing or were added")
    if leaf.statement.subject_name != f"{predicate['ledger_id']} checkpoint {predicate['previous_size']}":
        raise MalformedRecord(f"the subject of the heartbeat at leaf {index} is not the checkpoint before it")
    if predicate["keys"] != keys.in_force(index) or predicate["rotations"] != keys.rotations_before(index):
        raise UnauthorisedRotation(f"the heartbeat at leaf {index} names other keys than are in force there")


_KINDS: tuple[tuple[bytes, LeafKind], ...] = (
    (b'"' + RECORD_PREDICATE.encode() + b'"', "record"),
    (b'"' + HEARTBEAT_PREDICATE.encode() + b'"', "heartbeat"),
    (b'"' + ROTATION_PREDICATE.encode() + b'"', "rotation"),
    (b'"' + BILL_PREDICATE.encode() + b'"', "bill"),
)


def _check_rotation(envelope: Envelope, index: int, keys: KeyHistory, verify: Verify) -> None:
    """A rotation is signed by the key in force at its index, and by the new key that it carries."""
    change = _leaf("rotation", envelope.payload, index).rotation
    if change is None:
        raise MalformedRecord(f"leaf {index} is no rotation")
    wanted = (change.old_keyid, keyid(change.new_spki))
    if tuple(signature.keyid for signature in envelope.signatures) != wanted:
        raise UnauthorisedRotation(f"the rotation at leaf {index} is not signed by the old and by the new key")
    old = next((key for key in keys.ranges if key.role == change.role and key.covers(index)), None)
    if old is None or old.keyid != change.old_keyid:
        raise UnauthorisedRotation(f"the rotation at leaf {index} replaces a key that is not in force there")
    for signature, spki in zip(envelope.signatures, (old.spki, change.new_spki), strict=True):
        if not verify(spki, signature.der, envelope.signed_bytes):
            raise UnauthorisedRotation(f"the rotation at leaf {index}: the signature of {signature.keyid[:16]} fails")


def _record(payload: bytes, index: int) -> Leaf:
    """A record; read slowly where the fast way cannot."""
    parsed = read_record(payload)
    try:
        return _record_leaf(parsed) if parsed else _leaf("record", payload, index)
    except ValueError as error:
        raise MalformedRecord(f"leaf {index}: {error}") from error


def _record_leaf(parsed: Statement) -> Leaf:
    return Leaf("record", _moment(parsed.predicate["recorded_at"]), parsed.identity, parsed)


def _leaf(kind: LeafKind, payload: bytes, index: int) -> Leaf:
    parsed = parse_statement(payload)
    content: dict[str, Any] = parsed.predicate
    try:
        _FORMS[kind].check(content)
        match kind:
            case "heartbeat":
                return Leaf(kind, _moment(content["sealed_at"]), None, parsed)
            case "rotation":
                return Leaf(kind, _moment(content["requested_at"]), None, parsed, _change(content, parsed, index))
            case "bill":
                return Leaf(kind, _moment(content["recorded_at"]), parsed.identity, parsed)
            case "record":
                return _record_leaf(parsed)
    except (MalformedRecord, ValueError) as error:
        raise MalformedRecord(f"leaf {index}: {error}") from error


_FORMS = {"record": RECORD_FORM, "bill": BILL_FORM, "heartbeat": HEARTBEAT_FORM, "rotation": ROTATION_FORM}


def _change(content: dict[str, Any], parsed: Statement, index: int) -> Rotation:
    """The change that a rotation makes, whose subject must be the key that it brings. Raises UnauthorisedRotation."""
    spki = read_spki(content["new_public_key"])
    subject = (f"{content['ledger_id']} {content['role']} key", keyid(spki))
    if (parsed.subject_name, parsed.subject_sha256) != subject:
        raise UnauthorisedRotation(f"the subject of the rotation at leaf {index} is not the key that it brings")
    return Rotation(content["role"], content["old_keyid"], spki, content["number"], _moment(content["requested_at"]))


def _moment(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"{text} is no time at which anything was recorded")
    return moment
