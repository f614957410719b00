"""The TrainingJobs and JobMetrics ports: the twins in tests/fakes behave as SageMaker and CloudWatch do (moto)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from flops_auditor.aws.sources.cloudwatch import MOST_POINTS, MOST_QUERIES, CloudWatchMetrics, windows
from flops_auditor.aws.sources.s3_objects import S3ObjectAttributes
from flops_auditor.aws.sources.sagemaker import SageMakerJobs
from flops_auditor.domain.runs.sources.model_packages import data_places
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_metrics import NAMESPACE
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.use_cases.ports.sources import (
    JobMetrics,
    MetricRequest,
    ObjectAttributes,
    SourceDenied,
    SourceUnavailable,
    TrainingJobs,
    UnknownTrainingJob,
)
from tests.fakes.audit import FakeMetrics, FakeTrainingJobs, MemoryObjects
from tests.fakes.jobs import describe

REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture
def aws() -> Iterator[Any]:
    with mock_aws():
        yield lambda service: boto3.client(service, REGION, **KEYS)


# ----- TrainingJobs


CONTAINER = {"Image": "image", "ModelDataUrl": "s3://models/fine-tune/output/model.tar.gz"}
PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/registered"


def in_memory(aws: Any) -> tuple[TrainingJobs, str]:
    jobs = FakeTrainingJobs()
    jobs.packages[PACKAGE] = {"ModelPackageArn": PACKAGE, "InferenceSpecification": {"Containers": [CONTAINER]}}
    pointer = jobs.add(describe())
    jobs.tags_by_arn[pointer.arn] = [{"Key": f"k{i}", "Value": str(i)} for i in range(3)]
    return jobs, pointer.arn


def on_sagemaker(aws: Any) -> tuple[TrainingJobs, str]:
    client = aws("sagemaker")
    client.create_training_job(
        TrainingJobName="fine-tune",
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::123456789012:role/training",
        OutputDataConfig={"S3OutputPath": "s3://models/"},
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        Tags=[{"Key": f"k{i}", "Value": str(i)} for i in range(3)],
    )
    formats = {"SupportedContentTypes": ["text/plain"], "SupportedResponseMIMETypes": ["text/plain"]}
    client.create_model_package(
        ModelPackageName="registered", InferenceSpecification={"Containers": [CONTAINER], **formats}
    )
    jobs = SageMakerJobs(lambda region: aws("sagemaker"))
    return jobs, str(jobs.describe("fine-tune", REGION)["TrainingJobArn"])


@pytest.fixture(params=[in_memory, on_sagemaker], ids=["memory", "sagemaker"])
def jobs(request: pytest.FixtureRequest, aws: Any) -> tuple[TrainingJobs, str]:
    made: tuple[TrainingJobs, str] = request.param(aws)
    return made


def test_a_description_reads_as_a_job(jobs: tuple[TrainingJobs, str]) -> None:
    answer = jobs[0].describe("fine-tune", REGION)
    job = parse_training_job(answer)
    assert (job.name, job.arn) == ("fine-tune", jobs[1])
    assert [(g.instance_type, g.instance_count) for g in job.groups] == [("ml.p5.48xlarge", 1)]
    assert "ResponseMetadata" not in answer


def test_an_unknown_job_is_said_to_be_unknown(jobs: tuple[TrainingJobs, str]) -> None:
    with pytest.raises(UnknownTrainingJob, match="nobody"):
        jobs[0].describe("nobody", REGION)


def test_all_tags_are_read(jobs: tuple[TrainingJobs, str]) -> None:
    assert list(jobs[0].tags(jobs[1], REGION)) == [{"Key": f"k{i}", "Value": str(i)} for i in range(3)]


def test_a_model_package_says_where_its_model_data_is(jobs: tuple[TrainingJobs, str]) -> None:
    answer = jobs[0].model_package(PACKAGE, REGION)
    assert answer["ModelPackageArn"] == PACKAGE
    assert [str(found.location) for found in data_places(answer, "")] == [CONTAINER["ModelDataUrl"]]
    assert "ResponseMetadata" not in answer


def test_a_model_package_that_is_gone_is_a_refusal(jobs: tuple[TrainingJobs, str]) -> None:
    with pytest.raises(SourceDenied, match="DescribeModelPackage answered Validation"):
        jobs[0].model_package(f"{PACKAGE}/7", REGION)


def asked_for_package(aws: Any, region: str = REGION, error: str = "", **parameters: str) -> Mapping[str, Any]:
    client = aws("sagemaker")
    with Stubber(client) as stub:
        if error:
            stub.add_client_error("describe_model_package", error, "no", expected_params=parameters or None)
        else:
            answer = on_sagemaker(aws)[0].model_package(PACKAGE, REGION)
            stub.add_response("describe_model_package", dict(answer), expected_params=parameters or None)
        return SageMakerJobs(lambda place: client).model_package(PACKAGE, region)


def test_the_text_of_the_model_card_is_not_asked_for(aws: Any) -> None:
    """It may be encrypted with a key that the auditor may not use, and is nobody's business here."""
    assert asked_for_package(aws, ModelPackageName=PACKAGE, IncludedData="MetadataOnly")["ModelPackageArn"] == PACKAGE


def test_an_sdk_that_cannot_leave_the_model_card_out_asks_all_the_same(aws: Any) -> None:
    """Lambda's own boto3 is older than this one."""
    client = aws("sagemaker")
    shape = client.meta.service_model.operation_model("DescribeModelPackage").input_shape
    del shape.members["IncludedData"]
    with Stubber(client) as stub:
        stub.add_client_error("describe_model_package", "AccessDeniedException", "no", expected_params=None)
        with pytest.raises(SourceDenied, match="AccessDeniedException"):
            SageMakerJobs(lambda region: client).model_package(PACKAGE, REGION)


def test_other_words_for_a_model_package_that_is_gone(aws: Any) -> None:
    with pytest.raises(SourceDenied, match="ResourceNotFound"):
        asked_for_package(aws, error="ResourceNotFoundException")
    with pytest.raises(ClientError, match="ThrottlingException"):
        asked_for_package(aws, error="ThrottlingException")


@pytest.mark.parametrize("region", ["", "eu-nowhere-1", "x.example.com/"])
def test_nobody_is_asked_in_a_region_that_does_not_exist(aws: Any, region: str) -> None:
    with pytest.raises(SourceDenied, match="UnknownRegion"):
        asked_for_package(aws, region)


@pytest.mark.parametrize("call", ["describe", "tags", "model_package"])
@pytest.mark.parametrize("where", ["memory", "sagemaker"])
def test_a_refusal_names_its_action(where: str, call: str, aws: Any) -> None:
    action, method = {
        "describe": ("sagemaker:DescribeTrainingJob", "describe_training_job"),
        "tags": ("sagemaker:ListTags", "list_tags"),
        "model_package": ("sagemaker:DescribeModelPackage", "describe_model_package"),
    }[call]
    port: TrainingJobs
    if where == "memory":
        port = FakeTrainingJobs(denied={action})
    else:
        client = aws("sagemaker")
        stub = Stubber(client)
        stub.add_client_error(method, "AccessDeniedException", "not authorised")
        stub.activate()
        port = SageMakerJobs(lambda region: client)
    with pytest.raises(SourceDenied) as caught:
        getattr(port, call)("arn:aws:sagemaker:eu-west-1:123456789012:training-job/x", REGION)
    assert caught.value.unread.source == action


def test_tags_are_read_page_by_page(aws: Any) -> None:
    client = aws("sagemaker")
    stub = Stubber(client)
    stub.add_response("list_tags", {"Tags": [{"Key": "a", "Value": "1"}], "NextToken": "more"})
    stub.add_response("list_tags", {"Tags": [{"Key": "b", "Value": "2"}]})
    stub.activate()
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/x"
    assert [tag["Key"] for tag in SageMakerJobs(lambda region: client).tags(arn, REGION)] == ["a", "b"]


# ----- JobMetrics

START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)
"""CloudWatch keeps minutes for 15 days, in moto too."""


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def asked(
    hosts: int = 1, spans: Sequence[tuple[float, float]] = ((0, 5),), period: int = 60, **more: Any
) -> MetricRequest:
    emitted, counters = more.get("emitted", ()), more.get("counters", ())
    during, lowest = tuple(Span(minute(a), minute(b)) for a, b in spans), more.get("lowest_too", ())
    return MetricRequest("fine-tune", REGION, hosts, emitted, counters, during, period, lowest)


SENT: dict[str, list[float]] = {"GPUUtilization algo-1": [700.0, 800.0, 0.0], "mfu": [0.4, 0.2, 0.3]}
SEEN: dict[str, list[float]] = {
    **SENT,
    "GPUUtilization algo-1 Maximum": [700.0, 800.0, 0.0],
    "GPUUtilization algo-1 Minimum": [700.0, 800.0, 0.0],
    "GPUUtilization algo-1 SampleCount": [1.0, 1.0, 1.0],
}


def remembered(aws: Any) -> JobMetrics:
    return FakeMetrics(
        {
            "fine-tune": [
                {"Label": label, "Timestamps": [minute(i) for i in range(len(values))], "Values": values}
                for label, values in SEEN.items()
            ]
        }
    )


def on_cloudwatch(aws: Any) -> JobMetrics:
    client = aws("cloudwatch")
    for label, values in SENT.items():
        metric, _, host = label.partition(" ")
        name, value = ("Host", f"fine-tune/{host}") if host else ("TrainingJobName", "fine-tune")
        data = [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value}],
                "Timestamp": minute(i),
                "Value": number,
            }
            for i, number in enumerate(values)
        ]
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    return CloudWatchMetrics(lambda region: aws("cloudwatch"))


@pytest.fixture(params=[remembered, on_cloudwatch], ids=["memory", "cloudwatch"])
def metrics(request: pytest.FixtureRequest, aws: Any) -> JobMetrics:
    made: JobMetrics = request.param(aws)
    return made


def test_series_are_labelled_by_metric_and_host(metrics: JobMetrics) -> None:
    found = {result["Label"]: result for result in metrics.read(asked(emitted=("mfu",)))}
    assert {label: result["Values"] for label, result in found.items()} == SEEN
    assert all(result["Timestamps"] == [minute(i) for i in range(3)] for result in found.values())


def test_a_job_without_metrics_has_none(metrics: JobMetrics) -> None:
    request = MetricRequest("other", REGION, 1, ("mfu",), (), asked().spans, 60)
    assert list(metrics.read(request)) == []


class Recorded:
    """A CloudWatch client that notes what it was asked and answers from a list of pages."""

    def __init__(self, *pages: list[Mapping[str, Any]]) -> None:
        self.calls: list[dict[str, Any]] = []
        self.pages = pages

    def get_paginator(self, operation: str) -> "Recorded":
        assert operation == "get_metric_data"
        return self

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        self.calls.append(arguments)
        for page in self.pages or ([],):
            yield {"MetricDataResults": page}


def reading(client: Recorded, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
    return CloudWatchMetrics(lambda region: client).read(request)  # type: ignore[arg-type, return-value]


def test_a_call_has_at_most_500_queries() -> None:
    """CloudWatch API Reference, GetMetricData: up to 500 MetricDataQuery structures."""
    client = Recorded()
    reading(client, asked(hosts=1203, emitted=("mfu",)))
    assert [len(call["MetricDataQueries"]) for call in client.calls] == [500] * 9 + [313]
    ids = [query["Id"] for call in client.calls for query in call["MetricDataQueries"]]
    assert len(set(ids)) == 4 * 1203 + 1
    assert MOST_QUERIES == 500
    assert client.calls[0]["MetricDataQueries"][0]["MetricStat"]["Metric"]["Dimensions"] == [
        {"Name": "Host", "Value": "fine-tune/algo-1"}
    ]


def test_counters_are_asked_for_their_maximum_and_rates_for_their_mean() -> None:
    client = Recorded()
    reading(client, asked(emitted=("mfu", "num_tokens"), counters=("num_tokens",)))
    stats = {q["Label"]: q["MetricStat"]["Stat"] for q in client.calls[0]["MetricDataQueries"]}
    assert stats == {
        "GPUUtilization algo-1": "Average",
        "GPUUtilization algo-1 Maximum": "Maximum",
        "GPUUtilization algo-1 Minimum": "Minimum",
        "GPUUtilization algo-1 SampleCount": "SampleCount",
        "mfu": "Average",
        "num_tokens": "Maximum",
    }
    assert client.calls[0]["ScanBy"] == "TimestampAscending"


def test_of_long_periods_mean_and_highest_value_are_asked_for() -> None:
    client = Recorded()
    reading(client, asked(hosts=2, period=300))
    stats = {q["Label"]: q["MetricStat"]["Stat"] for q in client.calls[0]["MetricDataQueries"]}
    assert stats == {
        f"GPUUtilization algo-{host}{end}": statistic
        for host in (1, 2)
        for end, statistic in (("", "Average"), (" Maximum", "Maximum"))
    }


def test_the_lowest_value_of_a_period_comes_beside_the_highest(aws: Any) -> None:
    """Two lines of a meter in one minute, with different numbers."""
    name, client = "flops_auditor:seq", aws("cloudwatch")
    place = [{"Name": "TrainingJobName", "Value": "fine-tune"}]
    data = [{"MetricName": name, "Dimensions": place, "Timestamp": minute(0), "Value": value} for value in (3.0, 5.0)]
    client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    request = asked(hosts=0, emitted=(name,), counters=(name,), lowest_too=(name,))
    found = CloudWatchMetrics(lambda region: aws("cloudwatch")).read(request)
    assert {each["Label"]: each["Values"] for each in found} == {name: [5.0], f"{name} Minimum": [3.0]}


def test_pages_and_windows_of_a_label_are_joined() -> None:
    first = {"Label": "mfu", "Timestamps": [minute(0)], "Values": [0.4], "StatusCode": "PartialData"}
    second = {"Label": "mfu", "Timestamps": [minute(1)], "Values": [0.5], "StatusCode": "Complete"}
    empty = {"Label": "GPUUtilization algo-1", "Timestamps": [], "Values": [], "StatusCode": "Complete"}
    assert list(reading(Recorded([first, empty], [second]), asked())) == [
        {"Label": "mfu", "Timestamps": [minute(0), minute(1)], "Values": [0.4, 0.5]}
    ]


def test_a_series_that_could_not_be_read_is_no_series() -> None:
    """API Reference, MetricDataResult: InternalError passes, Forbidden does not; neither is an absent metric."""
    result = {"Label": "mfu", "Timestamps": [], "Values": [], "StatusCode": "InternalError"}
    with pytest.raises(SourceUnavailable, match="mfu"):
        reading(Recorded([result]), asked())
    with pytest.raises(SourceDenied) as caught:
        reading(Recorded([{**result, "StatusCode": "Forbidden"}]), asked())
    assert (caught.value.unread.source, caught.value.unread.error) == ("cloudwatch:GetMetricData", "Forbidden")


@pytest.mark.parametrize("where", ["memory", "cloudwatch"])
def test_a_refusal_of_metrics_names_its_action(where: str, aws: Any) -> None:
    port: JobMetrics = FakeMetrics(denied=True)
    if where == "cloudwatch":
        client = aws("cloudwatch")
        stub = Stubber(client)
        stub.add_client_error("get_metric_data", "AccessDenied", "not authorised")
        stub.activate()
        port = CloudWatchMetrics(lambda region: client)
    with pytest.raises(SourceDenied) as caught:
        port.read(asked())
    assert caught.value.unread.source == "cloudwatch:GetMetricData"


def cut(spans: Sequence[tuple[float, float]], period: int = 60) -> list[tuple[float, float]]:
    found = windows(asked(spans=spans, period=period))
    return [((w.start - START).total_seconds() / 60, (w.end - START).total_seconds() / 60) for w in found]


def test_windows_lie_on_the_grid_and_never_overlap() -> None:
    assert cut([(0, 5)]) == [(0, 5)]
    assert cut([(0.5, 4.2)]) == [(0, 5)]
    assert cut([(0.5, 2.5), (2.7, 3.5), (7, 8)]) == [(0, 3), (3, 4), (7, 8)]
    assert cut([(0, 0.2), (0.3, 0.9)]) == [(0, 1)]
    assert cut([]) == []


@pytest.mark.parametrize("period", [60, 300, 3600])
def test_no_window_holds_more_points_than_a_call(period: int) -> None:
    """CloudWatch API Reference: 100,800 data points a call."""
    total = 2.5 * MOST_POINTS * period / 60
    grid = period / 60
    found = cut([(0, total)], period)
    points = [round((end - start) / grid) for start, end in found]
    assert len(found) in (3, 4)
    assert max(points) <= MOST_POINTS == 100_800
    assert found[-1][1] >= total
    assert found[0][0] <= 0
    assert all(a[1] == b[0] for a, b in pairwise(found))


# ----- ObjectAttributes


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest, aws: Any) -> ObjectAttributes:
    if request.param == "memory":
        same = {"ETag": "5d41402abc4b2a76b9719d911017c592", "ObjectSize": 5}
        return MemoryObjects({"s3://models/run/model.tar.gz": same}, denied={"not a bucket"})
    s3 = aws("s3")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="models", Key="run/model.tar.gz", Body=b"hello")
    return S3ObjectAttributes(s3)


def test_an_object_is_known_by_its_content(objects: ObjectAttributes) -> None:
    answer = objects.read("models", "run/model.tar.gz")
    assert answer is not None
    assert (answer["ETag"].strip('"'), answer["ObjectSize"]) == ("5d41402abc4b2a76b9719d911017c592", 5)


def test_what_is_not_there_is_none_and_what_no_bucket_can_be_is_a_refusal(objects: ObjectAttributes) -> None:
    assert objects.read("models", "run/other.tar.gz") is None
    assert objects.read("elsewhere", "run/model.tar.gz") is None
    with pytest.raises(SourceDenied):
        objects.read("not a bucket", "x")


def test_a_fault_that_passes_is_no_refusal_of_an_object(aws: Any) -> None:
    for code, expected in (
        ("AccessDenied", SourceDenied),
        ("InvalidObjectState", SourceDenied),
        ("SlowDown", ClientError),
    ):
        client = aws("s3")
        with Stubber(client) as stub, pytest.raises(expected):
            stub.add_client_error("get_object_attributes", code)
            S3ObjectAttributes(client).read("models", "x")
