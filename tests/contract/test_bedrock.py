"""Bedrock's model customization jobs, their listing and the size of their data, on the answers of AWS: botocore's
stubber refuses any request and any answer that its own service model does not know.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from flops_auditor.aws.calls.listing_pages import MOST_TRIES
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.bedrock import PAGE, BedrockJobs, BedrockListing, BedrockModels, BedrockStates
from flops_auditor.aws.sources.s3_objects import S3ObjectEntries
from flops_auditor.aws.stores.sqs import customization_message
from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE
from flops_auditor.domain.runs.sources.customization_job_answer import parse_customization_job
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob, SourceDenied, SourceUnavailable, UnknownTrainingJob
from tests.fakes.customization_jobs import custom_model, customization, imported, imported_model, made_by
from tests.fakes.jobs import CREATED

REGION = "us-west-2"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
LATER = CREATED + timedelta(days=1)
ARN = customization()["jobArn"]
REFUSED = ("AccessDeniedException", "ValidationException")


@pytest.fixture
def bedrock() -> Any:
    return boto3.client("bedrock", REGION, **KEYS)


@pytest.fixture
def stub(bedrock: Any) -> Iterator[Stubber]:
    with Stubber(bedrock) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def summary(number: int, status: str = "Completed") -> dict[str, Any]:
    whole = customization(number, status=status, creationTime=CREATED + timedelta(hours=number))
    return {
        name: whole[name]
        for name in ("jobArn", "jobName", "baseModelArn", "status", "creationTime", "lastModifiedTime")
    }


def listed() -> ListedJob:
    return ListedJob("support-1", ARN, REGION, "InProgress", CREATED)


def listing(bedrock: Any) -> BedrockListing:
    return BedrockListing(lambda region: bedrock, Pace(1, lambda seconds: None, lambda: 0.0))


def test_a_model_is_asked_for_by_what_its_arn_names(bedrock: Any, stub: Stubber) -> None:
    models = BedrockModels(lambda region: bedrock)
    answers = {"get_imported_model": imported("s3://models/a/"), "get_custom_model": made_by(ARN, custom_model())}
    for operation, answer in answers.items():
        stub.add_response(operation, answer, {"modelIdentifier": answer["modelArn"]})
        assert models.model(answer["modelArn"], REGION) == answer


@pytest.mark.parametrize("arn", [imported_model(), custom_model()])
def test_a_model_that_is_gone_or_refused_is_named(bedrock: Any, stub: Stubber, arn: str) -> None:
    operation = "get_imported_model" if arn == imported_model() else "get_custom_model"
    action = "bedrock:GetImportedModel" if arn == imported_model() else "bedrock:GetCustomModel"
    for code, error in (("ResourceNotFoundException", "ResourceNotFound"), *((each, each) for each in REFUSED)):
        stub.add_client_error(operation, code, "No.")
        with pytest.raises(SourceDenied, match=f"{action} answered {error}"):
            BedrockModels(lambda region: bedrock).model(arn, REGION)
    stub.add_client_error(operation, "ThrottlingException")
    with pytest.raises(ClientError):
        BedrockModels(lambda region: bedrock).model(arn, REGION)


def test_nobody_is_asked_of_a_model_in_a_region_that_is_none(bedrock: Any, stub: Stubber) -> None:
    with pytest.raises(SourceDenied, match="bedrock:GetImportedModel answered UnknownRegion"):
        BedrockModels(lambda region: bedrock).model(imported_model(), "nowhere-1")


def test_a_description_reads_as_a_job(bedrock: Any, stub: Stubber) -> None:
    stub.add_response("get_model_customization_job", customization(), {"jobIdentifier": ARN})
    answer = BedrockJobs(lambda region: bedrock).describe(ARN, REGION)
    assert "ResponseMetadata" not in answer
    assert parse_customization_job(plain(answer)).job_arn == ARN


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
def test_a_job_that_bedrock_does_not_know_is_unknown(bedrock: Any, stub: Stubber, code: str) -> None:
    stub.add_client_error("get_model_customization_job", code, "Could not find it")
    with pytest.raises(UnknownTrainingJob, match="Could not find it"):
        BedrockJobs(lambda region: bedrock).describe(ARN, REGION)


def test_a_refusal_is_named(bedrock: Any, stub: Stubber) -> None:
    for operation in ("get_model_customization_job", "list_tags_for_resource", "list_model_customization_jobs"):
        stub.add_client_error(operation, "AccessDeniedException")
    jobs = BedrockJobs(lambda region: bedrock)
    with pytest.raises(SourceDenied, match="bedrock:GetModelCustomizationJob"):
        jobs.describe(ARN, REGION)
    with pytest.raises(SourceDenied, match="bedrock:ListTagsForResource"):
        jobs.tags(ARN, REGION)
    with pytest.raises(SourceDenied, match="bedrock:ListModelCustomizationJobs"):
        listing(bedrock).page(REGION, LATER)


def test_tags_are_as_every_service_has_them(bedrock: Any, stub: Stubber) -> None:
    stub.add_response("list_tags_for_resource", {"tags": [{"key": "k", "value": "v"}]}, {"resourceARN": ARN})
    assert BedrockJobs(lambda region: bedrock).tags(ARN, REGION) == [{"Key": "k", "Value": "v"}]


def test_pages_have_the_newest_job_first_and_go_on(bedrock: Any, stub: Stubber) -> None:
    asked = {"sortBy": "CreationTime", "sortOrder": "Descending", "maxResults": PAGE, "creationTimeBefore": LATER}
    first = {"modelCustomizationJobSummaries": [summary(2, "InProgress")], "nextToken": "more"}
    stub.add_response("list_model_customization_jobs", first, asked)
    stub.add_client_error("list_model_customization_jobs", "ThrottlingException")
    stub.add_response("list_model_customization_jobs", {}, {**asked, "nextToken": "more"})
    page = listing(bedrock).page(REGION, LATER)
    [job] = page.jobs
    assert (job.name, job.finished, job.creation_time, page.token) == (
        "support-2",
        False,
        CREATED + timedelta(hours=2),
        "more",
    )
    again = listing(bedrock).page(REGION, LATER, page.token)
    assert (again.jobs, again.token) == ((), "")


def test_a_region_that_does_not_answer_is_named_after_some_tries(bedrock: Any, stub: Stubber) -> None:
    for _ in range(MOST_TRIES):
        stub.add_client_error("list_model_customization_jobs", "ThrottlingException")
    with pytest.raises(SourceUnavailable, match="bedrock:ListModelCustomizationJobs"):
        listing(bedrock).page(REGION, LATER)


def test_a_listed_job_is_seen_as_it_is_now(bedrock: Any, stub: Stubber) -> None:
    states = BedrockStates(lambda region: bedrock)
    stub.add_response("get_model_customization_job", customization(), {"jobIdentifier": ARN})
    stub.add_client_error("get_model_customization_job", "ResourceNotFoundException")
    now = states.now(listed())
    assert now == ListedJob("support-1", ARN, REGION, "Completed", CREATED, CREATED + timedelta(hours=4))
    assert states.now(listed()) is None


def test_what_is_queued_is_what_the_event_would_be() -> None:
    job = ListedJob("support-1", ARN, REGION, "Completed", CREATED, LATER)
    pointer = read_pointer(json.loads(customization_message(SeenJob(job, LATER))))
    assert (pointer.service, pointer.arn, pointer.creation_time) == (CUSTOMIZATION_JOB, ARN, CREATED)
    assert (pointer.source, pointer.trusted, pointer.finished) == (RECONCILE_SOURCE, True, True)


def test_an_object_is_found_by_its_whole_key_alone() -> None:
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", **KEYS)
        s3.create_bucket(Bucket="corpora")
        s3.put_object(Bucket="corpora", Key="a/train.jsonl.old", Body=b"123")
        entries = S3ObjectEntries(s3)
        assert entries.entry("corpora", "a/train.jsonl") is None
        s3.put_object(Bucket="corpora", Key="a/train.jsonl", Body=b"12345")
        found = entries.entry("corpora", "a/train.jsonl")
        assert found is not None
        assert (found["Key"], found["Size"]) == ("a/train.jsonl", 5)
        assert entries.entry("nowhere", "a/train.jsonl") is None


def test_a_refused_listing_of_objects_is_named() -> None:
    s3 = boto3.client("s3", "us-east-1", **KEYS)
    with Stubber(s3) as stubber:
        stubber.add_client_error("list_objects_v2", "AccessDenied")
        with pytest.raises(SourceDenied, match="s3:ListObjectsV2 answered AccessDenied"):
            S3ObjectEntries(s3).entry("corpora", "a")
