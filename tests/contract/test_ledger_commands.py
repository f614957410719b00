"""`flops-auditor export` and `keys` on AWS as moto has it; the deployed path is in tests/integration."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from flops_auditor.aws.stores.kms import KmsSigner
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.rotate_key import CannotRotate
from flops_auditor_cli.commands import export, keys
from flops_auditor_cli.deployment import StackValues
from flops_auditor_cli.main import app
from tests.fakes.ledger_world import LEDGER, MODELS, World
from tests.fakes.moto_kms import kms_client


def new_key(kms: Any) -> str:
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    return str(key["KeyId"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Any]]:
    with kms_client() as kms:
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="archive")
        s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        ids = {"RecordKeyArn": new_key(kms), "CheckpointKeyArn": new_key(kms)}
        outputs = {"ArchiveBucketName": "archive", "LedgerId": LEDGER, **ids}
        for command in (export, keys):
            monkeypatch.setattr(command, "find_deployment", lambda *_: StackValues(outputs))
            monkeypatch.setattr(command, "client", {"s3": s3, "kms": kms}.__getitem__)
        made = World(
            archive=S3Archive(s3, "archive"),
            record=KmsSigner(kms, ids["RecordKeyArn"]),
            checkpoint=KmsSigner(kms, ids["CheckpointKeyArn"]),
        )
        made.add(6)
        made.seal()
        yield made, kms


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--output", "json"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("options", "records", "selection"),
    [
        ((), 6, "everything"),
        (("--model", MODELS[0]), 2, f"base model {MODELS[0]}"),
        (("--job", "secret-job-000003"), 1, "training job secret-job-000003"),
        (
            ("--since", "2026-11-01", "--until", "2026-11-02"),
            6,
            "recorded from 2026-11-01T00:00:00.000Z, recorded before 2026-11-02T00:00:00.000Z",
        ),
    ],
)
def test_export_then_verify(
    world: tuple[World, Any], tmp_path: Path, options: tuple[str, ...], records: int, selection: str
) -> None:
    path = str(tmp_path / "bundle.zip")
    written = run("export", path, *options)
    assert (written["records"], written["selection"], written["size"]) == (records, selection, 7)
    report = run("verify", path, "--as-of", "2026-11-01T01:00:00Z")
    assert (report["verdict"], report["records"]) == ("valid", records)


def test_an_export_replaces_no_file_unasked_and_leaves_no_rest(world: tuple[World, Any], tmp_path: Path) -> None:
    there = tmp_path / "minutes.txt"
    there.write_text("of the last meeting")
    nowhere = tmp_path / "nowhere" / "bundle.zip"
    for path, said in ((there, "--overwrite"), (tmp_path, "is a folder"), (nowhere, "there is no folder")):
        refused = CliRunner().invoke(app, ["export", str(path)])
        assert refused.exit_code == 2
        assert said in " ".join(refused.stderr.replace("│", " ").split()), "whatever the width of the frame"
    assert there.read_text() == "of the last meeting"
    assert [path.name for path in tmp_path.iterdir()] == [there.name]
    assert run("export", str(there), "--overwrite")["records"] == 6
    assert run("verify", str(there), "--as-of", "2026-11-01T01:00:00Z")["verdict"] == "valid"


def test_a_key_is_rotated_and_listed(world: tuple[World, Any], tmp_path: Path) -> None:
    made, kms = world
    assert [key["state"] for key in run("keys", "list")["keys"]] == ["in force", "in force"]
    fresh = new_key(kms)
    assert run("keys", "rotate", "record", "--new-key-id", fresh)["number"] == 0
    assert [key["state"] for key in run("keys", "list")["keys"]] == ["replaced", "in force", "in force"]
    with pytest.raises(CannotRotate):
        run("keys", "rotate", "record", "--new-key-id", new_key(kms))
    made.record, made.at = KmsSigner(kms, fresh), datetime.now(UTC)
    made.add(2)
    assert made.seal().records == 2
    path = str(tmp_path / "bundle.zip")
    assert run("export", path)["records"] == 8
    assert run("verify", path, "--as-of", iso(made.at)[:10])["verdict"] == "valid"
