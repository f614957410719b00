"""AWS Batch's jobs and their listing, on the answers of AWS: botocore's stubber, and the local AWS's stand-in, refuse
any request and any answer that botocore's own service model does not know.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from flops_auditor.aws.calls.listing_pages import MOST_TRIES
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.batch import PAGE, BatchListing, BatchStates, DescribedBatchJobs
from flops_auditor.aws.stores.sqs import batch_message
from flops_auditor.domain.runs.evidence import BATCH_JOB, Unread, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE
from flops_auditor.domain.runs.sources.batch_job_answer import parse_batch_job
from flops_auditor.domain.runs.sources.batch_job_events import last_word
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob, SourceDenied, SourceUnavailable, UnknownTrainingJob
from flops_auditor_cli.local_aws.batch_jobs import LocalBatchJobs
from flops_auditor_cli.local_aws.service_shapes import NotOfTheModel
from tests.fakes.batch_jobs import (
    ACCOUNT,
    ENVIRONMENT,
    QUEUE,
    batch_arn,
    batch_id,
    batch_job,
    container,
    environment,
)
from tests.fakes.jobs import CREATED

REGION = "eu-west-1"
LATER = CREATED + timedelta(days=30)
EVERY = {"maxResults": PAGE, "filters": [{"name": "JOB_NAME", "values": ["*"]}]}


@pytest.fixture
def batch() -> Any:
    return boto3.client("batch", REGION, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def stub(batch: Any) -> Iterator[Stubber]:
    with Stubber(batch) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def queue(arn: str = QUEUE, *environments: str, kind: str = "ECS") -> dict[str, Any]:
    order = [{"order": at, "computeEnvironment": each} for at, each in enumerate(environments or (ENVIRONMENT,))]
    named = {"jobQueueName": arn.rsplit("/", 1)[1], "jobQueueArn": arn, "state": "ENABLED", "priority": 1}
    return {**named, "computeEnvironmentOrder": order, "jobQueueType": kind}


def summary(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("jobArn", "jobId", "jobName", "status", "createdAt")}


def listing(batch: Any) -> BatchListing:
    waited: list[float] = []
    return BatchListing(lambda region: batch, lambda: Pace(1, waited.append, lambda: 0.0))


def opened(stub: Stubber, *queues: dict[str, Any], environments: list[dict[str, Any]] | None = None) -> None:
    """The answers about queues and compute environments."""
    stub.add_response("describe_job_queues", {"jobQueues": list(queues) or [queue()]}, {"maxResults": PAGE})
    known = {"computeEnvironments": [environment()] if environments is None else environments}
    stub.add_response("describe_compute_environments", known, {"maxResults": PAGE})


def test_a_region_without_queues_takes_one_request(batch: Any, stub: Stubber) -> None:
    stub.add_response("describe_job_queues", {"jobQueues": []}, {"maxResults": PAGE})
    assert listing(batch).page(REGION, LATER).jobs == ()


def test_queues_that_cannot_have_accelerators_are_not_listed(batch: Any, stub: Stubber) -> None:
    others = {name: f"{ACCOUNT}:compute-environment/{name}" for name in ("cpu", "fargate")}
    known = [
        environment("c6i", "optimal", arn=others["cpu"]),
        environment(arn=others["fargate"], computeResources={"type": "FARGATE", "maxvCpus": 1, "subnets": []}),
    ]
    queues = [
        queue(f"{ACCOUNT}:job-queue/a", others["cpu"]),
        queue(f"{ACCOUNT}:job-queue/b", others["fargate"]),
        queue(f"{ACCOUNT}:job-queue/c", kind="SAGEMAKER_TRAINING"),
    ]
    opened(stub, *queues, environments=known)
    assert listing(batch).page(REGION, LATER).jobs == ()


def test_all_pages_are_one_with_the_newest_first_and_no_runs_left_out(batch: Any, stub: Stubber) -> None:
    jobs = [batch_job(1), batch_job(2, container=container(count=0)), batch_job(3, status="RUNNING", stoppedAt=None)]
    opened(stub)
    stub.add_response(
        "list_jobs", {"jobSummaryList": [summary(jobs[0])], "nextToken": "more"}, {"jobQueue": QUEUE, **EVERY}
    )
    stub.add_client_error("describe_jobs", "TooManyRequestsException")
    stub.add_response("describe_jobs", {"jobs": jobs[:1]}, {"jobs": [batch_id(1)]})
    more = {"jobQueue": QUEUE, "nextToken": "more", **EVERY}
    stub.add_response("list_jobs", {"jobSummaryList": [summary(each) for each in jobs[1:]]}, more)
    stub.add_response("describe_jobs", {"jobs": jobs[1:]}, {"jobs": [batch_id(2), batch_id(3)]})
    page = listing(batch).page(REGION, LATER)
    assert [(each.name, each.state) for each in page.jobs] == [("tune-3", "running"), ("tune-1", "succeeded")]
    assert page.jobs[1].last_modified == CREATED + timedelta(hours=10, minutes=15)


def test_the_children_of_an_array_are_listed_and_not_the_array(batch: Any, stub: Stubber) -> None:
    array = batch_job(arrayProperties={"size": 150, "statusSummary": {}})
    children = [
        batch_job(jobArn=batch_arn(1, f":{at}"), jobId=f"{batch_id()}:{at}", arrayProperties={"index": at})
        for at in range(150)
    ]
    opened(stub)
    stub.add_response("list_jobs", {"jobSummaryList": [summary(array)]}, {"jobQueue": QUEUE, **EVERY})
    stub.add_response("describe_jobs", {"jobs": [array]}, {"jobs": [batch_id(1)]})
    for first in (0, 100):
        some = children[first : first + 100]
        stub.add_response("describe_jobs", {"jobs": some}, {"jobs": [each["jobId"] for each in some]})
    assert {each.arn for each in listing(batch).page(REGION, LATER).jobs} == {each["jobArn"] for each in children}


def test_nobody_asks_for_the_children_of_an_array_without_accelerators(batch: Any, stub: Stubber) -> None:
    array = batch_job(arrayProperties={"size": 10_000, "statusSummary": {}}, container=container(count=0))
    opened(stub)
    stub.add_response("list_jobs", {"jobSummaryList": [summary(array)]})
    stub.add_response("describe_jobs", {"jobs": [array]})
    assert listing(batch).page(REGION, LATER).jobs == ()


def test_what_cannot_be_read_is_listed_so_that_its_audit_names_why(batch: Any, stub: Stubber) -> None:
    odd = batch_job(parameters={f"p{number}": "a" for number in range(600)})
    opened(stub)
    stub.add_response("list_jobs", {"jobSummaryList": [summary(odd)]})
    stub.add_response("describe_jobs", {"jobs": [odd]})
    assert [each.arn for each in listing(batch).page(REGION, LATER).jobs] == [batch_arn()]


def test_a_refusal_and_a_region_that_does_not_answer_are_named(batch: Any, stub: Stubber) -> None:
    stub.add_client_error("describe_job_queues", "AccessDeniedException")
    with pytest.raises(SourceDenied, match="batch:DescribeJobQueues"):
        listing(batch).page(REGION, LATER)
    opened(stub)
    stub.add_client_error("list_jobs", "AccessDeniedException")
    with pytest.raises(SourceDenied, match="batch:ListJobs"):
        listing(batch).page(REGION, LATER)
    opened(stub)
    stub.add_client_error("list_jobs", "ClientException", "the queue is gone")
    with pytest.raises(SourceUnavailable, match="the queue is gone"):
        listing(batch).page(REGION, LATER)
    for _ in range(MOST_TRIES):
        stub.add_client_error("describe_job_queues", "TooManyRequestsException")
    with pytest.raises(SourceUnavailable, match="batch:DescribeJobQueues"):
        listing(batch).page(REGION, LATER)


def test_a_description_reads_as_a_job(batch: Any, stub: Stubber) -> None:
    stub.add_response("describe_jobs", {"jobs": [batch_job()]}, {"jobs": [batch_id()]})
    stub.add_response("describe_jobs", {"jobs": []})
    stub.add_client_error("describe_jobs", "AccessDeniedException")
    jobs = DescribedBatchJobs(lambda region: batch)
    assert parse_batch_job(plain(jobs.describe(batch_arn()))).job_arn == batch_arn()
    with pytest.raises(UnknownTrainingJob):
        jobs.describe(batch_arn())
    with pytest.raises(SourceDenied, match="batch:DescribeJobs"):
        jobs.describe(batch_arn())


def test_the_compute_environments_of_a_queue_are_told_or_why_not(batch: Any, stub: Stubber) -> None:
    gone = f"{ACCOUNT}:compute-environment/gone"
    jobs = DescribedBatchJobs(lambda region: batch)
    stub.add_response("describe_job_queues", {"jobQueues": [queue(QUEUE, ENVIRONMENT, gone)]}, {"jobQueues": [QUEUE]})
    asked = {"computeEnvironments": [ENVIRONMENT, gone]}
    stub.add_response("describe_compute_environments", {"computeEnvironments": [environment()]}, asked)
    told = jobs.environments(QUEUE)
    assert told == {ENVIRONMENT: environment(), gone: Unread("batch:DescribeComputeEnvironments", "NotFound")}
    stub.add_response("describe_job_queues", {"jobQueues": []})
    assert jobs.environments(QUEUE) == {QUEUE: Unread("batch:DescribeJobQueues", "NotFound")}
    stub.add_response("describe_job_queues", {"jobQueues": [queue()]})
    stub.add_client_error("describe_compute_environments", "AccessDeniedException")
    [refused] = jobs.environments(QUEUE).values()
    assert isinstance(refused, Unread)
    assert refused.denied
    stub.add_client_error("describe_job_queues", "TooManyRequestsException")
    with pytest.raises(ClientError):
        jobs.environments(QUEUE)


def seen(status: str = "RUNNING") -> ListedJob:
    return ListedJob("tune-1", batch_arn(), REGION, status, CREATED)


def test_a_listed_job_is_seen_as_it_is_now(batch: Any, stub: Stubber) -> None:
    states = BatchStates(lambda region: batch)
    stub.add_response("describe_jobs", {"jobs": [batch_job(tags={"a": "b"})]})
    stub.add_response("describe_jobs", {"jobs": [batch_job(tags={"a": "b"})]})
    stub.add_response("describe_jobs", {"jobs": []})
    ended = CREATED + timedelta(hours=10, minutes=15)
    assert states.now(seen()) == ListedJob("tune-1", batch_arn(), REGION, "SUCCEEDED", CREATED, ended)
    assert list(states.tags(seen())) == [{"Key": "a", "Value": "b"}]
    assert states.now(seen()) is None


def test_what_is_queued_points_at_it_and_at_what_is_gone() -> None:
    pointer = read_pointer(json.loads(batch_message(SeenJob(seen("FAILED"), LATER))))
    assert (pointer.service, pointer.arn, pointer.creation_time) == (BATCH_JOB, batch_arn(), CREATED)
    assert (pointer.source, pointer.trusted, pointer.finished) == (RECONCILE_SOURCE, True, True)
    assert not read_pointer(json.loads(batch_message(SeenJob(seen(), LATER)))).finished
    gone = ListedJob("tune-1", batch_arn(), REGION, "Deleted", CREATED, LATER)
    _, last = last_word(read_pointer(json.loads(batch_message(SeenJob(gone, LATER)))))
    assert (last.state, last.job_name, last.stopped_at) == ("gone", "tune-1", LATER)


def served(known: LocalBatchJobs, operation: str, **asked: Any) -> tuple[int, dict[str, Any]]:
    """What the stand-in answers, and its status."""
    scope = {"Authorization": f"AWS4-HMAC-SHA256 Credential=1/20260301/{REGION}/batch/aws4_request"}
    builder = EnvironBuilder(f"/v1/{operation.lower()}", method="POST", data=json.dumps(asked), headers=scope)
    answer = known.serve(Request(builder.get_environ()))
    assert answer is not None
    return answer.status_code, json.loads(answer.get_data())


def test_the_local_stand_in_takes_and_gives_what_the_service_model_knows_alone() -> None:
    jobs = LocalBatchJobs()
    jobs.load_into({"jobs": [batch_job(1)]}, environment())
    jobs.load_into({"jobs": [batch_job(2, status="RUNNING", stoppedAt=None)]}, environment())
    jobs.load_into({"jobs": [batch_job(jobArn=batch_arn(1, ":0"), jobId=f"{batch_id()}:0")]}, environment())
    assert len(served(jobs, "ListJobs", jobQueue=QUEUE)[1]["jobSummaryList"]) == 1
    code, page = served(jobs, "ListJobs", jobQueue=QUEUE, filters=EVERY["filters"], maxResults=1)
    assert (code, len(page["jobSummaryList"]), page["nextToken"]) == (200, 1, "1")
    assert len(served(jobs, "DescribeJobs", jobs=[batch_id(1), batch_id(9)])[1]["jobs"]) == 1
    assert served(jobs, "DescribeJobQueues", jobQueues=[QUEUE])[1]["jobQueues"][0]["jobQueueArn"] == QUEUE
    assert served(jobs, "DescribeComputeEnvironments")[1]["computeEnvironments"] == [environment()]
    assert served(jobs, "DescribeJobs", jobs=5)[0] == 400
    with pytest.raises(NotOfTheModel):
        jobs.load_into({"jobs": [batch_job(createdAt="soon")]}, environment())
    with pytest.raises(NotOfTheModel):
        jobs.load_into({"jobs": [batch_job()]}, environment(computeResources={"type": 5}))
