"""`flops-auditor docs`: the documents that errors, help and mails name, wherever the program was installed from."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flops_auditor.domain.values.errors import WrongInput
from flops_auditor_cli.near_names import did_you_mean

HERE = Path(__file__).parents[1]
IN_THE_PACKAGE, IN_THE_CLONE = HERE / "documents", HERE.parents[1] / "docs"
ENDING = ".md"


class NoSuchDocument(WrongInput):
    """No document has that name."""

    remedy = "`flops-auditor docs` lists them all."


def documents() -> dict[str, Path]:
    """Every document by its name, in the order of their names: `operations`, `adr/0002-doubts-forbid-below`."""
    folder = IN_THE_PACKAGE if IN_THE_PACKAGE.is_dir() else IN_THE_CLONE
    pages = sorted(folder.rglob(f"*{ENDING}"), key=lambda page: (page.parent, page.name))
    return {page.relative_to(folder).with_suffix("").as_posix(): page for page in pages}


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A document's name; left out: list them.")] = None,
) -> None:
    """Show a document that a message or a mail names, or list the documents. A pipe gets it in Markdown, as it is."""
    known = documents()
    if name is None:
        width = max(map(len, known))
        for each, page in known.items():
            with page.open(encoding="utf-8") as lines:
                title = lines.readline().strip("# \n")
            sys.stdout.write(f"{each.ljust(width)}  {title}\n")
        return
    wanted = name.removeprefix("docs/").removesuffix(ENDING)
    if wanted not in known:
        raise NoSuchDocument(f"no document is called {name[:60]!r}.{did_you_mean(wanted, known)}")
    text = known[wanted].read_text(encoding="utf-8")
    if sys.stdout.isatty():
        _draw(text)
    else:
        sys.stdout.write(text)


def _draw(text: str) -> None:
    """Markdown as a terminal shows it, in its width."""
    from rich.console import Console  # noqa: PLC0415 - a pipe gets the text as it is
    from rich.markdown import Markdown  # noqa: PLC0415

    Console().print(Markdown(text, hyperlinks=False))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("docs")(command)
