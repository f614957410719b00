"""The Digests port in the bucket of reports: the mail of each week, written once, and a mark for each that was sent.

A mail that was refused has a mark, too, and the next one of its week another key. Nothing is deleted.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from flops_auditor.domain.values.moments import iso, read_time

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "digests/"
SENT = f"{FOLDER}sent/"
REFUSED = ".refused"


class S3Digests:
    """Needs s3:PutObject under digests/ and s3:ListBucket of it."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def taken(self, week: str) -> bool:
        """Whether a mail of the week is kept that was not refused."""
        return self._newest(week)[1]

    def take(self, week: str, text: str) -> bool:
        """Keep it with `If-None-Match: *`; False on 412. A concurrent put (409) takes the week as well."""
        key, _ = self._newest(week)
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=text.encode(),
                ContentType="text/plain; charset=utf-8",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise
        return True

    def note_refused(self, week: str) -> None:
        """An empty object beside the mail."""
        key, _ = self._newest(week)
        self._client.put_object(Bucket=self._bucket, Key=f"{key}{REFUSED}", Body=b"")

    def note_sent(self, as_of: datetime) -> None:
        """The moment stands in the key, so that a listing tells the last one."""
        self._client.put_object(Bucket=self._bucket, Key=f"{SENT}{iso(as_of)}", Body=b"")

    def last_sent(self) -> datetime | None:
        """The newest mark."""
        marks = self._keys(SENT)
        return read_time(marks[-1].removeprefix(SENT)) if marks else None

    def _newest(self, week: str) -> tuple[str, bool]:
        """The key of the mail of a week that follows those that were refused, and whether it is kept."""
        kept = self._keys(f"{FOLDER}{week}.")
        refused = sum(key.endswith(REFUSED) for key in kept)
        key = f"{FOLDER}{week}.{refused + 1}.txt" if refused else f"{FOLDER}{week}.txt"
        return key, key in kept

    def _keys(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]
