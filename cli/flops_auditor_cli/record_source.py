"""Where a command reads records from: the deployed table, or a bundle, which is verified first and needs no AWS."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from flops_auditor.domain.ledger.part_words import OF_A_PART, lacked
from flops_auditor.domain.lineage.kept_ancestors import unpack
from flops_auditor.domain.lineage.lineage import Lineage, read_lineage
from flops_auditor.domain.messages.report.report import Report
from flops_auditor.use_cases.ledger.read_bundle import BundleRecord, ReadBundle, read_bundle
from flops_auditor.use_cases.ledger.verify_bundle import Demands, VerificationReport
from flops_auditor.use_cases.ports.records import RecordQuery
from flops_auditor_cli.deployment import Target, find_deployment
from flops_auditor_cli.output import say
from flops_auditor_cli.progress import progress

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", help="Read a bundle instead of the deployment, without AWS: it is verified first."),
]


class RecordSource(Protocol):
    """The newest records of jobs. A row has the attributes that records are found by, such as `job_id`.

    `caveats` are what is to be said beside whatever is made of them: nothing of a deployment.
    """

    caveats: Sequence[str]

    def rows(self) -> list[dict[str, str]]:
        """One row per job, the latest job first."""

    def fitting(self, query: RecordQuery) -> list[dict[str, str]]:
        """The rows of the jobs that fit."""

    def named(self, job: str) -> list[dict[str, str]]:
        """Rows among which are all that a name, ARN or job id means (`recorded.the_one`)."""

    def names(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        """The names of those of the jobs that are recorded, by job id."""

    def line(self, row: Mapping[str, str]) -> bytes:
        """The signed envelope of a row's record, byte for byte."""

    def contents(self, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """What the records of these rows say, in their order."""

    def lineage(self, content: Mapping[str, Any]) -> Lineage:
        """What a record was audited with, all of its ancestors."""


class BundleRecords:
    """The records of a bundle that was verified."""

    def __init__(self, bundle: ReadBundle) -> None:
        self._records: dict[str, BundleRecord] = {record.job_id: record for record in bundle.records}
        self._ancestors = bundle.ancestors
        self.caveats: Sequence[str] = part_in_words(bundle.report)

    def rows(self) -> list[dict[str, str]]:
        """As the table would list them."""
        from flops_auditor.use_cases.auditing.keep_record import listed  # noqa: PLC0415 - it imports the audit

        rows = [{**listed(each.content), "revision": str(each.revision)} for each in self._records.values()]
        return sorted(rows, key=lambda row: row.get("ended_at", ""), reverse=True)

    def fitting(self, query: RecordQuery) -> list[dict[str, str]]:
        """Of all of them; a lineage is looked up only where one is asked for."""
        rows = self.rows()
        if query.lineage:
            rows = [{**row, "lineage": self._first_run(row["job_id"])} for row in rows]
        return [row for row in rows if query.fits(row)]

    def named(self, job: str) -> list[dict[str, str]]:
        """All of them: they are in memory."""
        return self.rows()

    def names(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        """As their records say."""
        return {job_id: self._records[job_id].content["job"]["name"] for job_id in job_ids if job_id in self._records}

    def _first_run(self, job_id: str) -> str:
        return min((root.job_id for root in self.lineage(self._records[job_id].content).roots()), default=job_id)

    def line(self, row: Mapping[str, str]) -> bytes:
        """From the log."""
        return self._records[row["job_id"]].line

    def contents(self, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """From the log."""
        return [self._records[row["job_id"]].content for row in rows]

    def lineage(self, content: Mapping[str, Any]) -> Lineage:
        """With the objects that stand beside the log."""
        return read_lineage(content, lambda _, digest: unpack(self._ancestors.get(digest, b""), digest))


def page_of(report: Report) -> bytes:
    """The page of a report. Templates are loaded when a bundle has a page, and for nothing else."""
    from flops_auditor.pages.render import report_page  # noqa: PLC0415

    return report_page(report)


def open_records(target: Target, bundle: Path | None) -> RecordSource:
    """The records of a bundle if one is given, else those of the deployment.

    What the verifier says of the bundle is told on stderr. Raises NoBundle, NotVerified, NoDeployment, and
    BadParameter for a region beside a bundle.
    """
    if bundle is None:
        from flops_auditor_cli.record_table import DeployedRecords  # noqa: PLC0415 - a bundle needs no AWS

        return DeployedRecords(find_deployment(target))
    if target.region is not None:
        raise typer.BadParameter(
            "--region says where a deployment is, and a bundle has the records of every region: leave it out "
            "(`records list --only-region` lists the jobs of one)"
        )
    return BundleRecords(verified(bundle))


def part_in_words(report: VerificationReport) -> list[str]:
    """What is to be known of a part before its records are read; nothing of a whole bundle."""
    if report.kind != "part":
        return []
    return [
        f"a part of a ledger: {report.selection}; {OF_A_PART}",
        *filter(None, [lacked(report.superseded_elsewhere)]),
    ]


def verified(bundle: Path) -> ReadBundle:
    """A bundle that was verified, which is told on stderr, and of a part what it is. Raises NoBundle, NotVerified."""
    now = datetime.now(UTC)
    with progress("leaves") as show_progress:
        read = read_bundle(
            bundle, Demands(as_of=now, now=now, page=page_of, processes=os.cpu_count() or 1), show_progress
        )
    report = read.report
    say(f"{bundle.name} is {report.verdict}; check it with `flops-auditor verify` and a pin of your own")
    say(*part_in_words(report))
    return read
