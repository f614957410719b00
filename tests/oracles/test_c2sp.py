"""golang.org/x/mod/sumdb, which nobody of this project wrote, follows the tree and the notes, and refuses a wrong one.

`make test-oracles` builds it from Debian's packages; without it these tests are skipped, and say so.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.bundles import Bundle, small_world

PROGRAM = Path(__file__).parents[2] / ".tools" / "c2sp" / "verify"

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="the checker on golang.org/x/mod/sumdb is not built: make test-oracles"
)


def verified(bundle: Bundle, folder: Path) -> tuple[int, str]:
    for name, content in bundle.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    done = subprocess.run([PROGRAM, folder], capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(("model", "leaves"), [(None, 17), ("org/model-c", 9)], ids=["whole", "part"])
def test_the_tree_and_every_checkpoint_verify(model: str | None, leaves: int, tmp_path: Path) -> None:
    bundle = Bundle(small_world(), tmp_path, model)
    assert verified(bundle, tmp_path / "bundle") == (0, f"verified: {leaves} leaves, 4 checkpoints")


def edited(bundle: Bundle) -> None:
    bundle.edit_payload(1, lambda payload: payload.replace(b"Completed", b"Cancelled"))


def shortened(bundle: Bundle) -> None:
    bundle.drop_line(len(bundle.leaves()) - 1)


def swapped(bundle: Bundle) -> None:
    bundle.swap_lines(0, 1)


def another_root(bundle: Bundle) -> None:
    notes = bundle.notes()
    first, second = notes[0].split("\n"), notes[1].split("\n")
    bundle.set_notes(["\n".join([*first[:2], second[2], *first[3:]]), *notes[1:]])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (edited, "another root"),
        (shortened, "fewer leaves"),
        (swapped, "another root"),
        (another_root, "invalid signature"),
    ],
)
def test_a_changed_log_is_refused(change: Callable[[Bundle], None], reason: str, tmp_path: Path) -> None:
    bundle = Bundle(small_world(), tmp_path)
    change(bundle)
    code, said = verified(bundle, tmp_path / "bundle")
    assert code == 1
    assert reason in said


def test_a_proof_of_another_leaf_is_refused(tmp_path: Path) -> None:
    bundle = Bundle(small_world(), tmp_path, "org/model-c")
    first, second = bundle.names("proofs/")[:2]
    bundle.files[first] = bundle.files[second]
    code, said = verified(bundle, tmp_path / "bundle")
    assert code == 1
    assert "the proof is that of leaf" in said
