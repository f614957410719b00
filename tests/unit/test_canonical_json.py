"""RFC 8785 (JCS) and the strict parser."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.values.canonical_json import (
    NoCanonicalForm,
    NotCanonical,
    UnreadableJson,
    canonical,
    parse_canonical,
    parse_strict,
)

EXACT = 2**53 - 1
SCALARS = st.none() | st.booleans() | st.integers(-EXACT, EXACT) | st.floats(-EXACT, EXACT)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(SCALARS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)


def test_the_example_of_rfc_8785_section_3_2() -> None:
    text = rb"""{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
      "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"""
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(json.loads(text)) == expected.encode()


def test_the_sorting_example_of_rfc_8785_section_3_2_3() -> None:
    text = b"""{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
      "\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}"""
    names = list(json.loads(canonical(parse_strict(text))).values())
    assert [name.split()[0] for name in names] == ["Carriage", "One", "Control", "Latin", "Euro", "Emoji:", "Hebrew"]


@given(VALUES)
def test_canonical_bytes_parse_to_their_value_and_nothing_else(value: object) -> None:
    text = canonical(value)
    assert text == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert canonical(parse_canonical(text)) == text


@given(VALUES)
def test_any_other_spelling_is_refused(value: object) -> None:
    text = canonical(value)
    for other in (b" " + text, text + b"\n", json.dumps(value, indent=1).encode()):
        if other != text:
            with pytest.raises((NotCanonical, UnreadableJson)):
                parse_canonical(other)


@given(st.binary())
def test_accepted_bytes_are_exactly_the_canonical_ones(text: bytes) -> None:
    try:
        value = parse_canonical(text)
    except (NotCanonical, UnreadableJson):
        return
    assert rfc8785.dumps(value) == text


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"{",
        b"{}x",
        b"",
        '{"a":1}'.encode("utf-16"),
        b"[" * 100_000,
        b"9" * 5000,
    ],
    ids=lambda text: repr(text[:14]),
)
def test_what_is_not_strict_json_is_refused(text: bytes) -> None:
    with pytest.raises(UnreadableJson):
        parse_strict(text)
    with pytest.raises((UnreadableJson, NotCanonical)):
        parse_canonical(text)


@pytest.mark.parametrize(
    "text", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1.0}', b'{"a":-0}', b'"\\ud800"', b'"\\u0041"', b"9007199254740992"]
)
def test_another_spelling_is_not_canonical(text: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse_canonical(text)


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {1: 2}, {1}], ids=repr)
def test_values_without_a_canonical_form_are_refused(value: object) -> None:
    with pytest.raises(NoCanonicalForm):
        canonical(value)


@pytest.mark.parametrize("code", range(0x110))
def test_every_character_has_one_spelling(code: int) -> None:
    """RFC 8785, section 3.2.2.2: short escapes, else lower-case hex, and none without need."""
    value = {chr(code) + "k": "a" + chr(code) + "b"}
    text = rfc8785.dumps(value)  # type: ignore[arg-type]
    assert canonical(value) == text
    assert parse_canonical(text) == value
    escaped = f"\\u{code:04x}"
    for spelling in (escaped, escaped.upper().replace("U", "u"), chr(code), json.dumps(chr(code))[1:-1]):
        other = f'{{"k":"a{spelling}b"}}'.encode()
        try:
            found = parse_canonical(other)
        except (NotCanonical, UnreadableJson):
            continue
        assert rfc8785.dumps(found) == other


@given(VALUES, st.integers(0), st.sampled_from(list(b'{}[]:,"0123456789.eE+-\\utrnfalse \n')))
def test_no_neighbour_of_a_canonical_text_is_taken_for_canonical(value: object, at: int, byte: int) -> None:
    text = bytearray(canonical(value))
    text[at % len(text)] = byte
    try:
        found = parse_canonical(bytes(text))
    except (NotCanonical, UnreadableJson):
        return
    assert rfc8785.dumps(found) == bytes(text)


@pytest.mark.parametrize(
    "text", [b'{"a":1,"a":1}', b"[1e400]", b"[9007199254740992]", b"[-0]", b"[1.0]", b"[0.1e1]", b"[01]"]
)
def test_the_fast_way_takes_no_short_cut(text: bytes) -> None:
    with pytest.raises((NotCanonical, UnreadableJson)):
        parse_canonical(text)
