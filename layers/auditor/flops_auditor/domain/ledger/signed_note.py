"""Signed notes (c2sp.org/signed-note) with ECDSA signatures (type 0x02); checkpoints (c2sp.org/tlog-checkpoint).

A checkpoint is three lines: the log's origin, the number of leaves, the base64 root. Extension lines are not used,
since no monitor could audit them; the time of sealing stands in the log itself, in its heartbeat leaves.
"""

import binascii
import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from flops_auditor.domain.ledger.ledger_errors import BadCheckpointSignature

LONGEST_NOTE = 1 << 16
MOST_SIGNATURES = 16
"""A verifier must accept at least as many (c2sp.org/signed-note, Format)."""


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the signer's name, its 4-byte key ID, an ASN.1 DER signature over the note's text."""

    name: str
    key_id: bytes
    der: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; `text` ends in a newline and is what was signed."""

    text: bytes
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: `origin` names the log, `root` is the 32-byte Merkle tree hash of the first `size` leaves."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> bytes:
        """The note text."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n".encode()


class UnreadableNote(BadCheckpointSignature):
    """Bytes that are not a signed note, or a note that is not a checkpoint: nobody can have signed it as one."""


def note_key_id(spki_der: bytes) -> bytes:
    """The key ID of an ECDSA key (type 0x02): the first four bytes of SHA-256 over its SPKI DER."""
    return sha256(spki_der).digest()[:4]


def signed_note(text: bytes, name: str, spki_der: bytes, der_signature: bytes) -> bytes:
    """The bytes of a note with one ECDSA signature over SHA-256 of the text."""
    return text + f"\n— {name} {b64encode(note_key_id(spki_der) + der_signature).decode()}\n".encode()


def parse_note(note: bytes) -> Note:
    """Split a note at its last blank line. Raises UnreadableNote."""
    if len(note) > LONGEST_NOTE:
        raise UnreadableNote(f"a note of {len(note)} bytes")
    text, separator, tail = note.rpartition(b"\n\n")
    try:
        lines = tail.decode().split("\n")
        text.decode()
    except UnicodeDecodeError as error:
        raise UnreadableNote("a note that is not UTF-8") from error
    if not separator or lines.pop() != "" or not 0 < len(lines) <= MOST_SIGNATURES or _CONTROL.search(note):
        raise UnreadableNote("not a text, a blank line and signature lines")
    return Note(text + b"\n", tuple(_signature(line) for line in lines))


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read a note text of exactly three lines. Raises UnreadableNote."""
    match = _CHECKPOINT.fullmatch(text)
    if not match:
        raise UnreadableNote("the note is not a checkpoint of origin, size and root")
    checkpoint = Checkpoint(match[1].decode(), int(match[2]), binascii.a2b_base64(match[3]))
    if checkpoint.text != text:
        raise UnreadableNote("the root is not 32 bytes in strict base64")
    return checkpoint


_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CHECKPOINT = re.compile(rb"([\x21-\x7e]{1,512})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


def _signature(line: str) -> NoteSignature:
    match = _SIGNATURE.fullmatch(line)
    if not match:
        raise UnreadableNote("a line that is not a signature")
    try:
        raw = binascii.a2b_base64(match[2], strict_mode=True)
    except ValueError as error:
        raise UnreadableNote("a signature that is not base64") from error
    if len(raw) < 5 or b64encode(raw).decode() != match[2]:
        raise UnreadableNote("a signature that is not strict base64 of a key ID and a signature")
    return NoteSignature(match[1], raw[:4], raw[4:])
