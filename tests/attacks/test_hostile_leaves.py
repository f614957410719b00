"""Whatever a holder of the keys signs, the verifier answers with a named error and never falls over."""

import copy
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.ledger import ledger_errors
from flops_auditor.domain.ledger.agreement import Reader
from flops_auditor.domain.ledger.dsse import Signature, signed_line
from flops_auditor.domain.ledger.key_history import KeyHistory, parse_key_history
from flops_auditor.domain.ledger.leaves import heartbeat, rotation
from flops_auditor.domain.ledger.ledger_errors import LedgerError
from flops_auditor.domain.ledger.statement import STATEMENT_TYPE, parse_statement
from flops_auditor.domain.ledger.verification import LogFacts, check_chunk
from flops_auditor.domain.values.canonical_json import canonical, parse_strict
from flops_auditor.use_cases.ledger.signatures import verifies
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import LEDGER, START, draft, sign

RECORD, CHECKPOINT, NEW = MemorySigner("record"), MemorySigner("checkpoint"), MemorySigner("record 2")
KEYS = KeyHistory.genesis(LEDGER, RECORD.public_key(), CHECKPOINT.public_key())
FACTS = LogFacts(LEDGER, KEYS, 1, verifies, Reader(bytes(16)))
AT = "2026-11-01T00:00:00.000Z"
PAYLOADS = {
    "record": draft(1, START).payload,
    "heartbeat": heartbeat(LEDGER, AT, 0, 0, (0, "0" * 64), KEYS, 0),
    "rotation": rotation(LEDGER, "record", 0, sign(b"", RECORD).keyid, NEW.public_key(), AT),
}
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, each in inner for path in places(each, (*at, key)))]


@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_a_signed_leaf_with_anything_anywhere_is_named(kind: str, data: st.DataObject) -> None:
    found = parse_statement(PAYLOADS[kind])
    statement: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": found.subject_name, "digest": {"sha256": found.subject_sha256}}],
        "predicateType": found.predicate_type,
        "predicate": copy.deepcopy(found.predicate),
    }
    path = data.draw(st.sampled_from(places(statement)[1:]))
    target: Any = statement
    for key in path[:-1]:
        target = target[key]
    if data.draw(st.booleans()) and isinstance(target, dict):
        del target[path[-1]]
    else:
        target[path[-1]] = data.draw(JSON)
    payload = canonical(statement)
    signers = {"record": [RECORD], "heartbeat": [CHECKPOINT], "rotation": [RECORD, NEW]}[kind]
    line = signed_line(payload, tuple(sign(payload, signer) for signer in signers))
    summary = check_chunk(FACTS, 0, line + b"\n", None)
    assert {finding.error for finding in summary.findings} <= set(vars(ledger_errors))


@given(st.sampled_from(sorted(PAYLOADS)), st.binary(max_size=80), st.lists(st.tuples(st.text(max_size=4), st.binary())))
def test_an_envelope_with_any_signatures_is_named(
    kind: str, payload: bytes, signatures: list[tuple[str, bytes]]
) -> None:
    for content in (payload, PAYLOADS[kind]):
        line = signed_line(content, tuple(Signature(*signature) for signature in signatures))
        assert check_chunk(FACTS, 0, line + b"\n", None).findings


@given(JSON, st.data())
def test_a_keys_file_with_anything_anywhere_is_named(value: Any, data: st.DataObject) -> None:
    document = parse_strict(KEYS.to_bytes())
    path = data.draw(st.sampled_from(places(document)[1:]))
    target: Any = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    for text in (canonical(document), canonical(value)):
        try:
            found = parse_key_history(text)
        except LedgerError:
            continue
        assert found.to_bytes() == text
        assert found.first_keys.current("record").first == 0


def test_of_the_tables_that_a_record_names_those_are_kept_that_are_at_hand() -> None:
    """It may name any number of others, and each of them would stay in memory to the end."""
    payload = PAYLOADS["record"]
    line = signed_line(payload, (sign(payload, RECORD),))
    named = parse_statement(payload).predicate["tables"].values()
    for tables in (frozenset[str](), frozenset([min(named), "0" * 64])):
        summary = check_chunk(replace(FACTS, tables=tables), 0, line + b"\n", None)
        assert (summary.findings, summary.tally.tables) == ([], tables.intersection(named))
