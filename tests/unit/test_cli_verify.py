"""`flops-auditor verify` as people and scripts meet it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flops_auditor.domain.job import iso
from flops_auditor_cli import verify
from tests.fakes.bundles import Bundle
from tests.fakes.ledger_world import World

app = typer.Typer()
verify.register(app)


@app.callback()
def main() -> None:
    """So that the command keeps its name."""


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    world = World()
    world.add_real(2)
    world.seal()
    return Bundle(world, tmp_path)


def run(bundle: Bundle, *options: str) -> tuple[int, str, str]:
    at = iso(bundle.world.at)[:19]
    result = CliRunner().invoke(app, ["verify", str(bundle.path), "--as-of", at, *options])
    return result.exit_code, result.stdout, result.stderr


def test_valid_is_0_and_says_what_was_trusted(bundle: Bundle, tmp_path: Path) -> None:
    code, out, err = run(bundle)
    assert (code, out) == (0, "")
    assert "valid: 2 records" in err
    assert "--pin" in err
    pin = tmp_path / "pin"
    pin.write_bytes(bundle.files["checkpoint"])
    code, _, err = run(bundle, "--pin", str(pin), "--recompute", "--processes", "2")
    assert code == 0
    assert "--pin" not in err


def test_tampered_is_1_with_name_and_remedy(bundle: Bundle) -> None:
    bundle.edit_payload(0, lambda payload: payload.replace(b"Completed", b"Cancelled"))
    bundle.verify()
    code, out, _ = run(bundle, "--output", "json")
    found = json.loads(out)
    assert code == 1
    assert found["verdict"] == "tampered"
    assert [(finding["error"], finding["index"]) for finding in found["findings"]] == [("BadSignature", 0)]
    assert "second copy" in found["findings"][0]["remedy"]
    code, out, err = run(bundle)
    assert code == 1
    assert "BadSignature" in out
    assert "tampered" in err


@pytest.mark.parametrize("content", [b"no zip", None])
def test_cannot_verify_is_2(bundle: Bundle, content: bytes | None) -> None:
    if content is None:
        bundle.path.unlink()
    else:
        bundle.path.write_bytes(content)
    code, out, _ = run(bundle, "--output", "json")
    assert code == 2
    assert json.loads(out)["verdict"] == "cannot verify"


def test_a_pin_that_is_not_there_is_2(bundle: Bundle, tmp_path: Path) -> None:
    code, _, err = run(bundle, "--pin", str(tmp_path / "absent"))
    assert code == 2
    assert "absent" in err
