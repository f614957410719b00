"""What is released is known to later releases: records rest on its tables."""

import pytest

from bench.released_tables import listed, tables_here
from flops_auditor import data
from tests.transcripts import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "dist").exists(), reason="nothing was built: make dist")


def test_every_table_that_is_shipped_is_listed() -> None:
    missing = sorted(name for name, digest in tables_here().items() if digest not in listed())
    assert not missing, f"make list-tables RELEASE=<tag>, and commit {data.RELEASED}: {missing}"
