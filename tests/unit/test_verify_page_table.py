"""The rows of the table of docs/verify-page.md: attacks in words, and no text that would break a row."""

import pytest

from bench.verify_page_table import name_of

FILE = "tests/attacks/test_attacks.py"


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("test_a[a checkpoint by the record key-3]", "attacks: a checkpoint by the record key"),
        ("test_a_middle_chunk_deleted", "attacks: a middle chunk deleted"),
        ("test_a_changed_byte[whole]", "attacks: a changed byte whole"),
        ("test_a_changed_byte[bill]", "attacks: a changed byte bill"),
        ("test_what_owners_write[=cmd|' /C calc'!A0]", "attacks: what owners write"),
        (r"test_what_owners_write[\u27e8U+003B\u27e9=a-b]", "attacks: what owners write"),
        ('test_what_owners_write[{"schema":1}]', "attacks: what owners write"),
    ],
)
def test_a_row_is_named_in_words(test: str, name: str) -> None:
    assert name_of(f"{FILE}::{test}") == name
