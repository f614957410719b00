"""How far a place in S3 goes that stands within a text: its key may hold blanks and any other sign, and what ends it
depends on the notation, which nobody knows. So more than one reading is taken, of which the others lead nowhere.

Facts: Amazon S3 User Guide, "Naming Amazon S3 objects" (any character of UTF-8, up to 1,024 bytes).
"""

import re
from collections.abc import Iterator

from flops_auditor.domain.runs.s3_spellings import PLACE

_LONGEST = 1_100
"""Characters of a bucket with its scheme and of a key."""
_ARTIFACT = "/output/model.tar.gz"
"""How SageMaker calls what it wrote for a run (API Reference, ModelArtifacts)."""
_BEHIND_QUOTE = {mark: re.compile(rf"{mark}(?=[\s,\])}}>:;'\"]|$)") for mark in "'\""}
_SIGNS = re.compile(r"[\"'<>,;|\\}]| #")
_CLOSING = " \t\r'\"])},;>"


def longer_readings(text: str, whole_lines: bool) -> list[str]:
    """What may be a place and goes on behind a blank or a sign: to the end of its quotes, to what SageMaker wrote, and,
    in a text that is no line of words, to the next sign and the end of the line. In linear time.
    """
    spans = [match.span() for match in PLACE.finditer(text)]
    longer: list[str] = []
    for (begin, short), (end, _) in zip(spans, [*spans[1:], (len(text), 0)], strict=False):
        if short < end:
            rest = text[begin : min(end, begin + _LONGEST)].split("\n", 1)[0]
            known = text[begin:short]
            longer += [each for each in _readings(rest, text[begin - 1 : begin], whole_lines) if each != known]
    return list(dict.fromkeys(longer))


def _readings(rest: str, before: str, whole_lines: bool) -> Iterator[str]:
    if (artifact := rest.find(_ARTIFACT)) >= 0:
        yield rest[: artifact + len(_ARTIFACT)]
    quote = _BEHIND_QUOTE.get(before)
    if quote is not None and (closing := quote.search(rest)):
        yield rest[: closing.start()]
    elif whole_lines:
        yield _SIGNS.split(rest, maxsplit=1)[0].rstrip()
        yield rest.rstrip(_CLOSING)
