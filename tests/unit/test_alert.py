"""Alerts that a person can act on. The golden files are written again by `python -m tests.golden_alerts`."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from typer.main import get_command

from flops_auditor.domain.alert import LONGEST_SUBJECT, WIDTH, Alert, subject
from flops_auditor_cli.main import app
from tests.golden_alerts import CASES, FOLDER, HOSTILE, path_of, rendered

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


@every_case
def test_the_golden_file_is_what_is_sent(case: Callable[[], Alert]) -> None:
    assert path_of(case).read_text(encoding="utf-8") == rendered(case())


def test_every_golden_file_has_its_case() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path_of(case).name for case in CASES}


@every_case
def test_the_form_suits_sns_and_a_phone(case: Callable[[], Alert]) -> None:
    """SNS: ASCII, one line, less than 100 characters; at most ten attributes reach a queue (raw delivery)."""
    alert = case()
    assert alert.subject.isascii()
    assert alert.subject.isprintable()
    assert len(alert.subject) <= LONGEST_SUBJECT < 100
    assert len(alert.attributes) <= 10
    assert len(alert.body.encode()) < 20_000
    for line in alert.body.splitlines():
        assert line.isprintable()
        assert len(line) <= WIDTH or " " not in line.strip(), "only a single long word may be wider"
    for value in alert.attributes.values():
        assert value.isprintable()
        assert value


@every_case
def test_every_command_that_an_alert_names_exists(case: Callable[[], Alert]) -> None:
    named = re.findall(r"flops-auditor\s+([a-z-]+)(?:\s+([a-z-]+))?", case().body)
    commands: Any = get_command(app)
    for first, second in named:
        group = commands.commands[first]
        assert not hasattr(group, "commands") or second in group.commands
        for parameter in () if hasattr(group, "commands") else group.params:
            needed = parameter.required and parameter.param_type_name == "option"
            assert not needed or parameter.opts[0] in case().body
    assert named


@every_case
def test_the_twin_for_machines_says_the_same(case: Callable[[], Alert]) -> None:
    alert = case()
    twin = json.loads(alert.attributes["json"])
    assert twin["verdict"] == alert.attributes["verdict"]
    assert twin["job"]["arn"] == alert.attributes["job_arn"]
    assert twin["cumulative"]["best_flop"] == alert.attributes.get("best_flop")
    assert {"policy", "scenario", "threshold_flop", "verdict"} == set(twin["assessments"][0])


@every_case
def test_an_alert_says_what_happened_and_what_to_do(case: Callable[[], Alert]) -> None:
    body = case().body
    for heading in ("AGAINST THE THRESHOLDS", "WHAT TO DO", "  1. "):
        assert heading in body


def test_hostile_text_stays_text() -> None:
    assert any(ord(character) < 32 for character in HOSTILE)
    line = subject(HOSTILE)
    assert line.isprintable()
    assert "\n" not in line
    assert len(line) <= LONGEST_SUBJECT
