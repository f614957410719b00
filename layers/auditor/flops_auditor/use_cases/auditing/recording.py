"""Everything that auditing and recording work with, in one value."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.runs.sources.registry import SERVICES, Services
from flops_auditor.domain.values.archive_keys import tables_key
from flops_auditor.use_cases.auditing.collect_evidence import Collectors
from flops_auditor.use_cases.ports.ledger import Archive, Signer
from flops_auditor.use_cases.ports.lineage import LineageIndex
from flops_auditor.use_cases.ports.queues import Alerts, Reassessments
from flops_auditor.use_cases.ports.records import Claims, Records, SeenJobs
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn
from flops_auditor.use_cases.ports.sources import Clock


@dataclass(frozen=True)
class Recorder:
    """The ports and tables of an audit. `services` are the services whose runs it knows, `collectors` ask them, both by
    the name that evidence has for the service. `ours` tells whether a record key of the ledger signed a line. `kept`
    are the digests of tables that it has put into the archive itself. `at_once` makes calls side by side.
    """

    collectors: Collectors
    tables: Tables
    records: Records
    archive: Archive
    signer: Signer
    alerts: Alerts
    claims: Claims
    clock: Clock
    ledger_id: str
    code_version: str
    index: LineageIndex
    queue: Reassessments
    ours: Callable[[bytes], bool]
    seen: SeenJobs
    services: Services = field(default_factory=lambda: SERVICES)
    at_once: SideBySide = in_turn
    kept: set[str] = field(default_factory=set, init=False, compare=False)

    def keep_tables(self) -> None:
        """Have the tables that records will rest on in the archive, every version once; asks once per process."""
        for name, digest in self.tables.digests.items():
            if digest not in self.kept:
                self.archive.put_if_absent(tables_key(digest), self.tables.files[name])
                self.kept.add(digest)
