"""Sign what records explain of a bill into the ledger, as a statement of the person who compared them.

It waits for its place in the log as a record does, and a later one on the same months supersedes it.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flops_auditor.domain.bill.signed_bill import NoSuchBill, sums_of
from flops_auditor.domain.ledger.bills import check_bill, subject_of
from flops_auditor.domain.ledger.dsse import PAYLOAD_TYPE, Envelope, parse_envelope
from flops_auditor.domain.ledger.leaves import Leaf, record_of
from flops_auditor.domain.ledger.ledger_errors import LedgerError
from flops_auditor.domain.ledger.statement import BILL_PREDICATE, parse_statement, predicate_of, statement
from flops_auditor.domain.values.archive_keys import evidence_key, record_key
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.json_size import LARGEST_EVIDENCE, is_readable
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.auditing.keep_record import (
    MOST_ROUNDS,
    EvidenceLost,
    ForeignEvidence,
    NotSettled,
    bill_found_by,
    enveloped,
    restore,
)
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.records import StoredRecord


class CannotSignBill(WrongInput):
    """A statement that no verifier of this ledger would take."""

    remedy = (
        "Sign the bill of the ledger's own account (--account), beside a bundle of the whole ledger; where it is too "
        "large, that of one month. See that this machine's clock is right."
    )


@dataclass(frozen=True)
class SignedBill:
    """A statement on a bill that waits for its place in the log, or has it. `left`: what earlier tries left as
    evidence, and was signed before it.
    """

    revision: int
    content: dict[str, Any]
    left: tuple[dict[str, Any], ...] = ()


def sign_bill(evidence: bytes, recorder: Recorder) -> SignedBill:
    """Sign a statement on this evidence. Repeating it, also after a crash, signs it once.

    What an earlier try left as evidence is signed first, as what whoever tried said. Raises CannotSignBill, NotSettled,
    EvidenceLost, ForeignEvidence.
    """
    if not is_readable(evidence, LARGEST_EVIDENCE):
        raise CannotSignBill(f"its evidence of {len(evidence)} bytes is larger than a verifier reads")
    bill_id, _ = _drafted(evidence, None, recorder).statement.identity
    left = list[dict[str, Any]]()
    for _ in range(MOST_ROUNDS):
        latest = recorder.records.latest(bill_id)
        if latest is not None:
            recorder.archive.put_if_absent(record_key(bill_id, latest.revision), latest.line)
            newest = parse_statement(parse_envelope(latest.line).payload)
            if newest.subject_sha256 == sha256(evidence).hexdigest():
                return SignedBill(latest.revision, newest.predicate, tuple(left))
        body = _kept(evidence, bill_id, latest.revision + 1 if latest else 0, recorder)
        if body is not None:
            drafted = _drafted(body, latest, recorder)
            _commit(drafted, bill_id, recorder)
            left += [drafted.statement.predicate] if body != evidence else []
    raise NotSettled(f"others signed {MOST_ROUNDS} statements on the bill meanwhile")


def _kept(evidence: bytes, bill_id: str, revision: int, recorder: Recorder) -> bytes | None:
    """The evidence of a revision in the archive: this, or what an earlier try left; None where its record was, too."""
    key = evidence_key(bill_id, revision)
    if recorder.archive.put_if_absent(key, evidence):
        return evidence
    if restore(bill_id, revision, recorder):
        return None
    body = recorder.archive.get(key)
    if body is None:
        raise EvidenceLost(f"{key} is neither free nor readable")
    try:
        known = _drafted(body, None, recorder).statement.identity[0] == bill_id
    except CannotSignBill:
        known = False
    if not known:
        raise ForeignEvidence(f"{key} is no evidence of this bill")
    return body


def _drafted(evidence: bytes, latest: StoredRecord | None, recorder: Recorder) -> Leaf:
    """The statement on this evidence after the latest one, unsigned, as a verifier reads it. Raises CannotSignBill."""
    before = predicate_of(latest.line) if latest else None
    now = recorder.clock()
    try:
        content = {
            **sums_of(evidence),
            "ledger_id": recorder.ledger_id,
            "revision": latest.revision + 1 if latest else 0,
            "recorded_at": iso(max(now, read_time(before["recorded_at"])) if before else now),
            "code_version": recorder.code_version,
            "supersedes": sha256(latest.line).hexdigest() if latest else None,
        }
        payload = statement(subject_of(content), sha256(evidence).hexdigest(), content, BILL_PREDICATE)
        leaf = record_of(Envelope(payload, PAYLOAD_TYPE, ()))
        check_bill(leaf)
    except (LedgerError, NoSuchBill) as error:
        raise CannotSignBill(f"{error.name}: {error}") from error
    return leaf


def _commit(leaf: Leaf, bill_id: str, recorder: Recorder) -> None:
    """Sign it and have it wait for its place, unless somebody else was faster."""
    name, digest, _, content = leaf.statement
    line = enveloped(statement(name, digest, content, BILL_PREDICATE), recorder.signer)
    recorder.records.commit(bill_id, StoredRecord(content["revision"], line), bill_found_by(content))
