"""docs/methodology.md: every command on the page prints what the page says."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flops_auditor_cli.main import app

METHODOLOGY = (Path(__file__).parents[2] / "docs" / "methodology.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ flops-auditor (.+) \| jq -r \.(\S+)\n(.+)$", METHODOLOGY, re.MULTILINE)


WHOLE = re.findall(r"^```console\n\$ flops-auditor ([^|\n]+)\n(.+?)\n```$", METHODOLOGY, re.MULTILINE | re.DOTALL)
"""Commands of which the page shows all that they print."""


def test_every_command_of_the_page_is_found():
    assert WHOLE
    assert len(COMMANDS) + len(WHOLE) == len(re.findall(r"^\$ ", METHODOLOGY, re.MULTILINE)) >= 6


@pytest.mark.parametrize(("command", "printed"), WHOLE)
def test_the_page_prints_all_that_the_command_prints(command, printed):
    answer = CliRunner().invoke(app, shlex.split(command))
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.rstrip().splitlines() == printed.splitlines()


@pytest.mark.parametrize(("command", "path", "printed"), COMMANDS)
def test_the_page_prints_what_the_command_prints(command, path, printed):
    answer = CliRunner().invoke(app, shlex.split(command))
    assert answer.exit_code in (0, 3, 4), answer.output
    value = json.loads(answer.stdout)
    for key in re.split(r"[.\[\]]+", path.strip("]")):
        value = value[int(key) if key.isdigit() else key]
    assert str(value) == printed
