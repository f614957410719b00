"""Whether the stock tools that check the ledger are here. CI has to have them; elsewhere they are optional."""

import os
import shutil

import pytest

HAS_COSIGN = shutil.which("cosign") is not None
needs_cosign = pytest.mark.skipif(
    not HAS_COSIGN and os.environ.get("CI") != "true",
    reason="cosign is not installed (Debian: apt-get install cosign); CI runs this test",
)
