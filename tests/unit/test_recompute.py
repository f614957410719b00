"""`--recompute`: figures follow from their evidence, or the record is named."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from flops_auditor.domain.ledger.ledger_errors import EvidenceMismatch, NotRecomputable
from flops_auditor.use_cases.ledger.recompute import recompute
from tests.fakes.bundles import Bundle
from tests.fakes.ledger_world import START, World, long_lineage_draft, real_draft


def NONE(digest: str) -> None:  # noqa: N802 - a constant
    """No ancestors at hand."""


def test_a_record_follows_from_its_evidence() -> None:
    made = real_draft(1, START)
    recompute(made.evidence, made.content, NONE)


@pytest.mark.parametrize("member", ["best_flop", "upper_flop"])
def test_another_figure_is_named(member: str) -> None:
    made = real_draft(1, START)
    made.content["estimate"][member] = "1"
    with pytest.raises(EvidenceMismatch, match="estimate"):
        recompute(made.evidence, made.content, NONE)


def test_a_softened_verdict_is_named() -> None:
    made = real_draft(1, START)
    made.content["verdict"] = "indeterminate"
    with pytest.raises(EvidenceMismatch, match="verdict"):
        recompute(made.evidence, made.content, NONE)


def test_other_tables_or_another_version_cannot_be_judged() -> None:
    made = real_draft(1, START)
    made.content["tables"] = {**made.content["tables"], "accelerators.csv": "0" * 64}
    with pytest.raises(NotRecomputable, match=r"accelerators\.csv"):
        recompute(made.evidence, made.content, NONE)
    made = real_draft(1, START)
    made.content["code_version"] = "0.0.1"
    made.content["verdict"] = "indeterminate"
    with pytest.raises(NotRecomputable, match=r"0\.0\.1"):
        recompute(made.evidence, made.content, NONE)


def test_ancestors_kept_elsewhere_cannot_be_judged() -> None:
    made = real_draft(1, START)
    made.content["lineage"]["kept"] = {"key": "ancestors/x", "sha256": "0" * 64, "count": 200}
    with pytest.raises(NotRecomputable, match="ancestors"):
        recompute(made.evidence, made.content, NONE)


def test_evidence_that_is_none_is_named() -> None:
    with pytest.raises(EvidenceMismatch, match="cannot be audited"):
        recompute(b"{}", real_draft(1, START).content, NONE)


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


@pytest.fixture(params=["whole", "part"])
def with_many_ancestors(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    world = World()
    world.add_real(1)
    made, packed = long_lineage_draft(5, world.at, 150)
    assert packed.kept
    assert packed.body
    world.archive.put_if_absent(packed.kept.key, packed.body)
    world.commit(made)
    world.seal()
    model = made.content["original"]["base_model"]
    return Bundle(world, tmp_path, None if request.param == "whole" else model)


def test_many_ancestors_travel_with_the_bundle(with_many_ancestors: Bundle) -> None:
    assert len(with_many_ancestors.names("ancestors/")) == 1
    assert with_many_ancestors.verify(recompute=recompute).findings == []
    assert with_many_ancestors.verify(recompute=recompute, processes=2).findings == []


@pytest.mark.parametrize("attack", ["edited", "missing", "another"])
def test_ancestors_are_those_that_the_record_names(with_many_ancestors: Bundle, attack: str) -> None:
    name = with_many_ancestors.names("ancestors/")[0]
    if attack == "edited":
        with_many_ancestors.files[name] = with_many_ancestors.files[name].replace(b"run-7", b"run-8")
    elif attack == "missing":
        del with_many_ancestors.files[name]
    else:
        with_many_ancestors.files[f"ancestors/{sha256(b'x').hexdigest()}.json"] = b"x"
    assert [finding.error for finding in with_many_ancestors.verify().findings] == ["EvidenceMismatch"]
