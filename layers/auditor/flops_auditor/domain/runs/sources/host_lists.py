"""Slurm's lists of hosts, such as `ip-10-1-2-[3-5,9],ip-10-1-3-7` (Slurm, scontrol, "show hostnames")."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from math import prod

MOST_NAMED = 20_000
"""Hosts of one list: HyperPod's largest cluster is far smaller."""
_LONGEST = 100_000
_LONGEST_NAME = 255
"""Characters of a host's name at most (RFC 1035, 2.3.4)."""
_PART = re.compile(r"(?:[^,\[\]]|\[[0-9,-]+\])+")
_PIECES = re.compile(r"\[([0-9,-]+)\]|([^\[\]]+)")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_KEPT = 64
"""Lists whose hosts are kept: lines of a job name the same ones."""


class UnreadableHosts(ValueError):
    """A text that is no list of hosts, or one of too many."""


@lru_cache(_KEPT)
def host_names(text: str) -> tuple[str, ...]:
    """The hosts of a list, in lower case as DNS has them, each once. Raises UnreadableHosts."""
    _count(text)
    return tuple(dict.fromkeys(name.lower() for part in _parts(text) for name in _of_part(part)))


def hosts_named(lists: Iterable[str]) -> int:
    """How many hosts lists name, each as often as they do, without writing them out; one that cannot be read names
    none.
    """
    return sum(map(_count_or_none, lists))


@lru_cache(_KEPT)
def _count_or_none(text: str) -> int:
    try:
        return _count(text)
    except UnreadableHosts:
        return 0


def _count(text: str) -> int:
    """Raises UnreadableHosts."""
    if len(text) > _LONGEST:
        raise UnreadableHosts("it is too long")
    count = 0
    for part in _parts(text):
        pieces = _PIECES.findall(part)
        if sum(len(literal) if literal else _longest_number(ranges) for ranges, literal in pieces) > _LONGEST_NAME:
            raise UnreadableHosts("it has a name that is too long")
        count += prod(_length_of(ranges) for ranges, literal in pieces if not literal)
        if count > MOST_NAMED:
            raise UnreadableHosts(f"it has more than {MOST_NAMED} hosts")
    return count


def _parts(text: str) -> Iterator[str]:
    """What stands between commas that are in no brackets. Raises UnreadableHosts."""
    place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            raise UnreadableHosts("it is no list of hosts")
        yield part[0]
        place = part.end()
        if place < len(text) and text[place] != ",":
            raise UnreadableHosts("it is no list of hosts")
        place += 1


def _of_part(part: str) -> Iterator[str]:
    pieces = _PIECES.findall(part)
    return map("".join, product(*([literal] if literal else list(_numbers(ranges)) for ranges, literal in pieces)))


def _numbers(ranges: str) -> Iterator[str]:
    """Numbers as they are written, with their leading zeros."""
    for first, last in map(_ends, ranges.split(",")):
        yield from (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))


def _length_of(ranges: str) -> int:
    return sum(int(last) - int(first) + 1 for first, last in map(_ends, ranges.split(",")))


def _longest_number(ranges: str) -> int:
    """Characters of it."""
    return max(len(number) for first, last in map(_ends, ranges.split(",")) for number in (first, last))


def _ends(each: str) -> tuple[str, str]:
    match = _RANGE.fullmatch(each)
    if match is None:
        raise UnreadableHosts("it has a range that is none")
    first, last = match[1], match[2] or match[1]
    if not 0 <= int(last) - int(first) < MOST_NAMED:
        raise UnreadableHosts("it has a range that is none, or too long")
    return first, last
