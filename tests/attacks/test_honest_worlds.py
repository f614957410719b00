"""Nothing honest fails: every bundle of ledgers with a life of their own verifies, whole and in part."""

from pathlib import Path

import pytest

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.forms import ACTIVITY_CONTRADICTED
from flops_auditor.domain.ledger.saved_mail import checkpoint_in
from flops_auditor.domain.runs.declared import ACTIVITY_CONTRADICTED as DECLARED
from flops_auditor.domain.values.archive_keys import KEYS, checkpoint_key
from flops_auditor.use_cases.operations.compare_ledger import compare_ledger
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.attacks import tries
from tests.fakes.honest_worlds import HonestWorld
from tests.fakes.ledger import MemoryRecordItems


@pytest.mark.parametrize("seed", range(tries(8, 300)))
def test_every_bundle_of_an_honest_ledger_verifies(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "CHUNK", 1 + seed % 7)
    monkeypatch.setattr(form, "CHUNK_BYTES", 10_000 * (1 + seed % 5))
    world = HonestWorld(seed)
    demands = {
        "keys": world.archive.get(KEYS),
        "recompute": Recomputing(world.own_tables()),
        "pin": checkpoint_in(world.mailbox.messages[seed % len(world.mailbox.messages)][1].encode()),
    }
    report = world.bundle(tmp_path).verify(**demands)
    assert report.findings == [], report.findings[0]
    reserved = {found.error for found in report.reservations}
    assert reserved <= ({"LateRecord", "LoggedAfterPin"} if world.outages else set()), report.reservations
    assert report.size and world.archive.get(checkpoint_key(report.size))
    checks = compare_ledger(world.archive, MemoryRecordItems(world.pending)).checks()
    assert [check.detail for check in checks if not check.ok and check.check != "foreign objects"] == []
    for model in sorted(
        {world.content(name)["original"]["base_model"] for name in world.pointers if name not in world.running}
    ):
        part = world.bundle(tmp_path, model).verify(**demands)
        assert part.findings == [], (model, part.findings)
        assert {found.error for found in part.reservations} <= ({"LateRecord"} if world.outages else set())


def test_what_speaks_against_a_runs_activity_is_listed_as_its_record_has_it(tmp_path: Path) -> None:
    """The word is one of the law's, which the ledger's room may not import."""
    assert DECLARED.name == ACTIVITY_CONTRADICTED
    world = HonestWorld(1001, steps=24)
    listed = [each for name in world.pointers for each in world.content(name)["cumulative"]["ancestors"]]
    assert ACTIVITY_CONTRADICTED in {doubt["kind"] for each in listed for doubt in each.get("doubts", ())}
    report = world.bundle(tmp_path).verify(recompute=Recomputing(world.own_tables()))
    assert report.findings == []
