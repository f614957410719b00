"""From the event, or the listing, of a job of AWS Batch to its record, with twins of every port."""

from datetime import timedelta
from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.aws.stores.sqs import batch_message
from flops_auditor.domain.bill.recorded_runs import recorded_run
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.evidence import BATCH_JOB, Unread
from flops_auditor.domain.runs.pointer import REPLAY_SOURCE
from flops_auditor.domain.runs.sources.batch_job_events import BATCH_EVENT_SOURCE, pointer_to
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import NotFinished, Outcome, handle_event
from flops_auditor.use_cases.auditing.collect_batch_job import BatchJobCollector
from flops_auditor.use_cases.auditing.keep_record import ForeignEvidence, case_behind, newest
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.batch_jobs import (
    ENVIRONMENT,
    FakeBatchJobs,
    batch_arn,
    batch_evidence,
    batch_id,
    batch_job,
    container,
    environment,
    gpus,
)
from tests.fakes.door_world import TERRITORY, DoorWorld, ancestors, total
from tests.fakes.jobs import CREATED
from tests.unit.test_amend import amendment

ON_EKS = {"podProperties": {"containers": [{"image": "trainer", "securityContext": {"privileged": True}}]}}


class World(DoorWorld):
    """A world of Batch jobs beside training jobs."""

    def __init__(self) -> None:
        self.batch = FakeBatchJobs()
        super().__init__(BATCH_JOB, self.batch, batch_message, {BATCH_JOB: BatchJobCollector(self.batch)}, lists=False)

    def content(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The newest record of a job."""
        return self.newest_of(batch_evidence(answer))

    def take(self, event: dict[str, Any]) -> Outcome:
        """What becomes of an event."""
        return handle_event(event, self.recorder, "worker", TERRITORY)


def event(answer: dict[str, Any], source: str = BATCH_EVENT_SOURCE) -> dict[str, Any]:
    """AWS's event of a job, whose detail is what DescribeJobs says of it."""
    return {"source": source, "detail-type": "Batch Job State Change", "detail": answer}


def running(number: int = 1, **changes: Any) -> dict[str, Any]:
    return batch_job(number, status="RUNNING", stoppedAt=None, attempts=[], **changes)


def going_on_from(number: int, place: str, **changes: Any) -> dict[str, Any]:
    """A job that begins from a place and leaves its results in one of its own."""
    variables = {"HF_MODEL_ID": place, "OUTPUT_DIR": f"s3://teams/tune-{number}/"}
    told = [{"name": name, "value": value} for name, value in variables.items()]
    return batch_job(number, container=container(environment=told), **changes)


def test_an_event_becomes_a_record_that_follows_from_its_evidence() -> None:
    world = World()
    tags = {"flops-auditor:base-model": "meta-llama/Llama-3.1-8B", "flops-auditor:placed-on-market": "false"}
    answer = world.batch.add(batch_job(tags=tags))
    assert world.take(event(answer)).kind == "recorded"
    assert world.take(event(answer)).kind == "already recorded"
    content = world.content(answer)
    assert (content["job"]["source"], content["verdict"]) == (BATCH_JOB, "below")
    assert content["job"]["instances"] == [{"type": "ml.p5.48xlarge", "count": 1}]
    kept = newest(content["job"]["id"], world.recorder)
    assert kept is not None
    case = case_behind(content["job"]["id"], kept, world.recorder)
    assert {each["Key"]: each["Value"] for each in case.evidence.tags or ()} == tags
    assert "tags" not in case.evidence.description
    assert ENVIRONMENT in case.evidence.objects
    assert recorded_run(content).span
    now = {**content, "code_version": __version__}
    recompute(case.body, now, NothingKept(), frozenset(now["tables"].values()), world.recorder.services)


def test_one_whose_event_was_lost_is_found_by_the_listing() -> None:
    world = World()
    answer = world.batch.add(batch_job(7))
    world.batch.add(batch_job(8, container=container(count=0)))
    assert [each.name for each in world.reconcile().queued] == ["tune-7"]
    assert not world.reconcile().queued
    assert world.content(answer)["job"]["name"] == "tune-7"


def test_one_that_ran_when_it_was_listed_is_recorded_when_it_has_ended() -> None:
    world = World()
    world.batch.add(running(9))
    assert not world.reconcile().queued
    ended = world.batch.add(batch_job(9))
    assert [each.name for each in world.reconcile().queued] == ["tune-9"]
    assert world.content(ended)["job"]["status"] == "SUCCEEDED"


def test_one_that_runs_is_watched_from_its_listing_on_and_people_are_told_before_it_crosses() -> None:
    world = World()
    world.clock.now = CREATED + timedelta(hours=3000)
    world.batch.add(running(tags={"flops-auditor:base-model": "meta-llama/Llama-3.1-8B"}))
    assert (world.watch().jobs, world.alerts.sent) == (0, [])
    world.reconcile()
    asked = len(world.batch.asked)
    assert world.watch().jobs == 1
    assert "batch:ListJobs" not in world.batch.asked[asked:], "a round lists no queue"
    assert [alert.attributes["kind"] for alert in world.alerts.sent] == ["warning"]
    assert "tune-1 (running)" in world.alerts.sent[0].subject
    told = len(world.alerts.sent)
    assert (world.watch().jobs, len(world.alerts.sent)) == (1, told), "each level once"
    ended = world.batch.add(batch_job(hours=2999))
    assert world.watch().jobs == 0
    world.reconcile()
    assert world.content(ended)["job"]["status"] == "SUCCEEDED"


def test_one_that_waits_for_its_hosts_is_no_alarm() -> None:
    world = World()
    world.batch.add(running(startedAt=None) | {"status": "RUNNABLE"})
    world.reconcile()
    assert (world.watch().jobs, world.alerts.sent) == (1, [])


def test_one_that_is_no_run_by_its_hosts_is_not_watched() -> None:
    world = World()
    world.batch.add(running(container=container(count=0, privileged=True)))
    world.reconcile()
    world.batch.told = {ENVIRONMENT: environment("m5.large")}
    assert world.watch().jobs == 0


def test_each_child_of_an_array_is_recorded_and_the_array_is_not() -> None:
    world = World()
    array = world.batch.add(batch_job(arrayProperties={"size": 2, "statusSummary": {}}, attempts=None))
    children = [
        world.batch.add(
            batch_job(jobArn=batch_arn(1, f":{index}"), jobId=f"{batch_id()}:{index}", arrayProperties={"index": index})
        )
        for index in range(2)
    ]
    passed = world.take(event(array))
    assert (passed.kind, "array" in passed.reason) == ("passed over", True)
    assert [world.take(event(child)).kind for child in children] == ["recorded", "recorded"]
    assert len({world.content(child)["job"]["id"] for child in children}) == 2


NO_RUNS = {
    "CPU": batch_job(container=container(count=0)),
    "node": batch_job(jobArn=batch_arn(1, "#1"), jobId=f"{batch_id()}#1"),
    "service job": batch_job(jobArn=batch_arn().replace(":job/", ":service-job/"), serviceJobType="SAGEMAKER_TRAINING"),
}


@pytest.mark.parametrize("name", NO_RUNS)
@pytest.mark.parametrize("source", [BATCH_EVENT_SOURCE, "flops-auditor.reconcile", REPLAY_SOURCE])
def test_what_is_no_run_is_passed_over_with_the_reason(name: str, source: str) -> None:
    world = World()
    passed = world.take(event(world.batch.add(NO_RUNS[name]), source))
    assert (passed.kind, bool(passed.reason)) == ("passed over", True)
    if source == BATCH_EVENT_SOURCE:
        assert not world.batch.asked, "AWS's event says it, so that nobody is asked"


def test_an_event_that_does_not_say_what_a_job_asks_for_has_it_asked() -> None:
    world = World()
    answer = world.batch.add(batch_job())
    for untold in (None, {}, {"image": "trainer"}):
        assert world.take(event({**answer, "container": untold})).kind in ("recorded", "already recorded")


def test_an_event_that_says_what_one_of_two_containers_asks_for_has_it_asked() -> None:
    world = World()
    containers = [{"image": "a", "resourceRequirements": gpus(0)}, {"image": "b", "resourceRequirements": gpus(8)}]
    whole = {"taskProperties": [{"containers": containers}]}
    answer = world.batch.add(batch_job(container=None, ecsProperties=whole))
    told = {"taskProperties": [{"containers": [containers[0], {"image": "b"}]}]}
    assert world.take(event({**answer, "ecsProperties": told})).kind == "recorded"
    small = {"taskProperties": [{"containers": [containers[0], containers[0]]}]}
    asked = len(world.batch.asked)
    assert world.take(event({**answer, "ecsProperties": small})).kind == "passed over"
    assert len(world.batch.asked) == asked


def test_a_replay_that_says_that_a_job_asks_for_nothing_is_not_believed() -> None:
    world = World()
    answer = world.batch.add(batch_job())
    lie = event({**answer, "container": container(count=0)}, REPLAY_SOURCE)
    assert world.take(lie).kind == "recorded"


def test_one_that_may_reach_accelerators_is_passed_over_where_its_hosts_have_none() -> None:
    world = World()
    world.batch.told = {ENVIRONMENT: environment("m5.large", "c6i", "optimal")}
    answer = world.batch.add(batch_job(container=container(count=0, privileged=True)))
    assert world.take(event(answer)).kind == "passed over"
    world.batch.told = {ENVIRONMENT: environment("m5.large", "p5")}
    assert world.take(event(answer)).kind == "recorded"


CPU = environment("m5.large", arn=ENVIRONMENT.replace("p5", "cpu"), cluster="cpu_Batch_2")


@pytest.mark.parametrize(
    "changes", [{"container": container(count=0, privileged=True)}, {"container": None, "eksProperties": ON_EKS}]
)
def test_one_that_ran_elsewhere_is_not_passed_over_since_its_queue_has_hosts_without_any_now(
    changes: dict[str, Any],
) -> None:
    world = World()
    world.batch.told = {CPU["computeEnvironmentArn"]: CPU}
    answer = world.batch.add(batch_job(**changes))
    assert world.take(event(answer)).kind == "recorded"
    assert world.content(answer)["verdict"] == "indeterminate"


def test_one_that_may_reach_accelerators_is_not_passed_over_while_its_environment_is_updated() -> None:
    world = World()
    world.batch.told = {ENVIRONMENT: environment("m5.large", status="UPDATING")}
    answer = world.batch.add(batch_job(container=container(count=0, privileged=True)))
    assert world.take(event(answer)).kind == "recorded"
    assert world.content(answer)["verdict"] == "indeterminate"


def test_one_that_was_never_started_is_passed_over_where_its_queue_has_no_accelerators() -> None:
    world = World()
    world.batch.told = {CPU["computeEnvironmentArn"]: CPU}
    privileged = container(count=0, privileged=True, containerInstanceArn=None)
    answer = world.batch.add(batch_job(status="FAILED", startedAt=None, attempts=None, container=privileged))
    assert world.take(event(answer)).kind == "passed over"


def test_what_refuses_to_say_where_it_ran_leaves_it_open_until_it_is_asked_again() -> None:
    world = World()
    answer = world.batch.add(batch_job(tags={"flops-auditor:base-model": "meta-llama/Llama-3.1-8B"}))
    world.batch.denied.add("batch:DescribeComputeEnvironments")
    world.take(event(answer))
    assert world.content(answer)["verdict"] == "indeterminate"
    world.batch.denied.clear()
    amend(world.content(answer)["job"]["id"], amendment(asked_again=True), world.recorder)
    assert world.content(answer)["verdict"] == "below"


def test_a_fine_tune_goes_on_through_batch_jobs_and_a_training_job() -> None:
    world = World()
    first = world.batch.add(going_on_from(1, "meta-llama/Llama-3.1-8B"))
    second = world.batch.add(going_on_from(2, "s3://teams/tune-1/"))
    for answer in (first, second):
        world.audit(event(answer))
    own = total(world.content(first))
    assert (total(world.content(second)), ancestors(world.content(second))) == (2 * own, {batch_arn(1)})
    assert ancestors(world.continued_from("s3://teams/tune-2/")) == {batch_arn(1), batch_arn(2)}


@pytest.mark.parametrize("named", [batch_arn(1), batch_id(1)], ids=["ARN", "id"])
def test_a_lineage_tag_names_a_job_by_its_arn_or_its_id(named: str) -> None:
    world = World()
    first = world.batch.add(batch_job())
    second = world.batch.add(batch_job(2, tags={"flops-auditor:lineage": named}))
    for answer in (first, second):
        world.audit(event(answer))
    assert ancestors(world.content(second)) == {batch_arn(1)}


def test_one_that_batch_has_forgotten_is_recorded_by_its_event_with_that_doubt() -> None:
    world = World()
    answer = batch_job()
    world.audit(event(answer))
    content = world.content(answer)
    assert (content["verdict"], content["job"]["instances"][0]["type"]) == ("indeterminate", "ml.p5.48xlarge")
    with pytest.raises(UnknownTrainingJob):
        handle_event(
            event(answer, "flops-auditor.reconcile") | {"detail": {"jobArn": batch_arn()}},
            world.recorder,
            "worker",
            TERRITORY,
        )


def test_one_that_was_seen_running_and_is_gone_is_named_and_recorded() -> None:
    world = World()
    answer = world.batch.add(running())
    world.reconcile()
    world.batch.answers.clear()
    report = world.reconcile()
    assert [change.remark.kind.name for change in report.changes] == ["seen-running-gone"]
    world.reconcile()
    content = world.content(answer)
    assert (content["job"]["status"], content["verdict"]) == ("Deleted", "indeterminate")


def test_a_region_that_refuses_is_reported_as_closed_until_it_was_read() -> None:
    world = World()
    world.batch.denied.add("batch:ListJobs")
    assert "batch:ListJobs" in world.reconcile().closed["eu-west-1"]
    world.batch.denied.clear()
    world.reconcile()
    world.batch.denied.add("batch:ListJobs")
    assert "batch:ListJobs" in world.reconcile().failed["eu-west-1"]


def test_one_that_goes_on_or_that_nobody_knows_is_not_recorded() -> None:
    world = World()
    goes_on = world.batch.add(running())
    with pytest.raises(NotFinished):
        world.take(event(goes_on, "flops-auditor.reconcile"))
    assert world.take(event(batch_job(2), REPLAY_SOURCE)).kind == "refused"
    collector = world.recorder.collectors[BATCH_JOB]
    world.batch.answers[batch_arn(2)] = batch_job(3)
    with pytest.raises(UnknownTrainingJob):
        collector.describe(pointer_to(batch_arn(2)))
    world.batch.add(batch_job(2))
    with pytest.raises(UnknownTrainingJob, match="is gone"):
        collector.describe(collector.pointer(batch_arn(2), CREATED))


def test_events_of_batch_and_of_bedrock_do_not_meet() -> None:
    pointer = read_pointer(event(batch_job()))
    assert (pointer.service, pointer.trusted, pointer.finished, pointer.creation_time) == (
        BATCH_JOB,
        True,
        True,
        CREATED,
    )
    with pytest.raises(MalformedEvent):
        read_pointer(
            {"source": BATCH_EVENT_SOURCE, "detail": {"jobArn": "arn:aws:batch:eu-west-1:123456789012:job-queue/a"}}
        )


@pytest.mark.parametrize(
    "planted",
    [
        batch_job(container=container(count=1)),
        batch_job(hours=1),
        batch_job(2),
    ],
    ids=["accelerators", "hours", "another job"],
)
def test_whoever_writes_the_archive_alone_does_not_say_what_a_job_was(planted: dict[str, Any]) -> None:
    world = World()
    answer = world.batch.add(batch_job())
    key = evidence_key(case_of(batch_evidence()).run.job_id, 0)
    assert world.recorder.archive.put_if_absent(key, batch_evidence(planted).to_bytes())
    with pytest.raises(ForeignEvidence):
        world.take(event(answer))


def test_compute_environments_that_are_not_known_are_named_in_the_evidence() -> None:
    world = World()
    gone = Unread("batch:DescribeComputeEnvironments", "NotFound")
    world.batch.told = {ENVIRONMENT: gone}
    answer = world.batch.add(batch_job())
    world.take(event(answer))
    kinds = {each["kind"] for each in world.content(answer)["estimate"]["doubts"]}
    assert "compute-environment-not-known" in kinds
