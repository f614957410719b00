"""`flops-auditor report`: one page on all that is recorded, for people; it opens in any browser and asks nobody."""

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from flops_auditor.domain.messages.report.report import Report
from flops_auditor.pages.render import report_page
from flops_auditor_cli.deployment import StackValues, Target, find_deployment, talks_to_aws
from flops_auditor_cli.options import OutputOption, moment_or_begin
from flops_auditor_cli.output import Output, plain, say
from flops_auditor_cli.print_page import print_page
from flops_auditor_cli.record_source import BundleOption, verified
from flops_auditor_cli.view import Table, View, show
from flops_auditor_cli.written import check_place

COLUMNS = {
    "path": "Report",
    "jobs": "Jobs",
    "above": "Above",
    "indeterminate": "Not certain",
    "word": "On its word",
    "below": "Below",
    "not_assessed": "Not assessed",
}
LATELY = timedelta(days=30)


@talks_to_aws()
def report(
    bundle: BundleOption = None,
    output_file: Annotated[
        Path | None, typer.Option("--output-file", "-f", help="Where to write it; left out: report.html or report.pdf.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="On A4 paper instead, by Chromium, Chrome or Edge.")] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=moment_or_begin, metavar="DAY|MOMENT", help="Show what changed from then on (UTC); else of 30 days."
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Write a report for people: one HTML file with everything in it, from the deployment or from a bundle.

    A bundle is verified first, and its report shows what changed in the 30 days before its export.
    """
    if bundle is not None and since is not None:
        raise typer.BadParameter("--since: what changed in a bundle is counted from its export")
    path = output_file or Path("report.pdf" if pdf else "report.html")
    check_place(path)
    made = of_bundle(bundle) if bundle is not None else of_deployment(find_deployment(target), since)
    page = report_page(made)
    path.write_bytes(print_page(page) if pdf else page)
    counts = {str(verdict): count for verdict, count in made.counts.items()}
    shut = [each.what for each in made.ledger.shut_doors]
    row = {"path": str(path.resolve()), "jobs": len(made.jobs), **counts, "not_looked_after": shut}
    show(View("report", row, [Table(COLUMNS, [row], right=tuple(COLUMNS)[1:])], [row]), output)
    if shut:
        say(f"not looked after here, as the stack's parameters say: {', '.join(shut)}")
    say(f"open it with any browser, or send it: {shlex.quote(plain(path.resolve().as_uri()))}")


def of_deployment(deployment: StackValues, since: datetime | None) -> Report:
    """The report of now, with the rights of whoever asks."""
    from flops_auditor.aws.wiring.doors import doors_by  # noqa: PLC0415 - a bundle needs no AWS
    from flops_auditor.aws.wiring.environment import ReportEnvironment  # noqa: PLC0415
    from flops_auditor.aws.wiring.reporting import reporter_from  # noqa: PLC0415
    from flops_auditor.use_cases.operations.report_ledger import report_ledger  # noqa: PLC0415
    from flops_auditor_cli.adapters import listing_of  # noqa: PLC0415

    listed = listing_of(deployment)
    environment = ReportEnvironment(
        regions=listed["regions"],
        excluded_regions=listed["excluded_regions"],
        doors=doors_by(deployment.parameters),
        table_name=deployment.output("RecordTableName"),
        archive_bucket=deployment.output("ArchiveBucketName"),
        report_bucket="",
        digest="off",
        queries="false",
        alert_topic_arn="",
        ledger_id=deployment.output("LedgerId"),
    )
    moment = since or datetime.now(UTC) - LATELY
    return report_ledger(reporter_from(environment), moment)


def of_bundle(path: Path) -> Report:
    """The report of a bundle that was verified. Raises NoBundle, NotVerified."""
    from flops_auditor.use_cases.ledger.bundle_files import BundleFiles  # noqa: PLC0415 - the deployment needs none
    from flops_auditor.use_cases.ledger.report_bundle import report_bundle  # noqa: PLC0415

    read = verified(path)
    with BundleFiles(path) as files:
        return report_bundle(files, read.report.verdict)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)
