"""What opens of a bundle without any tool: the report on its own records, and the same records as a table.

Both follow from the bundle's leaves and manifest: no clock, no AWS. They are conveniences; records are the evidence.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unicodedata import unidata_version

from flops_auditor import __version__
from flops_auditor.data import shipped_policy
from flops_auditor.domain.ledger import bundle
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.ledger_errors import BadBundle, LedgerError, PageNotCompared
from flops_auditor.domain.ledger.records_csv import csv_header, csv_row
from flops_auditor.domain.ledger.statement import RECORD_PREDICATE, parse_statement
from flops_auditor.domain.messages.report.job_line import JobLine, line_of
from flops_auditor.domain.messages.report.report import LedgerSeen, RecordedRevision, Report, report_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.ledger.bills_shown import bill_seen
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles

LATELY = timedelta(days=30)
"""What changed in a bundle, is what changed so long before its export."""
Leaves = Callable[[], Iterable[tuple[int, bytes]]]
"""(index, line) of the leaves of a bundle in order, as often as it is called."""
Page = Callable[[Report], bytes]
WRITER = f"{__version__} (Unicode {unidata_version})"
"""Who writes the same bytes for the same report: names are shown by the Unicode tables of Python."""
_WRITTEN_BY = re.compile(rb'<meta name="generator" content="FLOPs Auditor ([0-9A-Za-z.+ ()-]{1,60})">')
_OTHERWISE = "{} says something else than the records"
_HEAD = 4096
"""Bytes of a page in which it says who wrote it."""


@dataclass(frozen=True)
class ShownBundle:
    """A bundle's report, and its records as a table."""

    report: Report
    table: bytes


def show_bundle(leaves_of: Leaves, manifest: bundle.Manifest, checked: str = "") -> ShownBundle:
    """Read a bundle's leaves for people. `checked` is what verifying them said, "" where nobody did.

    Of each job one record is in memory at a time. Raises LedgerError for leaves that cannot be read.
    """
    as_of, sealed_at = read_time(manifest.exported_at), None
    lines: dict[str, JobLine] = {}
    places: dict[str, int] = {}
    history: list[RecordedRevision] = []
    table, bill = [csv_header()], None
    for index, line in leaves_of():
        payload = parse_envelope(line).payload
        kind = kind_of(payload)
        if kind == "rotation":
            continue
        content = parse_statement(payload).predicate
        if kind == "heartbeat":
            sealed_at = read_time(content["sealed_at"])
            continue
        if kind == "bill":
            if bill is None or content["recorded_at"] >= bill["recorded_at"]:
                bill = content
            continue
        table.append(csv_row(index, content))
        job = line_of(content, as_of.date())
        history.append(RecordedRevision(job.job_id, job.revision, job.recorded_at, job.group))
        if job.job_id not in lines or job.revision > lines[job.job_id].revision:
            lines[job.job_id], places[job.job_id] = job, index
    part = manifest.kind == "part"
    ledger = LedgerSeen(
        *("bundle", manifest.ledger_id, as_of, manifest.selection if part else "", manifest.size, sealed_at),
        checked=checked,
        part=part,
        superseded_elsewhere=_superseded_elsewhere(history),
        bill=bill_seen(bill),
    )

    def contents(job_ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        wanted = {places[each] for each in job_ids}
        for index, line in leaves_of():
            if index in wanted:
                yield parse_statement(parse_envelope(line).payload).predicate

    since = as_of - LATELY
    report = report_of(lines.values(), contents, history, ledger, since, WRITER, shipped_policy, lambda _: ())
    return ShownBundle(report, "".join(table).encode())


def _superseded_elsewhere(history: Iterable[RecordedRevision]) -> int:
    """How many records are not here below the newest of each job."""
    seen: dict[str, set[int]] = {}
    for each in history:
        seen.setdefault(each.job_id, set()).add(each.revision)
    return sum(max(revisions) + 1 - len(revisions) for revisions in seen.values())


def table_of(leaves_of: Leaves) -> bytes:
    """The records of a bundle as a table, without what the report asks of them."""
    statements = ((index, parse_statement(parse_envelope(line).payload)) for index, line in leaves_of())
    rows = (csv_row(index, each.predicate) for index, each in statements if each.predicate_type == RECORD_PREDICATE)
    return "".join([csv_header(), *rows]).encode()


def report_bundle(files: BundleFiles, checked: str = "") -> Report:
    """The report of a bundle as it was exported. Raises LedgerError for one that cannot be read."""
    return show_bundle(files.leaves, files.manifest(), checked).report


def shown_files(leaves_of: Leaves, manifest: bundle.Manifest, records: int, page: Page) -> dict[str, bytes]:
    """The page and the table of a bundle with so many records, by name; b"" where these are more than MOST_SHOWN, or
    where it is larger than a verifier reads, as thousands of jobs with names of hidden letters can make it, or where
    what a record says makes no page.
    """
    if records > bundle.MOST_SHOWN:
        return {bundle.INDEX: b"", bundle.RECORDS: b""}
    try:
        index, table = _made(leaves_of, manifest, page)
    except PageNotCompared:
        index, table = b"", table_of(leaves_of)
    files = {bundle.INDEX: index, bundle.RECORDS: table}
    return {name: content if len(content) <= bundle.LARGEST_SHOWN else b"" for name, content in files.items()}


def check_shown(files: BundleFiles, manifest: bundle.Manifest, records: int, page: Page | None) -> None:
    """Compare table and page with the records, if they are there; without `page` the table alone.

    The leaves, and their number of records, were verified before. Raises BadBundle for what says something else than
    the records, PageNotCompared for a page that another version wrote: the version that did can make it again; and for
    one of records of which nobody can make one.
    """
    index, table = files.read(bundle.INDEX), files.read(bundle.RECORDS)
    if index is None and table is None:
        return
    if records > bundle.MOST_SHOWN:
        raise BadBundle(f"a page or a table for people in a bundle of more than {bundle.MOST_SHOWN} records")
    if index is None or page is None or _writer_of(index) != WRITER:
        # What only a report needs is not read: another version may have words that are not known here.
        if table is not None and table != table_of(files.leaves):
            raise BadBundle(_OTHERWISE.format(bundle.RECORDS))
        if index is not None and page is not None:
            by = _writer_of(index)
            raise PageNotCompared(f"{bundle.INDEX} was not compared with the records: it says that {by} wrote it")
        return
    index_again, table_again = _made(files.leaves, manifest, page)
    if table is not None and table != table_again:
        raise BadBundle(_OTHERWISE.format(bundle.RECORDS))
    if index != index_again:
        raise BadBundle(_OTHERWISE.format(bundle.INDEX))


def _made(leaves_of: Leaves, manifest: bundle.Manifest, page: Page) -> tuple[bytes, bytes]:
    """The page and the table. Raises PageNotCompared: whoever holds the record key may sign what no audit says, and of
    that a page need not be made; what it says is no less verified.
    """
    try:
        shown = show_bundle(leaves_of, manifest)
        return page(shown.report), shown.table
    except (LedgerError, OSError, MemoryError):
        raise
    except Exception as error:
        raise PageNotCompared(f"no {bundle.INDEX} can be made of these records: {error!r:.200}") from error


def _writer_of(page: bytes) -> str:
    """Who says to have written a page."""
    match = _WRITTEN_BY.search(page, 0, _HEAD)
    return match[1].decode() if match else "an unknown version"
