"""The command line, imported once: each command runs in a fork of this program, on a terminal of its own.

It is quicker than a start for each, and shows the same; that the installed program starts, tests/dist has seen.
A line of JSON in is a command, a line of JSON out what it showed.
"""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.transcripts import BARE, LINES, ROOT, Run, Shown, read_all


@contextmanager
def warm(folder: Path, environment: Mapping[str, str]) -> Iterator[Run]:
    """Yields what runs a command in this folder."""
    path = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "layers" / "auditor", ROOT / "cli")))}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.transcripts.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # a pipe, too: what can be sought in a file cannot on the terminal that follows
        cwd=folder,
        env={**BARE, **path, **environment},
        text=True,
    ) as program:
        assert program.stdin and program.stdout

        def run(command: Sequence[str], width: int) -> Shown:
            assert program.stdin and program.stdout
            program.stdin.write(json.dumps([command, width]) + "\n")
            program.stdin.flush()
            return Shown(*json.loads(program.stdout.readline()))

        yield run
        program.stdin.close()


def _serve() -> None:
    """Run commands until nobody asks for more."""
    from flops_auditor_cli import adapters, record_table  # noqa: F401 - with what they bring of AWS
    from flops_auditor_cli.entry import run
    from flops_auditor_cli.main import COMMANDS, load

    for name in COMMANDS:
        load(name)
    for line in sys.stdin:
        command, width = json.loads(line)
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, width, 0, 0))
            sys.stdout.reconfigure(line_buffering=True)  # as it is on a terminal
            sys.argv = command
            run()
            sys.exit(0)
        text = read_all(terminal)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps([text, os.waitstatus_to_exitcode(status)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
