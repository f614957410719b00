"""The record's predicate: plain decimal strings, stable fields, bounded texts."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.record import decimal, predicate, result, spoken
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.values.remarks import Kind
from tests.fakes.cases import audit, words
from tests.fakes.jobs import describe, throughout

TABLES = load_tables()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (0, "0"),
        (10**40, "1" + "0" * 40),
        (Fraction(1, 3), "0.333333"),
        (Fraction(-1, 3), "-0.333333"),
        (Fraction(5, 2), "2.5"),
        (Fraction(1, 10**7), "0"),
        (Fraction(95, 100), "0.95"),
        (Fraction(10), "10"),
        (Fraction(199999999, 10**8), "2"),
    ],
)
def test_numbers_are_plain_decimal_strings(value: Any, text: str | None) -> None:
    assert decimal(value) == text


@given(st.fractions(-(10**30), 10**30))
def test_a_decimal_string_is_the_number_to_six_places(value: Fraction) -> None:
    """RFC 8785 keeps texts as they are; numbers of 2^53 and more it refuses."""
    text = decimal(value)
    assert text is not None
    assert abs(Fraction(Decimal(text)) - value) <= Fraction(1, 2 * 10**6)
    assert "e" not in text.lower()


def test_texts_are_bounded() -> None:
    said = Kind("said", "{words}")
    assert spoken((said(words="a"),), "job") == [{"kind": "said", "words": "a"}]
    assert words(spoken((said(words="x" * 500), said(words="x" * 501)), "job")) == ("x" * 500, "x" * 496 + " ...")
    assert len(spoken((said(words="a"),) * 64, "job")) == 64
    many = words(spoken((said(words="a"),) * 70, "job"))
    assert (len(many), many[-1]) == (65, "and 6 more, see the evidence")


FIELDS = {
    "estimate": {
        "method", "lower_flop", "firm_flop", "best_flop", "upper_flop", "ceiling_flop", "accelerator_seconds",
        "peak_flop_per_s", "occupancy", "energy_kwh", "assumptions",
    },
    "cumulative": {"best_flop", "upper_flop", "ancestors"},
}  # fmt: skip


def test_the_fields_that_others_rely_on() -> None:
    metrics = [throughout({"Label": "GPUUtilization algo-1", "Values": [760]})]
    found = result(audit(Evidence(describe(), metrics=metrics), TABLES))
    assert {"job", "estimate", "cumulative", "assessments", "verdict"} <= found.keys()
    for part, fields in FIELDS.items():
        assert fields <= found[part].keys()
    estimate = found["estimate"]
    assert estimate["best_flop"] == str(8 * 36000 * 9894 * 10**11 // 2)
    assert estimate["upper_flop"] == estimate["cautious_upper_flop"] == str(8 * 36000 * 9894 * 10**11 * 95 // 100)
    assert (estimate["accelerator_seconds"], estimate["peak_flop_per_s"]) == ("288000", "989400000000000")
    assert (estimate["occupancy"], estimate["energy_kwh"]) == ("0.95", "56")
    assert estimate["tiers"][0]["implied_utilisation"] == "0.5"
    assert found["assessments"][0].keys() >= {"policy", "scenario", "threshold_flop", "verdict", "reason"}
    job = found["job"]
    assert (job["name"], job["status"], job["activity"]) == ("fine-tune", "Completed", "fine-tuning")
    assert job["instances"] == [{"type": "ml.p5.48xlarge", "count": 1}]
    assert (job["start"], job["end"]) == ("2026-03-01T00:10:00.000Z", "2026-03-01T10:10:00.000Z")


def test_a_job_without_times_has_none() -> None:
    bare = {"TrainingJobName": "x", "TrainingJobStatus": "Failed"}
    job = result(audit(Evidence(bare), TABLES))["job"]
    assert (job["creation_time"], job["start"], job["end"], job["instances"]) == (None, None, None, [])


def test_a_predicate_is_json_and_names_its_tables() -> None:
    content = predicate(
        audit(Evidence(describe()), TABLES),
        ledger_id="ledger",
        revision=2,
        recorded_at=datetime(2026, 3, 2, tzinfo=UTC),
        code_version="1",
        table_digests=TABLES.digests,
        supersedes="ab",
    )
    assert json.loads(json.dumps(content)) == content
    assert (content["revision"], content["supersedes"], content["ledger_id"]) == (2, "ab", "ledger")
    assert content["recorded_at"] == "2026-03-02T00:00:00.000Z"
    assert content["tables"] == dict(TABLES.digests)


def test_the_figures_stand_first_among_the_assumptions() -> None:
    """Only the first 64 texts stand in a record: how the figure came about must be among them."""
    metrics = [{"Label": f"GPUUtilization x{i}", "Values": [1]} for i in range(200)]
    found = result(audit(Evidence(describe(), metrics=metrics), TABLES))["estimate"]["assumptions"]
    said = words(found)
    assert said[0] == "method hardware: N L H x 0.5, at most N L H"
    assert said[-1] == "and 142 more, see the evidence"
