"""boto3 clients as all functions use them: standard retries, short timeouts, one client per service and region."""

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import UnknownServiceError

from flops_auditor import __version__
from flops_auditor.aws.calls.series_in_answers import Parsers
from flops_auditor.aws.calls.side_by_side import MOST_AHEAD
from flops_auditor.aws.calls.torn_answers import ask_again
from flops_auditor.domain.values.errors import AuditorError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sagemaker import SageMakerClient

MOST_ATTEMPTS = 5
CONFIG = Config(
    retries={"mode": "standard", "max_attempts": MOST_ATTEMPTS},
    connect_timeout=3,
    read_timeout=20,
    max_pool_connections=2 * MOST_AHEAD,
    user_agent_extra=f"flops-auditor/{__version__}",
)


class ServiceLeftOut(AuditorError):
    """boto3 has no description of a service; the layer is built with those of the services in its Makefile alone."""

    remedy = "Name the service in AWS_SERVICES of layers/auditor/Makefile, then build and deploy again."


def _read_series_at_once() -> None:
    """Have boto3's default session, which makes the clients, read answers by `Parsers`."""
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    if boto3.DEFAULT_SESSION is not None:
        boto3.DEFAULT_SESSION._session.register_component("response_parser_factory", Parsers())


_MAKING = Lock()
"""boto3 makes no client in two threads at once (boto3 developer guide, "Multithreading or multiprocessing with
resources and clients").
"""


def _made(service: str, region: str | None, config: Config) -> Any:
    """A client of boto3. Raises ServiceLeftOut."""
    try:
        with _MAKING:
            _read_series_at_once()
            return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]
    except UnknownServiceError as error:
        raise ServiceLeftOut(f"this build of boto3 cannot call the AWS service {service}") from error


class _MadeOnce:
    """Clients, each made once: calls side by side may need the same."""

    def __init__(self, make: Callable[[str, str | None], Any]) -> None:
        self._made = cache(make)
        self._making = Lock()
        self.cache_clear = self._made.cache_clear

    def __call__(self, service: str, region: str | None = None) -> Any:
        """A client; without a region, that of the function or profile."""
        with self._making:
            return self._made(service, region)


@_MadeOnce
def client(service: str, region: str | None) -> Any:
    """A client for any thread."""
    return ask_again(_made(service, region, CONFIG), MOST_ATTEMPTS)


@_MadeOnce
def listing_client(service: str, region: str | None) -> Any:
    """A client that asks once each time: who lists keeps a pace, which hidden tries would break."""
    config = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    return ask_again(_made(service, region, config), 1)


def sagemaker_listing_in(region: str) -> "SageMakerClient":
    """SageMaker in a region, for who lists."""
    sagemaker: SageMakerClient = listing_client("sagemaker", region)
    return sagemaker


def bedrock_listing_in(region: str) -> Any:
    """Bedrock in a region, for who lists."""
    return listing_client("bedrock", region)


def batch_listing_in(region: str) -> Any:
    """AWS Batch in a region, for who lists."""
    return listing_client("batch", region)


def batch_in(region: str) -> Any:
    """AWS Batch in a region."""
    return client("batch", region)


def bedrock_in(region: str) -> Any:
    """Bedrock in a region."""
    return client("bedrock", region)


def sagemaker_in(region: str) -> "SageMakerClient":
    """SageMaker in a region."""
    sagemaker: SageMakerClient = client("sagemaker", region)
    return sagemaker


def cloudwatch_in(region: str) -> "CloudWatchClient":
    """CloudWatch in a region."""
    cloudwatch: CloudWatchClient = client("cloudwatch", region)
    return cloudwatch
