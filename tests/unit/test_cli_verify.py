"""`flops-auditor verify` as people and scripts meet it."""

import base64
import json
import os
import quopri
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.commands import verify
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
    assert code == 0
    assert out.startswith("valid: 2 records of flops-auditor/")
    assert "--pin" in err
    assert "valid" not in err
    pin = tmp_path / "pin"
    pin.write_bytes(bundle.files["checkpoint"])
    code, out, err = run(bundle, "--pin", str(pin), "--recompute", "--processes", "2")
    assert (code, err) == (0, "")
    assert "every estimate follows from its evidence" in out
    code, out, err = run(bundle, "--output", "csv")
    assert (code, out) == (0, "error,weight,index,message,remedy\n")
    assert "valid: 2 records" in err


def test_tampered_is_1_with_name_and_remedy(bundle: Bundle) -> None:
    bundle.edit_payload(0, lambda payload: payload.replace(b"Completed", b"Cancelled"))
    bundle.verify()
    code, out, _ = run(bundle, "--output", "json")
    found = json.loads(out)
    assert code == 1
    assert found["verdict"] == "tampered"
    assert [(finding["error"], finding["index"]) for finding in found["findings"]] == [("BadSignature", 0)]
    assert "second copy" in found["findings"][0]["remedy"]
    code, out, _ = run(bundle)
    assert code == 1
    assert "BadSignature" in out
    assert out.splitlines()[0] == "tampered"


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


FOOTER = b"\r\n--\r\nIf you wish to stop receiving notifications from this topic, please click the link below.\r\n"


def test_a_pin_saved_from_a_mail_is_read(bundle: Bundle, tmp_path: Path) -> None:
    pin = tmp_path / "mail.txt"
    pin.write_bytes(b"FLOPs Auditor checkpoint 3\r\n\r\n" + bundle.files["checkpoint"].replace(b"\n", b"\r\n") + FOOTER)
    code, _, err = run(bundle, "--pin", str(pin))
    assert (code, "--pin" in err) == (0, False)


def marked(pin: str, mark: str) -> str:
    return "".join(f"{mark}{line}\n" for line in pin.splitlines())


SAVED: dict[str, Callable[[str], bytes]] = {
    "with a byte order mark": lambda pin: b"\xef\xbb\xbf" + pin.encode(),
    "by PowerShell": lambda pin: pin.replace("\n", "\r\n").encode("utf-16"),
    "in the other order": lambda pin: b"\xfe\xff" + pin.encode("utf-16-be"),
    "in Windows' Western European": lambda pin: pin.encode("cp1252"),
    "with blanks": lambda pin: pin.replace("\n", " \t\n").encode(),
    "as an answer quotes it": lambda pin: marked(pin, "> ").encode(),
    "as an answer to an answer": lambda pin: marked(pin, ">> ").encode(),
    "with the line ends of old": lambda pin: pin.replace("\n", "\r").encode(),
    "as HTML": lambda pin: f"<html><body><pre>{pin}</pre></body></html>".replace("\u2014", "&mdash;").encode(),
    "after one of another ledger": lambda pin: (pin.replace("/audit", "/other") + "\n" + pin).encode(),
}


@pytest.mark.parametrize("saved", SAVED)
def test_a_pin_is_read_as_people_and_programs_save_it(bundle: Bundle, tmp_path: Path, saved: str) -> None:
    text = bundle.files["checkpoint"].decode()
    (tmp_path / "pin").write_bytes(SAVED[saved](text))
    code, out, err = run(bundle, "--pin", str(tmp_path / "pin"))
    assert (code, err) == (0, ""), (out, err)


def test_a_checkpoint_that_a_key_denies_is_named_beside_one_that_it_signed(bundle: Bundle, tmp_path: Path) -> None:
    text = bundle.files["checkpoint"].decode()
    (tmp_path / "pin").write_text(text.replace("\n3\n", "\n2\n") + "\n" + text, encoding="utf-8")
    code, out, _ = run(bundle, "--pin", str(tmp_path / "pin"), "--output", "json")
    assert (code, [each["error"] for each in json.loads(out)["findings"]]) == (2, ["PinOfUnknownKey"])


@pytest.mark.parametrize("option", ["--pin", "--keys"])
def test_a_pin_and_keys_of_another_ledger_are_the_questions_fault(bundle: Bundle, tmp_path: Path, option: str) -> None:
    other = World(ledger="flops-auditor/123456789012/eu-west-1/other")
    other.add(1)
    other.seal()
    (tmp_path / "other").mkdir()
    files = Bundle(other, tmp_path / "other").files
    (tmp_path / "given").write_bytes(files["checkpoint" if option == "--pin" else "keys.json"])
    code, out, _ = run(bundle, option, str(tmp_path / "given"), "--output", "json")
    found = json.loads(out)
    assert (code, [each["error"] for each in found["findings"]]) == (2, ["AnotherLedger"])
    assert "of yours" in found["findings"][0]["remedy"]


@pytest.mark.parametrize("option", ["--pin", "--keys"])
def test_a_file_without_an_end_is_not_read_to_its_end(bundle: Bundle, option: str) -> None:
    code, out, err = run(bundle, option, "/dev/zero")
    assert (code, out) == (2, "")
    assert err.startswith(f"{option} /dev/zero: ")


def test_keys_that_are_none_are_told_from_those_of_the_bundle(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"{}")
    _, _, err = run(bundle, "--keys", str(tmp_path / "keys"))
    assert "complete bundle" not in err
    assert "Give the keys.json" in err


def test_a_pipe_is_no_bundle(bundle: Bundle) -> None:
    bundle.path.unlink()
    os.mkfifo(bundle.path)
    code, out, _ = run(bundle, "--output", "json")
    assert (code, json.loads(out)["verdict"]) == (2, "cannot verify")


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
@pytest.mark.parametrize("headers", [True, False])
def test_a_pin_from_an_encoded_mail_is_read(bundle: Bundle, tmp_path: Path, encoding: str, headers: bool) -> None:
    text = b"FLOPs Auditor\n\n" + bundle.files["checkpoint"]
    body = quopri.encodestring(text) if encoding == "quoted-printable" else base64.encodebytes(text)
    head = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n".encode()
    pin = tmp_path / "mail.eml"
    pin.write_bytes((head if headers else b"") + body)
    code, _, err = run(bundle, "--pin", str(pin))
    assert code == 0, err


@pytest.mark.parametrize("option", ["--pin", "--keys"])
def test_a_file_of_ones_own_that_cannot_be_used_says_nothing_about_the_bundle(
    bundle: Bundle, tmp_path: Path, option: str
) -> None:
    for content in (b"", b"hello", b"[1]", bundle.files["checkpoint"][:-30]):
        (tmp_path / "own").write_bytes(content)
        code, out, err = run(bundle, option, str(tmp_path / "own"))
        assert (code, out) == (2, ""), content
        assert f"{option} {tmp_path / 'own'}: " in err
        assert "tampered" not in err


@pytest.mark.parametrize("hours", ["nan", "inf", "1e99", "-1"])
def test_an_age_that_is_none_is_a_wrong_option(bundle: Bundle, hours: str) -> None:
    code, _, err = run(bundle, "--max-age-hours", hours)
    assert code == 2
    assert "--max-age-hours" in err


def test_a_bundle_that_was_received_earlier_is_told_from_a_stale_one(bundle: Bundle) -> None:
    later = iso(bundle.world.at + timedelta(days=3))[:19]
    code, out, _ = run(bundle, "--as-of", later, "--output", "json")
    finding = json.loads(out)["reservations"][0]
    assert (code, finding["error"]) == (3, "StaleLedger")
    assert "72.0 hours before" in finding["message"]
    assert "received the bundle (--as-of" in finding["remedy"]


def test_a_day_means_its_end_and_a_day_before_the_seal_is_the_questions_fault(bundle: Bundle) -> None:
    day = iso(bundle.world.at)[:10]
    assert run(bundle, "--as-of", day)[0] == 0
    assert run(bundle, "--as-of", iso(bundle.world.at)[:16])[0] == 0
    assert run(bundle, "--as-of", iso(bundle.world.at)[:16] + "Z")[0] == 0
    before = iso(bundle.world.at - timedelta(days=1))[:10]
    code, out, _ = run(bundle, "--as-of", before, "--output", "json")
    assert (code, [found["error"] for found in json.loads(out)["findings"]]) == (2, ["WrongAsOf"])


@pytest.mark.parametrize("options", [["--accept-table", "0" * 64], ["--accept-table", "0" * 63, "--recompute"]])
def test_a_table_that_nothing_could_accept_is_2(bundle: Bundle, options: list[str]) -> None:
    code, out, err = run(bundle, *options)
    assert (code, out) == (2, "")
    assert "--accept-table" in err
    code, _, err = run(bundle, "--recompute", "--accept-table", "A" * 64)
    assert (code, err.count("--accept-table")) == (0, 0)


def test_one_of_a_kind_is_counted_as_one(bundle: Bundle) -> None:
    _, out, _ = run(bundle)
    assert ", 1 checkpoint, " in out
