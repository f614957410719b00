"""`flops-auditor redrive`: send dead letters to the audit again, and say why each of them died."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.dead_letters import LoggedReasons, SqsDeadLetters
from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.operations.redrive_letters import Letter, redrive
from flops_auditor_cli.adapters import deployed
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.view import Table, View, show

COLUMNS = {"queue": "Queue", "message_id": "Message", "job": "Job", "reason": "Why it died", "action": "What was done"}
QUEUES = {"jobs": "AuditDeadLetterQueueUrl", "deliveries": "DeliveryDeadLetterQueueUrl"}


def keep(path: Path, letter: Letter) -> None:
    """Append a letter to a file, on the disk before it leaves its queue."""
    entry = {
        "message_id": letter.message_id,
        "sent_at": iso(letter.sent_at) if letter.sent_at else None,
        "why": letter.why,
        "body": letter.body,
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
        file.flush()


@talks_to_aws()
def redrive_letters(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and why each died.")] = False,
    set_aside: Annotated[
        Path | None,
        typer.Option(help="Append letters that name no training job to this file, and take them off the queue."),
    ] = None,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Send dead letters back to the audit queue, with the reason why each failed.

    A letter that names no training job can never be audited: it stays, unless --set-aside names a file for it. Exits
    with 4 when letters were left.
    """
    deployment = find_deployment(target)
    groups = deployed(deployment, target).resources("AWS::Logs::LogGroup", "AuditLogGroup")
    reasons = LoggedReasons(client("logs"), groups[0] if groups else "")
    aside = (lambda letter: keep(set_aside, letter)) if set_aside is not None else None
    rows: list[dict[str, Any]] = []
    for queue, name in QUEUES.items():
        letters = SqsDeadLetters(client("sqs"), deployment.output(name), deployment.output("AuditQueueUrl"))
        for done in redrive(letters, reasons, dry_run=dry_run, set_aside=aside):
            rows.append(
                {
                    "queue": queue,
                    "message_id": done.message_id,
                    "job": done.job,
                    "reason": done.reason or "nothing is logged of it",
                    "action": done.action,
                }
            )
    table = Table(COLUMNS, rows, cut=("message_id",))
    show(View("redrive", {"dry_run": dry_run, "letters": rows}, [table], rows, tuple(COLUMNS)), output)
    left = sum(row["action"] == "left" for row in rows)
    say(counted(len(rows), "dead letter") + (f", {left} left: they name no training job" if left else ""))
    if left:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("redrive")(redrive_letters)
