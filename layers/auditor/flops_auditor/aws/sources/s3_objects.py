"""The ObjectAttributes and ObjectEntries ports on Amazon S3, in any bucket that the account may read or list."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flops_auditor.aws.calls.refusals import passing
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.sources.artifacts import GET_ATTRIBUTES
from flops_auditor.domain.runs.sources.customization_job_data import LIST_OBJECTS
from flops_auditor.use_cases.ports.sources import SourceDenied

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ENTRY = ("Key", "Size", "LastModified", "ETag")
_NOT_THERE = {"NoSuchKey", "NoSuchBucket", "404"}


class S3ObjectAttributes:
    """Needs s3:GetObjectAttributes and s3:GetObject, which S3 asks for with it. No content is read."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def read(self, bucket: str, key: str) -> Mapping[str, Any] | None:
        """Those attributes that were asked for. Names are anybody's text, so whatever will not pass is a refusal."""
        try:
            answer: Mapping[str, Any] = self._client.get_object_attributes(
                Bucket=bucket, Key=key, ObjectAttributes=["ETag", "Checksum", "ObjectSize"]
            )
        except (ClientError, BotoCoreError) as error:
            _unless_not_there(error, GET_ATTRIBUTES)
            return None
        return {name: answer[name] for name in ("ETag", "Checksum", "ObjectSize") if name in answer}


class S3ObjectEntries:
    """Needs s3:ListBucket. Neither content nor attributes of an object are read."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def entry(self, bucket: str, key: str) -> Mapping[str, Any] | None:
        """The first object whose key begins so, if it is the one: keys are listed in their order."""
        try:
            answer = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        except (ClientError, BotoCoreError) as error:
            _unless_not_there(error, LIST_OBJECTS)
            return None
        first: Mapping[str, Any] = next(iter(answer.get("Contents", [])), {})
        return {name: first[name] for name in _ENTRY if name in first} if first.get("Key") == key else None


def _unless_not_there(error: ClientError | BotoCoreError, source: str) -> None:
    """Nothing where S3 has no such thing. Raises passing faults as they are, all else as SourceDenied."""
    if passing(error):
        raise error
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if code not in _NOT_THERE:
        raise SourceDenied(Unread(source, code, str(error)[:200])) from error
