"""What nobody sees in a name is shown for what it is (Unicode Technical Report 36, Unicode Technical Standard 39)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.values.visible import UNSEEN, as_written, visible


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
        ("l\u0430ma", "Cyrillic, Latin"),
        ("μ-model", "Greek, Latin"),
        ("llama\u05d0", "Hebrew, Latin"),
        ("Llama-3.\u0661", "Arabic, Latin"),
        ("\u0261pt", "Latin, phonetic"),
    ],
)
def test_words_that_may_be_taken_for_others_are_told_with_their_scripts(name: str, scripts: str) -> None:
    assert as_written(name) == name + (f" ⟨letters: {scripts}⟩" if scripts else "")
    assert as_written(f"of {name} or") == f"of {as_written(name)} or"


@pytest.mark.parametrize("alike", "\u217c\u2113\u212a\ufb02\uff4c\U0001d5ba\u2044\u2010\u2236\u00b2\u037e")
def test_what_looks_like_ascii_and_is_none_is_shown_by_its_number(alike: str) -> None:
    assert as_written(f"x{alike}y") == f"x⟨U+{ord(alike):04X}⟩y"


def test_our_own_signs_stay() -> None:
    ours = "“Above” \u2013 it\u2019s 1.2 \u00d7 10 … · → ●▲◆ §"
    assert as_written(ours) == visible(ours) == ours


@given(st.text(st.characters()), st.text(st.characters()))
def test_two_texts_never_look_the_same_for_what_is_not_seen(one: str, other: str) -> None:
    """UTR 36, 2.1: strings that differ only in what is not displayed are confusable."""
    assert visible(one).isprintable()
    assert not UNSEEN.intersection(visible(one))
    assert (visible(one) == visible(other)) == (one == other)
