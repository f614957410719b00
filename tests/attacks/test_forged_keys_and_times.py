"""Keys and times that a forger with both keys chooses: every one is met by its name."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.dsse import Signature, parse_envelope, signed_line
from flops_auditor.domain.ledger.key_history import parse_key_history
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import rotation as rotation_payload
from flops_auditor.domain.ledger.signed_note import note_key_id
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.values.archive_keys import KEYS, batch_key, checkpoint_key, evidence_key, rotation_key
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.ledger import log_reader
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.export_bundle import export_part, of_job
from flops_auditor.use_cases.ledger.signatures import with_other_s
from flops_auditor.use_cases.ledger.verify_bundle import Demands, VerificationReport, verify_bundle
from flops_auditor.use_cases.operations.compare_ledger import compare_ledger
from flops_auditor.use_cases.ports.ledger import PendingRecord
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.bundles import ORDER
from tests.fakes.forger import SIGNERS, ForgedLeaf, Forger
from tests.fakes.ledger import MemoryArchive, MemoryRecordItems, MemorySigner
from tests.fakes.ledger_world import sign
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger

STRANGER = MemorySigner("stranger")


@pytest.fixture(scope="module")
def world() -> LiveLedger:
    """Three records, and a rotation of each key between them."""
    ledger = LiveLedger()
    for day, name in enumerate(("one", "two", "three")):
        ledger.add(continuing(name, day=day, hours=10), pretrain_flops="3e24")
        ledger.audit(name)
        ledger.seal()
        if name == "one":
            fresh = MemorySigner("record 0")
            ledger.request_rotation("record", 0, fresh)
            ledger.record = fresh
            object.__setattr__(ledger.recorder, "signer", fresh)
            ledger.seal()
        if name == "two":
            fresh = MemorySigner("checkpoint 1")
            ledger.request_rotation("checkpoint", 1, fresh)
            ledger.checkpoint = fresh
            ledger.seal()
    return ledger


@pytest.fixture
def forger(world: LiveLedger, tmp_path: Path) -> Forger:
    return Forger(world, tmp_path)


def rotation(forger: Forger, number: int) -> ForgedLeaf:
    return [leaf for leaf in forger.leaves if leaf.kind == "rotation"][number]


def later(text: str, **by: float) -> str:
    return iso(datetime.fromisoformat(text) + timedelta(**by))


def names(report: VerificationReport) -> tuple[set[str], set[str]]:
    """Findings and reservations."""
    return {each.error for each in report.findings}, {each.error for each in report.reservations}


def test_what_is_not_changed_is_valid(forger: Forger) -> None:
    assert names(forger.verify(recompute=Recomputing())) == (set(), set())


def another_number(forger: Forger) -> None:
    rotation(forger, 1).content["number"] = 0


def a_number_that_is_true(forger: Forger) -> None:
    rotation(forger, 1).content["number"] = True


def the_subject_of_another_key(forger: Forger) -> None:
    rotation(forger, 0).statement["subject"][0]["digest"]["sha256"] = keyid(STRANGER.public_key())


def the_subject_of_another_role(forger: Forger) -> None:
    rotation(forger, 0).statement["subject"][0]["name"] = f"{forger.ledger} checkpoint key"


def asked_for_later(forger: Forger) -> None:
    rotation(forger, 0).content["requested_at"] = "2036-01-01T00:00:00.000Z"


def asked_for_before_the_one_before(forger: Forger) -> None:
    rotation(forger, 1).content["requested_at"] = "2000-01-01T00:00:00.000Z"


def asked_for_before_the_ledger_began(forger: Forger) -> None:
    rotation(forger, 0).content["requested_at"] = "2000-01-01T00:00:00.000Z"


def key_bytes_with_a_tail(forger: Forger) -> None:
    spki = MemorySigner("record 0").public_key() + b"\0"
    rotation(forger, 0).content["new_public_key"] = b64encode(spki).decode()


def a_compressed_key(forger: Forger) -> None:
    spki = MemorySigner("record 0").public_key()
    point = bytes([2 + spki[-1] % 2]) + spki[27:59]
    short = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    rotation(forger, 0).content["new_public_key"] = b64encode(short).decode()


def signed_by_the_new_key_alone(forger: Forger) -> None:
    leaf = rotation(forger, 0)
    leaf.content["requested_at"] = later(leaf.content["requested_at"], minutes=-1)
    leaf.signers = leaf.signers[1:]


def a_middle_heartbeat_names_another_record_key(forger: Forger) -> None:
    forger.heartbeats()[2].content["keys"]["record"] = keyid(STRANGER.public_key())


def a_middle_heartbeat_names_the_old_key(forger: Forger) -> None:
    beats = forger.heartbeats()
    beats[2].content["keys"] = beats[0].content["keys"]


def a_middle_heartbeat_counts_fewer_rotations(forger: Forger) -> None:
    forger.heartbeats()[2].content["rotations"] = 0


def a_record_by_the_replaced_key(forger: Forger) -> None:
    forger.records("three")[0].signers = [keyid(MemorySigner("record").public_key())]


def a_record_by_the_checkpoint_key(forger: Forger) -> None:
    forger.records("three")[0].signers = [keyid(MemorySigner("checkpoint 1").public_key())]


KEY_ATTACKS: dict[Callable[[Forger], None], str] = {
    another_number: "UnauthorisedRotation",
    a_number_that_is_true: "MalformedRecord",
    the_subject_of_another_key: "UnauthorisedRotation",
    the_subject_of_another_role: "UnauthorisedRotation",
    asked_for_later: "FutureTimestamp",
    asked_for_before_the_one_before: "TimeRunsBackwards",
    asked_for_before_the_ledger_began: "TimeRunsBackwards",
    key_bytes_with_a_tail: "UnknownKey",
    a_compressed_key: "UnknownKey",
    signed_by_the_new_key_alone: "UnauthorisedRotation",
    a_middle_heartbeat_names_another_record_key: "UnauthorisedRotation",
    a_middle_heartbeat_names_the_old_key: "UnauthorisedRotation",
    a_middle_heartbeat_counts_fewer_rotations: "UnauthorisedRotation",
    a_record_by_the_replaced_key: "KeyNotValidAtIndex",
    a_record_by_the_checkpoint_key: "KeyNotValidAtIndex",
}


@pytest.mark.parametrize(("attack", "error"), KEY_ATTACKS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_keys_are_met_by_name(forger: Forger, attack: Callable[[Forger], None], error: str) -> None:
    attack(forger)
    assert names(forger.verify())[0] == {error}


def rotated_to_a_stranger(forger: Forger) -> None:
    """Whoever kept the retired keys writes another history, in which they were replaced by keys of his own."""
    for number, role in enumerate(("record", "checkpoint")):
        leaf = rotation(forger, number)
        old = keyid(b64decode(leaf.content["new_public_key"]))
        new = MemorySigner(f"{role} {number + 5}").public_key()
        for each in forger.leaves:
            each.signers = [keyid(new) if named == old else named for named in each.signers]
            if each.kind == "heartbeat" and each.content["keys"][role] == old:
                each.content["keys"][role] = keyid(new)
        leaf.content["new_public_key"] = b64encode(new).decode()
        leaf.statement["subject"][0]["digest"]["sha256"] = keyid(new)
        payload = canonical(leaf.statement)
        leaf.line = signed_line(payload, tuple(sign(payload, SIGNERS[named]) for named in leaf.signers))


def test_another_history_from_retired_keys_is_not_the_ledger_whose_keys_are_given(forger: Forger) -> None:
    known = forger.seal().files["keys.json"]
    honest = forger.bundle.verify(keys=known)
    assert names(honest) == (set(), set())
    rotated_to_a_stranger(forger)
    forged = forger.seal()
    keys = parse_key_history(forged.files["keys.json"])
    for name in [name for name in forged.files if name.startswith("keys/")]:
        del forged.files[name]
    forged.files |= {f"keys/{key.keyid}.pem": form.pem(key.spki) for key in keys.ranges}
    forged.fit_readme()
    assert names(forged.verify()) == (set(), set())
    assert names(forged.verify(keys=known))[0] == {"UnknownKey"}
    assert names(forged.verify(keys=keys.first_keys.to_bytes())) == (set(), set()), "keys from before say no more"


@pytest.mark.parametrize(
    ("role", "key"), [("checkpoint", "record"), ("record", "checkpoint"), ("later record", "record")]
)
def test_one_key_in_two_roles_or_a_retired_key_that_returns(forger: Forger, role: str, key: str) -> None:
    spki = MemorySigner(key).public_key()

    def change(found: dict[str, Any]) -> None:
        ranges = [each for each in found["keys"] if each["role"] == role.removeprefix("later ")]
        ranges[role.startswith("later")].update(keyid=keyid(spki), public_key=b64encode(spki).decode())

    forger.seal()
    forger.bundle.edit_json("keys.json", change)
    assert names(forger.bundle.verify())[0] == {"KeyReused"}


def other_s(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return encode_dss_signature(r, ORDER - s)


def test_either_value_of_s_is_taken_of_records_and_of_checkpoints(forger: Forger) -> None:
    """An ECDSA signature has two; the log covers the bytes of whichever was logged."""
    leaf = forger.records("two")[0]
    envelope = parse_envelope(leaf.line)
    [signature] = envelope.signatures
    leaf.line = signed_line(envelope.payload, (Signature(signature.keyid, other_s(signature.der)),))
    assert names(forger.verify()) == (set(), set())
    notes = forger.bundle.notes()
    head, _, encoded = notes[-1].rstrip("\n").rpartition(" ")
    raw = b64decode(encoded)
    notes[-1] = f"{head} {b64encode(raw[:4] + other_s(raw[4:])).decode()}\n"
    forger.bundle.set_notes(notes)
    assert names(forger.bundle.verify()) == (set(), set())


@pytest.mark.parametrize(("signer", "error"), [("stranger", None), ("checkpoint", "BadCheckpointSignature")])
def test_a_further_signature_counts_if_its_key_is_known(forger: Forger, signer: str, error: str | None) -> None:
    """By an unknown key, as a witness's would be, it is passed over; by a key of the ledger it must be right."""
    forger.seal()
    notes = forger.bundle.notes()
    wrong = note_key_id(MemorySigner(signer).public_key()) + MemorySigner("nobody").sign(b"\0" * 32)
    notes[-1] += f"— {forger.ledger} {b64encode(wrong).decode()}\n"
    forger.bundle.set_notes(notes)
    assert names(forger.bundle.verify())[0] == ({error} if error else set())


# Times


@pytest.mark.parametrize("chunk", range(1, 12))
def test_a_record_of_2036_is_named_however_the_log_is_cut(
    forger: Forger, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "CHUNK", chunk)
    forger.records("two")[0].content["recorded_at"] = "2036-01-01T00:00:00.000Z"
    assert names(forger.verify())[0] == {"FutureTimestamp"}


@pytest.mark.parametrize(("milliseconds", "error"), [(300_000, None), (300_001, "FutureTimestamp")])
def test_clocks_differ_by_five_minutes_and_no_more(forger: Forger, milliseconds: int, error: str | None) -> None:
    sealed_at = forger.heartbeats()[0].content["sealed_at"]
    forger.records("one")[0].content["recorded_at"] = later(sealed_at, milliseconds=milliseconds)
    assert names(forger.verify())[0] == ({error} if error else set())


def test_a_record_that_comes_late_is_named(forger: Forger) -> None:
    record = forger.records("three")[0]
    record.content["recorded_at"] = later(record.content["recorded_at"], hours=-26)
    report = forger.verify()
    assert names(report) == (set(), {"LateRecord"})
    assert report.verdict == "valid, with reservations"


def test_a_checkpoint_after_a_pin_with_records_from_long_before_it_is_named(forger: Forger) -> None:
    record = forger.records("three")[0]
    record.content["recorded_at"] = later(record.content["recorded_at"], hours=-26)
    bundle = forger.seal()
    pin = bundle.notes()[-2].encode()
    assert names(bundle.verify(pin=pin)) == (set(), {"LateRecord", "LoggedAfterPin"})


@pytest.mark.parametrize("member", ["index", "first_index", "previous_size"])
@pytest.mark.parametrize("number", ["1" + "0" * 400, "01", "-1", "٣"])
def test_a_number_that_is_none_is_named(forger: Forger, member: str, number: str) -> None:
    forger.heartbeats()[1].content[member] = number
    assert names(forger.verify(heartbeats=False))[0] == {"MalformedRecord"}


@pytest.mark.parametrize("year", ["0001", "1999", "2200", "9999"])
def test_a_year_in_which_nothing_was_recorded_is_named(forger: Forger, year: str) -> None:
    beat = forger.heartbeats()[-1]
    beat.content["sealed_at"] = year + beat.content["sealed_at"][4:]
    assert names(forger.verify())[0] == {"MalformedRecord"}


def parted(forger: Forger, name: str) -> VerificationReport:
    """What a part of one job says, made from the forged log as an archive has it."""
    bundle = forger.seal()
    archive = MemoryArchive()
    archive.put_if_absent(KEYS, forger._first_keys.to_bytes())
    lines = [bundle.line(index) for index in range(len(forger.leaves))]
    begin = 0
    for index, leaf in enumerate(forger.leaves):
        if leaf.kind == "record":
            job, revision = leaf.content["job"]["id"], leaf.content["revision"]
            archive.put_if_absent(evidence_key(job, revision), leaf.evidence)
        elif leaf.kind == "heartbeat":
            archive.put_if_absent(batch_key(begin), b"".join(line + b"\n" for line in lines[begin : index + 1]))
            begin = index + 1
    for note in bundle.notes():
        archive.put_if_absent(checkpoint_key(int(note.split("\n")[1])), note.encode())
    for number, leaf in enumerate(leaf for leaf in forger.leaves if leaf.kind == "rotation"):
        archive.put_if_absent(rotation_key(number), leaf.line)
    at = datetime.fromisoformat(forger.heartbeats()[-1].content["sealed_at"])
    path = bundle.path.with_name("part.zip")
    export_part(archive, forger.ledger, path, at, name, chosen=of_job(name))
    return verify_bundle(path, Demands(as_of=at))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, (set(), set())),
        ({"hours": -26}, (set(), {"LateRecord"})),
        ({"hours": 1}, ({"FutureTimestamp"}, set())),
    ],
)
def test_a_part_dates_its_records_by_the_heartbeats_that_close_their_batches(
    forger: Forger, changed: dict[str, float], expected: tuple[set[str], set[str]]
) -> None:
    record = forger.records("two")[0]
    record.content["recorded_at"] = later(record.content["recorded_at"], **changed)
    assert names(parted(forger, "two")) == expected


def test_every_late_record_is_named(forger: Forger) -> None:
    one, two = forger.records("one")[0], forger.records("two")[0]
    forger.leaves.remove(one)
    forger.insert_after(two, one)
    one.signers = two.signers
    for record in (one, two):
        record.content["recorded_at"] = later(record.content["recorded_at"], hours=-26)
    report = forger.verify()
    assert [found.error for found in report.reservations] == ["LateRecord", "LateRecord"]


@pytest.mark.parametrize(("asked", "named"), [("2000-01-01T00:00:00.000Z", {"TimeRunsBackwards"}), ("", set())])
def test_a_part_shows_that_a_key_was_asked_for_before_the_ledger_began(
    tmp_path: Path, asked: str, named: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part has the heartbeat of the first batch, whichever records it has. Only a sealer of its own takes the key."""
    monkeypatch.setattr(log_reader, "not_asked_before", lambda *_: None)
    ledger = LiveLedger()
    fresh = MemorySigner("record 0")
    for day, name in enumerate(("one", "two")):
        ledger.add(continuing(name, day=day, hours=10))
        ledger.audit(name)
        ledger.seal()
        if name == "one":
            old, ledger.record = ledger.record, fresh
            at = asked or iso(ledger.clock.now)
            payload = rotation_payload(ledger.ledger, "record", 0, keyid(old.public_key()), fresh.public_key(), at)
            line = signed_line(payload, (sign(payload, old), sign(payload, fresh)))
            ledger.archive.put_if_absent(rotation_key(0), line)
            object.__setattr__(ledger.recorder, "signer", fresh)
    path = tmp_path / "part.zip"
    export_part(ledger.archive, ledger.ledger, path, ledger.clock.now, "two", chosen=of_job("two"))
    report = verify_bundle(path, Demands(as_of=ledger.clock.now, recompute=Recomputing()))
    assert ({found.error for found in report.findings}, report.records) == (named, 0 if named else 1)


def test_lines_of_records_that_others_do_not_supersede_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of them a chunk has: whoever writes the table alone may turn the s of all that waits."""
    ledger = LiveLedger()
    for number in range(4):
        ledger.add(continuing(f"run-{number}", hours=10))
        ledger.audit(f"run-{number}")
    for key, waiting in ledger.pending.records.items():
        ledger.pending.records[key] = PendingRecord(*key, with_other_s(waiting.line))
    ledger.seal()
    for number in range(4):
        said: dict[str, Any] = {"who": "ada", "why": "measured", "at": ledger.clock.now, "mfu": Fraction(2, 5)}
        amend(ledger.job_id(f"run-{number}"), Amendment(**said), ledger.recorder)
    ledger.seal()
    bundle = ledger.bundle(tmp_path)
    read: list[str] = []
    need = BundleFiles.need
    monkeypatch.setattr(BundleFiles, "need", lambda files, name: read.append(name) or need(files, name))
    report = bundle.verify()
    assert [found.error for found in report.reservations] == ["LoggedOtherwise"] * 4
    assert [read.count(name) for name in bundle.names("log/")] == [3]  # to check, to compare, and for records.csv


def test_a_record_that_was_logged_with_the_other_value_of_s_is_named_and_verifies(tmp_path: Path) -> None:
    """Whoever may write the table alone changes a waiting record; its successor supersedes what was there first."""
    ledger = LiveLedger()
    ledger.add(continuing("one", hours=10), pretrain_flops="3e24")
    ledger.audit("one")
    [(key, waiting)] = ledger.pending.records.items()
    ledger.pending.records[key] = PendingRecord(*key, with_other_s(waiting.line))
    ledger.seal()
    said: dict[str, Any] = {"who": "ada", "why": "measured", "at": ledger.clock.now, "mfu": Fraction(2, 5)}
    amend(ledger.job_id("one"), Amendment(**said), ledger.recorder)
    ledger.seal()
    for bundle in (ledger.bundle(tmp_path), ledger.bundle(tmp_path, ledger.content("one")["original"]["base_model"])):
        assert names(bundle.verify(recompute=Recomputing())) == (set(), {"LoggedOtherwise"})
    [check] = compare_ledger(ledger.archive, MemoryRecordItems(ledger.pending)).checks()
    assert "another record" in check.detail
