"""Children of an array of AWS Batch that no host ever had: one request makes ten thousand, and one ends them."""

from typing import Any

import pytest

from flops_auditor.domain.runs.sources.batch_job import NOT_BEGUN, passed_over
from flops_auditor.domain.runs.sources.batch_job_answer import parse_batch_job
from tests.fakes.batch_jobs import HOST, batch_arn, batch_id, batch_job, container, tries
from tests.unit.test_batch_door import World, event

Job = dict[str, Any]
NOWHERE = {"status": "FAILED", "startedAt": None, "attempts": []}
UNPLACED = container(containerInstanceArn=None)
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/p5_Batch_1f0b/0123456789abcdef0"


def child(index: int = 0, **changes: Any) -> Job:
    """A child of an array that was ended before any host had it."""
    own = {"jobArn": batch_arn(1, f":{index}"), "jobId": f"{batch_id()}:{index}", "arrayProperties": {"index": index}}
    return batch_job(**{**own, **NOWHERE, "container": UNPLACED, **changes})


def on_eks(**changes: Any) -> Job:
    """A child that asks for GPUs on Amazon EKS."""
    pod = {"image": "trainer", "resources": {"limits": {"nvidia.com/gpu": "8"}}}
    properties = {"podProperties": {"containers": [pod], **changes}}
    return child(container=None, attempts=None, eksProperties=properties)


def test_children_that_no_host_had_cost_a_message_each_and_nothing_else() -> None:
    world = World()
    for index in range(50):
        done = world.take(event(world.batch.add(child(index))))
        assert (done.kind, NOT_BEGUN in done.reason) == ("passed over", True)
    assert (world.batch.asked, world.recorder.records.lines, world.alerts.sent) == ([], {}, [])


def test_neither_are_they_listed_nor_missed() -> None:
    """Not while they wait for a host, either: else whoever was ended before he had one would be waited for."""
    world = World()
    answer = child(status="RUNNABLE")
    world.batch.add(answer)
    assert not world.reconcile().queued
    world.batch.add({**answer, "status": "FAILED"})
    report = world.reconcile()
    assert (report.queued, report.overdue, world.recorder.records.lines) == ([], [], {})


def test_one_that_began_late_and_whose_event_was_lost_is_found_within_a_day() -> None:
    """By the listing that is read once more."""
    world = World()
    world.batch.add(child(status="RUNNABLE"))
    world.reconcile()
    ended = world.batch.add(
        child(**{name: batch_job()[name] for name in ("status", "startedAt", "attempts", "container")})
    )
    found = [each.arn for _ in range(24) for each in world.reconcile().queued]
    assert found == [ended["jobArn"]]
    assert world.content(ended)["estimate"]["upper_flop"] != "0"


@pytest.mark.parametrize(
    "answer",
    [
        child(attempts=tries(1)),
        child(attempts=[{"container": {"containerInstanceArn": HOST}, "statusReason": "Host EC2 terminated"}]),
        child(attempts=[{}]),
        child(startedAt=batch_job()["startedAt"]),
        child(container=container()),
        child(container=container(containerInstanceArn=None, taskArn=TASK)),
        child(container=container(containerInstanceArn=None, logStreamName="tune/default/0123")),
        child(status="SUCCEEDED"),
        child(status="DELETED"),
        on_eks(nodeName="ip-10-0-0-1"),
        on_eks(podName="aws-batch.0123"),
        {**on_eks(), "eksAttempts": [{"startedAt": batch_job()["startedAt"]}]},
        batch_job(**NOWHERE, container=UNPLACED),
    ],
)
def test_whatever_may_have_run_is_recorded(answer: Job) -> None:
    """The last one is no child: as many of them take as many requests to submit them."""
    assert passed_over(parse_batch_job(answer)) == ""


@pytest.mark.parametrize("answer", [child(), on_eks()])
def test_a_child_that_no_host_had_is_passed_over(answer: Job) -> None:
    assert passed_over(parse_batch_job(answer)) == NOT_BEGUN
