"""What a zip tool extracts from a valid bundle is exactly what was verified; any other container is refused.

Containers are generated, some with one reading and most with two, and given to `verify`, unzip, 7z, bsdtar and Python.
"""

import json
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.container import PIECE, Entry, unpack, unpack_lines
from flops_auditor.domain.ledger.ledger_errors import BadBundle
from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.local_aws.processes import REPOSITORY
from tests.attacks import FULL, tries
from tests.attacks.zips import ONE_READING, TWO_READINGS, Member, Zip, generated
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.stock_tools import UNPACKERS, needs_unpackers

MOST_MEMORY = 300_000_000


class Child:
    """`verify` in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.attacks.verify_in_child"]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def verify(self, path: Path, as_of: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path} {as_of}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate()[1]
        found: dict[str, Any] = json.loads(answer)
        assert found["peak"] < MOST_MEMORY
        return found

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    running = Child()
    yield running
    running.end()


@pytest.fixture(scope="module", params=["whole", "part"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("containers")
    return Bundle(small_world(), folder, None if request.param == "whole" else "org/model-a")


def as_of(bundle: Bundle) -> str:
    return iso(bundle.world.at + timedelta(minutes=1))


def extracted(tool: str, path: Path, folder: Path) -> dict[str, str]:
    """What a tool leaves in a folder: SHA-256 of each file by name, and what is no plain file as such."""
    folder.mkdir()
    command = [part.format(zip=path, folder=folder) for part in UNPACKERS[tool]]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, (tool, done.stderr)
    found = {}
    for each in folder.rglob("*"):
        name = str(each.relative_to(folder))
        if each.is_symlink() or not (each.is_file() or each.is_dir()):
            found[name] = "no plain file"
        elif each.is_file():
            found[name] = sha256(each.read_bytes()).hexdigest()
    return found


@needs_unpackers
def test_tools_extract_from_a_valid_bundle_what_was_verified(bundle: Bundle, child: Child, tmp_path: Path) -> None:
    verdicts: Counter[str] = Counter()
    for seed in range(tries(30, 500)):
        zipped, changes = generated(seed, bundle.files)
        path = tmp_path / f"{seed}.zip"
        path.write_bytes(zipped.to_bytes())
        found = child.verify(path, as_of(bundle))
        verdicts[found["verdict"]] += 1
        if found["verdict"] == "valid":
            for tool in UNPACKERS:
                assert extracted(tool, path, tmp_path / f"{seed}-{tool}") == found["files"], (seed, tool, changes)
        path.unlink()
    assert verdicts["valid"] >= sum(verdicts.values()) // 8, "the generator makes too few containers that are valid"
    assert verdicts["cannot verify"] >= sum(verdicts.values()) // 4


@pytest.mark.parametrize("change", [None, *ONE_READING], ids=lambda change: change.__name__ if change else "none")
def test_a_container_with_one_reading_is_valid(bundle: Bundle, child: Child, tmp_path: Path, change: Any) -> None:
    zipped = Zip([Member(name.encode(), content) for name, content in bundle.files.items()])
    if change:
        change(Random(1), zipped)
    path = tmp_path / "bundle.zip"
    path.write_bytes(zipped.to_bytes())
    assert child.verify(path, as_of(bundle))["errors"] == []


@pytest.mark.parametrize("change", TWO_READINGS, ids=lambda change: change.__name__)
def test_a_container_with_two_readings_is_refused(bundle: Bundle, child: Child, tmp_path: Path, change: Any) -> None:
    for seed in range(5):
        zipped = Zip([Member(name.encode(), content) for name, content in bundle.files.items()])
        change(Random(seed), zipped)
        path = tmp_path / "bundle.zip"
        path.write_bytes(zipped.to_bytes())
        assert child.verify(path, as_of(bundle))["verdict"] in {"cannot verify", "tampered"}


# What was accepted once


large = pytest.mark.parametrize("bundle", ["whole", "part"] if FULL else ["whole"], indirect=True)
"""What takes seconds to make, and is refused before anybody asks which kind of bundle it is."""


def _refused(child: Child, bundle: Bundle, path: Path) -> None:
    found = child.verify(path, as_of(bundle))
    assert (found["verdict"], found["errors"]) == ("cannot verify", ["BadBundle"])


def test_an_evil_log_in_front_of_an_honest_one(bundle: Bundle, child: Child, tmp_path: Path) -> None:
    """7z extracts the first zip of two, Python and unzip the last."""
    evil = Zip([Member(b"log/00000000000000000000.ndjson", b"evil\n")]).to_bytes()
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in bundle.files.items():
            zipped.writestr(name, content)
    path.write_bytes(evil + path.read_bytes())
    with zipfile.ZipFile(path) as zipped:
        assert {name: zipped.read(name) for name in zipped.namelist()} == bundle.files
    _refused(child, bundle, path)


@large
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_three_gigabytes_of_nothing(bundle: Bundle, child: Child, tmp_path: Path, method: int) -> None:
    path, piece = tmp_path / "bundle.zip", bytes(1 << 20)
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name, content in bundle.files.items():
            if name != "README.md":
                zipped.writestr(name, content)
        with zipped.open("README.md", "w", force_zip64=True) as file:
            for _ in range(tries(300, 3000)):
                file.write(piece)
    _refused(child, bundle, path)


@large
def test_a_file_that_says_to_be_small(bundle: Bundle, child: Child, tmp_path: Path) -> None:
    """A gigabyte behind a header that promises a kilobyte: unpacking ends where the promise does."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(stream.compress(bytes(1 << 20)) for _ in range(1000)) + stream.flush()
    members = [Member(name.encode(), content) for name, content in bundle.files.items() if name != "README.md"]
    path = tmp_path / "bundle.zip"
    path.write_bytes(Zip([*members, Member(b"README.md", bytes(len(packed)), packed=packed)]).to_bytes())
    _refused(child, bundle, path)


@large
def test_many_large_files_that_no_record_names(bundle: Bundle, child: Child, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in bundle.files.items():
            zipped.writestr(name, content)
        for number in range(tries(2, 24)):
            zipped.writestr(f"ancestors/{number:064x}.json", bytes(250 << 20))
    _refused(child, bundle, path)
    others = {f"ancestors/{number:064x}.json": bytes(1 << 20) for number in range(24)}
    files, promise = bundle.files, bundle.promise
    bundle.files, bundle.promise = {**files, **others}, True
    try:
        assert [found.error for found in bundle.verify().findings] == ["EvidenceMismatch"]
    finally:
        bundle.files, bundle.promise = files, promise


def test_lines_are_read_whatever_way_the_pieces_fall() -> None:
    for size in (0, 1, 10, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7):
        content = (b"x" * 999 + b"\n") * (size // 1000) + b"y" * (size % 1000)
        for method in (0, 8):
            member = Member(b"x", content, method=method)
            packed = member.body()
            entry = Entry("x", method, zlib.crc32(content), len(packed), len(content), 0)

            def read(offset: int, length: int, packed: bytes = packed) -> bytes:
                return packed[offset : offset + length]

            assert b"".join(unpack_lines(read, entry, 2000)) == content == unpack(read, entry)
            with pytest.raises(BadBundle):
                list(unpack_lines(read, entry._replace(size=size + 1), 2000))
            with pytest.raises(BadBundle):
                list(unpack_lines(read, entry._replace(crc=entry.crc ^ 1), 2000))
            if size > 999:
                with pytest.raises(BadBundle):
                    list(unpack_lines(read, entry, 10))


def test_a_bundle_beyond_two_gigabytes_is_read(
    bundle: Bundle, child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Python's writer adds from there on: offsets and the end of the directory in 64 bits."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", max(map(len, bundle.files.values())) * 11 // 10)
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in bundle.files.items():
            zipped.writestr(name, content)
    assert b"PK\6\6" in path.read_bytes()
    assert child.verify(path, as_of(bundle))["errors"] == []


def test_evidence_as_repetitive_as_an_owner_can_make_it_is_no_bomb(tmp_path: Path) -> None:
    """Of 100 hyperparameters and variables of one letter each, zip makes a hundred-and-twentieth."""
    ledger = LiveLedger()
    letters = {
        "HyperParameters": {f"{'k' * 250}{number}": "a" * 2500 for number in range(100)},
        "Environment": {f"{'E' * 500}{number}": "b" * 512 for number in range(100)},
    }
    for number in range(40):
        ledger.add(continuing(f"job-{number}", hours=1, **letters))
        ledger.audit(f"job-{number}")
    ledger.seal()
    path = ledger.bundle(tmp_path).path
    with zipfile.ZipFile(path) as packed:
        unpacked = sum(each.file_size for each in packed.infolist())
    assert unpacked > 50 * path.stat().st_size, "what makes the bound needless to raise"
    assert unpacked < form.MOST_GROWTH * path.stat().st_size * 0.6, "or no export of this owner's jobs verifies"
