"""The evidence file: kept byte for byte, read back to the same audit."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.runs.evidence import SCHEMA, Evidence, MalformedEvidence, Unread, parse_evidence
from tests.fakes.cases import audit
from tests.fakes.jobs import CREATED, describe

WHOLE = Evidence(
    describe(),
    tags=({"Key": "flops-auditor:params", "Value": "1e9"},),
    metrics=({"Label": "GPUUtilization algo-1", "Timestamps": (CREATED,), "Values": [760.5]},),
    period_seconds=60,
    unread=(Unread("sagemaker:ListTags", "AccessDenied", "no"),),
    collected_at=datetime(2026, 3, 2, tzinfo=UTC),
    files={"s3://bucket/flops_meter.json": "{}"},
    packages={
        "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1": {"CreationTime": CREATED, "SourceUri": "s3://b"},
        "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/2": Unread("sagemaker:X", "AccessDenied"),
    },
)


@pytest.mark.parametrize("evidence", [WHOLE, Evidence({}), Evidence(describe(), tags=[])])
def test_a_file_reads_back_to_the_same_file(evidence: Evidence) -> None:
    body = evidence.to_bytes()
    assert parse_evidence(body).to_bytes() == body
    assert json.loads(body)["schema"] == SCHEMA


def test_a_job_without_packages_has_the_file_that_it_always_had() -> None:
    assert "packages" not in json.loads(Evidence(describe()).to_bytes())


def test_the_audit_of_the_file_is_that_of_the_answers() -> None:
    tables = load_tables()
    assert audit(parse_evidence(WHOLE.to_bytes()), tables).estimate == audit(WHOLE, tables).estimate


def test_a_refusal_in_words() -> None:
    assert str(Unread("a:B", "Denied")) == "a:B answered Denied"
    assert str(Unread("a:B", "Denied", "who")) == "a:B answered Denied (who)"


def changed(**changes: Any) -> bytes:
    document = {**json.loads(WHOLE.to_bytes()), **changes}
    return json.dumps({key: value for key, value in document.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        changed(schema="other"),
        changed(description=...),
        changed(metrics=None),
        changed(unread=[{"source": "x"}]),
        changed(collectedAt="soon"),
        changed(files=...),
        changed(packages=[]),
        changed(packages={"arn": {}}),
        changed(packages={"arn": {"unread": {"source": "x"}}}),
        changed(packages={"arn": {"answer": "text"}}),
    ],
)
def test_another_file_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        parse_evidence(body)


def test_only_answers_can_be_kept() -> None:
    with pytest.raises(TypeError, match="object is not evidence"):
        Evidence({"x": object()}).to_bytes()
