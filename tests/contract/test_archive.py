"""Every Archive behaves alike: in memory, and on a versioned S3 bucket."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.ledger.ledger_errors import ObjectReplaced
from flops_auditor.use_cases.ports.ledger import Archive
from tests.fakes.ledger import MemoryArchive


@dataclass
class Intruder:
    """What somebody with wide rights can still do under Object Lock."""

    client: Any
    memory: MemoryArchive | None

    def overwrite(self, key: str) -> None:
        if self.memory:
            self.memory.overwrite(key, b"forged")
        else:
            self.client.put_object(Bucket="archive", Key=key, Body=b"forged")

    def delete(self, key: str) -> None:
        if self.memory:
            self.memory.delete(key)
        else:
            self.client.delete_object(Bucket="archive", Key=key)


@pytest.fixture(params=["memory", "s3"])
def storage(request: pytest.FixtureRequest) -> Iterator[tuple[Archive, Intruder]]:
    if request.param == "memory":
        memory = MemoryArchive()
        yield memory, Intruder(None, memory)
        return
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        client.create_bucket(Bucket="archive")
        client.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        yield S3Archive(client, "archive"), Intruder(client, None)


Storage = tuple[Archive, Intruder]


def test_a_key_is_written_once(storage: Storage) -> None:
    archive, _ = storage
    assert archive.put_if_absent("log/1", b"first")
    assert not archive.put_if_absent("log/1", b"second")
    assert archive.get("log/1") == b"first"


def test_an_unknown_key_is_none(storage: Storage) -> None:
    archive, _ = storage
    archive.put_if_absent("log/10", b"longer key")
    assert archive.get("log/1") is None


def test_keys_come_in_order_after_a_key_and_up_to_a_limit(storage: Storage) -> None:
    archive, _ = storage
    for key in ("log/3", "log/1", "other/1", "log/2"):
        archive.put_if_absent(key, b"")
    assert list(archive.list("log/")) == ["log/1", "log/2", "log/3"]
    assert list(archive.list("log/", start_after="log/1")) == ["log/2", "log/3"]
    assert list(archive.list("log/", limit=2)) == ["log/1", "log/2"]
    assert list(archive.list("log/", start_after="log/1", limit=1)) == ["log/2"]
    assert list(archive.list("none/")) == []


def test_a_second_version_is_refused(storage: Storage) -> None:
    archive, intruder = storage
    for key in ("log/1", "log/2", "log/3"):
        archive.put_if_absent(key, b"first")
    intruder.overwrite("log/2")
    with pytest.raises(ObjectReplaced, match=r"log/2 has a second version"):
        archive.get("log/2")
    assert list(archive.list("log/")) == ["log/1", "log/2", "log/3"]
    assert archive.get("log/1") == b"first"


def test_an_object_larger_than_the_ledger_writes_is_not_read(storage: Storage) -> None:
    archive, _ = storage
    for key in ("checkpoints/1", "keys.json"):
        archive.put_if_absent(key, bytes((1 << 20) + 1))
        with pytest.raises(ObjectReplaced, match="bytes"):
            archive.get(key)
    archive.put_if_absent("log/1", bytes((1 << 20) + 1))
    assert len(archive.get("log/1") or b"") == (1 << 20) + 1


@pytest.mark.parametrize("then_put_again", [False, True])
def test_a_delete_marker_is_refused(storage: Storage, then_put_again: bool) -> None:
    """Under Object Lock a delete marker hides the current version, and a new put may follow even with If-None-Match."""
    archive, intruder = storage
    archive.put_if_absent("log/1", b"first")
    intruder.delete("log/1")
    if then_put_again:
        archive.put_if_absent("log/1", b"forged")
    with pytest.raises(ObjectReplaced, match="log/1"):
        archive.get("log/1")
    assert list(archive.list("log/")) == ["log/1"]


def test_whatever_is_refused_is_told_with_why_where_all_is_listed(storage: Storage) -> None:
    archive, intruder = storage
    for key in ("log/1", "log/2", "log/3", "log/4", "other"):
        archive.put_if_absent(key, b"body")
    intruder.overwrite("log/2")
    intruder.delete("log/3")
    intruder.overwrite("log/3")
    told = dict(archive.inspect("log/"))
    assert list(told) == ["log/1", "log/2", "log/3", "log/4"]
    for key, why in told.items():
        if why:
            with pytest.raises(ObjectReplaced, match=why):
                archive.get(key)
        else:
            assert archive.get(key) == b"body"
    assert [key for key, why in told.items() if why] == ["log/2", "log/3"]


def test_what_is_too_large_is_refused_where_all_is_listed(storage: Storage) -> None:
    archive, _ = storage
    archive.put_if_absent("checkpoints/1", b"x" * ((1 << 20) + 1))
    [(_, why)] = archive.inspect("")
    assert "more" in why


@mock_aws
@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_what_cannot_be_read_is_refused_by_name(storage_class: Any) -> None:
    client = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    client.create_bucket(Bucket="archive", ObjectLockEnabledForBucket=True)
    client.put_object(Bucket="archive", Key="log/1", Body=b"junk", StorageClass=storage_class)
    archive = S3Archive(client, "archive")
    with pytest.raises(ObjectReplaced, match="log/1 is stored as"):
        archive.get("log/1")
    assert list(archive.inspect("log/")) == [("log/1", f"is stored as {storage_class}, which cannot be read")]


@pytest.mark.parametrize("code", ["InvalidObjectState", "InvalidRequest", "InvalidArgument"])
def test_what_s3_does_not_give_out_is_refused_by_name(code: str) -> None:
    client = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        version = {"Key": "log/1", "VersionId": "1", "Size": 4, "StorageClass": "STANDARD"}
        stubber.add_response("list_object_versions", {"Versions": [version], "IsTruncated": False})
        stubber.add_client_error("get_object", code, http_status_code=400)
        with pytest.raises(ObjectReplaced, match=f"log/1 cannot be read: S3 says {code}"):
            S3Archive(client, "archive").get("log/1")
