"""Every command of the README and of the pages for people runs, one after the other on the stack that `make demo` left.

`make test` is left out: it runs this test.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flops_auditor_cli.local_aws import read, stop
from flops_auditor_cli.local_aws.deployment import sam_environment
from flops_auditor_cli.local_aws.processes import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
FOR_PEOPLE = [
    (REPOSITORY / "docs" / f"{name}.md").read_text() for name in ("engineer", "compliance-officer", "regulator")
]


def commands_of(page: str) -> list[str]:
    """The lines that a reader is to type."""
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


LAST = "sam delete --no-prompts"
"""Of the README; what the other pages ask needs the stack."""
COMMANDS = [*dict.fromkeys(each for page in (README, *FOR_PEOPLE) for each in commands_of(page) if each != LAST), LAST]
LEFT_OUT = {"make test"}
WRITTEN = [
    REPOSITORY / name
    for name in (
        "bundle.zip",
        "for-the-regulator.zip",
        "report-for-people.html",
        "report-of-the-bundle.html",
        "report.html",
    )
]
"""By commands of the pages: of an earlier run they are removed, since an export replaces no file unasked."""


def remove_what_is_written() -> None:
    for path in WRITTEN:
        path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this test's own demo keeps its state; whatever it leaves up is ended."""
    folder = tmp_path_factory.mktemp("readme")
    remove_what_is_written()
    yield folder
    stop(folder)
    remove_what_is_written()


def environment(command: str, state: Path) -> dict[str, str]:
    """What a reader has: the tools on the path, and an account - here the local one."""
    path = f"{REPOSITORY}/.venv/bin:{REPOSITORY}/.tools/sam/bin:{os.environ['PATH']}"
    stack = read(state)
    base = sam_environment(stack) if command.startswith("sam ") and stack else dict(os.environ)
    return {**base, "PATH": path, "FLOPS_AUDITOR_STATE": str(state), "FLOPS_AUDITOR_LOCAL": "1"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in LEFT_OUT])
def test_command(command: str, state: Path) -> None:
    finished = subprocess.run(
        ["bash", "-c", command],
        cwd=REPOSITORY,
        env=environment(command, state),
        input="y\n" * 20,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    still_above = 3 if " amend " in command else 0
    assert finished.returncode == still_above, f"{finished.stdout[-2000:]}\n{finished.stderr[-2000:]}"
    assert finished.stdout or finished.stderr


def test_the_readme_names_the_two_commands_and_every_example_file_exists() -> None:
    assert {"make demo", "make test"} <= set(COMMANDS)
    for path in re.findall(r"events/[\w./-]+\.json", README):
        assert (REPOSITORY / path).exists(), path


@pytest.mark.parametrize(
    "page", sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]), ids=lambda page: page.name
)
def test_every_file_that_a_page_points_to_exists(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link
