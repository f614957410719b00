"""`flops-auditor rebuild-index`: put the table of records back from the archive, after it was lost."""

import typer

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import FAILED
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.view import Table, View, show

COLUMNS = {"written": "Written", "known": "Known already", "logged": "With a place in the log", "skipped": "Skipped"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild-index")(rebuild)


@talks_to_aws()
def rebuild(target: Target, output: OutputOption = Output.TABLE) -> None:
    """Put every archived record that the table lacks back into it; of what is there, correct the place in the log."""
    deployment = find_deployment(target)
    table, dynamodb = deployment.output("RecordTableName"), client("dynamodb")
    rebuilt = rebuild_index(
        S3Archive(client("s3"), deployment.output("ArchiveBucketName")),
        DynamoDbRecords(dynamodb, table),
        DynamoDbPendingRecords(dynamodb, table),
        DynamoDbLineageIndex(dynamodb, table),
    )
    row = {
        "written": rebuilt.written,
        "known": rebuilt.known,
        "logged": rebuilt.logged,
        "skipped": len(rebuilt.skipped),
    }
    document = {**row, "skipped": [{"key": key, "reason": reason} for key, reason in rebuilt.skipped]}
    show(View("rebuilt", document, [Table(COLUMNS, [row], right=tuple(COLUMNS))], [row]), output)
    for key, reason in rebuilt.skipped:
        say(f"{key}: {reason}")
    if rebuilt.skipped:
        raise typer.Exit(FAILED)
