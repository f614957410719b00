"""Alerts that a person can act on. The golden files are written again by `python -m tests.golden_alerts`."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from typer.main import get_command

from flops_auditor.data import load_tables, titles
from flops_auditor.domain.law.policy import assess
from flops_auditor.domain.messages.reason import Reason, named, read_reason
from flops_auditor.domain.messages.record_alert import LONGEST_SUBJECT, WIDTH, Alert, compose, subject
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.values.figures import Figures
from flops_auditor_cli.main import app
from tests.fakes.cases import remark
from tests.fakes.lineage import World, continuing
from tests.golden_alerts import CASES, FOLDER, HOSTILE, alert_of, path_of, rendered

BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


@every_case
def test_the_golden_file_is_what_is_sent(case: Callable[[], Alert]) -> None:
    assert path_of(case).read_text(encoding="utf-8") == rendered(alert_of(case))


def test_every_golden_file_has_its_case() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path_of(case).name for case in CASES}


@every_case
def test_the_form_suits_sns_and_a_phone(case: Callable[[], Alert]) -> None:
    """SNS: ASCII, one line, less than 100 characters; at most ten attributes reach a queue (raw delivery)."""
    alert = alert_of(case)
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
    named = re.findall(r"flops-auditor\s+([a-z-]+)(?:\s+([a-z-]+))?", alert_of(case).body)
    commands: Any = get_command(app)
    for first, second in named:
        group = commands.commands[first]
        assert not hasattr(group, "commands") or second in group.commands
        for parameter in () if hasattr(group, "commands") else group.params:
            needed = parameter.required and parameter.param_type_name == "option"
            assert not needed or parameter.opts[0] in alert_of(case).body
    assert named


@every_case
def test_the_twin_for_machines_says_the_same(case: Callable[[], Alert]) -> None:
    alert = alert_of(case)
    twin = json.loads(alert.attributes["json"])
    assert twin["verdict"] == alert.attributes["verdict"]
    assert twin["job"]["arn"] == alert.attributes["job_arn"]
    assert twin["cumulative"]["best_flop"] == alert.attributes.get("best_flop")
    assert {"policy", "scenario", "threshold_flop", "verdict"} == set(twin["assessments"][0])


@every_case
def test_an_alert_says_what_happened_and_what_to_do(case: Callable[[], Alert]) -> None:
    body = alert_of(case).body
    for heading in ("AGAINST THE THRESHOLDS", "WHAT TO DO", "  1. "):
        assert heading in body


@every_case
def test_a_reason_is_said_once(case: Callable[[], Alert]) -> None:
    body = " ".join(alert_of(case).body.split())
    for reason in ("is not in the hardware table", "answered AccessDenied", "emit the metric mfu", "has no record yet"):
        assert body.count(reason) <= 1, reason


def test_an_alert_that_takes_no_step_about_a_doubt_says_it_beside_the_first_threshold() -> None:
    """Above one threshold, in doubt about two others: the duties go first."""
    world = World()
    world.add(continuing("tune", hours=18_000, ResourceConfig=BIG), tokens="many", pretrain_flops="1.5e24")
    world.audit()
    content = world.content("tune")
    for assessment in content["assessments"][1:]:
        assessment.update(verdict="indeterminate", reason="the compute is not known; first doubt; second doubt")
    alert = compose(content, titles())
    assert alert is not None
    against = " ".join(alert.body.partition("AGAINST")[2].partition("WHAT TO DO")[0].split())
    assert against.count("first doubt; second doubt.") == 1
    assert against.count("the compute is not known; in doubt as said.") == 1


def test_thresholds_have_titles_for_people_beside_their_ids() -> None:
    assert {name: set(found) for name, found in titles().items()} == {
        policy.policy_id: {rule.scenario for group in policy.groups for rule in group}
        for policy in load_tables().policies
    }
    title = "Commission Guidelines C(2025) 7719, one third of the original's compute"
    ids = ("eu-gpai-guidelines-2025-07", "one-third")
    assert named(*ids, titles()) == f"{title} ({', '.join(ids)})"
    assert named("policy-of-2031", "tenth", titles()) == "policy-of-2031, tenth"


def test_a_reason_is_read_apart_as_it_was_written() -> None:
    written = (
        "the compute is not known; tags unread; to settle: emit the metric mfu; the figure for the original is weak (x)"
    )
    parts = Reason(
        "the compute is not known", ("tags unread", "the figure for the original is weak (x)"), "emit the metric mfu"
    )
    assert read_reason(written) == parts
    doubtful = Original(10**24, source="a guess", trusted=False)
    [policy] = [policy for policy in load_tables().policies if policy.policy_id == "aws-flops-meter-2026-05"]
    [found] = assess(
        policy, "fine-tuning", Figures(None, None, (remark("tags unread"),), "emit the metric mfu"), doubtful
    )
    read = read_reason(found.reason)
    assert (read.figures, read.settle) == ("the compute is not known", "emit the metric mfu")
    assert read.doubts[0] == "tags unread"
    assert read.doubts[1].startswith("the figure for the original is weak (a guess)")


def test_hostile_text_stays_text() -> None:
    assert any(ord(character) < 32 for character in HOSTILE)
    line = subject(HOSTILE)
    assert line.isprintable()
    assert "\n" not in line
    assert len(line) <= LONGEST_SUBJECT
