"""`flops-auditor records`: list and show what was recorded, from the deployed table."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor_cli.audit_view import show as show_audit
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, emit, say
from flops_auditor_cli.recorded import COLUMNS, FLOP_COLUMNS, find_record, for_people, items, newest


class VerdictChoice(StrEnum):
    """What can be asked for."""

    BELOW = "below"
    INDETERMINATE = "indeterminate"
    ABOVE = "above"


@talks_to_aws()
def list_records(
    verdict: Annotated[VerdictChoice | None, typer.Option(help="Only jobs whose newest record says so.")] = None,
    base_model: Annotated[str | None, typer.Option(help="Only jobs on this base model, as the list names it.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many jobs.")] = 1000,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """List recorded jobs by their newest record, the latest first.

    FLOP include those of the runs that a job continues.
    """
    table = find_deployment(target).output("RecordTableName")
    # The indexes by verdict and base model hold superseded records, too: they cannot tell what a job's newest one says.
    rows = [
        row
        for row in newest(items(table, "time", "kind", "record"))
        if (verdict is None or row["verdict"] == verdict) and (not base_model or row.get("base_model") == base_model)
    ]
    shown = rows[:limit]
    emit([for_people(row) for row in shown] if output is Output.TABLE else shown, output, COLUMNS, right=FLOP_COLUMNS)
    if not rows:
        say("No record fits." if verdict or base_model else "Nothing is recorded yet.")
    if len(rows) > limit:
        say(f"{len(rows) - limit} more; raise --limit to see them")


@talks_to_aws()
def show_record(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Job name, ARN or job id.")],
    envelope: Annotated[bool, typer.Option("--envelope", help="The signed envelope itself, byte for byte.")] = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Show the newest record of a job."""
    item = find_record(find_deployment(target).output("RecordTableName"), job)
    if envelope:
        typer.echo(item["envelope"], nl=False)
        return
    statement = parse_statement(parse_envelope(item["envelope"].encode()).payload)
    document: dict[str, Any] = {**statement.predicate, "evidence_sha256": statement.subject_sha256}
    show_audit(document, output)
    if output is Output.TABLE:
        say(
            f"Verdict: {document['verdict']}. Recorded {document['recorded_at']}, revision {document['revision']}, key "
            f"{json.loads(item['envelope'])['signatures'][0]['keyid'][:16]}..."
        )


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("list")(list_records)
    app.command("show")(show_record)
