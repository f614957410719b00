"""cosign and openssl, which nobody of this project wrote, verify every record and checkpoint; as the README says.

CI fails where they are not installed (`apt-get install cosign openssl`); elsewhere the tests are skipped, and say so.
"""

import re
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.signed_note import parse_note
from flops_auditor.domain.ledger.statement import HEARTBEAT_PREDICATE, RECORD_PREDICATE
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.ledger import MemorySigner
from tests.stock_tools import needs_cosign

pytestmark = needs_cosign


def run(command: list[str] | str, folder: Path) -> subprocess.CompletedProcess[str]:
    shell = ["bash", "-euo", "pipefail", "-c", command] if isinstance(command, str) else command
    return subprocess.run(shell, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def unpacked(bundle: Bundle, folder: Path) -> Path:
    for name, content in bundle.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def cosign(folder: Path, key: str, predicate: str) -> subprocess.CompletedProcess[str]:
    """Verify record.json over evidence.json in the folder."""
    command = ["cosign", "verify-blob-attestation", "--key", key, "--insecure-ignore-tlog=true", "--type", predicate]
    return run([*command, "--signature", "record.json", "evidence.json"], folder)


@pytest.mark.parametrize("model", [None, "org/model-c"], ids=["whole", "part"])
def test_the_commands_of_the_readme_verify_a_record_and_the_newest_checkpoint(
    model: str | None, tmp_path: Path
) -> None:
    world = small_world()
    if model is None:
        world = type(world)()
        world.seal()
        world.add(3)
        world.seal()
    bundle = Bundle(world, tmp_path, model)
    folder = unpacked(bundle, tmp_path / "bundle")
    blocks = re.findall(r"```sh\n(.*?)```", bundle.files["README.md"].decode(), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        done = run(block, folder)
        assert done.returncode == 0, done.stderr
        assert "Verified OK" in done.stdout + done.stderr
        assert "evidence as signed: False" not in done.stdout
    assert "training-compute" in (folder / "statement.json").read_text()
    (folder / "evidence.json").write_bytes(b"{}")
    assert "evidence as signed: False" in run(blocks[1], folder).stdout
    leaf = sorted(folder.glob("leaves/*") if model else folder.glob("log/*"))[0]
    leaf.write_bytes(leaf.read_bytes().replace(b'"sig":"', b'"sig":"x', 1))
    assert "NOT" in run(blocks[3], folder).stdout


def test_cosign_and_openssl_verify_every_leaf_and_every_checkpoint(tmp_path: Path) -> None:
    world = small_world()
    bundle = Bundle(world, tmp_path)
    folder = unpacked(bundle, tmp_path / "bundle")
    before, records = b"", 0
    for index, (name, at) in enumerate(bundle.leaves()):
        line = bundle.line(index)
        envelope = parse_envelope(line)
        (folder / "record.json").write_bytes(line)
        (folder / "pae").write_bytes(envelope.signed_bytes)
        for signature in envelope.signatures:
            key = f"keys/{signature.keyid}.pem"
            (folder / "sig").write_bytes(signature.der)
            command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", "sig", "pae"]
            assert run(command, folder).stdout == "Verified OK\n"
        kind = kind_of(envelope.payload)
        if kind == "record":
            evidence = b64decode(bundle.files[name.replace("log/", "evidence/")].split(b"\n")[at])
            predicate = RECORD_PREDICATE
            records += 1
        elif kind == "heartbeat":
            evidence, predicate = before, HEARTBEAT_PREDICATE
        else:
            continue
        (folder / "evidence.json").write_bytes(evidence)
        done = cosign(folder, f"keys/{envelope.signatures[0].keyid}.pem", predicate)
        assert done.returncode == 0, done.stderr
        (folder / "evidence.json").write_bytes(evidence + b" ")
        assert cosign(folder, f"keys/{envelope.signatures[0].keyid}.pem", predicate).returncode != 0
        if kind == "heartbeat":
            before = next(note for note in map(str.encode, bundle.notes()) if int(note.split(b"\n")[1]) == index + 1)
    assert records == 11
    for note in map(str.encode, bundle.notes()):
        parsed = parse_note(note)
        (folder / "text").write_bytes(parsed.text)
        (folder / "sig").write_bytes(parsed.signatures[0].der)
        signers = [MemorySigner(name).public_key() for name in ("checkpoint", "checkpoint 2")]
        key = next(keyid(spki) for spki in signers if keyid(spki).startswith(parsed.signatures[0].key_id.hex()))
        command = ["openssl", "dgst", "-sha256", "-verify", f"keys/{key}.pem", "-signature", "sig", "text"]
        assert run(command, folder).stdout == "Verified OK\n"


def test_stock_tools_refuse_what_we_refuse(tmp_path: Path) -> None:
    bundle = Bundle(small_world(), tmp_path)
    bundle.edit_payload(1, lambda payload: payload.replace(b"Completed", b"Cancelled"))
    folder = unpacked(bundle, tmp_path / "bundle")
    (folder / "record.json").write_bytes(bundle.line(1))
    name = bundle.names("evidence/")[0]
    (folder / "evidence.json").write_bytes(b64decode(bundle.files[name].split(b"\n")[1]))
    key = f"keys/{parse_envelope(bundle.line(1)).signatures[0].keyid}.pem"
    assert cosign(folder, key, RECORD_PREDICATE).returncode != 0
