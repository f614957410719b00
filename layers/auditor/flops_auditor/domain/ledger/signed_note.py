"""Signed notes (c2sp.org/signed-note) with ECDSA signatures (type 0x02); checkpoints (c2sp.org/tlog-checkpoint).

A checkpoint is three lines: the log's origin, the number of leaves, the base64 root. Extension lines are not used,
since no monitor could audit them; the time of sealing stands in the log itself, in its heartbeat leaves.
"""

import binascii
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from hashlib import sha256
from quopri import decodestring

from flops_auditor.domain.ledger.ledger_errors import BadCheckpointSignature, UnreadablePin

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


def checkpoint_in(mail: bytes) -> bytes:
    """The checkpoints in a text that a person saved, one after another: nearly always it is one.

    A mail's footer and line ends are no part of it. It may be saved as it came, quoted-printable or base64 (RFC 2045,
    section 6), as HTML, forwarded with marks, or by a program that writes UTF-16 or a dash of its own. Raises
    UnreadablePin when there is none.
    """
    damaged: UnreadableNote | None = None
    notes: dict[bytes, None] = {}
    for text in (spelled for reading in _readings(_utf8(mail[:LONGEST_MAIL])) for spelled in _spellings(reading)):
        for note in notes_in(text):
            try:
                parse_checkpoint(parse_note(note).text)
            except UnreadableNote as error:
                damaged = error
            else:
                notes[note] = None
    if notes:
        return b"\n".join(notes)
    if damaged is not None:
        raise UnreadablePin(f"the checkpoint in it is damaged: {damaged}") from damaged
    raise UnreadablePin("no checkpoint stands in it")


def notes_in(text: bytes) -> list[bytes]:
    """What looks like a checkpoint in a text."""
    return [match[0] for match in _MAILED.finditer(text.rstrip() + b"\n")]


def _utf8(saved: bytes) -> bytes:
    """A text as UTF-8, without its byte order mark; what is none is taken for Windows' Western European."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if saved.startswith(mark):
            return saved[len(mark) :].decode(encoding, "replace").encode()
    try:
        saved.decode()
    except UnicodeDecodeError:
        return saved.replace(b"\x97", "\u2014".encode())
    return saved


def _readings(mail: bytes) -> Iterator[bytes]:
    """The text as it stands, as its headers say that it is encoded, and as quoted-printable without headers."""
    yield mail
    try:
        parts = [part.get_payload(decode=True) for part in message_from_bytes(mail).walk() if not part.is_multipart()]
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        parts = []  # what the mail library cannot read
    yield from (part for part in parts if isinstance(part, bytes))
    yield decodestring(mail)


def _spellings(text: bytes) -> Iterator[bytes]:
    """A text with plain line ends, as it stands, without marks of quotation, and without tags of HTML."""
    lines = _BLANKS.sub(b"", text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    yield lines
    if b">" in lines:
        yield _QUOTED.sub(b"", lines)
    if b"<" in lines:
        plain = _REFERENCE.sub(_referred, _TAG.sub(b"\n", _BREAK.sub(b"\n", lines)))
        yield _BLANKS.sub(b"", plain)


def _referred(match: "re.Match[bytes]") -> bytes:
    """The character that a reference of HTML stands for."""
    number = int(match[1] or b"0") or int(match[2] or b"0", 16) or ord("\u2014")
    return chr(number).encode(errors="replace") if number < 0x110000 else b""


LONGEST_MAIL = 1 << 20
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_BLANKS = re.compile(rb"[\t ]+(?=\n|\Z)")
_QUOTED = re.compile(rb"^(?:> ?)+", re.MULTILINE)
_BREAK = re.compile(rb"<br ?/?>\n?", re.IGNORECASE)
_TAG = re.compile(rb"<[^<>]{1,1000}>")
_REFERENCE = re.compile(rb"&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|mdash);")
_MAILED = re.compile(
    rb"^[\x21-\x7e]{1,512}\n(?:0|[1-9][0-9]{0,18})\n[A-Za-z0-9+/]{43}=\n\n(?:\xe2\x80\x94 \S+ [A-Za-z0-9+/]+={0,2}\n)+",
    re.MULTILINE,
)
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
