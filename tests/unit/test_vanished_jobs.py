"""A job that SageMaker no longer knows by the time it is audited: recorded when it is known to have existed."""

from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from tests.fakes.audit import FakeTrainingJobs, MemoryArchive, MemoryRecords, recorder
from tests.fakes.jobs import CREATED, describe

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/fine-tune"
MILLISECONDS = int(CREATED.timestamp() * 1000)


def pointer(source: str, **said: Any) -> JobPointer:
    detail = {"TrainingJobArn": ARN, "TrainingJobStatus": "Completed", "CreationTime": MILLISECONDS} | said
    return read_pointer({"source": source, "detail": detail})


def content_of(records: MemoryRecords) -> dict[str, Any]:
    [[line]] = [list(revisions.values()) for revisions in records.lines.values()]
    return parse_statement(parse_envelope(line).payload).predicate


@pytest.mark.parametrize("source", ["aws.sagemaker", "flops-auditor.reconcile"])
def test_a_job_deleted_before_its_audit_is_recorded_as_such(source: str) -> None:
    """A listing or SageMaker's own event proves that the job ran: its record says what cannot be said any more."""
    records, archive = MemoryRecords(), MemoryArchive()
    outcome = audit_job(pointer(source), recorder(records=records, archive=archive), owner="me")
    content = content_of(records)
    assert outcome.kind == "recorded"
    assert content["verdict"] == "indeterminate"
    assert "SageMaker no longer knows the job" in str(content["assessments"][0]["doubts"])
    assert content["job"]["arn"] == ARN
    assert b"SageMaker no longer knows the job" in (archive.get(f"evidence/{content['job']['id']}/0.json") or b"")


def test_what_the_event_said_of_a_vanished_job_is_its_evidence_but_never_below() -> None:
    """An event carries hardware and times; they bound the compute, and still nothing says "below"."""
    said = describe(CreationTime=MILLISECONDS)
    times = {
        key: int(value.timestamp() * 1000) for key, value in said.items() if key.endswith("Time") and key[0] != "C"
    }
    spans = [
        {k: int(v.timestamp() * 1000) if k.endswith("Time") else v for k, v in step.items()}
        for step in said["SecondaryStatusTransitions"]
    ]
    records = MemoryRecords()
    event = pointer("aws.sagemaker", **{**said, **times, "SecondaryStatusTransitions": spans, "Tags": {}})
    audit_job(event, recorder(records=records), owner="me")
    content = content_of(records)
    assert content["estimate"]["method"] == "hardware"
    assert content["verdict"] == "indeterminate"


def test_an_event_too_broken_to_be_evidence_still_names_the_job() -> None:
    records = MemoryRecords()
    audit_job(pointer("aws.sagemaker", ResourceConfig="nonsense"), recorder(records=records), owner="me")
    assert content_of(records)["verdict"] == "indeterminate"


def test_a_job_that_has_its_record_gets_no_second_one_when_it_is_deleted() -> None:
    jobs, records = FakeTrainingJobs(), MemoryRecords()
    made = recorder(jobs, records=records)
    jobs.add(describe())
    audit_job(pointer("aws.sagemaker"), made, owner="first")
    jobs.descriptions.clear()
    assert audit_job(pointer("aws.sagemaker"), made, owner="second").kind == "already recorded"
    assert content_of(records)["verdict"] == "below"


def test_the_run_behind_a_name_used_again_is_recorded_beside_the_new_run() -> None:
    jobs, records = FakeTrainingJobs(), MemoryRecords()
    jobs.add(describe(CreationTime=CREATED + timedelta(days=9)))
    audit_job(pointer("flops-auditor.reconcile"), recorder(jobs, records=records), owner="me")
    assert content_of(records)["job"]["creation_time"].startswith("2026-03-01")


@pytest.mark.parametrize(
    "unproven",
    [
        pointer("flops-auditor.replay"),
        pointer(""),
        pointer("aws.sagemaker", TrainingJobStatus="InProgress"),
        pointer("aws.sagemaker", CreationTime=None),
    ],
)
def test_a_job_that_nothing_proves_stays_a_named_error(unproven: JobPointer) -> None:
    """A replayed event may name anything: it goes to the dead letters, not into the ledger."""
    records = MemoryRecords()
    with pytest.raises(UnknownTrainingJob):
        audit_job(unproven, recorder(records=records), owner="me")
    assert not records.lines
