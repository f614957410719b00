"""A job that SageMaker no longer knows by the time it is audited: recorded when it is known to have existed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.auditing.watch_jobs import kept_of
from flops_auditor.use_cases.ledger.export_bundle import export_whole
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.audit import FakeTrainingJobs, MemoryArchive, MemoryIndex, MemoryRecords, recorder
from tests.fakes.jobs import CREATED, describe
from tests.fakes.lineage import World, artifact, channel, continuing
from tests.fakes.live_ledger import LiveLedger
from tests.unit.test_model_packages import NothingPending
from tests.unit.test_places import kinds

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


TOLD = ("RoleArn", "InputDataConfig", "OutputDataConfig", "CheckpointConfig", "ResourceConfig", "ModelArtifacts")
"""Of a description what AWS's event says, too."""
OURS, THEIRS = ({"RoleArn": f"arn:aws:iam::123456789012:role/{name}"} for name in ("ours", "theirs"))
HIDDEN: list[dict[str, Any]] = [
    {"TensorBoardOutputConfig": {"S3OutputPath": "s3://hidden/x"}},
    {"AlgorithmSpecification": {"TrainingImage": "x", "ContainerArguments": ["--output_dir", "s3://hidden/x"]}},
]
READER = {"InputDataConfig": [channel("model", "s3://hidden/x/step-9")]}
DOUBT = "deleted-run-of-its-role"


def vanish(world: World, looked: bool = False, **changes: Any) -> None:
    """A job ends and is deleted before its audit; `looked`: the watch saw it while it ran."""
    description = continuing("gone", **{**OURS, **changes})
    world.add(description)
    if looked:
        world.recorder.seen.describe(world.job_id("gone"), kept_of(plain(description)), CREATED)
    members = {name: description[name] for name in TOLD if name in description}
    end = {"TrainingJobStatus": "Completed", "CreationTime": int(description["CreationTime"].timestamp() * 1000)}
    detail = {"TrainingJobArn": description["TrainingJobArn"], **members, **end}
    del world.jobs.descriptions["gone", "eu-west-1"]
    world.pointers["gone"] = read_pointer({"source": "aws.sagemaker", "detail": detail})


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("order", [("gone", "reader"), ("reader", "gone")])
def test_a_deleted_run_of_which_only_the_event_is_known_is_a_doubt_of_those_of_its_role(
    hidden: dict[str, Any], order: tuple[str, str]
) -> None:
    world = World()
    vanish(world, **hidden)
    world.add(continuing("reader", day=3, hours=1, **OURS, **READER))
    world.audit(*order)
    assert kinds(world, "reader") == [DOUBT]
    assert world.content("reader")["verdict"] == "indeterminate"
    rebuilt = MemoryIndex()
    rebuild_index(world.recorder.archive, MemoryRecords(), NothingPending(), rebuilt)  # type: ignore[arg-type]
    assert len(rebuilt.exactly("output", Location(OURS["RoleArn"]), "", 9)) == 1
    assert len(rebuilt.exactly("input", Location(OURS["RoleArn"]), "", 9)) == 1


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("order", [("gone", "reader", "other"), ("other", "reader", "gone")])
def test_of_a_deleted_run_that_the_watch_saw_its_whole_description_counts(
    hidden: dict[str, Any], order: tuple[str, ...]
) -> None:
    world = World()
    vanish(world, looked=True, **hidden)
    world.add(continuing("reader", day=3, hours=1, **OURS, **READER))
    world.add(continuing("other", day=3, hours=1, **OURS, InputDataConfig=[channel("model", "s3://bases/llama/")]))
    world.audit(*order)
    assert world.ancestors("reader") == {"gone"}
    assert (kinds(world, "reader"), kinds(world, "other")) == ([], [])
    assert world.content("other")["verdict"] == "below"


LEFT_ALONE: dict[str, dict[str, Any]] = {
    "another role": {**THEIRS, **READER},
    "no role": READER,
    "data": {**OURS, "InputDataConfig": [channel("train", "s3://hidden/x/step-9")]},
    "a model of AWS": {**OURS, "InputDataConfig": [channel("model", "s3://jumpstart-cache-prod-eu-west-1/llama/")]},
    "no model": OURS,
    "its own checkpoints": {**OURS, "CheckpointConfig": {"S3Uri": "s3://own/checkpoints"}},
    "the result of a known run": {**OURS, "InputDataConfig": [channel("model", artifact("known"))]},
    "before it": {**OURS, **READER, "CreationTime": CREATED - timedelta(days=1)},
}


@pytest.mark.parametrize("reader", LEFT_ALONE)
@pytest.mark.parametrize("order", [("known", "gone", "reader"), ("known", "reader", "gone")])
def test_a_deleted_run_is_no_doubt_of_anybody_else(reader: str, order: tuple[str, ...]) -> None:
    world = World()
    world.add(continuing("known", hours=1, **OURS))
    vanish(world, **HIDDEN[0])
    world.add(continuing("reader", **{"day": 3, "hours": 1, **LEFT_ALONE[reader]}))
    world.audit(*order)
    assert kinds(world, "reader") == []
    assert world.content("reader")["verdict"] == "below"


@pytest.mark.parametrize("tag", ["none", "known"])
def test_the_lineage_tag_settles_what_a_deleted_run_may_have_left(tag: str) -> None:
    world = World()
    world.add(continuing("known", hours=1, **OURS))
    vanish(world, **HIDDEN[0])
    world.add(continuing("reader", day=3, hours=1, **OURS, **READER), lineage=tag)
    world.audit()
    assert kinds(world, "reader") == []


def test_many_deleted_runs_tell_those_of_their_role_once() -> None:
    """Who is in doubt by the first of them finds nothing new by the others."""
    world = World()
    for number in range(20):
        world.add(continuing(f"reader-{number}", day=3 + number, hours=1, **OURS, **READER))
    world.audit()
    messages = 0
    for _ in range(5):
        vanish(world, **HIDDEN[0], CreationTime=CREATED + timedelta(minutes=messages))
        world.deliver("gone")
        messages += world.work_off()
    assert messages == 20
    assert {DOUBT} == {kind for number in range(20) for kind in kinds(world, f"reader-{number}")}


@pytest.mark.parametrize("order", [("gone", "reader"), ("reader", "gone")])
def test_what_a_deleted_run_leaves_in_doubt_is_recomputed_from_the_evidence(
    order: tuple[str, str], tmp_path: Path
) -> None:
    made = LiveLedger()
    vanish(made, **HIDDEN[0])
    made.add(continuing("reader", day=3, hours=1, **OURS, **READER))
    made.clock.now = CREATED + timedelta(days=9)
    for name in order:
        audit_job(made.pointers[name], made.recorder, owner=name)
        made.work_off()
        made.clock.now += timedelta(hours=3)
    made.seal()
    export_whole(made.archive, made.ledger, tmp_path / "bundle.zip", made.at)
    assert kinds(made, "reader") == [DOUBT]
    assert verify_bundle(tmp_path / "bundle.zip", Demands(made.at, recompute=Recomputing())).verdict == "valid"
