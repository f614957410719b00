"""The command line as a program: whatever goes wrong is told in words on stderr, with what to do next."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor import __version__
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor_cli.main import COMMANDS, app, load, told

ROOT = Path(__file__).parents[2]


def run(*arguments: str, stdout: Any = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    """The entry point that pyproject.toml installs, without anybody's AWS settings."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["flops-auditor"]
    module, function = entry.split(":")
    command = f"import sys; sys.argv[0] = 'flops-auditor'; from {module} import {function}; {function}()"
    nobody = {"PATH": "", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", "COLUMNS": "80"}
    path = {"PYTHONPATH": f"{ROOT / 'layers' / 'auditor'}:{ROOT / 'cli'}"}
    return subprocess.run(
        [sys.executable, "-c", command, *arguments],
        env={**nobody, **path, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )


NOWHERE = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["audit", "missing.json"], {}, 2, "UnreadableFile: missing.json: No such file"),
        (["audit", "/"], {}, 2, "UnreadableFile: /: Is a directory"),
        (["plan", "/"], {}, 2, "UnreadableFile: /: Is a directory"),
        (["audit", "\x1b[31m\nname.json"], {}, 2, "⟨U+001B⟩[31m⟨U+000A⟩name.json: No such file"),
        (["audit", "--job-name", "a", "--region", "eu-west-1"], {}, 1, "NotSignedIn: Unable to locate credentials"),
        (["audit", "--job-name", "a", "--region", "no such"], {}, 1, "NoRegion: Provided region_name 'no such'"),
        (["audit", "--job-name", "a"], NOWHERE, 1, "Unreachable: Could not connect"),
        (["audit", "--job-name", "a", "--metrics", "b"], NOWHERE, 2, "--metrics belongs to JOB.json"),
        (["audit", "missing.json", "--policy", "nosuch"], {}, 2, "UnknownPolicy: 'nosuch'"),
        (["records", "list"], {}, 1, "NoRegion: You must specify a region"),
        (["records", "list", "--local"], {"FLOPS_AUDITOR_STATE": "/nonexistent"}, 1, "is not in /nonexistent"),
        (["records", "list", "--bundle", "missing.zip"], {}, 2, "missing.zip is not a readable file: No such file"),
        (["plan"], {}, 2, "NothingToPlan"),
        (["plan", "--accelerator", "H100", "--accelerators", "0.5", "--hours", "3"], {}, 2, "whole number"),
        (["verify", "missing.zip", "--as-of", "9999-12-31"], {}, 2, "is too far from today"),
        (["amend", "job", "--who", "me", "--why", "since"], {}, 2, "MalformedAmendment: it gives no evidence"),
    ],
)
def test_a_failure_is_told_in_words(arguments: list[str], environment: dict[str, str], code: int, said: str) -> None:
    done = run(*arguments, **environment)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stdout == ""


WHOLE = {
    ("records", "list"): (),
    ("records", "show"): ("job",),
    ("form",): ("job",),
    ("bom",): ("job",),
    ("notify-draft",): ("job",),
    ("report",): (),
}


@pytest.mark.parametrize("path", WHOLE, ids=" ".join)
@pytest.mark.parametrize("content", [None, "{}"], ids=["missing", "no bundle"])
def test_what_is_no_bundle_is_wrong_input_everywhere(
    path: tuple[str, ...], content: str | None, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.zip"
    if content is not None:
        bundle.write_text(content)
    outcome = CliRunner().invoke(app, [*path, *WHOLE[path], "--bundle", str(bundle)])
    assert isinstance(outcome.exception, WrongInput), outcome.output
    assert told(outcome.exception)[2] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("audit", "/"), "describe-training-job"),
        (("plan", "/"), "CreateTrainingJob"),
        (("explain-cluster", "file", "--cluster", "/", "--nodes", "/"), "describe-cluster"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_of_a_file_that_cannot_be_read_the_command_names_its_own_kinds_of_files(
    arguments: tuple[str, ...], words: str
) -> None:
    """`plan` named the files of `audit`, and `audit` options of others."""
    done = run(*arguments)
    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "UnreadableFile"), done.stderr
    remedy = done.stderr.partition("\n")[2]
    [command] = [command for path, command in commands() if path == arguments[:1]]
    options = {option for parameter in command.params for option in parameter.opts}
    named = {word for word in re.findall(r"(?<![\w-])--[a-z-]+", remedy) if word != "--query"}
    assert words in remedy and named <= options


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(("arguments", "code"), [(("schema", "plan"), 1), (("verify", "missing.zip"), 2)])
def test_a_result_that_cannot_be_written_is_a_failure_in_one_line(arguments: tuple[str, ...], code: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, stdout=full)
    assert done.returncode == code
    assert done.stderr.count("NotWritten: standard output: No space left on device") == 1
    assert "Traceback" not in done.stderr


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that lead to it."""
    for name in COMMANDS:
        command = load(name)
        for inner, each in getattr(command, "commands", {}).items():
            yield (name, inner), each
        if not hasattr(command, "commands"):
            yield (name,), command


def test_every_command_option_and_argument_says_what_it_is() -> None:
    found = dict(commands())
    assert ("records", "show") in found
    for path, command in found.items():
        assert command.help.split("\n")[0].endswith("."), path
        for parameter in command.params:
            if parameter.name == "help":
                continue
            assert parameter.help, (path, parameter.name)
            assert parameter.help[0].isupper(), (path, parameter.name)
            assert parameter.help.endswith((".", ")")), (path, parameter.name)


def test_the_version_is_said() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")
