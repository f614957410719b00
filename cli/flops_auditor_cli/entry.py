"""The entry point of `flops-auditor`, quick and quiet: an interrupt ends it without a word and with 130, at any moment.

While modules are imported an exception can be swallowed, and there is nothing to clean up yet: the program ends at
once. A command that has begun is ended by an exception, so that it can remove what is half done.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from flops_auditor_cli.exits import FAILED, INTERRUPTED

_OF_THE_COMMAND_LINE = {"typer", "rich", "cryptography"}
_OF_AWS = {"boto3", "botocore"}


def _end_at_once(_: int, __: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)


def _end_the_command(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(INTERRUPTED)


def begun() -> None:
    """A command has been imported and begins."""
    signal.signal(signal.SIGINT, _end_the_command)


def run() -> None:
    """Run the command line. What is missing is named in one line, with what installs it."""
    signal.signal(signal.SIGINT, _end_at_once)
    try:
        from flops_auditor_cli.main import run as run_commands  # noqa: PLC0415 - after the handler is set

        run_commands(sys.argv[1:], begun)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _OF_THE_COMMAND_LINE | _OF_AWS:
            raise
        who, package = (
            ("this command talks to AWS and", "flops-auditor[aws]")
            if missing in _OF_AWS
            else ("the command line", "flops-auditor")
        )
        sys.stderr.write(f"{who} needs {missing}, which is not installed: pip install '{package}'\n")
        sys.exit(FAILED)


if __name__ == "__main__":
    run()
