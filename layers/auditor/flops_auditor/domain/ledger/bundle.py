"""The names and forms of a bundle: what `export` writes and `verify` reads.

A whole bundle holds all leaves, in chunks; a part holds chosen leaves, each with its inclusion proof. Either is
complete in itself: keys, checkpoints and, for people, PEM files and a README.
"""

import binascii
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from flops_auditor.domain.ledger.code_points import one_of
from flops_auditor.domain.ledger.container import MOST_ENTRIES
from flops_auditor.domain.ledger.ledger_errors import BadBundle, RootMismatch
from flops_auditor.domain.ledger.signed_note import LONGEST_NOTE
from flops_auditor.domain.values.canonical_json import NotCanonical, UnreadableJson, canonical, parse_canonical
from flops_auditor.domain.values.json_size import LARGEST_ANCESTORS, LARGEST_EVIDENCE
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.visible import CUT, as_number

FORMAT = "flops-auditor-bundle/v1"
MANIFEST, README, KEYS = "manifest.json", "README.md", "keys.json"
INDEX, RECORDS = "index.html", "records.csv"
"""For people; the records are the evidence."""
MOST_SHOWN = 10_000
"""Records of a bundle that has them: a verifier makes both again, which takes half a millisecond a record."""
LARGEST_SHOWN = 1 << 26
"""Bytes of either."""
LARGEST_TABLE = 1 << 24
"""Bytes of one version of a table or policy."""
CHECKPOINT, CHECKPOINTS = "checkpoint", "checkpoints.ndjson"
LOG, EVIDENCE, LEAVES, PROOFS, PEM = "log/", "evidence/", "leaves/", "proofs/", "keys/"
ANCESTORS, TABLES = "ancestors/", "tables/"
CHUNK = 1000
"""Leaves after which a chunk ends, at the next heartbeat."""
CHUNK_BYTES = 1 << 22
"""Bytes of leaves, or of their evidence, after which a chunk ends, wherever that is: memory is bounded by them."""

_NUMBER, _DIGEST = r"[0-9]{20}", r"[0-9a-f]{64}"


class FileKind(NamedTuple):
    """Files of a bundle: the names that they may have, to how many bytes each may unpack, and how many there may be."""

    names: re.Pattern[str]
    largest: int
    most: int = MOST_ENTRIES


_LAYOUT = (
    FileKind(re.compile(rf"{LEAVES}{_NUMBER}\.json|{LOG}{_NUMBER}\.ndjson"), CHUNK_BYTES + (1 << 22)),
    FileKind(re.compile(rf"{EVIDENCE}{_NUMBER}\.json"), LARGEST_EVIDENCE),
    FileKind(re.compile(rf"{EVIDENCE}{_NUMBER}\.ndjson"), CHUNK_BYTES + LARGEST_EVIDENCE * 4 // 3),
    FileKind(re.compile(rf"{PROOFS}{_NUMBER}\.tlog-proof"), 1 << 17),
    FileKind(re.compile(rf"{PEM}{_DIGEST}\.pem"), 1 << 17, 1 << 12),
    FileKind(re.compile(rf"{ANCESTORS}{_DIGEST}\.json"), LARGEST_ANCESTORS, 1 << 16),
    FileKind(re.compile(rf"{TABLES}{_DIGEST}"), LARGEST_TABLE, 1 << 14),
    FileKind(re.compile("|".join(map(re.escape, (MANIFEST, README, KEYS, CHECKPOINT)))), 1 << 20),
    FileKind(re.compile("|".join(map(re.escape, (INDEX, RECORDS)))), LARGEST_SHOWN),
    FileKind(re.compile(re.escape(CHECKPOINTS)), 1 << 31),  # read line by line
)

BundleKind = Literal["whole", "part"]
EVERYTHING = "everything"
"""The selection of a whole bundle."""
NO_CHECKPOINT = "no checkpoint, since each may be the pin that somebody holds"
"""Of what a part leaves out of the log's checkpoints: a consistency proof to the newest takes a kilobyte of each."""
LONGEST_SELECTION = 1000
UNPRINTED = (
    *((0x00, 0x1F), (0x60, 0x60), (0x7F, 0xA0), (0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD)),
    *((0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F)),
    *((0x2028, 0x202F), (0x205F, 0x2064), (0x2066, 0x206F), (0x3000, 0x3000), (0xD800, 0xF8FF), (0xFEFF, 0xFEFF)),
    *((0xFFF9, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0001, 0xE0001), (0xE0020, 0xE007F), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)),
)
"""First and last code points that a selection has none of: the categories C and Z of Unicode 15.1 but for the space and
what is not assigned, and the backtick that ends it in README.md. They stand here, and not in the Unicode tables of
whichever Python or browser reads a bundle.
"""
_UNPRINTED = one_of(UNPRINTED)
MOST_GROWTH, ALWAYS_FITS = 250, 1 << 24
"""How many times its own size a bundle unpacks to at most, and what any may: records, tables and evidence are texts, of
which zip makes a tenth, or a hundredth, and what would be less than a two-hundredth is stored as it is, while zeros
shrink to a thousandth and would keep a verifier busy for hours.
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself; nothing in it is believed that is not checked.

    `files` and `unpacked` are the number of all other files and the bytes that they unpack to. `left_out` says in words
    which checkpoints a part does not have. The selection and the time of export are whoever exported it's word: no
    signature covers them, so they are held to one printable line and to a time.
    """

    kind: BundleKind
    ledger_id: str
    size: int
    selection: str
    exported_at: str
    files: int = 0
    unpacked: int = 0

    @property
    def left_out(self) -> str:
        """Which checkpoints are not there."""
        return NO_CHECKPOINT if self.kind == "part" else ""

    def to_bytes(self) -> bytes:
        """manifest.json, canonical."""
        return canonical(
            {
                "format": FORMAT,
                "kind": self.kind,
                "ledger_id": self.ledger_id,
                "size": str(self.size),
                "selection": self.selection,
                "exported_at": self.exported_at,
                "files": str(self.files),
                "unpacked_bytes": str(self.unpacked),
                "left_out": self.left_out,
            }
        )


def parse_manifest(text: bytes) -> Manifest:
    """Read manifest.json. Raises BadBundle."""
    try:
        document = parse_canonical(text)
        if document["format"] != FORMAT or document["kind"] not in ("whole", "part"):
            raise BadBundle(f"a bundle of the format {str(document['format'])[:60]!r} cannot be read by this version")
        manifest = Manifest(
            document["kind"],
            document["ledger_id"],
            int(document["size"]),
            document["selection"],
            document["exported_at"],
            int(document["files"]),
            int(document["unpacked_bytes"]),
        )
        if manifest.to_bytes() != text:
            raise BadBundle("manifest.json has members, or words, that it should not have")
        if manifest.kind == "whole" and manifest.selection != EVERYTHING:
            raise BadBundle("a whole bundle says that it is a selection")
        _check_selection(manifest.selection)
        if iso(datetime.fromisoformat(manifest.exported_at)) != manifest.exported_at:
            raise BadBundle(f"the time of export is {manifest.exported_at[:40]!r}")
    except (UnreadableJson, NotCanonical, KeyError, TypeError, ValueError) as error:
        raise BadBundle(f"manifest.json is not readable: {error!r:.200}") from error
    return manifest


def as_selection(text: str) -> str:
    """What was chosen, as a manifest can say it: what cannot be seen is shown by its number, and the end of
    a long text is left out.
    """
    shown = _UNPRINTED.sub(lambda each: as_number(each[0]), text)
    return shown if len(shown) <= LONGEST_SELECTION else shown[: LONGEST_SELECTION - len(CUT)] + CUT


def _check_selection(selection: object) -> None:
    """What was chosen, as one line that shows what it holds. Raises BadBundle."""
    is_short = isinstance(selection, str) and 0 < len(selection) <= LONGEST_SELECTION
    if not is_short or _UNPRINTED.search(str(selection)):
        raise BadBundle(f"the selection {selection!r:.80} is not one line of printable text without backticks")


def kind_of_file(name: str) -> FileKind | None:
    """What a file of this name is; None if no file of a bundle has such a name."""
    return next((kind for kind in _LAYOUT if kind.names.fullmatch(name)), None)


class Inventory:
    """The files of a bundle: whoever writes one and whoever reads it hold them to the same bounds."""

    def __init__(self) -> None:
        self._seen = Counter[FileKind]()
        self._unpacked = 0

    def add(self, name: str, size: int) -> None:
        """One more, which unpacks to so many bytes. Raises BadBundle for one that has no place in a bundle."""
        kind = kind_of_file(name)
        if kind is None:
            raise BadBundle(f"{name!r} is no file of a bundle")
        self._seen[kind] += 1
        self._unpacked += size
        if size > kind.largest:
            raise BadBundle(f"{name} would unpack to {size} bytes, more than {kind.largest}")
        if self._seen[kind] > kind.most:
            raise BadBundle(f"{name} is one of more than {kind.most} files of its kind")
        if self._seen.total() > MOST_ENTRIES:
            raise BadBundle(f"{name} is one of more than {MOST_ENTRIES} files")

    def check_together(self, length: int) -> None:
        """All of them, of a bundle of this length in bytes. Raises BadBundle."""
        most = MOST_GROWTH * length + ALWAYS_FITS
        if self._unpacked > most:
            raise BadBundle(f"it would unpack to more than {most} bytes, too many for its size")


def chunk_name(folder: str, first_index: int) -> str:
    """The leaves, or their evidence in base64, from `first_index` on; one line each."""
    return f"{folder}{first_index:020d}.ndjson"


def leaf_name(folder: str, index: int, ending: str = ".json") -> str:
    """A leaf's exact line, its evidence file, or its proof."""
    return f"{folder}{index:020d}{ending}"


def ancestors_name(digest: str) -> str:
    """The ancestors of a record that has too many to list them, by the object's SHA-256."""
    return f"{ANCESTORS}{digest}.json"


def tables_name(digest: str) -> str:
    """A version of a table that records rest on, by its SHA-256; records give it its name."""
    return f"{TABLES}{digest}"


def checkpoint_line(note: bytes, consistency: Sequence[bytes] | None = None) -> bytes:
    """One line of checkpoints.ndjson; a part's has the consistency proof to the newest checkpoint."""
    content: dict[str, object] = {"note": note.decode()}
    if consistency is not None:
        content["consistency"] = [b64encode(digest).decode() for digest in consistency]
    return canonical(content) + b"\n"


def parse_checkpoint_line(line: bytes, with_proof: bool) -> tuple[bytes, list[bytes]]:
    """The note and its consistency proof. Raises BadBundle."""
    try:
        members = parse_canonical(line.removesuffix(b"\n"))
        if members.keys() != ({"note", "consistency"} if with_proof else {"note"}) or len(line) > LONGEST_NOTE:
            raise BadBundle("a line of checkpoints.ndjson has other members")
        if not isinstance(members.get("consistency", []), list):
            raise BadBundle("a consistency proof in checkpoints.ndjson is no list")
        return members["note"].encode(), [_digest(text) for text in members.get("consistency", ())]
    except (UnreadableJson, NotCanonical, AttributeError, TypeError, ValueError) as error:
        raise BadBundle(f"checkpoints.ndjson is not readable: {error!r:.200}") from error


def proof_file(index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """A transparency log proof (c2sp.org/tlog-proof): index, inclusion proof, and the checkpoint verbatim."""
    lines = [b"c2sp.org/tlog-proof@v1", b"index %d" % index, *(b64encode(digest) for digest in path), b""]
    return b"\n".join(lines) + b"\n" + checkpoint


def parse_proof(text: bytes) -> tuple[int, list[bytes], bytes]:
    """Index, inclusion proof and checkpoint. Raises RootMismatch: no other spelling leads to a signed root."""
    head, separator, checkpoint = text.partition(b"\n\n")
    match = _PROOF.fullmatch(head + b"\n") if separator else None
    if not match:
        raise RootMismatch("a proof file that is not c2sp.org/tlog-proof@v1")
    try:
        return int(match[1]), [_digest(line.decode()) for line in match[2].split()], checkpoint
    except ValueError as error:
        raise RootMismatch(f"a proof file with a bad hash: {error}") from error


def pem(spki: bytes) -> bytes:
    """The public key as cosign and openssl take it (RFC 7468)."""
    text = b64encode(spki).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]).encode()


_PROOF = re.compile(rb"c2sp\.org/tlog-proof@v1\nindex (0|[1-9][0-9]{0,18})\n((?:[A-Za-z0-9+/]{43}=\n)*)")


def _digest(text: str) -> bytes:
    digest = binascii.a2b_base64(text, strict_mode=True)
    if len(digest) != 32 or b64encode(digest).decode() != text:
        raise ValueError("not a SHA-256 digest in strict base64")
    return digest
