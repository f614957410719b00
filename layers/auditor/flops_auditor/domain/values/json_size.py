"""How much memory JSON takes that is read: who writes what is kept for ever, and who reads it, go by one measure."""

import re

MOST_PARTS = 500_000
"""Of one text that a verifier reads: with it the memory that the text takes is bounded."""
MOST_KEPT_PARTS = MOST_PARTS * 4 // 5
LARGEST_EVIDENCE = 9_000_000
"""Bytes of one record's evidence that a verifier reads. The 100,800 points that an audit asks for are 6 MB."""
LARGEST_ANCESTORS = 1 << 24
"""Bytes of one object with a record's ancestors that it reads."""

MOST_DUE = 64
"""Dated duties of one record."""
MOST_HANDED_ON = 3
"""Doubts of a run that those which continue it list: of others they say how many there are."""
MOST_REMARKS = 64
"""Doubts of one kind of thing, or assumptions, or notes, of one record: of others it says how many they are."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""One that is not closed goes on to the end."""


def parts_of(text: bytes, few: int = MOST_KEPT_PARTS) -> int:
    """At least as many as JSON has lists, objects and what stands in them. What stands in its strings makes none, and
    is looked at where there are more than `few` with it.
    """
    parts = _counted(text)
    if parts <= few:
        return parts
    return parts - sum(_counted(string[0]) for string in _STRING.finditer(text))


def is_readable(text: bytes, largest: int) -> bool:
    """Whether a verifier reads a text of a kind of which it reads so many bytes."""
    return len(text) <= largest and parts_of(text) <= MOST_PARTS


def has_room(text: bytes, largest: int) -> bool:
    """Whether a text is well below that: what was signed can never be made smaller."""
    return len(text) <= largest * 9 // 10 and parts_of(text) <= MOST_KEPT_PARTS


def _counted(text: bytes) -> int:
    return sum(text.count(part) for part in (b"[", b"{", b","))
