"""Every document that a message, a help text or a mail names is there for who installed the package."""

import ast
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flops_auditor.domain.messages.changed_jobs import tell_changes
from flops_auditor.use_cases.ledger.seal_log import CHECKPOINT_MAIL
from flops_auditor_cli.commands.docs import documents
from flops_auditor_cli.main import COMMANDS, app, load
from tests.fakes.cases import remark

ROOT = Path(__file__).parents[2]
PACKAGES = ("layers/auditor/flops_auditor", "cli/flops_auditor_cli")
SHIPPED = (*PACKAGES, "functions", "verifier", "template.yaml", "action.yml")
ENVIRONMENT = {"PYTHONPATH": f"{ROOT / 'layers' / 'auditor'}:{ROOT / 'cli'}"}
ENTRY = [sys.executable, "-m", "flops_auditor_cli", "docs"]
TEXTS = {".py", ".json", ".jinja", ".html", ".js", ".css", ".md", ".yaml", ".yml"}
BY_COMMAND, BY_PATH = re.compile(r"flops-auditor docs ([\w/-]+)"), re.compile(r"docs/([\w/-]+)\.md")


def shipped() -> Iterator[Path]:
    """The files of text that people get, each once."""
    for name in SHIPPED:
        place = ROOT / name
        yield from [place] if place.is_file() else (path for path in place.rglob("*") if path.suffix in TEXTS)


def messages(path: Path) -> Iterator[str]:
    """What a file may show to people: in Python every text but docstrings, elsewhere all but comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        tree = ast.parse(text)
        bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
                yield node.value
    elif path.suffix not in {".json", ".md"}:
        yield re.sub(r"^\s*(?:#|//|comment:).*", "", text, flags=re.MULTILINE)


def test_every_document_that_is_named_is_one_that_the_command_shows() -> None:
    named = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in shipped()
        for pattern in (BY_COMMAND, BY_PATH)
        for name in pattern.findall(path.read_text(encoding="utf-8"))
    ]
    assert {"iam", "operations", "threat-model", "you-got-a-mail", "methodology"} <= {name for _, name in named}
    assert [each for each in named if each[1] not in documents()] == []


def test_no_document_sends_to_a_section_of_one_that_is_not_there() -> None:
    """The repository's README is in no package; only the index says that there is one."""
    sends = re.compile(r"README[^.`]{0,20}\(?\"|\(README")
    assert [name for name, page in documents().items() if sends.search(page.read_text(encoding="utf-8"))] == []
    assert "flops-auditor:base-model" in documents()["tags"].read_text(encoding="utf-8")


def test_messages_name_documents_by_the_command() -> None:
    """A path leads nowhere for who has no clone."""
    texts = [(path.relative_to(ROOT).as_posix(), text) for path in shipped() for text in messages(path)]
    assert [(path, BY_PATH.findall(text)) for path, text in texts if BY_PATH.search(text)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_names_a_document_by_its_path(command: str) -> None:
    assert not BY_PATH.search(CliRunner().invoke(app, [command, "--help"], prog_name="flops-auditor").stdout)


@pytest.mark.parametrize("name", ["you-got-a-mail", "you-got-a-mail.md", "docs/you-got-a-mail.md"])
def test_a_pipe_gets_the_document_as_it_is(name: str) -> None:
    done = CliRunner().invoke(app, ["docs", name])
    assert (done.exit_code, done.stdout) == (0, (ROOT / "docs" / "you-got-a-mail.md").read_text(encoding="utf-8"))


def test_a_terminal_gets_it_drawn_in_its_width() -> None:
    program, terminal = pty.fork()
    if program == 0:
        os.execve(sys.executable, [*ENTRY, "engineer"], ENVIRONMENT | {"TERM": "xterm", "COLUMNS": "60"})  # noqa: S606
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]) == 0
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown.decode()).splitlines()
    assert lines[0].strip() == "For an ML platform engineer"
    assert max(map(len, lines)) <= 60


def test_the_list_has_every_document_with_its_title() -> None:
    listed = dict(line.split(maxsplit=1) for line in CliRunner().invoke(app, ["docs"]).stdout.splitlines())
    assert listed.keys() == documents().keys() and listed["operations"] == "Operations"


@pytest.mark.parametrize("name", ["operatons", "../README", "/etc/passwd", ""])
def test_a_name_that_no_document_has_is_wrong_input(name: str) -> None:
    done = subprocess.run([*ENTRY, name], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"NoSuchDocument: no document is called {name!r}.")
    assert done.stderr.endswith("`flops-auditor docs` lists them all.\n")


def test_mails_that_have_no_golden_file_name_their_document_too() -> None:
    told = tell_changes([("job", "eu-west-1", remark("it is gone"))])
    assert "\nflops-auditor docs you-got-a-mail\n" in told.body
    assert "(flops-auditor docs you-got-a-mail)" in CHECKPOINT_MAIL and CHECKPOINT_MAIL.strip().count("\n") == 1


COMMAND = re.compile(r"(?:^|[`$;&|(])[ ]*flops-auditor ((?:[a-z]|--)[^`|&;\n]*)", re.MULTILINE)
"""Typed, and no name of a stack in the arguments of another program."""
NAMED = sorted(
    {
        (place, line)
        for place, page in {**documents(), "README": ROOT / "README.md"}.items()
        for line in COMMAND.findall(page.read_text(encoding="utf-8"))
    }
)


def test_every_command_that_a_document_names_is_there_with_its_options() -> None:
    wrong = []
    for place, line in NAMED:
        first, *words = line.replace("[", " ").replace("]", " ").split()
        if first in COMMANDS:
            command = load(first)
            if COMMANDS[first].group and words:
                command = command.commands.get(words[0], command)
            known = {"--help"} | {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
            unknown = [
                word for word in words if word.startswith("--") and word.partition("=")[0].strip(".,:") not in known
            ]
        else:
            unknown = [] if first in {"--version", "--help"} else [first]
        wrong += [(place, line, each) for each in unknown]
    assert len(NAMED) > 60
    assert wrong == []
