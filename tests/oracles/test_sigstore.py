"""npm's @sigstore/verify, which nobody of this project wrote, verifies every signature, and refuses a wrong one.

`make test-oracles` installs it, as tests/oracles/sigstore pins it; without it these tests are skipped, and say so.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes.bundles import Bundle, small_world

SCRIPT = Path(__file__).parent / "sigstore" / "verify.mjs"
INSTALLED = Path(__file__).parents[2] / ".tools" / "sigstore"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (INSTALLED / "node_modules").exists(),
    reason="@sigstore/verify is not installed: make test-oracles",
)


def verified(bundle: Bundle, folder: Path) -> tuple[int, str]:
    for name, content in bundle.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    done = subprocess.run(
        ["node", SCRIPT, folder], cwd=INSTALLED, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize(("model", "signatures"), [(None, 19), ("org/model-c", 11)], ids=["whole", "part"])
def test_every_signature_verifies(model: str | None, signatures: int, tmp_path: Path) -> None:
    bundle = Bundle(small_world(), tmp_path, model)
    assert verified(bundle, tmp_path / "bundle") == (0, f"{signatures} signatures verified, 0 not")


def test_an_edited_record_is_refused(tmp_path: Path) -> None:
    bundle = Bundle(small_world(), tmp_path)
    bundle.edit_payload(1, lambda payload: payload.replace(b"Completed", b"Cancelled"))
    assert verified(bundle, tmp_path / "bundle") == (1, "18 signatures verified, 1 not")
