"""What nobody sees in a name is shown for what it is (Unicode Technical Report 36, Unicode Technical Standard 39)."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench import look_alikes
from flops_auditor.domain.ledger.records_csv import _cell
from flops_auditor.domain.values.scripts import script_of
from flops_auditor.domain.values.visible import (
    ALIKE,
    ALIKE_AMONG_OTHERS,
    CUT,
    OPEN,
    UNSEEN,
    as_written,
    meanings,
    means,
    visible,
)

TAKEN = look_alikes.prototypes()
ALIKE_LETTERS = (
    "a\u0430\u03b1",
    "o\u043e\u03bf",
    "一ー\u2014",
    "ニ二",
    "ロ口",
    "タ夕",
    "-\u2013",
    "é",
    "e\u0301",
    "で",
    "て\u3099",
    "入",
    "ボ",
    "ж",
    "/",
)
NAMES = st.lists(st.tuples(st.sampled_from(ALIKE_LETTERS), st.integers(0, 2), st.integers(0, 2)), max_size=6)
"""Letters of classes of which each is taken for the others: one of two names has one of them, the other another."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("org/model-7b v1.0", "org/model-7b v1.0"),
        ("Modèle 模型 モデル", "Modèle 模型 モデル"),
        ("\u202egnp.exe\u2066", "⟨U+202E⟩gnp.exe⟨U+2066⟩"),
        ("a\u200bb\u00adc\ufeff", "a⟨U+200B⟩b⟨U+00AD⟩c⟨U+FEFF⟩"),
        ("a\nb\tc\x00\x1b[31m\x9b", "a⟨U+000A⟩b⟨U+0009⟩c⟨U+0000⟩⟨U+001B⟩[31m⟨U+009B⟩"),
        ("a\u2028b\u2029c\u00a0d", "a⟨U+2028⟩b⟨U+2029⟩c⟨U+00A0⟩d"),
        ("\u3164\u2800\ufe0f\U000e0100\U000e0041", "⟨U+3164⟩⟨U+2800⟩⟨U+FE0F⟩⟨U+E0100⟩⟨U+E0041⟩"),
        ("\ud800x\ufffe", "⟨U+D800⟩x⟨U+FFFE⟩"),
        ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟨U+27E9⟩"),
    ],
)
def test_what_nobody_sees_is_shown_by_its_number(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        ("llama", ""),
        ("Modèle", ""),
        ("東京カタカナひらがな v2", ""),
        ("한국어漢字KoAlpaca", ""),
        ("שלום", ""),
        ("модель", "Cyrillic"),
        ("\u0441\u043e\u0441\u0430/\u0440\u0430", "Cyrillic"),
        ("l\u0436ma", "Cyrillic, Latin"),
        ("llama\u05dc", "Hebrew, Latin"),
        ("\u0627\u0627", "Arabic"),
        ("データ学習", ""),
        ("ørsted-Łódź-Việt", ""),
    ],
)
def test_words_that_may_be_taken_for_others_are_told_with_their_scripts(name: str, scripts: str) -> None:
    assert as_written(name) == name + (f" ⟨letters: {scripts}⟩" if scripts else "")
    assert as_written(f"of {name} or") == f"of {as_written(name)} or"


@pytest.mark.parametrize(
    "alike",
    "\u217c\u2113\u212a\ufb02\uff4c\U0001d5ba\u2044\u2010\u2236\u00b2\u037e\u0430\u0261\u03bf\u05d0\u0661\u2013\u30ce\u4e3f\u3033"
    "\u2571\u27cb\u01c0\u2223\u0131\u3007\u0338\u0305\u0301\u00b7\u2019\u00d7\u0153\u2212\u4e00",
)
def test_what_is_taken_for_something_else_is_shown_by_its_number(alike: str) -> None:
    assert as_written(f"x{alike}y") == f"x⟨U+{ord(alike):04X}⟩y"


def test_our_own_signs_stay() -> None:
    ours = "of 3.33e22 FLOP, cut… → ●▲◆ §"
    assert as_written(ours) == visible(ours) == ours


@pytest.mark.parametrize("name", ["org/\u00e9", "\u304c", "\uac00", "\u212b", "\u1e69"])
def test_the_same_name_composed_and_not_is_shown_as_two(name: str) -> None:
    """Unicode Standard Annex 15: canonically equivalent, and two keys to a table of base models."""
    composed, decomposed = unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)
    assert as_written(composed) == composed
    assert as_written(decomposed) != decomposed


@pytest.mark.parametrize("place", ["{}", "org/x{}y"])
def test_no_two_names_of_one_skeleton_are_shown_alike(place: str) -> None:
    """Every pair of Unicode's confusables, but those of several letters of one script that is not Latin, and those of
    a letter that a skeleton has decomposed.
    """
    alike = []
    for one, other in TAKEN.items():
        several = len(other) > 1 and {script_of(each) for each in other} - {None, "Latin"}
        known = several or one == CUT or (one + other).isascii() or not unicodedata.is_normalized("NFD", one)
        names = place.format(one), place.format(other)
        if not known and not any(OPEN in as_written(name) for name in names):
            alike.append(names)
    assert len(TAKEN) > 6_000
    assert alike == []


@pytest.mark.skipif(unicodedata.unidata_version != "15.1.0", reason="another Unicode than the table's")
def test_the_table_of_look_alikes_is_as_the_pinned_data_have_it_and_stays_small() -> None:
    assert look_alikes.OUTPUT.read_text(encoding="utf-8") == look_alikes.written()
    assert len(ALIKE) + len(ALIKE_AMONG_OTHERS) < 6_000


@example([("入", 0, 0), ("ロ口", 0, 1), ("ボ", 0, 0)])
@example([("ボ", 0, 0), ("ロ口", 0, 1), ("入", 0, 0)])
@given(NAMES)
def test_names_of_look_alikes_are_told_apart(letters: list[tuple[str, int, int]]) -> None:
    """Two names that are shown with the same letters are the same name (UTS 39, section 4)."""
    one = "".join(alike[place % len(alike)] for alike, place, _ in letters)
    other = "".join(alike[place % len(alike)] for alike, _, place in letters)
    assert one == other or _looks(as_written(one)) != _looks(as_written(other))


@given(st.text(st.characters()), st.text(st.characters()))
def test_two_texts_never_look_the_same_for_what_is_not_seen(one: str, other: str) -> None:
    """UTR 36, 2.1: strings that differ only in what is not displayed are confusable."""
    assert visible(one).isprintable()
    assert not UNSEEN.intersection(visible(one))
    assert (visible(one) == visible(other)) == (one == other)


def _looks(shown: str) -> str:
    """What is seen of what is shown; the letters of ASCII are told apart."""
    return look_alikes.skeleton(shown, {one: other for one, other in TAKEN.items() if not one.isascii()})


@pytest.mark.parametrize(
    "name", ["org/\u0430bc", "\u0440\u0430\u0443/x", "o\u0301rg", "\u30cbl", "\u03bf \u05d0", "a⟨U+0430⟩"]
)
def test_a_name_is_meant_as_it_is_as_a_list_and_as_a_table_shows_it(name: str) -> None:
    for written in (name, as_written(name), _cell(name)):
        assert means(written, name) and name in meanings(written)
        assert not means(f"{written}x", name)
    assert meanings("org/x") == ("org/x",)


@given(NAMES)
def test_two_names_of_look_alikes_are_two_in_a_table(letters: list[tuple[str, int, int]]) -> None:
    """`records.csv` looks at no letter around another one, and so marks more than a list does."""
    one = "".join(alike[place % len(alike)] for alike, place, _ in letters)
    other = "".join(alike[place % len(alike)] for alike, _, place in letters)
    assert one == other or _looks(_cell(one)) != _looks(_cell(other))
