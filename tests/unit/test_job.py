"""A training job, read from DescribeTrainingJob's answer and from events."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.runs.sources.training_job_answer import MalformedJob, TrainingJob, parse_training_job
from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.domain.values.moments import iso, read_time
from tests.fakes.jobs import CREATED, describe

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/fine-tune"


def job(**changes: Any) -> TrainingJob:
    return parse_training_job(describe(**changes))


@pytest.mark.parametrize(
    "value",
    [
        1772323200000,
        "1772323200000",
        1772323200,
        "1772323200.0",
        "2026-03-01T00:00:00Z",
        "2026-03-01T02:00:00+02:00",
        "2026-03-01T00:00:00",
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 3, tzinfo=timezone(timedelta(hours=3))),
    ],
)
def test_one_moment_however_it_is_written(value: object) -> None:
    """EventBridge gives epoch milliseconds as numbers or texts, the CLI ISO 8601, boto3 datetimes."""
    assert read_time(value) == datetime(2026, 3, 1, tzinfo=UTC)
    assert iso(read_time(value)) == "2026-03-01T00:00:00.000Z"


FAR, EARLY = "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"


@pytest.mark.parametrize("value", ["yesterday", "", -1, 10**14, "nan", "inf", True, None, FAR, EARLY])
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"point in time|isoformat"):
        read_time(value)


@pytest.mark.parametrize(
    ("resources", "groups"),
    [
        ({"InstanceType": "ml.p5.48xlarge", "InstanceCount": 3}, [("ml.p5.48xlarge", 3)]),
        (
            {
                "InstanceGroups": [
                    {"InstanceGroupName": "a", "InstanceType": "ml.g5.xlarge", "InstanceCount": 2},
                    {"InstanceGroupName": "b", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
                ]
            },
            [("ml.g5.xlarge", 2), ("ml.c5.xlarge", 1)],
        ),
        (
            {
                "InstancePreferences": [
                    {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1},
                    {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2},
                ],
                "SelectedInstanceType": "ml.p4d.24xlarge",
                "SelectedInstanceCount": 2,
            },
            [("ml.p4d.24xlarge", 2)],
        ),
        (
            {
                "InstancePreferences": [{"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2}],
                "SelectedInstanceType": "ml.p4d.24xlarge",
            },
            [("ml.p4d.24xlarge", 2)],
        ),
        (
            {
                "InstancePreferences": [{"InstanceType": "ml.p4d.24xlarge"}],
                "InstanceCount": 4,
                "SelectedInstanceType": "ml.p4d.24xlarge",
            },
            [("ml.p4d.24xlarge", 4)],
        ),
        ({"InstancePreferences": [{"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2}]}, []),
        ({}, []),
    ],
)
def test_hosts_are_those_that_ran(resources: dict[str, Any], groups: list[tuple[str, int]]) -> None:
    """API Reference, ResourceConfig: what SageMaker selected overrides what was asked for."""
    assert [(g.instance_type, g.instance_count) for g in job(ResourceConfig=resources).groups] == groups


def test_metric_names_come_from_definitions_too() -> None:
    """A failed job may have no final values, yet its series are in CloudWatch."""
    found = job(
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "mfu", "Regex": "mfu=(.*)"}]},
        FinalMetricDataList=[{"MetricName": "loss", "Value": 0.5}, {"MetricName": "mfu", "Value": 0.4}],
    )
    assert found.metric_names == ("loss", "mfu")


def test_identity_is_name_account_region_and_time() -> None:
    found = job()
    assert found.job_id == job().job_id
    assert found.job_id != job(CreationTime=CREATED + timedelta(seconds=1)).job_id
    assert found.region == "eu-west-1"
    bare = parse_training_job({"TrainingJobName": "x", "TrainingJobStatus": "Stopping"})
    assert bare.arn == "arn:aws:sagemaker:unknown:000000000000:training-job/x"
    assert not bare.finished
    assert bare.job_id


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_terminal_states(status: str) -> None:
    assert job(TrainingJobStatus=status).finished


def test_absent_and_empty_answers_are_told_apart_from_wrong_ones() -> None:
    found = job(Environment=None, HyperParameters=None, TrainingTimeInSeconds=None, Tags=[{"Key": "a", "Value": "b"}])
    assert found.environment == {}
    assert found.tags == {"a": "b"}
    assert parse_training_job(describe(Tags=[{"Key": "a", "Value": "b"}]), []).tags == {}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"TrainingJobStatus": "Completed"}, "TrainingJobName"),
        ({"TrainingJobName": "", "TrainingJobStatus": "Completed"}, "TrainingJobName"),
        (describe(CreationTime="soon"), "CreationTime"),
        (describe(ResourceConfig={"InstanceType": "x", "InstanceCount": -1}), "ResourceConfig.InstanceCount"),
        (describe(TrainingTimeInSeconds=-5), "TrainingTimeInSeconds"),
        (describe(BillableTokenCount=10**400), "BillableTokenCount"),
        (describe(FinalMetricDataList=[{"MetricName": "mfu", "Value": 10**400}]), "FinalMetricDataList.0.Value"),
        (describe(Tags=[{"Key": "a"}]), "description"),
        (describe(Tags="ab"), "description"),
        ([], "description"),
    ],
)
def test_a_distorted_answer_is_named(answer: Any, message: str) -> None:
    with pytest.raises(MalformedJob, match=message):
        parse_training_job(answer)


def test_channels_tell_what_they_read() -> None:
    source = {"S3DataSource": {"S3Uri": "s3://bucket/data/"}}
    found = job(InputDataConfig=[{"ChannelName": "train", "DataSource": source}, {"ChannelName": "fast"}])
    assert [channel.uri for channel in found.input_data_config] == ["s3://bucket/data/", ""]


def event(**detail: Any) -> dict[str, Any]:
    return {"source": "aws.sagemaker", "detail": {"TrainingJobArn": ARN, **detail}}


def test_an_event_points_at_a_job() -> None:
    pointer = read_pointer(event(TrainingJobStatus="Completed", CreationTime="1772323200000"))
    assert (pointer.name, pointer.region, pointer.account) == ("fine-tune", "eu-west-1", "123456789012")
    assert pointer.creation_time == datetime(2026, 3, 1, tzinfo=UTC)
    assert pointer.known_to_exist


@pytest.mark.parametrize(
    "changed",
    [
        {**event(TrainingJobStatus="Completed", CreationTime=1), "source": "flops-auditor.replay"},
        event(TrainingJobStatus="InProgress", CreationTime=1),
        event(TrainingJobStatus="Completed"),
    ],
)
def test_only_the_end_of_a_job_told_by_aws_proves_it(changed: dict[str, Any]) -> None:
    assert not read_pointer(changed).known_to_exist


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        {},
        {"detail": "x"},
        {"detail": {}},
        {"detail": {"TrainingJobArn": ARN + "/../other"}},
        {"detail": {"TrainingJobArn": ARN.replace("training", "processing")}},
        event(CreationTime="soon"),
    ],
)
def test_an_event_that_names_no_job_is_refused(bad: object) -> None:
    with pytest.raises(MalformedEvent):
        read_pointer(bad)
