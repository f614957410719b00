"""Every JobListing, JobStates and Regions behaves alike: in memory, and on the answers of AWS."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from flops_auditor.aws.calls.listing_pages import MOST_TRIES
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.regions import AccountRegions
from flops_auditor.aws.sources.sagemaker import SageMakerListing, SageMakerStates
from flops_auditor.use_cases.ports.sources import (
    EnabledRegions,
    JobListing,
    JobStates,
    ListedJob,
    SourceDenied,
    SourceUnavailable,
)
from tests.fakes.audit import FakeJobStates, FakeTrainingJobs
from tests.fakes.jobs import CREATED, describe

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
LATER = CREATED + timedelta(days=1)
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/{}"


def client(service: str) -> Any:
    return boto3.client(service, "eu-west-1", **KEYS)


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pace(self, per_second: float = 1) -> Pace:
        return Pace(per_second, self.sleep, lambda: self.now)


def summary(name: str, status: str, created: datetime) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "TrainingJobArn": ARN.format(name),
        "TrainingJobStatus": status,
        "CreationTime": created.astimezone(),
        "LastModifiedTime": (created + timedelta(hours=5)).astimezone(),
    }


def listing_on(sagemaker: Any, time: Time | None = None) -> SageMakerListing:
    return SageMakerListing(lambda region: sagemaker, (time or Time()).pace())


def memory() -> JobListing:
    jobs = FakeTrainingJobs(page_size=2)
    for number in range(3):
        created = CREATED + timedelta(hours=number)
        status = "InProgress" if number else "Completed"
        modified = created + timedelta(hours=5)
        jobs.add(describe(f"job-{number}", TrainingJobStatus=status, CreationTime=created, LastModifiedTime=modified))
    return jobs


def stubbed() -> JobListing:
    """Two pages; the stub refuses any other request than the expected one."""
    sagemaker = client("sagemaker")
    stub = Stubber(sagemaker)
    known = [summary(f"job-{n}", "InProgress" if n else "Completed", CREATED + timedelta(hours=n)) for n in (2, 1, 0)]
    asked = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100, "CreationTimeBefore": LATER}
    stub.add_response("list_training_jobs", {"TrainingJobSummaries": known[:2], "NextToken": "more"}, asked)
    stub.add_response("list_training_jobs", {"TrainingJobSummaries": known[2:]}, asked | {"NextToken": "more"})
    stub.activate()
    return listing_on(sagemaker)


@pytest.mark.parametrize("made", [memory, stubbed])
def test_jobs_come_page_by_page_with_the_newest_first(made: Callable[[], JobListing]) -> None:
    listing = made()
    first = listing.page("eu-west-1", LATER)
    assert [job.name for job in first.jobs] == ["job-2", "job-1"]
    rest = listing.page("eu-west-1", LATER, first.token)
    assert [job.name for job in rest.jobs] == ["job-0"]
    assert rest.token == ""
    created = CREATED + timedelta(hours=1)
    modified = created + timedelta(hours=5)
    assert first.jobs[1] == ListedJob("job-1", ARN.format("job-1"), "eu-west-1", "InProgress", created, modified)
    assert first.jobs[1].creation_time.tzinfo is UTC


def test_jobs_are_listed_by_their_creation() -> None:
    assert [job.name for job in memory().page("eu-west-1", CREATED + timedelta(hours=1)).jobs] == ["job-0"]


def test_a_throttled_page_is_asked_for_again_and_more_slowly() -> None:
    sagemaker, time = client("sagemaker"), Time()
    stub = Stubber(sagemaker)
    for _ in range(3):
        stub.add_client_error("list_training_jobs", "ThrottlingException")
    for _ in range(3):
        stub.add_response("list_training_jobs", {"TrainingJobSummaries": []})
    stub.activate()
    moments = []
    sagemaker.meta.events.register("before-parameter-build.sagemaker", lambda **_: moments.append(time.now))
    listing = listing_on(sagemaker, time)
    for _ in range(3):
        listing.page("eu-west-1", LATER)
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert pauses == pytest.approx([2, 4, 8, 8, 8 * 0.9])


def test_a_pace_is_kept_in_each_region() -> None:
    time = Time()
    pace = time.pace(per_second=0.5)
    moments: dict[str, list[float]] = {"eu-west-1": [], "us-east-1": []}
    for _ in range(4):
        for region, asked in moments.items():
            pace.wait(region)
            asked.append(time.now)
            pace.answered(region)
    assert moments == {"eu-west-1": [0, 2, 4, 6], "us-east-1": [0, 2, 4, 6]}


class Unreachable:
    """A client that gets no answer."""

    def list_training_jobs(self, **_: Any) -> Any:
        raise ConnectTimeoutError(endpoint_url="https://sagemaker")


@pytest.mark.parametrize("failure", ["ThrottlingException", "InternalFailure", "timeout"])
def test_a_region_that_does_not_answer_is_named_after_some_tries(failure: str) -> None:
    sagemaker = client("sagemaker")
    stub = Stubber(sagemaker)
    for _ in range(MOST_TRIES):
        stub.add_client_error("list_training_jobs", failure)
    stub.activate()
    with pytest.raises(SourceUnavailable, match="sagemaker:ListTrainingJobs"):
        listing_on(Unreachable() if failure == "timeout" else sagemaker).page("eu-west-1", LATER)


@pytest.mark.parametrize("adapter", ["memory", "sagemaker"])
def test_a_refusal_is_named(adapter: str) -> None:
    if adapter == "memory":
        listing: JobListing = FakeTrainingJobs(denied={"sagemaker:ListTrainingJobs"})
    else:
        sagemaker = client("sagemaker")
        stub = Stubber(sagemaker)
        stub.add_client_error("list_training_jobs", "AccessDeniedException")
        stub.activate()
        listing = listing_on(sagemaker)
    with pytest.raises(SourceDenied, match="sagemaker:ListTrainingJobs"):
        listing.page("eu-west-1", LATER)


def listed(created: datetime = CREATED) -> ListedJob:
    return ListedJob("job", ARN.format("job"), "eu-west-1", "InProgress", created)


def states(adapter: str, *, known: bool) -> JobStates:
    """A job that has ended since it was listed, or nothing."""
    ended = describe("job", CreationTime=CREATED, LastModifiedTime=LATER)
    if adapter == "memory":
        jobs = FakeTrainingJobs()
        if known:
            jobs.add(ended, params="7")
        return FakeJobStates(jobs)
    sagemaker = client("sagemaker")
    stub = Stubber(sagemaker)
    if known:
        needed = {name: ended[name] for name in ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus")}
        rest = {"CreationTime": CREATED, "LastModifiedTime": LATER}
        needed |= {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/k"}, "SecondaryStatus": "Completed"}
        algorithm = {"TrainingInputMode": "File"}
        limits = {"ResourceConfig": {"VolumeSizeInGB": 1}, "StoppingCondition": {}}
        answer = needed | rest | limits | {"AlgorithmSpecification": algorithm}
        stub.add_response("describe_training_job", answer, {"TrainingJobName": "job"})
        tags = [{"Key": "flops-auditor:params", "Value": "7"}]
        stub.add_response("list_tags", {"Tags": tags}, {"ResourceArn": ARN.format("job")})
    else:
        stub.add_client_error("describe_training_job", "ValidationException", "Requested resource not found.")
    stub.activate()
    return SageMakerStates(lambda region: sagemaker)


@pytest.mark.parametrize("adapter", ["memory", "sagemaker"])
def test_a_listed_job_is_seen_as_it_is_now(adapter: str) -> None:
    found = states(adapter, known=True)
    now = found.now(listed())
    assert now == ListedJob("job", ARN.format("job"), "eu-west-1", "Completed", CREATED, LATER)
    assert found.tags(listed()) == [{"Key": "flops-auditor:params", "Value": "7"}]


@pytest.mark.parametrize("adapter", ["memory", "sagemaker"])
def test_a_job_is_gone_when_nobody_knows_it_or_its_name_is_another_jobs(adapter: str) -> None:
    assert states(adapter, known=False).now(listed()) is None
    assert states(adapter, known=True).now(listed(created=CREATED - timedelta(days=3))) is None


def regions_answer(stub: Stubber, *names: str) -> None:
    stub.add_response("describe_regions", {"Regions": [{"RegionName": name} for name in names]}, {})
    stub.activate()


def test_enabled_regions_with_sagemaker_are_in_order() -> None:
    ec2 = client("ec2")
    regions_answer(Stubber(ec2), "us-east-1", "eu-west-1", "xx-nowhere-1")
    assert AccountRegions(lambda: ec2).enabled() == EnabledRegions(("eu-west-1", "us-east-1"))


def test_a_region_that_is_excluded_is_left_out() -> None:
    ec2 = client("ec2")
    regions_answer(Stubber(ec2), "eu-west-1", "eu-central-1", "us-east-1")
    assert AccountRegions(lambda: ec2, excluded="us-east-1,eu-central-1").enabled().names == ("eu-west-1",)


def test_regions_that_are_named_are_not_asked_for() -> None:
    ec2 = client("ec2")
    Stubber(ec2).activate()
    assert AccountRegions(lambda: ec2, "us-east-1,eu-west-1", "us-east-1").enabled() == EnabledRegions(("eu-west-1",))


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InternalError"])
def test_where_regions_cannot_be_found_home_is_still_read_and_the_reason_said(code: str) -> None:
    ec2 = client("ec2")
    stub = Stubber(ec2)
    stub.add_client_error("describe_regions", code)
    stub.activate()
    found = AccountRegions(lambda: ec2).enabled()
    assert found.names == ("eu-west-1",)
    assert "ec2:DescribeRegions" in found.unread
