"""Tables of code points that every verifier goes by, whatever the Unicode tables of its Python or browser say."""

import re
from collections.abc import Iterable


def one_of(ranges: Iterable[tuple[int, int]]) -> re.Pattern[str]:
    """What finds a character of these ranges, which are first and last code points."""
    return re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + "]")
