"""The Digests port in the bucket of reports: the mail of each week, written once, and a mark for each that was sent."""

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from flops_auditor.domain.values.moments import iso, read_time

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "digests/"
SENT = f"{FOLDER}sent/"


class S3Digests:
    """Needs s3:PutObject under digests/ and s3:ListBucket of it."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def taken(self, week: str) -> bool:
        """Whether the mail of a week is kept."""
        return _key(week) in self._keys(_key(week))

    def take(self, week: str, text: str) -> bool:
        """Keep it with `If-None-Match: *`; False on 412. A concurrent put (409) takes the week as well."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=_key(week),
                Body=text.encode(),
                ContentType="text/plain; charset=utf-8",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise
        return True

    def note_sent(self, as_of: datetime) -> None:
        """The moment stands in the key, so that a listing tells the last one."""
        self._client.put_object(Bucket=self._bucket, Key=f"{SENT}{iso(as_of)}", Body=b"")

    def last_sent(self) -> datetime | None:
        """The newest mark."""
        marks = self._keys(SENT)
        return read_time(marks[-1].removeprefix(SENT)) if marks else None

    def _keys(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]


def _key(week: str) -> str:
    return f"{FOLDER}{week}.txt"
