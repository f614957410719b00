"""Jobs of AWS Batch without a job role: they frame nobody, and their owner hides nothing by leaving the role out.

Amazon ECS takes a job without one, and no job on Amazon EKS has one (docs/adr/1201-who-wrote-a-place.md).
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.domain.runs.evidence import BATCH_JOB
from flops_auditor.use_cases.auditing.audit_job import handle_event
from flops_auditor.use_cases.auditing.collect_batch_job import BatchJobCollector
from tests.fakes.batch_jobs import FakeBatchJobs, batch_arn, batch_id, batch_job, container, milliseconds, tries
from tests.fakes.door_world import TERRITORY, ancestors, newest_content, total, work_off
from tests.fakes.jobs import CREATED, describe, moved
from tests.fakes.lineage import channel
from tests.fakes.running import HALF, Room, running
from tests.unit.test_batch_door import World, event

Job = dict[str, Any]
BASE = "s3://innocents/models/base-7b"
ROLE = "arn:aws:iam::123456789012:role/innocents"
TAGGED = {"flops-auditor:tokens": "x"}
MINUTE = 1 / 60


def on_ecs(place: str, number: int = 1, **changes: Any) -> Job:
    """A job of a minute on one GPU, without a job role, that says that it leaves its results at a place."""
    told = container(1, command=["python", "train.py", "--output_dir", place], environment=[], jobRoleArn=None)
    return batch_job(number, MINUTE, container=told, tags=TAGGED, **changes)


def on_eks(place: str) -> Job:
    """The same on Amazon EKS."""
    pod = {
        "image": "trainer",
        "args": ["train.py", "--output_dir", place],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
    }
    return batch_job(1, MINUTE, container=None, tags=TAGGED, eksProperties={"podProperties": {"containers": [pod]}})


def innocent(world: World, place: str, *before: Job) -> Job:
    """The record of a training job of another team, which takes a model from a place, once these have been recorded."""
    for job in (*before, moved(describe("innocent", **innocents(place)), timedelta(days=5))):
        world.jobs.add(job)
        told = {"source": "aws.sagemaker", "detail": {name: str(value) for name, value in job.items()}}
        recorded = world.audit(told)
    return newest_content(recorded, world.recorder)


def innocents(place: str) -> Job:
    """What makes a job one of that team, and has it begin from a place."""
    return {"RoleArn": ROLE, "InputDataConfig": [channel("model", place)]}


def figures(content: Job) -> tuple[Any, ...]:
    """The verdict, and all that is added up to it; not which revision of a parent's record."""
    amounts = [content["cumulative"][name] for name in ("lower_flop", "best_flop", "upper_flop")]
    return content["verdict"], amounts, content["lineage"]["parents"], content["lineage"]["doubts"]


@pytest.mark.parametrize("made", [on_ecs, on_eks])
@pytest.mark.parametrize("at", [BASE, f"{BASE}/x", "s3://innocents/models", "s3://innocents/"])
def test_it_frames_nobody_by_naming_a_place(made: Any, at: str) -> None:
    """Whose place it is, above it, below it, or the whole bucket."""
    alone = innocent(World(), f"{BASE}/")
    world = World()
    world.audit(event(world.batch.add(made(at))))
    framed = innocent(world, f"{BASE}/")
    assert figures(framed) == figures(alone)
    assert (framed["verdict"], ancestors(framed)) == ("below", set())
    assert framed["lineage"]["notes"][0]["kind"] == "named-by-another-role"
    assert framed["rests_on"]["verdict_without_statements"] == "indeterminate"


def test_many_of_them_take_no_parent_away() -> None:
    """Children of one array, at the checkpoints that the innocent job goes on from."""
    at = "s3://innocents/checkpoints"
    parent = moved(describe("parent", RoleArn=ROLE, CheckpointConfig={"S3Uri": at}), timedelta(days=2))
    world = World()
    before = innocent(world, at, parent)
    for index in range(21):
        child = on_ecs(
            at, jobArn=batch_arn(1, f":{index}"), jobId=f"{batch_id()}:{index}", arrayProperties={"index": index}
        )
        world.take(event(world.batch.add(child)))
    work_off(world.again, world.recorder)
    after = newest_content(before["job"]["id"], world.recorder)
    assert ancestors(after) == {parent["TrainingJobArn"]}
    assert figures(after) == figures(before)
    assert after["revision"] == 1, "what it says of them, it says once"


def test_no_job_is_stopped_for_what_one_ran() -> None:
    """A hundred nodes for three months, at a place that a running job of another team begins from."""
    begun = CREATED - timedelta(days=400)
    told = container(command=["train.py", "--output_dir", BASE], jobRoleArn=None, instanceType="p5.48xlarge")
    nodes = {"numNodes": 100, "mainNode": 0, "nodeRangeProperties": [{"targetNodes": "0:99", "container": told}]}
    [attempt] = tries(2000, begun=begun)
    times = {name: attempt[name] for name in ("startedAt", "stoppedAt")}
    heavy = batch_job(container=None, nodeProperties=nodes, attempts=[attempt], createdAt=milliseconds(begun), **times)
    room, batch = Room(stop=True), FakeBatchJobs()
    room.recorder = replace(room.recorder, collectors={**room.recorder.collectors, BATCH_JOB: BatchJobCollector(batch)})
    room.watcher = replace(room.watcher, recorder=room.recorder)
    assert handle_event(event(batch.add(heavy)), room.recorder, "worker", TERRITORY).verdict == "above"
    room.metrics.results = {"innocent": HALF}
    room.jobs.add(running("innocent", hosts=1, days=2, **innocents(BASE)))
    assert not [alert for _, alert in room.watch(3) if "OVER THE THRESHOLD" in alert.subject]
    assert room.jobs.stopped == []


@pytest.mark.parametrize("parent", [None, "arn:aws:iam::123456789012:role/tuner"], ids=["no role", "a role"])
@pytest.mark.parametrize("backwards", [False, True])
def test_its_owner_hides_nothing_by_leaving_the_role_out(parent: str | None, backwards: bool) -> None:
    """Whatever role the run had from whose place it begins."""
    wrote = container(environment=[{"name": "OUTPUT_DIR", "value": "s3://teams/a/"}], jobRoleArn=parent)
    reads = container(environment=[{"name": "HF_MODEL_ID", "value": "s3://teams/a/"}], jobRoleArn=None)
    world = World()
    jobs = [world.batch.add(batch_job(1, container=wrote)), world.batch.add(batch_job(2, container=reads))]
    for job in reversed(jobs) if backwards else jobs:
        world.audit(event(job))
    first, second = map(world.content, jobs)
    assert ancestors(second) == {batch_arn(1)}
    assert total(second) == 2 * total(first)


@pytest.mark.parametrize(
    ("named", "parents", "kind"), [(batch_arn(1), {batch_arn(1)}, None), (BASE, set(), "lineage-names-place-of-others")]
)
def test_a_job_with_a_role_continues_one_without_where_its_tag_names_that_by_its_arn(
    named: str, parents: set[str], kind: str | None
) -> None:
    """A name, or a place, anybody may have: that is a doubt."""
    world = World()
    world.audit(event(world.batch.add(on_ecs(BASE))))
    reads = container(environment=[{"name": "HF_MODEL_ID", "value": BASE}])
    job = world.batch.add(batch_job(2, container=reads, tags={"flops-auditor:lineage": named}))
    world.audit(event(job))
    assert ancestors(world.content(job)) == parents
    assert [doubt["kind"] for doubt in world.content(job)["lineage"]["doubts"]] == ([kind] if kind else [])
