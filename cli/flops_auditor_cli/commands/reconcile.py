"""`flops-auditor reconcile`: which finished jobs have no record, of every door and region, and queue them."""

from typing import Annotated

import typer

from flops_auditor.domain.values.amounts import counted
from flops_auditor.use_cases.operations.compare_jobs import compare, joined
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor_cli.adapters import doors_of
from flops_auditor_cli.comparison_view import RegionProgress, document_of, rows_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.schemas import COMPARED_JOB, fields_of
from flops_auditor_cli.view import Table, View, show

COLUMNS = {"region": "Region", "name": "Job", "status": "Status", "ended_at": "Ended", "action": "What is done"}


@talks_to_aws()
def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be queued.")] = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Compare the whole history of every region with the ledger, and queue finished jobs that have no record.

    The deployed function does the same every hour; its progress is not touched. Exits with 4 when a region could not
    be read.
    """
    progress = RegionProgress()
    comparisons = {}
    for name, (each, listing) in doors_of(find_deployment(target)).items():
        comparisons[name] = compare(each.regions, each.reader, each.index, each.seen, whole=True, told=progress)
        progress.end()
        listing.end()
        if not dry_run:
            now = each.reader.clock()
            each.queue.send([SeenJob(job, now) for job in comparisons[name].missing])
    comparison = joined(comparisons)
    rows = rows_of(comparison, "would be queued" if dry_run else "queued")
    document = {**document_of(comparison, rows), "dry_run": dry_run}
    table = Table(COLUMNS, rows, cut=("name",))
    show(View("reconcile", document, [table], rows, fields_of(COMPARED_JOB)), output)
    for name, compared in comparisons.items():
        finished = sum(state.finished for state in compared.regions)
        regions = counted(len(compared.regions), "region")
        say(f"{len(compared.missing)} of {finished} finished {name} in {regions} have no record")
    if comparison.unread:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)
