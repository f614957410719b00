"""in-toto statements: built and read in one spelling."""

import json

import pytest

from flops_auditor.domain.ledger import keys
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord, NonCanonicalRecord, UnknownPredicate
from flops_auditor.domain.ledger.statement import HEARTBEAT_PREDICATE, RECORD_PREDICATE, parse_statement, statement
from flops_auditor.domain.values import archive_keys

DIGEST = "0" * 64
PAYLOAD = statement("arn:aws:sagemaker:eu-west-1:111122223333:training-job/j", DIGEST, {"b": "1", "a": [True]})


def test_a_statement_reads_back() -> None:
    found = parse_statement(PAYLOAD)
    assert (found.subject_name, found.subject_sha256) == (
        "arn:aws:sagemaker:eu-west-1:111122223333:training-job/j",
        DIGEST,
    )
    assert found.predicate_type == RECORD_PREDICATE
    assert found.predicate == {"b": "1", "a": [True]}
    assert parse_statement(statement("x", DIGEST, {}, HEARTBEAT_PREDICATE)).predicate_type == HEARTBEAT_PREDICATE


def changed(**members: object) -> bytes:
    return json.dumps({**json.loads(PAYLOAD), **members}, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"not json",
        b"[]",
        changed(extra=1),
        changed(_type="https://in-toto.io/Statement/v0.1"),
        changed(subject=[]),
        changed(subject=[{"name": "x", "digest": {"sha256": DIGEST.upper().replace("0", "F")}}]),
        changed(subject=[{"name": "x", "digest": {"sha256": DIGEST, "md5": "1"}}]),
        changed(subject=json.loads(PAYLOAD)["subject"] * 2),
        changed(predicate=[]),
        PAYLOAD[:-1] + b',"predicate":{}}',
    ],
    ids=range(10),
)
def test_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_statement(payload)


def test_another_spelling_is_named() -> None:
    with pytest.raises(NonCanonicalRecord):
        parse_statement(json.dumps(json.loads(PAYLOAD)).encode())


def test_a_foreign_predicate_is_named() -> None:
    with pytest.raises(UnknownPredicate):
        parse_statement(changed(predicateType="https://slsa.dev/provenance/v1"))


def test_keys_of_objects() -> None:
    job = archive_keys.job_id("arn", "2026-01-01T00:00:00Z")
    assert job == "74f4d25b0730fe2f003ad365d5c0570a07a3bbac915bdd7eafc444eb7442d6ac"
    assert archive_keys.record_key(job, 2) == f"records/{job}/2.json"
    assert archive_keys.evidence_key(job, 1) == f"evidence/{job}/1.json"
    assert archive_keys.batch_key(5) == "log/00000000000000000005.ndjson"
    assert archive_keys.number_of(archive_keys.batch_key(5), archive_keys.batch_key) == 5
    assert archive_keys.number_of(archive_keys.checkpoint_key(77), archive_keys.checkpoint_key) == 77
    for foreign in ("log/zzz", "log/5.ndjson", "log/00000000000000000005", "checkpoints/00000000000000000005.ndjson"):
        assert archive_keys.number_of(foreign, archive_keys.batch_key) is None
    with pytest.raises(ValueError, match="not a job id"):
        archive_keys.record_key("../escape", 1)


def test_the_key_id_is_the_hash_of_the_public_key() -> None:
    assert keys.keyid(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
