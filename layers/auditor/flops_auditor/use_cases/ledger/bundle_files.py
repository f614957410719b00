"""The files of a bundle on disk: read strictly, every name expected, memory bounded whatever the zip says."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from flops_auditor.domain.ledger import bundle
from flops_auditor.domain.ledger.checks import check_kept
from flops_auditor.domain.ledger.container import Entries, read_directory, unpack, unpack_lines
from flops_auditor.domain.ledger.ledger_errors import BadBundle
from flops_auditor.domain.ledger.signed_note import LONGEST_NOTE


class BundleFiles:
    """A bundle that is open. Every method raises BadBundle for a file that is not as it must be."""

    def __init__(self, path: Path, entries: Entries | None = None) -> None:
        """Open it; with `entries`, as another process has read the directory."""
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise BadBundle(f"{path.name} is not a readable file: {error.strerror}") from error
        try:
            if not S_ISREG(os.fstat(self._file).st_mode):
                raise BadBundle(f"{path.name} is no file, but a folder, a pipe or a device")
            self.entries = self._directory() if entries is None else entries
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "BundleFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _directory(self) -> Entries:
        length, inventory = os.fstat(self._file).st_size, bundle.Inventory()

        def admit(name: str, size: int) -> None:
            inventory.add(name, size)
            inventory.check_together(length)

        return read_directory(self._read, length, admit)

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return os.pread(self._file, length, offset)
        except (OSError, OverflowError, ValueError) as error:
            raise BadBundle(f"{self.path.name} cannot be read: {error}") from error

    def manifest(self) -> bundle.Manifest:
        """What the bundle says of itself: first of all how much there is to unpack."""
        manifest = bundle.parse_manifest(self.need(bundle.MANIFEST))
        others = [entry.size for entry in self.entries.values() if entry.name != bundle.MANIFEST]
        if (manifest.files, manifest.unpacked) != (len(others), sum(others)):
            raise BadBundle(
                f"the manifest promises {manifest.files} files of {manifest.unpacked} bytes, there are {len(others)} "
                f"of {sum(others)}"
            )
        return manifest

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None if it is not there."""
        entry = self.entries.get(name)
        return None if entry is None else unpack(self._read, entry)

    def need(self, name: str) -> bytes:
        """A file that must be there."""
        content = self.read(name)
        if content is None:
            raise BadBundle(f"{name} is missing")
        return content

    def lines(self, name: str) -> Iterator[bytes]:
        """A file's lines, one at a time."""
        entry = self.entries.get(name)
        if entry is None:
            raise BadBundle(f"{name} is missing")
        yield from unpack_lines(self._read, entry, LONGEST_NOTE * 2)

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        """(index, line) of every leaf that is here, in the order of the log."""
        for first in self.numbers(bundle.LOG):
            lines = self.need(bundle.chunk_name(bundle.LOG, first)).split(b"\n")
            yield from enumerate(lines[:-1], first)
        for index in self.numbers(bundle.LEAVES):
            yield index, self.need(bundle.leaf_name(bundle.LEAVES, index))

    def ancestors(self, digest: str) -> bytes | None:
        """An object with a record's ancestors. Raises what `check_kept` does."""
        body = self.read(bundle.ancestors_name(digest))
        if body is not None:
            check_kept(digest, body)
        return body

    def table(self, digest: str) -> bytes | None:
        """A version of a table that records rest on."""
        return self.read(bundle.tables_name(digest))

    def digests(self, folder: str) -> list[str]:
        """What the names in `ancestors/` or `tables/` are made of."""
        return [name[len(folder) :].removesuffix(".json") for name in self.entries if name.startswith(folder)]

    def numbers(self, folder: str) -> list[int]:
        """The indexes that the names in a folder are made of, in order."""
        return sorted(int(name[len(folder) :].partition(".")[0]) for name in self.entries if name.startswith(folder))

    def expect(self, names: Collection[str], keyids: Sequence[str]) -> None:
        """Every file is expected: what no check covers has no place in a bundle."""
        frame = {bundle.MANIFEST, bundle.README, bundle.KEYS, bundle.CHECKPOINT, bundle.CHECKPOINTS}
        frame |= {bundle.INDEX, bundle.RECORDS}
        expected = frame.union(names, (f"{bundle.PEM}{keyid}.pem" for keyid in keyids))
        for name in self.entries:
            if name not in expected and not name.startswith((bundle.ANCESTORS, bundle.TABLES)):
                raise BadBundle(f"{name[:200]!r} is no file of this bundle")
