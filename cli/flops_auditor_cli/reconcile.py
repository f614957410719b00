"""`flops-auditor reconcile`: which finished training jobs have no record, in every region, and queue them."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from flops_auditor.aws.wiring.environment import ReconcileEnvironment
from flops_auditor.aws.wiring.reconciling import reconciler_from
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.operations.compare_jobs import Comparison, RegionState, compare
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE
from flops_auditor_cli.ledger_access import DEFAULT_STACK, Deployment, LocalOption, StackOption, find_deployment
from flops_auditor_cli.output import Output, OutputOption, emit, say

COLUMNS = {"region": "Region", "name": "Job", "status": "Status", "ended_at": "Ended", "action": "What is done"}


def reconciler_of(deployment: Deployment) -> Reconciler:
    """The reconciliation of a deployed stack, with the caller's rights."""
    return reconciler_from(
        ReconcileEnvironment(
            deployment.output("RecordTableName"), deployment.output("AuditQueueUrl"), deployment.excluded_regions
        )
    )


def told(state: RegionState) -> None:
    """One line per region that has jobs or could not be read, on stderr."""
    if not state.listed and not state.error:
        return
    seen = state.error or f"{state.listed} jobs, {state.finished} finished, {len(state.missing)} without a record"
    say(f"{state.region}: {seen}")


def rows_of(comparison: Comparison, action: str) -> list[dict[str, Any]]:
    """One row per job without a record."""
    return [
        {
            "region": job.region,
            "name": job.name,
            "status": job.status,
            "ended_at": iso(job.last_modified or job.creation_time),
            "arn": job.arn,
            "job_id": job.job_id,
            "action": action,
        }
        for job in comparison.missing
    ]


def document_of(comparison: Comparison, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The comparison as JSON."""
    return {
        "compared_at": iso(comparison.compared_at),
        "complete_to": iso(comparison.complete_to) if comparison.complete_to else None,
        "regions": [
            {
                "region": state.region,
                "listed": state.listed,
                "finished": state.finished,
                "settling": state.settling,
                "missing": len(state.missing),
                "error": state.error or None,
            }
            for state in comparison.regions
        ],
        "jobs": rows,
    }


def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be queued.")] = False,
    output: OutputOption = Output.TABLE,
    stack_name: StackOption = DEFAULT_STACK,
    local: LocalOption = False,
) -> None:
    """Compare the whole history of every region with the ledger, and queue finished jobs that have no record.

    The deployed function does the same every hour; its progress is not touched. Exits with 4 when a region could not
    be read.
    """
    reconciler = reconciler_of(find_deployment(stack_name, local))
    comparison = compare(reconciler.regions, reconciler.listing, reconciler.index, datetime.now(UTC), told=told)
    if not dry_run:
        reconciler.queue.send(comparison.missing)
    rows = rows_of(comparison, "would be queued" if dry_run else "queued")
    emit(rows, output, COLUMNS, document=document_of(comparison, rows))
    finished = sum(state.finished for state in comparison.regions)
    say(f"{len(rows)} of {finished} finished jobs in {len(comparison.regions)} regions have no record")
    if comparison.unread:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)
