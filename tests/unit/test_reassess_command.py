"""`flops-auditor reassess` as people and scripts meet it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.tables import INSTANCE_TYPES
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor_cli.commands import reassess
from flops_auditor_cli.deployment import StackValues
from flops_auditor_cli.main import app
from tests.fakes.audit import MemoryRecords
from tests.fakes.lineage import World, continuing
from tests.fakes.tables_of_then import tables_with, without_row


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Two jobs recorded when one of their instance types was unknown; today's tables know both."""
    made = World(tables=tables_with({INSTANCE_TYPES: without_row("ml.p5.48xlarge")}))
    made.add(continuing("settled"))
    p4 = {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1, "VolumeSizeInGB": 500}
    made.add(continuing("known", ResourceConfig=p4))
    made.audit()
    made.recorder = replace(made.recorder, tables=load_tables())
    records = made.recorder.records
    assert isinstance(records, MemoryRecords)

    def items(*_: str) -> Iterator[dict[str, str]]:
        for (job_id, revision), summary in records.summaries.items():
            yield {**summary, "job_id": job_id, "revision": str(revision), "pk": job_id, "sk": str(revision)}

    names = ("RecordTableName", "ArchiveBucketName", "LedgerId", "AlertTopicArn", "RecordKeyArn", "AuditQueueUrl")
    deployment = StackValues(dict.fromkeys(names, "x"), {"Policies": "eu-gpai-guidelines-2025-07"})
    monkeypatch.setattr(reassess, "find_deployment", lambda *_: deployment)
    monkeypatch.setattr(reassess, "recorder_from", lambda _: made.recorder)
    monkeypatch.setattr(reassess, "items", items)
    return made


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["reassess", *options])


def rows(*options: str) -> list[dict[str, Any]]:
    result = run(*options, "--output", "json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["records"]
    return found


def test_a_dry_run_then_the_run_then_nothing_is_left(world: World) -> None:
    [would] = rows("--all", "--dry-run")
    assert (would["job_name"], would["before"], would["verdict"]) == ("settled", "indeterminate", "below")
    assert would["tables"] == INSTANCE_TYPES
    assert "verdict" in would["changes"] or "estimate" in would["changes"]
    assert world.content("settled")["revision"] == 0
    [did] = rows("--all")
    assert did == {**would, "revision": 1}
    assert world.content("settled")["verdict"] == "below"
    assert rows("--all") == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--instance-type", "ml.p5.48xlarge"), ["settled"]),
        (("--instance-type", "ml.p4d.24xlarge"), []),
        (("--job", "settled"), ["settled"]),
        (("--job", "known"), []),
        (("--model", "of/another"), []),
    ],
)
def test_only_what_is_asked_for_is_assessed(world: World, options: tuple[str, ...], expected: list[str]) -> None:
    assert [row["job_name"] for row in rows(*options, "--dry-run")] == expected


@pytest.mark.parametrize("options", [(), ("--all", "--job", "settled")])
def test_one_selection_is_given(options: tuple[str, ...]) -> None:
    assert run(*options).exit_code == 2


def test_what_happened_is_said(world: World) -> None:
    assert "Jobs assessed again: 2; records that are superseded: 1, 1 indeterminate -> below" in run("--all").stderr


def test_a_job_that_cannot_be_assessed_is_named_and_stops_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = f"evidence/{world.job_id('known')}/0.json"
    archive = world.recorder.archive
    read = archive.get
    monkeypatch.setattr(archive, "get", lambda key: None if key == lost else read(key))
    result = run("--all")
    assert result.exit_code == 1
    assert "known: EvidenceLost" in result.stderr
    assert world.content("settled")["revision"] == 1


def test_a_type_or_model_that_no_job_has_is_told(world: World) -> None:
    """A name that is spelled wrong looks like nothing to do."""
    typed = run("--instance-type", "ml.p9", "--dry-run")
    assert isinstance(typed.exception, WrongInput)
    assert "ml.p9" in str(typed.exception)
    assert "Did you mean ml.p5.48xlarge" in str(run("--instance-type", "ml.p5.48xlage").exception)
    other = run("--instance-type", "ml.g5.2xlarge", "--dry-run")
    assert (other.exit_code, other.stderr.splitlines()[-1]) == (0, "No recorded job ran on ml.g5.2xlarge.")
    model = run("--model", "of/another", "--dry-run")
    assert (model.exit_code, model.stderr.splitlines()[-1]) == (0, "No recorded job is on of/another.")


def test_a_model_is_found_by_every_name_that_the_table_knows() -> None:
    fits = [reassess.Chosen(name, "") for name in ("meta-llama/llama-3.1-8b", "meta-llama/Llama-3.1-8B", "other/x")]
    content = {"job": {"instances": []}, "original": {"base_model": "meta-llama/Llama-3.1-8B"}}
    assert [each(content) for each in fits] == [True, True, False]
