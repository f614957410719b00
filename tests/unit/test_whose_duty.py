"""Duties, days and triggers belong to the law whose line was crossed, and are told by the day of the message."""

from datetime import date, datetime, timedelta
from typing import Any

from flops_auditor.domain.messages.duties import duties_in_words
from flops_auditor.domain.messages.notification import drafts
from flops_auditor.domain.messages.record_alert import limits_in_words
from flops_auditor_cli.form_view import draft_blocks
from flops_auditor_cli.view import PointList
from tests.fakes.audit import MemoryAlerts
from tests.fakes.lineage import World, continuing

AWS, EU = "aws-flops-meter-2026-05", "eu-gpai-guidelines-2025-07"
LLAMA = {"base_model": "meta-llama/Llama-3.1-405B", "params": "4.05e11"}
TODAY = date(2026, 11, 26)


def _hosts(count: int) -> dict[str, Any]:
    return {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": count}}


def recorded(hours: int, hosts: int, days: int = 0, **tags: str) -> World:
    world = World()
    world.add(moved(continuing("run", hours=hours, **_hosts(hosts)), timedelta(days=-days)), **tags)
    world.audit()
    return world


def moved(found: Any, by: timedelta) -> Any:
    if isinstance(found, dict):
        return {key: moved(each, by) for key, each in found.items()}
    if isinstance(found, list):
        return [moved(each, by) for each in found]
    return found + by if isinstance(found, datetime) else found


def mail(world: World) -> str:
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    return alerts.sent[-1].subject + "\n" + " ".join(alerts.sent[-1].body.split())


def test_what_only_another_wording_asks_for_has_no_day_and_no_draft_and_says_so() -> None:
    world = recorded(18_000, 64, **LLAMA, tokens="2e12")
    content, told = world.content("run"), mail(world)
    lines = {a["policy"]: a for a in content["assessments"]}
    assert (lines[AWS]["verdict"], lines[EU]["verdict"]) == ("above", "below")
    assert {duty["state"] for duty in lines[AWS]["duties"]} == {"by another wording"}
    assert (content["due"], content["notification_due"], drafts(content)) == ([], None, ())
    assert "Only by AWS Fine-Tuning FLOPs Meter" in told
    assert f"By {EU}, which holds the law that it words, no line that asks for this is known to be crossed" in told
    assert "Notify the European Commission" not in told


def test_where_both_are_crossed_day_and_trigger_are_the_laws() -> None:
    content = recorded(18_000, 64, **LLAMA, tokens="6.03e12").content("run")
    assert [each["policy"] for each in content["due"]] == [EU]
    [draft] = drafts(content)
    line = next(a for a in content["assessments"] if a["policy"] == EU)
    assert (str(draft.threshold_flop), draft.met_at) == (line["threshold_flop"], line["met_at"])
    assert draft.day == content["due"][0]["day"] == content["notification_due"]


def test_no_exemption_is_told_of_a_model_that_is_over_the_systemic_line() -> None:
    content = recorded(12_000, 64, activity="pretraining", params="1e12", tokens="1.9e12").content("run")
    assert not [duty for a in content["assessments"] for duty in a["duties"] if "exempt" in duty]
    assert "free and open-source" not in " ".join(duties_in_words(content["assessments"], content["due"], TODAY))


def test_a_law_that_came_into_force_after_the_run_binds_by_the_day_of_the_message() -> None:
    world = recorded(2000, 600, 400, activity="pretraining", base_model="none", params="9e11", tokens="3e12")
    content, told = world.content("run"), mail(world)
    assert "NOT IN FORCE" not in told
    assert content["notification_due"] == "2025-08-16"
    steps = duties_in_words(content["assessments"], content["due"], TODAY)
    assert any(step.startswith("By 2025-08-16, which was 467 days ago: Notify") for step in steps)
    [draft] = drafts(content)
    shown, before = (draft_blocks(draft, day)[1] for day in (TODAY, date(2025, 7, 1)))
    assert isinstance(shown, PointList) and not any("Not in force" in text for text in shown.texts)
    assert isinstance(before, PointList) and "Not in force before 2025-08-02: nothing is owed before." in before.texts


def test_a_tag_that_calls_data_public_takes_no_day_away_and_is_named() -> None:
    shape = {"activity": "synthetic-data", "params": "1e12", "tokens": "1e13"}
    plain = recorded(18_000, 64, **shape).content("run")
    said = recorded(18_000, 64, **shape, generated_data="public").content("run")
    assert plain["notification_due"] == said["notification_due"] is not None
    [line] = [a for a in said["assessments"] if a["scenario"] == "systemic-risk-generation"]
    assert any("only a tag of the job says that the generated data is public" in d["words"] for d in line["doubts"])
    assert {duty["state"] for duty in line["duties"]} == {"disputed"}


def test_a_failed_run_that_is_over_alone_is_disputed() -> None:
    world = World()
    job = continuing("run", hours=2000, **_hosts(16))
    world.add({**job, "TrainingJobStatus": "Failed"}, base_model="meta-llama/Llama-3.1-8B", params="8e9", tokens="8e12")
    world.audit()
    content = world.content("run")
    assert {a["verdict"] for a in content["assessments"] if a["scenario"] in ("one-third", "relative")} == {
        "indeterminate"
    }
    assert {duty["state"] for a in content["assessments"] for duty in a["duties"]} <= {"disputed", "if over"}


def test_to_what_duties_are_limited_is_said_of_each_line() -> None:
    named = [("share", ""), ("total", "the river alone"), ("named", "")]
    lines = [{"scenario": name, "limited_to": what} for name, what in named]
    assert limits_in_words(lines) == "It is limited by total to the river alone; by share, named it is not limited"
    assert limits_in_words(lines[1:2]) == "It is limited to the river alone"
    assert limits_in_words(lines[:1]) == ""
