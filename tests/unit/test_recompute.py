"""`--recompute`: figures follow from their evidence, or the record is named."""

import json
from pathlib import Path

import pytest

from flops_auditor.domain.ledger_errors import EvidenceMismatch, NotRecomputable
from flops_auditor.use_cases.recompute import recompute
from tests.fakes.bundles import Bundle
from tests.fakes.ledger_world import START, World, real_draft


def test_a_record_follows_from_its_evidence() -> None:
    made = real_draft(1, START)
    recompute(made.evidence, made.content)


@pytest.mark.parametrize("member", ["best_flop", "upper_flop"])
def test_another_figure_is_named(member: str) -> None:
    made = real_draft(1, START)
    made.content["estimate"][member] = "1"
    with pytest.raises(EvidenceMismatch, match="estimate"):
        recompute(made.evidence, made.content)


def test_a_softened_verdict_is_named() -> None:
    made = real_draft(1, START)
    made.content["verdict"] = "indeterminate"
    with pytest.raises(EvidenceMismatch, match="verdict"):
        recompute(made.evidence, made.content)


def test_other_tables_or_another_version_cannot_be_judged() -> None:
    made = real_draft(1, START)
    made.content["tables"] = {**made.content["tables"], "accelerators.csv": "0" * 64}
    with pytest.raises(NotRecomputable, match=r"accelerators\.csv"):
        recompute(made.evidence, made.content)
    made = real_draft(1, START)
    made.content["code_version"] = "0.0.1"
    made.content["verdict"] = "indeterminate"
    with pytest.raises(NotRecomputable, match=r"0\.0\.1"):
        recompute(made.evidence, made.content)


def test_ancestors_kept_elsewhere_cannot_be_judged() -> None:
    made = real_draft(1, START)
    made.content["lineage"]["kept"] = {"key": "ancestors/x", "sha256": "0" * 64, "count": 200}
    with pytest.raises(NotRecomputable, match="ancestors"):
        recompute(made.evidence, made.content)


def test_evidence_that_is_none_is_named() -> None:
    with pytest.raises(EvidenceMismatch, match="cannot be audited"):
        recompute(b"{}", real_draft(1, START).content)


def test_a_lie_signed_by_the_recorder_is_seen_by_recomputing_alone(tmp_path: Path) -> None:
    """Every signature, hash and proof is right; the recorder itself wrote another figure."""
    world = World()
    world.add_real(2)
    lie = real_draft(2, world.at)
    lie.content["cumulative"]["best_flop"] = "1"
    world.commit(lie)
    world.seal()
    bundle = Bundle(world, tmp_path)
    assert bundle.verify().verdict == "valid"
    found = bundle.verify(recompute=recompute).findings
    assert [(finding.error, finding.index) for finding in found] == [("EvidenceMismatch", 2)]
    assert "job-002" in json.dumps([finding.message for finding in found])
