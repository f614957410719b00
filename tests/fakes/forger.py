"""A forger of whole logs: starts from an honest one, changes what it wants, and has every hash and signature right.

It holds both keys of the ledger. What it changes in records alone is what a holder of the record key could have had
sealed by an honest sealer.
"""

import copy
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.dsse import parse_envelope, signed_line
from flops_auditor.domain.ledger.key_history import KeyHistory, parse_key_history
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import LeafKind, kind_of, parse_rotation, rests_on_evidence
from flops_auditor.domain.ledger.merkle import CompactRange, leaf_hash
from flops_auditor.domain.ledger.signed_note import Checkpoint, signed_note
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.use_cases.ledger.verify_bundle import VerificationReport
from tests.fakes.bundles import Bundle
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import sign

SIGNERS = {
    keyid(signer.public_key()): signer
    for signer in map(
        MemorySigner,
        [role + number for role in ("record", "checkpoint") for number in ("", *(f" {n}" for n in range(9)))],
    )
}


@dataclass
class ForgedLeaf:
    """A leaf to be signed: its statement as JSON, its evidence, and by which keys (by key id)."""

    statement: dict[str, Any]
    evidence: bytes
    signers: list[str]
    line: bytes
    kind: LeafKind = field(init=False)

    def __post_init__(self) -> None:
        self.kind = kind_of(parse_envelope(self.line).payload)

    @property
    def content(self) -> dict[str, Any]:
        """The predicate."""
        found: dict[str, Any] = self.statement["predicate"]
        return found

    @property
    def name(self) -> str:
        """Of a record's job."""
        return str(self.content["job"]["name"])

    def rest_on(self, evidence: bytes) -> None:
        """Take another evidence file."""
        self.evidence = evidence
        self.statement["subject"][0]["digest"]["sha256"] = sha256(evidence).hexdigest()

    def copy(self) -> "ForgedLeaf":
        return copy.deepcopy(self)


def _root_of(note: str) -> tuple[str, str]:
    """Size and root, in hex, of a checkpoint."""
    _, size, root = note.split("\n")[:3]
    return size, b64decode(root).hex()


class Forger:
    """The leaves of a world's log, to be changed and sealed again."""

    def __init__(self, world: Any, folder: Path) -> None:
        self.bundle: Bundle = world.bundle(folder)
        self.ledger: str = world.ledger
        found = [self.bundle.line(index) for index in range(len(self.bundle.leaves()))]
        evidence = [
            line for name in self.bundle.names("evidence/") for line in self.bundle.files[name].split(b"\n")[:-1]
        ]
        self.leaves = [self._leaf(line, b64decode(proof)) for line, proof in zip(found, evidence, strict=True)]
        self._first_keys = parse_key_history(self.bundle.files["keys.json"]).first_keys
        self._roots = dict(map(_root_of, self.bundle.notes()))

    @staticmethod
    def _leaf(line: bytes, evidence: bytes) -> ForgedLeaf:
        envelope = parse_envelope(line)
        return ForgedLeaf(json.loads(envelope.payload), evidence, [s.keyid for s in envelope.signatures], line)

    @contextmanager
    def lent(self) -> Iterator["Forger"]:
        """What a test changes is as it was after it: making another forger takes a world."""
        leaves, files = copy.deepcopy(self.leaves), dict(self.bundle.files)
        yield self
        self.leaves, self.bundle.files = leaves, files

    def records(self, name: str | None = None) -> list[ForgedLeaf]:
        """The records of a job in order, or all."""
        return [leaf for leaf in self.leaves if leaf.kind == "record" and (name is None or leaf.name == name)]

    def heartbeats(self) -> list[ForgedLeaf]:
        return [leaf for leaf in self.leaves if leaf.kind == "heartbeat"]

    def insert_after(self, leaf: ForgedLeaf, other: ForgedLeaf) -> None:
        self.leaves.insert(self.leaves.index(leaf) + 1, other)

    def swap(self, one: ForgedLeaf, other: ForgedLeaf) -> None:
        """Two leaves change places."""
        i, j = self.leaves.index(one), self.leaves.index(other)
        self.leaves[i], self.leaves[j] = other, one

    def seal(self, relink: bool = True, heartbeats: bool = True) -> Bundle:
        """Sign what was changed, close the batches, and sign the checkpoints.

        `relink`: what superseded a changed record supersedes it as it is now, and what was compared with a state of the
        log was compared with that state as it is now. `heartbeats`: they name their places.
        """
        lines: list[bytes] = []
        notes: list[str] = []
        renamed: dict[str, str] = {}
        keys, begin, note = self._first_keys, 0, b""
        for index, leaf in enumerate(self.leaves):
            if leaf.kind == "bill" and relink:
                self._compare(leaf, dict(map(_root_of, notes)))
            if rests_on_evidence(leaf.kind) and relink:
                supersedes = leaf.content.get("supersedes")
                if isinstance(supersedes, str):
                    leaf.content["supersedes"] = renamed.get(supersedes, supersedes)
            if leaf.kind == "heartbeat" and heartbeats:
                self._close(leaf, begin, index, note)
            line = self._signed(leaf)
            renamed[sha256(leaf.line).hexdigest()] = sha256(line).hexdigest()
            lines.append(line)
            if leaf.kind == "rotation":
                change = parse_rotation(parse_envelope(leaf.line).payload)
                keys = keys.rotated(change.role, change.new_spki, index)
            if leaf.kind == "heartbeat":
                note = self._note(lines, leaf)
                notes.append(note.decode())
                begin = index + 1
        self._write(lines, notes, keys)
        return self.bundle

    def verify(self, relink: bool = True, heartbeats: bool = True, **demands: Any) -> VerificationReport:
        """Seal and verify, with the keys as they are known from elsewhere."""
        return self.seal(relink, heartbeats).verify(keys=self._first_keys.to_bytes(), **demands)

    def _compare(self, leaf: ForgedLeaf, roots: dict[str, str]) -> None:
        """A statement on a bill names the root as it is now, if it named the right one; its evidence, too."""
        state = leaf.content.get("compared_with")
        size, root = (state.get("size"), state.get("root")) if isinstance(state, dict) else ("", "")
        if size not in roots or root != self._roots.get(size):
            return
        state["root"] = roots[size]
        if sha256(leaf.evidence).hexdigest() in json.dumps(leaf.statement["subject"]):
            leaf.rest_on(leaf.evidence.replace(root.encode(), roots[size].encode()))

    def _close(self, leaf: ForgedLeaf, begin: int, index: int, note: bytes) -> None:
        leaf.content.update(first_index=str(begin), index=str(index), previous_size=str(begin))
        subject = {"name": f"{self.ledger} checkpoint {begin}", "digest": {"sha256": sha256(note).hexdigest()}}
        leaf.statement["subject"] = [subject]

    def _signed(self, leaf: ForgedLeaf) -> bytes:
        payload = canonical(leaf.statement)
        envelope = parse_envelope(leaf.line)
        if payload == envelope.payload and leaf.signers == [s.keyid for s in envelope.signatures]:
            return leaf.line
        return signed_line(payload, tuple(sign(payload, SIGNERS[signer]) for signer in leaf.signers))

    def _note(self, lines: list[bytes], leaf: ForgedLeaf) -> bytes:
        signer = SIGNERS[leaf.signers[0]]
        head = Checkpoint(self.ledger, len(lines), CompactRange.of(0, [leaf_hash(line) for line in lines]).root())
        return signed_note(head.text, head.origin, signer.public_key(), signer.sign(sha256(head.text).digest()))

    def _write(self, lines: list[bytes], notes: list[str], keys: KeyHistory) -> None:
        files = self.bundle.files
        for name in self.bundle.names("log/") + self.bundle.names("evidence/"):
            del files[name]
        begin = 0
        while begin < len(lines):
            end = begin + form.CHUNK
            files[form.chunk_name("log/", begin)] = b"".join(line + b"\n" for line in lines[begin:end])
            proofs = (b64encode(leaf.evidence) + b"\n" for leaf in self.leaves[begin:end])
            files[form.chunk_name("evidence/", begin)] = b"".join(proofs)
            begin = end
        self.bundle.set_notes(notes)
        files["keys.json"] = keys.to_bytes()
