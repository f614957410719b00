"""Which key may sign what, from which leaf on: the history that keys.json holds and rotation leaves authorise.

Two roles: `record` keys sign records; `checkpoint` keys sign heartbeats and checkpoints. A rotation leaf at index i is
the last leaf of the old key's range; the new key begins at i + 1. A checkpoint of size n belongs to leaf n - 1.
"""

import binascii
from base64 import b64encode
from dataclasses import dataclass, replace
from typing import Any, Literal

from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.ledger_errors import BadBundle, KeyNotValidAtIndex, KeyReused, UnknownKey
from flops_auditor.domain.values.canonical_json import NoCanonicalForm, UnreadableJson, canonical, parse_strict

KeyRole = Literal["record", "checkpoint"]
ROLES: tuple[KeyRole, KeyRole] = ("record", "checkpoint")


@dataclass(frozen=True, slots=True)
class KeyRange:
    """One key in one role, valid for leaves `first` to `last` (None: still). `spki` is SubjectPublicKeyInfo, DER."""

    role: KeyRole
    spki: bytes
    first: int
    last: int | None = None

    @property
    def keyid(self) -> str:
        """Hex SHA-256 of the SPKI."""
        return keyid(self.spki)

    def covers(self, index: int) -> bool:
        """Whether the key may sign the leaf at this index."""
        return self.first <= index and (self.last is None or index <= self.last)


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """All keys of a ledger, oldest first."""

    ledger_id: str
    ranges: tuple[KeyRange, ...]

    def __post_init__(self) -> None:
        """A key has one role, once. Raises KeyReused."""
        if len({key.spki for key in self.ranges}) != len(self.ranges):
            raise KeyReused("a key is in both roles, or comes back after it was replaced")

    @classmethod
    def genesis(cls, ledger_id: str, record: bytes, checkpoint: bytes) -> "KeyHistory":
        """The keys that a ledger begins with."""
        return cls(ledger_id, (KeyRange("record", record, 0), KeyRange("checkpoint", checkpoint, 0)))

    @property
    def first_keys(self) -> "KeyHistory":
        """The keys before any rotation."""
        return KeyHistory(self.ledger_id, tuple(replace(key, last=None) for key in self.ranges if key.first == 0))

    def agrees_with(self, other: "KeyHistory", size: int) -> bool:
        """Whether `other` can be an earlier or a later state of this history, which goes up to `size` leaves: as far as
        both go, they are the same, and nothing of this length is missing here.
        """
        if other.ledger_id != self.ledger_id:
            return False
        for role in ROLES:
            mine, theirs = ([key for key in each.ranges if key.role == role] for each in (self, other))
            both = min(len(mine), len(theirs))
            if [(key.spki, key.first) for key in mine[:both]] != [(key.spki, key.first) for key in theirs[:both]]:
                return False
            if any(key.first <= size for key in theirs[both:]):
                return False
        return True

    def current(self, role: KeyRole) -> KeyRange:
        """The key that signs the next leaf."""
        return next(key for key in self.ranges if key.role == role and key.last is None)

    def in_force(self, index: int) -> dict[str, str]:
        """The key of each role that may sign the leaf at `index`, as a heartbeat there names it."""
        return {key.role: key.keyid for key in self.ranges if key.covers(index)}

    def rotations_before(self, index: int) -> int:
        """How many rotation leaves stand before the one at `index`."""
        return sum(0 < key.first <= index for key in self.ranges)

    def rotated(self, role: KeyRole, spki: bytes, index: int) -> "KeyHistory":
        """The history after a rotation leaf at `index`."""
        old = self.current(role)
        kept = tuple(replace(key, last=index) if key is old else key for key in self.ranges)
        return KeyHistory(self.ledger_id, (*kept, KeyRange(role, spki, index + 1)))

    def signer(self, role: KeyRole, named: str, index: int) -> KeyRange:
        """The key a signature names, if it may sign the leaf at `index`. Raises UnknownKey or KeyNotValidAtIndex."""
        known = [key for key in self.ranges if key.keyid == named]
        if not known:
            raise UnknownKey(f"leaf {index} names the key {named[:64]}, which keys.json does not hold")
        for key in known:
            if key.role == role and key.covers(index):
                return key
        spans = ", ".join(f"{key.role} {key.first} to {'now' if key.last is None else key.last}" for key in known)
        raise KeyNotValidAtIndex(f"leaf {index} is signed as {role} by {named[:16]}, which is valid for {spans}")

    def to_bytes(self) -> bytes:
        """keys.json, canonical."""
        keys = [
            {
                "role": key.role,
                "keyid": key.keyid,
                "public_key": b64encode(key.spki).decode(),
                "first_index": str(key.first),
                "last_index": None if key.last is None else str(key.last),
            }
            for key in self.ranges
        ]
        return canonical({"ledger_id": self.ledger_id, "keys": keys})


def parse_key_history(text: bytes) -> KeyHistory:
    """Read keys.json. Raises BadBundle if it is not one, UnknownKey if a keyid is not its key's."""
    try:
        document = parse_strict(text)
        ranges = tuple(_range(key) for key in document["keys"])
        history = KeyHistory(str(document["ledger_id"]), ranges)
        for role in ROLES:
            if [key.first for key in ranges if key.role == role].count(0) != 1:
                raise ValueError(f"not exactly one first key of the role {role}")
            history.current(role)
        spelled = history.to_bytes()
    except _UNREADABLE as error:
        raise BadBundle(f"keys.json is not readable: {error!r:.200}") from error
    if spelled != text:
        raise BadBundle("keys.json is not in its canonical spelling")
    return history


def parse_given_keys(text: bytes) -> KeyHistory:
    """The keys that a person gives: what an editor puts before and after a text is no part of them. Raises the same."""
    return parse_key_history(text.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n"))


_UNREADABLE = (
    UnreadableJson,
    NoCanonicalForm,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    AttributeError,
    StopIteration,
)
"""What a keys.json can be read as that is none; OverflowError is what a range from infinity on becomes."""


SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\x04"
"""What every uncompressed P-256 key begins with in DER (RFC 5480, section 2): one key has one spelling."""


def read_spki(text: str) -> bytes:
    """A P-256 public key from strict base64 of its one spelling in DER. Raises UnknownKey."""
    try:
        spki = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise UnknownKey("a public key that is not strict base64") from error
    if len(spki) != len(SPKI_P256) + 64 or not spki.startswith(SPKI_P256) or b64encode(spki).decode() != text:
        raise UnknownKey("a public key that is not P-256, uncompressed, as SubjectPublicKeyInfo")
    return spki


def _range(key: dict[str, Any]) -> KeyRange:
    if key["role"] not in ROLES:
        raise ValueError("unknown role")
    last = key["last_index"]
    of_key = KeyRange(
        key["role"],
        read_spki(key["public_key"]),
        int(key["first_index"]),
        None if last is None else int(last),
    )
    if of_key.keyid != key["keyid"]:
        raise UnknownKey(f"keys.json gives the key {of_key.keyid[:16]} the name {str(key['keyid'])[:16]}")
    return of_key
