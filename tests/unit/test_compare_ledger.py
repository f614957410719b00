"""`doctor` names whatever differs between the table of records, the archive and the log."""

from collections.abc import Callable

import pytest

from flops_auditor.domain.ledger.ledger_errors import ObjectReplaced
from flops_auditor.domain.values.archive_keys import batch_key, evidence_key, record_key
from flops_auditor.use_cases.operations import compare_ledger as compare_ledger_module
from flops_auditor.use_cases.operations.compare_ledger import LedgerDifferences, compare_ledger
from flops_auditor.use_cases.ports.ledger import PendingRecord
from tests.fakes.ledger import MemoryRecordItems, MemorySigner
from tests.fakes.ledger_world import World, draft

FOREIGN = [
    "checkpoints/99999999999999999999",
    "checkpoints/00000000000000000002",
    "checkpoints/5",
    "log/zzz",
    "log/00000000000000000002.ndjson",
    "frontiers/x",
    "frontiers/00000000000000000002.json",
    "checkpoints/00000000000000000000",
    "log/00000000000000000006.ndjson",
    f"evidence/{'0' * 64}/0.json",
    "records/zzz/0.json",
    "records/../../0.json",
    "evidence/x",
    "keys.json.bak",
    "rotations/000005.json",
    "foreign key",
    "models/000000.yaml",
    f"tables/{'0' * 64}",
    f"ancestors/{'0' * 64}/{'0' * 64}.json",
]


def small() -> World:
    world = World()
    world.add(3)
    world.seal()
    world.add(1)
    world.seal()
    world.add(1)
    return world


def compared(world: World) -> LedgerDifferences:
    return compare_ledger(world.archive, MemoryRecordItems(world.pending))


def identity(world: World, number: int) -> tuple[str, int]:
    return list(world.pending.records)[number]


def test_what_agrees_is_said_with_its_numbers() -> None:
    [check] = compared(small()).checks()
    assert check.ok
    assert check.detail == (
        "agree on 4 records in 6 leaves; 1 waits for the next seal; all evidence is what was signed (5 files)"
    )


def waits_again(world: World) -> None:
    del world.pending.logged[identity(world, 1)]


def another_leaf(world: World) -> None:
    world.pending.logged[identity(world, 1)] = 2


def another_record_in_the_table(world: World) -> None:
    job, revision = identity(world, 1)
    line = world.draft().line(world.record)
    world.pending.records[job, revision] = PendingRecord(job, revision, line)


def a_waiting_record_changed(world: World) -> None:
    job, revision = identity(world, 4)
    line = draft(4, world.at).line(MemorySigner("stranger"))
    world.pending.records[job, revision] = PendingRecord(job, revision, line)


def a_place_without_a_leaf(world: World) -> None:
    world.pending.logged[identity(world, 4)] = 6


def gone_from_the_table(world: World) -> None:
    del world.pending.records[identity(world, 1)]


def archived_alone(world: World) -> None:
    job, _ = identity(world, 0)
    world.archive.put_if_absent(record_key(job, 7), b"x")


def never_archived(world: World) -> None:
    made = world.draft()
    world.pending.commit(PendingRecord(made.content["job"]["id"], 0, made.line(world.record)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (waits_again, "the table says that it waits, and it is leaf 1"),
        (another_leaf, "the table says leaf 2, it is leaf 1"),
        (another_record_in_the_table, "the table has another record than leaf 1"),
        (a_waiting_record_changed, "the archive has another record"),
        (a_place_without_a_leaf, "the table says leaf 6, the log has no place"),
        (gone_from_the_table, "is leaf 1, and not in the table"),
        (archived_alone, "is archived, and neither in the table nor in the log"),
        (never_archived, "is recorded, and not archived"),
    ],
)
def test_a_difference_is_named_with_what_to_do(change: Callable[[World], None], said: str) -> None:
    world = small()
    change(world)
    [check] = compared(world).checks()
    assert not check.ok
    assert said in check.detail
    assert check.remedy


@pytest.mark.parametrize("key", FOREIGN)
def test_a_foreign_object_is_named(key: str) -> None:
    world = small()
    world.archive.put_if_absent(key, b"x")
    agree, foreign = compared(world).checks()
    assert agree.ok
    assert key in foreign.detail


def test_a_replaced_batch_is_named() -> None:
    world = small()
    world.archive.delete(batch_key(0))
    with pytest.raises(ObjectReplaced):
        compared(world)


@pytest.mark.parametrize("prefix", ["checkpoints/", "frontiers/", "tables/", "evidence/", "records/", "rotations/"])
@pytest.mark.parametrize(("intruder", "said"), [("overwrite", "a second version"), ("delete", "a delete marker")])
def test_whatever_was_replaced_is_named_once(prefix: str, intruder: str, said: str) -> None:
    """The oldest of each: neither the newest checkpoint alone, nor what a sample draws."""
    world = rotated()
    key = next(world.archive.list(prefix))
    world.archive.overwrite(key, b"x" if intruder == "overwrite" else None)
    [check] = compared(world).checks()
    assert not check.ok
    assert check.detail == f"1 difference: ObjectReplaced: {key} has {said}"


def test_all_that_was_replaced_is_named_however_many() -> None:
    """Whoever replaced nine could else hide the last ones behind the first."""
    world = World()
    world.add(12)
    world.seal()
    keys = list(world.archive.list("evidence/"))[:9]
    for key in keys:
        world.archive.overwrite(key, b"x")
    [check] = compared(world).checks()
    assert [name for name in check.names if any(key in name for key in keys)] == list(check.names)
    assert len(check.names) == 9
    assert check.detail.endswith("and 4 more")


@pytest.mark.parametrize("prefix", ["checkpoints/", "tables/", "rotations/"])
def test_what_the_log_names_and_the_archive_lacks_is_named(prefix: str) -> None:
    world = rotated()
    key = next(world.archive.list(prefix))
    del world.archive._versions[key]
    world.archive._order.remove(key)
    [check] = compared(world).checks()
    assert f"{key}, which the log names, is not archived" in check.detail


def test_a_table_that_is_not_what_its_name_says_is_named() -> None:
    world = small()
    key = next(world.archive.list("tables/"))
    world.archive._versions[key] = [b"other"]
    [check] = compared(world).checks()
    assert check.detail.endswith(f"{key} is not the table that records rest on")


@pytest.mark.parametrize("bodies", [[b"junk"], [b""], [b"junk", None], [b"a", b"b"]])
def test_what_lies_where_the_next_request_for_a_key_goes_is_named(bodies: list[bytes | None]) -> None:
    world = rotated()
    for body in bodies:
        world.archive.overwrite("rotations/000001.json", body)
    agree, key = compared(world).checks()
    assert agree.ok
    assert (key.check, key.ok) == ("the next key", False)
    assert "rotations/000001.json is no request for a key: " in key.detail


def test_a_request_that_waits_for_the_sealer_is_none_of_them() -> None:
    world = rotated()
    world.request_rotation("checkpoint", 1, world.checkpoint, MemorySigner("checkpoint 2"))
    assert [check.ok for check in compared(world).checks()] == [True]


def rotated() -> World:
    world = small()
    old, world.record = world.record, MemorySigner("record 2")
    world.request_rotation("record", 0, old, world.record)
    world.seal()
    return world


@pytest.mark.parametrize(("key_of", "said"), [(record_key, "and not archived"), (evidence_key, "evidence of")])
def test_what_the_log_has_and_the_archive_not_is_named(key_of: Callable[[str, int], str], said: str) -> None:
    world = small()
    del world.archive._versions[key_of(*identity(world, 0))]
    world.archive._order.remove(key_of(*identity(world, 0)))
    [check] = compared(world).checks()
    assert said in check.detail


@pytest.mark.parametrize("number", [0, 4], ids=["logged", "waiting"])
@pytest.mark.parametrize(
    ("versions", "said"), [([b"other"], "is not what was signed"), ([b"first", b"other"], "a second version")]
)
def test_evidence_that_is_not_what_was_signed_is_named(number: int, versions: list[bytes | None], said: str) -> None:
    world = small()
    world.archive._versions[evidence_key(*identity(world, number))] = versions
    [check] = compared(world).checks()
    assert not check.ok
    assert said in check.detail


def test_of_much_evidence_a_sample_is_compared_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_ledger_module, "SAMPLE", 2)
    world = small()
    [check] = compared(world).checks()
    assert (
        "the evidence of 2 of 5 records, drawn at random, is what was signed: --evidence compares all" in check.detail
    )
    world.archive._versions[evidence_key(*identity(world, 1))] = [b"other"]
    found = compare_ledger(world.archive, MemoryRecordItems(world.pending), all_evidence=True)
    assert (found.evidence, found.with_evidence, len(found.otherwise)) == (5, 5, 1)
    seen = {len(compared(world).otherwise) for _ in range(60)}
    assert seen == {0, 1}, "it is drawn anew each time"


def test_an_archived_record_that_is_not_the_logged_one_is_named() -> None:
    world = small()
    world.archive._versions[record_key(*identity(world, 0))] = [b"other"]
    [check] = compared(world).checks()
    assert "the archive has another record" in check.detail
