"""boto3 clients as all functions use them: standard retries, short timeouts, one client per service and region."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from flops_auditor import __version__
from flops_auditor.aws.calls.torn_answers import ask_again

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sagemaker import SageMakerClient

MOST_ATTEMPTS = 5
CONFIG = Config(
    retries={"mode": "standard", "max_attempts": MOST_ATTEMPTS},
    connect_timeout=3,
    read_timeout=20,
    user_agent_extra=f"flops-auditor/{__version__}",
)


@cache
def client(service: str, region: str | None = None) -> Any:
    """A client; without a region, that of the function or profile."""
    made = boto3.client(service, region_name=region, config=CONFIG)  # type: ignore[call-overload]
    return ask_again(made, MOST_ATTEMPTS)


@cache
def listing_client(region: str) -> "SageMakerClient":
    """SageMaker in a region, asked once each time: who lists keeps a pace, which hidden tries would break."""
    config = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    made: SageMakerClient = ask_again(boto3.client("sagemaker", region_name=region, config=config), 1)
    return made


def sagemaker_in(region: str) -> "SageMakerClient":
    """SageMaker in a region."""
    sagemaker: SageMakerClient = client("sagemaker", region)
    return sagemaker


def cloudwatch_in(region: str) -> "CloudWatchClient":
    """CloudWatch in a region."""
    cloudwatch: CloudWatchClient = client("cloudwatch", region)
    return cloudwatch
