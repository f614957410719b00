"""AWS errors that nothing expected, in words and with what to do next: for people at the command line."""

import os

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

_EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_UNKNOWN_CALLER_CODES = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED_CODES = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "OptInRequired"}
)


class NotSignedIn(AuditorError):
    """AWS does not know who asks."""

    remedy = "Sign in (`aws configure`, or `aws sso login`), or name a profile that is signed in with --profile."


class SignInExpired(AuditorError):
    """Whoever asks was signed in, and is no longer."""

    remedy = "Sign in again: `aws sso login`, or fetch new temporary keys."


class NoRegion(AuditorError):
    """No region is chosen, or one that cannot be."""

    remedy = "Name it with --region, such as --region eu-west-1, or set AWS_REGION."


class Denied(AuditorError):
    """AWS knows who asks, and does not allow it."""

    remedy = (
        "Ask whoever manages the account to allow you the action that is named, or choose another --profile; "
        "docs/iam.md lists what each part needs."
    )


class Unreachable(AuditorError):
    """No answer came from AWS."""

    remedy = "Check the network, the proxy and the region's name, then run the command again."


class Refused(AuditorError):
    """AWS answered, and refused for another reason than rights."""

    remedy = "Check the names that were given, then run the command again."


_BY_CODE: tuple[tuple[frozenset[str], type[AuditorError]], ...] = (
    (_EXPIRED_CODES, SignInExpired),
    (_UNKNOWN_CALLER_CODES, NotSignedIn),
    (_DENIED_CODES, Denied),
)
_BY_TYPE: tuple[tuple[tuple[type[Exception], ...], type[AuditorError]], ...] = (
    ((SSOError, TokenRetrievalError), SignInExpired),
    ((NoRegionError, InvalidRegionError), NoRegion),
    ((NoCredentialsError, PartialCredentialsError, ProfileNotFound), NotSignedIn),
    ((BotoConnectionError, HTTPClientError), Unreachable),
    ((ClientError, BotoCoreError), Refused),
)


def in_words(error: Exception) -> Exception:
    """An AWS error as one of the errors above; any other error as it is."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    by_code = (made for codes, made in _BY_CODE if code in codes)
    by_type = (made for types, made in _BY_TYPE if isinstance(error, types))
    made = next(by_code, None) or next(by_type, None)
    if made is None:
        return error
    failure = made(str(error))
    profile = os.environ.get("AWS_PROFILE")
    if isinstance(failure, SignInExpired) and profile:
        failure.remedy = f"Sign in again: `aws sso login --profile {profile}`, or fetch new temporary keys."
    return failure
