"""`flops-auditor models`: what only people know of models, in one file that holds for every run on them."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from flops_auditor.aws.wiring.recording import recorder_from
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.amounts import counted
from flops_auditor.use_cases.auditing.read_models import newest_models
from flops_auditor.use_cases.auditing.set_model import amend_runs, set_model
from flops_auditor_cli.adapters import environment_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.options import OutputOption, amount
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.record_table import items
from flops_auditor_cli.recorded import newest
from flops_auditor_cli.stated_options import states
from flops_auditor_cli.view import Table, View
from flops_auditor_cli.view import show as view

COLUMNS = {
    "model": "Model",
    "said": "What is said of it",
    "who": "Who",
    "why": "Why",
    "at": "When",
}


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("set")(set_command)
    app.command("show")(show)


@talks_to_aws()
@states
def set_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="The original, by any name it goes by; or a job's name or ARN, for its result alone."
        ),
    ],
    who: Annotated[str, typer.Option(help="Who says it: name or address.")],
    why: Annotated[str, typer.Option(help="What it rests on.")],
    pretraining_flop: Annotated[
        str | None, typer.Option("--pretraining-flop", help="Compute of the original in FLOP, such as 1.5e24.")
    ] = None,
    *,
    stated: Stated,
    target: Target,
) -> None:
    """Say something of a model. It replaces what was said of it before, and holds for every run on it.

    A new version of the file is kept, and the records of its runs are superseded by ones that rest on it.
    """
    statement = Amendment(
        who=who,
        why=why,
        at=datetime.now(UTC).replace(microsecond=0),
        pretraining_flop=amount(pretraining_flop, "--pretraining-flop"),
        stated=stated,
        about=model,
    ).check()
    deployment = find_deployment(target)
    recorder = recorder_from(environment_of(deployment, deployment.policies))
    kept = set_model(statement, recorder)
    known = recorder.tables.models.find(model) if recorder.tables.models else None
    names = {model, known.model_id if known else model}
    # The earliest end first: whoever continues a job began after it had ended, and is then assessed once.
    rows = newest(items(deployment.output("RecordTableName"), "time", "kind", "record"))[::-1]
    runs = [r["job_id"] for r in rows if names & {r.get("base_model", ""), r["job_name"], r["job_arn"]}]
    count = amend_runs(statement, runs, recorder)
    say(f"Version {kept.number} of the file of models says it; {counted(count, 'record')} superseded.")


@talks_to_aws()
def show(output: OutputOption = Output.TABLE, *, target: Target) -> None:
    """Show what is said of models: a table, or the newest version of the file."""
    deployment = find_deployment(target)
    kept = newest_models(recorder_from(environment_of(deployment, deployment.policies)).archive)
    rows = [row(name, statement) for name, statement in sorted(kept.statements.items())]
    view(
        View("statements", {"version": kept.number, "models": rows}, [Table(COLUMNS, rows)], rows, tuple(COLUMNS)),
        output,
    )
    say("Nothing is said of any model yet." if kept.number is None else f"Version {kept.number} of the file of models.")


def row(name: str, statement: Amendment) -> dict[str, Any]:
    """A statement as a row of the table."""
    answers = {name: str(value).lower() for name, value in statement.stated.to_json().items()}
    if statement.pretraining_flop is not None:
        answers["pretrainingFlop"] = str(statement.pretraining_flop)
    return {
        "model": name,
        "said": ", ".join(f"{key}: {value}" for key, value in answers.items()),
        "who": statement.who,
        "why": statement.why,
        "at": statement.at.date().isoformat(),
    }
