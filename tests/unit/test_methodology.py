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


def test_every_command_of_the_page_is_found():
    assert len(COMMANDS) == len(re.findall(r"^\$ ", METHODOLOGY, re.MULTILINE)) >= 5


@pytest.mark.parametrize(("command", "path", "printed"), COMMANDS)
def test_the_page_prints_what_the_command_prints(command, path, printed):
    answer = CliRunner().invoke(app, shlex.split(command))
    assert answer.exit_code in (0, 3, 4), answer.output
    value = json.loads(answer.stdout)
    for key in re.split(r"[.\[\]]+", path.strip("]")):
        value = value[int(key) if key.isdigit() else key]
    assert str(value) == printed
