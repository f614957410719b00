"""Texts from outside, with what nobody sees in them shown for what it is: overrides, joiners, controls, look-alikes.

A job's owner may write names that look like other names (Unicode Technical Report 36, sections 2 and 3). Where there
is room for one line of plain text such characters are dropped (`printable`); pages and documents show them.
"""

import unicodedata

OPEN, CLOSE = "\N{MATHEMATICAL LEFT ANGLE BRACKET}", "\N{MATHEMATICAL RIGHT ANGLE BRACKET}"
"""What the number of a character stands between; they are shown by theirs, so that no text can imitate it."""
UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Letters, marks and symbols without a shape (Unicode: Default_Ignorable_Code_Point, and the blank Braille pattern)."""
WRITTEN_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
"""Scripts that one text has as a rule (Unicode Technical Standard 39, section 5.2, "highly restrictive")."""


def visible(text: str) -> str:
    """The text on one line, each character that has no shape of its own as its number, such as ⟨U+202E⟩.

    A lone surrogate, which no file can hold, is shown in the same way.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if each.isprintable() and each not in UNSEEN and each not in (OPEN, CLOSE) else _number(each)
        for each in text
    )


def mixed_scripts(text: str) -> tuple[str, ...]:
    """The scripts of the letters of a text, such as ("CYRILLIC", "LATIN"), where it mixes some that are not written
    together; empty where it does not. Letters of mathematics and of full width count as scripts of their own.
    """
    if text.isascii():
        return ()
    scripts = {_script(each) for each in text if unicodedata.category(each)[0] == "L" and each not in UNSEEN}
    if len(scripts) < 2 or any(scripts <= together for together in WRITTEN_TOGETHER):
        return ()
    return tuple(sorted(scripts))


def as_written(text: str) -> str:
    """The visible text, followed by the scripts that it mixes, if it does: for names, which others may be taken for."""
    scripts = mixed_scripts(text)
    return visible(text) + (f" {OPEN}letters: {', '.join(scripts)}{CLOSE}" if scripts else "")


def _number(character: str) -> str:
    return f"{OPEN}U+{ord(character):04X}{CLOSE}"


def _script(letter: str) -> str:
    """The first word of the letter's name in Unicode, which names its script."""
    return unicodedata.name(letter, "UNKNOWN").split(maxsplit=1)[0]
