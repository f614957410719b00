"""AWS errors that nothing expected, in words and with what to do next: for people at the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from flops_auditor.domain.values.errors import AuditorError

_WHO_AND_WHERE = (
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_SIGN_IN_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException"}
    | {"SignatureDoesNotMatch", "UnrecognizedClientException"}
)


class NotSignedIn(AuditorError):
    """AWS does not know who asks, or where."""

    remedy = "Sign in (`aws sso login`), then choose account and region with AWS_PROFILE and AWS_REGION."


class Unreachable(AuditorError):
    """No answer came from AWS."""

    remedy = "Check the network, the proxy and the region's name, then run the command again."


class Refused(AuditorError):
    """AWS answered, and said no."""

    remedy = "Check the names that were given, and your permissions against docs/iam.md; then run the command again."


@contextmanager
def in_words() -> Iterator[None]:
    """Turn an AWS error into one of the errors above. Raises NotSignedIn, Unreachable or Refused."""
    try:
        yield
    except ClientError as error:
        known = error.response.get("Error", {}).get("Code", "")
        kind = NotSignedIn if known in _SIGN_IN_CODES else Refused
        raise kind(str(error)) from error
    except _WHO_AND_WHERE as error:
        raise NotSignedIn(str(error)) from error
    except (BotoConnectionError, HTTPClientError) as error:
        raise Unreachable(str(error)) from error
    except BotoCoreError as error:
        raise Refused(str(error)) from error
