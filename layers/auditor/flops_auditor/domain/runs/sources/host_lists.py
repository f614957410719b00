"""Slurm's lists of hosts, such as `ip-10-1-2-[3-5,9],ip-10-1-3-7` (Slurm, scontrol, "show hostnames")."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

MOST_NAMED = 20_000
"""Hosts of one list: HyperPod's largest cluster is far smaller."""
_LONGEST = 100_000
_PART = re.compile(r"(?:[^,\[\]]|\[[0-9,-]+\])+")
_PIECES = re.compile(r"\[([0-9,-]+)\]|([^\[\]]+)")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


class UnreadableHosts(ValueError):
    """A text that is no list of hosts, or one of too many."""


@lru_cache(1024)
def host_names(text: str) -> tuple[str, ...]:
    """The hosts of a list, in lower case as DNS has them, each once. Raises UnreadableHosts."""
    if len(text) > _LONGEST:
        raise UnreadableHosts("it is too long")
    names: dict[str, None] = {}
    place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            raise UnreadableHosts("it is no list of hosts")
        for name in _of_part(part[0]):
            names[name.lower()] = None
            if len(names) > MOST_NAMED:
                raise UnreadableHosts(f"it has more than {MOST_NAMED} hosts")
        place = part.end()
        if place < len(text) and text[place] != ",":
            raise UnreadableHosts("it is no list of hosts")
        place += 1
    return tuple(names)


def _of_part(part: str) -> Iterator[str]:
    pieces = _PIECES.findall(part)
    return map("".join, product(*([literal] if literal else list(_numbers(ranges)) for ranges, literal in pieces)))


def _numbers(ranges: str) -> Iterator[str]:
    """Numbers as they are written, with their leading zeros."""
    for each in ranges.split(","):
        match = _RANGE.fullmatch(each)
        if match is None:
            raise UnreadableHosts("it has a range that is none")
        first, last = match[1], match[2] or match[1]
        if not 0 <= int(last) - int(first) < MOST_NAMED:
            raise UnreadableHosts("it has a range that is none, or too long")
        yield from (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
