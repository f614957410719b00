"""The newest record of every job as JSON lines, which a query engine reads. Derived: the signed records are the truth.

A line has what `flops-auditor records list --output json` says of a job, and what it is looked for by: `lineage`, and
the base model as lists show it.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from flops_auditor.domain.messages.record_row import row_of
from flops_auditor.domain.values.visible import as_written

GZIP = zlib.MAX_WBITS | 16
"""zlib's sign for the gzip format."""


class RecordLines:
    """Lines, packed as they come, so that what is held is small (python -m bench.record_lines)."""

    def __init__(self) -> None:
        self._gzip = zlib.compressobj(wbits=GZIP)  # without a moment of packing: the same records are the same bytes
        self._parts: list[bytes] = []

    def add(self, content: Mapping[str, Any], lineage: str) -> None:
        """A record's predicate, and the job id of the first run of its lineage."""
        row = row_of(content)
        line = {**row, "lineage": lineage, "base_model_shown": as_written(row["base_model"])}
        packed = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        self._parts.append(self._gzip.compress(packed))

    def packed(self) -> bytes:
        """All lines, as gzip (RFC 1952). Nothing is added after that."""
        return b"".join([*self._parts, self._gzip.flush()])
