"""`flops-auditor notify-draft`: what a notification has to say, from a record."""

from datetime import UTC, datetime

import typer

from flops_auditor.domain.messages.notification import drafts
from flops_auditor_cli.deployment import Target, talks_to_aws
from flops_auditor_cli.form_view import draft_blocks, draft_document
from flops_auditor_cli.model_runs import ModelOrJob, runs_of
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.record_source import BundleOption, open_records
from flops_auditor_cli.view import View, show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("notify-draft")(command)


@talks_to_aws()
def command(
    what: ModelOrJob,
    bundle: BundleOption = None,
    output: OutputOption = Output.MARKDOWN,
    *,
    target: Target,
) -> None:
    """Draft what an authority is to be told, one draft for each duty with a day. A person decides."""
    content = runs_of(open_records(target, bundle), what)[0]
    drafted, today = drafts(content), datetime.now(UTC).date()
    documents = [draft_document(each) for each in drafted]
    blocks = [block for draft in drafted for block in draft_blocks(draft, today)]
    if drafted or output is Output.JSON:
        show(View("drafts", {"drafts": documents}, blocks, documents), output)
    if not drafted:
        say("No duty with a day follows from this record, so there is nothing to notify.")
