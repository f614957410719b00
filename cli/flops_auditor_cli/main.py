"""The command line `flops-auditor`: commands for people and, with `--output json`, for machines.

Data goes to stdout, talk to stderr; exits.py says what the exit codes mean. A command is a module with a `register`
function and is imported when it is asked for, so that a start costs no more than it needs.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from flops_auditor import __version__
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor_cli.exits import FAILED, FAILED_OF, USAGE
from flops_auditor_cli.outlet import not_written
from flops_auditor_cli.output import say
from flops_auditor_cli.remedies import REMEDIES_HERE

DEBUG = "--debug"
UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]
"""What typer raises for options that make no sense; it exports one kind of it alone."""


class NotWritten(AuditorError):
    """The result is not whole where it was to be written."""

    remedy = "Make room there, or write it elsewhere, and run it again: what is there is cut off."


@dataclass(frozen=True)
class Command:
    """A command, or a group of them: its line in the help, and the modules under `commands` that register it."""

    help: str
    modules: tuple[str, ...]
    group: bool = False


SECTIONS: dict[str, dict[str, Command]] = {
    "Without AWS": {
        "plan": Command("Say before a launch what a run will cost and cross.", ("plan",)),
        "audit": Command("Audit one job: from files, or live with --job-name.", ("audit",)),
        "explain-cluster": Command("Say what runs on a HyperPod cluster took.", ("explain_cluster",)),
        "catalog": Command("Instance types, policies, base models.", ("catalog",), group=True),
        "verify": Command("Check a bundle offline, without trusting its writer.", ("verify",)),
        "schema": Command("The JSON Schemas of what --output json prints.", ("schema",)),
        "docs": Command("Read the documents that messages and mails name.", ("docs",)),
    },
    "Ask the deployment": {
        "records": Command("List, show and trace what was recorded.", ("records", "lineage"), group=True),
        "watch": Command("Look at the jobs in progress.", ("watch",)),
        "doctor": Command("Is all healthy, and is every job recorded?", ("doctor",)),
        "explain-bill": Command("Say what of the bill no record explains.", ("explain_bill",)),
        "report": Command("Write a page for people on all that is recorded.", ("report",)),
        "export": Command("Write a bundle of records for a regulator.", ("export",)),
        "form": Command("Fill in a form that a duty asks for.", ("form",)),
        "bom": Command("Describe a model as CycloneDX, SPDX or a model card.", ("bom",)),
        "notify-draft": Command("Draft a notification.", ("notify_draft",)),
    },
    "Change something": {
        "amend": Command("Give better evidence about a recorded job.", ("amend",)),
        "record-cluster": Command("Record what runs on a HyperPod cluster took.", ("record_cluster",)),
        "models": Command("Say what only people know of a model.", ("models",), group=True),
        "reassess": Command("Assess records again with today's tables.", ("reassess",)),
        "regions": Command("Have other regions forward the ends of jobs.", ("regions",)),
        "reconcile": Command("Queue finished jobs that have no record.", ("reconcile",)),
        "redrive": Command("Send dead letters to the audit again.", ("redrive",)),
        "keys": Command("List the signing keys, and replace one.", ("keys",), group=True),
        "rebuild-index": Command("Put the table back from the archive.", ("rebuild_index",)),
        "restore-stack": Command("Take what a deleted stack kept into a new one.", ("restore_stack",)),
    },
}
COMMANDS = {name: command for section in SECTIONS.values() for name, command in section.items()}


class Commands(TyperGroup):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, as the help orders them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command, None if there is none of that name. Whoever runs the program is told that it begins."""
        if cmd_name not in COMMANDS:
            return None
        command = load(cmd_name)
        if callable(ctx.obj):
            ctx.obj()
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands in the help, section by section, without importing them."""
        width = max(map(len, COMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), command.help) for name, command in section.items()])


def load(name: str) -> Any:
    """Import a command and make it."""
    entry = COMMANDS[name]
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    inner = typer.Typer(help=entry.help, no_args_is_help=True, rich_markup_mode=None) if entry.group else app
    for module in entry.modules:
        import_module(f"flops_auditor_cli.commands.{module}").register(inner)
    if entry.group:
        app.add_typer(inner, name=name)
    return get_group(app).commands[name]


app = typer.Typer(
    name="flops-auditor",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
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
    debug: Annotated[bool, typer.Option(DEBUG, help="Show where in the code an error came from.")] = False,
) -> None:
    """How much computing SageMaker training jobs took, against the thresholds of laws.

    Exit codes: 0 fine or below, 1 the tool failed, 2 wrong input, 3 over a threshold, 4 cannot be said, 130
    interrupted.
    """


def run(arguments: Sequence[str], begun: Callable[[], None] = lambda: None) -> None:
    """Run a command and exit. What went wrong is told in words, with what to do next. `begun` is called before it."""
    given = [each for each in arguments if each != DEBUG]
    try:
        code = app(args=given, prog_name="flops-auditor", obj=begun, standalone_mode=False)
        if (failure := not_written()) is not None:
            raise NotWritten(f"standard output: {failure.strerror}")
        sys.exit(code)
    except ModuleNotFoundError:
        raise
    except UsageError as error:
        usage = StringIO()
        error.show(file=usage)
        say(*usage.getvalue().splitlines())
        sys.exit(USAGE)
    except Exception as error:
        if DEBUG in arguments:
            traceback.print_exc()
        what, remedy, code = told(error)
        say(what, *remedy.splitlines())
        sys.exit(FAILED_OF.get(given[0], code) if given and code == FAILED else code)


def told(error: Exception) -> tuple[str, str, int]:
    """What went wrong, what to do next, and the exit code."""
    if "botocore" in sys.modules:
        from flops_auditor.aws.calls.failures_in_words import in_words  # noqa: PLC0415 - a start without AWS is quick

        error = in_words(error)
    if isinstance(error, AuditorError):
        remedy = REMEDIES_HERE.get(error.name, error.remedy)
        return f"{error.name}: {error}", remedy, USAGE if isinstance(error, WrongInput) else FAILED
    if isinstance(error, OSError):
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        wrong = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError))
        return named, "Name a file or folder that may be read or written here.", USAGE if wrong else FAILED
    return (
        f"{type(error).__name__}: {error}",
        f"That was not expected. Run it again with {DEBUG} and report what it shows.",
        FAILED,
    )
