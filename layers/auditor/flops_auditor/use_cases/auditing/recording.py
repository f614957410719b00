"""Everything that auditing and recording work with, in one value."""

from dataclasses import dataclass

from flops_auditor.domain.audit.audit import Tables
from flops_auditor.use_cases.auditing.collect_evidence import Sources
from flops_auditor.use_cases.ports.ledger import Archive, Signer
from flops_auditor.use_cases.ports.lineage import LineageIndex
from flops_auditor.use_cases.ports.queues import Alerts, Reassessments
from flops_auditor.use_cases.ports.records import Claims, Records
from flops_auditor.use_cases.ports.sources import Clock


@dataclass(frozen=True)
class Recorder:
    """The ports and tables of an audit."""

    sources: Sources
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
