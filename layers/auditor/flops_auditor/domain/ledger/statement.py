"""in-toto Statement v1 (github.com/in-toto/attestation, spec/v1/statement.md): what a leaf of the ledger says.

Four kinds of leaf: a record of one training job, a statement on a bill, a heartbeat of the sealer, and a key rotation.
"""

import re
from hashlib import sha256
from typing import Any, NamedTuple

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.forms import DIGEST, RECORD, TEXT, Form, One, one_of
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord, NonCanonicalRecord, UnknownPredicate
from flops_auditor.domain.values.canonical_json import NotCanonical, UnreadableJson, canonical, parse_canonical

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RECORD_PREDICATE = "https://flops-auditor.dev/attestation/training-compute/v1"
HEARTBEAT_PREDICATE = "https://flops-auditor.dev/attestation/heartbeat/v1"
ROTATION_PREDICATE = "https://flops-auditor.dev/attestation/key-rotation/v1"
BILL_PREDICATE = "https://flops-auditor.dev/attestation/bill/v1"
PREDICATES = frozenset({RECORD_PREDICATE, HEARTBEAT_PREDICATE, ROTATION_PREDICATE, BILL_PREDICATE})

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Statement(NamedTuple):
    """A parsed statement about one subject; `subject_sha256` is 64 lower-case hex digits."""

    subject_name: str
    subject_sha256: str
    predicate_type: str
    predicate: dict[str, Any]

    @property
    def identity(self) -> tuple[str, int]:
        """What it is about, as an id, and which revision it is; of a record or a statement on a bill, and no other."""
        revision: int = self.predicate["revision"]
        if self.predicate_type == BILL_PREDICATE:
            return sha256(self.subject_name.encode()).hexdigest(), revision
        return self.predicate["job"]["id"], revision


def statement(
    subject_name: str, subject_sha256: str, predicate: dict[str, Any], predicate_type: str = RECORD_PREDICATE
) -> bytes:
    """The RFC 8785 bytes of a statement: the payload that is signed."""
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": subject_name, "digest": {"sha256": subject_sha256}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def parse_statement(payload: bytes) -> Statement:
    """Read a payload whose signature was verified. Raises MalformedRecord, NonCanonicalRecord or UnknownPredicate."""
    try:
        document = parse_canonical(payload)
    except UnreadableJson as error:
        raise MalformedRecord(f"the payload is {error}") from error
    except NotCanonical as error:
        raise NonCanonicalRecord(f"the payload is {error}") from error
    if not isinstance(document, dict) or document.keys() != {"_type", "subject", "predicateType", "predicate"}:
        raise MalformedRecord("the payload is not an in-toto statement with exactly the standard members")
    if document["_type"] != STATEMENT_TYPE:
        raise MalformedRecord(f"the statement's _type is {str(document['_type'])[:80]!r}")
    if not isinstance(document["predicateType"], str) or document["predicateType"] not in PREDICATES:
        raise UnknownPredicate(f"predicateType {str(document['predicateType'])[:120]!r}")
    predicate = document["predicate"]
    try:
        (subject,) = document["subject"]
        name, digest = subject["name"], subject["digest"]["sha256"]
        exact = len(subject) == 2 and len(subject["digest"]) == 1  # nothing besides
        if exact and isinstance(name, str) and isinstance(predicate, dict) and _SHA256.fullmatch(digest):
            return Statement(name, digest, document["predicateType"], predicate)
    except (KeyError, TypeError, ValueError):
        pass
    raise MalformedRecord("the statement must have one named subject with its SHA-256, and an object as predicate")


_RECORD = Form(
    {
        "_type": one_of(STATEMENT_TYPE),
        "subject": One({"name": TEXT, "digest": {"sha256": DIGEST}}),
        "predicateType": one_of(RECORD_PREDICATE),
        "predicate": RECORD,
    },
    "the statement",
)


def read_record(payload: bytes) -> Statement | None:
    """The statement of a record that is in its form: what nearly every leaf is, read and checked at once.

    None for any other payload: `parse_statement` and the form of the predicate read it, or name what is wrong.
    """
    document = _RECORD.read(payload)
    if document is None:
        return None
    (subject,) = document["subject"]
    return Statement(subject["name"], subject["digest"]["sha256"], RECORD_PREDICATE, document["predicate"])


def predicate_of(line: bytes) -> dict[str, Any]:
    """The predicate of an envelope's line. Raises MalformedRecord, NonCanonicalRecord or UnknownPredicate."""
    return parse_statement(parse_envelope(line).payload).predicate
