"""The ObjectAttributes port on Amazon S3, in any bucket that the account may read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from flops_auditor.aws.calls.refusals import passing
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.use_cases.ports.sources import SourceDenied

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GET_ATTRIBUTES = "s3:GetObjectAttributes"
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
            if passing(error):
                raise
            code = type(error).__name__
            if isinstance(error, ClientError):
                code = error.response["Error"]["Code"]
            if code in _NOT_THERE:
                return None
            raise SourceDenied(Unread(GET_ATTRIBUTES, code, str(error)[:200])) from error
        return {name: answer[name] for name in ("ETag", "Checksum", "ObjectSize") if name in answer}
