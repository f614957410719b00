"""Makes large bundles for the ledger's benchmarks: real records, really signed, 1000 to a batch or fewer."""

import json
import zipfile
from base64 import b64encode
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.bundle_readme import readme
from flops_auditor.domain.ledger.dsse import envelope_line
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.leaves import heartbeat
from flops_auditor.domain.ledger.merkle import CompactRange, leaf_hash
from flops_auditor.domain.ledger.signed_note import Checkpoint, signed_note
from flops_auditor.domain.values.archive_keys import job_id
from flops_auditor.domain.values.moments import iso
from tests.fakes.jobs import CREATED
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import LEDGER, MODELS, START, Draft, draft, sign

PER_BATCH = 1000
RECORD, CHECKPOINT = MemorySigner("record"), MemorySigner("checkpoint")
KEYS = KeyHistory.genesis(LEDGER, RECORD.public_key(), CHECKPOINT.public_key())


@cache
def _first_of(model: str) -> tuple[Draft, bytes]:
    made = draft(0, START, model)
    return made, made.payload


def record_of(number: int) -> tuple[bytes, bytes]:
    """Payload and evidence of `draft(number, START)`: those of the model's first record, with what differs put in."""
    first, payload = _first_of(MODELS[number % len(MODELS)])
    arn = first.subject.replace("-000000", f"-{number:06d}")
    evidence = first.evidence.replace(b"-000000", b"-%06d" % number).replace(b'"number":0', b'"number":%d' % number)
    for before, after in (
        (first.content["job"]["name"], arn.rpartition("/")[2]),
        (first.content["job"]["id"], job_id(arn, iso(CREATED))),
        (sha256(first.evidence).hexdigest(), sha256(evidence).hexdigest()),
    ):
        payload = payload.replace(before.encode(), after.encode())
    return payload, evidence


def _records(per_batch: int, batch: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Lines, evidence in base64, leaf hashes."""
    lines, proofs = [], []
    for number in range(batch * per_batch, (batch + 1) * per_batch):
        payload, evidence = record_of(number)
        if number % PER_BATCH == 1:
            made = draft(number, START)
            if (payload, evidence) != (made.payload, made.evidence):
                raise ValueError(f"record {number} is not the draft of this number")
        signature = sign(payload, RECORD)
        lines.append(envelope_line(payload, signature.keyid, signature.der))
        proofs.append(b64encode(evidence))
    return lines, proofs, [leaf_hash(line) for line in lines]


def make(path: Path, records: int, processes: int, per_batch: int = PER_BATCH) -> None:
    """Write a whole bundle of this many records (a multiple of `per_batch`)."""
    tree, note, notes = CompactRange(), b"", []
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped,
        ProcessPoolExecutor(processes) as pool,
    ):
        for lines, evidence, hashes in pool.map(partial(_records, per_batch), range(records // per_batch)):
            begin, index = tree.end, tree.end + len(lines)
            before = (begin, sha256(note).hexdigest())
            payload = heartbeat(LEDGER, iso(START), begin, index, before, KEYS, 0)
            signature = sign(payload, CHECKPOINT)
            closing = envelope_line(payload, signature.keyid, signature.der)
            tree = tree.join(CompactRange.of(begin, [*hashes, leaf_hash(closing)]))
            head = Checkpoint(LEDGER, tree.end, tree.root())
            der = CHECKPOINT.sign(sha256(head.text).digest())
            note = signed_note(head.text, LEDGER, CHECKPOINT.public_key(), der)
            notes.append(form.checkpoint_line(note))
            lines.append(closing)
            evidence.append(b"")
            size = max(1, form.CHUNK_BYTES // max(map(len, lines)))
            for at in range(0, len(lines), size):
                for folder, of in ((form.LOG, lines), (form.EVIDENCE, evidence)):
                    zipped.writestr(form.chunk_name(folder, begin + at), b"\n".join([*of[at : at + size], b""]))
        manifest = form.Manifest("whole", LEDGER, tree.end, form.EVERYTHING, iso(START))
        zipped.writestr(form.CHECKPOINTS, b"".join(notes))
        zipped.writestr(form.CHECKPOINT, note)
        zipped.writestr(form.KEYS, KEYS.to_bytes())
        for key in KEYS.ranges:
            zipped.writestr(f"{form.PEM}{key.keyid}.pem", form.pem(key.spki))
        zipped.writestr(form.README, readme(manifest, KEYS))
        sizes = [entry.file_size for entry in zipped.infolist()]
        zipped.writestr(form.MANIFEST, replace(manifest, files=len(sizes), unpacked=sum(sizes)).to_bytes())


def notes_of(zipped: zipfile.ZipFile) -> dict[int, bytes]:
    """The signed notes of a bundle by the leaves that they are over."""
    notes = [json.loads(line)["note"].encode() for line in zipped.read(form.CHECKPOINTS).splitlines()]
    return {int(note.split(b"\n")[1]): note for note in notes}


def batches_of(zipped: zipfile.ZipFile) -> dict[int, list[str]]:
    """The files that together are each batch of a whole bundle, by its first leaf."""
    chunks = sorted(name for name in zipped.namelist() if name.startswith(form.LOG))
    return {
        begin: [name for name in chunks if form.chunk_name(form.LOG, begin) <= name < form.chunk_name(form.LOG, end)]
        for begin, end in pairwise([0, *notes_of(zipped)])
    }


def show(figures: dict[str, object]) -> None:
    """One line of JSON on stdout."""
    print(json.dumps(figures))
