"""SageMaker's training sessions and their listing, on the answers of AWS: botocore's stubber, and the local AWS's
stand-in, refuse any request and any answer that botocore's own service model does not know.
"""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from flops_auditor.aws.calls.listing_pages import MOST_PAGES, MOST_TRIES
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.training_sessions import (
    PAGE,
    SageMakerSessions,
    SessionListing,
    SessionStates,
)
from flops_auditor.aws.stores.sqs import session_message
from flops_auditor.domain.runs.evidence import TRAINING_SESSION, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.runs.sources.training_session_answer import parse_training_session
from flops_auditor.domain.runs.sources.training_session_events import last_word
from flops_auditor.use_cases.auditing.watch_jobs import kept_of
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob, SourceDenied, SourceUnavailable, UnknownTrainingJob
from flops_auditor_cli.local_aws.service_shapes import NotOfTheModel
from flops_auditor_cli.local_aws.training_sessions import LocalTrainingSessions
from tests.fakes.jobs import CREATED, tagged
from tests.fakes.stand_ins import served
from tests.fakes.training_sessions import session, session_arn

REGION = "eu-west-1"
LATER = CREATED + timedelta(days=30)
ASKED = {"MaxResults": PAGE, "CreationTimeBefore": LATER}
NAMED = {"TrainingSessionName": "support-1"}


def summary(number: int, status: str = "Stopped") -> dict[str, Any]:
    detail = session(number, TrainingSessionStatus=status)["TrainingSessionDetail"]
    names = ("TrainingSessionArn", "TrainingSessionStatus", "CreationTime", "LastModifiedTime")
    return {name: detail[name] for name in names}


def listed(status: str = "Running") -> ListedJob:
    return ListedJob("support-1", session_arn(), REGION, status, CREATED)


def listing(sagemaker: Any) -> SessionListing:
    return SessionListing(lambda region: sagemaker, Pace(1, lambda seconds: None, lambda: 0.0))


def test_a_description_reads_as_a_session(sagemaker: Any, stub: Stubber) -> None:
    stub.add_response("describe_training_session", session(), NAMED)
    answer = SageMakerSessions(lambda region: sagemaker).describe("support-1", REGION)
    assert "ResponseMetadata" not in answer
    assert parse_training_session(plain(answer)).training_session_arn == session_arn()


def test_a_session_that_is_not_known_is_unknown_and_a_refusal_is_named(sagemaker: Any, stub: Stubber) -> None:
    stub.add_client_error("describe_training_session", "ResourceNotFound", "Requested resource not found.")
    stub.add_client_error("describe_training_session", "AccessDeniedException")
    stub.add_client_error("list_training_sessions", "AccessDeniedException")
    sessions = SageMakerSessions(lambda region: sagemaker)
    with pytest.raises(UnknownTrainingJob, match=r"support-1 in eu-west-1"):
        sessions.describe("support-1", REGION)
    with pytest.raises(SourceDenied, match="sagemaker:DescribeTrainingSession"):
        sessions.describe("support-1", REGION)
    with pytest.raises(SourceDenied, match="sagemaker:ListTrainingSessions"):
        listing(sagemaker).page(REGION, LATER)


def test_all_pages_are_one_with_the_newest_first_in_whatever_order_they_come(sagemaker: Any, stub: Stubber) -> None:
    first = {"TrainingSessionSummaries": [summary(2), summary(1, "Running")], "NextToken": "more"}
    stub.add_response("list_training_sessions", first, ASKED)
    stub.add_client_error("list_training_sessions", "ThrottlingException")
    last = {"TrainingSessionSummaries": [summary(4, "Expired"), summary(3, "Deleting")]}
    stub.add_response("list_training_sessions", last, {**ASKED, "NextToken": "more"})
    page = listing(sagemaker).page(REGION, LATER)
    assert [each.name for each in page.jobs] == ["support-4", "support-3", "support-2", "support-1"]
    assert [each.state for each in page.jobs] == ["stopped", "stopped", "stopped", "running"]
    assert (page.jobs[0].last_modified, page.token) == (CREATED + timedelta(days=3, hours=5), "")


def test_a_region_that_does_not_have_the_operation_has_no_sessions(sagemaker: Any, stub: Stubber) -> None:
    stub.add_client_error("list_training_sessions", "UnknownOperationException")
    assert listing(sagemaker).page(REGION, LATER).jobs == ()


def test_a_region_that_does_not_answer_is_named_after_some_tries(sagemaker: Any, stub: Stubber) -> None:
    for _ in range(MOST_TRIES):
        stub.add_client_error("list_training_sessions", "ThrottlingException")
    with pytest.raises(SourceUnavailable, match="sagemaker:ListTrainingSessions"):
        listing(sagemaker).page(REGION, LATER)


def test_a_listing_without_an_end_is_named(sagemaker: Any, stub: Stubber) -> None:
    for _ in range(MOST_PAGES):
        stub.add_response("list_training_sessions", {"TrainingSessionSummaries": [], "NextToken": "again"})
    with pytest.raises(SourceUnavailable, match="pages"):
        listing(sagemaker).page(REGION, LATER)


def test_a_listed_session_is_seen_as_it_is_now(sagemaker: Any, stub: Stubber) -> None:
    states = SessionStates(lambda region: sagemaker)
    of_another_time = session(CreationTime=CREATED + timedelta(seconds=2))
    stub.add_response("describe_training_session", session(Tags=tagged(tokens="5")), NAMED)
    stub.add_response("describe_training_session", session(Tags=tagged(tokens="5")), NAMED)
    stub.add_response("describe_training_session", session(Tags=None), NAMED)
    stub.add_response("describe_training_session", of_another_time, NAMED)
    stub.add_client_error("describe_training_session", "ResourceNotFound", "Requested resource not found.")
    ended = CREATED + timedelta(hours=5)
    assert states.now(listed()) == ListedJob("support-1", session_arn(), REGION, "Stopped", CREATED, ended)
    assert list(states.tags(listed())) == tagged(tokens="5")
    assert list(states.tags(listed())) == []
    assert states.now(listed()) is None
    assert states.now(listed()) is None


def test_what_is_queued_points_at_it() -> None:
    pointer = read_pointer(json.loads(session_message(SeenJob(listed("Stopped"), LATER))))
    assert (pointer.service, pointer.arn, pointer.creation_time) == (TRAINING_SESSION, session_arn(), CREATED)
    assert (pointer.source, pointer.trusted, pointer.finished) == (RECONCILE_SOURCE, True, True)
    assert not read_pointer(json.loads(session_message(SeenJob(listed(), LATER)))).finished


def test_of_one_that_is_gone_it_says_what_was_seen() -> None:
    gone = ListedJob("support-1", session_arn(), REGION, "Deleted", CREATED, LATER)
    whole = session(TrainingSessionStatus="Running", EndTime=None)
    seen = SeenJob(gone, LATER, description=kept_of(plain(whole)))
    _, last = last_word(read_pointer(json.loads(session_message(seen))))
    assert (last.state, last.end_time) == ("gone", LATER)
    assert last.billable_token_usage == parse_training_session(plain(whole)).billable_token_usage
    broken = SeenJob(gone, LATER, description=json.dumps({"TrainingSessionDetail": {"BillableTokenUsage": 5}}))
    _, last = last_word(read_pointer(json.loads(session_message(broken))))
    assert (last.state, last.billable_token_usage.training_token_count) == ("gone", None)


def test_the_local_stand_in_stops_a_session() -> None:
    sessions = LocalTrainingSessions()
    sessions.load(session(1, TrainingSessionStatus="Running"))
    assert served(sessions, "StopTrainingSession", **NAMED) == (200, {})
    told = served(sessions, "DescribeTrainingSession", **NAMED)[1]["TrainingSessionDetail"]
    assert told["TrainingSessionStatus"] == "Stopping"
    assert served(sessions, "StopTrainingSession", TrainingSessionName="other")[0] == 400


def test_the_local_stand_in_takes_and_gives_what_the_service_model_knows_alone() -> None:
    sessions = LocalTrainingSessions()
    sessions.load(session(1))
    sessions.load(session(2))
    assert served(sessions, "DescribeTrainingSession", TrainingSessionName="support-2")[0] == 200
    for odd in ({}, {"TrainingSessionName": 5}, {"TrainingSessionName": "support-2", "More": "a"}):
        code, refusal = served(sessions, "DescribeTrainingSession", **odd)
        assert (code, refusal["__type"]) == (400, "ValidationException"), odd
    assert served(sessions, "DescribeTrainingSession", TrainingSessionName="other")[1]["__type"] == "ResourceNotFound"
    code, page = served(sessions, "ListTrainingSessions", MaxResults=1)
    assert (code, len(page["TrainingSessionSummaries"]), page["NextToken"]) == (200, 1, "1")
    with pytest.raises(NotOfTheModel):
        sessions.load(session(BillableTokenUsage={"TrainingTokenCount": "many"}))
    with pytest.raises(NotOfTheModel):
        sessions.load(session(CreationTime=None))


def test_what_the_adapter_does_not_expect_is_no_answer(sagemaker: Any, stub: Stubber) -> None:
    stub.add_client_error("list_training_sessions", "ResourceInUse")
    with pytest.raises((ClientError, SourceUnavailable)):
        listing(sagemaker).page(REGION, LATER)
