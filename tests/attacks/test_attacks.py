"""Every attack that the ledger must meet, on a real bundle, each with the error that names it.

Leaves of the bundle (tests/fakes/bundles.py): 0-3 records, 4 heartbeat | 5-7 records, 8... as `LAYOUT` asserts.
"""

import csv
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger import ledger_errors
from flops_auditor.domain.ledger.dsse import Signature, envelope_line, parse_envelope
from flops_auditor.domain.ledger.key_history import parse_key_history
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.merkle import CompactRange, leaf_hash
from flops_auditor.domain.ledger.signed_note import Checkpoint, signed_note
from flops_auditor.domain.ledger.statement import HEARTBEAT_PREDICATE
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.report_bundle import WRITER, report_bundle
from flops_auditor.use_cases.ports.ledger import Signer
from tests.fakes.bundles import ORDER, Bundle, small_world
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import MODELS, World, draft, sign

LAYOUT = "rrrrh Rrrrh rrCh rrh".replace(" ", "")
NEWEST = len(LAYOUT)
STRANGER = MemorySigner("stranger")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "CHUNK", 6)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    found = Bundle(small_world(), tmp_path)
    kinds = [kind_of(found.payload(index)) for index in range(NEWEST)]
    assert [kind[0] for kind in kinds] == list(LAYOUT.lower().replace("c", "r"))
    assert len(found.names("log/")) == 2
    return found


def names(report: Any) -> list[str]:
    return [finding.error for finding in report.findings]


def reserved(report: Any) -> list[str]:
    """What a valid bundle is given with."""
    assert report.findings == []
    return [finding.error for finding in report.reservations]


# One record changed, by somebody who cannot sign


def edited_field(bundle: Bundle) -> None:
    bundle.edit_payload(1, lambda payload: payload.replace(b'"best_flop":"1', b'"best_flop":"2', 1))


def forged_by_another_key(bundle: Bundle) -> None:
    bundle.set_signature(1, sign(bundle.payload(1), STRANGER))


def forged_by_another_key_under_our_name(bundle: Bundle) -> None:
    ours = keyid(MemorySigner("record").public_key())
    bundle.set_signature(1, Signature(ours, sign(bundle.payload(1), STRANGER).der))


def wrong_keyid(bundle: Bundle) -> None:
    signature = parse_envelope(bundle.line(1)).signatures[0]
    bundle.set_signature(1, Signature("0" * 64, signature.der))


def swapped_signatures(bundle: Bundle) -> None:
    first, second = (parse_envelope(bundle.line(index)).signatures[0] for index in (1, 2))
    bundle.set_signature(1, second)
    bundle.set_signature(2, first)


def cut_off_in_the_middle_of_a_line(bundle: Bundle) -> None:
    name = bundle.names("log/")[-1]
    bundle.files[name] = bundle.files[name][:-200]


def junk_inside_base64(bundle: Bundle) -> None:
    bundle.edit_envelope(1, lambda envelope: envelope.update(payload="\n" + envelope["payload"]))


def reformatted_white_space(bundle: Bundle) -> None:
    bundle.put_line(1, json.dumps(json.loads(bundle.line(1))).encode())


def extra_envelope_member(bundle: Bundle) -> None:
    bundle.edit_envelope(1, lambda envelope: envelope.update(zusatz="1"))


def a_payload_that_is_a_number(bundle: Bundle) -> None:
    """So many zero bytes would not fit into memory."""
    bundle.edit_envelope(1, lambda envelope: envelope.update(payload=10**15))


def half_a_character_in_the_payload_type(bundle: Bundle) -> None:
    bundle.edit_envelope(1, lambda envelope: envelope.update(payloadType="\ud800"))


def duplicate_json_keys_in_the_envelope(bundle: Bundle) -> None:
    bundle.put_line(1, bundle.line(1)[:-1] + b',"payloadType":"application/vnd.in-toto+json"}')


def malleated_signature(bundle: Bundle) -> None:
    """(r, n - s) verifies as well as (r, s): only the leaf hash sees the difference."""
    signature = parse_envelope(bundle.line(1)).signatures[0]
    r, s = decode_dss_signature(signature.der)
    bundle.set_signature(1, Signature(signature.keyid, encode_dss_signature(r, ORDER - s)))


# One record changed, by somebody who holds the record key


def signed_again_with_our_key(bundle: Bundle) -> None:
    bundle.set_signature(1, sign(bundle.payload(1), MemorySigner("record")))


def signed_but_not_json(bundle: Bundle) -> None:
    signature = sign(b"no json", MemorySigner("record"))
    bundle.put_line(1, envelope_line(b"no json", signature.keyid, signature.der))


def signed_but_the_name_of_a_heartbeat_alone(bundle: Bundle) -> None:
    payload = json.dumps(HEARTBEAT_PREDICATE).encode()
    signature = sign(payload, MemorySigner("record"))
    bundle.put_line(1, envelope_line(payload, signature.keyid, signature.der))


def signed_with_duplicate_keys(bundle: Bundle) -> None:
    payload = bundle.payload(1)[:-1] + b',"predicate":{}}'
    signature = sign(payload, MemorySigner("record"))
    bundle.put_line(1, envelope_line(payload, signature.keyid, signature.der))


def signed_but_not_canonical(bundle: Bundle) -> None:
    payload = bundle.payload(1).replace(b":", b": ", 1)
    signature = sign(payload, MemorySigner("record"))
    bundle.put_line(1, envelope_line(payload, signature.keyid, signature.der))


def wrong_payload_type(bundle: Bundle) -> None:
    signature = sign(bundle.payload(1), MemorySigner("record"), "text/plain")
    bundle.set_signature(1, signature)
    bundle.edit_envelope(1, lambda envelope: envelope.update(payloadType="text/plain"))


def _signed(bundle: Bundle, index: int, change: Callable[[Any], None], signer: Signer) -> None:
    made = draft(900, bundle.world.at - timedelta(hours=2))
    change(made)
    bundle.put_line(index, made.line(signer))
    name, at = bundle.leaves()[index]
    lines = bundle.files[name.replace("log/", "evidence/")].split(b"\n")
    lines[at] = b64encode(made.evidence)
    bundle.files[name.replace("log/", "evidence/")] = b"\n".join(lines)


def wrong_predicate(bundle: Bundle) -> None:
    def change(made: Any) -> None:
        made.predicate_type = "https://slsa.dev/provenance/v1"

    _signed(bundle, 1, change, MemorySigner("record"))


def dated_in_the_future(bundle: Bundle) -> None:
    _signed(bundle, 1, lambda made: made.content.update(recorded_at="2026-11-01T05:00:00.000Z"), MemorySigner("record"))


def a_record_of_another_ledger(bundle: Bundle) -> None:
    _signed(bundle, 1, lambda made: made.content.update(ledger_id="flops-auditor/other"), MemorySigner("record"))


def signed_by_the_checkpoint_key(bundle: Bundle) -> None:
    bundle.set_signature(1, sign(bundle.payload(1), MemorySigner("checkpoint")))


def signed_by_the_old_key_after_the_rotation(bundle: Bundle) -> None:
    bundle.set_signature(11, sign(bundle.payload(11), MemorySigner("record")))


def signed_by_the_new_key_before_the_rotation(bundle: Bundle) -> None:
    bundle.set_signature(3, sign(bundle.payload(3), MemorySigner("record 2")))


# The log


def a_middle_record_deleted(bundle: Bundle) -> None:
    bundle.drop_line(1)


def a_middle_chunk_deleted(bundle: Bundle) -> None:
    for folder in ("log/", "evidence/"):
        del bundle.files[bundle.names(folder)[0]]


def the_last_leaf_deleted(bundle: Bundle) -> None:
    bundle.drop_line(NEWEST - 1)


def records_reordered(bundle: Bundle) -> None:
    bundle.swap_lines(1, 2)


def an_unlogged_record_appended(bundle: Bundle) -> None:
    made = draft(901, bundle.world.at)
    bundle.append(made.line(MemorySigner("record 2")), b64encode(made.evidence))


def bytes_after_the_last_newline(bundle: Bundle) -> None:
    bundle.files[bundle.names("log/")[-1]] += b"more"


def all_leaves_deleted(bundle: Bundle) -> None:
    for name in bundle.names("log/") + bundle.names("evidence/"):
        del bundle.files[name]


def an_empty_ledger(bundle: Bundle) -> None:
    all_leaves_deleted(bundle)
    del bundle.files["checkpoint"]
    bundle.files["checkpoints.ndjson"] = b""


# Checkpoints


def no_checkpoint(bundle: Bundle) -> None:
    del bundle.files["checkpoint"]


def a_middle_checkpoint_deleted(bundle: Bundle) -> None:
    notes = bundle.notes()
    bundle.set_notes([notes[0], *notes[2:]])


def the_newest_checkpoint_not_among_all(bundle: Bundle) -> None:
    bundle.files["checkpoints.ndjson"] = b"".join(bundle.files["checkpoints.ndjson"].splitlines(True)[:-1])


def _note(size: int, root: bytes, signer: Signer, origin: str) -> str:
    head = Checkpoint(origin, size, root)
    return signed_note(head.text, origin, signer.public_key(), signer.sign(sha256(head.text).digest())).decode()


def _root(bundle: Bundle, size: int) -> bytes:
    return CompactRange.of(0, [leaf_hash(bundle.line(index)) for index in range(size)]).root()


def a_checkpoint_by_the_wrong_key(bundle: Bundle) -> None:
    notes = bundle.notes()
    bundle.set_notes([*notes[:-1], _note(NEWEST, _root(bundle, NEWEST), STRANGER, bundle.world.ledger)])


def a_checkpoint_by_the_record_key(bundle: Bundle) -> None:
    notes = bundle.notes()
    bundle.set_notes([*notes[:-1], _note(NEWEST, _root(bundle, NEWEST), MemorySigner("record 2"), bundle.world.ledger)])


def a_checkpoint_by_the_rotated_out_key(bundle: Bundle) -> None:
    notes = bundle.notes()
    wrong = _note(NEWEST, _root(bundle, NEWEST), MemorySigner("checkpoint"), bundle.world.ledger)
    bundle.set_notes([*notes[:-1], wrong])


def a_checkpoint_with_an_edited_root(bundle: Bundle) -> None:
    notes = bundle.notes()
    root = b64encode(_root(bundle, NEWEST)).decode()
    bundle.set_notes([*notes[:-1], notes[-1].replace(root, b64encode(b"\1" * 32).decode())])


def a_signed_checkpoint_with_another_root(bundle: Bundle) -> None:
    notes = bundle.notes()
    bundle.set_notes([*notes[:-1], _note(NEWEST, b"\1" * 32, MemorySigner("checkpoint 2"), bundle.world.ledger)])


def a_checkpoint_where_no_batch_ends(bundle: Bundle) -> None:
    notes = bundle.notes()
    extra = _note(3, _root(bundle, 3), MemorySigner("checkpoint"), bundle.world.ledger)
    bundle.set_notes([extra, *notes])


def another_ledgers_checkpoint(bundle: Bundle) -> None:
    notes = bundle.notes()
    wrong = _note(NEWEST, _root(bundle, NEWEST), MemorySigner("checkpoint 2"), "flops-auditor/other")
    bundle.set_notes([*notes[:-1], wrong])


def a_middle_checkpoint_signed_again(bundle: Bundle) -> None:
    """Bytes of a checkpoint are part of the log: the next heartbeat names their hash."""
    notes = bundle.notes()
    notes[0] = _note(5, _root(bundle, 5), MemorySigner("checkpoint"), bundle.world.ledger)
    bundle.set_notes(notes)


# Evidence


def edited_evidence(bundle: Bundle) -> None:
    name = bundle.names("evidence/")[0]
    lines = bundle.files[name].split(b"\n")
    lines[1] = b64encode(b64decode(lines[1]).replace(b"1", b"2"))
    bundle.files[name] = b"\n".join(lines)


def missing_evidence(bundle: Bundle) -> None:
    name = bundle.names("evidence/")[0]
    lines = bundle.files[name].split(b"\n")
    lines[1] = b""
    bundle.files[name] = b"\n".join(lines)


def evidence_for_a_heartbeat(bundle: Bundle) -> None:
    name = bundle.names("evidence/")[0]
    lines = bundle.files[name].split(b"\n")
    lines[4] = b64encode(b"x")
    bundle.files[name] = b"\n".join(lines)


def evidence_file_deleted(bundle: Bundle) -> None:
    del bundle.files[bundle.names("evidence/")[0]]


def more_evidence_than_leaves(bundle: Bundle) -> None:
    bundle.files[bundle.names("evidence/")[0]] += b"eA==\n"


def evidence_in_other_base64(bundle: Bundle) -> None:
    name = bundle.names("evidence/")[0]
    bundle.files[name] = b" " + bundle.files[name]


# Keys


def a_key_without_a_rotation_leaf(bundle: Bundle) -> None:
    keys = parse_key_history(bundle.files["keys.json"]).rotated("record", STRANGER.public_key(), NEWEST - 1)
    bundle.files["keys.json"] = keys.to_bytes()
    bundle.files[f"keys/{keyid(STRANGER.public_key())}.pem"] = form.pem(STRANGER.public_key())


def a_wider_range_for_the_old_key(bundle: Bundle) -> None:
    def change(found: dict[str, Any]) -> None:
        found["keys"][0]["last_index"] = "9"

    bundle.edit_json("keys.json", change)


def another_first_key(bundle: Bundle) -> None:
    def change(found: dict[str, Any]) -> None:
        found["keys"][0].update(
            keyid=keyid(STRANGER.public_key()), public_key=b64encode(STRANGER.public_key()).decode()
        )

    bundle.edit_json("keys.json", change)
    bundle.files[f"keys/{keyid(STRANGER.public_key())}.pem"] = form.pem(STRANGER.public_key())
    del bundle.files[f"keys/{keyid(MemorySigner('record').public_key())}.pem"]


def a_key_file_with_another_key(bundle: Bundle) -> None:
    bundle.files[bundle.names("keys/")[0]] = form.pem(STRANGER.public_key())


def keys_of_another_ledger(bundle: Bundle) -> None:
    bundle.edit_json("keys.json", lambda found: found.update(ledger_id="flops-auditor/other"))


def half_a_character_in_the_name_of_the_ledger(bundle: Bundle) -> None:
    bundle.edit_json("keys.json", lambda found: found.update(ledger_id="\ud800"))


def a_key_from_infinity_on(bundle: Bundle) -> None:
    bundle.files["keys.json"] = bundle.files["keys.json"].replace(b'"first_index":"0"', b'"first_index":1e999', 1)


def a_rotation_without_the_old_signature(bundle: Bundle) -> None:
    bundle.edit_envelope(5, lambda envelope: envelope["signatures"].pop(0))


def a_rotation_signed_by_a_stranger_under_the_old_name(bundle: Bundle) -> None:
    def change(envelope: dict[str, Any]) -> None:
        envelope["signatures"][0]["sig"] = b64encode(sign(bundle.payload(5), STRANGER).der).decode()

    bundle.edit_envelope(5, change)


# The container


def a_file_that_nobody_expects(bundle: Bundle) -> None:
    bundle.files["notes.txt"] = b"hello"


def a_manifest_that_says_more(bundle: Bundle) -> None:
    bundle.edit_json("manifest.json", lambda found: found.update(size="99"))


def another_readme(bundle: Bundle) -> None:
    bundle.files["README.md"] = bundle.files["README.md"].replace(b"flops-auditor verify", b"flops-auditor trust")


def a_readme_that_says_more(bundle: Bundle) -> None:
    bundle.files["README.md"] += b"\nCall +1 555 0100 for the valid bundle.\n"


def no_readme(bundle: Bundle) -> None:
    del bundle.files["README.md"]


def a_selection_that_the_readme_does_not_repeat(bundle: Bundle) -> None:
    bundle.edit_json("manifest.json", lambda found: found.update(exported_at="2026-01-01T00:00:00.000Z"))


def a_whole_bundle_that_says_it_is_a_selection(bundle: Bundle) -> None:
    bundle.edit_json("manifest.json", lambda found: found.update(selection="base model a"))


def another_word_on_what_is_left_out(bundle: Bundle) -> None:
    bundle.edit_json("manifest.json", lambda found: found.update(left_out="nothing"))


def no_time_of_export(bundle: Bundle) -> None:
    bundle.edit_json("manifest.json", lambda found: found.update(exported_at="today"))


def an_unknown_format(bundle: Bundle) -> None:
    bundle.edit_json("manifest.json", lambda found: found.update(format="flops-auditor-bundle/v9"))


def _rewrite_all(bundle: Bundle, change: Callable[[list[bytes]], None], copy_evidence: tuple[int, int]) -> None:
    """An insider with both signing keys writes the whole log anew, every hash and signature right."""
    lines = [bundle.line(index) for index in range(NEWEST)]
    change(lines)
    for name in bundle.names("evidence/"):
        found = bundle.files[name].split(b"\n")
        begin = int(name.split("/")[1].split(".")[0])
        source, target = copy_evidence
        if begin <= source and target < begin + len(found):
            found[target - begin] = found[source - begin]
        bundle.files[name] = b"\n".join(found)
    notes: list[str] = []
    before, begin = b"", 0
    for index, line in enumerate(lines):
        payload = parse_envelope(line).payload
        if kind_of(payload) != "heartbeat":
            continue
        signer = MemorySigner("checkpoint" if index < 12 else "checkpoint 2")
        statement = json.loads(payload)
        statement["subject"][0]["digest"]["sha256"] = sha256(before).hexdigest()
        payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
        signature = sign(payload, signer)
        lines[index] = envelope_line(payload, signature.keyid, signature.der)
        root = CompactRange.of(0, [leaf_hash(one) for one in lines[: index + 1]]).root()
        notes.append(_note(index + 1, root, signer, bundle.world.ledger))
        before, begin = notes[-1].encode(), index + 1
    assert begin == NEWEST
    for index, line in enumerate(lines):
        bundle.put_line(index, line)
    bundle.set_notes(notes)


ATTACKS: dict[Callable[[Bundle], None], str] = {
    edited_field: "BadSignature",
    forged_by_another_key: "UnknownKey",
    forged_by_another_key_under_our_name: "BadSignature",
    wrong_keyid: "UnknownKey",
    swapped_signatures: "BadSignature",
    cut_off_in_the_middle_of_a_line: "MalformedRecord",
    junk_inside_base64: "MalformedRecord",
    reformatted_white_space: "NonCanonicalRecord",
    extra_envelope_member: "MalformedRecord",
    a_payload_that_is_a_number: "MalformedRecord",
    half_a_character_in_the_payload_type: "NonCanonicalRecord",
    duplicate_json_keys_in_the_envelope: "MalformedRecord",
    malleated_signature: "RootMismatch",
    signed_again_with_our_key: "RootMismatch",
    signed_but_not_json: "MalformedRecord",
    signed_but_the_name_of_a_heartbeat_alone: "KeyNotValidAtIndex",
    signed_with_duplicate_keys: "MalformedRecord",
    signed_but_not_canonical: "NonCanonicalRecord",
    wrong_payload_type: "WrongPayloadType",
    wrong_predicate: "UnknownPredicate",
    dated_in_the_future: "FutureTimestamp",
    a_record_of_another_ledger: "WrongLedger",
    signed_by_the_checkpoint_key: "KeyNotValidAtIndex",
    signed_by_the_old_key_after_the_rotation: "KeyNotValidAtIndex",
    signed_by_the_new_key_before_the_rotation: "KeyNotValidAtIndex",
    a_middle_record_deleted: "RootMismatch",
    a_middle_chunk_deleted: "RootMismatch",
    the_last_leaf_deleted: "TruncatedLedger",
    records_reordered: "RootMismatch",
    an_unlogged_record_appended: "UncheckpointedTail",
    bytes_after_the_last_newline: "UncheckpointedTail",
    all_leaves_deleted: "TruncatedLedger",
    an_empty_ledger: "MissingCheckpoint",
    no_checkpoint: "MissingCheckpoint",
    a_middle_checkpoint_deleted: "MissingCheckpoint",
    the_newest_checkpoint_not_among_all: "MissingCheckpoint",
    a_checkpoint_by_the_wrong_key: "BadCheckpointSignature",
    a_checkpoint_by_the_record_key: "BadCheckpointSignature",
    a_checkpoint_by_the_rotated_out_key: "BadCheckpointSignature",
    a_checkpoint_with_an_edited_root: "BadCheckpointSignature",
    a_signed_checkpoint_with_another_root: "RootMismatch",
    a_checkpoint_where_no_batch_ends: "RootMismatch",
    another_ledgers_checkpoint: "WrongOrigin",
    a_middle_checkpoint_signed_again: "MissingCheckpoint",
    edited_evidence: "EvidenceMismatch",
    missing_evidence: "EvidenceMismatch",
    evidence_for_a_heartbeat: "EvidenceMismatch",
    evidence_file_deleted: "EvidenceMismatch",
    more_evidence_than_leaves: "EvidenceMismatch",
    evidence_in_other_base64: "EvidenceMismatch",
    a_key_without_a_rotation_leaf: "UnauthorisedRotation",
    a_wider_range_for_the_old_key: "UnauthorisedRotation",
    another_first_key: "UnknownKey",
    a_key_file_with_another_key: "UnknownKey",
    keys_of_another_ledger: "WrongLedger",
    half_a_character_in_the_name_of_the_ledger: "BadBundle",
    a_key_from_infinity_on: "BadBundle",
    a_rotation_without_the_old_signature: "UnauthorisedRotation",
    a_rotation_signed_by_a_stranger_under_the_old_name: "UnauthorisedRotation",
    a_file_that_nobody_expects: "BadBundle",
    a_manifest_that_says_more: "BadBundle",
    another_readme: "BadBundle",
    a_readme_that_says_more: "BadBundle",
    no_readme: "BadBundle",
    a_selection_that_the_readme_does_not_repeat: "BadBundle",
    a_whole_bundle_that_says_it_is_a_selection: "BadBundle",
    another_word_on_what_is_left_out: "BadBundle",
    no_time_of_export: "BadBundle",
    an_unknown_format: "BadBundle",
}


@pytest.mark.parametrize(("attack", "error"), ATTACKS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_an_attack_is_met_by_its_name(bundle: Bundle, attack: Callable[[Bundle], None], error: str) -> None:
    assert bundle.verify().verdict == "valid"
    attack(bundle)
    report = bundle.verify()
    assert set(names(report)) == {error}
    expected = "cannot verify" if issubclass(getattr(ledger_errors, error), ledger_errors.CannotVerify) else "tampered"
    assert report.verdict == expected


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_the_boundary_of_a_key_is_exact(bundle: Bundle, shift: int) -> None:
    """The old record key's last leaf is the rotation's own; one less or one more is not what it authorises."""

    def change(found: dict[str, Any]) -> None:
        for key in found["keys"]:
            if key["role"] == "record":
                member = "last_index" if key["last_index"] else "first_index"
                key[member] = str(int(key[member]) + shift)

    bundle.edit_json("keys.json", change)
    report = bundle.verify()
    assert (report.verdict == "valid") == (shift == 0)
    assert set(names(report)) <= {"UnauthorisedRotation", "KeyNotValidAtIndex"}


# What only a pin, or the clock, can see


def _without_the_last_seal(bundle: Bundle) -> None:
    """The last batch and its checkpoint deleted: an older, valid ledger."""
    for _ in range(3):
        bundle.drop_line(bundle.leaves().__len__() - 1)
    bundle.set_notes(bundle.notes()[:-1])


def test_the_last_seal_deleted_is_seen_by_a_pin(bundle: Bundle) -> None:
    pin = bundle.files["checkpoint"]
    _without_the_last_seal(bundle)
    assert bundle.verify().verdict == "valid"
    assert names(bundle.verify(pin=pin)) == ["RolledBack"]


def test_the_last_seal_deleted_is_seen_by_the_clock(bundle: Bundle) -> None:
    _without_the_last_seal(bundle)
    late = bundle.world.at + timedelta(hours=25)
    assert reserved(bundle.verify(as_of=late)) == ["StaleLedger"]


def test_a_stale_tail_is_named_at_the_second(bundle: Bundle) -> None:
    age = timedelta(hours=25)
    assert bundle.verify(as_of=bundle.world.at + age).verdict == "valid"
    report = bundle.verify(as_of=bundle.world.at + age + timedelta(milliseconds=1))
    assert (report.verdict, reserved(report)) == ("valid, but stale", ["StaleLedger"])


def test_a_ledger_from_the_future_is_named(bundle: Bundle) -> None:
    assert names(bundle.verify(as_of=bundle.world.at - timedelta(minutes=6))) == ["FutureTimestamp"]


def test_a_rollback_to_an_old_head_is_seen_by_a_pin(bundle: Bundle) -> None:
    pin = bundle.files["checkpoint"]
    while len(bundle.leaves()) > 5:
        bundle.drop_line(len(bundle.leaves()) - 1)
    for name in bundle.names("log/") + bundle.names("evidence/"):
        if not bundle.files[name].strip(b"\n"):
            del bundle.files[name]
    bundle.set_notes(bundle.notes()[:1])

    def change(found: dict[str, Any]) -> None:
        found["keys"] = [{**key, "last_index": None} for key in found["keys"] if key["first_index"] == "0"]

    bundle.edit_json("keys.json", change)
    for name in ("record 2", "checkpoint 2"):
        del bundle.files[f"keys/{keyid(MemorySigner(name).public_key())}.pem"]
    bundle.fit_readme()
    assert bundle.verify().verdict == "valid"
    assert names(bundle.verify(pin=pin)) == ["RolledBack"]


def test_a_record_that_is_logged_twice_is_named_and_counts_once(bundle: Bundle) -> None:
    """What a sealer that trusted its table may have done before: byte for byte the same, so nothing is contradicted."""
    _rewrite_all(bundle, lambda lines: lines.__setitem__(2, lines[1]), copy_evidence=(1, 2))
    report = bundle.verify()
    assert (report.verdict, reserved(report)) == ("valid, with reservations", ["LoggedTwice"])
    assert report.records == sum(report.recorded_by.values()) == LAYOUT.lower().count("r") - 1 - 1  # one is a rotation
    assert set(report.assessed_under.values()) == {report.records}


@pytest.mark.parametrize("name", ["records.csv", "index.html"])
@pytest.mark.parametrize("kind", ["whole", "part"])
def test_a_page_or_table_that_says_something_else_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    """They prove nothing, but people look at them first."""
    bundle = Bundle(small_world(), tmp_path, MODELS[0] if kind == "part" else None)
    assert {name} <= bundle.files.keys()
    assert bundle.verify(page=report_page).verdict == "valid"
    bundle.files[name] = bundle.files[name].replace(b"secret-job-000000", b"secret-job-000009", 1)
    report = bundle.verify(page=report_page)
    assert (report.verdict, [found.error for found in report.findings]) == ("cannot verify", ["BadBundle"])
    assert report.findings[0].message == f"{name} says something else than the records"
    del bundle.files[name]
    assert bundle.verify(page=report_page).verdict == "valid"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-1+1", "'-1+1"),
        ("+1", "'+1"),
        ("\t=1", "⟨U+0009⟩=1"),
        (";=cmd|'/C calc'!A0;", "⟨U+003B⟩=cmd|'/C calc'!A0⟨U+003B⟩"),
        ("\uff1d1+1", "⟨U+FF1D⟩1+1"),
        ("\ufeff=1", "⟨U+FEFF⟩=1"),
        ('a","b', 'a","b'),
        ("a\r\n=1", "a⟨U+000D⟩⟨U+000A⟩=1"),
        ("x\u202egpj\U000e0041⟨U+0041⟩", "x⟨U+202E⟩gpj⟨U+E0041⟩⟨U+27E8⟩U+0041⟨U+27E9⟩"),
        ("模型-\U0001f600é", "模型-\U0001f600é"),
        ("org/\u0430bc", "org/⟨U+0430⟩bc"),
        ("\u0440\u0430\u0443/x", "⟨U+0440⟩⟨U+0430⟩⟨U+0443⟩/x"),
        ("o\u0301rg/\u30cbl", "o⟨U+0301⟩rg/⟨U+30CB⟩l"),
        ("\u1100\u1161/\u304b\u3099", "\u1100⟨U+1161⟩/\u304b⟨U+3099⟩"),
    ],
)
def test_what_owners_write_is_a_text_in_the_table(tmp_path: Path, name: str, written: str) -> None:
    """Neither a formula nor a cell more, nor a sign that nobody sees; and both verifiers write the same bytes."""
    world = World()
    world.commit(world.draft(name))
    world.seal()
    bundle = Bundle(world, tmp_path)
    assert bundle.verify(page=report_page).verdict == "valid"
    text = bundle.files["records.csv"].decode()
    assert text.count("\n") == 2
    [row] = csv.DictReader(text.splitlines())
    assert (row["base_model"], row["leaf"], row["verdict"], row["supersedes"]) == (written, "0", "below", "")
    assert int(row["best_flop"]) > 10**15
    assert int(row["compared_with"]) > 0 and int(row["threshold_flop"]) > 10**20


def test_a_page_of_another_version_is_named_and_not_believed(bundle: Bundle) -> None:
    """Whoever names another version as its writer has nothing compared, so a bundle is not valid without more."""
    page = bundle.files["index.html"]
    of_another_version = page.replace(f"FLOPs Auditor {WRITER}".encode(), b"FLOPs Auditor 9.9")
    for written, by in ((of_another_version, "9.9"), (b"<h1>All is well</h1>", "an unknown version")):
        bundle.files["index.html"] = written
        told = bundle.verify(page=report_page)
        assert (told.verdict, reserved(told)) == ("valid, with reservations", ["PageNotCompared"])
        said = f"index.html was not compared with the records: it says that {by} wrote it"
        assert told.reservations[0].message == said
    stale = bundle.verify(page=report_page, as_of=bundle.world.at + timedelta(days=2))
    assert (stale.verdict, reserved(stale)) == ("valid, with reservations", ["PageNotCompared", "StaleLedger"])


def test_of_a_page_of_another_version_no_report_is_made(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer version may have words that this one does not know: who wrote a page is looked at first."""
    page = bundle.files["index.html"]
    bundle.files["index.html"] = page.replace(f"FLOPs Auditor {WRITER}".encode(), b"FLOPs Auditor 9.9")
    monkeypatch.setattr("flops_auditor.use_cases.ledger.report_bundle.line_of", lambda *_: {}["a new word"])
    assert reserved(bundle.verify(page=report_page)) == ["PageNotCompared"]
    with pytest.raises(KeyError, match="a new word"):
        report_bundle(BundleFiles(bundle.path))


def test_an_insider_who_rewrites_everything_is_seen_by_a_pin(bundle: Bundle) -> None:
    """Somebody with both keys changes a record and signs all checkpoints anew: consistent, and not what was mailed."""
    pin = bundle.files["checkpoint"]
    evidence = bundle.files[bundle.names("evidence/")[0]].split(b"\n")

    def change(lines: list[bytes]) -> None:
        statement = json.loads(parse_envelope(lines[1]).payload)
        statement["predicate"]["estimate"]["best_flop"] = "1"
        payload = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        signature = sign(payload, MemorySigner("record"))
        lines[1] = envelope_line(payload, signature.keyid, signature.der)

    _rewrite_all(bundle, change, copy_evidence=(1, 1))
    assert evidence == bundle.files[bundle.names("evidence/")[0]].split(b"\n")
    assert bundle.verify().verdict == "valid"
    assert names(bundle.verify(pin=pin)) == ["ForkedHistory"]


def test_a_ledger_of_somebody_elses_keys_is_seen_by_pin_and_by_keys(bundle: Bundle, tmp_path: Path) -> None:
    pin, keys = bundle.files["checkpoint"], bundle.files["keys.json"]
    forged = World(record=MemorySigner("x"), checkpoint=MemorySigner("y"), made=50)
    for _ in range(4):
        forged.add(5)
        forged.seal()
    other = Bundle(forged, tmp_path)
    assert other.verify().verdict == "valid"
    assert names(other.verify(pin=pin)) == ["ForkedHistory"]
    assert names(other.verify(keys=keys)) == ["UnknownKey"]


def test_keys_of_another_ledger_are_named_and_keys_that_an_editor_saved_are_read(bundle: Bundle) -> None:
    keys = bundle.files["keys.json"]
    assert names(bundle.verify(keys=keys.replace(bundle.world.ledger.encode(), b"other"))) == ["AnotherLedger"]
    for saved in (keys + b"\n", keys + b"\r\n", b"\xef\xbb\xbf" + keys + b"\n\n"):
        assert bundle.verify(keys=saved).verdict == "valid"
    for other in (b" " + keys, keys + b" ", b"\n" + keys):
        assert names(bundle.verify(keys=other)) == ["BadBundle"]


def test_a_pin_of_another_log_or_a_broken_pin_is_named(bundle: Bundle) -> None:
    pin = bundle.files["checkpoint"]
    assert names(bundle.verify(pin=pin.replace(bundle.world.ledger.encode(), b"other"))) == ["AnotherLedger"]
    broken = pin.decode().rsplit(" ", 1)
    der = bytearray(b64decode(broken[1]))
    der[-1] ^= 1
    flipped = f"{broken[0]} {b64encode(der).decode()}\n".encode()
    assert names(bundle.verify(pin=flipped)) == ["BadCheckpointSignature"]
    assert names(bundle.verify(pin=b"no note")) == ["UnreadableNote"]


# Parts


@pytest.fixture
def part(tmp_path: Path) -> Bundle:
    return Bundle(small_world(), tmp_path, "org/model-b")


def _first(part: Bundle, folder: str) -> str:
    return next(name for name in part.names(folder) if name.split("/")[1] != "00000000000000000005.json")


def part_edited_record(part: Bundle) -> None:
    name = _first(part, "leaves/")
    part.files[name] = part.files[name].replace(b'"sig":"ME', b'"sig":"MF')


def part_record_moved(part: Bundle) -> None:
    for folder, ending in (("leaves/", ".json"), ("evidence/", ".json"), ("proofs/", ".tlog-proof")):
        part.files[f"{folder}{2:020d}{ending}"] = part.files.pop(f"{folder}{1:020d}{ending}")


def part_edited_evidence(part: Bundle) -> None:
    part.files[part.names("evidence/")[0]] += b" "


def part_missing_evidence(part: Bundle) -> None:
    del part.files[part.names("evidence/")[0]]


def part_edited_proof(part: Bundle) -> None:
    name = part.names("proofs/")[0]
    lines = part.files[name].split(b"\n")
    lines[2] = b64encode(b"\1" * 32)
    part.files[name] = b"\n".join(lines)


def part_missing_proof(part: Bundle) -> None:
    del part.files[part.names("proofs/")[0]]


def part_signed_again(part: Bundle) -> None:
    name = f"leaves/{1:020d}.json"
    payload = parse_envelope(part.files[name]).payload
    signature = sign(payload, MemorySigner("record"))
    part.files[name] = envelope_line(payload, signature.keyid, signature.der)


def part_rotation_kept_back(part: Bundle) -> None:
    for folder, ending in (("leaves/", ".json"), ("proofs/", ".tlog-proof")):
        del part.files[f"{folder}{5:020d}{ending}"]


def part_heartbeat_kept_back(part: Bundle) -> None:
    for folder, ending in (("leaves/", ".json"), ("proofs/", ".tlog-proof")):
        del part.files[f"{folder}{NEWEST - 1:020d}{ending}"]


def part_inconsistent_checkpoint(part: Bundle) -> None:
    lines = [json.loads(line) for line in part.files["checkpoints.ndjson"].splitlines()]
    lines[0]["consistency"] = lines[1]["consistency"]
    part.files["checkpoints.ndjson"] = b"".join(
        json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines
    )


def part_a_consistency_proof_that_is_no_list(part: Bundle) -> None:
    *lines, newest = part.files["checkpoints.ndjson"].splitlines(keepends=True)
    part.files["checkpoints.ndjson"] = b"".join([*lines, newest.replace(b'"consistency":[]', b'"consistency":""')])


def part_without_its_records(part: Bundle) -> None:
    for name in part.names("evidence/"):
        for other in (
            name,
            name.replace("evidence/", "leaves/"),
            name.replace("evidence/", "proofs/")[:-4] + "tlog-proof",
        ):
            del part.files[other]
    part.drop_shown()


def part_a_selection_that_is_a_list(part: Bundle) -> None:
    part.edit_json("manifest.json", lambda found: found.update(selection=["model a"]))


PART_ATTACKS: dict[Callable[[Bundle], None], str] = {
    part_edited_record: "BadSignature",
    part_record_moved: "RootMismatch",
    part_edited_evidence: "EvidenceMismatch",
    part_missing_evidence: "EvidenceMismatch",
    part_edited_proof: "RootMismatch",
    part_missing_proof: "BadBundle",
    part_signed_again: "RootMismatch",
    part_rotation_kept_back: "UnauthorisedRotation",
    part_heartbeat_kept_back: "MissingCheckpoint",
    part_inconsistent_checkpoint: "RootMismatch",
    part_a_consistency_proof_that_is_no_list: "BadBundle",
    part_without_its_records: "BadBundle",
    part_a_selection_that_is_a_list: "BadBundle",
}


@pytest.mark.parametrize(("attack", "error"), PART_ATTACKS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_an_attack_on_a_part_is_met_by_its_name(part: Bundle, attack: Callable[[Bundle], None], error: str) -> None:
    assert part.verify().verdict == "valid"
    attack(part)
    assert names(part.verify()) == [error]


def test_a_part_against_a_pin(part: Bundle, tmp_path: Path) -> None:
    world = small_world()
    world.add(1)
    world.seal()
    later = Bundle(world, tmp_path, "org/model-a").files["checkpoint"]
    assert names(part.verify(pin=later)) == ["RolledBack"]
    forged = _note(NEWEST - 3, b"\1" * 32, MemorySigner("checkpoint 2"), part.world.ledger).encode()
    assert names(part.verify(pin=forged)) == ["ForkedHistory"]
