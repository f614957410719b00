"""The sealer: order, heartbeats, killed after any write, two at once, rotations, and its cost."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from bench.seal_memory import measured
from flops_auditor.domain.ledger.dsse import envelope_line, parse_envelope
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.leaves import heartbeat, kind_of
from flops_auditor.domain.ledger.ledger_errors import (
    BadSignature,
    KeyNotValidAtIndex,
    MalformedRecord,
    ObjectReplaced,
    UnauthorisedRotation,
    UnknownKey,
    WrongOrigin,
)
from flops_auditor.domain.ledger.merkle import MerkleTree, leaf_hash
from flops_auditor.domain.ledger.saved_mail import checkpoint_in
from flops_auditor.domain.ledger.signed_note import parse_checkpoint, parse_note
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.values import archive_keys
from flops_auditor.domain.values.archive_keys import CHECKPOINTS, LOG, batch_key, checkpoint_key, frontier_key
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.ledger import log_reader, seal_log
from flops_auditor.use_cases.ledger.log_reader import lines_of
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.operations.compare_ledger import compare_ledger
from flops_auditor.use_cases.ports.ledger import Archive, PendingRecord
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.ledger import MemoryArchive, MemoryMailbox, MemoryRecordItems, MemorySigner
from tests.fakes.ledger_world import LEDGER, World, draft, sign, superseding
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger


def leaves(archive: Archive) -> list[bytes]:
    return [line for key in archive.list(LOG) for line in lines_of(archive.get(key) or b"")]


def assert_one_valid_log(world: World, records: int) -> None:
    """Batches without gap or overlap, every checkpoint over its prefix, every record once, every place as noted."""
    found = leaves(world.archive)
    tree = MerkleTree(leaf_hash(line) for line in found)
    sizes = []
    for key in world.archive.list(CHECKPOINTS):
        head = parse_checkpoint(parse_note(world.archive.get(key) or b"").text)
        assert head.root == tree.root(head.size)
        sizes.append(head.size)
    firsts = [log_reader.number_of(key, batch_key) for key in world.archive.list(LOG)]
    assert [*firsts[1:], len(found)] == sizes
    places = {}
    for index, line in enumerate(found):
        payload = parse_envelope(line).payload
        if kind_of(payload) == "record":
            content = parse_statement(payload).predicate
            identity = content["job"]["id"], content["revision"]
            assert identity not in places
            places[identity] = index
    assert len(places) == records
    assert world.pending.logged == places


def test_records_are_sealed_in_order_with_a_heartbeat_and_a_published_checkpoint() -> None:
    world = World()
    world.add(3)
    sealed = world.seal()
    assert (sealed.size, sealed.records, sealed.held) == (4, 3, ())
    found = leaves(world.archive)
    assert found[:3] == [record.line for record in world.pending.records.values()]
    assert kind_of(parse_envelope(found[3]).payload) == "heartbeat"
    mail = world.mailbox.messages[-1][1].encode()
    assert checkpoint_in(mail) == world.archive.get(checkpoint_key(4))
    assert b"nothing to do" in mail
    assert_one_valid_log(world, 3)


def test_an_empty_interval_appends_a_heartbeat() -> None:
    world = World()
    assert [world.seal().size for _ in range(3)] == [1, 2, 3]
    assert_one_valid_log(world, 0)


def test_more_than_a_batch_is_sealed_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_log, "BATCH", 4)
    world = World()
    world.add(8)
    assert world.seal().size == 10
    assert_one_valid_log(world, 8)
    world.add(9)
    asked = iter([True, False])
    assert seal_log.seal_log(world.sealer(), lambda: next(asked)).records == 8
    assert world.seal().records == 1
    assert_one_valid_log(world, 17)


class Killed(BaseException):
    """The function ends here, as by a timeout."""


class Deadly:
    """Passes calls to `target` on, and dies right after the write number `after`, counted over all ports."""

    def __init__(self, target: Any, counter: list[int], writes: tuple[str, ...]) -> None:
        self._target, self._counter, self._writes = target, counter, writes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if name not in self._writes:
            return method

        def write(*args: Any, **named: Any) -> Any:
            answer = method(*args, **named)
            self._counter[0] -= 1
            if self._counter[0] == 0:
                raise Killed
            return answer

        return write


WRITES_OF_A_FIRST_SEAL = ("genesis keys", "batch", "frontier", "checkpoint", "places", "mail")


@pytest.mark.parametrize("earlier", [0, 1, 2], ids=["first seal", "second seal", "third seal"])
@pytest.mark.parametrize("after", range(1, 1 + len(WRITES_OF_A_FIRST_SEAL)))
def test_killed_after_any_write_the_next_run_goes_on(after: int, earlier: int) -> None:
    world = World()
    for _ in range(earlier):
        world.add(3)
        world.seal()
    world.add(5)
    counter = [after]
    deadly = {
        "archive": Deadly(world.archive, counter, ("put_if_absent",)),
        "pending": Deadly(world.pending, counter, ("mark_logged",)),
        "mailbox": Deadly(world.mailbox, counter, ("publish",)),
    }
    with pytest.raises(Killed):
        world.seal(**deadly)
    world.add(2)
    world.seal()
    assert_one_valid_log(world, earlier * 3 + 7)
    world.seal()
    assert_one_valid_log(world, earlier * 3 + 7)


def test_killed_again_and_again_it_still_ends_in_one_valid_log() -> None:
    world = World()
    for after in (1, 2, 3, 4, 5, 6, 7, 3, 2, 4, 2, 3, 5, 4):
        world.add(2)
        counter = [after]
        try:
            world.seal(
                archive=Deadly(world.archive, counter, ("put_if_absent",)),
                pending=Deadly(world.pending, counter, ("mark_logged",)),
            )
        except Killed:
            continue
    world.seal()
    assert_one_valid_log(world, 28)


class Interleaved:
    """An archive that lets another sealer run to its end right before the call number `at`."""

    def __init__(self, world: World, at: int) -> None:
        self._world, self._left = world, at

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._world.archive, name)

        def call(*args: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                seal_log.seal_log(self._world.sealer())
            return method(*args, **named)

        return call


@pytest.mark.parametrize("earlier", [0, 1])
@pytest.mark.parametrize("at", range(1, 14))
def test_another_sealer_between_any_two_calls_leaves_one_valid_log(at: int, earlier: int) -> None:
    world = World()
    for _ in range(earlier):
        world.add(2)
        world.seal()
    world.add(5)
    world.seal(archive=Interleaved(world, at))
    assert_one_valid_log(world, earlier * 2 + 5)
    world.add(1)
    world.seal()
    assert_one_valid_log(world, earlier * 2 + 6)


def test_sealers_racing_in_threads_leave_one_valid_log() -> None:
    world = World()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(5):
                seal_log.seal_log(world.sealer())
        except BaseException as error:
            errors.append(error)

    for _ in range(4):
        world.add(10)
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors
    world.seal()
    assert_one_valid_log(world, 40)


def test_a_bad_record_is_held_and_stops_nobody() -> None:
    world = World()
    world.add(1)
    forged = world.draft()
    world.commit(forged, MemorySigner("stranger"))
    other = world.draft()
    other.content["ledger_id"] = "flops-auditor/999999999999/eu-west-1/audit"
    world.commit(other)
    early = world.draft()
    early.content["recorded_at"] = "2027-01-01T00:00:00.000Z"
    world.commit(early)
    foreseen = world.draft()
    foreseen.content["job"]["end"] = "2027-01-01T00:00:00.000Z"
    world.commit(foreseen)
    itself = world.draft()
    itself.content["previous_verdict"] = "below"
    world.commit(itself)
    broken = world.draft()
    line = world.commit(broken)
    record = world.pending.records[broken.content["job"]["id"], 0]
    swapped = type(record)(record.job_id, 7, line)
    world.pending.records[record.job_id, 0] = swapped
    world.add(1)
    sealed = world.seal()
    assert sealed.records == 2
    assert sorted(held.error for held in sealed.held) == [
        "FutureTimestamp",
        "FutureTimestamp",
        "HistoryMismatch",
        "MalformedRecord",
        "UnknownKey",
        "WrongLedger",
    ]


def test_many_bad_records_in_front_do_not_block_the_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_log, "BATCH", 3)
    world = World()
    for _ in range(8):
        world.commit(world.draft(), MemorySigner("stranger"))
    world.add(2)
    assert world.seal().records == 2


def test_a_lost_or_forged_frontier_is_hashed_anew() -> None:
    world = World()
    world.add(4)
    world.seal()
    world.archive.put_if_absent(frontier_key(6), b'{"size":"6","hashes":["00","11"]}')
    assert world.seal().size == 6
    assert world.seal().size == 7
    assert_one_valid_log(world, 4)


class Counting:
    """Counts calls and bytes of an archive."""

    def __init__(self, archive: MemoryArchive) -> None:
        self._archive, self.keys, self.bytes, self.objects = archive, 0, 0, 0

    def put_if_absent(self, key: str, body: bytes) -> bool:
        return self._archive.put_if_absent(key, body)

    def get(self, key: str) -> bytes | None:
        self.objects += 1
        body = self._archive.get(key)
        self.bytes += len(body or b"")
        return body

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        for key in self._archive.list(prefix, start_after, limit):
            self.keys += 1
            yield key


def test_what_a_seal_reads_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a seal is O(new records + log n)."""
    monkeypatch.setattr(log_reader, "KEYS_IN_A_PAGE", 4)
    world = World()
    read = []
    for number in range(260):
        counting = Counting(world.archive)
        world.seal(archive=counting)
        if number in {16, 256}:
            read.append((counting.keys, counting.bytes))
    assert read[1][0] <= read[0][0] + 3 * 4 * 4
    assert read[1][1] <= read[0][1] * 1.5


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9, 64, 100])
def test_the_newest_object_is_found_by_galloping(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "KEYS_IN_A_PAGE", 4)
    archive = MemoryArchive()
    numbers = [number * number for number in range(count)]
    for number in numbers:
        archive.put_if_absent(checkpoint_key(number), b"")
    assert log_reader.newest_number(archive, CHECKPOINTS, checkpoint_key) == (numbers[-1] if numbers else None)


def test_the_record_key_rotates_at_a_leaf_signed_by_both() -> None:
    world = World()
    world.add(2)
    world.seal()
    old, new = world.record, MemorySigner("record 2")
    world.commit(world.draft(), old)
    world.commit(world.draft(), new)
    assert [held.error for held in world.seal().held] == ["UnknownKey"]
    world.request_rotation("record", 0, old, new)
    world.commit(world.draft(), old)
    sealed = world.seal()
    assert (sealed.records, sealed.held) == (2, ())
    kinds = [kind_of(parse_envelope(line).payload) for line in leaves(world.archive)[-4:]]
    assert kinds == ["record", "rotation", "record", "heartbeat"]
    world.commit(world.draft(), old)
    world.commit(world.draft(), new)
    sealed = world.seal()
    assert [held.error for held in sealed.held] == ["KeyNotValidAtIndex"]
    assert sealed.records == 1


def test_the_checkpoint_key_rotates_once_the_sealer_holds_the_new_one() -> None:
    world = World()
    world.seal()
    old, new = world.checkpoint, MemorySigner("checkpoint 2")
    with pytest.raises(UnknownKey):
        world.seal(signer=new)
    world.request_rotation("checkpoint", 0, old, new)
    assert world.seal().size == 2  # the sealer still holds the old key
    world.checkpoint = new
    assert world.seal().size == 4
    assert world.seal().size == 5
    with pytest.raises(KeyNotValidAtIndex):
        world.seal(signer=old)
    assert_one_valid_log(world, 0)


@pytest.mark.parametrize("signers", ["new only", "old twice", "stranger"])
def test_a_rotation_without_both_signatures_is_held(signers: str) -> None:
    world = World()
    world.seal()
    old, new, stranger = world.record, MemorySigner("record 2"), MemorySigner("stranger")
    world.request_rotation(
        "record", 0, old, new, {"new only": (new,), "old twice": (old, old), "stranger": (stranger, new)}[signers]
    )
    assert [held.error for held in world.seal().held] == [UnauthorisedRotation.__name__]


def newest_checkpoint(world: World) -> int:
    signers = log_reader.signers_of(world.archive, verifies)
    assert signers
    return log_reader.newest_checkpoint(world.archive, signers)


def planted(world: World, body: bytes) -> None:
    world.archive.put_if_absent(batch_key(newest_checkpoint(world)), body)


def test_a_planted_batch_is_never_signed() -> None:
    world = World()
    world.seal()
    first = leaves(world.archive)[0]
    planted(world, first + b"\n")
    with pytest.raises(MalformedRecord, match="does not follow"):
        world.seal()
    assert newest_checkpoint(world) == 1


def test_a_planted_record_with_a_bad_signature_is_never_signed() -> None:
    world = World()
    world.add(1)
    world.seal()
    seen = parse_envelope(world.draft().line(world.record))
    forged = envelope_line(world.draft().payload, seen.signatures[0].keyid, seen.signatures[0].der)
    closing = heartbeat(LEDGER, "2026-11-01T01:00:00.000Z", 2, 3, (2, "0" * 64), _keys(world), 0)
    signature = sign(closing, world.checkpoint)
    planted(world, forged + b"\n" + envelope_line(closing, signature.keyid, signature.der) + b"\n")
    with pytest.raises(BadSignature):
        world.seal()
    assert newest_checkpoint(world) == 2


def _keys(world: World) -> KeyHistory:
    return KeyHistory.genesis(LEDGER, world.record.public_key(), world.checkpoint.public_key())


def test_a_damaged_archive_stops_the_sealer_by_name() -> None:
    world = World()
    world.add(1)
    world.seal()
    with pytest.raises(WrongOrigin):
        world.seal(ledger_id="flops-auditor/other")
    world.archive.overwrite(batch_key(0), b"another version")
    with pytest.raises(ObjectReplaced):
        world.seal()


JUNK = {
    "log/zzz": b"",
    "log/00000000000000000003.ndjson": b"",
    "log/99999999999999999999.ndjson": b"{}\n",
    "log/00000000000000000001.ndjson.bak": b"x",
    "checkpoints/99999999999999999999": b"no note",
    "checkpoints/00000000000000000001": b"a note between two",
    "checkpoints/zzz": b"",
    "frontiers/zzz": b"",
    "rotations/zzz": b"",
    "foreign": b"",
}


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("page", [4, 1000])
def test_junk_in_the_archive_never_stops_the_sealer(deleted: bool, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "KEYS_IN_A_PAGE", page)
    world = World()
    world.add(4)
    world.seal()
    for key, body in {**JUNK, "log/00000000000000000900.ndjson": leaves(world.archive)[4] + b"\n"}.items():
        world.archive.put_if_absent(key, body)
        if deleted:
            world.archive.delete(key)
    for size in range(6, 20):
        assert world.seal().size == size
    assert newest_checkpoint(world) == 19


def junk_from(archive: MemoryArchive, key_of: Callable[[int], str], first: int, count: int) -> None:
    for number in range(first, first + count):
        archive.put_if_absent(key_of(number), b"x")


def test_objects_above_the_head_are_listed_once_and_hardly_any_is_read() -> None:
    read = []
    for count in (0, 30, 3000):
        world = World()
        for _ in range(20):
            world.seal()
        for key_of in (batch_key, checkpoint_key):
            junk_from(world.archive, key_of, 10**12, count)
        counting = Counting(world.archive)
        assert world.seal(archive=counting).size == 21
        assert newest_checkpoint(world) == 21
        read.append(counting.objects)
        listed = counting.keys
    assert read[1] <= read[0] + 15
    assert read[2] <= read[0] + 30
    assert listed < 3 * 3000, "each prefix once"


@pytest.mark.parametrize("page", [4, 1000])
@pytest.mark.parametrize("first", [33, 10**12])
def test_objects_among_the_logs_own_lead_nobody_astray(page: int, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "KEYS_IN_A_PAGE", page)
    world = World()
    for _ in range(10):
        world.add(2)
        world.seal()
    for number in range(30):
        for key_of in (batch_key, checkpoint_key):
            world.archive.put_if_absent(key_of(number), b"x")
    for key_of in (batch_key, checkpoint_key):
        junk_from(world.archive, key_of, first, 40)
    assert newest_checkpoint(world) == 30
    world.add(1)
    assert world.seal().size == 32
    assert newest_checkpoint(world) == 32


def test_a_huge_object_under_a_name_of_ours_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_keys, "LARGEST_OBJECT", 10_000)
    world = World()
    world.seal()
    for key in (batch_key(10**12), checkpoint_key(10**12)):
        world.archive.put_if_absent(key, bytes(2 << 20))
    assert world.seal().size == 2
    world.archive.put_if_absent(batch_key(2), bytes(2 << 20))
    with pytest.raises(ObjectReplaced, match="more bytes than the ledger writes"):
        world.seal()


@pytest.mark.parametrize("deleted", [False, True])
def test_an_object_among_the_batches_that_cannot_be_read_keeps_no_record_from_its_place(deleted: bool) -> None:
    world = World()
    for _ in range(8):
        world.add(4)
        world.seal()
    for first in range(40):
        world.archive.put_if_absent(batch_key(first), bytes((1 << 26) + 1) if not deleted and first % 5 == 4 else b"x")
        if deleted and first % 5:
            world.archive.delete(batch_key(first))
    before = dict(world.pending.logged)
    world.pending.logged.clear()
    assert world.seal().records == 0
    assert world.pending.logged == before


def test_a_batch_is_closed_before_it_is_too_large_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_log, "BATCH_BYTES", 25_000)
    world = World()
    world.add(8)
    sealed = world.seal()
    assert (sealed.records, sealed.size) == (8, 11)
    assert_one_valid_log(world, 8)


def test_revisions_of_a_job_are_sealed_in_order_whatever_the_clocks_said() -> None:
    waiting = [PendingRecord(job, revision, b"") for job, revision in (("a", 1), ("b", 0), ("a", 0), ("b", 1))]
    ordered = seal_log.revisions_in_order(waiting)
    assert [(record.job_id, record.revision) for record in ordered] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


# The log is asked, not the table


def test_a_logged_record_that_waits_again_gets_its_place_noted_and_nothing_else() -> None:
    """Whoever may write the table alone, or an older state of it."""
    world = World()
    for _ in range(6):
        world.add(3)
        world.seal()
    before = dict(world.pending.logged)
    world.pending.logged = {key: place for key, place in before.items() if place % 2}
    sealed = world.seal()
    assert (sealed.records, sealed.held) == (0, ())
    assert world.pending.logged == before
    assert_one_valid_log(world, 18)


def test_a_record_of_long_ago_that_waits_again_is_found_with_few_reads() -> None:
    world = World()
    world.add(1)
    world.seal()
    for _ in range(300):
        world.seal()
    (key,) = world.pending.logged
    world.add(1)
    world.pending.logged.clear()
    assert world.seal().records == 1
    assert world.pending.logged[key] == 0
    assert_one_valid_log(world, 2)
    counting = Counting(world.archive)
    world.add(1)
    world.seal(archive=counting)
    assert counting.keys < 3000, "what waits as it should costs no walk through the log"


def test_another_record_of_a_logged_revision_is_held() -> None:
    world = World()
    world.add(2)
    world.seal()
    world.seal()
    (job, revision), *_ = world.pending.logged
    other = draft(0, world.at)
    other.content["code_version"] = "other"
    world.pending.records[job, revision] = PendingRecord(job, revision, other.line(world.record))
    del world.pending.logged[job, revision]
    assert [held.error for held in world.seal().held] == ["DuplicateSubject"]
    assert len(leaves(world.archive)) == 5


def test_an_old_record_is_held_while_there_is_no_time_to_look_for_it() -> None:
    world = World()
    world.add(1)
    world.seal()
    for _ in range(110):
        world.seal()
    world.pending.logged.clear()
    world.add(1)
    world.at += timedelta(minutes=15)
    sealed = seal_log.seal_log(world.sealer(), may_go_on=lambda: False)
    assert (sealed.records, [held.error for held in sealed.held]) == (1, ["NotLookedFor"])
    world.seal()
    assert_one_valid_log(world, 2)


def test_a_record_under_a_replaced_key_that_waits_again_gets_its_place() -> None:
    world = World()
    world.add(1)
    world.seal()
    old, world.record = world.record, MemorySigner("record 2")
    world.request_rotation("record", 0, old, world.record)
    world.seal()
    before = dict(world.pending.logged)
    world.pending.logged.clear()
    sealed = world.seal()
    assert (sealed.held, world.pending.logged) == ((), before)


def test_a_record_that_waits_under_two_keys_gets_one_place() -> None:
    """A copy of the item under another spelling of its revision, and another record beside it."""
    world = World()
    world.add(1)
    (key,) = world.pending.records
    kept = world.pending.records[key]
    world.pending.records["alias", 0] = kept
    other = draft(0, world.at)
    other.content["code_version"] = "other"
    world.pending.records["other", 0] = PendingRecord(*key, other.line(world.record))
    assert [held.error for held in world.seal().held] == ["DuplicateSubject"]
    assert len(leaves(world.archive)) == 2


def test_many_forged_items_in_front_do_not_starve_an_honest_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_log, "BATCH", 2)
    world = World()
    for _ in range(30):
        world.commit(world.draft(), MemorySigner("stranger"))
    world.add(3)
    assert world.seal().records == 3


def test_batches_are_bounded_by_bytes_and_so_is_what_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large records: more batches, all sealed in one run, and never more in hand than a few batches of them."""
    world = World()
    size = max(len(world.commit(world.draft())) for _ in range(40))
    monkeypatch.setattr(seal_log, "BATCH_BYTES", 3 * size)
    in_hand = []
    waiting = world.pending.waiting

    def counted() -> Iterator[PendingRecord]:
        in_hand.append(0)
        for record in waiting():
            in_hand[-1] += 1
            yield record

    monkeypatch.setattr(world.pending, "waiting", counted)
    assert world.seal().records == 40
    assert_one_valid_log(world, 40)
    bodies = [world.archive.get(key) or b"" for key in world.archive.list(LOG)]
    assert all(len(lines_of(body)) <= 5 for body in bodies)
    # the oldest, and beyond them a batch of signed ones
    assert max(in_hand) <= 3 * seal_log.LOOKED_AT + 3 + 2


def test_a_record_larger_than_a_batch_is_sealed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for _ in range(3):
        world.commit(world.draft())
    monkeypatch.setattr(seal_log, "BATCH_BYTES", 1)
    assert world.seal().records == 3
    assert_one_valid_log(world, 3)


def test_many_large_records_are_sealed_in_a_bounded_memory() -> None:
    """In a process of its own; `python -m bench.seal_memory` does it with 5,000."""
    found = measured(300, 160_000)
    assert (found["records"], found["held"]) == (300, 0)
    assert found["bytes_at_most"] - found["bytes_before"] < 125_000_000


def test_the_first_checkpoint_of_a_day_says_so() -> None:
    """Who takes one mail a day takes that one; a later sealer, who knows the log alone, says the same."""
    world = World()
    midnight = world.at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for hours in (1, 23.5, 24, 25, 47, 49):
        world.at = midnight + timedelta(hours=hours)
        world.seal()
    assert len(world.mailbox.messages) == 6
    assert world.mailbox.first_of_a_day == [world.mailbox.messages[number][0] for number in (0, 2, 5)]


class SilentMailbox(MemoryMailbox):
    """A mailbox that takes nothing."""

    def publish(self, subject: str, message: str, *, first_of_the_day: bool) -> None:
        raise Killed


def test_the_mail_of_a_day_that_was_not_sent_is_left_to_the_next_run() -> None:
    world = World()
    world.seal()
    with pytest.raises(Killed):
        world.seal(mailbox=SilentMailbox(), clock=lambda: world.at + timedelta(days=1))
    world.at += timedelta(days=1)
    world.seal()
    world.seal()
    assert len(world.mailbox.messages) == 3
    assert world.mailbox.first_of_a_day == [world.mailbox.messages[number][0] for number in (0, 1)]


def test_a_run_that_dies_before_its_checkpoint_makes_no_further_mail_the_first_of_a_day() -> None:
    """What it leaves is adopted, with the day of the seal before it, whatever the table says."""
    world = World()
    for day in range(2):
        for _ in range(3):
            with patch.object(seal_log, "store_frontier", side_effect=Killed), pytest.raises(Killed):
                world.seal()
            world.seal()
        assert len(world.mailbox.first_of_a_day) == day + 1
        world.at += timedelta(days=1)
        world.mailed.note(world.at.date())


def test_no_note_in_the_table_keeps_the_mail_of_a_new_day_back() -> None:
    """Whoever may write the table can have more mails called the first of a day, never fewer."""
    world = World()
    world.mailed.note(world.at.date())
    world.seal()
    assert world.mailbox.first_of_a_day == [world.mailbox.messages[0][0]]


def history(revisions: int) -> tuple[World, list[PendingRecord]]:
    """A sealed log, and the records of one job that nobody has seen yet."""
    world = World()
    world.add(2)
    world.seal()
    made = [world.draft()]
    lines = [made[0].line(world.record)]
    for revision in range(1, revisions):
        made.append(superseding(draft(2, world.at, revision=revision), made[-1], lines[-1]))
        lines.append(made[-1].line(world.record))
    job = made[0].content["job"]["id"]
    return world, [PendingRecord(job, revision, line) for revision, line in enumerate(lines)]


def held(sealed: seal_log.Sealed) -> list[tuple[int, str]]:
    return [(each.revision, each.error) for each in sealed.held]


@pytest.mark.parametrize("hint", [None, 0, 2, 99, 10**30], ids=str)
def test_a_revision_waits_by_name_for_the_one_before_it(hint: int | None) -> None:
    """Whoever may write the table takes `pending` from the first, and says of it what they like."""
    world, records = history(3)
    if hint is not None:
        world.pending.logged[records[0].job_id, 0] = hint
        world.pending.commit(records[0])
    for record in records[1:]:
        world.pending.commit(record)
    for _ in range(2):
        sealed = world.seal()
        assert (sealed.records, held(sealed)) == (0, [(1, "PredecessorNotLogged"), (2, "PredecessorNotLogged")])
    world.pending.logged.pop((records[0].job_id, 0), None)
    world.pending.commit(records[0])
    assert (world.seal().records, held(world.seal())) == (3, [])
    assert_one_valid_log(world, 5)


def test_the_one_before_is_found_in_the_log_however_long_ago() -> None:
    world = World()
    world.add(2)
    world.seal()
    world.add(1)
    made = world.draft()
    line = world.commit(made)
    world.seal()
    for number in range(150):
        world.add(number % 3)
        world.seal()
    for name in ("00000000000000000002.ndjson", "00000000000000000004.ndjson", "zzz"):
        world.archive.put_if_absent(LOG + name, b"junk")
    for revision in (1, 2):
        made = superseding(draft(3, world.at, revision=revision), made, line)
        line = world.commit(made)
        counting = Counting(world.archive)
        assert (world.seal(archive=counting).records, held(world.seal())) == (1, [])
        assert counting.objects < 40, "one batch is read for it, not the log"
    assert world.pending.logged[made.content["job"]["id"], 0] == 4


def test_one_batch_is_read_for_many_that_are_in_it_and_none_without_time() -> None:
    world = World()
    first = [world.draft() for _ in range(40)]
    lines = [world.commit(each) for each in first]
    world.seal()
    world.seal()
    for before, line in zip(first, lines, strict=True):
        world.commit(superseding(draft(before.number, world.at, revision=1), before, line))
    world.at += timedelta(minutes=15)
    sealed = seal_log.seal_log(world.sealer(), may_go_on=lambda: False)
    assert (sealed.records, held(sealed)) == (0, [(1, "NotLookedFor")] * 40)
    counting = Counting(world.archive)
    assert world.seal(archive=counting).records == 40
    assert counting.objects < 30
    assert_one_valid_log(world, 80)


def test_revisions_under_the_key_of_a_rotation_follow_those_before_it() -> None:
    world, records = history(1)
    world.pending.commit(records[0])
    world.seal()
    old, world.record = world.record, MemorySigner("record 2")
    world.request_rotation("record", 0, old, world.record)
    before = draft(2, world.at)
    world.commit(superseding(draft(2, world.at, revision=1), before, records[0].line))
    sealed = world.seal()
    assert (sealed.records, sealed.held) == (1, ())


def said(ledger: LiveLedger, folder: Path) -> tuple[str, list[str]]:
    report = ledger.bundle(folder).verify(recompute=Recomputing())
    return report.verdict, [each.error for each in (*report.findings, *report.reservations)]


def amended(ledger: LiveLedger, name: str) -> None:
    amend(
        ledger.job_id(name),
        Amendment(who="ada", why="measured", at=ledger.clock.now, mfu=Fraction(2, 5)),
        ledger.recorder,
    )


def test_an_amendment_of_a_record_held_under_the_old_key_leaves_the_log_valid(tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.seal()
    fresh = MemorySigner("record 0")
    ledger.request_rotation("record", 0, fresh)
    ledger.seal()
    ledger.add(continuing("one"))
    ledger.audit("one")
    assert held(ledger.seal()) == [(0, "KeyNotValidAtIndex")]
    ledger.recorder = replace(ledger.recorder, signer=fresh)
    amended(ledger, "one")
    assert held(ledger.seal()) == [(0, "KeyNotValidAtIndex"), (1, "PredecessorNotLogged")]
    assert said(ledger, tmp_path) == ("valid", [])
    [_, check] = compare_ledger(ledger.archive, MemoryRecordItems(ledger.pending)).checks()
    assert (check.ok, check.check) == (False, "records without a place")
    assert check.detail.endswith("revision 1; revision 0 has no place either")


def test_an_outage_and_a_sealer_without_time_end_in_order(tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.seal()
    ledger.add(continuing("one"))
    ledger.audit("one")
    ledger.clock.now += timedelta(hours=26)
    amended(ledger, "one")
    ledger.clock.now += timedelta(minutes=15)
    sealed = seal_log.seal_log(ledger.sealer(), may_go_on=lambda: False)
    assert held(sealed) == [(0, "NotLookedFor"), (1, "PredecessorNotLogged")]
    assert (ledger.seal().records, held(ledger.seal())) == (2, [])
    assert said(ledger, tmp_path) == ("valid, with reservations", ["LateRecord"])
