"""Parts of an Amazon Resource Name, arn:partition:service:region:account:resource (AWS IAM User Guide)."""

_PARTITION, _REGION, _ACCOUNT = 1, 3, 4


def partition_of(arn: str) -> str:
    """The partition, such as `aws`; empty where the ARN has none."""
    return _part(arn, _PARTITION)


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
