"""Whether a waiting record agrees with the one that it follows, by the rules of whoever verifies the log later.

A place in the log cannot be taken back, so what no verifier would take gets none.
"""

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from flops_auditor.domain.ledger.agreement import KEY_BYTES, Agreement, Reader, Rows
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.findings import Defect, defect_of
from flops_auditor.domain.ledger.leaves import Leaf, record_of
from flops_auditor.domain.ledger.ledger_errors import TimeRunsBackwards
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.signatures import with_other_s
from flops_auditor.use_cases.ports.ledger import Identity


class Placed(NamedTuple):
    """A record as those after it must agree with it, and the digest of its line with the other value of s."""

    revision: int
    at: datetime
    rows: Rows
    other_s: bytes


@dataclass(frozen=True)
class Predecessors:
    """Records that have a place, of those that others follow: some hundred bytes of each."""

    reader: Reader = field(default_factory=lambda: Reader(os.urandom(KEY_BYTES)))
    placed: dict[Identity, Placed] = field(default_factory=dict)

    def know(self, line: bytes, index: int) -> None:
        """A record that is leaf `index`; of two of one identity the first counts. Raises what the record shows."""
        leaf = record_of(parse_envelope(line))
        if leaf.identity is not None and leaf.identity not in self.placed:
            self.placed[leaf.identity] = self.read(leaf, line, index)

    def read(self, leaf: Leaf, line: bytes, index: int) -> Placed:
        """A record as it would be known at leaf `index`. Raises what it shows by itself."""
        rows = self.reader.rows(leaf, line, index)
        by_itself = rows._replace(references=b"")  # whether ancestors agree is seen where all records are
        revision = leaf.statement.predicate["revision"]
        return Placed(revision, leaf.at, by_itself, self.reader.line(with_other_s(line)))


def disagreement(before: Placed, after: Placed) -> Defect | None:
    """What a verifier would find between a record and the ones that it follows, of which the last stands before it."""
    if before.revision and after.at < before.at:  # which may be as far as clocks differ before one that it follows
        message = f"revision {after.revision} is dated {iso(after.at)}, before the one that it follows"
        return defect_of(TimeRunsBackwards(message))
    both = Agreement(part=True)
    both.add(before.rows)
    both.add(after.rows)
    defects = both.check(lambda leaves: (before.other_s for _ in leaves), lambda digest: digest)
    return next((defect for defect in defects if defect.weight != "reservation"), None)
