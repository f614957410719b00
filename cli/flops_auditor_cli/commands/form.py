"""`flops-auditor form`: the compute, time and energy part of a form that a duty may be met with, from records."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from flops_auditor.data import form_ids, form_text, hardware_table
from flops_auditor.domain.messages.documents.fill_form import fill_form
from flops_auditor.domain.messages.documents.form import FilledForm
from flops_auditor.domain.messages.documents.form_file import parse_form
from flops_auditor.domain.messages.duties import forms_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor_cli.deployment import Target, talks_to_aws
from flops_auditor_cli.form_view import form_blocks, form_view
from flops_auditor_cli.model_runs import ModelOrJob, runs_of
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.record_source import BundleOption, open_records
from flops_auditor_cli.view import show
from flops_auditor_cli.written import OutputFileOption, OverwriteOption, check_file, show_or_write, write


class FormOutput(StrEnum):
    """The kinds of file in which a form can be had."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    DOCX = "docx"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("form")(form_command)


@talks_to_aws()
def form_command(
    what: ModelOrJob,
    form_id: Annotated[
        str | None, typer.Option("--form", help="Which form, by its id; by default the one that the record asks for.")
    ] = None,
    bundle: BundleOption = None,
    output: Annotated[
        FormOutput, typer.Option("--output", "-o", help="Table or docx for people, json or csv for machines, markdown.")
    ] = FormOutput.TABLE,
    output_file: OutputFileOption = None,
    overwrite: OverwriteOption = False,
    *,
    target: Target,
) -> None:
    """Fill in the compute, time and energy part of a form that is asked for; draft a notification where one is due.

    Limited to the modification, where the model is one. What only a person knows is marked. A person decides.
    """
    check_file(output_file, overwrite, output is FormOutput.DOCX)
    if output is FormOutput.DOCX:
        import_module("flops_auditor_cli.document")  # that its extra is missing is told before anything is read
    source = open_records(target, bundle)
    records = runs_of(source, what)
    asked = forms_of(records[0])
    chosen = form_id or _form_of(asked)
    form = fill_form(records, parse_form(form_text(chosen)), hardware_table(), source.caveats)
    if output is FormOutput.DOCX:
        write(document_of(form), output_file)
    else:
        view = form_view(form, datetime.now(UTC).date())
        show_or_write(lambda: show(view, Output(output.value)), output_file)
    if chosen not in asked:
        say(f"By the newest record nothing asks for the {form.form}: no line is crossed that would.")
    for other in asked:
        if other != chosen:
            say(f"The newest record asks for another form, too: give --form {other}.")


def _form_of(asked: Sequence[str]) -> str:
    """The form that a record asks for, or else the only one there is. Raises typer.BadParameter if it is not clear."""
    forms = [each for each in asked if each in form_ids()] or form_ids()
    if len(forms) > 1 and not asked:
        raise typer.BadParameter(f"the newest record asks for no form; say which with --form: {', '.join(forms)}")
    return forms[0]


def document_of(form: FilledForm) -> bytes:
    """The Form as DOCX, as of the newest record and not of today, so that the same records give the same bytes."""
    from flops_auditor_cli.document import document  # noqa: PLC0415 - python-docx is an extra

    newest = max(read_time(run.recorded_at) for run in form.runs)
    return document(form.form, form_blocks(form, newest.date()), newest)
