"""Zips written field by field, and every way in which two tools may read one differently."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

LOCAL = ("needed", "flags", "method", "time", "date", "crc", "packed", "size")


@dataclass
class Member:
    """One file. `beside` and `listed` override what stands before its bytes, and in the directory."""

    name: bytes
    content: bytes
    method: int = 8
    packed: bytes | None = None
    beside: dict[str, Any] = field(default_factory=dict)
    listed: dict[str, Any] = field(default_factory=dict)
    beside_name: bytes | None = None
    beside_extra: bytes = b""
    listed_extra: bytes = b""
    comment: bytes = b""
    made_by: int = 0x0314
    internal: int = 0
    external: int = 0o644 << 16
    after: bytes = b""
    hidden: bool = False
    level: int = 6

    def body(self) -> bytes:
        """The packed bytes."""
        if self.packed is not None:
            return self.packed
        return pack(self.content, self.method, self.level)


def pack(content: bytes, method: int, level: int = 6) -> bytes:
    """Content packed by a method of zip."""
    if method == 8:
        stream = zlib.compressobj(level, zlib.DEFLATED, -15)
        return stream.compress(content) + stream.flush()
    if method == 12:
        return bz2.compress(content)
    if method == 14:
        filters = [{"id": lzma.FILTER_LZMA1}]
        props = b"\x5d" + struct.pack("<L", 1 << 23)
        return struct.pack("<2BH", 9, 4, len(props)) + props + lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
    return content


@dataclass
class Zip:
    """All of it."""

    members: list[Member]
    before: bytes = b""
    before_directory: bytes = b""
    before_end: bytes = b""
    after: bytes = b""
    comment: bytes = b""
    end: dict[str, Any] = field(default_factory=dict)
    whole64: bool = False
    end64: dict[str, Any] = field(default_factory=dict)
    shift: bool = True

    def to_bytes(self) -> bytes:
        """The file. With `shift` offsets count what stands before the first member."""
        out = bytearray(self.before)
        base = 0 if self.shift else len(self.before)
        directory, count = b"", 0
        for member in self.members:
            offset, body = len(out) - base, member.body()
            fields = {
                "needed": 20,
                "flags": 0,
                "method": member.method,
                "time": 0,
                "date": 33,
                "crc": zlib.crc32(member.content),
                "packed": len(body),
                "size": len(member.content),
            }
            beside = [({**fields, **member.beside})[name] for name in LOCAL]
            name = member.name if member.beside_name is None else member.beside_name
            out += struct.pack("<4s5H3L2H", b"PK\3\4", *beside, len(name), len(member.beside_extra))
            out += name + member.beside_extra + body + member.after
            if not member.hidden:
                listed = {**fields, "offset": offset, **member.listed}
                directory += struct.pack(
                    "<4s6H3L5H2L",
                    b"PK\1\2",
                    member.made_by,
                    *(listed[name] for name in LOCAL),
                    len(member.name),
                    len(member.listed_extra),
                    len(member.comment),
                    0,
                    member.internal,
                    member.external,
                    listed["offset"],
                )
                directory += member.name + member.listed_extra + member.comment
                count += 1
        out += self.before_directory
        begin = len(out) - base
        end = {"count": count, "size": len(directory), "begin": begin, "disk": 0} | self.end
        out += directory + self.before_end
        if self.whole64:
            said = {"count": count, "size": len(directory), "begin": begin} | self.end64
            at = len(out)
            out += struct.pack(
                "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, said["count"], said["count"], said["size"], said["begin"]
            )
            out += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
        numbers = (end["disk"], 0, end["count"], end["count"], end["size"], end["begin"], len(self.comment))
        out += struct.pack("<4s4H2LH", b"PK\5\6", *numbers)
        return bytes(out + self.comment + self.after)


Change = Callable[[Random, Zip], None]


def _any(random: Random, zipped: Zip) -> Member:
    return random.choice(zipped.members)


def _evil(member: Member) -> bytes:
    return member.content[::-1] or b"evil"


# Changes that leave one reading


def other_dates(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.beside |= {"time": random.randrange(1 << 16), "date": 33 + random.randrange(1000)}
    member.listed |= member.beside


def stored(random: Random, zipped: Zip) -> None:
    _any(random, zipped).method = 0


def another_level(random: Random, zipped: Zip) -> None:
    _any(random, zipped).level = random.randrange(10)


def another_order(random: Random, zipped: Zip) -> None:
    random.shuffle(zipped.members)


def a_regular_file_with_other_permissions(random: Random, zipped: Zip) -> None:
    _any(random, zipped).external = (random.choice([0, 0o100000]) | random.choice([0o600, 0o644])) << 16


def sizes_of_64_bits(random: Random, zipped: Zip) -> None:
    zipped.whole64 = True


# Changes with two readings, or with another one than the layout's


def something_before(random: Random, zipped: Zip) -> None:
    zipped.before, zipped.shift = random.randbytes(random.randrange(1, 99)), random.random() < 0.5


def another_zip_before(random: Random, zipped: Zip) -> None:
    evil = replace(_any(random, zipped))
    evil.content, evil.packed = _evil(evil), None
    zipped.before, zipped.shift = Zip([evil]).to_bytes(), random.random() < 0.5


def another_zip_behind(random: Random, zipped: Zip) -> None:
    evil = replace(_any(random, zipped))
    evil.content, evil.packed = _evil(evil), None
    zipped.after = Zip([evil]).to_bytes()


def something_behind(random: Random, zipped: Zip) -> None:
    zipped.after = random.randbytes(random.randrange(1, 99))


def a_comment(random: Random, zipped: Zip) -> None:
    zipped.comment = random.randbytes(random.randrange(1, 99))


def a_zip_in_the_comment(random: Random, zipped: Zip) -> None:
    evil = replace(_any(random, zipped))
    evil.content, evil.packed = _evil(evil), None
    zipped.comment = Zip([evil]).to_bytes()


def a_gap(random: Random, zipped: Zip) -> None:
    _any(random, zipped).after = random.randbytes(random.randrange(1, 99))


def a_hidden_file(random: Random, zipped: Zip) -> None:
    hidden = replace(_any(random, zipped), hidden=True)
    hidden.content, hidden.packed = _evil(hidden), None
    zipped.members.insert(random.randrange(len(zipped.members)), hidden)


def something_before_the_directory(random: Random, zipped: Zip) -> None:
    zipped.before_directory = random.randbytes(random.randrange(1, 99))


def something_before_the_end(random: Random, zipped: Zip) -> None:
    zipped.before_end = random.randbytes(random.randrange(1, 99))


def a_second_directory(random: Random, zipped: Zip) -> None:
    evil = replace(_any(random, zipped))
    evil.content, evil.packed = _evil(evil), None
    zipped.before_directory = Zip([evil]).to_bytes()


def a_wrong_count(random: Random, zipped: Zip) -> None:
    zipped.end["count"] = len(zipped.members) + random.choice([-1, 1])


def another_disk(random: Random, zipped: Zip) -> None:
    zipped.end["disk"] = 1


def another_beginning_of_the_directory(random: Random, zipped: Zip) -> None:
    zipped.end["begin"] = random.randrange(1000)


def sizes_of_64_bits_that_differ(random: Random, zipped: Zip) -> None:
    zipped.whole64 = True
    zipped.end64 = random.choice([{"count": 1}, {"begin": 0}, {"size": 46}])


def another_name_beside_the_file(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.beside_name = b"X" + member.name[1:]


def a_strange_name(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    strange = [b"../evil", b"/tmp/evil", b"..\\evil", member.name.upper(), b"./" + member.name, member.name + b"\0.txt"]
    strange += [member.name + b"/", b"evil", "é.json".encode(), b"C:" + member.name, b"keys.json ", b"\xff"]
    member.name = random.choice(strange)


def a_name_twice(random: Random, zipped: Zip) -> None:
    twin = replace(_any(random, zipped))
    if random.random() < 0.5:
        twin.content, twin.packed = _evil(twin), None
    zipped.members.append(twin)


def another_name_in_an_extra_field(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    name = b"\1" + struct.pack("<L", zlib.crc32(member.name)) + b"evil.txt"
    extra = struct.pack("<2H", 0x7075, len(name)) + name
    member.listed_extra = extra
    if random.random() < 0.5:
        member.beside_extra = extra


def an_extra_field(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    extra = struct.pack("<2HB", 0x5455, 5, 1) + random.randbytes(4)
    where = random.choice(["beside_extra", "listed_extra"])
    setattr(member, where, extra)


def an_offset_of_64_bits_elsewhere(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.listed["offset"] = 0xFFFFFFFF
    member.listed_extra = struct.pack("<2HQ", 1, 8, random.randrange(500))


def a_link(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.content, member.external = b"/etc/passwd", 0o120777 << 16


def a_file_that_nobody_may_read_or_anybody_run(random: Random, zipped: Zip) -> None:
    kind, mode = random.choice([0, 0o100000]), random.choice([0, 0o755, 0o777, 0o200, 0o666])
    _any(random, zipped).external = (kind | mode) << 16


def a_device_or_a_folder(random: Random, zipped: Zip) -> None:
    _any(random, zipped).external = random.choice(
        [0o020644 << 16, 0o040755 << 16, 0o010644 << 16, 0x10, 0o104755 << 16]
    )


def made_elsewhere(random: Random, zipped: Zip) -> None:
    _any(random, zipped).made_by = random.choice([0x0714, 0x1314, 0x0B14, 0x0A14])


def a_text_file(random: Random, zipped: Zip) -> None:
    _any(random, zipped).internal = 1


def a_comment_of_a_file(random: Random, zipped: Zip) -> None:
    _any(random, zipped).comment = b"comment"


def flags(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    flag = {"flags": random.choice([1, 2, 8, 0x20, 0x40, 0x800, 0x2000])}
    random.choice([member.beside.update, member.listed.update])(flag)
    if random.random() < 0.5:
        member.beside |= flag
        member.listed |= flag


def a_descriptor_behind_the_file(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    sizes = {"crc": zlib.crc32(member.content), "packed": len(member.body()), "size": len(member.content)}
    member.after = struct.pack("<4s3L", b"PK\7\x08", *sizes.values())
    member.beside = {"flags": 8, "crc": 0, "packed": 0, "size": 0}
    member.listed = {"flags": 8}


def another_packing(random: Random, zipped: Zip) -> None:
    _any(random, zipped).method = random.choice([12, 14])


def a_method_that_is_none(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.packed = member.body()
    member.method = random.choice([1, 6, 9, 93, 95, 99])


def another_method_beside_the_file(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.beside["method"] = 0 if member.method else 8


def bytes_after_the_deflated_end(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.packed = pack(member.content, 8) + random.randbytes(random.randrange(1, 50))
    member.method = 8


def a_deflated_stream_that_breaks_off(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.method = 8
    member.packed = pack(member.content, 8)[:-1]


def a_wrong_size(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    wrong = {"size": max(0, len(member.content) + random.choice([-1, 1, 1000, -10]))}
    random.choice([member.beside.update, member.listed.update])(wrong)
    if random.random() < 0.5:
        member.beside |= wrong
        member.listed |= wrong


def a_wrong_crc(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    wrong = {"crc": random.randrange(1 << 32)}
    random.choice([member.beside.update, member.listed.update])(wrong)


def a_wrong_packed_size(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    wrong = {"packed": max(0, len(member.body()) + random.choice([-1, 1, 30]))}
    random.choice([member.beside.update, member.listed.update])(wrong)


def files_that_overlap(random: Random, zipped: Zip) -> None:
    first, second = random.sample(zipped.members, 2)
    second.listed["offset"] = 0
    first.listed["offset"] = 0


def a_file_that_is_not_listed_in_the_manifest(random: Random, zipped: Zip) -> None:
    names = [b"ancestors/%s.json" % (b"0" * 64), b"tables/%s" % (b"a" * 64), b"leaves/%020d.json" % 7]
    zipped.members.append(Member(random.choice(names), random.randbytes(50)))


def a_file_left_out(random: Random, zipped: Zip) -> None:
    zipped.members.remove(_any(random, zipped))


def another_content(random: Random, zipped: Zip) -> None:
    member = _any(random, zipped)
    member.content = _evil(member)


ONE_READING: tuple[Change, ...] = (
    other_dates,
    stored,
    another_level,
    another_order,
    a_regular_file_with_other_permissions,
    sizes_of_64_bits,
)
TWO_READINGS: tuple[Change, ...] = tuple(
    value
    for name, value in list(globals().items())
    if callable(value)
    and getattr(value, "__module__", "") == __name__
    and not name.startswith("_")
    and name not in {"Member", "Zip", "pack", *(change.__name__ for change in ONE_READING)}
)


def generated(seed: int, files: dict[str, bytes]) -> tuple[Zip, list[str]]:
    """A container around the files, and the names of what was done to it."""
    random = Random(seed)
    zipped = Zip([Member(name.encode(), content) for name, content in files.items()])
    changes = random.choices(ONE_READING, k=random.randrange(4))
    if random.random() < 0.75:
        changes += random.choices(TWO_READINGS, k=random.choice([1, 1, 1, 2]))
    for change in changes:
        change(random, zipped)
    return zipped, [change.__name__ for change in changes]
