"""DSSE envelopes (github.com/secure-systems-lab/dsse, protocol v1.0.2 and envelope v1.0.0), in one exact spelling.

The standard allows any JSON spelling and both base64 alphabets. This ledger allows one: the three standard members,
RFC 8785 order, padded standard base64. Hence an envelope has one line, and a leaf hash over the line covers everything.
"""

import re
from typing import Any, NamedTuple

from pybase64 import b64decode, b64encode, b64encode_as_string

from flops_auditor.domain.ledger.ledger_errors import MalformedRecord, NonCanonicalRecord
from flops_auditor.domain.values.canonical_json import NoCanonicalForm, UnreadableJson, canonical, parse_strict

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LONGEST_LINE = 1 << 20
"""Bytes. A record is a few kilobytes; the bound keeps a hostile bundle from filling memory."""


class Signature(NamedTuple):
    """One signature: `keyid` is a hint (hex SHA-256 of the key's SPKI DER), `der` an ASN.1 DER ECDSA signature."""

    keyid: str
    der: bytes


class Envelope(NamedTuple):
    """A parsed envelope; `payload` holds the received bytes, which are verified before they are parsed."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    @property
    def signed_bytes(self) -> bytes:
        """What every signature is over."""
        return pre_authentication_encoding(self.payload_type, self.payload)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE (DSSE protocol v1.0.2): "DSSEv1" SP len(type) SP type SP len(payload) SP payload, lengths in decimal."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope_line(payload: bytes, keyid: str, der_signature: bytes) -> bytes:
    """The exact line of an envelope with one signature, without the newline."""
    return signed_line(payload, (Signature(keyid, der_signature),))


def signed_line(payload: bytes, signatures: tuple[Signature, ...]) -> bytes:
    """The exact line of an envelope with these signatures, without the newline."""
    return _line(PAYLOAD_TYPE, payload, signatures)


def parse_envelope(line: bytes) -> Envelope:
    """Read one line. Raises MalformedRecord (not such an envelope) or NonCanonicalRecord (another spelling of one)."""
    if len(line) > LONGEST_LINE:
        raise MalformedRecord(f"a line of {len(line)} bytes; the longest allowed has {LONGEST_LINE}")
    if line.startswith(_START):
        end = line.find(b'"', len(_START))
        match = _ONE_SIGNATURE.fullmatch(line, end) if end > 0 else None
        if match:
            payload_type, keyid, der = match.groups()
            payload = _decode(line[len(_START) : end])
            return Envelope(payload, payload_type.decode(), (Signature(keyid.decode(), _decode(der)),))
    return _parse_slowly(line)


_START = b'{"payload":"'
_ONE_SIGNATURE = re.compile(
    rb'","payloadType":"([A-Za-z0-9./+-]*)",'
    rb'"signatures":\[\{"keyid":"([0-9a-f]*)","sig":"([A-Za-z0-9+/]*={0,2})"\}\]\}'
)


def _line(payload_type: str, payload: bytes, signatures: tuple[Signature, ...]) -> bytes:
    return canonical(
        {
            "payload": b64encode_as_string(payload),
            "payloadType": payload_type,
            "signatures": [{"keyid": s.keyid, "sig": b64encode_as_string(s.der)} for s in signatures],
        }
    )


def _parse_slowly(line: bytes) -> Envelope:
    """Any spelling, to name what is wrong; also envelopes with two signatures."""
    try:
        document = parse_strict(line)
    except UnreadableJson as error:
        raise MalformedRecord(str(error)) from error
    _members(document, {"payload", "payloadType", "signatures"}, "envelope")
    if not isinstance(document["signatures"], list) or not document["signatures"]:
        raise MalformedRecord("the envelope has no signatures")
    for signature in document["signatures"]:
        _members(signature, {"keyid", "sig"}, "signature")
        if not isinstance(signature["keyid"], str):
            raise MalformedRecord("keyid is not a string")
    if not isinstance(document["payloadType"], str):
        raise MalformedRecord("payloadType is not a string")
    envelope = Envelope(
        _decode(document["payload"]),
        document["payloadType"],
        tuple(Signature(s["keyid"], _decode(s["sig"])) for s in document["signatures"]),
    )
    try:
        canonical_line = _line(envelope.payload_type, envelope.payload, envelope.signatures)
    except NoCanonicalForm as error:
        raise NonCanonicalRecord(f"the envelope has no canonical spelling: {error}") from error
    if canonical_line != line:
        raise NonCanonicalRecord("the envelope is not in its canonical spelling")
    return envelope


def _members(value: Any, expected: set[str], what: str) -> None:
    if not isinstance(value, dict) or set(value) != expected:
        raise MalformedRecord(f"the {what} must have exactly the members {', '.join(sorted(expected))}")


def _decode(text: bytes | str | Any) -> bytes:
    if not isinstance(text, str | bytes):
        raise MalformedRecord("base64 that is not a text")
    try:
        return strict_base64(text.encode("ascii") if isinstance(text, str) else text)
    except ValueError as error:
        raise MalformedRecord(f"not strict base64: {error}") from error


def strict_base64(text: bytes) -> bytes:
    """What these characters stand for, if no others do: RFC 4648, section 4, padded, unused bits zero, no white space.

    Raises ValueError.
    """
    decoded = b64decode(text, validate=True)
    if b64encode(decoded) != text:
        raise ValueError("stray bits, or padding that is missing or too much")
    return decoded
