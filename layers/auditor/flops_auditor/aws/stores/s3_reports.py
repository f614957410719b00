"""Where reports are kept: one page a day, and the newest under a name that stays. They are no evidence."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "reports/"
LATEST = f"{FOLDER}latest.html"


class S3Reports:
    """Needs s3:PutObject under reports/ and s3:ListBucket of it."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, page: bytes, day: date) -> str:
        """Put a page as that of its day, and as the newest; its key."""
        key = f"{FOLDER}{day.isoformat()}.html"
        for name in (key, LATEST):
            self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=page,
                ContentType="text/html; charset=utf-8",
                CacheControl="no-store",
            )
        return key

    def last_before(self, day: date) -> datetime | None:
        """When the newest report of an earlier day was made; None where there is none."""
        made: datetime | None = None
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=FOLDER)
        for page in pages:
            for each in page.get("Contents", []):
                if FOLDER < each["Key"] < f"{FOLDER}{day.isoformat()}.html":
                    made = each["LastModified"].astimezone(UTC)
        return made
