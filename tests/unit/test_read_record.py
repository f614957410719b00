"""Reading a record at once, in its form and its one spelling, beside the slow way, which names what is wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.ledger.dsse import Envelope
from flops_auditor.domain.ledger.forms import RECORD_FORM
from flops_auditor.domain.ledger.leaves import record_of
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord, NonCanonicalRecord
from flops_auditor.domain.ledger.statement import parse_statement, read_record
from flops_auditor.domain.values.canonical_json import canonical, parse_strict
from tests.fakes.ledger_world import START, real_draft

PIECES = st.sampled_from(
    [
        *(
            b"x",
            b"\x7f",
            b" ",
            b"\n",
            b"\0",
            b'"',
            b",",
            b"[]",
            b"{}",
            b"null",
            b"true",
            b'"a":1,',
            b'"verdict":"below",',
        ),
        *(
            b"\\b",
            b"\\n",
            b"\\/",
            b'\\"',
            b"\\u0008",
            b"\\u001f",
            b"\\u001F",
            b"\\u0041",
            b"\\u007f",
            b"\\ud800",
            b"\\u00e9",
        ),
        *(b"0", b"-0", b"1.0", b"1e0", b"NaN", b"9" * 17, b"9" * 30, b"[" * 300),
    ]
)
"""What parsers and writers of JSON treat in more than one way."""
PAYLOAD = real_draft(1, START).payload


def as_record(payload: bytes) -> None:
    record_of(Envelope(payload, "", ()))


def test_what_is_read_at_once_is_what_the_slow_way_reads() -> None:
    assert read_record(PAYLOAD) == parse_statement(PAYLOAD)
    as_record(PAYLOAD)


def test_a_record_that_is_not_ascii_is_read_the_slow_way() -> None:
    statement = json.loads(PAYLOAD)
    statement["predicate"]["job"]["name"] = "für \U0001f600"
    payload = canonical(statement)
    assert read_record(payload) is None
    as_record(payload)


def turned(payload: bytes) -> bytes:
    return json.dumps(dict(reversed(json.loads(payload).items())), separators=(",", ":")).encode()


def tables_turned(payload: bytes) -> bytes:
    statement = json.loads(payload)
    tables = statement["predicate"]["tables"]
    assert list(tables) == sorted(tables)
    statement["predicate"]["tables"] = dict(reversed(tables.items()))
    return json.dumps(statement, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "respell",
    [
        turned,
        tables_turned,
        lambda payload: payload + b" ",
        lambda payload: payload.replace(b'"revision":0', b'"revision": 0'),
        lambda payload: payload.replace(b'"revision":0', b'"revision":-0'),
        lambda payload: payload.replace(b'"Completed"', rb'"\u0043ompleted"'),
        lambda payload: payload.replace(b'"arn:', rb'"arn\u003a', 1),
    ],
    ids=range(7),
)
def test_another_spelling_is_named(respell: Callable[[bytes], bytes]) -> None:
    payload = respell(PAYLOAD)
    assert payload != PAYLOAD
    assert read_record(payload) is None
    with pytest.raises(NonCanonicalRecord):
        as_record(payload)


def changed(**members: Any) -> bytes:
    statement = json.loads(PAYLOAD)
    return json.dumps(
        {**statement, "predicate": {**statement["predicate"], **members}}, sort_keys=True, separators=(",", ":")
    ).encode()


@pytest.mark.parametrize(
    "payload",
    [
        changed(more="x"),
        changed(revision=True),
        changed(revision=0.5),
        changed(revision=-1),
        changed(verdict="maybe"),
        changed(tables={"a": "b"}),
        changed(recorded_at="2500-01-01T00:00:00.000Z"),
        changed(recorded_at="2026-02-30T00:00:00.000Z"),
        PAYLOAD.replace(b'"revision":0', b'"revision":0,"revision":0'),
        PAYLOAD[:-1],
    ],
    ids=range(10),
)
def test_another_form_is_named(payload: bytes) -> None:
    with pytest.raises(MalformedRecord):
        as_record(payload)


def test_an_integer_beyond_what_every_reader_reads_alike_is_named() -> None:
    payload = PAYLOAD.replace(b'"revision":0', b'"revision":9007199254740993')
    assert read_record(payload) is None
    with pytest.raises(NonCanonicalRecord):
        as_record(payload)


@given(st.integers(0, len(PAYLOAD)), st.integers(0, 2), PIECES | st.binary(max_size=2))
def test_what_is_read_at_once_has_one_spelling_and_one_form(at: int, left_out: int, piece: bytes) -> None:
    payload = PAYLOAD[:at] + piece + PAYLOAD[at + left_out :]
    found = read_record(payload)
    if found is not None:
        assert rfc8785.dumps(parse_strict(payload)) == payload
        assert found == parse_statement(payload)
        RECORD_FORM.check(found.predicate)
