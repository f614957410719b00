"""SageMaker's jobs of the newer kinds and their listing, on the answers of AWS: botocore's stubber, and the local AWS's
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
from flops_auditor.aws.sources.sagemaker_jobs import (
    PAGE,
    DescribedSageMakerJobs,
    SageMakerJobListing,
    SageMakerJobStates,
)
from flops_auditor.aws.stores.sqs import sagemaker_job_message
from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.runs.sources.sagemaker_job_answer import CATEGORIES, TRAINS, parse_sagemaker_job
from flops_auditor.domain.runs.sources.sagemaker_job_events import last_word
from flops_auditor.use_cases.auditing.watch_jobs import LONGEST_KEPT, kept_of
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob, SourceDenied, SourceUnavailable, UnknownTrainingJob
from flops_auditor_cli.local_aws.sagemaker_jobs import LocalSageMakerJobs
from flops_auditor_cli.local_aws.service_shapes import NotOfTheModel
from tests.fakes.jobs import CREATED, tagged
from tests.fakes.sagemaker_jobs import agent_arn, agent_job, document
from tests.fakes.stand_ins import served

REGION = "eu-west-1"
LATER = CREATED + timedelta(days=30)
ASKED = {"JobCategory": TRAINS, "MaxResults": PAGE, "CreationTimeBefore": LATER}
NAMED = {"JobName": "agent-1", "JobCategory": TRAINS}
NOT_OF_THE_ENUM = (
    "1 validation error detected: Value '{}' at 'jobCategory' failed to satisfy constraint: "
    "Member must satisfy enum value set: [AgentRFT]"
)


def summary(number: int, status: str = "Completed", category: str = TRAINS) -> dict[str, Any]:
    answer = agent_job(number, category, JobStatus=status)
    names = ("JobArn", "JobName", "JobCategory", "JobStatus", "CreationTime", "LastModifiedTime")
    return {**{name: answer[name] for name in names}, "JobSecondaryStatus": "Completed"}


def listed(status: str = "InProgress") -> ListedJob:
    return ListedJob("agent-1", agent_arn(), REGION, status, CREATED)


def listing(sagemaker: Any, *categories: str) -> SageMakerJobListing:
    waited: list[float] = []
    return SageMakerJobListing(
        lambda region: sagemaker, lambda: Pace(1, waited.append, lambda: 0.0), categories or (TRAINS,)
    )


def test_the_categories_are_those_of_the_service_model(sagemaker: Any) -> None:
    assert set(sagemaker.meta.service_model.shape_for("JobCategory").enum) == set(CATEGORIES)


def test_a_description_reads_as_a_job(sagemaker: Any, stub: Stubber) -> None:
    stub.add_response("describe_job", agent_job(), NAMED)
    answer = DescribedSageMakerJobs(lambda region: sagemaker).describe(agent_arn())
    assert "ResponseMetadata" not in answer
    assert parse_sagemaker_job(plain(answer)).job_arn == agent_arn()


def test_a_job_that_is_not_known_is_unknown_and_a_refusal_is_named(sagemaker: Any, stub: Stubber) -> None:
    stub.add_client_error("describe_job", "ResourceNotFound", "Requested resource not found.")
    stub.add_client_error("describe_job", "AccessDeniedException")
    stub.add_client_error("list_jobs", "AccessDeniedException")
    jobs = DescribedSageMakerJobs(lambda region: sagemaker)
    with pytest.raises(UnknownTrainingJob, match=r"agent-1: Requested"):
        jobs.describe(agent_arn())
    with pytest.raises(SourceDenied, match="sagemaker:DescribeJob"):
        jobs.describe(agent_arn())
    with pytest.raises(SourceDenied, match="sagemaker:ListJobs"):
        listing(sagemaker).page(REGION, LATER)


def test_all_pages_of_all_categories_are_one_with_the_newest_first(sagemaker: Any, stub: Stubber) -> None:
    evaluations = {**ASKED, "JobCategory": "AgentRFTEvaluation"}
    first = {"JobSummaries": [summary(2), summary(1, "InProgress")], "NextToken": "more"}
    stub.add_response("list_jobs", first, ASKED)
    stub.add_client_error("list_jobs", "ThrottlingException")
    stub.add_response("list_jobs", {"JobSummaries": [summary(4, "Deleting")]}, {**ASKED, "NextToken": "more"})
    stub.add_response("list_jobs", {"JobSummaries": [summary(3, "Stopping", "AgentRFTEvaluation")]}, evaluations)
    page = listing(sagemaker, TRAINS, "AgentRFTEvaluation").page(REGION, LATER)
    assert [each.name for each in page.jobs] == ["agent-4", "agent-3", "agent-2", "agent-1"]
    assert [each.state for each in page.jobs] == ["stopped", "ending", "succeeded", "running"]
    assert (page.jobs[0].last_modified, page.token) == (CREATED + timedelta(days=3, hours=5), "")


def test_a_region_that_does_not_have_the_operation_has_no_such_jobs(sagemaker: Any, stub: Stubber) -> None:
    stub.add_client_error("list_jobs", "UnknownOperationException")
    assert listing(sagemaker, *CATEGORIES).page(REGION, LATER).jobs == ()


def test_a_region_that_does_not_know_a_category_has_no_jobs_of_it(sagemaker: Any, stub: Stubber) -> None:
    stub.add_response("list_jobs", {"JobSummaries": [summary(1)]}, ASKED)
    stub.add_client_error("list_jobs", "ValidationException", NOT_OF_THE_ENUM.format("DataTransformation"))
    page = listing(sagemaker, TRAINS, "DataTransformation").page(REGION, LATER)
    assert [each.name for each in page.jobs] == ["agent-1"]
    stub.add_client_error("list_jobs", "ValidationException", "the date is wrong")
    with pytest.raises(SourceDenied, match="the date is wrong"):
        listing(sagemaker).page(REGION, LATER)


def test_a_region_that_does_not_answer_is_named_after_some_tries(sagemaker: Any, stub: Stubber) -> None:
    for _ in range(MOST_TRIES):
        stub.add_client_error("list_jobs", "ThrottlingException")
    with pytest.raises(SourceUnavailable, match="sagemaker:ListJobs"):
        listing(sagemaker).page(REGION, LATER)
    stub.add_client_error("list_jobs", "ResourceInUse")
    with pytest.raises((ClientError, SourceUnavailable)):
        listing(sagemaker).page(REGION, LATER)


def test_a_listing_without_an_end_is_named(sagemaker: Any, stub: Stubber) -> None:
    for _ in range(MOST_PAGES):
        stub.add_response("list_jobs", {"JobSummaries": [], "NextToken": "again"})
    with pytest.raises(SourceUnavailable, match="pages"):
        listing(sagemaker).page(REGION, LATER)


def test_a_listed_job_is_seen_as_it_is_now(sagemaker: Any, stub: Stubber) -> None:
    states = SageMakerJobStates(lambda region: sagemaker)
    stub.add_response("describe_job", agent_job(Tags=tagged(tokens="5")), NAMED)
    stub.add_response("describe_job", agent_job(Tags=tagged(tokens="5")), NAMED)
    stub.add_response("describe_job", agent_job(Tags=None), NAMED)
    stub.add_response("describe_job", agent_job(CreationTime=CREATED + timedelta(seconds=2)), NAMED)
    stub.add_client_error("describe_job", "ResourceNotFound", "Requested resource not found.")
    ended = CREATED + timedelta(hours=5)
    assert states.now(listed()) == ListedJob("agent-1", agent_arn(), REGION, "Completed", CREATED, ended)
    assert list(states.tags(listed())) == tagged(tokens="5")
    assert list(states.tags(listed())) == []
    assert states.now(listed()) is None
    assert states.now(listed()) is None


def test_what_is_queued_points_at_it() -> None:
    pointer = read_pointer(json.loads(sagemaker_job_message(SeenJob(listed("Completed"), LATER))))
    assert (pointer.service, pointer.arn, pointer.creation_time) == (SAGEMAKER_JOB, agent_arn(), CREATED)
    assert (pointer.source, pointer.trusted, pointer.finished) == (RECONCILE_SOURCE, True, True)
    assert not read_pointer(json.loads(sagemaker_job_message(SeenJob(listed(), LATER)))).finished


def test_of_one_that_is_gone_it_says_what_was_seen() -> None:
    gone = ListedJob("agent-1", agent_arn(), REGION, "Deleted", CREATED, LATER)
    whole = agent_job(JobStatus="InProgress", EndTime=None)
    seen = SeenJob(gone, LATER, description=kept_of(plain(whole)))
    _, last = last_word(read_pointer(json.loads(sagemaker_job_message(seen))))
    assert (last.state, last.end_time) == ("gone", LATER)
    assert last.document == parse_sagemaker_job(plain(whole)).document
    broken = SeenJob(gone, LATER, description=json.dumps({"RoleArn": 5, "JobConfigDocument": 5}))
    _, last = last_word(read_pointer(json.loads(sagemaker_job_message(broken))))
    assert (last.state, last.document.trained) == ("gone", None)
    long = agent_job(JobStatus="InProgress", config=document(More="a" * LONGEST_KEPT))
    _, last = last_word(
        read_pointer(json.loads(sagemaker_job_message(SeenJob(gone, LATER, description=kept_of(plain(long))))))
    )
    assert (last.role_arn, last.document.unread) == (long["RoleArn"], ("JobConfigDocument",))


def test_the_local_stand_in_stops_a_job() -> None:
    jobs = LocalSageMakerJobs()
    jobs.load(agent_job(JobStatus="InProgress"))
    assert served(jobs, "StopJob", **NAMED) == (200, {})
    assert served(jobs, "DescribeJob", **NAMED)[1]["JobStatus"] == "Stopping"
    assert served(jobs, "StopJob", JobName="other", JobCategory=TRAINS)[0] == 400


def test_the_local_stand_in_takes_and_gives_what_the_service_model_knows_alone() -> None:
    jobs = LocalSageMakerJobs()
    for number in (1, 2):
        jobs.load(agent_job(number))
    jobs.load(agent_job(3, "DataTransformation"))
    assert served(jobs, "DescribeJob", JobName="agent-2", JobCategory=TRAINS)[0] == 200
    for odd in ({}, {"JobName": "agent-2"}, {"JobName": 5, "JobCategory": TRAINS}, {**NAMED, "More": "a"}):
        code, refusal = served(jobs, "DescribeJob", **odd)
        assert (code, refusal["__type"]) == (400, "ValidationException"), odd
    other = served(jobs, "DescribeJob", JobName="agent-3", JobCategory=TRAINS)
    assert other[1]["__type"] == "ResourceNotFound"
    code, page = served(jobs, "ListJobs", JobCategory=TRAINS, MaxResults=1)
    assert (code, len(page["JobSummaries"]), page["NextToken"]) == (200, 1, "1")
    assert served(jobs, "ListJobs")[0] == 400
    with pytest.raises(NotOfTheModel):
        jobs.load(agent_job(JobConfigDocument={"a": "b"}))
    with pytest.raises(NotOfTheModel):
        jobs.load(agent_job(CreationTime=None))
