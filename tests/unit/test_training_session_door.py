"""From the listing of a training session to its record, with twins of every port."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.aws.stores.sqs import session_message
from flops_auditor.domain.bill.recorded_runs import recorded_run
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.evidence import TRAINING_SESSION, Evidence
from flops_auditor.domain.runs.pointer import REPLAY_SOURCE
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.training_session_events import pointer_to
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import NotFinished, handle_event
from flops_auditor.use_cases.auditing.collect_training_session import training_session_collector
from flops_auditor.use_cases.auditing.keep_record import ForeignEvidence, case_behind, newest
from flops_auditor.use_cases.auditing.watch_jobs import watch_jobs
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.door_world import HOUR, TERRITORY, DoorWorld, ancestors, total
from tests.fakes.jobs import CREATED
from tests.fakes.training_sessions import TRAINED, USAGE, FakeTrainingSessions, session, session_arn, session_evidence
from tests.unit.test_amend import amendment


class World(DoorWorld):
    """A world of sessions."""

    def __init__(self) -> None:
        self.sessions = FakeTrainingSessions()
        collector = training_session_collector(self.sessions)
        super().__init__(TRAINING_SESSION, self.sessions, session_message, {TRAINING_SESSION: collector})

    def content(self, detail: dict[str, Any]) -> dict[str, Any]:
        """The newest record of a session."""
        return self.newest_of(session_evidence({"TrainingSessionDetail": detail}))


def case_id(evidence: Evidence) -> str:
    return case_of(evidence).run.job_id


def open_session(number: int = 1, **changes: Any) -> dict[str, Any]:
    return session(number, TrainingSessionStatus="Running", EndTime=None, **changes)


def test_a_listed_session_becomes_a_record_that_follows_from_its_evidence() -> None:
    world = World()
    tags = [{"Key": "flops-auditor:placed-on-market", "Value": "false"}]
    detail = world.sessions.add(session(Tags=tags))
    assert [each.name for each in world.reconcile().queued] == ["support-1"]
    assert not world.reconcile().queued
    content = world.content(detail)
    assert (content["job"]["source"], content["verdict"]) == (TRAINING_SESSION, "below")
    kept = newest(content["job"]["id"], world.recorder)
    assert kept is not None
    case = case_behind(content["job"]["id"], kept, world.recorder)
    assert case.evidence.tags == tags
    assert "Tags" not in case.evidence.description["TrainingSessionDetail"]
    assert recorded_run(content).span == (detail["CreationTime"], detail["EndTime"]), "what the bill charges it for"
    now = {**content, "code_version": __version__}
    recompute(case.body, now, NothingKept(), frozenset(now["tables"].values()), world.recorder.services)


def test_one_fine_tune_through_sessions_and_a_training_job_counts_once_and_accumulates() -> None:
    world = World()
    first, second = (world.sessions.add(session(number)) for number in (1, 2))
    world.reconcile()
    alone, both = world.content(first), world.content(second)
    own = int(alone["estimate"]["best_flop"]) + int(alone["estimate"]["signal_flop"])
    assert total(alone) == own
    assert [each["job_arn"] for each in both["cumulative"]["ancestors"]] == [session_arn(1)]
    assert total(both) == 2 * own
    trained = world.continued_from("s3://results/support-2/checkpoint/")
    assert ancestors(trained) == {session_arn(1), session_arn(2)}
    assert total(trained) == int(trained["estimate"]["best_flop"]) + 2 * own


def test_an_open_session_is_watched_and_recorded_when_it_has_ended() -> None:
    world = World()
    world.sessions.add(open_session(BillableTokenUsage={**USAGE, "TrainingTokenCount": 10**15}))
    assert (world.watch().jobs, world.alerts.sent) != (0, [])
    assert any("support-1" in alert.subject for alert in world.alerts.sent)
    told = len(world.alerts.sent)
    assert (world.watch().jobs, len(world.alerts.sent)) == (1, told)
    assert not world.reconcile().queued
    ended = world.sessions.add(session())
    assert [each.name for each in world.reconcile().queued] == ["support-1"]
    assert world.content(ended)["verdict"] == "below"
    assert world.watch().jobs == 0


MUCH = {**USAGE, "TrainingTokenCount": 10**14}


def test_a_session_that_crosses_is_stopped_where_that_is_asked_for_and_its_end_is_recorded() -> None:
    """It has no event: the reconciliation goes on looking for its end, though its stop has a record."""
    world = World()
    opened = world.sessions.add(open_session(BillableTokenUsage=USAGE))
    assert world.watch(stops=True).stopped == 0
    world.sessions.add(open_session(BillableTokenUsage=MUCH))
    assert (world.watch().stopped, world.sessions.stopped) == (0, [])
    assert world.watch(stops=True).stopped == 1
    assert world.watch(stops=True).stopped == 0
    assert world.sessions.stopped == [("support-1", "eu-west-1")], "once, though it goes on for a while"
    interim = world.content(opened)
    assert (interim["action"]["kind"], interim["verdict"]) == ("stop", "indeterminate")
    assert sum("STOPPED" in alert.subject for alert in world.alerts.sent) == 1
    world.sessions.add(session(TrainingSessionStatus="Stopping", EndTime=None, BillableTokenUsage=MUCH))
    assert not world.reconcile().queued
    world.sessions.add(session(BillableTokenUsage=MUCH))
    assert [each.name for each in world.reconcile().queued] == ["support-1"]
    ended = world.content(opened)
    assert (ended["revision"], ended["action"], ended["job"]["status"]) == (1, None, "Stopped")
    assert not world.reconcile().queued


def test_a_session_of_which_a_stop_was_refused_is_asked_again_and_one_that_may_not_be_stopped_goes_on() -> None:
    world = World()
    world.sessions.add(open_session(BillableTokenUsage=MUCH))
    tags = [{"Key": "flops-auditor:never-stop", "Value": "true"}]
    world.sessions.add(open_session(2, BillableTokenUsage=MUCH, Tags=tags))
    world.sessions.denied.add("sagemaker:StopTrainingSession")
    [failure] = watch_jobs(replace(world.watcher, stopper=world.sessions)).failures
    assert "sagemaker:StopTrainingSession" in failure
    world.sessions.denied.clear()
    assert (world.watch(stops=True).stopped, world.sessions.stopped) == (1, [("support-1", "eu-west-1")])
    assert any("ABOUT TO CROSS: support-2" in alert.subject for alert in world.alerts.sent)


def test_one_that_was_deleted_before_its_end_was_seen_has_a_record_of_what_was_seen_last() -> None:
    world = World()
    detail = world.sessions.add(open_session(BillableTokenUsage={**USAGE, "TrainingTokenCount": 10}))
    world.watch()
    world.reconcile()
    world.sessions.add(open_session())
    world.watch()
    world.sessions.answers.clear()
    report = world.reconcile()
    assert [change.remark.kind.name for change in report.changes] == ["seen-running-gone"]
    world.reconcile()
    content = world.content(detail)
    assert (content["job"]["status"], content["verdict"]) == ("Deleted", "indeterminate")
    assert int(content["estimate"]["best_flop"]) == 4 * 3_210_000_000 * TRAINED


@pytest.mark.parametrize("status", ["Expired", "Failed", "Deleting", "DeletionFailed"])
def test_whatever_ended_it_is_recorded(status: str) -> None:
    world = World()
    detail = world.sessions.add(session(TrainingSessionStatus=status))
    world.reconcile()
    assert world.content(detail)["job"]["status"] == status


def test_what_is_left_open_is_told_and_settled_by_who_signs_for_it() -> None:
    world = World()
    detail = world.sessions.add(session(BillableTokenUsage=None))
    world.reconcile()
    content = world.content(detail)
    assert content["verdict"] == "indeterminate"
    [alert] = world.alerts.sent
    assert "support-1" in alert.body
    amend(content["job"]["id"], amendment(tokens=10**9), world.recorder)
    assert (world.content(detail)["revision"], world.content(detail)["verdict"]) == (1, "below")


def test_what_its_service_says_later_settles_the_record() -> None:
    world = World()
    detail = world.sessions.add(session(BillableTokenUsage=None))
    world.reconcile()
    world.sessions.add(session())
    amend(world.content(detail)["job"]["id"], amendment(asked_again=True), world.recorder)
    assert world.content(detail)["verdict"] == "below"


def test_a_region_that_refuses_is_reported_as_closed_until_it_was_read() -> None:
    """Not every region has sessions, and the stack's own may be one of these."""
    world = World()
    world.sessions.denied.add("sagemaker:ListTrainingSessions")
    report = world.reconcile()
    assert ("sagemaker:ListTrainingSessions" in report.closed["eu-west-1"], report.failed) == (True, {})
    assert world.watch().closed
    world.sessions.denied.clear()
    world.reconcile()
    world.sessions.denied.add("sagemaker:ListTrainingSessions")
    report = world.reconcile()
    assert ("sagemaker:ListTrainingSessions" in report.failed["eu-west-1"], report.closed) == (True, {})


def test_no_event_is_missed_of_a_service_that_sends_none() -> None:
    world = World()
    world.reconcile()
    ended = world.clock.now + timedelta(minutes=5)
    world.sessions.add(session(9, CreationTime=world.clock.now, LastModifiedTime=ended, EndTime=ended))
    world.clock.now += HOUR
    report = world.reconcile()
    assert ([each.name for each in report.queued], report.overdue) == (["support-9"], [])


def event(detail: dict[str, Any], source: str = "flops-auditor.reconcile") -> dict[str, Any]:
    members = {name: str(value) for name, value in detail.items()}
    return {"source": source, "detail": {"TrainingSessionDetail": members}}


def test_one_that_goes_on_or_that_nobody_knows_is_not_recorded() -> None:
    world = World()
    running = world.sessions.add(open_session())
    with pytest.raises(NotFinished):
        handle_event(event(running), world.recorder, "worker", TERRITORY)
    unknown = session(2)["TrainingSessionDetail"]
    assert handle_event(event(unknown, REPLAY_SOURCE), world.recorder, "worker", TERRITORY).kind == "refused"
    collector = world.recorder.collectors[TRAINING_SESSION]
    world.sessions.answers["support-2"] = session(3)
    with pytest.raises(UnknownTrainingJob, match="SageMaker described"):
        collector.describe(pointer_to(session_arn(2)))
    world.sessions.add(session(2))
    with pytest.raises(UnknownTrainingJob, match="is gone"):
        collector.describe(collector.pointer(session_arn(2), CREATED))


@pytest.mark.parametrize(
    "planted",
    [
        session(BillableTokenUsage={**USAGE, "TrainingTokenCount": 1}),
        session(ModelConfig=None),
        session(2),
        session(ModelPackageGroupArn=None),
    ],
    ids=["tokens", "model", "another session", "group"],
)
def test_whoever_writes_the_archive_alone_does_not_say_what_a_session_was(planted: dict[str, Any]) -> None:
    world = World()
    detail = world.sessions.add(session())
    key = evidence_key(case_id(session_evidence()), 0)
    assert world.recorder.archive.put_if_absent(key, session_evidence(planted).to_bytes())
    with pytest.raises(ForeignEvidence):
        handle_event(event(detail), world.recorder, "worker", TERRITORY)
