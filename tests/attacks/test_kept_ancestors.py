"""Ancestors that stand in an object beside the record: a holder of the record key says nothing else of them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.lineage import kept_ancestors
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.forger import ForgedLeaf, Forger
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger


@pytest.fixture(scope="module")
def world() -> Iterator[LiveLedger]:
    """Seven runs, each on the one before; a record lists two ancestors itself."""
    patch = pytest.MonkeyPatch()
    patch.setattr(kept_ancestors, "MOST_INLINE", 2)
    ledger = LiveLedger()
    for day in range(7):
        ledger.add(continuing(f"run-{day}", [f"run-{day - 1}"] if day else [], day=day, hours=1 + day))
        ledger.audit(f"run-{day}")
        ledger.seal()
    yield ledger
    patch.undo()


@pytest.fixture
def forger(world: LiveLedger, tmp_path: Path) -> Forger:
    return Forger(world, tmp_path)


def errors(forger: Forger) -> set[str]:
    return {found.error for found in forger.verify(recompute=Recomputing(), processes=1).findings}


def object_of(forger: Forger, leaf: ForgedLeaf) -> list[dict[str, Any]]:
    digest = leaf.content["lineage"]["kept"]["sha256"]
    found: list[dict[str, Any]] = json.loads(forger.bundle.files[f"ancestors/{digest}.json"])["ancestors"]
    return found


def test_objects_are_shared_down_the_chain_and_valid(forger: Forger) -> None:
    kept = [leaf.content["lineage"]["kept"] for leaf in forger.records()]
    assert kept[:3] == [None] * 3
    assert kept[3] == kept[4] == kept[5] != kept[6]
    assert errors(forger) == set()


def the_parent_is_not_listed(forger: Forger) -> None:
    forger.records("run-3")[0].content["cumulative"]["ancestors"] = []


def others_are_listed(forger: Forger) -> None:
    leaf = forger.records("run-3")[0]
    leaf.content["cumulative"]["ancestors"] = object_of(forger, leaf)


def fewer_are_listed_than_differ(forger: Forger) -> None:
    del forger.records("run-4")[0].content["cumulative"]["ancestors"][0]


def kept_at_the_place_of_one_inside(forger: Forger) -> None:
    leaf = forger.records("run-3")[0]
    _kept_by(leaf, forger.records("run-0")[0])


def kept_at_the_place_of_one_who_put_nothing_there(forger: Forger) -> None:
    _kept_by(forger.records("run-4")[0], forger.records("run-1")[0])


def kept_by_the_run_though_an_ancestor_did(forger: Forger) -> None:
    leaf = forger.records("run-4")[0]
    _kept_by(leaf, leaf)


def _kept_by(leaf: ForgedLeaf, writer: ForgedLeaf) -> None:
    kept = leaf.content["lineage"]["kept"]
    kept["key"] = f"ancestors/{writer.content['job']['id']}/{kept['sha256']}.json"


def another_number_of_them(forger: Forger) -> None:
    forger.records("run-3")[0].content["lineage"]["kept"]["count"] = 7


def none_kept(forger: Forger) -> None:
    """All are listed, though they are too many."""
    leaf = forger.records("run-6")[0]
    listed = {each["job_id"]: each for each in object_of(forger, leaf)}
    listed |= {each["job_id"]: each for each in leaf.content["cumulative"]["ancestors"]}
    leaf.content["cumulative"]["ancestors"] = [listed[job] for job in sorted(listed)]
    del forger.bundle.files[f"ancestors/{leaf.content['lineage']['kept']['sha256']}.json"]
    leaf.content["lineage"]["kept"] = None


ATTACKS: dict[Callable[[Forger], None], str] = {
    the_parent_is_not_listed: "EvidenceMismatch",
    others_are_listed: "EvidenceMismatch",
    fewer_are_listed_than_differ: "EvidenceMismatch",
    kept_at_the_place_of_one_inside: "LineageMismatch",
    kept_at_the_place_of_one_who_put_nothing_there: "LineageMismatch",
    kept_by_the_run_though_an_ancestor_did: "EvidenceMismatch",
    another_number_of_them: "EvidenceMismatch",
    none_kept: "EvidenceMismatch",
}


@pytest.mark.parametrize(("attack", "name"), ATTACKS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_said_of_kept_ancestors_is_what_the_recorder_says(
    forger: Forger, attack: Callable[[Forger], None], name: str
) -> None:
    attack(forger)
    report = forger.verify(recompute=Recomputing(), processes=1)
    assert {found.error for found in report.findings} == {name}, report.findings
