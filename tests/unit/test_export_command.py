"""`flops-auditor export` as people meet it: names that no record has, and files that cannot be written."""

from errno import EACCES
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flops_auditor.use_cases.ledger import export_bundle
from flops_auditor.use_cases.ledger.export_bundle import NothingChosen
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor_cli.commands import export
from flops_auditor_cli.deployment import StackValues
from flops_auditor_cli.main import app
from tests.fakes.ledger_world import MODELS, World

LLAMA = "meta-llama/Llama-3.1-8B"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    made = world.draft()
    made.content["original"]["base_model"] = LLAMA
    world.commit(made)
    world.add(2)
    world.seal()
    outputs = StackValues({"ArchiveBucketName": "archive", "LedgerId": world.ledger})
    monkeypatch.setattr(export, "find_deployment", lambda *_: outputs)
    monkeypatch.setattr(export, "client", lambda _: None)
    monkeypatch.setattr(export, "S3Archive", lambda *_: world.archive)
    return world


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.mark.parametrize("asked", [LLAMA, LLAMA.lower(), "meta-llama/Llama-3.1-8B-Instruct"])
def test_a_model_is_found_by_every_name_that_the_table_knows(world: World, tmp_path: Path, asked: str) -> None:
    path = tmp_path / "part.zip"
    done = run(path, "--model", asked)
    assert done.exit_code == 0, done.stderr
    report = verify_bundle(path, Demands(as_of=world.at))
    assert (report.verdict, report.records) == ("valid", 1)
    assert report.selection == f"base model {asked}{'' if asked == LLAMA else f' ({LLAMA})'}"


@pytest.mark.parametrize(
    ("option", "asked", "meant"),
    [("--model", MODELS[1].upper(), MODELS[1]), ("--job", "secret-job-00001", "secret-job-000001"), ("--job", "?", "")],
)
def test_what_no_record_has_is_told_with_what_is_like_it(
    world: World, tmp_path: Path, option: str, asked: str, meant: str
) -> None:
    failed = run(tmp_path / "part.zip", option, asked).exception
    assert isinstance(failed, NothingChosen)
    assert ("Did you mean" in str(failed)) == bool(meant)
    assert meant in str(failed)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named_and_no_file_that_nobody_gave(world: World, tmp_path: Path) -> None:
    done = run(tmp_path / "none" / "part.zip")
    assert done.exit_code == 2
    assert f"there is no folder {tmp_path / 'none'}; make it" in done.stderr.replace("\n", " ")


def test_a_folder_that_takes_no_file_is_told_by_the_name_that_was_given(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files stand aside while a bundle is written; nobody gave their names."""

    def refused(**_: object) -> None:
        raise PermissionError(EACCES, "Permission denied", str(tmp_path / "tmpabc"))

    monkeypatch.setattr(export_bundle, "NamedTemporaryFile", refused)
    failed = run(tmp_path / "all.zip").exception
    assert isinstance(failed, PermissionError)
    assert failed.filename == str(tmp_path / "all.zip")
    assert list(tmp_path.iterdir()) == []
