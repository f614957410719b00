"""What new users type and see: an engineer, a compliance officer, a regulator, a controller, in two widths.

A transcript is a text file in `golden/`: each command after a `$`, what the terminal shows, and the exit code. The same
commands are replayed from the clone (tests/unit, tests/contract) and from the built wheel (tests/dist).
`python -m tests.transcripts` writes them again.
"""

import errno
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden")
WIDTHS = (80, 160)
LINES = 200
BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Step:
    """A command as people type it, and in a few words what comes of it, as the README's table of exit codes says."""

    command: str
    outcome: str
    dated: bool = False
    """Whether it shows what time it is or where it runs: then the exit code alone is kept."""

    @property
    def name(self) -> str:
        """The command without its arguments: `plan`, `records list`."""
        words = shlex.split(self.command)[1:]
        return " ".join(words[: 2 if words[0] in ("records", "catalog", "models", "keys") else 1])


@dataclass(frozen=True)
class Shown:
    """What a terminal showed, and the exit code."""

    text: str
    code: int


Run = Callable[[Sequence[str], int], Shown]
"""Runs a command on a terminal of so many columns."""


def installed(programs: Path, folder: Path, environment: Mapping[str, str]) -> Run:
    """What runs the programs of a folder of programs, each started anew."""

    def run(command: Sequence[str], width: int) -> Shown:
        return on_a_terminal([str(programs / command[0]), *command[1:]], width, folder, environment)

    return run


def on_a_terminal(command: Sequence[str], width: int, folder: Path, environment: Mapping[str, str]) -> Shown:
    """Run a program on a terminal of its own, `width` columns wide."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, width, 0, 0))
    with subprocess.Popen(
        command, stdin=inside, stdout=inside, stderr=inside, cwd=folder, env={**BARE, **environment}
    ) as program:
        os.close(inside)
        text = read_all(terminal)
    return Shown(text, program.returncode)


def read_all(terminal: int) -> str:
    """What stands on a terminal when the other side has closed it."""
    seen = bytearray()
    try:
        while more := os.read(terminal, 1 << 16):
            seen += more
    except OSError as error:
        if error.errno != errno.EIO:  # the other side was closed
            raise
    finally:
        os.close(terminal)
    return _settled(seen.decode())


def _settled(text: str) -> str:
    """What stands on the terminal at the end: a line of progress that was written over is gone."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r\n", "\n"))
    return "\n".join(line.rpartition("\r")[2].rstrip() for line in plain.split("\n"))


def transcript(steps: Sequence[Step], width: int, folder: Path, run: Run) -> str:
    """The transcript of these steps in a folder, whose name is not kept."""
    parts = []
    for step in steps:
        shown = run(shlex.split(step.command), width)
        text = "..." if step.dated else shown.text.replace(str(folder), "/home/you").rstrip()
        parts.append(f"$ {step.command}\n{text}\n[exit {shown.code}]\n")
    return "\n".join(parts)


def codes_in(text: str) -> list[int]:
    """The exit codes of a transcript."""
    return [int(code) for code in re.findall(r"^\[exit (\d+)\]$", text, re.MULTILINE)]


def golden(person: str, width: int) -> Path:
    """Where the transcript of a person is kept."""
    return GOLDEN / f"{person}-{width}.txt"
