"""The entry point of `flops-auditor`, quick and quiet: it imports the command line only once it is safe to interrupt.

An interrupt ends the program without a word and with 130, as a shell expects (128 + SIGINT), at any moment.
"""

import signal
import sys
from types import FrameType

from flops_auditor_cli.exits import INTERRUPTED

_OF_THE_COMMAND_LINE = {"typer", "rich", "cryptography"}
_OF_AWS = {"boto3", "botocore"}


def _end(_: int, __: FrameType | None) -> None:
    raise SystemExit(INTERRUPTED)


def run() -> None:
    """Run the command line. What is missing is named in one line, with what installs it."""
    signal.signal(signal.SIGINT, _end)
    try:
        from flops_auditor_cli.main import run as run_commands  # noqa: PLC0415 - after the handler is set

        run_commands(sys.argv[1:])
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _OF_THE_COMMAND_LINE | _OF_AWS:
            raise
        who, extras = (
            ("this command talks to AWS and", "cli,aws") if missing in _OF_AWS else ("the command line", "cli")
        )
        sys.stderr.write(f"{who} needs {missing}, which is not installed: pip install 'flops-auditor[{extras}]'\n")
        sys.exit(1)


if __name__ == "__main__":
    run()
