"""The entry point of `flops-auditor`, quick and quiet: an interrupt ends it without a word and with 130, at any moment.

While modules are imported an exception can be swallowed, and there is nothing to clean up yet: the program ends at
once. A command that has begun is ended by an exception, so that it can remove what is half done.
"""

import gc
import os
import signal
import sys

from flops_auditor_cli.exits import FAILED, INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:  # until the handler is set, an interrupt is Python's own: nothing is imported before that can wait
    from types import FrameType
    from typing import NoReturn

_COMMAND_LINE = ("the command line", "flops-auditor")
_AWS = ("this command talks to AWS and", "flops-auditor[aws]")
_EXTRAS = {
    "typer": _COMMAND_LINE,
    "rich": _COMMAND_LINE,
    "cryptography": _COMMAND_LINE,
    "boto3": _AWS,
    "botocore": _AWS,
    "duckdb": ("reading a bill", "flops-auditor[bill]"),
    "docx": ("a document", "flops-auditor[form]"),
}
"""Modules that may be missing: who needs each, and what brings it."""


def _end_at_once(_: int, __: "FrameType | None") -> "NoReturn":
    os._exit(INTERRUPTED)


def _end_the_command(_: int, __: "FrameType | None") -> "NoReturn":
    raise SystemExit(INTERRUPTED)


def begun() -> None:
    """A command has been imported and begins."""
    signal.signal(signal.SIGINT, _end_the_command)
    gc.freeze()
    gc.enable()


def run() -> None:
    """Run the command line. What is missing is named in one line, with what installs it."""
    signal.signal(signal.SIGINT, _end_at_once)
    gc.disable()  # while modules are imported there is nothing to collect
    from flops_auditor_cli.outlet import take_all_that_is_written  # noqa: PLC0415 - after the handler is set

    take_all_that_is_written()
    try:
        from flops_auditor_cli.main import run as run_commands  # noqa: PLC0415 - after the handler is set

        run_commands(sys.argv[1:], begun)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRAS:
            raise
        who, package = _EXTRAS[missing]
        sys.stderr.write(f"{who} needs {missing}, which is not installed: pip install '{package}'\n")
        sys.exit(FAILED)


if __name__ == "__main__":
    run()
