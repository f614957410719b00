"""Whether the stock tools that check the ledger are here. CI has to have them; elsewhere they are optional."""

import os
import shutil
import sys

import pytest

HAS_COSIGN = shutil.which("cosign") is not None
needs_cosign = pytest.mark.skipif(
    not HAS_COSIGN and os.environ.get("CI") != "true",
    reason="cosign is not installed (Debian: apt-get install cosign); CI runs this test",
)

UNPACKERS = {
    "unzip": ["unzip", "-qq", "-o", "{zip}", "-d", "{folder}"],
    "7z": ["7z", "x", "-y", "-bso0", "-bsp0", "-o{folder}", "{zip}"],
    "bsdtar": ["bsdtar", "-x", "-f", "{zip}", "-C", "{folder}"],
    "python": [sys.executable, "-m", "zipfile", "-e", "{zip}", "{folder}"],
}
"""Tools that unpack a zip, each with a reader of its own."""
needs_unpackers = pytest.mark.skipif(
    any(shutil.which(command[0]) is None for command in UNPACKERS.values()) and os.environ.get("CI") != "true",
    reason="unzip, 7z or bsdtar is not installed (Debian: unzip, 7zip, libarchive-tools); CI runs this test",
)
