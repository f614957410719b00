"""How many AWS calls an audit makes, and how long they take in turn, does not grow unnoticed."""

from typing import Any

import pytest

from bench.audit_calls import MOST_MS, measure

MOST = {"below": 20, "alert": 22, "child": 24, "10th of a chain": 24, "5 channels": 20}
"""Calls, as docs/performance.md has them with what each is for."""


@pytest.fixture(scope="module")
def audits() -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in measure()}


def test_an_audit_makes_no_more_calls_than_it_did(audits: dict[str, dict[str, Any]]) -> None:
    assert {kind: each["calls"] for kind, each in audits.items()} == MOST


def test_calls_that_can_are_made_side_by_side(audits: dict[str, dict[str, Any]]) -> None:
    assert {kind: each["path_ms"] for kind, each in audits.items() if each["path_ms"] > MOST_MS} == {}
