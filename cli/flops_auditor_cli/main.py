"""The command line `flops-auditor`: commands for people and, with `--output json`, for machines.

Data goes to stdout, talk to stderr. Exit codes: 0 fine, 1 the tool failed, 2 usage, 3 over a threshold, 4 evidence
incomplete. Each command is one module with a `register` function.
"""

import sys
from typing import Annotated

import typer

from flops_auditor import __version__
from flops_auditor.aws.calls.failures_in_words import in_words
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.commands import (
    amend,
    audit,
    catalog,
    doctor,
    export,
    keys,
    lineage,
    plan,
    reassess,
    rebuild_index,
    reconcile,
    records,
    redrive,
    restore_stack,
    verify,
    watch,
)
from flops_auditor_cli.exits import FAILED, USAGE, WRONG_USAGE
from flops_auditor_cli.output import plain

app = typer.Typer(
    name="flops-auditor",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    """Training compute of SageMaker training jobs against the thresholds of the EU AI Act.

    Exit codes: 0 fine or below, 1 the tool failed, 2 wrong options, 3 over a threshold, 4 evidence incomplete.
    """


COMMANDS = (
    audit,
    plan,
    records,
    watch,
    amend,
    reassess,
    reconcile,
    doctor,
    redrive,
    catalog,
    verify,
    export,
    keys,
    rebuild_index,
    restore_stack,
)
for module in COMMANDS:
    module.register(app)
lineage.register_on_records(records.records)


def run() -> None:
    """The entry point: an expected failure is told in words, with what to do next, and exits with 1 or 2."""
    try:
        with in_words():
            app(prog_name="flops-auditor")
    except AuditorError as error:
        fail(f"{error.name}: {error}", error.remedy, USAGE if isinstance(error, WRONG_USAGE) else FAILED)
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        fail(named, "Name a file or folder that may be read or written here.", FAILED)


def fail(what: str, remedy: str, code: int) -> None:
    """Say what went wrong and what to do next, and exit. A name in it can hold no line break and no escape."""
    print(f"{plain(what)}\n{remedy}", file=sys.stderr)  # noqa: T201 - the one place that talks
    sys.exit(code)


if __name__ == "__main__":
    run()
