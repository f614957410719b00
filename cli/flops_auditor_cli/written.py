"""What a command writes: to stdout, or to a file that is not there yet."""

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from flops_auditor_cli.output import plain, say

OutputFileOption = Annotated[
    Path | None, typer.Option("--output-file", "-f", help="Write into this file instead of to stdout.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]


def check_file(path: Path | None, overwrite: bool, binary: bool) -> None:
    """Refuse a file before any work is done: one that is there, a place for none, and bytes on a terminal.

    Raises typer.BadParameter.
    """
    if path is None:
        if binary and sys.stdout.isatty():
            raise typer.BadParameter("a document is not for a terminal: name a file with --output-file")
        return
    check_place(path)
    if path.exists() and not overwrite:
        raise typer.BadParameter(f"{plain(path)} is there already: name another file, or add --overwrite")


def check_place(path: Path) -> None:
    """Refuse a place where no file can be: a folder, or in a folder that is not there. Raises typer.BadParameter."""
    if path.is_dir():
        raise typer.BadParameter(f"{plain(path)} is a folder: name the file to write")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{plain(path)}: there is no folder {plain(path.parent)}; make it, or name another")


def write(content: bytes, path: Path | None) -> None:
    """Write bytes to a file, which is named on stderr, or to stdout."""
    if path is None:
        sys.stdout.buffer.write(content)
        return
    path.write_bytes(content)
    say(f"written: {plain(path)}")


def show_or_write(show: Callable[[], None], path: Path | None) -> None:
    """Have a function write to stdout, as wide as the terminal is; or what it writes there into a file, in UTF-8."""
    if path is None:
        show()
        return
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        show()
    write(text.getvalue().encode(), path)
