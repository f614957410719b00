"""Signed notes and checkpoints: the specifications' own examples, and everything that is not one."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.ledger.merkle import leaf_hash
from flops_auditor.domain.ledger.signed_note import (
    Checkpoint,
    UnreadableNote,
    note_key_id,
    parse_checkpoint,
    parse_note,
    signed_note,
)

EXAMPLE = (
    b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    + "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n".encode()  # noqa: E501
)


def test_the_example_of_tlog_checkpoint() -> None:
    note = parse_note(EXAMPLE)
    assert note.signatures[0].name == "example.com/behind-the-sofa"
    assert note.signatures[0].key_id.hex() == "033de0ae"
    found = parse_checkpoint(note.text)
    assert found == Checkpoint(
        "example.com/behind-the-sofa", 20852163, b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    )


def test_the_example_of_signed_note_has_an_empty_line_in_its_text() -> None:
    poem = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n"
    line = "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"  # noqa: E501
    assert parse_note(f"{poem}\n{line}".encode()).text == poem.encode()


@given(st.integers(0, 10**18), st.binary(min_size=1, max_size=80))
def test_a_note_reads_back(size: int, der: bytes) -> None:
    head = Checkpoint("flops-auditor/111122223333/eu-west-1/stack", size, leaf_hash(b""))
    note = parse_note(signed_note(head.text, head.origin, b"spki", der))
    assert parse_checkpoint(note.text) == head
    assert (note.signatures[0].key_id, note.signatures[0].der) == (note_key_id(b"spki"), der)


GOOD = signed_note(Checkpoint("o", 1, leaf_hash(b"")).text, "o", b"spki", b"signature")


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text only\n",
        GOOD.replace(b"\n\n", b"\n"),
        GOOD[:-1],
        GOOD.replace("—".encode(), b"-"),
        GOOD.replace(b"o\n1", b"o\r\n1"),
        GOOD + b"more\n",
        GOOD.replace(b"o\n1", b"\xff\n1"),
        GOOD + b"\n" * 70_000,
        GOOD.replace(b"=\n\n", b"=\n\n" + ("— o AAAAAAAA\n" * 17).encode()),
        GOOD.rsplit(b" ", 1)[0] + b" AAAA\n",
        GOOD.rsplit(b" ", 1)[0] + b" AAAAAAB=\n",
        GOOD.rsplit(b" ", 1)[0] + b" A\n",
    ],
    ids=range(13),
)
def test_what_is_not_a_note(note: bytes) -> None:
    with pytest.raises(UnreadableNote):
        parse_note(note)


@pytest.mark.parametrize(
    "text",
    [
        b"o\n1\n",
        b"o\n01\n" + b"A" * 43 + b"=\n",
        b"o\n-1\n" + b"A" * 43 + b"=\n",
        b"o\n1\n" + b"A" * 42 + b"B=\n",
        b"o\n1\n" + b"A" * 43 + b"=\nextension\n",
        b"o p\n1\n" + b"A" * 43 + b"=\n",
        b"\n1\n" + b"A" * 43 + b"=\n",
    ],
    ids=range(7),
)
def test_what_is_not_a_checkpoint(text: bytes) -> None:
    with pytest.raises(UnreadableNote):
        parse_checkpoint(text)
