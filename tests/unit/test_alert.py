"""Alerts that a person can act on. The golden files are written again by `python -m tests.golden_alerts`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.messages.record_alert import LONGEST_SUBJECT, WIDTH, Alert, compose, subject
from flops_auditor.domain.messages.report.model_part import facts_of
from flops_auditor.domain.values.amounts import excess_in_percent, flop
from flops_auditor_cli.audit_view import facts
from flops_auditor_cli.main import load
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.lineage import World, continuing
from tests.golden_alerts import CASES, FOLDER, HOSTILE, alert_of, path_of, rendered

BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


@every_case
def test_the_golden_file_is_what_is_sent(case: Callable[[], Alert]) -> None:
    assert path_of(case).read_text(encoding="utf-8") == rendered(alert_of(case))


def test_every_golden_file_has_its_case() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path_of(case).name for case in CASES}


MAILS = (Path(__file__).parents[2] / "docs" / "you-got-a-mail.md").read_text()


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
        assert len(line) <= WIDTH or len(line.split()) == 1 or line.strip("( ").startswith("flops-auditor "), line
    for value in alert.attributes.values():
        assert value.isprintable()
        assert value


@every_case
def test_the_page_about_mails_explains_every_subject(case: Callable[[], Alert]) -> None:
    headline, _, name = alert_of(case).subject.removeprefix("[FLOPs Auditor] ").rpartition(": ")
    assert "flops-auditor docs you-got-a-mail" in " ".join(alert_of(case).body.split())
    assert ("... (running)" if name.endswith("(running)") else f"`{headline}: <job>`") in MAILS


@every_case
def test_every_command_that_an_alert_names_exists(case: Callable[[], Alert]) -> None:
    named = re.findall(r"flops-auditor\s+([a-z-]+)(?:\s+([a-z-]+))?", alert_of(case).body)
    for first, second in named:
        group: Any = load(first)
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


def section_of(alert: Alert, heading: str) -> str:
    """A section of an alert as one line, without its heading."""
    found = re.search(rf"^{heading}\n((?:  .*\n)+)", alert.body, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def test_doubts_stand_in_a_section_of_their_own_each_once() -> None:
    world = World()
    world.add(continuing("tune", hours=18_000, ResourceConfig=BIG), tokens="many", pretrain_flops="1.5e24")
    world.audit()
    content = world.content("tune")
    for assessment in content["assessments"][1:]:
        doubts = [{"kind": "x", "words": "first doubt"}, {"kind": "y", "words": "second doubt"}]
        assessment.update(verdict="indeterminate", reason="the compute is not known", doubts=doubts)
    alert = compose(content)
    assert alert is not None
    assert section_of(alert, "IN DOUBT").count("- first doubt. - second doubt.") == 1
    assert "the compute is not known; see what is in doubt." in section_of(alert, "AGAINST THE THRESHOLDS")
    assert "first doubt" not in section_of(alert, "WHAT TO DO")


@pytest.mark.parametrize("lever", ["params", "tokens", "pretrain_flops", "precision", "systemic_risk"])
def test_what_to_do_holds_no_word_of_a_jobs_owner(lever: str) -> None:
    world = World()
    world.add(continuing("drill", hours=10), **{lever: "x; to settle: a drill, ignore this"})
    world.audit()
    [alert] = world.recorder.alerts.sent  # type: ignore[attr-defined]
    assert "drill, ignore" in section_of(alert, "IN DOUBT")
    assert "ignore" not in section_of(alert, "WHAT TO DO")
    assert section_of(alert, "WHAT TO DO").startswith("1. ")


def test_an_unreadable_figure_of_the_original_is_not_settled_by_counting_tokens() -> None:
    world = World()
    world.add(continuing("tune", hours=10), pretrain_flops="many")
    world.audit()
    [alert] = world.recorder.alerts.sent  # type: ignore[attr-defined]
    steps = section_of(alert, "WHAT TO DO")
    assert "--pretraining-flop NUMBER" in steps
    assert "mfu" not in steps


def test_hostile_text_stays_text() -> None:
    assert any(ord(character) < 32 for character in HOSTILE)
    line = subject(HOSTILE)
    assert line.isprintable()
    assert "\n" not in line
    assert len(line) <= LONGEST_SUBJECT


def test_how_far_a_bound_is_over_the_best_estimate_is_said_of_the_figures_beside_it() -> None:
    """Beside the figures of a chain stood how far the bound of its last run was over that run's best estimate."""
    content = demo_ledger("domain-adapt-1", "domain-adapt-2", "domain-adapt-3").content("domain-adapt-3")
    body = " ".join(compose(content).body.split())
    together, alone = body[: body.index("This run alone")], body[body.index("This run alone") :]
    figures = {"The": content["cumulative"], "Its": content["estimate"]}
    over = {
        whose: excess_in_percent(int(each["upper_flop"]), int(each["best_flop"])) for whose, each in figures.items()
    }
    assert len(set(over.values())) == 2
    assert f"FLOP, with the 2 earlier runs. The upper bound is {over['The']} % over the best estimate." in together
    assert f"Its upper bound is {over['Its']} % over its best estimate." in alone
    assert alone.count("% over") == 1


def test_what_a_run_alone_took_is_what_is_added_up() -> None:
    """Its own bound was that of the method, and the sum that of what else is allowed for."""
    world = World()
    world.add(continuing("first", hours=2000), params="3e9", tokens="5.5e11")
    world.add(continuing("second", ["first"], day=1, hours=2000), params="3e9", tokens="5.5e11")
    world.audit()
    content = world.content("second")
    estimate, [before] = content["estimate"], content["cumulative"]["ancestors"]
    assert int(estimate["cautious_upper_flop"]) > int(estimate["upper_flop"])
    own = int(content["cumulative"]["upper_flop"]) - int(before["upper_flop"])
    told = f"{flop(estimate['best_flop'])} FLOP, at most {flop(own, 'upper')} FLOP"
    assert f"This run alone: {told}." in compose(content).body
    assert ("This run alone", told) in facts_of(content) and ("This run alone", told) in list(facts(content))


def test_a_bound_that_evidence_against_the_method_raises_is_not_told_as_the_methods_own() -> None:
    """64 hosts for 62 days and a tag of a million tokens: the bound is that of the hardware, 57 million times more."""
    world = World()
    big = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
    named = {"HyperParameters": {"model_id": "meta-llama/Llama-3.1-8B"}}
    world.add(continuing("job", hours=1500, **big, **named), tokens="1e6")
    world.audit()
    content = world.content("job")
    alert = compose(content)
    assert alert is not None
    body = " ".join(alert.body.split())
    assert (
        "at most 2.74e24 FLOP. Method: architecture. The method's own bound, 6.27e16, is 30 % over the best estimate"
        in body
    )
    assert "The upper bound is 30 % over" not in body
    doubts = body[body.index("IN DOUBT") : body.index("WHAT TO DO")]
    assert "the lowest of all published runs on such hardware is" in doubts
