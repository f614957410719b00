"""Writes domain/values/look_alikes.py from Unicode's confusables: `make look-alikes`.

Unicode Technical Standard 39, section 4: every character has a skeleton, and two texts with one skeleton are taken for
each other. Of each class of characters with one skeleton, one in each script stays as it is, and the others are always
shown by their number. What stays in several scripts is shown by its number among letters of another one. Left alone is
what one letter has in common with several of its own script, unless it is Latin: Arabic and Indic scripts are full
of it.

Marks that letters before them take in, or that may stand in another order, make a text that looks like another one, too
(Unicode Standard Annex 15); what is shown without looking at the letters around it shows them by their number.

The data are Unicode's confusables.txt of version 15.1.0, as the package confusable-homoglyphs 3.3.1 holds them
(requirements/dev.txt pins its digest): pairs without a direction. The character of a pair that occurs in several, or
that is ASCII, is the prototype.
"""

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from textwrap import fill

from flops_auditor.domain.values import scripts

OUTPUT = Path(scripts.__file__).with_name("look_alikes.py")
OVERLAY = 1
"""The combining class of marks that are struck through a letter."""
SHAPES = ("<font>", "<initial>", "<medial>", "<final>", "<isolated>")
"""Decompositions of one letter's shapes, such as those that Arabic letters have within a word."""
SHARED_MARKS = frozenset(
    chr(each)
    for first, last in ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
    for each in range(first, last + 1)
)
"""Marks that go with the letters of any script: a name in its composed form needs none."""
PLAIN = ""
"""The script of Latin letters and of all signs: what stands of it is never told apart by its company."""
DIRECTION = str.maketrans("", "", "\u200e")
"""The package's texts have marks of direction around what is written from right to left."""


def prototypes() -> dict[str, str]:
    """What each confusable character is taken for, as Unicode has it."""
    text = resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text(encoding="utf-8")
    named = {frozenset((_bare(one), _bare(each["c"]))) for one, others in json.loads(text).items() for each in others}
    pairs = {pair for pair in named if len(pair) > 1}
    often = Counter(each for pair in pairs for each in pair)
    taken = {}
    for pair in sorted(pairs, key=sorted):
        source, target = sorted(pair, key=lambda each: (len(each) > 1, often[each], _in_use(each)))
        taken[source] = target
    return {source: target for source, target in taken.items() if len(source) == 1}


def skeleton(text: str, taken: dict[str, str]) -> str:
    """What two texts have in common that are taken for each other (UTS 39, section 4)."""
    while True:
        other = "".join(taken.get(each, each) for each in unicodedata.normalize("NFD", text))
        other = unicodedata.normalize("NFD", other)
        if other == text:
            return text
        text = other


def tables() -> tuple[set[str], set[str]]:
    """What is always shown by its number, and what is among letters of another script."""
    taken = prototypes()
    always = set(SHARED_MARKS) | {each for each in _characters() if _is_another_form(each)}
    classes = defaultdict(set)
    for each in {*taken, *(target for target in taken.values() if len(target) == 1)}:
        classes[skeleton(each, taken)].add(each)
    among: set[str] = set()
    for common, members in sorted(classes.items(), key=lambda each: (len(each[0]), each[0])):
        stay = {PLAIN: common} if _stands(unicodedata.normalize("NFC", common), always) else {}
        for each in sorted(members - always, key=_in_use, reverse=True):
            if stay.setdefault(_script(each), each) != each and not each.isascii():
                always.add(each)
        if len(stay) > 1:
            plain = stay.pop(PLAIN, "")
            kana = {stay[script] for script in scripts.KANA if script in stay}
            if kana and plain:
                always |= kana if plain.isascii() else {plain}
            among.update(stay.values())
    return always, among - always


def marks() -> set[str]:
    """What the letter before it takes in in the composed form, or what may be written in another order."""
    taken_in = {mark for each in _characters() for mark in unicodedata.normalize("NFD", each)[1:]}
    return taken_in | {each for each in _characters() if unicodedata.combining(each)}


def _in_use(text: str) -> tuple[bool, bool, bool, int]:
    """Greater for what rather stays as it is: ASCII, then what is nothing else in another form, then letters."""
    as_it_is = unicodedata.normalize("NFKC", text) == text
    return text.isascii(), as_it_is, unicodedata.category(text[0]) in {"Lo", "Ll", "Lu"}, -ord(text[0])


def written() -> str:
    """The module."""
    always, among = tables()
    return (
        '"""Written by `make look-alikes` from Unicode\'s confusables 15.1.0 (UTS 39): change bench/look_alikes.py.\n\n'
        "Code points and ranges of them, in hexadecimal. Data of Unicode, Inc., under the Unicode License V3.\n"
        '"""\n\n'
        f'ALWAYS = """\n{_ranges(always)}\n"""\n'
        f'AMONG_OTHERS = """\n{_ranges(among)}\n"""\n'
        f'MARKS = """\n{_ranges(marks() - always - among)}\n"""\n'
    )


def _bare(text: str) -> str:
    return text.translate(DIRECTION) or text


def _characters() -> Iterator[str]:
    return (chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000)


def _is_another_form(character: str) -> bool:
    """Whether it is ASCII in another form, is not as the composed form has it, is struck through letters, or is one of
    the shapes of a letter.
    """
    return (
        unicodedata.normalize("NFC", character) != character
        or (unicodedata.decomposition(character).startswith("<") and _without_marks(character).isascii())
        or unicodedata.combining(character) == OVERLAY
        or unicodedata.decomposition(character).startswith(SHAPES)
    )


def _without_marks(character: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each))


def _stands(text: str, always: set[str]) -> bool:
    """Whether several Latin letters and signs may be shown as they are, so that one is taken for them."""
    return len(text) > 1 and text.isprintable() and not always.intersection(text) and _script(text) == PLAIN


def _script(text: str) -> str:
    """The script of its first letter, or PLAIN."""
    script = scripts.script_of(text[0])
    return script if script and script != "Latin" else PLAIN


def _ranges(characters: Iterable[str]) -> str:
    codes = sorted(each for each in map(ord, characters) if chr(each).isprintable())
    parts: list[list[int]] = []
    for code in codes:
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return fill(
        " ".join(f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in parts),
        118,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    OUTPUT.write_text(written(), encoding="utf-8")
