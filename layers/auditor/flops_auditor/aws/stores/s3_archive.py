"""The Archive port on a versioned S3 bucket with Object Lock.

Object Lock keeps every version, but lets a delete marker or a newer version take the *current* place. Hence everything
is read through ListObjectVersions: a second version or a delete marker is a finding, not a state.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.streamed_bodies import read_again
from flops_auditor.domain.ledger.ledger_errors import ObjectReplaced
from flops_auditor.domain.values.archive_keys import largest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE = 1000
_CONFLICTS = 8
_READINGS = 5


_NOT_AT_ONCE = ("GLACIER", "DEEP_ARCHIVE")
"""Classes of storage from which an object must be restored before it is read."""
_UNREADABLE = ("InvalidObjectState", "InvalidRequest", "InvalidArgument")
"""How S3 refuses an object in such a class, or one under a key that its writer kept."""


class _Version(NamedTuple):
    """One version of an object; `size` in bytes."""

    name: str
    size: int
    storage: str


def _refused(key: str, versions: Sequence[_Version | None]) -> str:
    """Why nothing is read under a key that has these versions."""
    if None in versions:
        return "has a delete marker"
    if len(versions) > 1:
        return "has a second version"
    version = versions[0] if versions else None
    if version is None:
        return ""
    if version.storage in _NOT_AT_ONCE:
        return f"is stored as {version.storage}, which cannot be read"
    return f"has {version.size} bytes, more than the ledger writes there" if version.size > largest(key) else ""


class S3Archive:
    """Needs s3:PutObject, s3:GetObjectVersion and s3:ListBucketVersions on the bucket; nothing that deletes."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store with `If-None-Match: *`; False on 412. A concurrent put (409) is tried again once it is decided."""
        for remaining in reversed(range(_CONFLICTS)):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
                return True
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status == 412:
                    return False
                if status != 409 or not remaining:
                    raise
        raise AssertionError("unreachable")

    def get(self, key: str) -> bytes | None:
        """The only version of the object, if it can be read and is not larger than the ledger writes any."""
        listed = takewhile(lambda each: each[0] == key, self._versions(key, "", _PAGE))
        versions = [version for _, version in islice(listed, 2)]
        if why := _refused(key, versions):
            raise ObjectReplaced(f"{key} {why}")
        return self._read(key, versions[0].name) if versions and versions[0] else None

    def _read(self, key: str, version: str) -> bytes:
        """One version."""

        def read() -> bytes:
            return self._client.get_object(Bucket=self._bucket, Key=key, VersionId=version)["Body"].read()

        try:
            return read_again(read, _READINGS)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _UNREADABLE:
                raise ObjectReplaced(f"{key} cannot be read: S3 says {code}") from error
            raise

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        """Keys in order; an object under a delete marker is not passed over."""
        page = _PAGE if limit is None else min(_PAGE, limit)
        keys = (key for key, _ in groupby(self._versions(prefix, start_after, page), lambda each: each[0]))
        return islice(keys, limit)

    def inspect(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Keys in order, each with why `get` refuses its object; "" where it does not."""
        for key, versions in groupby(self._versions(prefix, "", _PAGE), lambda each: each[0]):
            yield key, _refused(key, [version for _, version in islice(versions, 2)])

    def _versions(self, prefix: str, start_after: str, page: int) -> Iterator[tuple[str, "_Version | None"]]:
        """(key, version) of each version in the order of keys; None as version for a delete marker."""
        markers: dict[str, Any] = {"KeyMarker": start_after} if start_after else {}
        while True:
            answer = self._client.list_object_versions(Bucket=self._bucket, Prefix=prefix, MaxKeys=page, **markers)
            versions: list[tuple[str, _Version | None]] = [
                (each["Key"], None) for each in answer.get("DeleteMarkers", [])
            ]
            versions += [
                (e["Key"], _Version(e["VersionId"], e["Size"], e.get("StorageClass", "")))
                for e in answer.get("Versions", [])
            ]
            yield from sorted(versions, key=lambda each: each[0])
            if not answer.get("IsTruncated"):
                return
            markers = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}
