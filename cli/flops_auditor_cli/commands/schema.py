"""`flops-auditor schema`: the JSON Schemas of what commands print with `--output json`."""

import sys
from typing import Annotated

import typer

from flops_auditor.domain.values.errors import WrongInput
from flops_auditor_cli.near_names import did_you_mean
from flops_auditor_cli.output import write_json
from flops_auditor_cli.schemas import SCHEMAS, schema_of, url_of


class NoSuchSchema(WrongInput):
    """No output has a schema of that name."""

    remedy = "`flops-auditor schema` lists them all."


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A schema's name; left out: list them.")] = None,
) -> None:
    """Print the JSON Schema of a command's output, or list the schemas.

    A document names its schema in its member `schema`. A schema that loses or changes a member gets a new version.
    """
    if name is None:
        width = max(map(len, SCHEMAS))
        for known, (title, _) in SCHEMAS.items():
            sys.stdout.write(f"{known.ljust(width)}  {title.replace('`', '')}\n")
        return
    known = next((each for each in SCHEMAS if name in (each, url_of(each))), "")
    if not known:
        raise NoSuchSchema(f"no schema is called {name[:60]!r}.{did_you_mean(name, SCHEMAS)}")
    write_json(schema_of(known))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(command)
