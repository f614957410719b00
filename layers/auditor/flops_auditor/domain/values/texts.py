"""Texts from outside that may be none: JSON escapes and arguments can bring surrogates without their other half."""

import re

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def whole_text(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which cannot be written in UTF-8 (RFC 8259, 8.2)."""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
