"""Where a round over clusters looks, by the event that has it begin."""

from typing import Any

import pytest

from flops_auditor.domain.runs.sources.cluster_events import NOWHERE, region_to_look_at

KEY = "us-east-1/research/runs.txt"


def dropped(key: Any) -> dict[str, Any]:
    return {"source": "aws.s3", "region": "eu-west-1", "detail": {"bucket": {"name": "files"}, "object": {"key": key}}}


@pytest.mark.parametrize(
    ("event", "region"),
    [
        ({}, ""),
        ({"source": "aws.scheduler"}, ""),
        ({"source": "aws.sagemaker", "region": "us-west-2", "detail": {"EventDetails": {}}}, "us-west-2"),
        ({"source": "aws.sagemaker"}, NOWHERE),
        (dropped(KEY), "us-east-1"),
        (dropped("runs.txt"), NOWHERE),
        (dropped(None), NOWHERE),
        ({"source": "aws.s3"}, NOWHERE),
        ({"source": "aws.s3", "detail": {"object": "key"}}, NOWHERE),
        ({"source": "aws.s3", "detail": {"object": {}}}, NOWHERE),
    ],
)
def test_an_event_names_a_region_and_a_schedule_all(event: dict[str, Any], region: str) -> None:
    assert region_to_look_at(event) == region
