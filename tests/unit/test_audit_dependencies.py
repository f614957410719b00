"""The audit of the supply chain: what was not audited is never called clean."""

import json
from pathlib import Path

import pytest

from bench.audit_dependencies import CLEAN, INCOMPLETE, VULNERABLE, Audited, read_answer, verdict

CLEAN_ONE = {"name": "good", "version": "1", "vulns": []}
SKIPPED = {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited"}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "GHSA-1"}]}


@pytest.mark.parametrize(
    ("dependencies", "strict", "tolerant"),
    [
        ([CLEAN_ONE], CLEAN, CLEAN),
        ([CLEAN_ONE, SKIPPED], INCOMPLETE, CLEAN),
        ([CLEAN_ONE, SKIPPED, BAD], VULNERABLE, VULNERABLE),
    ],
)
def test_the_exit_code_says_what_was_found(
    dependencies: list[object], strict: int, tolerant: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {Path("dev.txt"): read_answer(json.dumps({"dependencies": dependencies}), "")}
    assert verdict(found, allow_unreachable=False) == strict
    assert verdict(found, allow_unreachable=True) == tolerant
    shown = capsys.readouterr().out
    assert ("NOT AUDITED" in shown) == (SKIPPED in dependencies)
    assert ("Every pinned package was audited" in shown) == (dependencies == [CLEAN_ONE])


@pytest.mark.parametrize("stdout", ["", "{}", "null", "oops"])
def test_no_answer_is_no_clean_result(stdout: str) -> None:
    """pip-audit that cannot reach its service writes no JSON, or JSON in which all is skipped, and exits with 0."""
    found = read_answer(stdout, "Max retries exceeded")
    assert found == Audited(unaudited={"*": "Max retries exceeded"})
    assert verdict({Path("dev.txt"): found}, allow_unreachable=False) == INCOMPLETE
