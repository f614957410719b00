"""The ledger on the deployed template: sealed by the function, verified by the command line, cosign and openssl.

The stock tools run the commands of the bundle's own README.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.ledger.saved_mail import checkpoint_in
from flops_auditor.domain.ledger.signed_note import parse_checkpoint, parse_note
from flops_auditor.domain.values.archive_keys import CHECKPOINTS, LOG, batch_key
from flops_auditor_cli.demo import mails, subscribe_mailbox
from flops_auditor_cli.local_aws import Stack
from tests.integration.deployed import Deployed, fresh_job, is_digest
from tests.oracles.test_stock_tools import run
from tests.stock_tools import HAS_COSIGN

STACK_ENVIRONMENT_EXTRA = {"PYTHONPATH": os.pathsep.join(("layers/auditor", "cli"))}


@pytest.fixture(scope="module")
def checkpoint_mail(stack: Stack) -> str:
    """A queue that receives what the mailbox outside of the account would."""
    return subscribe_mailbox(stack, "CheckpointTopicArn", "checkpoint-mailbox")


def flops_auditor(deployed: Deployed, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line against the deployed stack."""
    environment = {**os.environ, **deployed.stack.environment(), **STACK_ENVIRONMENT_EXTRA}
    command = [sys.executable, "-m", "flops_auditor_cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def recorded_job(deployed: Deployed, **changes: Any) -> dict[str, Any]:
    job = fresh_job(**changes)
    deployed.load(job)
    deployed.announce(job)
    deployed.record(job["TrainingJobArn"])
    return job


def test_sealed_exported_and_verified_by_three_programs(
    deployed: Deployed, checkpoint_mail: str, tmp_path: Path
) -> None:
    jobs = [recorded_job(deployed) for _ in range(2)]
    deployed.idle()
    sealed = deployed.invoke("SealFunctionName")
    assert sealed["held"] == 0
    assert sealed["records"] >= 2
    for job in jobs:
        assert all("pending" not in item for item in deployed.items("RECORD#", job["TrainingJobArn"]))
    pin = tmp_path / "pin"
    newest = max((mail["Message"] for mail in mails(deployed.stack, checkpoint_mail)), key=_size)
    pin.write_text(newest, encoding="utf-8")
    whole, part = tmp_path / "whole.zip", tmp_path / "part.zip"
    done = flops_auditor(deployed, "export", str(whole), "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["size"] == sealed["size"] == _size(newest)
    done = flops_auditor(deployed, "verify", str(whole), "--pin", str(pin), "--recompute", "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["verdict"] == "valid"
    name = jobs[0]["TrainingJobName"]
    done = flops_auditor(deployed, "export", str(part), "--job", name)
    assert done.returncode == 0, done.stderr
    done = flops_auditor(deployed, "verify", str(part), "--pin", str(pin), "--recompute")
    assert done.returncode == 0, done.stdout + done.stderr
    for bundle in (whole, part):
        folder = tmp_path / bundle.stem
        with zipfile.ZipFile(bundle) as zipped:
            zipped.extractall(folder)
        for block in re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL):
            if "cosign" in block and not HAS_COSIGN and os.environ.get("CI") != "true":
                block = block.split("cosign ")[0]  # noqa: PLW2901 - what is left makes the files of the next ones
            stock = run(block, folder)
            assert stock.returncode == 0, stock.stderr
    assert jobs[1]["TrainingJobName"].encode() not in b"".join(
        path.read_bytes() for path in (tmp_path / "part").rglob("*") if path.is_file()
    )


def _size(mail: str) -> int:
    return parse_checkpoint(parse_note(checkpoint_in(mail.encode())).text).size


def test_a_seal_of_nothing_leaves_a_heartbeat_and_the_archive_holds_each_object_once(deployed: Deployed) -> None:
    first = deployed.invoke("SealFunctionName")["size"]
    second = deployed.invoke("SealFunctionName")
    assert (second["size"], second["records"]) == (first + 1, 0)
    for prefix in (LOG, CHECKPOINTS):
        versions = deployed.versions(prefix)
        assert len(versions) == len(set(versions))


def test_a_deleted_batch_is_named_by_export(deployed: Deployed, tmp_path: Path) -> None:
    """Under Object Lock a delete marker can still be put; readers take it as a finding."""
    deployed.invoke("SealFunctionName")
    s3, bucket = deployed.stack.client("s3"), deployed.outputs["ArchiveBucketName"]
    marker = s3.delete_object(Bucket=bucket, Key=batch_key(0))
    try:
        done = flops_auditor(deployed, "export", str(tmp_path / "x.zip"))
        assert done.returncode == 1
        assert "ObjectReplaced" in done.stderr
    finally:
        s3.delete_object(Bucket=bucket, Key=batch_key(0), VersionId=marker["VersionId"])


def test_a_lost_table_is_rebuilt_by_the_command(deployed: Deployed) -> None:
    """Nothing is lost here; that losing it is repaired is held by tests/contract/test_rebuild_index.py."""
    done = flops_auditor(deployed, "rebuild-index", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["written"] == 0


def test_the_digest_of_the_week_goes_out_once_and_is_a_pin(deployed: Deployed, tmp_path: Path) -> None:
    deployed.invoke("SealFunctionName")
    first, second = deployed.invoke("ReportFunctionName"), deployed.invoke("ReportFunctionName")
    assert not second["digest"], (first, second)

    def digests() -> list[dict[str, Any]]:
        return [mail for mail in deployed.mails() if is_digest(mail)]

    [mail] = deployed.wait(digests, "the digest of the week")
    assert mail["Subject"].startswith("[FLOPs Auditor] Weekly digest: ")
    twin = json.loads(mail["MessageAttributes"]["json"]["Value"])
    assert f"above a threshold: {twin['counts']['above']}\n" in mail["Message"]
    bundle, pin = tmp_path / "whole.zip", tmp_path / "mail.txt"
    pin.write_text(mail["Message"], encoding="utf-8")
    done = flops_auditor(deployed, "export", str(bundle))
    assert done.returncode == 0, done.stderr
    done = flops_auditor(deployed, "verify", str(bundle), "--pin", str(pin), "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["pinned"]
