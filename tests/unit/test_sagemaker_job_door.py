"""From the listing of a SageMaker job of the newer kinds to its record, with twins of every port."""

from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.aws.stores.sqs import sagemaker_job_message
from flops_auditor.domain.bill.recorded_runs import recorded_run
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, TRAINING_SESSION
from flops_auditor.domain.runs.pointer import REPLAY_SOURCE
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.sagemaker_job_answer import GENERATES
from flops_auditor.domain.runs.sources.sagemaker_job_events import pointer_to
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import NotFinished, handle_event
from flops_auditor.use_cases.auditing.collect_sagemaker_job import sagemaker_job_collector
from flops_auditor.use_cases.auditing.collect_training_session import training_session_collector
from flops_auditor.use_cases.auditing.keep_record import ForeignEvidence, case_behind, newest
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.door_world import TERRITORY, DoorWorld, ancestors, total, work_off
from tests.fakes.jobs import CREATED
from tests.fakes.sagemaker_jobs import (
    ACCOUNT,
    COUNTED,
    TRAINED,
    FakeSageMakerJobs,
    agent_arn,
    agent_evidence,
    agent_job,
    document,
    package,
)
from tests.fakes.training_sessions import FakeTrainingSessions, session, session_arn
from tests.unit.test_amend import amendment


class World(DoorWorld):
    """A world of jobs, with the sessions that they go on from."""

    def __init__(self) -> None:
        self.newer, self.sessions = FakeSageMakerJobs(), FakeTrainingSessions()
        collectors = {
            SAGEMAKER_JOB: sagemaker_job_collector(self.newer),
            TRAINING_SESSION: training_session_collector(self.sessions),
        }
        super().__init__(SAGEMAKER_JOB, self.newer, sagemaker_job_message, collectors)

    def content(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The newest record of a job."""
        return self.newest_of(agent_evidence(answer))


def running(number: int = 1, **changes: Any) -> dict[str, Any]:
    return agent_job(number, JobStatus="InProgress", EndTime=None, **changes)


def after(number: int, begins: str) -> dict[str, Any]:
    """A job that goes on from a model package, in a group of its own."""
    group = f"{ACCOUNT}:model-package-group/agent-{number}"
    packages = {"OutputModelPackageGroupArn": group, "InputModelPackageArn": begins}
    left = {"OutputModelPackageArn": package(1, f"agent-{number}"), "BillableTokenUsage": COUNTED}
    return agent_job(number, config=document(number, ModelPackageConfig=packages, ServiceOutput=left))


def test_a_listed_job_becomes_a_record_that_follows_from_its_evidence() -> None:
    world = World()
    tags = [{"Key": "flops-auditor:placed-on-market", "Value": "false"}]
    answer = world.newer.add(agent_job(Tags=tags))
    assert [each.name for each in world.reconcile().queued] == ["agent-1"]
    assert not world.reconcile().queued
    content = world.content(answer)
    assert (content["job"]["source"], content["verdict"]) == (SAGEMAKER_JOB, "below")
    kept = newest(content["job"]["id"], world.recorder)
    assert kept is not None
    case = case_behind(content["job"]["id"], kept, world.recorder)
    assert case.evidence.tags == tags
    assert "Tags" not in case.evidence.description
    assert recorded_run(content).span == (answer["CreationTime"], answer["EndTime"]), "what the bill charges it for"
    now = {**content, "code_version": __version__}
    recompute(case.body, now, NothingKept(), frozenset(now["tables"].values()), world.recorder.services)


def test_one_fine_tune_through_jobs_counts_once_and_accumulates() -> None:
    world = World()
    first = world.newer.add(agent_job())
    second = world.newer.add(after(2, package(1)))
    third = world.newer.add(after(3, package(1, "agent-2")))
    world.reconcile()
    own = total(world.content(first))
    assert (total(world.content(second)), ancestors(world.content(second))) == (2 * own, {agent_arn(1)})
    assert (total(world.content(third)), ancestors(world.content(third))) == (3 * own, {agent_arn(1), agent_arn(2)})
    assert {world.content(each)["verdict"] for each in (first, second, third)} == {"below"}


def test_a_resumed_job_goes_on_from_a_step_in_the_group_of_the_first() -> None:
    world = World()
    first = world.newer.add(agent_job(config=document(ServiceOutput={"BillableTokenUsage": COUNTED})))
    resumed = world.newer.add(after(2, package(5, "agent-steps")))
    world.reconcile()
    assert total(world.content(resumed)) == 2 * total(world.content(first))
    assert world.content(resumed)["verdict"] == "below"


def test_a_fine_tune_goes_on_through_a_session_a_job_and_a_training_job() -> None:
    world = World()
    world.sessions.add(session())
    members = {name: str(value) for name, value in session()["TrainingSessionDetail"].items()}
    told = {"source": "flops-auditor.reconcile", "detail": {"TrainingSessionDetail": members}}
    before = newest(world.audit(told), world.recorder)
    assert before is not None
    answer = world.newer.add(after(2, package(4, "support")))
    world.reconcile()
    assert ancestors(world.content(answer)) == {session_arn(1)}
    both = total(world.content(answer))
    assert both == total(dict(before.content)) + int(world.content(answer)["estimate"]["best_flop"]) + int(
        world.content(answer)["estimate"]["signal_flop"]
    )
    trained = world.continued_from("s3://results/agent-2/checkpoint/")
    assert ancestors(trained) == {session_arn(1), agent_arn(2)}
    assert total(trained) == int(trained["estimate"]["best_flop"]) + both


def test_a_package_that_no_known_job_made_is_open() -> None:
    world = World()
    answer = world.newer.add(after(2, package(1, "unheard-of")))
    world.reconcile()
    assert world.content(answer)["verdict"] == "indeterminate"


def test_who_trains_on_data_that_were_generated_waits_for_what_that_took() -> None:
    world = World()
    dataset = f"{ACCOUNT}:hub-content/datasets/DataSet/made/1.0.0"
    generated = world.newer.add(agent_job(1, GENERATES, config={"ServiceOutput": {"OutputDatasetArn": dataset}}))
    source = [{"ChannelName": "train", "DataSource": {"DatasetSource": {"DatasetArn": dataset}}}]
    trained = world.newer.add(agent_job(2, config=document(2, InputDataConfig=source)))
    world.reconcile()
    assert world.content(generated)["verdict"] == "indeterminate"
    assert (ancestors(world.content(trained)), world.content(trained)["verdict"]) == (
        {agent_arn(1, GENERATES)},
        "indeterminate",
    )
    amend(world.content(generated)["job"]["id"], amendment(tokens=10**9, parameters=10**9), world.recorder)
    work_off(world.again, world.recorder)
    assert world.content(trained)["verdict"] == "below"


def test_a_running_job_is_watched_and_recorded_when_it_has_completed() -> None:
    world = World()
    world.newer.add(running(config=document(usage={**COUNTED, "TrainTokenCount": 10**15})))
    assert (world.watch().jobs, world.alerts.sent) != (0, [])
    assert any("agent-1" in alert.subject for alert in world.alerts.sent)
    told = len(world.alerts.sent)
    assert (world.watch().jobs, len(world.alerts.sent)) == (1, told)
    assert not world.reconcile().queued
    ended = world.newer.add(agent_job())
    assert [each.name for each in world.reconcile().queued] == ["agent-1"]
    assert world.content(ended)["verdict"] == "below"
    assert world.watch().jobs == 0


def test_a_job_that_crosses_is_stopped_where_that_is_asked_for_and_its_end_is_recorded() -> None:
    world = World()
    much = document(usage={**COUNTED, "TrainTokenCount": 10**14})
    begun = world.newer.add(running(config=document()))
    assert world.watch(stops=True).stopped == 0
    world.newer.add(running(config=much))
    assert (world.watch().stopped, world.watch(stops=True).stopped, world.watch(stops=True).stopped) == (0, 1, 0)
    assert world.newer.stopped == [("agent-1", "eu-west-1")]
    assert world.content(begun)["action"]["kind"] == "stop"
    assert not world.reconcile().queued
    world.newer.add(agent_job(JobStatus="Stopped", config=much))
    assert [each.name for each in world.reconcile().queued] == ["agent-1"]
    ended = world.content(begun)
    assert (ended["revision"], ended["action"], ended["job"]["status"]) == (1, None, "Stopped")


def test_one_that_was_deleted_before_its_end_was_seen_has_a_record_of_what_was_seen_last() -> None:
    world = World()
    answer = world.newer.add(running(config=document(usage={**COUNTED, "TrainTokenCount": 10})))
    world.watch()
    world.reconcile()
    world.newer.add(running())
    world.watch()
    world.newer.answers.clear()
    report = world.reconcile()
    assert [change.remark.kind.name for change in report.changes] == ["seen-running-gone"]
    world.reconcile()
    content = world.content(answer)
    assert (content["job"]["status"], content["verdict"]) == ("Deleted", "indeterminate")
    assert int(content["estimate"]["best_flop"]) == 4 * 3_210_000_000 * TRAINED


@pytest.mark.parametrize("status", ["Stopped", "Failed", "Deleting", "DeleteFailed"])
def test_whatever_ended_it_is_recorded(status: str) -> None:
    world = World()
    answer = world.newer.add(agent_job(JobStatus=status))
    world.reconcile()
    assert (world.content(answer)["job"]["status"], world.content(answer)["verdict"]) == (status, "indeterminate")


def test_what_is_left_open_is_told_and_settled_by_who_signs_for_it_or_by_what_is_said_later() -> None:
    world = World()
    first = world.newer.add(agent_job(config=document(ServiceOutput=None)))
    second = world.newer.add(agent_job(2, JobConfigDocument=None))
    world.reconcile()
    assert {world.content(each)["verdict"] for each in (first, second)} == {"indeterminate"}
    assert {alert.subject for alert in world.alerts.sent if "agent" in alert.subject}
    amend(world.content(first)["job"]["id"], amendment(tokens=10**9), world.recorder)
    assert (world.content(first)["revision"], world.content(first)["verdict"]) == (1, "below")
    world.newer.add(agent_job(2))
    amend(world.content(second)["job"]["id"], amendment(asked_again=True), world.recorder)
    assert world.content(second)["verdict"] == "below"


def test_a_region_that_refuses_is_reported_as_closed_until_it_was_read() -> None:
    """Not every region has such jobs, and the stack's own may be one of these."""
    world = World()
    world.newer.denied.add("sagemaker:ListJobs")
    report = world.reconcile()
    assert ("sagemaker:ListJobs" in report.closed["eu-west-1"], report.failed) == (True, {})
    assert world.watch().closed
    world.newer.denied.clear()
    world.reconcile()
    world.newer.denied.add("sagemaker:ListJobs")
    report = world.reconcile()
    assert ("sagemaker:ListJobs" in report.failed["eu-west-1"], report.closed) == (True, {})


def event(answer: dict[str, Any], source: str = "flops-auditor.reconcile") -> dict[str, Any]:
    return {"source": source, "detail": {name: str(value) for name, value in answer.items()}}


def test_one_that_goes_on_or_that_nobody_knows_is_not_recorded() -> None:
    world = World()
    goes_on = world.newer.add(running())
    with pytest.raises(NotFinished):
        handle_event(event(goes_on), world.recorder, "worker", TERRITORY)
    assert handle_event(event(agent_job(2), REPLAY_SOURCE), world.recorder, "worker", TERRITORY).kind == "refused"
    collector = world.recorder.collectors[SAGEMAKER_JOB]
    world.newer.answers[agent_arn(2)] = agent_job(3)
    with pytest.raises(UnknownTrainingJob, match="SageMaker described"):
        collector.describe(pointer_to(agent_arn(2)))
    world.newer.add(agent_job(2))
    with pytest.raises(UnknownTrainingJob, match="is gone"):
        collector.describe(collector.pointer(agent_arn(2), CREATED))


@pytest.mark.parametrize(
    "planted",
    [
        agent_job(config=document(usage={**COUNTED, "TrainTokenCount": 1})),
        agent_job(JobConfigDocument=None),
        agent_job(2),
        agent_job(JobCategory="AgentRFTEvaluation"),
    ],
    ids=["tokens", "document", "another job", "category"],
)
def test_whoever_writes_the_archive_alone_does_not_say_what_a_job_was(planted: dict[str, Any]) -> None:
    world = World()
    answer = world.newer.add(agent_job())
    key = evidence_key(case_of(agent_evidence()).run.job_id, 0)
    assert world.recorder.archive.put_if_absent(key, agent_evidence(planted).to_bytes())
    with pytest.raises(ForeignEvidence):
        handle_event(event(answer), world.recorder, "worker", TERRITORY)
