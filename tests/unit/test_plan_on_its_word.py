"""A plan whose definition's own word is not trusted answers as the audit of such a job does: `plan` beside `audit`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.main import app
from tests.fakes.jobs import describe, tagged

HOURS = 720
LARGE = "meta-llama/Llama-3.1-405B"
BUCKET = "s3://bucket/model/"
LIES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    # what is said, how it is named, and the options with which a person says the same
    "a tag's name": (
        {"Tags": tagged(**{"base-model": LARGE})}, "tag flops-auditor:base-model", ["--base-model", LARGE],
    ),
    "a name": ({"HyperParameters": {"model_id": LARGE}}, "hyperparameter model_id", ["--base-model", LARGE]),
    "a figure": (
        {"Environment": {"PRETRAIN_FLOPS": "5e24"}}, "variable PRETRAIN_FLOPS", ["--pretrain-flops", "5e24"],
    ),
    "a precision": ({"Tags": tagged(precision="fp32")}, "tag flops-auditor:precision", ["--precision", "fp32"]),
    "tokens of a size": (
        {"Tags": tagged(params="8e9", tokens="3e11"), "HyperParameters": {"max_seq_length": "512"}},
        "tag flops-auditor:tokens", ["--params", "8e9", "--tokens", "3e11", "--sequence-length", "512"],
    ),
    "lineage": (
        {"HyperParameters": {"model_path": BUCKET}, "Tags": tagged(lineage="none", precision="fp32")},
        "tag flops-auditor:lineage", ["--earlier-flop", "0", "--precision", "fp32"],
    ),
}  # fmt: skip
KIND = "only-the-definitions-word"


def hosts(said: dict[str, Any]) -> dict[str, Any]:
    """Hosts that are under the line by what is said, and may be over it without."""
    count = {"precision": 8, "lineage": 8, "tokens": 4}
    number = next((count[name] for name in count if name in str(said.get("Tags"))), 16)
    return {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": number}}


def request(said: dict[str, Any]) -> dict[str, Any]:
    return {"TrainingJobName": "job", "StoppingCondition": {"MaxRuntimeInSeconds": 3600 * HOURS}, **hosts(said), **said}


def answer(command: str, document: Any, folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    path = folder / f"{command}.json"
    path.write_text(json.dumps(document, default=iso))
    outcome = CliRunner().invoke(app, [command, str(path), "--output", "json", *options])
    return outcome.exit_code, json.loads(outcome.stdout or "{}")


def doubts(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [*plan["estimate"]["doubts"], *(doubt for line in plan["assessments"] for doubt in line["doubts"])]


@pytest.mark.parametrize(("said", "named", "options"), LIES.values(), ids=LIES)
def test_what_the_audit_leaves_open_the_plan_leaves_open(
    said: dict[str, Any], named: str, options: list[str], tmp_path: Path
) -> None:
    finished = describe(hours=HOURS, **hosts(said), **{"HyperParameters": {}, **said})
    wary = "--no-trust-statements"
    assert answer("audit", finished, tmp_path)[0] == answer("plan", request(said), tmp_path)[0] == 0
    assert answer("audit", finished, tmp_path, wary)[0] == 4
    code, plan = answer("plan", request(said), tmp_path, wary)
    assert (code, plan["verdict"]) == (4, "indeterminate")
    told = [doubt for doubt in doubts(plan) if doubt["kind"] == KIND]
    assert told and all(named in doubt["words"] for doubt in told)
    assert "say-it-as-an-option" in {each["kind"] for line in plan["assessments"] for each in line["settle"]}
    signed, plan = answer("plan", request(said), tmp_path, wary, *options)
    assert signed == 0 and doubts(plan) == [], "whoever plans says so"


def test_every_way_of_training_is_left_open(tmp_path: Path) -> None:
    _, plan = answer("plan", request(LIES["tokens of a size"][0]), tmp_path, "--no-trust-statements")
    assert {way["method"]: way["verdict"] for way in plan["methods"]} == dict.fromkeys(
        ["full", "lora", "spectrum"], "indeterminate"
    )


def regime(folder: Path, threshold: str, **more: Any) -> list[str]:
    """The options for a policy with one line, for modifiers."""
    rule = {
        "scenario": "share", "title": "share", "meaning": "m", "duties": [], "reading": "text", "source": "s",
        "when": {"role": ["modifier"]}, "threshold": threshold, "comparison": "greater than", "basis": "updates",
    }  # fmt: skip
    document = {"id": "wary", "title": "wary", "jurisdiction": "Mars", "in_force": "2020-01-01", "sources": []}
    folder.mkdir()
    (folder / "wary.json").write_text(json.dumps({**document, "duties": {}, "groups": [[rule]], **more}))
    return ["--policy", "wary", "--policy-dir", str(folder)]


def test_a_policy_that_trusts_no_statement_is_planned_by(tmp_path: Path) -> None:
    with_it = regime(tmp_path / "policies", "1e23", trust_statements=False)
    code, plan = answer("plan", request({"Tags": tagged(precision="fp32")}), tmp_path, *with_it)
    assert code == 4 and [each["verdict"] for each in plan["assessments"]] == ["indeterminate"]
    assert [doubt["kind"] for doubt in doubts(plan)] == [KIND]


def test_where_no_line_applies_by_its_word_all_of_it_is_left_open(tmp_path: Path) -> None:
    """A policy that has no line for who makes data: without the tag there would be one, between the bounds."""
    with_it = regime(tmp_path / "policies", "3e23")
    said = {"Tags": tagged(activity="synthetic-data"), "HyperParameters": {}}
    assert answer("plan", request(said), tmp_path, *with_it)[0] == 0
    finished = describe(hours=HOURS, **hosts(said), **said)
    for command, document in (("plan", request(said)), ("audit", finished)):
        code, found = answer(command, document, tmp_path, *with_it, "--no-trust-statements")
        assert (code, found["assessments"]) == (4, [])
        assert "tag flops-auditor:activity = synthetic-data" in str(found["estimate"]["doubts"])


def test_what_nothing_bounds_without_its_word_is_open(tmp_path: Path) -> None:
    """No hardware for a time: what is planned are parameters and tokens of its own tags alone."""
    said = {"TrainingJobName": "job", "Tags": tagged(params="8e9", tokens="1e9"), "AlgorithmSpecification": {}}
    assert answer("plan", said, tmp_path)[0] == 0
    code, plan = answer("plan", said, tmp_path, "--no-trust-statements")
    assert code == 4 and {doubt["kind"] for doubt in doubts(plan)} == {KIND}


def step(name: str, *after: str, hosts: int, seconds: int = 3600 * HOURS, **tags: str) -> dict[str, Any]:
    arguments = {
        "TrainingJobName": name,
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts},
        "HyperParameters": {"max_seq_length": "512"},
        "Tags": tagged(**tags),
    }
    return {"Name": name, "Type": "Training", "Arguments": arguments, "DependsOn": list(after)}


def verdicts(folder: Path, steps: list[dict[str, Any]], *options: str) -> dict[str, str]:
    _, pipeline = answer("plan", {"Version": "2020-12-01", "Steps": steps}, folder, *options)
    return {each["step"]: each["plan"]["verdict"] for each in pipeline["steps"]}


def test_an_earlier_step_counts_without_its_own_word(tmp_path: Path) -> None:
    steps = [step("A", hosts=4, params="8e9", tokens="3e11"), step("B", "A", hosts=1, seconds=3600)]
    assert verdicts(tmp_path, steps) == {"A": "below", "B": "below"}
    assert verdicts(tmp_path, steps, "--no-trust-statements") == dict.fromkeys("AB", "indeterminate")


def test_steps_that_only_tags_say_make_data_may_have_trained_what_is_continued(tmp_path: Path) -> None:
    """Neither is above a third of 1e23 without its tag, and both together are, or may be."""
    made = [step(name, hosts=4, seconds=900 * HOURS, activity="synthetic-data") for name in "AB"]
    last = step("C", "A", "B", hosts=1, seconds=3600)
    assert verdicts(tmp_path, [*made, last]) == {"A": "below", "B": "below", "C": "below"}
    more = [step(name, hosts=4, seconds=1800 * HOURS, activity="synthetic-data") for name in "AB"]
    assert verdicts(tmp_path, [*more, last]) == {"A": "below", "B": "below", "C": "indeterminate"}
    assert verdicts(tmp_path, [*made, last], "--no-trust-statements")["C"] == "indeterminate"


def test_without_a_definition_nothing_is_distrusted() -> None:
    outcome = CliRunner().invoke(app, ["plan", "--params", "8e9", "--tokens", "1e9", "--no-trust-statements"])
    assert "options are the word of whoever plans" in str(outcome.exception or outcome.output)
