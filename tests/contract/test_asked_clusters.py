"""The AskedTimes port: the same in memory and on DynamoDB."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_asked_clusters import DynamoDbAskedTimes
from flops_auditor.use_cases.ports.clusters import AskedTimes, LastAsked
from flops_auditor.use_cases.ports.sources import SourceUnavailable
from tests.fakes.audit import NOW
from tests.fakes.dropped_files import MemoryAskedTimes
from tests.fakes.tables import create_table

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
HERE = LastAsked("eu-west-1", "research", "a1b2c3d4e5f6", NOW)


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-1", **KEYS)
        create_table(client, "records")
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def times(request: pytest.FixtureRequest, dynamodb: Any) -> AskedTimes:
    return MemoryAskedTimes() if request.param == "memory" else DynamoDbAskedTimes(dynamodb, "records")


def test_the_last_time_of_each_name_of_a_region_is_known(times: AskedTimes) -> None:
    assert times.asked("eu-west-1") == {}
    elsewhere, other = replace(HERE, region="us-east-1"), replace(HERE, name="other", cluster="0000000000ff")
    later, gone = replace(HERE, at=NOW + timedelta(hours=1)), replace(other, gone=True)
    for each in (HERE, elsewhere, other, later, gone):
        times.note_asked(each)
    assert times.asked("eu-west-1") == {"research": later, "other": gone}
    assert times.asked("us-east-1") == {"research": elsewhere}
    again = replace(other, cluster="0000000000aa", at=NOW + timedelta(hours=2))
    times.note_asked(again)
    assert times.asked("eu-west-1")["other"] == again


def test_what_is_gone_is_forgotten_by_the_table_and_nothing_else_is(dynamodb: Any) -> None:
    times = DynamoDbAskedTimes(dynamodb, "records")
    times.note_asked(HERE)
    times.note_asked(replace(HERE, name="other", gone=True))
    items = {item["sk"]["S"]: item for item in dynamodb.scan(TableName="records")["Items"]}
    assert "expires" not in items["research"]
    assert int(items["other"]["expires"]["N"]) == int((NOW + timedelta(days=90)).timestamp())


def test_a_table_that_does_not_answer_is_named() -> None:
    client = boto3.client("dynamodb", "eu-west-1", endpoint_url="http://127.0.0.1:1", **KEYS)
    times = DynamoDbAskedTimes(client, "records")
    for call in (lambda: times.asked("eu-west-1"), lambda: times.note_asked(HERE)):
        with pytest.raises(SourceUnavailable, match="dynamodb"):
            call()
