"""Where the lines for queries are kept: one object in the bucket of reports, replaced as a whole. It is no evidence."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "records/"
"""The location of the table `records` in template.yaml: every object under it is read as lines."""
KEY = f"{FOLDER}newest.jsonl.gz"


class S3RecordLines:
    """Needs s3:PutObject under records/."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, packed: bytes) -> None:
        """Put them in the place of the last ones. Athena knows the packing by the end of the name."""
        self._client.put_object(Bucket=self._bucket, Key=KEY, Body=packed, ContentType="application/gzip")
