"""The newest record of every job as JSON lines, which a query engine reads. Derived: the signed records are the truth.

A line has what `flops-auditor records list --output json` says of a job, and `lineage`, by which it is looked for.
"""

import gzip
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import orjson

from flops_auditor.domain.messages.record_row import row_of


class RecordLines:
    """Lines, packed as they come, so that what is held is small (python -m bench.record_lines)."""

    def __init__(self) -> None:
        self._packed = BytesIO()
        # The moment of packing is no part of it: the same records are the same bytes.
        self._lines = gzip.GzipFile(fileobj=self._packed, mode="wb", mtime=0)

    def add(self, content: Mapping[str, Any], lineage: str) -> None:
        """A record's predicate, and the job id of the first run of its lineage."""
        self._lines.write(orjson.dumps({**row_of(content), "lineage": lineage}, option=orjson.OPT_APPEND_NEWLINE))

    def packed(self) -> bytes:
        """All lines, as gzip (RFC 1952). Nothing is added after that."""
        self._lines.close()
        return self._packed.getvalue()
