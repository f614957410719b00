"""The note of a day's mail on DynamoDB and its twin in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_mailed import DynamoDbMailedDays
from flops_auditor.use_cases.ports.ledger import MailedDays
from tests.fakes.ledger import MemoryMailedDays
from tests.fakes.tables import create_table

DAY, NEXT = date(2026, 11, 30), date(2026, 12, 1)


@pytest.fixture(params=["memory", "dynamodb"])
def days(request: pytest.FixtureRequest) -> Iterator[MailedDays]:
    if request.param == "memory":
        yield MemoryMailedDays()
        return
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        create_table(client, "records")
        yield DynamoDbMailedDays(client, "records")


def test_the_newest_day_is_known(days: MailedDays) -> None:
    assert not days.mailed(DAY)
    days.note(DAY)
    assert days.mailed(DAY)
    days.note(NEXT)
    assert days.mailed(NEXT)
    assert not days.mailed(DAY)
