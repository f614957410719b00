"""Which account, region and stack a command talks to, and what is said when that does not work."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from flops_auditor.aws.calls.failures_in_words import in_words
from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.aws.calls.torn_answers import ForeignAnswer, TornAnswer
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.ports.sources import SourceUnavailable
from flops_auditor_cli.deployment import OPTIONS, Target, connect
from flops_auditor_cli.local_aws.locate import LocalAwsEnded, NoLocalAws, find_running, forget, remember
from flops_auditor_cli.main import COMMANDS, load, told

NO_AWS = {"explain-cluster", "plan", "catalog", "verify", "schema", "docs"}
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings of whoever runs the tests; what a command sets is gone afterwards."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("AWS_", "FLOPS_AUDITOR_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]


def options_of(command: Any) -> Iterator[tuple[str, set[str]]]:
    for name, inner in getattr(command, "commands", {"": command}).items():
        yield name, {option for parameter in inner.params for option in parameter.opts}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NO_AWS))
def test_every_command_that_talks_to_aws_can_be_told_where(name: str) -> None:
    for inner, options in options_of(load(name)):
        assert {"--region", "--profile", "--local"} <= options, inner
        assert "--stack-name" in options or name == "audit", inner
    assert set(OPTIONS) == set(Target.__dataclass_fields__)


@pytest.mark.parametrize("name", sorted(NO_AWS))
def test_a_command_without_aws_has_none_of_that(name: str) -> None:
    assert not [options for _, options in options_of(load(name)) if "--profile" in options]


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        (None, {"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        (None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ("us-east-1", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "us-east-1"),
    ],
)
def test_the_region_is_that_of_the_option_then_of_aws_region(
    given: str | None, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", environment.get("AWS_DEFAULT_REGION", "none"))
    connect(Target(region=given))
    assert os.environ["AWS_DEFAULT_REGION"] == expected


def test_a_profile_overrides_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, "somebody else's")
    connect(Target())
    assert all(name in os.environ for name in KEYS)
    connect(Target(profile="mine"))
    assert os.environ["AWS_PROFILE"] == "mine"
    assert not any(name in os.environ for name in KEYS)


def test_local_and_a_profile_exclude_each_other() -> None:
    with pytest.raises(typer.BadParameter):
        connect(Target(local=True, profile="mine"))


def state(folder: Path, pid: int) -> Path:
    folder.mkdir(parents=True)
    members = {"state_dir": "", "endpoint_url": "http://127.0.0.1:1", "sagemaker_endpoint_url": "", "pids": {"x": pid}}
    (folder / "stack.json").write_text(json.dumps(members))
    return folder


def test_the_local_aws_is_found_from_a_folder_below_and_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = state(tmp_path / "checkout" / ".local", os.getpid())
    below = tmp_path / "checkout" / "docs" / "adr"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_running().state_dir == running
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(NoLocalAws, match=r"elsewhere/\.local and the folders above, nor does .*/demo name one"):
        find_running()
    remember(running)
    assert find_running().state_dir == running
    forget(tmp_path / "other")
    assert find_running().state_dir == running
    forget(running)
    with pytest.raises(NoLocalAws):
        find_running()


def test_a_demo_that_has_ended_is_told_from_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOPS_AUDITOR_STATE", str(state(tmp_path / "state", 2**22 + 1)))
    with pytest.raises(LocalAwsEnded, match="has ended") as ended:
        find_running()
    assert "make demo" in ended.value.remedy
    monkeypatch.setenv("FLOPS_AUDITOR_STATE", "/nonexistent")
    with pytest.raises(NoLocalAws, match="is not in /nonexistent"):
        find_running()


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said by AWS"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "name", "remedy"),
    [
        (client_error("ExpiredToken"), "SignInExpired", "aws sso login --profile mine"),
        (exceptions.UnauthorizedSSOTokenError(), "SignInExpired", "aws sso login --profile mine"),
        (exceptions.SSOTokenLoadError(error_msg="none"), "SignInExpired", "aws sso login --profile mine"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="none"), "SignInExpired", "aws sso login"),
        (client_error("InvalidClientTokenId"), "NotSignedIn", "--profile"),
        (exceptions.NoCredentialsError(), "NotSignedIn", "aws sso login"),
        (exceptions.ProfileNotFound(profile="mine"), "NotSignedIn", "--profile"),
        (exceptions.NoRegionError(), "NoRegion", "--region eu-west-1"),
        (client_error("AccessDenied"), "Denied", "Ask whoever manages the account"),
        (client_error("AccessDeniedException"), "Denied", "Ask whoever manages the account"),
        (exceptions.EndpointConnectionError(endpoint_url="https://nowhere"), "Unreachable", "Check the network"),
        (exceptions.ReadTimeoutError(endpoint_url="https://nowhere"), "Unreachable", "Check the network"),
        (TornAnswer(operation="GetItem", attempts=5), "Unreachable", "with a browser"),
        (ForeignAnswer(operation="DescribeStacks"), "Unreachable", "with a browser"),
        (ResponseParserError("no XML"), "Unreachable", "with a browser"),
        (client_error("ThrottlingException"), "NotJustNow", "wait a minute"),
        (client_error("Throttling"), "NotJustNow", "wait a minute"),
        (client_error("InternalFailure"), "NotJustNow", "wait a minute"),
        (client_error("ValidationError"), "Malformed", "Check the names"),
        (exceptions.ParamValidationError(report="no"), "Malformed", "Check the names"),
        (client_error("ResourceInUse"), "Refused", "Check the names"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalnum() else "",
)
def test_what_aws_says_is_named_with_what_to_do(
    error: Exception, name: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    found: Any = in_words(error)
    assert found.name == name
    assert remedy in found.remedy
    assert str(found) == str(error)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("UnrecognizedClientException", "NotSignedIn"),
        ("ExpiredTokenException", "SignInExpired"),
        ("ValidationException", "Malformed"),
        ("ThrottlingException", "NotJustNow"),
        ("AccessDeniedException", "SourceDenied"),
    ],
)
def test_a_source_that_refuses_is_named_by_what_aws_said(code: str, name: str) -> None:
    with (
        pytest.raises(AuditorError) as raised,
        outages("sagemaker:DescribeTrainingJob"),
        refusals("sagemaker:DescribeTrainingJob"),
    ):
        raise client_error(code)
    found: Any = in_words(raised.value)
    assert found.name == name
    assert told(raised.value)[2] == (2 if name == "Malformed" else 1)
    assert "sagemaker:DescribeTrainingJob" in str(found)


@pytest.mark.parametrize("error", [KeyError("x"), SourceUnavailable("three tries")])
def test_another_error_is_left_as_it_is(error: Exception) -> None:
    assert in_words(error) is error
