"""The operators' bucket on S3 and its twin, and what became of each file on DynamoDB and its twin."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber
from moto import mock_aws

from flops_auditor.aws.sources import dropped_files
from flops_auditor.aws.sources.dropped_files import S3OperatorsFiles
from flops_auditor.aws.stores.dynamodb_cluster_files import DynamoDbFileStates
from flops_auditor.use_cases.ports.clusters import DroppedFile, FileState, FileStates, OperatorsFiles
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable
from tests.fakes.audit import NOW
from tests.fakes.dropped_files import BUCKET, MemoryFileStates, MemoryOperatorsFiles
from tests.fakes.tables import create_table

ACCOUNT = "123456789012"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
ODD = ("eu-west-1/research/a b.txt", "\u202eodd\n", "z" * 1024)
Drop = Callable[[str, bytes], None]


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", "eu-west-1", **KEYS)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest, s3: Any) -> tuple[OperatorsFiles, Drop]:
    if request.param == "memory":
        twin = MemoryOperatorsFiles()
        return twin, lambda key, body: twin.drop(key, body, datetime.now(UTC))
    return S3OperatorsFiles(s3, BUCKET, ACCOUNT), lambda key, body: s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def test_files_are_listed_in_the_order_of_keys_and_read_while_they_are_the_listed_ones(
    bucket: tuple[OperatorsFiles, Drop],
) -> None:
    files, drop = bucket
    assert files.listed() == []
    for key in reversed(ODD):
        drop(key, key.encode())
    listed = files.listed()
    assert [each.key for each in listed] == sorted(ODD)
    assert [each.size for each in listed] == [len(each.key.encode()) for each in listed]
    read = files.read(listed[0])
    assert read is not None
    assert (read[0], bool(read[1])) == (listed[0].key.encode(), True)
    drop(listed[0].key, b"other")
    assert files.read(listed[0]) is None


def test_a_file_that_is_put_again_is_another_version(bucket: tuple[OperatorsFiles, Drop]) -> None:
    files, drop = bucket
    drop("a", b"1")
    [first] = files.listed()
    [same] = files.listed()
    assert first.version == same.version
    later = replace(first, dropped_at=first.dropped_at + timedelta(seconds=1))
    assert first.version != later.version


def test_a_folder_that_the_console_made_is_no_file_and_a_version_has_the_name_that_s3_gives(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="eu-west-1/", Body=b"")
    put = s3.put_object(Bucket=BUCKET, Key="eu-west-1/x", Body=b"x")
    files = S3OperatorsFiles(s3, BUCKET, ACCOUNT)
    [file] = files.listed()
    assert files.read(file) == (b"x", put["VersionId"])


def test_no_more_are_listed_than_one_too_many(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped_files, "MOST_FILES", 2)
    for key in "abcd":
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert [each.key for each in S3OperatorsFiles(s3, BUCKET, ACCOUNT).listed()] == ["a", "b", "c"]


def test_a_bucket_that_is_gone_is_refused_and_a_file_that_is_gone_is_none(s3: Any) -> None:
    with pytest.raises(SourceDenied, match="s3:ListBucket"):
        S3OperatorsFiles(s3, "no-such-bucket", ACCOUNT).listed()
    assert S3OperatorsFiles(s3, BUCKET, ACCOUNT).read(DroppedFile("gone", '"etag"', 1, NOW)) is None


def test_s3_is_told_whose_bucket_it_must_be_and_its_refusal_is_named() -> None:
    client = boto3.client("s3", "eu-west-1", **KEYS)
    files, ours = S3OperatorsFiles(client, BUCKET, ACCOUNT), {"Bucket": BUCKET, "ExpectedBucketOwner": ACCOUNT}
    with Stubber(client) as stub:
        stub.add_client_error("list_objects_v2", "AccessDenied", "not yours", 403, expected_params=ours)
        with pytest.raises(SourceDenied, match="s3:ListBucket"):
            files.listed()
        asked = {**ours, "Key": "a", "IfMatch": '"etag"'}
        stub.add_client_error("get_object", "AccessDenied", "not yours", 403, expected_params=asked)
        with pytest.raises(SourceDenied, match="s3:GetObject"):
            files.read(DroppedFile("a", '"etag"', 1, NOW))
        stub.add_client_error("get_object", "SlowDown", "later", 503, expected_params=asked)
        with pytest.raises(SourceUnavailable, match="s3:GetObject"):
            files.read(DroppedFile("a", '"etag"', 1, NOW))


class Torn:
    """A body that breaks off."""

    def __init__(self, body: bytes = b"") -> None:
        self.body = body

    def read(self, most: int) -> bytes:
        if not self.body:
            raise ReadTimeoutError(endpoint_url="s3")
        return self.body


@pytest.mark.parametrize("torn", [Torn(), Torn(b"hal")])
def test_a_body_that_breaks_off_is_asked_for_again(torn: Torn) -> None:
    client = boto3.client("s3", "eu-west-1", **KEYS)
    file = DroppedFile("a", '"etag"', 5, NOW)
    files = S3OperatorsFiles(client, BUCKET, ACCOUNT)
    with Stubber(client) as stub:
        for body in (torn, Torn(b"whole")):
            stub.add_response("get_object", {"Body": body, "ETag": '"etag"'})
        assert files.read(file) == (b"whole", "etag")
        for _ in range(3):
            stub.add_response("get_object", {"Body": torn})
        with pytest.raises(SourceUnavailable, match="s3:GetObject"):
            files.read(file)


@pytest.fixture(params=["memory", "dynamodb"])
def states(request: pytest.FixtureRequest) -> Iterator[FileStates]:
    if request.param == "memory":
        yield MemoryFileStates()
        return
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-1", **KEYS)
        create_table(client, "records")
        DynamoDbFileStates(client, "records", "another-bucket").note(FileState("a", "1", NOW, "recorded"))
        yield DynamoDbFileStates(client, "records", BUCKET)


def test_the_newest_state_of_each_file_is_known_until_it_is_gone(states: FileStates) -> None:
    assert states.states() == {}
    kept = [
        FileState(
            key, "1", NOW, "recording", after="x", looked_at=3, recorded=1, otherwise=1, failed=1, names=("a", "b")
        )
        for key in ODD
    ]
    for each in kept:
        states.note(each)
    assert states.states() == {each.key: each for each in kept}
    refused = replace(kept[0], version="2", stage="refused", reason="why", remedy="what to do", tries=2, passes=1)
    states.note(refused)
    states.forget(kept[1].key, NOW)
    assert states.states() == {kept[0].key: refused, kept[2].key: kept[2]}
