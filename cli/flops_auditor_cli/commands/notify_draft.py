"""`flops-auditor notify-draft`: what a notification has to say, and the fields of the Form, from a record."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.messages.form_fields import form_fields, form_of, forms_of
from flops_auditor.domain.messages.notification import as_markdown, drafts, form_as_markdown
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, json_text, say
from flops_auditor_cli.record_table import find_record, items
from flops_auditor_cli.recorded import NoSuchRecord, newest, the_one


class NoNewestRun(AuditorError):
    """No recorded run is of that model."""

    remedy = "List what there is with `flops-auditor records list`; name a job, or a base model as the list names it."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("notify-draft")(command)


@talks_to_aws()
def command(
    what: Annotated[
        str, typer.Argument(metavar="JOB|MODEL", help="Job name, ARN or job id; or a base model: its newest run.")
    ],
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Draft what an authority is to be told, and fill a form's fields, as Markdown or JSON. A person decides.

    Time and energy are those of the run and of the runs that it continues.
    """
    deployment = find_deployment(target)
    records = records_of(deployment.output("RecordTableName"), what)
    drafted, form = drafts(records[0]), form_of(records[0])
    fields = form_fields(records) if form else ()
    if output is Output.JSON:
        typer.echo(json_text({"drafts": list(map(asdict, drafted)), "form": list(map(asdict, fields))}))
        return
    today = datetime.now(UTC).date()
    parts = [*(as_markdown(draft, today) for draft in drafted), *([form_as_markdown(form, fields)] if form else [])]
    typer.echo("\n".join(parts), nl=False)
    for other in forms_of(records[0]):
        if other != form:
            say(f"The fields of the {other} are not known here: fill it in by hand.")
    if not drafted:
        say("No duty with a day follows from this record, so there is nothing to notify.")


def records_of(table: str, what: str) -> list[dict[str, Any]]:
    """The newest record of a job, or of a model's newest run; then those of the runs that it continues.

    Raises SeveralJobs, NoNewestRun.
    """
    rows = newest(items(table, "time", "kind", "record"))
    try:
        run = the_one(rows, what)
    except NoSuchRecord as error:
        match = next((r for r in rows if r.get("base_model") == what), None)
        if match is None:
            raise NoNewestRun(f"{what!r} is neither a recorded job nor the base model of one") from error
        run = match
    content = predicate_of(find_record(table, run["job_id"])["envelope"].encode())
    listed = {each["job_id"] for each in content["cumulative"]["ancestors"]}
    earlier = [row["job_id"] for row in rows if row["job_id"] in listed]
    return [content, *(predicate_of(find_record(table, job)["envelope"].encode()) for job in earlier)]
