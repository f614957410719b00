"""Canonical JSON (RFC 8785, JCS) and a parser that accepts one spelling of one meaning.

Duplicate keys, NaN, byte order marks and lone surrogates are refused: parsers disagree on each of them, and a signature
must not mean two things.
"""

import json
from collections.abc import Iterable
from typing import Any, NoReturn

import orjson
import rfc8785

from flops_auditor.domain.values.errors import AuditorError

LARGEST_INTEGER = 2**53 - 1
"""The largest integer that every JSON parser reads alike (RFC 8785, section 3.2.2.3; RFC 7493, section 2.2)."""


class UnreadableJson(AuditorError):
    """Bytes that are not strict JSON."""

    remedy = "Give UTF-8 JSON without duplicate keys, NaN or infinities."


class NotCanonical(AuditorError):
    """Strict JSON, but not its canonical spelling."""

    remedy = "Use the bytes as they were recorded; do not reformat them."


class NoCanonicalForm(AuditorError):
    """A value that RFC 8785 has no spelling for."""

    remedy = "Write integers of 2^53 and more, and FLOP amounts, as decimal strings."


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value. Raises NoCanonicalForm: integers beyond 2^53 - 1, NaN, no JSON type.

    ASCII without fractions takes a fast way, as in `parse_canonical`.
    """
    try:
        if _is_plain([value], in_order=False):
            text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
            if text.isascii():
                return text
    except (orjson.JSONEncodeError, RecursionError):
        pass  # the slow way names the reason
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise NoCanonicalForm(str(error)) from error


def parse_strict(text: bytes) -> Any:
    """Parse UTF-8 JSON, refusing duplicate keys (RFC 7493, section 2.3), NaN and infinities. Raises UnreadableJson."""
    return _parse(text, _STRICT)


def parse_canonical(text: bytes) -> Any:
    """Parse bytes that must be canonical already. Raises UnreadableJson, or NotCanonical for another spelling.

    ASCII without fractions, which is nearly every record, takes a fast way: what orjson reads and writes again byte for
    byte, with sorted keys and exact integers, has the RFC 8785 form, and no duplicate key.
    """
    if text.isascii():
        try:
            value = orjson.loads(text)
            if orjson.dumps(value) == text and _is_plain([value]):
                return value
        except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
            pass  # the slow way names the reason
    value = parse_strict(text)
    try:
        if rfc8785.dumps(value) == text:
            return value
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise NotCanonical(f"no canonical form: {error}") from error
    raise NotCanonical("not the RFC 8785 spelling of its value")


def _parse(text: bytes, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnreadableJson(f"not strict JSON: {str(error)[:120]}") from error


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, for `object_pairs_hook`. Raises ValueError for a duplicate key."""
    members = dict(pairs)
    if len(members) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in members if keys.count(key) > 1)
        raise ValueError(f"duplicate key in one object: {twice[:60]!r}")
    return members


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not allowed")


def _is_plain(container: dict[str, Any] | list[Any] | tuple[Any, ...], *, in_order: bool = True) -> bool:
    """Whether keys are sorted (for ASCII: by UTF-16 units as well) and numbers are exact integers, all the way down;
    of the keys in any order, where they need not be `in_order`.
    """
    inside: Iterable[Any] = container
    if type(container) is dict:
        keys = list(container) if in_order else []
        if keys != sorted(keys):
            return False
        inside = container.values()
    for each in inside:
        kind = type(each)
        if kind in _TEXTS:
            continue
        if kind in _CONTAINERS:
            if not _is_plain(each, in_order=in_order):
                return False
        elif kind is not int or not -LARGEST_INTEGER <= each <= LARGEST_INTEGER:
            return False
    return True


_TEXTS = frozenset({str, bool, type(None)})
_CONTAINERS = frozenset({dict, list, tuple})
_STRICT = json.JSONDecoder(object_pairs_hook=each_key_once, parse_constant=_refuse)
