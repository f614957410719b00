"""Parts of an Amazon Resource Name, arn:partition:service:region:account:resource (AWS IAM User Guide)."""

from functools import lru_cache

_PARTITION, _SERVICE, _REGION, _ACCOUNT = 1, 2, 3, 4


def partition_of(arn: str) -> str:
    """The partition, such as `aws`; empty where the ARN has none."""
    return _part(arn, _PARTITION)


def service_of(arn: str) -> str:
    """The service, such as `batch`; empty where the ARN has none."""
    return _part(arn, _SERVICE)


PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("us-iso-", "aws-iso"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)
"""How the names of a partition's regions begin; all others are of `aws` (botocore's partitions.json)."""


@lru_cache(256)
def partition_of_region(region: str) -> str:
    """The partition that a region is in."""
    return next((partition for begins, partition in PARTITIONS if region.startswith(begins)), "aws")


def region_of(arn: str) -> str:
    """The region; empty where the ARN has none."""
    return _part(arn, _REGION)


def account_of(arn: str) -> str:
    """The account; empty where the ARN has none."""
    return _part(arn, _ACCOUNT)


def name_of(arn: str) -> str:
    """The last segment of the resource: how people call it. A text without segments stays whole."""
    return arn.rsplit("/", 1)[-1]


def _part(arn: str, place: int) -> str:
    parts = arn.split(":")
    return parts[place] if len(parts) > place else ""
