"""Evidence that lies under a run's name before its record: refused where no try of its audit can have left it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.domain.runs.evidence import TOO_LARGE, Evidence, Unread, plain
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.left_evidence import can_be_of
from tests.fakes.customization_jobs import customization, evidence, listed, model_arn
from tests.fakes.jobs import CREATED, describe, tagged

END = customization()["statusDetails"]["trainingDetails"]["lastModifiedTime"]
BEFORE_THE_END = END - timedelta(seconds=1)
NO_TIME = {"trainingDetails": {"status": "Completed", "creationTime": END, "lastModifiedTime": END}}
REFUSED = Unread("s3:ListObjectsV2", "AccessDenied")
NOT_THERE = Unread("s3:ListObjectsV2", "NoSuchKey")


def training(**changes: Any) -> Evidence:
    return Evidence(plain(describe(**changes)), tags=[])


def cut(given: Evidence) -> Evidence:
    return replace(given, unread=(Unread(given.source, TOO_LARGE, "cut"),))


def trained_on(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "ChannelName": name,
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://models/{name}/"}},
        }
        for name in names
    ]


@pytest.mark.parametrize(
    "left",
    [
        evidence(customization(baseModelArn=model_arn("meta.llama3-2-1b-instruct-v1:0:128k"))),
        evidence(customization(hyperParameters={"epochCount": "1"})),
        evidence(customization(hyperParameters={"epochCount": "1"}), NOT_THERE),
        evidence(customization(trainingDataConfig={"s3Uri": "s3://corpora/small.jsonl"})),
        evidence(customization(customizationType="DISTILLATION")),
        evidence(customization(outputModelArn=None)),
        evidence(customization(status="Failed")),
        evidence(customization(statusDetails=NO_TIME)),
        evidence(customization(2)),
        evidence(customization(2, status="InProgress", endTime=None)),
        evidence(entry=listed(1)),
        evidence(entry=listed(LastModified=END)),
        cut(evidence(customization(statusDetails=NO_TIME))),
        cut(evidence(entry=listed(1))),
    ],
    ids=lambda left: "",
)
def test_what_contradicts_a_customization_job_is_not_its_evidence(left: Evidence) -> None:
    assert not can_be_of(case_of(left), evidence())


@pytest.mark.parametrize(
    ("left", "now"),
    [
        (evidence(), evidence()),
        (evidence(tokens="1"), evidence(tokens="2")),
        (evidence(), evidence(entry=NOT_THERE)),
        (evidence(), evidence(entry=REFUSED)),
        (evidence(entry=REFUSED), evidence()),
        (evidence(entry={}), evidence()),
        (evidence(), evidence(entry=listed(1, LastModified=END))),
        (evidence(), evidence(entry=listed(1, LastModified="soon"))),
        (evidence(customization(status="InProgress", endTime=None)), evidence()),
        (cut(evidence(customization(hyperParameters={}))), evidence()),
        (evidence(), cut(evidence(customization(hyperParameters={})))),
    ],
    ids=range(11),
)
def test_what_may_have_changed_since_or_was_refused_contradicts_nothing(left: Evidence, now: Evidence) -> None:
    assert can_be_of(case_of(left), now)


def test_what_was_written_before_the_end_was_listed_alike() -> None:
    """Also where it was written after the job was created, which leaves its size open."""
    now = evidence(entry=listed(10**12, LastModified=BEFORE_THE_END))
    assert not can_be_of(case_of(evidence()), now)
    assert can_be_of(case_of(now), now)


@pytest.mark.parametrize(
    "changes",
    [
        {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 2}},
        {"hours": 9},
        {"HyperParameters": {"max_seq_length": "512", "model_id": "meta-llama/Llama-3.2-1B"}},
        {"InputDataConfig": trained_on("model")},
        {"ModelArtifacts": {"S3ModelArtifacts": "s3://models/other/output/model.tar.gz"}},
        {"Environment": {"MODEL_ID": "meta-llama/Llama-3.2-1B"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_nor_is_what_contradicts_a_training_job(changes: Mapping[str, Any]) -> None:
    assert not can_be_of(case_of(training(**changes)), training())


def test_what_a_training_job_emitted_may_be_said_later() -> None:
    value = {"MetricName": "loss", "Value": 0.5, "Timestamp": CREATED}
    late = training(FinalMetricDataList=[value], LastModifiedTime=CREATED + timedelta(days=1), WarmPoolStatus={})
    assert can_be_of(case_of(training()), late)
    assert can_be_of(case_of(replace(late, tags=tagged(tokens="1"), metrics=[{"Label": "loss"}])), training())
