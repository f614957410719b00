"""What a verifier refuses of a record the sealer holds back, whoever signed it: a place in the log stays.

docs/ledger.md lists what it cannot hold, each with the reason; there is nothing else.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.ledger import ledger_errors
from flops_auditor.domain.ledger.dsse import PAYLOAD_TYPE, envelope_line, parse_envelope
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.ledger_errors import CannotVerify, KeyReused, Tampered, TimeRunsBackwards
from flops_auditor.use_cases.ledger.seal_log import Held
from flops_auditor.use_cases.ports.ledger import PendingRecord
from tests.attacks.test_forged_histories import (
    ATTACKS,
    a_child_before_its_parent,
    a_parent_listed_as_one,
    an_object_of_another_schema,
    honest,
)
from tests.fakes.forger import Forger
from tests.fakes.ledger import MemoryArchive, MemorySigner
from tests.fakes.ledger_world import START, Draft, World, draft, sign, superseding
from tests.fakes.live_ledger import LiveLedger

DOCUMENT = Path(__file__).parents[2] / "docs" / "ledger.md"
TITLE = "### What the sealer cannot hold back"
RECORD, CHECKPOINT, STRANGER = (MemorySigner(name) for name in ("record", "checkpoint", "stranger"))


def listed() -> dict[str, str]:
    """What the sealer cannot hold back, each with the reason, as docs/ledger.md lists it."""
    section = DOCUMENT.read_text(encoding="utf-8").split(TITLE)[1].split("\n#")[0]
    return dict(re.findall(r"^\| ([A-Z][A-Za-z]+) \| (.+) \|$", section, re.MULTILINE))


# Records whose form, histories and times no verifier takes


@pytest.fixture(scope="module")
def world() -> LiveLedger:
    return honest()


@pytest.fixture(scope="module")
def untouched(world: LiveLedger, tmp_path_factory: pytest.TempPathFactory) -> Forger:
    return Forger(world, tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def forger(untouched: Forger) -> Iterator[Forger]:
    with untouched.lent() as forger:
        yield forger


def records_of(forger: Forger) -> list[PendingRecord]:
    """As the table has them, whatever they say now."""
    lines = (forger.bundle.line(index) for index, leaf in enumerate(forger.leaves) if leaf.kind == "record")
    before = (json.loads(parse_envelope(leaf.line).payload)["predicate"] for leaf in forger.records())
    return [PendingRecord(said["job"]["id"], said["revision"], line) for said, line in zip(before, lines, strict=True)]


def given_to_a_sealer(records: list[PendingRecord], world: LiveLedger) -> tuple[set[str], bool]:
    """What an honest sealer names, that is given these one after the other; whether all got a place."""
    ledger = LiveLedger()
    ledger.clock.now = world.clock.now
    held = list[Held]()
    for record in records:
        ledger.pending.logged.pop(record.identity, None)
        ledger.pending.commit(record)
        held += ledger.seal().held
    names = {"RevisionOutOfOrder" if each.error == "PredecessorNotLogged" else each.error for each in held}
    return names, sealed(ledger.archive).issuperset(record.line for record in records)


def sealed(archive: MemoryArchive) -> set[bytes]:
    return {line for key in archive.list("log/") for line in (archive.get(key) or b"").split(b"\n")}


def remarks(number: int) -> list[dict[str, str]]:
    return [{"kind": "", "words": str(each)} for each in range(number)]


def an_ancestor(doubts: int) -> dict[str, Any]:
    run = {"job_arn": "arn", "job_id": "0" * 64, "best_flop": "1", "upper_flop": "1", "doubts": remarks(doubts)}
    return {**run, "activity": "fine-tuning", "revision": 0}


MOST: dict[str, tuple[int, Callable[[dict[str, Any], int], None]]] = {
    "letters of a policy": (64, lambda said, number: said["assessments"][0].update(policy="a" * number)),
    "letters of a scenario": (64, lambda said, number: said["assessments"][0].update(scenario="a" * number)),
    "letters of a version": (40, lambda said, number: said.update(code_version="~" * number)),
    "assumptions": (65, lambda said, number: said["estimate"].update(assumptions=remarks(number))),
    "doubts": (65, lambda said, number: said["estimate"].update(doubts=remarks(number))),
    "doubts about lineage": (65, lambda said, number: said["lineage"].update(doubts=remarks(number))),
    "notes about lineage": (65, lambda said, number: said["lineage"].update(notes=remarks(number))),
    "doubts of an ancestor": (4, lambda said, number: said["cumulative"].update(ancestors=[an_ancestor(number)])),
    "what was not assessed": (65, lambda said, number: said.update(not_assessed=remarks(number))),
    "milder reasons": (64, lambda said, number: said["rests_on"].update(milder=[""] * number)),
}
"""How many of something a record has at most, since no audit writes more."""


@pytest.mark.parametrize("what", MOST)
def test_a_record_that_says_more_than_any_audit_writes_gets_no_place(what: str) -> None:
    """Whoever verifies pays for each name and remark: a log of such records took 1 GB of memory, and was valid."""
    ledger, (most, change) = World(), MOST[what]
    for number in (most, most + 1):
        made = ledger.draft()
        change(made.content, number)
        ledger.commit(made)
    sealed_now = ledger.seal()
    assert [each.error for each in sealed_now.held] == ["MalformedRecord"]
    assert sealed_now.records == 1


BY_EVIDENCE = {"LineageMismatch", "NotRecomputable", "TooLarge"}
"""What `verify` alone does not see, or sees in files beside the records."""
BEYOND = {a_child_before_its_parent, a_parent_listed_as_one, an_object_of_another_schema}


@pytest.mark.parametrize(
    "attack", [attack for attack, names in ATTACKS.items() if not names <= BY_EVIDENCE], ids=lambda each: each.__name__
)
def test_what_verify_alone_refuses_of_a_record_gets_no_place(
    forger: Forger, world: LiveLedger, attack: Callable[[Forger], None]
) -> None:
    """What follows a record that is held waits as well, and one that says it is another one is malformed."""
    honest_records = set(records_of(forger))
    attack(forger)
    found = {each.error for each in forger.verify().findings}
    records = records_of(forger)
    if honest_records.issuperset(records):
        return  # the sealer's own leaves were changed, or the order in which it puts records
    held, all_sealed = given_to_a_sealer(records, world)
    if attack in BEYOND:
        assert found <= listed().keys()
    assert all_sealed == (attack in BEYOND or not found)
    assert held <= (found | {"RevisionOutOfOrder", "MalformedRecord"} if found else found)


# Envelopes, and what else a single record shows


def signed_by(signer: MemorySigner) -> Callable[[Draft], bytes]:
    return lambda made: made.line(signer)


def signed_by_another_in_its_name(made: Draft) -> bytes:
    return envelope_line(made.payload, keyid(RECORD.public_key()), sign(made.payload, STRANGER).der)


def of_another_payload_type(made: Draft) -> bytes:
    line = envelope_line(made.payload, keyid(RECORD.public_key()), sign(made.payload, RECORD, "application/json").der)
    return line.replace(PAYLOAD_TYPE.encode(), b"application/json")


def of_an_unknown_predicate(made: Draft) -> bytes:
    return replace(made, predicate_type="https://flops-auditor.dev/attestation/praise/v1").line(RECORD)


def spelled_otherwise(made: Draft) -> bytes:
    payload = made.payload.replace(b",", b", ", 1)
    return envelope_line(payload, keyid(RECORD.public_key()), sign(payload, RECORD).der)


def with_a_line_assessed_twice(made: Draft) -> bytes:
    made.content["assessments"] *= 2
    return made.line(RECORD)


def of_another_ledger(made: Draft) -> bytes:
    made.content["ledger_id"] += "-2"
    return made.line(RECORD)


ENVELOPES: dict[Callable[[Draft], bytes], str] = {
    signed_by(STRANGER): "UnknownKey",
    signed_by(CHECKPOINT): "KeyNotValidAtIndex",
    signed_by_another_in_its_name: "BadSignature",
    of_another_payload_type: "WrongPayloadType",
    of_an_unknown_predicate: "UnknownPredicate",
    spelled_otherwise: "NonCanonicalRecord",
    with_a_line_assessed_twice: "MalformedRecord",
    of_another_ledger: "WrongLedger",
}


@pytest.mark.parametrize(("forged", "name"), ENVELOPES.items(), ids=ENVELOPES.values())
def test_a_record_that_shows_it_by_itself_is_held(forged: Callable[[Draft], bytes], name: str) -> None:
    world = World()
    world.add(1)
    made = world.draft()
    line = forged(made)
    world.pending.commit(PendingRecord(made.content["job"]["id"], 0, line))
    found = world.seal()
    assert (found.records, [each.error for each in found.held]) == (1, [name])
    assert line not in sealed(world.archive)


def named(made: Draft) -> PendingRecord:
    return PendingRecord(made.content["job"]["id"], made.content["revision"], made.line(RECORD))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("minutes", "names"), [((-4, -4), []), ((-4, -8), [TimeRunsBackwards.__name__])])
def test_the_records_of_a_job_never_run_backwards_by_more_than_the_skew_in_all(
    minutes: Sequence[int], names: list[str], at_once: bool
) -> None:
    """Each is dated no more than five minutes before the one that it follows."""
    world, held = World(at=START + timedelta(hours=1)), list[Held]()
    began = world.at
    made = draft(0, began)
    record = named(made)
    world.pending.commit(record)
    for revision, offset in enumerate(minutes, start=1):
        if not at_once:
            held += world.seal().held
        made = superseding(draft(0, began + timedelta(minutes=offset), revision=revision), made, record.line)
        record = named(made)
        world.pending.commit(record)
    held += world.seal().held
    assert sorted({each.error for each in held}) == names


def test_another_record_of_a_revision_that_was_sealed_long_ago_gets_a_place_if_it_is_dated_anew() -> None:
    world = World()
    world.add(1)
    for _ in range(5):
        world.seal()
    again = named(draft(0, world.at))
    world.pending.logged.clear()
    world.pending.commit(again)
    assert world.seal().held == ()
    assert again.line in sealed(world.archive)
    assert "DuplicateSubject" in listed()


# Requests for keys


def ask(world: World, number: int, at: datetime, new: MemorySigner) -> list[str]:
    """What is held where somebody asks for a record key on a machine on which it is then."""
    now, world.at = world.at, at
    world.request_rotation("record", number, world.record, new)
    world.record, world.at = new, now
    return [each.error for each in world.seal().held]


def test_requests_for_keys_never_run_backwards_by_more_than_the_skew_in_all() -> None:
    """Each is dated no more than five minutes before the one that it follows, and long after the first seal."""
    world = World()
    for _ in range(3):
        world.seal()
    times = [world.at - timedelta(minutes=behind) for behind in (0, 4, 8)]
    held = [ask(world, number, at, MemorySigner(f"record {number}")) for number, at in enumerate(times)]
    assert held == [[], [], [TimeRunsBackwards.__name__]]


def test_a_key_that_was_replaced_is_not_asked_for_again() -> None:
    world = World()
    world.seal()
    old = MemorySigner("record")
    assert ask(world, 0, world.at, MemorySigner("record 2")) == []
    assert ask(world, 1, world.at, old) == [KeyReused.__name__]


# All of a verifier's errors

NOT_OF_A_RECORD = {
    # the container, and what stands in it beside the log
    "BadBundle",
    "ObjectReplaced",
    # checkpoints and the tree, which the sealer makes
    "MissingCheckpoint",
    "BadCheckpointSignature",
    "WrongOrigin",
    "RootMismatch",
    "TruncatedLedger",
    "UncheckpointedTail",
    # requests for keys: above, and test_seal_log.py
    "UnauthorisedRotation",
    "KeyReused",
    # what the reader gives and asks
    "RolledBack",
    "ForkedHistory",
    "UnreadablePin",
    "PinOfUnknownKey",
    "AnotherLedger",
    "WrongAsOf",
}


def test_every_error_of_a_verifier_is_held_or_listed_or_not_of_a_record() -> None:
    kinds = {each for each in vars(ledger_errors).values() if isinstance(each, type)}
    errors = {each.__name__ for each in kinds if issubclass(each, (Tampered, CannotVerify))}
    errors -= {Tampered.__name__, CannotVerify.__name__}
    tried = set[str]().union(*ATTACKS.values(), ENVELOPES.values())
    assert errors == tried | listed().keys() | NOT_OF_A_RECORD
    assert not (tried | listed().keys()) & NOT_OF_A_RECORD
    assert all(len(reason) > 8 for reason in listed().values())
