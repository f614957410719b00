"""The mails of the weeks, kept in memory and in the bucket of reports: one a week, and which went out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from flops_auditor.aws.stores.s3_digests import S3Digests
from flops_auditor.aws.stores.sns import SnsAlerts
from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.use_cases.operations.send_digest import Digests
from flops_auditor.use_cases.ports.queues import NotPublished
from tests.fakes.reports import MemoryDigests

REGION: dict[str, str] = {"region_name": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
AS_OF = datetime(2026, 11, 24, 12, 30, 5, 250_000, tzinfo=UTC)


@pytest.fixture(params=["memory", "s3"])
def digests(request: pytest.FixtureRequest) -> Iterator[Digests]:
    if request.param == "memory":
        yield MemoryDigests()
        return
    with mock_aws():
        client = boto3.client("s3", **REGION)
        client.create_bucket(Bucket="pages", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield S3Digests(client, "pages")


def test_a_week_is_taken_once(digests: Digests) -> None:
    assert not digests.taken("2026-W48")
    assert digests.take("2026-W48", "first \N{EM DASH} mail\n")
    assert not digests.take("2026-W48", "second mail\n")
    assert digests.taken("2026-W48")
    assert not digests.taken("2026-W4"), "a week is not another one that its name begins with"
    assert not digests.taken("2026-W49")


def test_a_week_whose_mail_was_refused_is_taken_by_another_one(digests: Digests) -> None:
    for refused in range(3):
        assert digests.take("2026-W48", f"mail {refused}")
        assert not digests.take("2026-W48", "beside it")
        assert digests.taken("2026-W48")
        digests.note_refused("2026-W48")
        assert not digests.taken("2026-W48")
    assert digests.take("2026-W48", "the one that goes out")
    assert digests.taken("2026-W48")
    assert digests.last_sent() is None
    assert not digests.taken("2026-W49")


@pytest.mark.parametrize(
    ("status", "tries", "certain"),
    [(403, 0, True), (429, 0, True), (500, 0, False), (503, 0, False), (403, 1, False), (429, 5, False)],
)
def test_a_refusal_is_told_from_a_fault_after_which_nobody_knows(status: int, tries: int, certain: bool) -> None:
    """A refusal of a later try says nothing of the first one, which may have gone out."""
    client = boto3.client("sns", **REGION)
    stub = Stubber(client)
    stub.add_client_error("publish", "SomeError", http_status_code=status, response_meta={"RetryAttempts": tries})
    with stub, pytest.raises(NotPublished if certain else ClientError):
        SnsAlerts(client, "arn:aws:sns:eu-west-1:123456789012:alerts").send(Alert("subject", "body", {}))


def test_the_last_one_that_was_sent_is_found(digests: Digests) -> None:
    assert digests.last_sent() is None
    digests.take("2026-W48", "kept, and not sent")
    assert digests.last_sent() is None
    for days in (0, -7, 7, -3):
        digests.note_sent(AS_OF + timedelta(days=days))
    assert digests.last_sent() == AS_OF + timedelta(days=7)


def test_the_text_of_a_week_can_be_read_in_the_bucket() -> None:
    with mock_aws():
        client: Any = boto3.client("s3", **REGION)
        client.create_bucket(Bucket="pages", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        digests = S3Digests(client, "pages")
        digests.take("2026-W48", "first \N{EM DASH} mail\n")
        digests.take("2026-W48", "second mail\n")
        kept = client.get_object(Bucket="pages", Key="digests/2026-W48.txt")
        assert (kept["Body"].read().decode(), kept["ContentType"]) == ("first — mail\n", "text/plain; charset=utf-8")
