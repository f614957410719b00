"""The OperatorsFiles port on an S3 bucket of this account."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, IncompleteReadError

from flops_auditor.aws.calls.refusals import outages, passing
from flops_auditor.aws.calls.streamed_bodies import read_again
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.use_cases.ports.clusters import MOST_FILES, DroppedFile
from flops_auditor.use_cases.ports.sources import SourceDenied

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIST_BUCKET = "s3:ListBucket"
GET_OBJECT = "s3:GetObject"
_READINGS = 3
_REPLACED = {"PreconditionFailed", "NoSuchKey", "412", "404"}


class S3OperatorsFiles:
    """Needs s3:ListBucket of the bucket and s3:GetObject of its objects. S3 is told whose bucket it must be: a name
    that was given up may be anybody's.
    """

    def __init__(self, client: "S3Client", bucket: str, account: str) -> None:
        self._client = client
        self.bucket = bucket
        self._account = account

    def listed(self) -> Sequence[DroppedFile]:
        """A folder that the console made is no file."""
        files = list[DroppedFile]()
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, ExpectedBucketOwner=self._account
        )
        with _named(LIST_BUCKET):
            for page in pages:
                for each in page.get("Contents", []):
                    if not each["Key"].endswith("/"):
                        files.append(DroppedFile(each["Key"], each["ETag"], each["Size"], each["LastModified"]))
                if len(files) > MOST_FILES:
                    return files[: MOST_FILES + 1]
        return files

    def read(self, file: DroppedFile) -> tuple[bytes, str] | None:
        """Only while its ETag is the listed one."""

        def read() -> tuple[bytes, str]:
            answer = self._client.get_object(
                Bucket=self.bucket, Key=file.key, IfMatch=file.etag, ExpectedBucketOwner=self._account
            )
            body = answer["Body"].read(file.size + 1)
            if len(body) != file.size:
                raise IncompleteReadError(actual_bytes=len(body), expected_bytes=file.size)
            return body, answer.get("VersionId") or file.etag.strip('"')

        with _named(GET_OBJECT):
            try:
                return read_again(read, _READINGS)
            except ClientError as error:
                if error.response["Error"]["Code"] in _REPLACED:
                    return None
                raise


@contextmanager
def _named(action: str) -> Iterator[None]:
    """Whatever S3 answers but a passing fault is its refusal: names are anybody's text."""
    with outages(action):
        try:
            yield
        except ClientError as error:
            if passing(error):
                raise
            told = error.response["Error"]
            raise SourceDenied(Unread(action, told["Code"], told.get("Message", "")[:200])) from error
