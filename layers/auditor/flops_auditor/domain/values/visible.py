"""Texts from outside, with what nobody sees in them shown for what it is: overrides, joiners, controls, look-alikes.

A job's owner may write names that look like other names (Unicode Technical Report 36, sections 2 and 3). The page for
verifying shows them in the same way (verifier/page/page.js), by the same tables.
"""

import re
import unicodedata
from functools import cache
from itertools import groupby

from flops_auditor.domain.values.look_alikes import ALWAYS, AMONG_OTHERS
from flops_auditor.domain.values.scripts import EAST_ASIAN, KANA, LOOK_LATIN, UNSUSPICIOUS, script_of

OPEN, CLOSE = "\N{MATHEMATICAL LEFT ANGLE BRACKET}", "\N{MATHEMATICAL RIGHT ANGLE BRACKET}"
"""What the number of a character stands between; they are shown by theirs, so that no text can imitate it."""
UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Letters, marks and symbols without a shape (Unicode: Default_Ignorable_Code_Point, and the blank Braille pattern)."""
CUT = "\u2026"
"""At the end of a text that was cut. Its compatibility form is three full stops."""


def _class(ranges: str) -> str:
    """Code points and ranges in hexadecimal as the inside of a character class."""
    return "".join("-".join(chr(int(code, 16)) for code in part.split("-")) for part in ranges.split())


ALIKE, ALIKE_AMONG_OTHERS = _class(ALWAYS), _class(AMONG_OTHERS)
"""What is taken for something else (look_alikes.py): wherever it stands, and among letters of another script."""

_NUMBER = re.compile(f"{OPEN}U\\+(10[0-9A-F]{{4}}|[0-9A-F]{{4,5}}){CLOSE}")
_TOLD = re.compile(f" {OPEN}letters: [^{OPEN}{CLOSE}]*{CLOSE}")


@cache
def _one_of(characters: str) -> re.Pattern[str]:
    """Made when it is first asked for, as the scripts are."""
    return re.compile(f"[{characters}]")


def visible(text: str) -> str:
    """The text on one line, each character that has no shape of its own as its number, such as ⟨U+202E⟩.

    A lone surrogate, which no file can hold, is shown in the same way.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if each.isprintable() and each not in UNSEEN and each not in (OPEN, CLOSE) else as_number(each)
        for each in text
    )


def told_scripts(word: str) -> tuple[str, ...]:
    """The scripts of a word, such as ("Cyrillic", "Latin"), where it may be taken for another word: it mixes some that
    are not written together, or all of it is of one that looks like Latin, or each of its letters has a look-alike.
    Empty where it does not.
    """
    if word.isascii():
        return ()
    scripts = {script for each in word if (script := script_of(each)) is not None}
    doubtful = scripts.difference(UNSUSPICIOUS)
    letters = [each for each in word if script_of(each)]
    told = doubtful and (
        len(scripts) > 1 or doubtful.intersection(LOOK_LATIN) or all(map(_one_of(ALIKE_AMONG_OTHERS).match, letters))
    )
    return tuple(sorted(scripts)) if told else ()


def as_written(text: str) -> str:
    """The visible text; what is taken for something else is shown by its number, too, and each word that may be taken
    for another one is followed by its scripts. For names and sentences with names in them.

    Two different texts that are taken for each other (UTS 39: that have one skeleton) are shown differently, but for
    what ASCII alone has alike, such as l and 1, and one letter for several in scripts other than Latin.
    """
    return visible(text) if text.isascii() else " ".join(map(_word, text.split(" ")))


def as_meant(shown: str) -> str:
    """The text that `as_written` shows so: what somebody means who copied it from a list."""
    return _unnumbered(_TOLD.sub("", shown))


def meanings(text: str) -> tuple[str, ...]:
    """The names that somebody may mean who writes that: it as it is, and others that are shown so, if there are."""
    perhaps = dict.fromkeys((text, as_meant(text), _unnumbered(text)))
    return tuple(name for name in perhaps if means(text, name))


def means(text: str, name: str) -> bool:
    """Whether somebody who writes that means that name: as it is, as it is shown, or with numbers for characters, as a
    bundle's table has it.
    """
    return text == name or text == as_written(name) or _unnumbered(text) == name


def _unnumbered(text: str) -> str:
    """With the characters whose numbers stand in it."""
    return _NUMBER.sub(lambda each: chr(int(each[1], 16)), text)


def _word(word: str) -> str:
    alike = [
        _is_alike(each, before, at_home=at_home, last=place == len(word))
        for place, (before, each, at_home) in enumerate(zip(f" {word}", word, _at_home(word), strict=False), 1)
    ]
    scripts = told_scripts("".join(each for each, marked in zip(word, alike, strict=True) if not marked))
    shown = "".join(as_number(each) if marked else visible(each) for each, marked in zip(word, alike, strict=True))
    return shown + (f" {OPEN}letters: {', '.join(scripts)}{CLOSE}" if scripts else "")


def _is_alike(character: str, before: str, *, at_home: bool, last: bool) -> bool:
    """Whether a character is taken for something else, or is not as the composed form has it after the one before it
    (Unicode Standard Annex 15): the same name may be written in both forms.
    """
    if character.isascii() or (character == CUT and last):
        return False
    if _one_of(ALIKE).match(character) or not unicodedata.is_normalized("NFC", before + character):
        return True
    return bool(_one_of(ALIKE_AMONG_OTHERS).match(character)) and not at_home


def _at_home(word: str) -> list[bool]:
    """Of each letter, whether it stands among letters of its own script alone. Where scripts are mixed as a rule: in a
    row of its own that has a letter without a look-alike, and, unless it is kana, beside nothing else.
    """
    alone = len({*map(script_of, word)} - {None}) == 1
    home: list[bool] = []
    for script, letters in groupby(word, key=script_of):
        row = list(letters)
        if script not in EAST_ASIAN:
            home += [alone] * len(row)
            continue
        inside = [not all(map(_one_of(ALIKE_AMONG_OTHERS).match, row))] * len(row)
        if script not in KANA:
            inside[0] &= not home
            inside[-1] &= len(home) + len(row) == len(word)
        home += inside
    return home


def as_number(character: str) -> str:
    """How a character is shown that has no shape of its own."""
    return f"{OPEN}U+{ord(character):04X}{CLOSE}"
