"""The container of a bundle: a zip in the one form that every tool reads alike (PKWARE APPNOTE 6.3).

A zip may say one thing in its directory and another beside each file, may have bytes between, before and behind what
its directory lists, and may name a file in several ways: tools then extract different files from the same bytes. Here
each is refused. What is left has one reading: files one after another from the first byte on, each in one piece, then
one directory that repeats what stands beside them, then its end.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from flops_auditor.domain.ledger.ledger_errors import BadBundle

Read = Callable[[int, int], bytes]
"""(offset, length) -> so many bytes of the file, fewer only at its end."""

STORED, DEFLATED = 0, 8
MOST_ENTRIES = 1 << 18
"""Files: of each some 250 bytes are kept in memory."""
LONGEST_NAME = 100
PIECE = 1 << 16
"""Bytes that are unpacked at a time where a file is read line by line."""


class Entry(NamedTuple):
    """One file: where its packed bytes begin and how many they are, and what they unpack to."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int


class Entries(Mapping[str, Entry]):
    """Files by name, in their order, each in as few bytes as it takes."""

    _FIELDS = struct.Struct("<BL3Q")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._packed: dict[str, bytes] = {}
        self.add(entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Some more."""
        self._packed.update((name, self._FIELDS.pack(*fields)) for name, *fields in entries)

    def __getitem__(self, name: str) -> Entry:
        return Entry(name, *self._FIELDS.unpack(self._packed[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_MOST_BEHIND = _END.size + _FULL16
"""Bytes at the end of a file among which the end of a zip is looked for that is not the last of it."""
_OTHERS = {b"%PDF": "a PDF does", b"\x1f\x8b": "a gzip file does", b"<": "a web page does", b"7z": "a 7z archive does"}
"""What is sent in the place of a bundle, by how it begins."""
_REPACKED = "as in a zip that was unpacked and packed again"
_VERSIONS = range(10, 46)
"""To extract: 1.0 to 4.5, that is stored, deflated, and sizes of 64 bits."""
_DOS, _UNIX = 0, 3
_REGULAR = 0o100000
_MODES = frozenset(kind | mode for kind in (0, _REGULAR) for mode in (0o600, 0o644))
"""A file that its owner may read and write, others read or not, and nobody run: as zip programs write one."""


Admit = Callable[[str, int], None]
"""(name, size) of a file, before it is kept. Raises BadBundle for one that has no place here."""


def read_directory(read: Read, length: int, admit: Admit) -> Entries:
    """Every file by name, in their order. Raises BadBundle for a container that has another reading, too."""
    begin, end, count = _bounds(read, length)
    if not 0 <= count <= MOST_ENTRIES or end - begin > MOST_ENTRIES * (_CENTRAL.size + LONGEST_NAME):
        raise BadBundle(f"the zip lists {count} files")
    directory = read(begin, end - begin)
    entries = Entries()
    at = position = 0
    for _ in range(count):
        name, fields, at = _listed(directory, at)
        entry = _beside(read, position, name, fields)
        position = entry.offset + entry.packed
        if name in entries:
            raise BadBundle(f"{name!r} stands in the zip twice")
        admit(name, entry.size)
        entries.add([entry])
    if at != len(directory) or position != begin:
        raise BadBundle("the zip has bytes that its directory does not list")
    return entries


def unpack(read: Read, entry: Entry) -> bytes:
    """A file's bytes, whole. Raises BadBundle if they are not what the directory says, to the last bit."""
    packed = read(entry.offset, entry.packed)
    if entry.method == STORED:
        content = packed
    else:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = stream.decompress(packed, entry.size + 1)
        except zlib.error as error:
            raise BadBundle(f"{entry.name} cannot be unpacked: {error}") from error
        if not stream.eof or stream.unused_data or stream.unconsumed_tail:
            raise BadBundle(f"{entry.name} does not unpack to the {entry.size} bytes that the zip lists")
    if len(content) != entry.size or zlib.crc32(content) != entry.crc:
        raise BadBundle(f"{entry.name} does not unpack to what the zip lists")
    return content


def unpack_lines(read: Read, entry: Entry, longest: int) -> Iterator[bytes]:
    """A file's lines with their newlines, one at a time, in bounded memory. Raises BadBundle like `unpack`."""
    crc = total = 0
    rest = b""
    for piece in _pieces(read, entry):
        crc, total = zlib.crc32(piece, crc), total + len(piece)
        if total > entry.size:
            break
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > longest:
            raise BadBundle(f"{entry.name} has a line of more than {longest} bytes")
        yield from (line + b"\n" for line in lines)
    if total != entry.size or crc != entry.crc:
        raise BadBundle(f"{entry.name} does not unpack to what the zip lists")
    if rest:
        yield rest


def _pieces(read: Read, entry: Entry) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == DEFLATED else None
    for begin in range(0, entry.packed, PIECE):
        packed = read(entry.offset + begin, min(PIECE, entry.packed - begin))
        if stream is None:
            yield packed
            continue
        while True:
            try:
                piece = stream.decompress(packed, PIECE)
            except zlib.error as error:
                raise BadBundle(f"{entry.name} cannot be unpacked: {error}") from error
            if stream.unused_data:
                raise BadBundle(f"{entry.name} has bytes after its end")
            yield piece
            packed = stream.unconsumed_tail
            if not packed and len(piece) < PIECE:
                break
    if stream is not None and not stream.eof:
        raise BadBundle(f"{entry.name} breaks off")


def _bounds(read: Read, length: int) -> tuple[int, int, int]:
    """Where the directory begins and ends, and how many files it lists."""
    if length < _END.size:
        raise BadBundle(f"it is no zip: it has {length} bytes")
    mark, disk, first_disk, here, count, size, begin, comment = _END.unpack(read(length - _END.size, _END.size))
    end = length - _END.size
    if mark != b"PK\5\6":
        raise BadBundle(_without_end(read, length))
    if disk or first_disk or comment or here != count:
        raise BadBundle("it is one of several pieces of a zip, or says that a comment follows")
    if end >= _LOCATOR64.size:
        mark64, disk64, end64, disks = _LOCATOR64.unpack(read(end - _LOCATOR64.size, _LOCATOR64.size))
        if mark64 == b"PK\6\7":
            end -= _LOCATOR64.size + _END64.size
            if end64 != end or end < 0 or disk64 or disks != 1:
                raise BadBundle("the zip's second end of its directory is not where it must be")
            return _bounds64(read, end, (count, size, begin))
    if begin + size != end:
        raise BadBundle("the zip's directory is not where its end says")
    return begin, end, count


def _without_end(read: Read, length: int) -> str:
    """Why a file does not end as a zip does, for whoever was sent it."""
    head, behind = read(0, 8), read(max(0, length - _MOST_BEHIND), _MOST_BEHIND)
    if not head.startswith((b"PK\3\4", b"PK\5\6")):
        other = next((f": it begins as {what}" for begin, what in _OTHERS.items() if head.startswith(begin)), "")
        return f"it is no zip{other}"
    if 0 <= behind.rfind(b"PK\5\6") < len(behind) - _END.size:
        return "the zip has bytes behind its end: something was added to it on its way"
    return "the zip breaks off: its end is missing, as where a download was cut off"


def _bounds64(read: Read, end: int, bounds: tuple[int, int, int]) -> tuple[int, int, int]:
    mark, rest, made_by, needed, disk, first_disk, here, count, size, begin = _END64.unpack(read(end, _END64.size))
    agrees = bounds == (min(count, _FULL16), min(size, _FULL32), min(begin, _FULL32))
    one_piece = not disk and not first_disk and here == count and rest == _END64.size - 12
    if mark != b"PK\6\6" or not one_piece or not agrees or made_by >> 8 not in (_DOS, _UNIX) or needed not in _VERSIONS:
        raise BadBundle("the zip has two ends of its directory that say different things")
    if begin + size != end:
        raise BadBundle("the zip's directory is not where its end says")
    return begin, end, count


class _Fields(NamedTuple):
    """What the directory and the bytes beside a file say alike."""

    needed: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    packed: int
    size: int


def _listed(directory: bytes, at: int) -> tuple[str, tuple[_Fields, int], int]:
    """Name, fields and place of the next file in the directory, and where the one after it is listed."""
    if at + _CENTRAL.size > len(directory):
        raise BadBundle("the zip's directory breaks off")
    mark, made_by, *packing, name_length, extra, comment, disk, internal, external, offset = _CENTRAL.unpack_from(
        directory, at
    )
    fields = _Fields(*packing)
    begin, end = at + _CENTRAL.size, at + _CENTRAL.size + name_length
    name = directory[begin:end]
    if mark != b"PK\1\2" or end + extra > len(directory) or not 0 < name_length <= LONGEST_NAME or not name.isascii():
        raise BadBundle("the zip's directory is not readable")
    shown = name.decode()
    if shown.endswith("/"):
        raise BadBundle(f"{shown!r} is a folder, {_REPACKED}: a bundle lists none")
    if offset == _FULL32 and extra == 12 and directory[end : end + 4] == b"\1\0\x08\0":
        offset = int.from_bytes(directory[end + 4 : end + 12], "little")
    elif extra:
        raise BadBundle(f"{shown!r} has more in the zip's directory than a file needs, {_REPACKED}")
    system, mode = made_by >> 8, external >> 16
    plain = not external & _FULL16 and (mode in _MODES if system == _UNIX else system == _DOS and not mode)
    if comment or disk or internal or not plain:
        raise BadBundle(f"{shown!r} is not a plain file in the zip, or is described {_REPACKED}")
    if fields.flags or fields.method not in (STORED, DEFLATED) or fields.needed not in _VERSIONS:
        raise BadBundle(f"{shown!r} is packed in a way that not every tool reads alike, {_REPACKED}")
    most = fields.size if fields.method == STORED else fields.size + fields.size // 100 + 1024
    if fields.packed > most or (fields.method == STORED and fields.packed != fields.size):
        raise BadBundle(f"{shown!r} takes {fields.packed} bytes for {fields.size}")
    return shown, (fields, offset), end + extra


def _beside(read: Read, position: int, name: str, listed: tuple[_Fields, int]) -> Entry:
    """The file as the bytes before it describe it: as the directory does, and right after the file before it."""
    fields, offset = listed
    header = read(position, _LOCAL.size + len(name))
    if len(header) != _LOCAL.size + len(name) or offset != position:
        raise BadBundle(f"{name!r} is not where the zip must have it")
    mark, *packing, name_length, extra = _LOCAL.unpack_from(header)
    beside = _Fields(*packing)
    same = beside[1:] == fields[1:] and beside.needed in _VERSIONS  # the directory may need 64 bits, the file not
    if mark != b"PK\3\4" or not same or extra or header[_LOCAL.size :] != name.encode():
        raise BadBundle(f"{name!r} is described in the zip in two ways")
    if name_length != len(name):
        raise BadBundle(f"{name!r} is described in the zip in two ways")
    return Entry(name, fields.method, fields.crc, fields.packed, fields.size, position + len(header))
