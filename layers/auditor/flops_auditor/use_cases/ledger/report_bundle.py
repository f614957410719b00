"""The report on the records of a bundle. It follows from the bundle's own bytes: no clock, no AWS."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flops_auditor import __version__
from flops_auditor.domain.ledger import bundle
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.messages.report.job_line import JobLine, line_of
from flops_auditor.domain.messages.report.report import LedgerSeen, RecordedRevision, Report, report_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.read_bundle import leaves

LATELY = timedelta(days=30)
"""What changed in a bundle, is what changed so long before its export."""


def report_bundle(files: BundleFiles, checked: str = "") -> Report:
    """The report of a bundle as it was exported. `checked` is what verifying it said, "" where nobody did.

    Of each job one record is in memory at a time. Raises LedgerError for a bundle that cannot be read.
    """
    manifest = files.manifest()
    as_of = read_time(manifest.exported_at)
    lines: dict[str, JobLine] = {}
    places: dict[str, int] = {}
    history: list[RecordedRevision] = []
    sealed_at: datetime | None = None
    for index, line in leaves(files):
        payload = parse_envelope(line).payload
        kind = kind_of(payload)
        content = parse_statement(payload).predicate
        if kind == "heartbeat":
            sealed_at = read_time(content["sealed_at"])
        if kind != "record":
            continue
        job = line_of(content, as_of.date())
        history.append(RecordedRevision(job.job_id, job.revision, job.recorded_at, job.verdict))
        known = lines.get(job.job_id)
        if known is None or job.revision > known.revision:
            lines[job.job_id], places[job.job_id] = job, index
    selection = "" if manifest.selection == bundle.EVERYTHING else manifest.selection
    ledger = LedgerSeen("bundle", manifest.ledger_id, as_of, selection, manifest.size, sealed_at, checked=checked)

    def contents(job_ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        wanted = {places[each] for each in job_ids}
        for index, line in leaves(files):
            if index in wanted:
                yield parse_statement(parse_envelope(line).payload).predicate

    return report_of(lines.values(), contents, history, ledger, as_of - LATELY, __version__)
