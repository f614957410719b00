"""Asking for a rotation: only from the key in force, only to a fresh key, and the sealer takes it."""

import pytest

from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.use_cases.ledger.rotate_key import CannotRotate, keys_after, request_rotation
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import World


def test_a_requested_rotation_is_taken_by_the_next_seal() -> None:
    world = World()
    world.add(1)
    world.seal()
    new = MemorySigner("record 2")
    assert request_rotation(world.archive, world.ledger, "record", world.record, new, world.at) == 0
    world.record = new
    world.add(1)
    sealed = world.seal()
    assert (sealed.records, sealed.held) == (1, ())
    keys, number = keys_after(world.archive, world.ledger)
    assert number == 1
    assert keys.current("record").keyid == keyid(new.public_key())


def test_what_the_sealer_would_refuse_is_not_asked_for() -> None:
    world = World()
    new, stranger = MemorySigner("record 2"), MemorySigner("stranger")
    with pytest.raises(CannotRotate, match="nothing was sealed"):
        request_rotation(world.archive, world.ledger, "record", world.record, new, world.at)
    world.seal()
    with pytest.raises(CannotRotate, match="in force as record"):
        request_rotation(world.archive, world.ledger, "record", stranger, new, world.at)
    with pytest.raises(CannotRotate, match="in use already"):
        request_rotation(world.archive, world.ledger, "record", world.record, world.checkpoint, world.at)
    request_rotation(world.archive, world.ledger, "record", world.record, new, world.at)
    with pytest.raises(CannotRotate, match="in force as record"):
        request_rotation(world.archive, world.ledger, "record", world.record, stranger, world.at)
