"""Every JobListing and Regions behaves alike: in memory, and on the answers of AWS."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from flops_auditor.aws.sources.regions import AccountRegions
from flops_auditor.aws.sources.sagemaker import SageMakerListing, SageMakerStopper
from flops_auditor.use_cases.ports.sources import JobListing, ListedJob, SourceDenied, SourceUnavailable
from tests.fakes.audit import FakeTrainingJobs
from tests.fakes.jobs import CREATED, describe

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def client(service: str) -> Any:
    return boto3.client(service, "eu-west-1", **KEYS)


def summary(name: str, status: str, created: datetime) -> dict[str, Any]:
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{name}"
    return {
        "TrainingJobName": name,
        "TrainingJobArn": arn,
        "TrainingJobStatus": status,
        "CreationTime": created.astimezone(),
        "LastModifiedTime": (created + timedelta(hours=5)).astimezone(),
    }


def memory() -> JobListing:
    jobs = FakeTrainingJobs()
    for number in range(3):
        status = "InProgress" if number else "Completed"
        created = CREATED + timedelta(hours=number)
        modified = created + timedelta(hours=5)
        jobs.add(describe(f"job-{number}", TrainingJobStatus=status, CreationTime=created, LastModifiedTime=modified))
    return jobs


def stubbed(**asked: Any) -> JobListing:
    """Two pages; the stub refuses any other request than the expected one."""
    sagemaker = client("sagemaker")
    stub = Stubber(sagemaker)
    known = [
        summary(f"job-{n}", "InProgress" if n else "Completed", CREATED + timedelta(hours=n))
        for n in range(3)
        if "StatusEquals" not in asked or n
        if "CreationTimeAfter" not in asked or CREATED + timedelta(hours=n) > asked["CreationTimeAfter"]
        if "LastModifiedTimeAfter" not in asked or CREATED + timedelta(hours=n + 5) > asked["LastModifiedTimeAfter"]
    ]
    order = {"SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": 100}
    stub.add_response("list_training_jobs", {"TrainingJobSummaries": known[:1], "NextToken": "more"}, order | asked)
    rest = {"TrainingJobSummaries": known[1:]}
    stub.add_response("list_training_jobs", rest, order | asked | {"NextToken": "more"})
    stub.activate()
    return SageMakerListing(lambda region: sagemaker)


@pytest.mark.parametrize("adapter", ["memory", "sagemaker"])
def test_all_pages_of_a_region_are_listed(adapter: str) -> None:
    listing = memory() if adapter == "memory" else stubbed()
    found = list(listing.list("eu-west-1"))
    assert [job.name for job in found] == ["job-0", "job-1", "job-2"]
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-1"
    assert found[1] == ListedJob(
        "job-1", arn, "eu-west-1", "InProgress", CREATED + timedelta(hours=1), CREATED + timedelta(hours=6)
    )
    assert found[1].creation_time.tzinfo is UTC


@pytest.mark.parametrize("adapter", ["memory", "sagemaker"])
def test_jobs_are_listed_by_status_and_time_of_creation(adapter: str) -> None:
    after = CREATED + timedelta(hours=1)
    listing = memory() if adapter == "memory" else stubbed(StatusEquals="InProgress", CreationTimeAfter=after)
    assert [j.name for j in listing.list("eu-west-1", status="InProgress", created_after=after)] == ["job-2"]


@pytest.mark.parametrize("adapter", ["memory", "sagemaker"])
def test_jobs_are_listed_by_when_they_last_changed(adapter: str) -> None:
    """A job that ends late is listed by its end, however long ago it was created."""
    after = CREATED + timedelta(hours=6)
    listing = memory() if adapter == "memory" else stubbed(LastModifiedTimeAfter=after)
    assert [job.name for job in listing.list("eu-west-1", modified_after=after)] == ["job-2"]


def test_a_region_that_does_not_answer_is_named() -> None:
    sagemaker = client("sagemaker")
    stub = Stubber(sagemaker)
    stub.add_client_error("list_training_jobs", "ThrottlingException")
    stub.activate()
    with pytest.raises(SourceUnavailable, match="sagemaker:ListTrainingJobs"):
        list(SageMakerListing(lambda region: sagemaker).list("eu-west-1"))


@pytest.mark.parametrize("adapter", ["memory", "sagemaker"])
def test_a_refusal_is_named(adapter: str) -> None:
    if adapter == "memory":
        listing: JobListing = FakeTrainingJobs(denied={"sagemaker:ListTrainingJobs"})
    else:
        sagemaker = client("sagemaker")
        stub = Stubber(sagemaker)
        stub.add_client_error("list_training_jobs", "AccessDeniedException")
        stub.activate()
        listing = SageMakerListing(lambda region: sagemaker)
    with pytest.raises(SourceDenied, match="sagemaker:ListTrainingJobs"):
        list(listing.list("eu-west-1"))


def test_enabled_regions_with_sagemaker_are_in_order() -> None:
    account = client("account")
    stub = Stubber(account)
    asked = {"RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]}
    first = {"Regions": [{"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}], "NextToken": "more"}
    names = ("eu-west-1", "xx-nowhere-1")
    second = {"Regions": [{"RegionName": name, "RegionOptStatus": "ENABLED"} for name in names]}
    stub.add_response("list_regions", first, asked)
    stub.add_response("list_regions", second, asked | {"NextToken": "more"})
    stub.activate()
    assert AccountRegions(account).enabled() == ["eu-west-1", "us-east-1"]


def test_a_region_that_is_excluded_is_left_out() -> None:
    account = client("account")
    stub = Stubber(account)
    names = ("eu-west-1", "eu-central-1", "us-east-1")
    stub.add_response("list_regions", {"Regions": [{"RegionName": n, "RegionOptStatus": "ENABLED"} for n in names]})
    stub.activate()
    assert AccountRegions(account, "us-east-1,eu-central-1").enabled() == ["eu-west-1"]


def test_a_job_that_has_ended_needs_no_stopping() -> None:
    """StopTrainingJob answers ValidationException when "the request was rejected because the training job is in status
    Completed"."""
    sagemaker = client("sagemaker")
    stub = Stubber(sagemaker)
    stub.add_response("stop_training_job", {}, {"TrainingJobName": "job"})
    ended = "The request was rejected because the training job is in status Completed"
    stub.add_client_error("stop_training_job", "ValidationException", ended)
    stub.add_client_error("stop_training_job", "AccessDeniedException", "not authorised")
    stub.activate()
    stopper = SageMakerStopper(lambda region: sagemaker)
    stopper.stop("job", "eu-west-1")
    stopper.stop("job", "eu-west-1")
    with pytest.raises(SourceDenied, match="sagemaker:StopTrainingJob"):
        stopper.stop("job", "eu-west-1")
