"""A large set of ancestors as one object beside the records, named by its digest and shared down a chain.

A record lists up to MOST_INLINE ancestors itself. Beyond that it names an object and lists only what differs from it:
a chain of 10,000 runs then writes a new object every hundred runs, and auditing one more reads one object.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from flops_auditor.domain.lineage.lineage import MOST_INLINE, Ancestor, Lineage, MalformedLineage, from_json, to_json
from flops_auditor.domain.values.archive_keys import ancestors_key
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.json_size import LARGEST_ANCESTORS, MOST_KEPT_PARTS, parts_of

SCHEMA = "https://flops-auditor.dev/ancestors/v1"
MOST_BYTES = 60_000
"""Of listed ancestors: with them a record stays far below the 400 KB that an item of DynamoDB holds."""

ROOM = LARGEST_ANCESTORS * 9 // 10
"""Bytes of one object: with them every verifier reads it."""
_SURELY_FIT = 500
"""Ancestors, whatever their owners call them."""
_FRAME, _OF_A_PARENT = 900, 70
"""Bytes at most of an ancestor without texts, and of each parent in it."""
_PARTS = 32
"""Of an ancestor of which nobody states anything and nothing is in doubt, without its parents and other names."""
_FIRST, _NEXT, _LAST = b'{"ancestors":[{"activity":', b'},{"activity":', f'}}],"schema":"{SCHEMA}"}}'.encode()
"""What stands before, between and after the ancestors of an object in its canonical form. No string of JSON has any of
it in it, since a quotation mark has a backslash there."""


@dataclass(frozen=True)
class AncestorsObject:
    """Where a set of ancestors is kept: key in the archive, SHA-256 of the object in hex, number of ancestors."""

    key: str
    sha256: str
    count: int


@dataclass(frozen=True)
class AncestorSet:
    """An object that was read, with its content."""

    kept: AncestorsObject
    ancestors: tuple[Ancestor, ...]


class Unpacked(NamedTuple):
    """What stands in an object, and how many bytes it has."""

    ancestors: tuple[Ancestor, ...]
    size: int


@dataclass(frozen=True)
class Packed:
    """How a record holds its ancestors: listed in it, and the object with the others; `body` if it is a new one."""

    listed: tuple[Ancestor, ...]
    kept: AncestorsObject | None = None
    body: bytes | None = None


def pack(job_id: str, lineage: Lineage, known: Sequence[AncestorSet] = ()) -> Packed:
    """Choose how to hold a lineage; `known` are the objects that the parents' records name.

    An object fits if every run in it is an ancestor and few ancestors differ from it; otherwise a new one is written.
    Listed are those that differ, and the parents.
    """
    everyone = {ancestor.job_id: ancestor for ancestor in lineage.ancestors}
    if fits(lineage.ancestors):
        return Packed(lineage.ancestors)
    for candidate in sorted(known, key=lambda k: (-k.kept.count, k.kept.key)):
        inside = {a.job_id: a for a in candidate.ancestors}
        if not inside.keys() <= everyone.keys():
            continue
        differing = (a for a in lineage.ancestors if not a.same_but_revision(inside.get(a.job_id)))
        other = tuple(islice(differing, MOST_INLINE + 1))
        if fits(other):
            return Packed(_with_parents(lineage, {a.job_id for a in other}), candidate.kept)
    body = canonical({"schema": SCHEMA, "ancestors": [to_json(a) for a in lineage.ancestors]})
    digest = sha256(body).hexdigest()
    kept = AncestorsObject(ancestors_key(job_id, digest), digest, len(everyone))
    return Packed(_with_parents(lineage, set()), kept, body)


def within_room(ancestors: tuple[Ancestor, ...], parents: Collection[str]) -> tuple[Ancestor, ...]:
    """The ancestors, or as many as one object has room for: the parents, then those of the most compute, where what is
    not known is the most.
    """
    if len(ancestors) <= _SURELY_FIT or _surely_fit(ancestors):
        return ancestors
    kept: set[str] = set()
    size = parts = 0
    for ancestor in sorted(ancestors, key=lambda a: (a.job_id not in parents, *_order(a))):
        text = canonical(to_json(ancestor))
        size, parts = size + len(text) + 1, parts + parts_of(text, 0) + 1
        if size > ROOM - _FRAME or parts > MOST_KEPT_PARTS:
            break
        kept.add(ancestor.job_id)
    return tuple(a for a in ancestors if a.job_id in kept)


def _order(ancestor: Ancestor) -> tuple[bool, int, str]:
    upper = ancestor.upper_flop
    return upper is not None, -(upper or 0), ancestor.job_id


def _surely_fit(ancestors: Sequence[Ancestor]) -> bool:
    """Whether they fit by what is seen without writing them, which takes a second for ten thousand."""
    size = parts = 0
    for a in ancestors:
        if a.doubts or a.stated:
            text = canonical(to_json(a))
            size, parts = size + len(text), parts + parts_of(text, 0)
            continue
        unsaid = a.without_statements.base_model if a.without_statements else ""
        size += _FRAME + _OF_A_PARENT * len(a.parents)
        size += sum(map(_longest, (a.job_arn, a.base_model, unsaid, *a.other_names)))
        parts += _PARTS + len(a.parents) + len(a.other_names)
    return size <= ROOM and parts <= MOST_KEPT_PARTS


def _longest(text: str) -> int:
    """The most bytes that a text may take in JSON: two of each letter that is seen, six of any other."""
    return (2 if text.isascii() and text.isprintable() else 6) * len(text)


def fits(ancestors: Sequence[Ancestor]) -> bool:
    """Whether a record can list so many ancestors itself."""
    return len(ancestors) <= MOST_INLINE and sum(map(_size, ancestors)) <= MOST_BYTES


def _size(ancestor: Ancestor) -> int:
    return len(canonical(to_json(ancestor)))


def _with_parents(lineage: Lineage, listed: set[str]) -> tuple[Ancestor, ...]:
    """Those that must be listed, and as many parents as there is room for: the object has them, too."""
    shown = set(listed)
    room = MOST_BYTES
    for ancestor in lineage.ancestors:
        room -= _size(ancestor) if ancestor.job_id in lineage.parents else 0
        if ancestor.job_id in lineage.parents and room >= 0:
            shown.add(ancestor.job_id)
    return tuple(a for a in lineage.ancestors if a.job_id in shown)


def read_kept(key: str, digest: str, ancestors: tuple[Ancestor, ...]) -> AncestorSet:
    """An object that was read."""
    return AncestorSet(AncestorsObject(key, digest, len(ancestors)), ancestors)


def unpack(body: bytes, digest: str) -> tuple[Ancestor, ...]:
    """Read an object. Raises MalformedLineage when the bytes are not those that the digest names."""
    _check(body, digest)
    return _unpacked(body)


class Unpacking:
    """Reads objects that say much the same: an ancestor that several list alike is read once, and is one value."""

    def __init__(self) -> None:
        self._read: dict[bytes, Ancestor] = {}

    def __call__(self, body: bytes, digest: str) -> tuple[Ancestor, ...]:
        """The same as `unpack`."""
        _check(body, digest)
        if not (body.startswith(_FIRST) and body.endswith(_LAST)):
            return _unpacked(body)
        try:
            return tuple(map(self._once, body[len(_FIRST) : -len(_LAST)].split(_NEXT)))
        except (MalformedLineage, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return _unpacked(body)  # which names what is wrong

    def _once(self, text: bytes) -> Ancestor:
        key = sha256(text).digest()
        if key not in self._read:
            self._read[key] = from_json(json.loads(b'{"activity":%b}' % text))
        return self._read[key]


def _check(body: bytes, digest: str) -> None:
    if sha256(body).hexdigest() != digest:
        raise MalformedLineage(f"the ancestors object does not have the digest {digest}")


def _unpacked(body: bytes) -> tuple[Ancestor, ...]:
    try:
        document = json.loads(body)
        if document["schema"] != SCHEMA:
            raise MalformedLineage(f"schema is {str(document['schema'])[:80]!r}")
        return tuple(from_json(ancestor) for ancestor in document["ancestors"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise MalformedLineage(f"the ancestors object: {error!r}") from error
