"""The scripts that letters are of, as far as names are told apart by them (visible.py)."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache

SCRIPTS = {
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\u2c60-\u2c7f\ua722-\ua7ff",
    "Han": "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3105-\u312f\u3190-\u31ef\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U000323af",
    "Hangul": "\u1100-\u11ff\u3131-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc",
    "Hiragana": "\u3041-\u309f\U0001b100-\U0001b11f\U0001b132-\U0001b152",
    "Katakana": "\u3031-\u3035\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\U0001aff0-\U0001b0ff\U0001b120-\U0001b131\U0001b153-\U0001b16f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefe\U0001ee00-\U0001eeff",
    "Armenian": "\u0530-\u058f\ufb13-\ufb17",
    "Bengali": "\u0980-\u09ff",
    "Canadian": "\u1400-\u167f\u18b0-\u18ff",
    "Cherokee": "\u13a0-\u13ff\uab70-\uabbf",
    "Coptic": "\u2c80-\u2cff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "Deseret": "\U00010400-\U0001044f",
    "Devanagari": "\u0900-\u097f\ua8e0-\ua8ff",
    "Ethiopic": "\u1200-\u139f\u2d80-\u2ddf\uab00-\uab2f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f",
    "Greek": "\u00b5\u0370-\u03ff\u1f00-\u1fff",
    "Gujarati": "\u0a80-\u0aff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "Kannada": "\u0c80-\u0cff",
    "Lao": "\u0e80-\u0eff",
    "Lisu": "\ua4d0-\ua4ff",
    "Malayalam": "\u0d00-\u0d7f",
    "Myanmar": "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f",
    "Oriya": "\u0b00-\u0b7f",
    "Sinhala": "\u0d80-\u0dff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Thai": "\u0e00-\u0e7f",
    "mathematical": "\U0001d400-\U0001d7ff",
    "phonetic": "\u0250-\u02ff\u1d00-\u1dbf\uab30-\uab6f",
    "another": "\u0700-\u074f\u0780-\u086f\u0f00-\u0fff\u1680-\u18af\u1900-\u1c7f\u1cc0-\u1cff\u2c00-\u2c5f"
    "\u2d30-\u2d7f\ua000-\ua4cf\ua500-\ua63f\ua6a0-\ua6ff\ua800-\ua8df\ua900-\ua95f\ua980-\ua9df\uaa00-\uaa5f\uaa80-\uaaff"
    "\uabc0-\uabff\U00010000-\U000103ff\U00010450-\U0001afef\U0001b170-\U0001cfff\U0001df00-\U0001edff",
}
"""Blocks of letters, marks and digits, as the insides of character classes. They stand here, and not in the tables of
whichever Python reads this: the page for verifying shows names in the same way (verifier/tables.py).
"""
KANA = ("Hiragana", "Katakana")
EAST_ASIAN = ("Han", "Hangul", *KANA)
UNSUSPICIOUS = ("Latin", *EAST_ASIAN)
"""What one word has as a rule, also together (Unicode Technical Standard 39, section 5.2)."""
LOOK_LATIN = (
    *("Armenian", "Canadian", "Cherokee", "Coptic", "Cyrillic", "Deseret", "Greek", "Lisu", "mathematical", "phonetic"),
)
"""Scripts of which a whole word may be taken for a Latin one (UTS 39, section 4, whole-script confusables)."""


@cache
def _letters() -> Mapping[str, re.Pattern[str]]:
    """Made when they are first asked for: most names are ASCII, and this takes 10 ms of the start of every command."""
    return {name: re.compile(f"[{blocks}]") for name, blocks in SCRIPTS.items()}


@lru_cache(4096)
def script_of(character: str) -> str | None:
    """The script of a letter, mark or digit; None of a sign, and of ASCII's digits."""
    return next((name for name, letters in _letters().items() if letters.match(character)), None)
