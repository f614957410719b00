"""AWS errors that nothing expected, in words and with what to do next: for people at the command line."""

import os

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from flops_auditor.aws.calls.refusals import passing
from flops_auditor.aws.calls.torn_answers import TornAnswer
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable

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
_MALFORMED_CODES = frozenset({"InvalidParameterValue", "ValidationError", "ValidationException"})


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
        "`flops-auditor docs iam` lists what each part needs."
    )


class Unreachable(AuditorError):
    """No answer came from AWS, or one of something else."""

    remedy = (
        "Check the network (does it ask you to sign in with a browser?), the proxy and the region's name, then run the "
        "command again."
    )


class NotJustNow(AuditorError):
    """AWS is asked too often, or has a fault of its own."""

    remedy = "Nothing is wrong with what was asked: wait a minute, then run the command again."


class Malformed(WrongInput):
    """A name, an ARN or a number that was given is none that AWS takes."""

    remedy = "Check the names that were given, then run the command again."


class Refused(AuditorError):
    """AWS answered, and refused for another reason than rights."""

    remedy = "Check the names that were given, then run the command again."


_BY_CODE: tuple[tuple[frozenset[str], type[AuditorError]], ...] = (
    (_EXPIRED_CODES, SignInExpired),
    (_UNKNOWN_CALLER_CODES, NotSignedIn),
    (_DENIED_CODES, Denied),
    (_MALFORMED_CODES, Malformed),
)
_BY_TYPE: tuple[tuple[tuple[type[Exception], ...], type[AuditorError]], ...] = (
    ((SSOError, TokenRetrievalError), SignInExpired),
    ((NoRegionError, InvalidRegionError), NoRegion),
    ((NoCredentialsError, PartialCredentialsError, ProfileNotFound), NotSignedIn),
    ((BotoConnectionError, HTTPClientError, TornAnswer, ResponseParserError), Unreachable),
    ((ParamValidationError,), Malformed),
    ((ClientError, BotoCoreError), Refused),
)


def in_words(error: Exception) -> Exception:
    """An AWS error as one of the errors above; any other error as it is.

    What a source could not be asked for is named by what AWS said, unless a right is missing: SourceDenied says so.
    """
    behind = error.__cause__ if isinstance(error, (SourceDenied, SourceUnavailable)) else error
    made = _named(behind) if isinstance(behind, Exception) else None
    if made is None or (made is Denied and behind is not error):
        return error
    failure = made(str(error))
    profile = os.environ.get("AWS_PROFILE")
    if isinstance(failure, SignInExpired) and profile:
        failure.remedy = f"Sign in again: `aws sso login --profile {profile}`, or fetch new temporary keys."
    return failure


def _named(error: Exception) -> type[AuditorError] | None:
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    for codes, made in _BY_CODE:
        if code in codes:
            return made
    if isinstance(error, ClientError) and passing(error):
        return NotJustNow
    return next((made for types, made in _BY_TYPE if isinstance(error, types)), None)
