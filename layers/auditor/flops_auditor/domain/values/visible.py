"""Texts from outside, with what nobody sees in them shown for what it is: overrides, joiners, controls, look-alikes.

A job's owner may write names that look like other names (Unicode Technical Report 36, sections 2 and 3). Where there
is room for one line of plain text such characters are dropped (`printable`); pages and documents show them.
"""

import re
import unicodedata

OPEN, CLOSE = "\N{MATHEMATICAL LEFT ANGLE BRACKET}", "\N{MATHEMATICAL RIGHT ANGLE BRACKET}"
"""What the number of a character stands between; they are shown by theirs, so that no text can imitate it."""
UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Letters, marks and symbols without a shape (Unicode: Default_Ignorable_Code_Point, and the blank Braille pattern)."""
SCRIPTS = {
    "Latin": "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\u2c60-\u2c7f\ua722-\ua7ff",
    "East Asian": "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001aff0-\U0001b16f\U00020000-\U000323af",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefe",
    "Armenian": "\u0530-\u058f\ufb13-\ufb17",
    "Canadian": "\u1400-\u167f\u18b0-\u18ff",
    "Cherokee": "\u13a0-\u13ff\uab70-\uabbf",
    "Coptic": "\u2c80-\u2cff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "Deseret": "\U00010400-\U0001044f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f",
    "Greek": "\u00b5\u0370-\u03ff\u1f00-\u1fff",
    "Hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "Lisu": "\ua4d0-\ua4ff",
    "mathematical": "\U0001d400-\U0001d7ff",
    "phonetic": "\u0250-\u02ff\u1d00-\u1dbf\uab30-\uab6f",
    "another": "\u0700-\u074f\u0780-\u086f\u0900-\u109f\u1200-\u139f\u1680-\u18af\u1900-\u1c7f\u1cc0-\u1cff"
    "\u2c00-\u2c5f\u2d30-\u2ddf\ua000-\ua4cf\ua500-\ua63f\ua6a0-\ua6ff\ua800-\ua95f\ua980-\uab2f\uabc0-\uabff\U00010000-\U000103ff"
    "\U00010450-\U0001afef\U0001b170-\U0001cfff\U0001df00-\U0001efff",
}
"""Blocks of letters and digits, as the insides of character classes. They stand here, and not in the tables of
whichever Python reads this: the page for verifying shows names in the same way (verifier/tables.py).
"""
UNSUSPICIOUS = ("Latin", "East Asian")
"""What one word has as a rule, also together (Unicode Technical Standard 39, section 5.2)."""
LOOK_LATIN = (
    *("Armenian", "Canadian", "Cherokee", "Coptic", "Cyrillic", "Deseret", "Greek", "Lisu", "mathematical", "phonetic"),
)
"""Scripts of which a whole word may be taken for a Latin one (UTS 39, section 4, whole-script confusables)."""
LIKE_PUNCTUATION = (
    "\u02d0\u02d7\u0589\u05c3\u06d4\u0701\u0702\u2010\u2011\u2012\u2043\u2044\u2212\u2215\u2236\u29f8\u2e33\ua789"
)
"""What is taken for a hyphen, a slash, a colon or a full stop in a name."""
CUT = "\u2026"
"""Where a text was cut. Its compatibility form is three full stops; nobody takes it for them."""

_SCRIPTS = {name: re.compile(f"[{blocks}]") for name, blocks in SCRIPTS.items()}


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


def told_scripts(word: str) -> tuple[str, ...]:
    """The scripts of a word, such as ("Cyrillic", "Latin"), where it may be taken for another word: it mixes some that
    are not written together, or all of it is of one that looks like Latin. Empty where it does not.
    """
    if word.isascii():
        return ()
    scripts = {name for name, letters in _SCRIPTS.items() if letters.search(word)}
    doubtful = scripts.difference(UNSUSPICIOUS)
    told = doubtful and (len(scripts) > 1 or doubtful.intersection(LOOK_LATIN))
    return tuple(sorted(scripts)) if told else ()


def as_written(text: str) -> str:
    """The visible text; what looks like an ASCII character and is none is shown by its number, too, and each word that
    may be taken for another one is followed by its scripts. For names and sentences with names in them.
    """
    return visible(text) if text.isascii() else " ".join(map(_word, text.split(" ")))


def _word(word: str) -> str:
    alike = {each for each in word if _looks_ascii(each)}
    scripts = told_scripts("".join(each for each in word if each not in alike))
    shown = "".join(_number(each) if each in alike else visible(each) for each in word)
    return shown + (f" {OPEN}letters: {', '.join(scripts)}{CLOSE}" if scripts else "")


def _looks_ascii(character: str) -> bool:
    """Whether it is a sign of ASCII in another form, such as a Kelvin sign, a small Roman numeral or a ligature
    (Unicode Standard Annex 15, compatibility), or is taken for one.
    """
    if character.isascii() or character == CUT:
        return False
    return character in LIKE_PUNCTUATION or unicodedata.normalize("NFKC", character).isascii()


def _number(character: str) -> str:
    return f"{OPEN}U+{ord(character):04X}{CLOSE}"
