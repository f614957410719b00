"""DSSE envelopes: the standard's own vector, one spelling, and securesystemslib as the oracle."""

import base64
import binascii
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as Oracle

from flops_auditor.domain.ledger.dsse import (
    LONGEST_LINE,
    PAYLOAD_TYPE,
    Envelope,
    Signature,
    envelope_line,
    parse_envelope,
    pre_authentication_encoding,
    signed_line,
    strict_base64,
)
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord, NonCanonicalRecord

LINE = envelope_line(b'{"a":1}', "ab", b"\x30\x01")


def test_the_test_vector_of_the_dsse_protocol() -> None:
    assert (
        pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(), st.binary(min_size=1))
def test_a_line_reads_back_and_means_the_same_to_securesystemslib(payload: bytes, der: bytes) -> None:
    line = envelope_line(payload, "0f" * 32, der)
    envelope = parse_envelope(line)
    assert envelope == Envelope(payload, PAYLOAD_TYPE, (Signature("0f" * 32, der),))
    oracle = Oracle.from_dict({**json.loads(line), "signatures": []})
    assert oracle.pae() == envelope.signed_bytes
    assert b"\n" not in line


def test_two_signatures_keep_their_order() -> None:
    signatures = (Signature("ff", b"new"), Signature("aa", b"old"))
    assert parse_envelope(signed_line(b"x", signatures)).signatures == signatures


def with_members(**changed: object) -> bytes:
    return json.dumps({**json.loads(LINE), **changed}, sort_keys=True, separators=(",", ":")).encode()


MALFORMED = {
    "mid-line truncation": LINE[:-10],
    "not json": b"hello",
    "extra member": with_members(extra=1),
    "missing member": with_members()[:-1],
    "duplicate key": LINE[:-1] + b',"payload":""}',
    "no signatures": with_members(signatures=[]),
    "signatures not a list": with_members(signatures={"keyid": "ab", "sig": "MAE="}),
    "extra member in a signature": with_members(signatures=[{"keyid": "ab", "sig": "MAE=", "cert": "x"}]),
    "keyid not text": with_members(signatures=[{"keyid": 1, "sig": "MAE="}]),
    "payloadType not text": with_members(payloadType=1),
    "payload not text": with_members(payload=1),
    "junk inside base64": LINE.replace(b'"payload":"eyJ', b'"payload":"ey\\nJ'),
    "base64url alphabet": with_members(payload="-_-_"),
    "stray bits": with_members(payload=base64.b64encode(b"a").decode().replace("YQ", "YR")),
    "missing padding": with_members(payload="YQ"),
    "a list": b"[]",
    "too long": LINE + b" " * LONGEST_LINE,
}


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED)
def test_malformed(line: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_envelope(line)


@pytest.mark.parametrize(
    "line",
    [
        LINE + b" ",
        LINE.replace(b":", b": "),
        json.dumps(json.loads(LINE), indent=1).encode(),
        LINE.replace(b"ab", b"\\u0061b"),
    ],
)
def test_another_spelling(line: bytes) -> None:
    with pytest.raises(NonCanonicalRecord):
        parse_envelope(line)


@given(st.data())
def test_an_accepted_line_is_the_only_spelling_of_its_envelope(data: st.DataObject) -> None:
    """Leaf hashes cover lines: were two spellings accepted, one record could have two places."""
    at = data.draw(st.integers(0, len(LINE) - 1))
    changed = LINE[:at] + bytes([data.draw(st.integers(0, 255))]) + LINE[at + 1 :]
    try:
        envelope = parse_envelope(changed)
    except (MalformedRecord, NonCanonicalRecord):
        return
    assert (envelope == parse_envelope(LINE)) == (changed == LINE)


BASE64 = st.text("AQgw+/=BZaz019", max_size=12) | st.binary(max_size=12).map(lambda raw: base64.b64encode(raw).decode())
STRAY = st.sampled_from([*"=AB-_ \n\r\t\0\x0b", "==", "\x80"])


@given(BASE64, st.integers(0, 12), STRAY | st.just(""))
def test_base64_has_one_spelling(text: str, at: int, stray: str) -> None:
    """RFC 4648, section 3.5, with Python's own strict reader as the oracle."""
    spelling = (text[:at] + stray + text[at:]).encode("latin-1")
    try:
        expected = binascii.a2b_base64(spelling, strict_mode=True)
    except binascii.Error:
        expected = None
    if expected is not None and base64.b64encode(expected) == spelling:
        assert strict_base64(spelling) == expected
    else:
        with pytest.raises(ValueError, match=r"."):
            strict_base64(spelling)
