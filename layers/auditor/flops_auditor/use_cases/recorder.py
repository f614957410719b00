"""Everything that auditing and recording work with, in one value."""

from dataclasses import dataclass

from flops_auditor.domain.audit import Tables
from flops_auditor.use_cases.collect_evidence import Sources
from flops_auditor.use_cases.ledger_ports import Archive, Signer
from flops_auditor.use_cases.ports import Alerts, Claims, Clock, LineageIndex, Reassessments, Records


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
