"""Copies of artifacts: a model of the same content is the same model, wherever it lies."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.runs.evidence import TRAINING_JOB, parse_evidence
from flops_auditor.domain.runs.sources.artifacts import objects_of, unseen
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_places import outputs, references
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.audit import MemoryObjects
from tests.fakes.jobs import moved
from tests.fakes.lineage import World, artifact, channel, continuing
from tests.fakes.live_ledger import LiveLedger
from tests.unit.test_amend import amendment

COPY = "s3://elsewhere/copied/model.tar.gz"
SAME = {"ETag": "abc", "ObjectSize": 5_000_000}
ORDERS = [("parent", "child"), ("child", "parent")]
SUMS = [
    ({"ETag": "abc", "ObjectSize": 5_000_000}, {"ETag": "abc", "ObjectSize": 5_000_000}, True),
    ({"ETag": "abc", "ObjectSize": 5_000_000}, {"ETag": "abc", "ObjectSize": 5_000_001}, False),
    ({"ETag": "abc", "ObjectSize": 5_000}, {"ETag": "abc", "ObjectSize": 5_000}, False),
    (
        {"ETag": "a", "ObjectSize": 5_000_000, "Checksum": {"ChecksumSHA256": "s", "ChecksumType": "FULL_OBJECT"}},
        {"ETag": "b", "ObjectSize": 5_000_000, "Checksum": {"ChecksumSHA256": "s", "ChecksumType": "FULL_OBJECT"}},
        True,
    ),
    (
        {"ETag": "a", "ObjectSize": 5_000_000, "Checksum": {"ChecksumSHA256": "s", "ChecksumType": "FULL_OBJECT"}},
        {"ETag": "b", "ObjectSize": 5_000_000, "Checksum": {"ChecksumSHA1": "s", "ChecksumType": "FULL_OBJECT"}},
        False,
    ),
]


def comparing(world: World, objects: MemoryObjects) -> World:
    """The same world, deployed with CompareArtifacts=true."""
    collectors = world.recorder.collectors
    assert isinstance(collectors, dict)
    known = collectors[TRAINING_JOB]
    assert isinstance(known, TrainingJobCollector)
    collectors[TRAINING_JOB] = replace(known, objects=objects)
    return world


def family(objects: MemoryObjects, read: str = COPY, world: World | None = None, **of_child: Any) -> World:
    world = comparing(world or World(), objects)
    role = {"RoleArn": "arn:aws:iam::123456789012:role/team"}
    world.add(continuing("parent", **role))
    world.add(continuing("child", **{"day": 1, **role, "InputDataConfig": [channel("model", read)], **of_child}))
    return world


@pytest.mark.parametrize(("left", "read", "same"), SUMS)
@pytest.mark.parametrize("at", [COPY, "s3://elsewhere/copied", "s3://elsewhere/copied/"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_copy_of_an_artifact_is_its_runs_result(
    left: dict[str, Any], read: dict[str, Any], same: bool, at: str, order: tuple[str, str]
) -> None:
    world = family(MemoryObjects({artifact("parent"): left, COPY: read}), at)
    world.audit(*order)
    assert world.ancestors("child") == ({"parent"} if same else set())
    assert world.content("child")["lineage"]["doubts"] == []


def test_what_is_deleted_since_or_written_over_is_kept_when_asked_again() -> None:
    """Of what is gone S3 says that access is denied to whoever may not list it."""
    objects = MemoryObjects({artifact("parent"): SAME, COPY: SAME})
    world = family(objects)
    world.audit()
    child = world.job_id("child")
    objects.objects.clear()
    amend(child, amendment(asked_again=True, why="deleted"), world.recorder)
    objects.objects[COPY] = {"ETag": "other", "ObjectSize": 6_000_000}
    amend(child, amendment(asked_again=True, why="written over"), world.recorder)
    objects.denied.add(COPY.split("/")[2])
    amend(child, amendment(asked_again=True, why="denied"), world.recorder)
    assert (world.content("child")["revision"], world.ancestors("child")) == (3, {"parent"})


def test_a_file_of_the_same_content_that_another_role_left_moves_no_verdict() -> None:
    """Anybody may leave a copy of a public model as his artifact: it is said, and on the job's word not counted."""
    stranger: dict[str, Any] = {"RoleArn": "arn:aws:iam::123456789012:role/other"}
    world = family(MemoryObjects({artifact("parent"): SAME, COPY: SAME}), **stranger)
    world.audit()
    assert world.ancestors("child") == set()
    content = world.content("child")
    assert content["lineage"]["doubts"] == []
    assert [note["kind"] for note in content["lineage"]["notes"]] == ["named-by-another-role"]
    assert (content["verdict"], content["rests_on"]["verdict_without_statements"]) == ("below", "indeterminate")


def test_what_may_not_be_asked_for_is_a_note() -> None:
    world = family(MemoryObjects({artifact("parent"): SAME, COPY: SAME}, denied={"elsewhere"}))
    world.audit()
    lineage = world.content("child")["lineage"]
    assert [note["kind"] for note in lineage["notes"]] == ["copy-not-looked-for"]
    assert world.ancestors("child") == set()


@pytest.mark.parametrize(
    ("lies", "read"),
    [
        ("s3://elsewhere/llama-3.1/model.tar.gz", channel("model", "s3://elsewhere/llama-3.1/")),
        ("s3://elsewhere/m-1.tar.gz", channel("model", "s3://elsewhere/m-1.tar.gz")),
        (COPY, channel("train", COPY)),
    ],
    ids=["folder with a dot", "another name", "data"],
)
def test_a_copy_is_found_in_whatever_folder_and_channel_it_lies(lies: str, read: dict[str, Any]) -> None:
    world = family(MemoryObjects({artifact("parent"): SAME, lies: SAME}), InputDataConfig=[read])
    world.audit()
    assert world.ancestors("child") == {"parent"}
    assert world.content("child")["lineage"]["doubts"] == []


@pytest.mark.parametrize(
    ("read", "notes"),
    [
        ("s3://elsewhere/copied/", ["copy-not-looked-for"]),
        ("s3://elsewhere/copied/model.tar", ["copy-not-looked-for"]),
        ("s3://elsewhere/renamed.tar.gz", []),
    ],
)
def test_a_place_where_nothing_was_compared_is_a_note(read: str, notes: list[str]) -> None:
    """Folders are not listed: a copy of another name in one is not seen. Its own checkpoints are no such place."""
    there = {artifact("parent"): SAME, "s3://elsewhere/renamed.tar.gz": {**SAME, "ETag": "x"}}
    own = {"CheckpointConfig": {"S3Uri": "s3://checkpoints/own"}}
    world = family(MemoryObjects(there), read, **own)
    world.audit()
    lineage = world.content("child")["lineage"]
    assert (lineage["doubts"], [note["kind"] for note in lineage["notes"]]) == ([], notes)


def test_what_a_job_may_write_is_asked_for_and_not_missed() -> None:
    """The label of an output does not say that nothing was there before."""
    job = parse_training_job(continuing("job", HyperParameters={"output_file": "s3://models/x/output/a.tar.gz"}))
    begins = references(job, ())[0]
    assert [str(each.location) for each in begins] == ["s3://models/x/output/a.tar.gz"]
    assert [str(each) for each in objects_of(begins, job)] == [artifact("job"), "s3://models/x/output/a.tar.gz"]
    assert unseen(begins, outputs(job), job, {str(artifact("job")): {"ObjectSize": 1}}) == ()


def test_a_small_file_laid_beside_a_model_does_not_hide_that_nothing_was_compared() -> None:
    """An honest artifact of the job itself may be as small."""
    for size, notes in ((10, ["copy-not-looked-for"]), (5_000_000, [])):
        there = {artifact("parent"): SAME, artifact("child"): {"ETag": "y", "ObjectSize": 10}}
        laid = {"s3://elsewhere/x/model.tar.gz": {"ETag": "x", "ObjectSize": size}}
        world = family(MemoryObjects(there | laid), "s3://elsewhere/x")
        world.audit()
        assert [note["kind"] for note in world.content("child")["lineage"]["notes"]] == notes


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_copy_of_what_a_later_run_left_is_a_doubt(earlier: int, order: tuple[str, str]) -> None:
    """As the artifact itself is; of the same moment, too."""
    world = family(MemoryObjects({artifact("parent"): SAME, COPY: SAME}), day=0, hours=10)
    world.add(moved(world.jobs.descriptions["child", "eu-west-1"], -timedelta(hours=earlier)))
    world.audit(*order)
    assert world.ancestors("child") == set()
    assert [doubt["kind"] for doubt in world.content("child")["lineage"]["doubts"]] == ["later-than-child"]


@pytest.mark.parametrize("label", ["log_copy", "restored_from_saved"])
def test_a_copy_under_the_label_of_an_output_is_its_runs_result(label: str) -> None:
    world = family(
        MemoryObjects({artifact("parent"): SAME, COPY: SAME}), InputDataConfig=[], HyperParameters={label: COPY}
    )
    world.audit()
    assert world.ancestors("child") == {"parent"}


def test_a_result_that_is_a_folder_is_a_note_of_its_run() -> None:
    world = comparing(World(), MemoryObjects({"s3://models/parent/output/model/w.bin": SAME}))
    world.add(continuing("parent", ModelArtifacts={"S3ModelArtifacts": "s3://models/parent/output/model/"}))
    world.add(continuing("failed"))
    world.audit()
    assert [note["kind"] for note in world.content("parent")["lineage"]["notes"]] == ["copy-not-looked-for"]
    assert world.content("failed")["lineage"]["notes"] == [], "it left no artifact"


def test_more_models_than_are_compared_are_a_doubt() -> None:
    for count, doubts in ((12, []), (25, ["too-many-objects"])):
        junk = {f"s3://junk/{n}.tar.gz": {"ETag": str(n), "ObjectSize": 5_000_000} for n in range(count)}
        channels = [channel(f"model{n}", at) for n, at in enumerate(junk)]
        world = family(MemoryObjects({artifact("parent"): SAME, COPY: SAME, **junk}), InputDataConfig=channels)
        world.audit()
        assert [doubt["kind"] for doubt in world.content("child")["lineage"]["doubts"]] == doubts


def test_what_was_answered_lies_in_the_evidence_as_it_came() -> None:
    world = family(MemoryObjects({artifact("parent"): SAME, COPY: SAME}))
    world.audit()
    body = world.recorder.archive.get(evidence_key(world.job_id("child"), 0))
    assert body is not None
    assert parse_evidence(body).objects == {COPY: SAME}
    assert parse_evidence(body).to_bytes() == body


@pytest.mark.parametrize("order", ORDERS)
def test_a_ledger_with_copies_computes_again_from_its_evidence(order: tuple[str, str], tmp_path: Path) -> None:
    """Whoever holds the bundle alone finds the same parent by the content that the evidence shows."""
    ledger = LiveLedger()
    family(MemoryObjects({artifact("parent"): SAME, COPY: SAME}), world=ledger).audit(*order)
    assert ledger.ancestors("child") == {"parent"}
    ledger.seal()
    verified = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (verified.verdict, verified.findings) == ("valid", [])


def test_nothing_is_asked_where_artifacts_are_not_compared() -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", day=1, InputDataConfig=[channel("model", COPY)]))
    world.audit()
    assert world.ancestors("child") == set()
