"""Which AWS errors are a refusal, to be recorded, and which pass, to be tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from flops_auditor.aws.calls.torn_answers import TornAnswer
from flops_auditor.domain.runs.evidence import DENIALS, Unread
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable

REFUSALS = DENIALS | {
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "ValidationException",
    "ValidationError",
}

PASSING = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def passing(error: Exception) -> bool:
    """Whether asking again may help: a throttled request, a fault of the service, or no whole answer."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in PASSING or status >= 500
    return isinstance(error, (BotoConnectionError, HTTPClientError, TornAnswer))


@contextmanager
def refusals(source: str) -> Iterator[None]:
    """Turn a refusal of `source` ("cloudwatch:GetMetricData") into SourceDenied; leave passing faults alone."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in REFUSALS:
            message = error.response["Error"].get("Message", "")
            raise SourceDenied(Unread(source, code, message[:300])) from error
        raise


@contextmanager
def outages(source: str) -> Iterator[None]:
    """Turn what is left after botocore's retries into SourceUnavailable, where one source must not stop the others."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise SourceUnavailable(f"{source}: {str(error)[:300]}") from error
