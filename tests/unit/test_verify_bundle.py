"""Honest bundles are valid, whole and in part; and a part tells nothing about what is not in it."""

import re
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any
from zipfile import ZipFile

import pytest

from flops_auditor.aws.calls.side_by_side import MOST_AHEAD, ahead
from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.messages.report.report import Report
from flops_auditor.domain.values.archive_keys import KEYS, checkpoint_key, tables_key
from flops_auditor.use_cases.ledger.export_bundle import (
    NothingChosen,
    SelectionTooLarge,
    export_part,
    export_whole,
    of_model,
    of_time,
)
from flops_auditor.use_cases.ledger.report_bundle import WRITER
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.ports.ledger import Archive
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.ledger_world import MODELS, START, Draft, World, draft, superseding


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "CHUNK", 4)


def test_an_honest_ledger_is_valid(tmp_path: Path) -> None:
    found = Bundle(small_world(), tmp_path).verify()
    assert found.findings == []
    assert (found.verdict, found.records, found.size, found.checkpoints) == ("valid", 11, 17, 4)


@pytest.mark.parametrize("model", MODELS)
def test_an_honest_part_is_valid_with_every_pin(tmp_path: Path, model: str) -> None:
    world = small_world()
    bundle = Bundle(world, tmp_path, model)
    for size in (5, 10, 14, 17):
        pin = world.archive.get(checkpoint_key(size))
        found = bundle.verify(pin=pin, keys=world.archive.get(KEYS))
        assert found.findings == []
        assert found.records in {3, 4}
        assert found.checkpoints == 4


def test_processes_find_what_one_process_finds(tmp_path: Path) -> None:
    world = small_world()
    for _ in range(4):
        world.add(4)
        world.seal()
    bundle = Bundle(world, tmp_path)
    assert len(bundle.names("log/")) >= 4
    assert bundle.verify(processes=2) == bundle.verify()
    bundle.edit_payload(20, lambda payload: payload.replace(b"Completed", b"Cancelled"))
    assert bundle.verify(processes=2).findings == bundle.verify().findings != []


class Slow:
    """An archive that notes how many objects are read at a time."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._lock, self._now, self.most = archive, Lock(), 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._archive, name)

    def get(self, key: str) -> bytes | None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        sleep(0.002)
        with self._lock:
            self._now -= 1
        return self._archive.get(key)


def test_an_export_that_reads_ahead_writes_the_same_bytes(tmp_path: Path) -> None:
    world = small_world()
    world.add(12)
    world.seal()
    slow, path = Slow(world.archive), tmp_path / "bundle.zip"
    for write in (
        partial(export_whole, slow, world.ledger, path, world.at),
        partial(export_part, slow, world.ledger, path, world.at, "a model", by_job=of_model(MODELS[0])),
    ):
        slow.most = 0
        write()
        in_turn = path.read_bytes()
        assert slow.most == 1
        write(ahead=ahead)
        assert path.read_bytes() == in_turn
        assert 1 < slow.most <= 2 * MOST_AHEAD


def test_a_page_that_no_verifier_reads_is_left_out(tmp_path: Path) -> None:
    world, path = small_world(), tmp_path / "bundle.zip"
    written = export_whole(world.archive, world.ledger, path, world.at, lambda _: b"x" * (form.LARGEST_SHOWN + 1))
    assert written.not_shown == (form.INDEX,)
    assert verify_bundle(path, Demands(world.at)).verdict == "valid"
    with ZipFile(path) as files:
        assert [name in files.namelist() for name in (form.INDEX, form.RECORDS)] == [False, True]


def test_records_of_which_no_page_can_be_made_are_exported_and_verified_all_the_same(tmp_path: Path) -> None:
    """One such record, signed with the record key, ended every export of its ledger for good."""

    def page(_: Report) -> bytes:
        raise KeyError("a member")

    world, path = small_world(), tmp_path / "bundle.zip"
    assert export_whole(world.archive, world.ledger, path, world.at, page).not_shown == (form.INDEX,)
    assert verify_bundle(path, Demands(world.at, page=page)).verdict == "valid"
    bundle = Bundle(world, tmp_path)
    bundle.files[form.INDEX] = f'<meta name="generator" content="FLOPs Auditor {WRITER}">'.encode()
    bundle.write()
    report = verify_bundle(bundle.path, Demands(world.at, page=page))
    assert (report.verdict, [each.error for each in report.reservations]) == (
        "valid, with reservations",
        ["PageNotCompared"],
    )


def test_a_pin_at_every_checkpoint_is_met(tmp_path: Path) -> None:
    world = small_world()
    bundle = Bundle(world, tmp_path)
    for size in (5, 10, 14, 17):
        assert bundle.verify(pin=world.archive.get(checkpoint_key(size))).verdict == "valid"


def test_one_model_out_of_many_tells_nothing_about_the_others(tmp_path: Path) -> None:
    """A bundle for one model contains no other job's name or ARN, and verifies."""
    world = World()
    for number in range(60):
        world.commit(world.draft(f"org/model-{number}"))
        if number % 13 == 0:
            world.seal()
    world.seal()
    bundle = Bundle(world, tmp_path, "org/model-17")
    assert bundle.verify().records == 1
    text = b"".join(name.encode() + content for name, content in bundle.files.items())
    for blob in re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", text):
        text += b64decode(blob + b"=" * (-len(blob) % 4)) if len(blob) % 4 != 1 else b""
    assert set(re.findall(rb"secret-job-\d{6}", text)) == {b"secret-job-000017"}
    assert set(re.findall(rb"org/model-\d+", text)) == {b"org/model-17"}


def test_a_bundle_for_a_model_has_every_revision_of_its_jobs_and_nothing_of_others(tmp_path: Path) -> None:
    """A job's first record may not know the model yet, and a later one may know better."""
    world = World()
    models = {0: ("", "org/asked"), 1: ("org/asked", "org/other"), 2: ("org/other", "org/other")}
    signed: dict[int, tuple[Draft, bytes]] = {}
    for revision in (0, 1):
        for number, named in models.items():
            made = draft(number, world.at)
            made.content["original"]["base_model"] = named[revision]
            if number in signed:
                made = superseding(made, *signed[number])
            signed[number] = made, world.commit(made)
        world.seal()
    bundle = Bundle(world, tmp_path, "org/asked")
    kept = [parse_statement(parse_envelope(bundle.files[name]).payload) for name in bundle.names("leaves/")[:-1]]
    records = [found.predicate for found in kept if "job" in found.predicate]
    told = [(content["job"]["name"], content["revision"]) for content in records]
    assert told == [(f"secret-job-00000{number}", revision) for revision in (0, 1) for number in (0, 1)]
    assert bundle.verify().verdict == "valid"


def test_a_time_range(tmp_path: Path) -> None:
    world = World()
    for _ in range(4):
        world.add(2)
        world.seal()
    quarter = timedelta(minutes=15)
    path = tmp_path / "range.zip"
    choice = of_time(START + quarter, START + 3 * quarter)
    assert export_part(world.archive, world.ledger, path, world.at, "two quarters", chosen=choice).records == 4
    assert verify_bundle(path, Demands(as_of=world.at)).verdict == "valid"
    with pytest.raises(NothingChosen):
        export_part(world.archive, world.ledger, path, world.at, "later", chosen=of_time(world.at, None))
    assert [file.name for file in tmp_path.iterdir()] == ["range.zip"]


BOUNDS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "all files": lambda patch: patch.setattr(form, "MOST_ENTRIES", 20),
    "files of a kind": lambda patch: patch.setattr(form, "_LAYOUT", layout(form.LEAVES, most=9)),
    "bytes of a file": lambda patch: patch.setattr(form, "_LAYOUT", layout(form.LEAVES, largest=1000)),
    "bytes of the checkpoints": lambda patch: patch.setattr(form, "_LAYOUT", layout(form.CHECKPOINTS, largest=100)),
    "bytes together": lambda patch: patch.setattr(form, "ALWAYS_FITS", -(1 << 32)),
}


def layout(begins: str, **bounds: int) -> tuple[form.FileKind, ...]:
    """What files of a bundle may be, with other bounds for those of which the names begin so."""
    return tuple(
        each._replace(**bounds) if each.names.pattern.startswith(re.escape(begins)) else each for each in form._LAYOUT
    )


@pytest.mark.parametrize("bound", BOUNDS)
def test_what_no_verifier_would_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """Under the bounds of who reads it; without them it is written, and refused as the same."""
    world, path = World(), tmp_path / "part.zip"
    world.add(9)
    world.seal()
    export_part(world.archive, world.ledger, path, world.at, "all")
    BOUNDS[bound](monkeypatch)
    assert [each.error for each in verify_bundle(path, Demands(world.at)).findings] == ["BadBundle"]
    path.unlink()
    with pytest.raises(SelectionTooLarge):
        export_part(world.archive, world.ledger, path, world.at, "all")
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_no_verifier_reads_is_left_out_and_named(tmp_path: Path) -> None:
    """Whoever signs records can name any: it would end every export."""
    world, path, table = World(), tmp_path / "bundle.zip", bytes(form.LARGEST_TABLE + 1)
    made = world.draft()
    made.content["tables"]["policies/own.json"] = digest = sha256(table).hexdigest()
    world.archive.put_if_absent(tables_key(digest), table)
    world.commit(made)
    world.seal()
    assert export_whole(world.archive, world.ledger, path, world.at).left_out == (tables_key(digest),)
    assert verify_bundle(path, Demands(world.at)).verdict == "valid"


def test_files_are_counted_before_they_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with ZipFile(path, "w") as zipped:
        for number in range((1 << 14) + 1):
            zipped.writestr(f"tables/{number:064x}", b"")
    [found] = verify_bundle(path, Demands(as_of=START)).findings
    assert (found.error, found.message[-33:]) == ("BadBundle", "more than 16384 files of its kind")


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip" * 100])
def test_what_is_no_bundle_cannot_be_verified(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    found = verify_bundle(path, Demands(as_of=START))
    assert (found.verdict, found.findings[0].error) == ("cannot verify", "BadBundle")
    assert verify_bundle(tmp_path / "absent.zip", Demands(as_of=START)).verdict == "cannot verify"
