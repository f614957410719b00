"""What the compliance officer says of models: one file, versions of it, and the records that rest on it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from flops_auditor.domain.audit.record import result
from flops_auditor.domain.runs.amendment import Amendment, MalformedAmendment, in_order
from flops_auditor.domain.runs.evidence import parse_evidence
from flops_auditor.domain.runs.models_file import MOST_MODELS, MalformedModels, models_to_bytes, read_models
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.archive_keys import evidence_key, models_key
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.find_lineage import recorded_lineage
from flops_auditor.use_cases.auditing.read_models import newest_models
from flops_auditor.use_cases.auditing.set_model import amend_runs, set_model
from tests.fakes.cases import audit
from tests.fakes.lineage import World, continuing

AT = datetime(2026, 11, 24, tzinfo=UTC)
LLAMA = "meta-llama/Llama-3.1-8B"


OURS = Stated(ours=True)


def say(about: str, stated: Stated = OURS, **more: int) -> Amendment:
    return Amendment("ada", "letter of 3 May", AT, stated=stated, about=about, **more)  # type: ignore[arg-type]


def scenarios(world: World, name: str) -> set[str]:
    found = world.content(name)["assessments"]
    return {a["scenario"] for a in found if a["policy"] == "eu-gpai-guidelines-2025-07"}


def test_the_file_is_read_back_as_it_was_written() -> None:
    stated = Stated(False, True, False, True, True, date(2025, 7, 1), "Apache-2.0")
    statements = {"org/b": say("org/b", stated, pretraining_flop=10**24), "org/a": say("org/a")}
    body = models_to_bytes(statements)
    assert read_models(body) == statements
    assert list(json.loads(body)["models"]) == ["org/a", "org/b"]
    assert b"\n  " in body, "people read it, too"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "UnreadableJson"),
        (b"{}", "KeyError"),
        (b'{"models": []}', "AttributeError"),
        (b'{"models": {"a": {}, "a": {}}}', "UnreadableJson"),
        (b'{"models": {"a": {"who": "x", "why": "y", "at": "2026-11-24"}}}', "it gives no evidence"),
        (
            b'{"models": {"a": {"who": "x", "why": "y", "at": "2026-11-24", "stated": {"ours": "yes"}}}}',
            "true or false",
        ),
        (b'{"models": {"a": {"who": "x", "why": "y", "at": "2026-11-24", "tokens": "5"}}}', "of a run, not of a model"),
        (b'{"models": {" ": {"who": "x", "why": "y", "at": "2026-11-24", "stated": {"ours": true}}}}', "no name"),
    ],
)
def test_a_file_that_could_be_misread_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(MalformedModels, match=message):
        read_models(body)


def test_a_file_has_a_bound() -> None:
    statements = {f"m{n}": say(f"m{n}") for n in range(MOST_MODELS + 1)}
    with pytest.raises(MalformedModels, match="at most"):
        models_to_bytes(statements)


def test_a_later_statement_about_the_same_model_replaces_the_earlier_and_a_runs_own_word_overrides_both() -> None:
    first, second, own = say("m"), say("m", Stated(general_purpose=True)), Amendment("b", "c", AT, tokens=5)
    assert in_order([first, own, second]) == [second, own]


def test_what_is_said_of_a_model_holds_for_a_run_that_is_recorded_later_by_any_name_of_the_model() -> None:
    world = World()
    set_model(say("unsloth/Meta-Llama-3.1-8B-bnb-4bit"), world.recorder)
    world.add(continuing("later", HyperParameters={"model_id": LLAMA}))
    world.add(continuing("other", HyperParameters={"model_id": "Qwen/Qwen2.5-7B"}))
    world.audit()
    assert scenarios(world, "later") == {"general-purpose", "systemic-risk"}
    assert scenarios(world, "other") == {"one-third", "systemic-risk-total"}
    body = world.recorder.archive.get(evidence_key(world.job_id("other"), 0)) or b""
    assert b"ada" not in body, "what is said of another model is nobody's business here"


def test_what_is_said_of_a_model_supersedes_its_recorded_runs_and_their_descendants_and_can_be_computed_again() -> None:
    world = World()
    world.add(continuing("first", HyperParameters={"model_id": LLAMA}))
    world.add(continuing("second", ["first"], day=1, HyperParameters={}, Environment={}))
    world.audit()
    assert scenarios(world, "second") == {"one-third", "systemic-risk-total"}
    statement = say(LLAMA)
    set_model(statement, world.recorder)
    assert amend_runs(statement, [world.job_id("first"), "0" * 64], world.recorder) == 1
    world.work_off()
    for name in ("first", "second"):
        content = world.content(name)
        assert scenarios(world, name) == {"general-purpose", "systemic-risk"}
        assert content["original"]["ours"] is True
        body = world.recorder.archive.get(evidence_key(world.job_id(name), content["revision"])) or b""
        lineage = recorded_lineage(content, world.recorder.archive)
        again = result(audit(parse_evidence(body), world.recorder.tables, lineage))
        assert again["assessments"] == content["assessments"]
    assert any("statement about" in each["words"] for each in world.content("first")["estimate"]["assumptions"])


def test_versions_follow_one_another_and_saying_the_same_again_writes_nothing() -> None:
    world = World()
    archive = world.recorder.archive
    assert newest_models(archive).number is None
    assert set_model(say("a"), world.recorder).number == 0
    assert set_model(say("a"), world.recorder).number == 0
    assert set_model(say("b"), world.recorder).number == 1
    assert set(newest_models(archive).statements) == {"a", "b"}
    assert archive.get(models_key(1)) and not archive.get(models_key(2))


def test_a_statement_about_one_runs_result_is_its_own() -> None:
    world = World()
    set_model(say("mine", Stated(placed_on_market=True, licence="MIT")), world.recorder)
    world.add(continuing("mine"))
    world.add(continuing("yours"))
    world.audit()
    assert world.content("mine")["lineage"]["stated"] == {"placedOnMarket": True, "licence": "MIT"}
    assert world.content("yours")["lineage"]["stated"] == {}


def test_a_file_that_cannot_be_read_is_a_doubt_and_never_below() -> None:
    world = World()
    world.recorder.archive.put_if_absent(models_key(0), b"not a file of models")
    world.add(continuing("run"))
    world.audit()
    content = world.content("run")
    assert content["verdict"] == "indeterminate"
    assert "MalformedModels" in content["estimate"]["doubts"][0]["words"]


def test_what_is_asked_again_reads_the_file_of_models_again() -> None:
    """As long as it cannot be read the doubt stays; once it can, what it says counts."""
    world = World()
    world.recorder.archive.put_if_absent(models_key(0), b"not a file of models")
    world.add(continuing("job", hours=1, HyperParameters={"model_name_or_path": LLAMA}))
    world.audit()
    again = Amendment("ada", "the file was repaired", AT, asked_again=True)
    amend(world.job_id("job"), again, world.recorder)
    content = world.content("job")
    assert (content["verdict"], content["revision"]) == ("indeterminate", 1)
    [doubt] = content["estimate"]["doubts"]
    assert doubt["kind"] == "models-not-read"
    assert "--ask-again" in doubt["settle"]["words"]
    assert "refused" not in doubt["settle"]["words"]
    systemic = {LLAMA: say(LLAMA, Stated(systemic_risk=True))}
    world.recorder.archive.put_if_absent(models_key(1), models_to_bytes(systemic))
    amend(world.job_id("job"), replace(again, at=datetime(2026, 11, 25, tzinfo=UTC)), world.recorder)
    assert world.content("job")["original"]["systemic_risk"]
    assert "models-not-read" not in {doubt["kind"] for doubt in world.content("job")["estimate"]["doubts"]}


def test_a_tag_alone_does_not_release_and_a_persons_word_does() -> None:
    world = World()
    tune = {"HyperParameters": {"model_id": LLAMA}, "hours": 9000}
    world.add(continuing("tune", **tune), original_is_ours="true")
    world.audit()
    [third] = [a for a in world.content("tune")["assessments"] if a["scenario"] == "one-third"][:1] or [{}]
    assert third["verdict"] == "indeterminate"
    assert [doubt["kind"] for doubt in third["doubts"]] == ["only-a-tag-says-so"]
    assert "--original-is-ours" in third["settle"][0]["words"]
    amend(world.job_id("tune"), Amendment("ada", "we made it", AT, stated=Stated(ours=True)), world.recorder)
    assert scenarios(world, "tune") == {"general-purpose", "systemic-risk"}


def test_an_amendment_that_says_nothing_is_refused() -> None:
    with pytest.raises(MalformedAmendment, match="no evidence"):
        Amendment("ada", "why", AT).check()
