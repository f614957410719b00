"""`flops-auditor records`: list and show what was recorded, from the deployed table."""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from flops_auditor.aws.calls.clients import client
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.audit import show as show_audit
from flops_auditor_cli.ledger_access import DEFAULT_STACK, LocalOption, StackOption, find_deployment
from flops_auditor_cli.output import Output, OutputOption, emit, say

records = typer.Typer(help="List and show what was recorded.", no_args_is_help=True, rich_markup_mode=None)

COLUMNS = {
    "ended_at": "Ended",
    "job_name": "Job",
    "status": "Status",
    "method": "Method",
    "best_flop": "Best (FLOP)",
    "upper_flop": "At most (FLOP)",
    "base_model": "Base model",
    "verdict": "Verdict",
}
FLOP_COLUMNS = ("best_flop", "upper_flop")


class VerdictChoice(StrEnum):
    """What can be asked for."""

    BELOW = "below"
    INDETERMINATE = "indeterminate"
    ABOVE = "above"


class NoSuchRecord(AuditorError):
    """Nothing is recorded under that name."""

    remedy = "List what there is with `flops-auditor records list`."


def items(table: str, index: str, key: str, value: str) -> Iterator[dict[str, str]]:
    """All items of one key of an index, newest first, page by page."""
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table,
            IndexName=index,
            KeyConditionExpression="#key = :value",
            ExpressionAttributeNames={"#key": key},
            ExpressionAttributeValues={":value": {"S": value}},
            ScanIndexForward=False,
        )
    )
    for page in pages:
        for item in page["Items"]:
            yield {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


def newest(found: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    """One row per job: the record of the highest revision, which supersedes the others."""
    by_job: dict[str, dict[str, str]] = {}
    for item in found:
        known = by_job.get(item["job_id"])
        if known is None or int(item["revision"]) > int(known["revision"]):
            by_job[item["job_id"]] = item
    return sorted(by_job.values(), key=lambda item: item.get("ended_at", ""), reverse=True)


def for_people(item: Mapping[str, str]) -> dict[str, str]:
    """A row with FLOP in scientific notation and times to the minute."""
    row = dict(item)
    for column in FLOP_COLUMNS:
        row[column] = scientific(int(item[column])) if column in item else "unknown"
    row["ended_at"] = item.get("ended_at", "")[:16].replace("T", " ")
    return row


@records.command("list")
def list_records(
    verdict: Annotated[VerdictChoice | None, typer.Option(help="Only jobs whose newest record says so.")] = None,
    base_model: Annotated[str | None, typer.Option(help="Only jobs on this base model, as the list names it.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many jobs.")] = 1000,
    output: OutputOption = Output.TABLE,
    stack_name: StackOption = DEFAULT_STACK,
    local: LocalOption = False,
) -> None:
    """List recorded jobs by their newest record, the latest first.

    FLOP include those of the runs that a job continues.
    """
    table = find_deployment(stack_name, local).output("RecordTableName")
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


def find_record(table: str, job: str) -> dict[str, str]:
    """The newest record of a job, by name, ARN or job id. Raises NoSuchRecord."""
    matching = (i for i in items(table, "time", "kind", "record") if job in (i["job_name"], i["job_arn"], i["job_id"]))
    row = next(iter(newest(matching)), None)
    if row is None:
        raise NoSuchRecord(f"{job!r} has no record")
    key = {"pk": {"S": row["pk"]}, "sk": {"S": row["sk"]}}
    item = client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    return {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


@records.command("show")
def show_record(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Job name, ARN or job id.")],
    envelope: Annotated[bool, typer.Option("--envelope", help="The signed envelope itself, byte for byte.")] = False,
    output: OutputOption = Output.TABLE,
    stack_name: StackOption = DEFAULT_STACK,
    local: LocalOption = False,
) -> None:
    """Show the newest record of a job."""
    item = find_record(find_deployment(stack_name, local).output("RecordTableName"), job)
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
    """Add the commands."""
    app.add_typer(records, name="records")
