"""Beside a law stands what others make of it in their words: duties are matched by their names, and told once."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor import data
from flops_auditor.domain.audit.tables import parse_tables
from flops_auditor.domain.law.policy import MalformedPolicy
from flops_auditor.domain.messages.duties import duties_in_words
from flops_auditor.domain.messages.notification import drafts
from flops_auditor_cli.main import app
from tests.fakes.lineage import World, continuing

TODAY = date(2026, 11, 26)
LLAMA = {"HyperParameters": {"model_id": "meta-llama/Llama-3.1-8B"}}


def duty(what: str, article: str = "Tide Act", **more: Any) -> dict[str, Any]:
    """Most are cited by the act as a whole, as those of SB 53 are."""
    return {"what": what, "article": article, "reading": "text", **more}


DATED = duty("Tell the office", article="Tide Act 2", within_days=5, since="met")


def line(scenario: str, threshold: str, *duties: str) -> dict[str, Any]:
    return {
        "scenario": scenario,
        "title": scenario,
        "when": {"role": ["modifier", "developer"]},
        "threshold": threshold,
        "comparison": "greater than",
        "basis": "updates",
        "meaning": "the model is a wave",
        "reading": "text",
        "source": "Tide Act",
        "duties": list(duties),
    }


def put(folder: Path, name: str, duties: dict[str, Any], *lines: dict[str, Any], **more: Any) -> None:
    policy = {"id": name, "title": name, "jurisdiction": "Mars", "in_force": "2020-01-01", "sources": []}
    groups = [[each] for each in lines]
    (folder / f"{name}.json").write_text(json.dumps({**policy, "duties": duties, "groups": groups, **more}))


def recorded(folder: Path, *names: str) -> dict[str, Any]:
    world = World(tables=data.load_tables(names, folder))
    world.add(continuing("tide", hours=1500, **LLAMA))
    world.audit()
    return world.content("tide")


@pytest.fixture
def act(tmp_path: Path) -> Path:
    """A law and a leaflet on it: the leaflet has a duty of the law whose line is not crossed, and one of its own."""
    report, log = duty("Report"), duty("Keep a log")
    law = {"report": report, "log": log, "tell": DATED}
    put(tmp_path, "law", law, line("big", "1e30", "report", "log"), line("small", "1e20", "log", "tell"))
    leaflet = {"report": report, "third": duty("Paint the ship"), "tell": DATED}
    put(tmp_path, "leaf", leaflet, line("leaf", "1e20", "report", "third", "tell"), wording_of="law")
    return tmp_path


def test_duties_are_matched_by_their_names_and_not_by_where_they_stand(act: Path) -> None:
    content = recorded(act, "law", "leaf")
    states = {(a["policy"], each["id"]): each["state"] for a in content["assessments"] for each in a["duties"]}
    assert states == {
        ("law", "log"): "owed",
        ("law", "tell"): "owed",
        ("leaf", "report"): "by another wording",
        ("leaf", "third"): "by another wording",
        ("leaf", "tell"): "owed",
    }
    *owed, others = duties_in_words(content["assessments"], content["due"], TODAY)
    assert [each.rpartition(": ")[2] for each in owed] == ["Tell the office (Tide Act 2).", "Keep a log (Tide Act)."]
    assert others.startswith("Only by leaf (leaf): report (Tide Act); third (Tide Act). By law,")


def test_what_the_law_has_by_no_such_name_is_told_of_its_wording(act: Path) -> None:
    content = recorded(act, "law", "leaf")
    [leaflet] = [a for a in content["assessments"] if a["policy"] == "leaf"]
    for each in leaflet["duties"]:
        each.update(state="if over", within_days=5)
    told = duties_in_words(content["assessments"], content["due"], TODAY)
    assert [each for each in told if each.startswith("If it is over")] == [
        "If it is over: Report (Tide Act).",
        "If it is over: Paint the ship (Tide Act).",
    ]


def test_two_duties_in_the_same_words_have_a_draft_each(tmp_path: Path) -> None:
    told = duty("Tell the office", within_days=5, since="met")
    duties = {"tide": {**told, "to": "Tide Office"}, "wind": {**told, "to": "Wind Office"}}
    put(tmp_path, "law", duties, line("small", "1e20", "tide", "wind"))
    assert [each.to for each in drafts(recorded(tmp_path, "law"))] == ["Tide Office", "Wind Office"]


@pytest.mark.parametrize("beside", [[], ["--policy", "leaf"]])
def test_a_plan_tells_a_duty_once_where_a_leaflet_is_chosen_beside_its_law(act: Path, beside: list[str]) -> None:
    options = ["--policy-dir", str(act), "--policy", "law", *beside, "--base-model", "meta-llama/Llama-3.1-8B"]
    told = " ".join(CliRunner().invoke(app, ["plan", *options, "--tokens", "1e12"]).output.split())
    assert [told.count(each) for each in ("Tell the office", "Keep a log")] == [1, 1]


def refused(folder: Path, name: str) -> str:
    with pytest.raises(MalformedPolicy) as error:
        data.load_tables([name], folder)
    return str(error.value)


def test_whoever_words_a_law_names_the_law(act: Path) -> None:
    told = {"tell": duty("Tell the office", within_days=5, since="met")}
    for name, of in (("own", "own"), ("one", "two"), ("two", "one"), ("further", "leaf"), ("none", "no-such-law")):
        put(act, name, told, line("small", "1e20", "tell"), wording_of=of)
    assert refused(
        act, "own"
    ) == f"{act / 'own.json'}: the policy: wording_of names the policy itself: leave it out " + (
        "where the policy holds the law"
    )
    assert "two holds no law, but words one: name the policy that holds the law" in refused(act, "one")
    assert "leaf holds no law, but words law" in refused(act, "further")
    assert refused(act, "none") == f"{act / 'none.json'}: wording_of: no-such-law is not a policy"
    files = dict(data.load_tables(["law", "leaf"], act).files)
    with pytest.raises(MalformedPolicy, match=r"policies/one\.json: wording_of: two holds no law"):
        parse_tables(
            {**files, **{f"policies/{each}.json": (act / f"{each}.json").read_bytes() for each in ("one", "two")}}
        )


def test_a_form_is_named_by_its_file_and_none_is_taken_for_another_lands(act: Path) -> None:
    for form in ("Model Documentation Form", "tide-form", "../forms/model-documentation-form"):
        put(act, "formal", {"f": duty("Hand it in", form=form)}, line("small", "1e20", "f"))
        assert refused(act, "formal") == (
            f"{act / 'formal.json'}: duty f: form {form!r} is not one of model-documentation-form"
        )
    put(act, "formal", {"f": duty("Hand it in", form="model-documentation-form")}, line("small", "1e20", "f"))
    [owed] = recorded(act, "formal")["assessments"][0]["duties"]
    assert owed["form"] == "model-documentation-form"
