"""A place in the log cannot be taken back: what is sealed, every verifier takes, whatever clocks and tables do."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from flops_auditor.domain.ledger.ledger_errors import TimeRunsBackwards
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.values.archive_keys import (
    KEYS,
    evidence_key,
    frontier_key,
    models_key,
    record_key,
    rotation_key,
)
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.keep_record import ForeignEvidence
from flops_auditor.use_cases.ledger.rotate_key import CannotRotate, request_rotation
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.operations.compare_ledger import compare_ledger
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.ledger import MemoryRecordItems, MemorySigner
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger

LARGE = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}


def family() -> LiveLedger:
    ledger = LiveLedger()
    ledger.add(continuing("parent", hours=100, **LARGE), pretrain_flops="3e24")
    ledger.add(continuing("child", ["parent"], day=6, hours=10))
    return ledger


def said(ledger: LiveLedger, name: str, behind: timedelta = timedelta(), why: str = "measured") -> None:
    """A person amends a record on a machine whose clock is behind."""
    true = ledger.clock.now
    ledger.clock.now -= behind
    amend(ledger.job_id(name), Amendment(who="ada", why=why, at=ledger.clock.now, mfu=Fraction(2, 5)), ledger.recorder)
    ledger.clock.now = true


def lost(ledger: LiveLedger, name: str, revision: int) -> None:
    """An item of the table is gone, by a backup or by hand."""
    job = ledger.job_id(name)
    ledger.recorder.records.lines[job].pop(revision)  # type: ignore[attr-defined] - it is the twin in memory
    ledger.pending.records.pop((job, revision), None)
    ledger.pending.logged.pop((job, revision), None)


def plant_a_strangers_record(ledger: LiveLedger, pretrain_flops: str) -> None:
    """The parent's evidence and record stand in the archive before its audit, signed by a key of somebody else's."""
    strange = LiveLedger(signer=MemorySigner("stranger"))
    strange.add(continuing("parent", hours=100, **LARGE), pretrain_flops=pretrain_flops)
    strange.audit("parent")
    job = strange.job_id("parent")
    for key in (evidence_key(job, 0), record_key(job, 0)):
        body = strange.archive.get(key)
        assert body
        assert ledger.archive.put_if_absent(key, body)


def verdict(ledger: LiveLedger, folder: Path) -> tuple[str, list[str]]:
    bundle = ledger.bundle(folder)
    bundle.write()
    demands = Demands(as_of=ledger.clock.now, recompute=Recomputing())
    report = verify_bundle(bundle.path, demands)
    return report.verdict, [each.error for each in (*report.findings, *report.reservations)]


def test_people_amend_by_clocks_that_differ(tmp_path: Path) -> None:
    ledger = family()
    ledger.audit("parent")
    said(ledger, "parent", behind=timedelta(minutes=-4))
    ledger.clock.now += timedelta(minutes=2)
    said(ledger, "parent", behind=timedelta(minutes=4), why="measured again")
    said(ledger, "parent", behind=timedelta(minutes=14), why="and again")
    sealed = ledger.seal()
    assert (sealed.records, sealed.held) == (4, ())
    assert verdict(ledger, tmp_path) == ("valid", [])


@pytest.mark.parametrize(
    ("first", "second"), [(-6, None), (10, 3)], ids=["before the first seal", "before the last request"]
)
def test_a_key_is_not_asked_for_by_a_clock_that_is_behind(first: int, second: int | None, tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.seal()
    began, other = ledger.clock.now, MemorySigner("record 2")

    def ask(minutes: int, new: MemorySigner) -> None:
        at = began + timedelta(minutes=minutes)
        request_rotation(ledger.archive, ledger.ledger, "record", ledger.record, new, at)
        ledger.record = new

    if second is None:
        with pytest.raises(CannotRotate, match="this machine says"):
            ask(first, other)
    else:
        ask(first, other)
        ledger.seal()
        with pytest.raises(CannotRotate, match="this machine says"):
            ask(second, MemorySigner("record 3"))
    ledger.seal()
    assert verdict(ledger, tmp_path) == ("valid", [])


def test_a_request_for_a_key_that_is_dated_before_the_ledger_is_held_and_named(tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.seal()
    ledger.clock.now -= timedelta(days=100)
    ledger.request_rotation("record", 0, MemorySigner("record 2"))
    ledger.clock.now += timedelta(days=100)
    [held] = ledger.seal().held
    assert held.error == TimeRunsBackwards.__name__
    assert TimeRunsBackwards.__name__ in compare_ledger(ledger.archive, MemoryRecordItems(ledger.pending)).next_key
    assert verdict(ledger, tmp_path) == ("valid", [])


def test_nothing_is_sealed_before_the_last_seal(tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.seal()
    ledger.clock.now += timedelta(hours=1)
    ledger.seal()
    ledger.clock.now -= timedelta(hours=1)
    with pytest.raises(TimeRunsBackwards, match="nothing is sealed before then"):
        ledger.seal()
    ledger.clock.now += timedelta(minutes=45 - 4)
    for _ in range(3):  # the clocks of two functions differ by some minutes
        ledger.seal()
        ledger.clock.now -= timedelta(minutes=15 + 1)
    ledger.clock.now += timedelta(hours=1)
    assert verdict(ledger, tmp_path) == ("valid", [])


def test_what_the_table_lost_comes_back_before_another_record_takes_its_revision(tmp_path: Path) -> None:
    ledger = family()
    ledger.audit("parent")
    ledger.seal()
    lost(ledger, "parent", 0)
    ledger.clock.now += timedelta(minutes=30)
    ledger.audit("parent")  # its event once more
    said(ledger, "parent")
    ledger.seal()
    lost(ledger, "parent", 1)
    said(ledger, "parent", why="said again")
    assert ledger.content("parent")["revision"] == 2
    assert ledger.seal().held == ()
    assert verdict(ledger, tmp_path) == ("valid", [])


def test_the_newest_revision_is_lost_and_a_parent_comes_late(tmp_path: Path) -> None:
    ledger = family()
    ledger.audit("child")
    said(ledger, "child")
    ledger.seal()
    lost(ledger, "child", 1)
    ledger.audit("parent")
    ledger.work_off()
    assert ledger.seal().held == ()
    assert compare_ledger(ledger.archive, MemoryRecordItems(ledger.pending)).checks()[0].ok
    assert verdict(ledger, tmp_path) == ("valid", [])


def test_a_record_that_supersedes_another_line_than_the_log_has_is_held(tmp_path: Path) -> None:
    ledger = family()
    ledger.audit("parent")
    ledger.seal()
    other = LiveLedger()
    other.add(continuing("parent", hours=100, **LARGE), pretrain_flops="3e24")
    other.clock.now += timedelta(minutes=1)
    other.audit("parent")
    job = ledger.job_id("parent")
    ledger.recorder.records.lines[job][0] = other.recorder.records.lines[job][0]  # type: ignore[attr-defined]
    said(ledger, "parent")
    [held] = ledger.seal().held
    assert (held.revision, held.error) == (1, "SupersedesMismatch")
    assert verdict(ledger, tmp_path) == ("valid", [])


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("junk", ["replaced", "deleted", "large", "other"])
def test_a_cache_that_cannot_be_read_is_none(size: int, junk: str, tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.seal()
    ledger.seal()
    {
        "replaced": lambda: [ledger.archive.overwrite(frontier_key(size), body) for body in (b"{}", b"[]")],
        "deleted": lambda: ledger.archive.delete(frontier_key(size)),
        "large": lambda: ledger.archive.overwrite(frontier_key(size), bytes(2 << 20)),
        "other": lambda: ledger.archive.overwrite(frontier_key(size), b'{"hashes":[],"size":"2"}'),
    }[junk]()
    assert [ledger.seal().size for _ in range(3)] == [3, 4, 5]
    assert verdict(ledger, tmp_path) == ("valid", [])


def test_a_frontier_that_leads_nowhere_is_named() -> None:
    ledger = LiveLedger()
    ledger.seal()
    ledger.archive.overwrite(frontier_key(2), b"{}")
    ledger.seal()
    assert compare_ledger(ledger.archive, MemoryRecordItems(ledger.pending)).foreign == [frontier_key(2)]


def test_evidence_of_other_hardware_is_not_recorded_as_the_runs() -> None:
    short = LiveLedger()
    short.add(continuing("parent", hours=1))
    short.audit("parent")
    job = short.job_id("parent")
    planted = short.archive.get(evidence_key(job, 0))
    assert planted
    ledger = family()
    assert ledger.archive.put_if_absent(evidence_key(job, 0), planted)
    with pytest.raises(ForeignEvidence):
        ledger.audit("parent")
    ledger = family()
    ledger.audit("parent")
    assert ledger.archive.put_if_absent(evidence_key(job, 1), planted)
    with pytest.raises(ForeignEvidence):
        ledger.audit("parent")


def test_a_record_that_no_key_of_the_ledger_signed_is_not_put_back() -> None:
    ledger = family()
    ledger.seal()
    plant_a_strangers_record(ledger, pretrain_flops="3e20")
    rebuilt = rebuild_index(ledger.archive, ledger.recorder.records, ledger.pending, ledger.recorder.index)
    assert (rebuilt.written, [why for _, why in rebuilt.skipped]) == (
        0,
        ["UnknownKey: no record key of the ledger signed it"],
    )
    ledger.audit("parent")
    ledger.work_off()
    sealed = ledger.seal()
    assert (sealed.records, sealed.held) == (1, ())


def test_a_file_of_models_that_was_replaced_stops_no_audit() -> None:
    ledger = family()
    for body in (b"a", b"b"):
        ledger.archive.overwrite(models_key(0), body)
    ledger.audit("parent")
    content = ledger.content("parent")
    assert "models-not-read" in [doubt["kind"] for doubt in content["estimate"]["doubts"]]


def test_the_place_of_the_next_key_is_held_whatever_lies_there(tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.seal()
    ledger.archive.delete(rotation_key(0))
    [held] = ledger.seal().held
    assert held.job_id == "rotation"
    assert ledger.archive.get(KEYS)
    assert verdict(ledger, tmp_path) == ("valid", [])


@pytest.mark.parametrize(("ahead", "behind"), [(4, 4), (4.9, 0.9)])
def test_a_child_is_dated_no_earlier_than_the_parents_that_it_lists(
    ahead: float, behind: float, tmp_path: Path
) -> None:
    ledger = family()
    ledger.audit("parent")
    ledger.audit("child")
    said(ledger, "parent", behind=timedelta(minutes=-ahead))
    ledger.clock.now += timedelta(seconds=1)
    true = ledger.clock.now
    ledger.clock.now -= timedelta(minutes=behind)
    ledger.work_off()
    said(ledger, "child", why="measured, too")
    ledger.clock.now = true
    assert ledger.seal().held == ()
    assert verdict(ledger, tmp_path) == ("valid", [])


def test_before_the_first_seal_the_recorders_own_key_is_the_ledgers() -> None:
    ledger = family()
    plant_a_strangers_record(ledger, pretrain_flops="3e24")
    ledger.audit("parent")
    assert ledger.seal().held == ()
