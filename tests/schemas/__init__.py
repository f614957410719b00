"""Schemas that others published, for tests of what is written in their formats."""

import hashlib
import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

SPDX = Path(__file__).with_name("spdx-3.0.1.json.xz")
SPDX_SHA256 = "582c64e809d5b3ef9bd0c4de13a32391b47b0284a3e8d199569fb96f649234b1"


@cache
def spdx_schema() -> dict[str, Any]:
    """The JSON Schema of SPDX 3.0.1, as published."""
    text = lzma.decompress(SPDX.read_bytes())
    assert hashlib.sha256(text).hexdigest() == SPDX_SHA256
    schema: dict[str, Any] = json.loads(text)
    return schema
