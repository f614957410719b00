"""What a part says that it is a selection of: one printable line, whichever Unicode a Python or a browser knows."""

import json
from pathlib import Path

import pytest

from flops_auditor.domain.ledger.bundle import LONGEST_SELECTION, UNPRINTED
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.use_cases.ledger.export_bundle import export_part
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.fakes.bundles import Bundle, small_world
from tests.verifier.page_core import PageCore, page_said, python_said

UNKNOWN = "\u0378"
"""No Unicode that anybody has knows it: as a letter of a newer one is to an older Python."""


@pytest.mark.parametrize("words", [UNKNOWN, "org/\U0001fae8x", "org/⟨U+0060⟩tick", "a" * LONGEST_SELECTION])
def test_a_letter_that_a_reader_does_not_know_is_no_reason_to_refuse_a_part(tmp_path: Path, words: str) -> None:
    assert _said(tmp_path, words) == ("valid", [])


@pytest.mark.parametrize(
    "words", ["", "a" * (LONGEST_SELECTION + 1), *(f"a{chr(first)}" for first, _ in UNPRINTED[::4] if first != 0xD800)]
)
def test_what_is_not_one_printable_line_is_refused(tmp_path: Path, words: str) -> None:
    assert _said(tmp_path, words) == ("cannot verify", ["BadBundle"])


def _said(folder: Path, selection: str) -> tuple[str, list[str]]:
    """What both verifiers say."""
    part, page = Bundle(small_world(), folder, "org/model-b"), PageCore()
    part.drop_shown()
    part.files["README.md"] = part.files["README.md"].decode().replace("model org/model-b", selection).encode()
    others = [len(content) for name, content in part.files.items() if name != "manifest.json"]
    found = json.loads(part.files["manifest.json"]) | {"selection": selection}
    found |= {"files": str(len(others)), "unpacked_bytes": str(sum(others))}
    part.files["manifest.json"], part.promise = canonical(found), False
    report = part.verify()
    said = python_said(report)
    assert page_said(page.judge(part.path, Demands(as_of=report.sealed_at or part.world.at))) == said
    page.end()
    return said


@pytest.mark.parametrize(
    ("asked", "selection"),
    [("org/`tick`", "org/⟨U+0060⟩tick⟨U+0060⟩"), ("x" * 2000, "x" * 999 + "…"), ("a\u202eb", "a⟨U+202E⟩b")],
)
def test_what_a_selection_cannot_hold_is_escaped(tmp_path: Path, asked: str, selection: str) -> None:
    world, path = small_world(), tmp_path / "part.zip"
    export_part(world.archive, world.ledger, path, world.at, asked)
    report = verify_bundle(path, Demands(as_of=world.at))
    assert (report.verdict, report.selection) == ("valid", selection)
