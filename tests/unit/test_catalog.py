"""The catalogue commands: complete, sourced, readable by machines."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flops_auditor import data
from flops_auditor.domain.law.policy import MalformedPolicy
from flops_auditor_cli.exits import USAGE
from flops_auditor_cli.main import app, told
from tests.fakes.exact import exact


def run(*arguments: str):
    return CliRunner().invoke(app, ["catalog", *arguments])


def test_instance_types_are_all_there_with_peak_count_and_sources():
    answer = run("instance-types", "--output", "csv")
    assert answer.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert len(rows) == len(data.hardware_table().instance_types)
    assert all(int(row["peak_flop_per_s"]) > 0 and float(row["units"]) > 0 and row["source"] for row in rows)


def test_instance_types_can_be_searched_by_accelerator():
    answer = run("instance-types", "--search", "b200", "--output", "json")
    assert {row["unit"] for row in json.loads(answer.stdout)["instance_types"]} == {"B200", "GB200"}
    table = run("instance-types", "--search", "p4d")
    assert "ml.p4d.24xlarge" in table.stdout and "3.120e14" in table.stdout


def test_policies_show_every_rule():
    rows = json.loads(run("policies", "--output", "json").stdout)["policies"]
    assert {row["policy"] for row in rows} == set(data.policy_ids())
    policies = [data.policy(name) for name in data.policy_ids()]
    assert len(rows) == sum(len(group) for policy in policies for group in policy.groups)
    assert {row["policy"] for row in rows if row["on_by_default"]} == set(data.default_policies())
    assert all(row["source"] and row["duties"] and row["reading"] in ("text", "ours", "disputed") for row in rows)
    assert "3.30e22" in run("policies").stdout


def test_models_are_listed_with_their_source_and_the_attribution():
    answer = run("models", "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert len(rows) == len(data.base_model_table().models)
    assert all(row["source"] for row in rows)
    assert "Epoch AI" in answer.stderr and "CC-BY" in answer.stderr
    assert "undisclosed" in run("models", "--search", "mixtral").stdout


def test_explain_says_what_a_name_means_and_which_thresholds_follow():
    answer = run("explain", "unsloth/Meta-Llama-3.1-8B-bnb-4bit", "--output", "json")
    assert answer.exit_code == 0
    document = exact(json.loads(answer.stdout))
    assert document["resolved"]["model_id"] == "meta-llama/Llama-3.1-8B"
    assert document["thresholds"][0]["threshold_flop"] == "216817053696000000000000"
    shown = run("explain", "meta-llama/Llama-3.1-405B").stdout
    assert "above 1e25" in shown and "Epoch AI" in shown


@pytest.mark.parametrize("output", ["table", "json", "markdown"])
def test_explain_of_an_unknown_name_is_incomplete_evidence(output):
    answer = run("explain", "no/such-model\x1b[31m", "--output", output)
    assert answer.exit_code == 4
    assert "not in the base-model table" in answer.stdout.replace("\\", "")
    assert "\x1b[31m" not in answer.stdout or output == "json"


def test_utilisation_is_the_shipped_table():
    rows = json.loads(run("utilisation", "--output", "json").stdout)["utilisation"]
    published = data.published_utilisation()
    assert len(rows) == len(published.classes)
    for row, found in zip(rows, published.classes, strict=True):
        shown = {name: row[name] for name in found.quantiles}
        assert shown == {name: float(share) for name, share in found.quantiles.items()}
        assert row["runs"] == found.runs
    named = [name for row in rows for name in row["accelerators"]]
    assert sorted(named) == sorted(data.hardware_table().accelerators)


def test_a_policy_file_that_is_none_is_named_by_its_path_and_the_others_are_listed(tmp_path: Path) -> None:
    shipped = json.loads(data.content("policies/us-ny-raise-2027-01.json"))
    (tmp_path / "good.json").write_text(json.dumps({**shipped, "id": "good"}))
    (tmp_path / "bad.json").write_text(json.dumps({**shipped, "id": "bad", "in_force": "2026-W48-4"}))
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to("/nonexistent")
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    answer = run("policies", "--policy-dir", str(tmp_path), "--output", "json")
    assert answer.exit_code == USAGE
    listed = {row["policy"] for row in json.loads(answer.stdout)["policies"]}
    assert listed == {"good", *data.policy_ids()}
    for name in ("bad", "folder", "link", "bytes"):
        assert f"MalformedPolicy: {tmp_path / name}.json: " in answer.stderr
    assert "in_force is '2026-W48-4', not a day" in answer.stderr
    assert run("policies").exit_code == 0


def test_a_malformed_policy_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(MalformedPolicy) as refused:
        data.load_tables(["bad"], tmp_path)
    what, _, code = told(refused.value)
    assert (what.partition(": the")[0], code) == (f"MalformedPolicy: {tmp_path / 'bad.json'}", USAGE)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("llama", "names have it in them: `flops-auditor catalog models --search llama`"),
        ("in-house/base-34b", "`flops-auditor models set MODEL --pretraining-flop NUMBER`"),
    ],
)
def test_a_name_that_means_no_model_is_told_with_a_next_step(name: str, told: str) -> None:
    done = CliRunner().invoke(app, ["catalog", "explain", name])
    assert done.exit_code == 4
    assert told in done.stderr
    assert CliRunner().invoke(app, ["catalog", "explain", name, "--output", "json"]).stderr == ""
