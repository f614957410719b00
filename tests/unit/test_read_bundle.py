"""What a bundle says is read from one that was verified alone: the newest record of each job, in the log's order."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from typer.testing import CliRunner

from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.read_bundle import NotVerified, bundle_records, read_bundle
from flops_auditor.use_cases.ledger.verify_bundle import Demands
from flops_auditor_cli.deployment import Target
from flops_auditor_cli.main import app
from flops_auditor_cli.record_source import open_records
from tests.fakes.bundles import Bundle
from tests.fakes.ledger_world import MODELS
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger


@pytest.fixture(scope="module")
def ledger() -> LiveLedger:
    """A parent that is recorded after its child, which is therefore assessed again."""
    ledger = LiveLedger()
    ledger.add(continuing("parent", hours=1), base_model=MODELS[0])
    ledger.add(continuing("child", ["parent"], day=1, hours=2), base_model=MODELS[0])
    ledger.audit("child", "parent")
    ledger.seal()
    return ledger


@pytest.fixture(scope="module", params=["whole", "part"])
def bundle(request: pytest.FixtureRequest, ledger: LiveLedger, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    return ledger.bundle(folder, None if request.param == "whole" else MODELS[0])


def test_the_newest_record_of_each_job_is_read_and_all_are_there(ledger: LiveLedger, bundle: Bundle) -> None:
    read = read_bundle(bundle.path, Demands(as_of=ledger.at))
    assert [record.content["job"]["name"] for record in read.records] == ["parent", "child"]
    assert [record.content for record in read.records] == [ledger.content("parent"), ledger.content("child")]
    assert all(predicate_of(record.line) == record.content for record in read.records)
    with BundleFiles(bundle.path) as files:
        found = [(each.content["job"]["name"], each.revision) for each in bundle_records(files)]
        assert found == [("child", 0), ("parent", 0), ("child", 1)]
        indexes = [each.index for each in bundle_records(files)]
    assert indexes == sorted(indexes)


def test_commands_read_a_bundle_like_the_table(
    bundle: Bundle, ledger: LiveLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(ledger.at + timedelta(days=2), tick=False):
        source = open_records(Target(stack_name="there is none"), bundle.path)
    assert "bundle.zip is valid, but stale" in capsys.readouterr().err
    child, parent = source.rows()
    assert (child["job_name"], child["revision"], parent["job_name"]) == ("child", "1", "parent")
    assert child["base_model"] == MODELS[0]
    assert source.contents([parent, child]) == [ledger.content("parent"), ledger.content("child")]
    assert predicate_of(source.line(child)) == ledger.content("child")
    assert [each.job_id for each in source.lineage(ledger.content("child")).ancestors] == [ledger.job_id("parent")]


def test_records_are_listed_shown_and_traced_in_a_bundle(bundle: Bundle, ledger: LiveLedger) -> None:
    def told(*arguments: str) -> str:
        with time_machine.travel(ledger.at + timedelta(minutes=1), tick=False):
            finished = CliRunner().invoke(app, ["records", *arguments, "--bundle", str(bundle.path)])
        assert finished.exit_code == 0, finished.output
        return finished.stdout

    listed = json.loads(told("list", "--output", "json"))["records"]
    assert [(each["job_name"], each["revision"]) for each in listed] == [("child", 1), ("parent", 0)]
    shown = json.loads(told("show", "child", "--output", "json"))
    assert shown["cumulative"]["best_flop_exact"] == ledger.content("child")["cumulative"]["best_flop"]
    assert predicate_of(told("show", "parent", "--envelope").encode()) == ledger.content("parent")
    assert "└─ parent" in told("lineage", "child")


def test_nothing_of_a_bundle_that_was_tampered_with_is_shown(ledger: LiveLedger, tmp_path: Path) -> None:
    bundle = ledger.bundle(tmp_path)
    bundle.drop_line(0)
    bundle.verify()
    with pytest.raises(NotVerified, match=r"bundle\.zip is not shown: tampered: "):
        read_bundle(bundle.path, Demands(as_of=ledger.at))
