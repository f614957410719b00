"""What a job's owner says of the law: it chooses no milder line by itself, and takes no duty away."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor import data
from flops_auditor.data import policy
from flops_auditor.domain.law.assessment import assess
from flops_auditor.domain.law.later_day import later_day
from flops_auditor.domain.law.licences import is_free
from flops_auditor.domain.law.policy import Duty, Transition
from flops_auditor.domain.law.situation import situation_of_training
from flops_auditor.domain.messages.duties import duties_in_words
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.spdx import unknown_names
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.figures import Figures
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor_cli.main import app
from tests.fakes.jobs import moved
from tests.fakes.lineage import World, continuing

AT = datetime(2026, 11, 24, tzinfo=UTC)
EU = "eu-gpai-guidelines-2025-07"
BIG = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
LLAMA = "meta-llama/Llama-3.1-8B"


def recorded(*jobs: dict[str, Any], **tags: str) -> World:
    """A world in which these jobs are recorded; the tags are the last one's."""
    world = World()
    for job in jobs[:-1]:
        world.add(job)
    world.add(jobs[-1], **tags)
    world.audit()
    return world


def line(world: World, name: str, scenario: str) -> dict[str, Any]:
    [found] = [a for a in world.content(name)["assessments"] if a["policy"] == EU and a["scenario"] == scenario]
    return found


def kinds(assessment: dict[str, Any], where: str = "doubts") -> set[str]:
    return {each["kind"] for each in assessment[where]}


def say(world: World, name: str, stated: Stated = Stated(), **more: int) -> None:  # noqa: B008 - frozen
    amend(world.job_id(name), Amendment("ada", "contract", AT, stated=stated, **more), world.recorder)  # type: ignore[arg-type]
    world.work_off()


def test_a_tag_that_says_1e26_of_an_unknown_original_does_not_raise_its_line_by_itself() -> None:
    """The run is over a third of 1e23; a figure of 1e26 would put it far below the third of the original's."""
    job = continuing("tune", hours=400, HyperParameters={"model_id": "acme/secret"}, **BIG)
    world = recorded(job, pretrain_flops="1e26")
    found = line(world, "tune", "original-unknown")
    assert (found["verdict"], kinds(found)) == ("indeterminate", {"only-a-tag-says-so"})
    assert {duty["state"] for duty in found["duties"]} == {"unless confirmed"}
    steps = duties_in_words([found], (), date(2026, 11, 24))
    assert steps[0].startswith("Unless somebody confirms what only a tag says: Draw up and keep up to date")
    say(world, "tune", pretraining_flop=10**26)
    assert world.content("tune")["verdict"] == "below"
    assert line(world, "tune", "systemic-one-third")["verdict"] == "below"


def test_the_jobs_own_figure_for_an_unknown_original_is_said_where_it_decides() -> None:
    job = continuing("tune", hours=200, HyperParameters={"model_id": "acme/secret"}, **BIG)
    world = recorded(job, pretrain_flops="1.5e24")
    found = line(world, "tune", "one-third")
    assert (found["verdict"], "stated-original" in kinds(found, "notes")) == ("below", True)
    say(world, "tune", pretraining_flop=15 * 10**23)
    assert "stated-original" not in kinds(line(world, "tune", "one-third"), "notes")


SMALL = (Figures(1, 1), Figures(1, 1))
PRETRAINING = {"activity": "pretraining"}
COUNTED = {"params": "8e9", "tokens": "1e12"}
"""4.8e22 FLOP: over a third of 1e23, and not over 1e23."""


def test_only_a_tag_says_that_a_run_begins_with_no_weights() -> None:
    world = recorded(continuing("scratch", hours=200, **BIG), **PRETRAINING, **COUNTED)
    found = line(world, "scratch", "original-unknown")
    assert (found["verdict"], kinds(found)) == ("indeterminate", {"only-a-tag-says-from-none"})
    assert "--from-scratch" in found["settle"][0]["words"]
    say(world, "scratch", Stated(from_scratch=True))
    content = world.content("scratch")
    assert {a["scenario"] for a in content["assessments"]} == {"general-purpose", "systemic-risk"}
    assert content["verdict"] == "below"
    say(world, "scratch", Stated(from_scratch=False))
    assert line(world, "scratch", "original-unknown")["verdict"] == "above"


def test_a_run_that_is_over_its_line_in_either_role_is_above() -> None:
    """Whether the name is that of weights or of a configuration: 4.8e23 is over 1e23 and over a third of 1e23."""
    job = continuing("scratch", hours=1500, HyperParameters={"model_name": "acme/config"}, **BIG)
    world = recorded(job, activity="pretraining", params="8e10", tokens="1e12")
    assert line(world, "scratch", "general-purpose")["verdict"] == "above"
    third = line(world, "scratch", "original-unknown")
    assert (third["verdict"], kinds(third)) == ("indeterminate", {"weights-or-configuration"})
    assert world.content("scratch")["verdict"] == "above"
    small = recorded(
        continuing("scratch", hours=200, HyperParameters={"model_name": "acme/config"}, **BIG), **PRETRAINING, **COUNTED
    )
    assert small.content("scratch")["verdict"] == "indeterminate"
    say(small, "scratch", Stated(from_scratch=True))
    assert {a["scenario"] for a in small.content("scratch")["assessments"]} == {"general-purpose", "systemic-risk"}


def test_what_a_person_says_of_whose_weights_they_are_settles_it() -> None:
    world = chain(model="/opt/ml/input/data/model0")
    say(world, "tune", Stated(ours=False))
    assert line(world, "tune", "original-unknown")["doubts"] == []
    own = chain(model="acme/secret")
    say(own, "tune", Stated(ours=True))
    assert {a["scenario"] for a in own.content("tune")["assessments"]} == {"general-purpose", "systemic-risk"}
    own.add(continuing("later", ["tune"], day=2, hours=1))
    own.audit("later")
    assert line(own, "later", "general-purpose")["verdict"] == "indeterminate", (
        "a tag says that the first began with none"
    )
    say(own, "scratch", Stated(from_scratch=True))
    assert {a["scenario"] for a in own.content("later")["assessments"]} == {"general-purpose", "systemic-risk"}


def chain(**tags: str) -> World:
    """A run from no weights, as its tag says, and one that continues it on 64 hosts."""
    world = World()
    world.add(continuing("scratch", hours=10), **PRETRAINING)
    names = {"HyperParameters": {"model_name_or_path": tags.pop("model")}} if "model" in tags else {}
    world.add(continuing("tune", ["scratch"], day=1, hours=200, **names, **BIG), **COUNTED, **tags)
    world.audit()
    return world


def test_an_own_ancestor_makes_no_foreign_weights_ours() -> None:
    """Weights of unknown origin stay somebody else's, whatever small run of ours went before."""
    world = chain(model="acme/secret")
    assert line(world, "tune", "original-unknown")["verdict"] == "above"
    assert not [a for a in world.content("tune")["assessments"] if a["scenario"] == "general-purpose"]


def test_the_foreign_weights_of_an_earlier_run_are_remembered() -> None:
    world = chain(model="acme/secret")
    world.add(continuing("later", ["tune"], day=2, hours=1))
    world.audit("later")
    assert line(world, "later", "original-unknown")["verdict"] == "above"


def test_a_path_may_be_where_ones_own_weights_lie_and_somebody_confirms_that_they_are() -> None:
    world = chain(model="/opt/ml/input/data/model0")
    found = line(world, "tune", "original-unknown")
    assert (found["verdict"], kinds(found)) == ("indeterminate", {"only-a-tag-says-from-none"})
    say(world, "scratch", Stated(from_scratch=True))
    lines = {a["scenario"] for a in world.content("tune")["assessments"]}
    assert lines == {"general-purpose", "systemic-risk"}, "it was confirmed of the run that it continues"


def test_a_tag_on_a_merge_of_a_known_and_an_unknown_model_leaves_the_unknown_one_in_doubt() -> None:
    world = World()
    world.add(continuing("known", HyperParameters={"model_id": LLAMA}))
    world.add(continuing("unknown", HyperParameters={"model_id": "acme/secret"}))
    world.add(continuing("merge", ["known", "unknown"], day=1), pretrain_flops="7e23")
    world.audit("known", "unknown", "merge")
    assert "merged-from-unknown" in kinds(line(world, "merge", "one-third"))
    assert world.content("merge")["verdict"] == "indeterminate"


DAY = Duty("a", "Do", "Art. 1", transition=Transition(date(2025, 8, 2), date(2027, 8, 2), "AI Act, Art. 111(3)"))
JULY = date(2025, 7, 1)


@pytest.mark.parametrize(
    ("placed", "ended", "tag", "refused"),
    [
        (JULY, date(2025, 6, 1), False, ""),
        (JULY, JULY, False, ""),
        (JULY, date(2025, 7, 2), False, "ended on 2025-07-02"),
        (JULY, date(2026, 9, 11), False, "ended on 2026-09-11"),
        (JULY, None, False, "has not ended"),
        (JULY, date(2025, 6, 1), True, "only a tag says"),
        (date(2025, 8, 1), date(2025, 8, 1), False, ""),
    ],
)
def test_the_later_day_is_for_what_was_placed_before_and_not_trained_since(
    placed: date, ended: date | None, tag: bool, refused: str
) -> None:
    """Art. 111(3): models that *have been placed* on the market before 2 August 2025."""
    unconfirmed = frozenset({"placed_on_market"} if tag else set())
    stated = Stated(placed_on_market=True, placed_on=placed, unconfirmed=unconfirmed)  # type: ignore[arg-type]
    found = later_day(DAY, stated, ended)
    assert found is not None
    assert refused in found.refused if refused else found.refused == ""


def test_the_later_day_covers_a_model_of_ones_own_throughout_its_life() -> None:
    """Guidelines, section on compliance after entry into application."""
    ours = Stated(ours=True, placed_on_market=True, placed_on=JULY)
    by_tag = Stated(ours=True, placed_on_market=True, placed_on=JULY, unconfirmed=frozenset({"ours"}))
    found = [later_day(DAY, stated, date(2026, 9, 11)) for stated in (ours, by_tag)]
    assert [each is not None and each.refused == "" for each in found] == [True, False]


def test_no_day_is_due_before_the_regime_is_in_force() -> None:
    job = moved(continuing("scratch", hours=3000, **BIG), timedelta(days=-500))
    world = recorded(job, activity="pretraining", params="1e12", tokens="4e12")
    assert world.content("scratch")["notification_due"] in (None, "2025-08-16")
    huge = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 4000}}
    job = moved(continuing("scratch", hours=1000, **huge), timedelta(days=-300))
    world = recorded(job, activity="pretraining", params="1e12", tokens="4e12")
    assert world.content("scratch")["notification_due"] == "2025-08-16"


def test_no_later_day_is_asked_for_a_model_that_is_placed_from_the_day_on() -> None:
    for placed in (None, date(2025, 8, 2), date(2026, 1, 1)):
        assert later_day(DAY, Stated(placed_on=placed), date(2025, 1, 1)) is None


def test_a_run_of_2026_gets_no_later_day_by_a_tag_and_the_duty_stays() -> None:
    over = continuing("tune", hours=800, **BIG)
    world = recorded(over, placed_on_market="2025-07-01")
    duty = line(world, "tune", "original-unknown")["duties"][0]
    assert (duty["state"], "until" in duty, "no_later_day" in duty) == ("owed", False, True)
    steps = duties_in_words(world.content("tune")["assessments"], (), date(2026, 11, 24))
    assert "By 2027-08-02" not in " ".join(steps)
    assert "No later day (AI Act, Art. 111(3))" in steps[0]
    old = recorded(moved(over, timedelta(days=-600)))
    say(old, "tune", Stated(placed_on_market=True, placed_on=JULY))
    assert line(old, "tune", "original-unknown")["duties"][0]["until"] == "2027-08-02"


def test_where_the_original_is_released_says_nothing_of_what_is_made_of_it() -> None:
    world = recorded(continuing("tune", hours=400, HyperParameters={"model_id": LLAMA}, **BIG))
    about = Amendment("ada", "x", AT, stated=Stated(placed_on=JULY, licence="MIT", systemic_risk=True), about=LLAMA)
    amend(world.job_id("tune"), about, world.recorder)
    assert world.content("tune")["lineage"]["stated"] == {"systemicRisk": True}


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("Apache-2.0", True),
        ("apache-2.0", True),
        ("GPL-2.0-or-later", True),
        ("GPL-2.0+", True),
        ("LGPL-2.1-only", True),
        ("MPL-2.0+", True),
        ("MIT OR LicenseRef-proprietary", True),
        ("MIT AND LicenseRef-proprietary", False),
        ("MIT and Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("(MIT OR LicenseRef-proprietary) AND Apache-2.0", False),
        ("(MIT OR Apache-2.0)", True),
        ("CC-BY-NC-4.0", False),
        ("CC-BY-ND-4.0", False),
        ("llama3.1", False),
        ("OpenRAIL", False),
        ("MIT for research", False),
        ("", False),
        ("OR", False),
    ],
)
def test_licences_by_their_spdx_names(licence: str, free: bool) -> None:
    duty = next(d for g in policy(EU).groups for r in g for d in r.duties if d.exemption is not None)
    assert duty.exemption is not None
    assert is_free(licence, duty.exemption.licences) is free


def test_a_licence_that_is_not_known_to_be_free_is_left_to_a_person() -> None:
    world = recorded(continuing("tune", hours=800, **BIG), licence="CC-BY-NC-4.0")
    step = duties_in_words([line(world, "tune", "original-unknown")], (), JULY)[0]
    assert step.endswith("Its licence is not among those that are known to be such.")


def test_a_licence_that_spdx_does_not_know_is_named_as_unknown_with_what_may_be_meant() -> None:
    world = recorded(continuing("tune", hours=800, **BIG), licence="Apache 2.0")
    found = line(world, "tune", "original-unknown")
    assert found["duties"][0]["exempt"]["licence"] == "unknown"
    step = duties_in_words([found], (), JULY)[0]
    assert step.endswith("The licence that is named is none that SPDX knows, so nothing rests on it.")
    [note] = [each for each in world.content("tune")["estimate"]["assumptions"] if each["kind"] == "unknown-licence"]
    assert "no licence of SPDX is called 'Apache 2.0' (did you mean Apache-2.0" in note["words"]


@pytest.mark.parametrize(
    ("licence", "unknown"),
    [
        ("", []),
        ("MIT", []),
        ("apache-2.0", []),
        ("GPL-2.0+", []),
        ("MPL-2.0+", []),
        ("(MIT OR LicenseRef-own) AND Apache-2.0 WITH LLVM-exception", []),
        ("llama3.1", ["llama3.1"]),
        ("MIT or Foo", ["Foo"]),
        ("MIT WITH nonsense", ["nonsense"]),
        ("MIT AND ", ["MIT AND"]),
    ],
)
def test_names_that_spdx_has(licence: str, unknown: list[str]) -> None:
    assert unknown_names(licence) == unknown


@pytest.mark.parametrize(
    "command",
    [["models", "set", "M", "--who", "w", "--why", "y"], ["amend", "j", "--who", "w", "--why", "y"], ["plan"]],
)
def test_a_licence_that_nobody_knows_is_refused_with_what_may_be_meant(command: list[str]) -> None:
    found = CliRunner().invoke(app, [*command, "--licence", "Apache-2"], env={"COLUMNS": "400"})
    assert found.exit_code == 2
    assert "no licence of SPDX is called 'Apache-2' (did you mean Apache-2.0" in found.output
    assert "LicenseRef-" in found.output


def test_a_plan_says_what_follows_from_licence_and_placing() -> None:
    shape = ["--params", "1e12", "--tokens", "1e11", "--output", "json"]
    said = ["--licence", "MIT", "--placed-on-market", "2025-01-01", "--original-is-ours"]
    document = json.loads(CliRunner().invoke(app, ["plan", *shape, *said]).stdout)
    [found] = [a for a in document["assessments"] if a["scenario"] == "general-purpose"]
    assert {duty["exempt"]["licence"] for duty in found["duties"] if duty["exempt"]} == {"free"}
    assert {duty["until"] for duty in found["duties"]} == {"2027-08-02"}


def test_an_answer_that_is_not_followed_is_said() -> None:
    found = assess(policy(EU), situation_of_training("modifier", Original(2 * 10**25, systemic_denied=True), *SMALL))
    assert [note.kind.name for note in found[0].notes] == ["systemic-all-the-same"]
    follows = assess(policy(EU), situation_of_training("modifier", Original(10**24, systemic_denied=True), *SMALL))
    assert [a.notes for a in follows] == [(), ()]


def test_a_licence_that_only_a_tag_names_is_said_to_be_so_and_the_duty_stays() -> None:
    world = recorded(continuing("tune", hours=800, **BIG), licence="GPL-2.0-or-later")
    duty = line(world, "tune", "original-unknown")["duties"][0]
    assert (duty["state"], duty["exempt"]["licence"], duty["exempt"]["by_tag"]) == ("owed", "free", True)
    assert (
        "said, by a tag alone, to be such a one"
        in duties_in_words([{**line(world, "tune", "original-unknown")}], (), JULY)[0]
    )


@pytest.mark.parametrize("name", ["us-ca-sb-53-2026-01", "us-ny-raise-2027-01", "kr-ai-basic-act-2026-01"])
def test_other_regimes_say_what_leaves_them_open(name: str) -> None:
    """The original counts, whoever tunes it: not known, it leaves the line open; tuning alone over it settles it."""
    regime, small, huge = policy(name), Figures(10**20, 10**20), Figures(2 * 10**26, 2 * 10**26)

    def tuned(original: Original, figures: Figures) -> list[Any]:
        return list(assess(regime, situation_of_training("modifier", original, figures, figures)))

    unknown = tuned(Original(), small)
    assert [a.verdict for a in unknown] == ["indeterminate", "below"]
    assert [doubt.kind.name for doubt in unknown[0].doubts] == ["unknown-pretraining-compute"]
    disputed = tuned(Original(10**26), small)
    assert [(a.verdict, a.reading) for a in disputed] == [("indeterminate", "disputed"), ("below", "ours")]
    sure = tuned(Original(10**26), huge)
    assert [(a.verdict, a.reading) for a in sure] == [("above", "ours"), ("above", "ours")]
    assert "so it does not matter here what is disputed" in sure[0].notes[0].words
    generated = assess(regime, situation_of_training("data-generator", Original(), huge, huge))
    assert [(a.verdict, a.reading) for a in generated] == [("indeterminate", "disputed")]


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_a_plan_that_no_rule_speaks_about_says_so(form: str) -> None:
    options = ["--policy", "aws-flops-meter-2026-05", "--activity", "synthetic-data", "--params", "1e9"]
    shown = CliRunner().invoke(app, ["plan", *options, "--tokens", "1e9", "--output", form])
    assert shown.exit_code == 0, shown.output
    said = shown.stdout.replace("\n", " ")
    assert form == "csv" or "nothing of policy aws-flops-meter-2026-05 applies to such a run" in said


def test_a_policy_without_a_rule_for_a_run_says_so() -> None:
    world = World(tables=data.load_tables(["aws-flops-meter-2026-05"]))
    world.add(continuing("generate", hours=10), activity="synthetic-data")
    world.audit()
    content = world.content("generate")
    assert (content["verdict"], content["assessments"]) == ("below", [])
    [silent] = content["not_assessed"]
    assert silent["words"] == (
        "nothing of policy aws-flops-meter-2026-05 applies to such a run (the generation of training data)"
    )
    assert "choose a policy that has a rule about it" in silent["settle"]["words"]
    assert world.recorder.alerts.sent == []  # type: ignore[attr-defined]


def test_what_may_make_it_a_run_that_a_policy_speaks_of_keeps_the_verdict_open() -> None:
    world = World(tables=data.load_tables(["aws-flops-meter-2026-05"]))
    world.add(continuing("generate", hours=10), activity="synthetic-data", tokens="many")
    world.audit()
    assert world.content("generate")["verdict"] == "indeterminate"
    [alert] = world.recorder.alerts.sent  # type: ignore[attr-defined]
    body = " ".join(alert.body.split())
    assert "tag flops-auditor:tokens could not be read" in body
    assert "Correct tag flops-auditor:tokens" in body
    assert "Give better evidence" not in body


def test_a_designation_decides_where_figures_lie_on_both_sides_of_the_line() -> None:
    original = Original(9 * 10**24, systemic_risk=True, ours=True, highest_flop=11 * 10**24)
    run = Figures(10**20, 10**20)
    found = {a.scenario: a.verdict for a in assess(policy(EU), situation_of_training("developer", original, run, run))}
    assert (found["systemic-risk-designated"], found["systemic-risk"]) == ("above", "indeterminate")


def test_a_designated_model_of_ones_own_is_planned_with_its_duties_and_no_exemption() -> None:
    said = ["--pretrain-flops", "6e24", "--original-is-ours", "--systemic-risk", "--licence", "Apache-2.0"]
    run = ["plan", "--instance-type", "ml.p5.48xlarge", "--hours", "1", *said]
    shown = CliRunner().invoke(app, [*run, "--output", "table"], env={"COLUMNS": "400"})
    assert shown.exit_code == 3, shown.output
    title = "own model said to be designated as one with systemic risk"
    assert shown.output.startswith(f"The run is over a threshold: AI Act, Art. 51(1)(b), {title}\n")
    [row] = [each for each in shown.output.splitlines() if title in each and " any " in each]
    assert row.split(title)[1].split() == ["any", "-", "-", "-", "0", "above"]
    assert "Art. 55(1)(a)" in shown.output and "Art. 52(1)" not in shown.output.split("Duties")[1]
    assert "Not owed where" not in shown.output and "crossed before this run began" not in shown.output
