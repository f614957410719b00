"""What three new users type and see: an engineer, a compliance officer and a regulator, in terminals of two widths.

A transcript is a text file in `golden/`: each command after a `$`, what the terminal shows, and the exit code. The same
commands are replayed from the clone (tests/unit, tests/integration) and from the built wheel (tests/dist).
`python -m tests.transcripts` writes those that need no deployment again.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden")
WIDTHS = (80, 160)
_LINES = 200
_BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Step:
    """A command as people type it, and in a few words what comes of it, as the README's table of exit codes says."""

    command: str
    outcome: str

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


def on_a_terminal(command: Sequence[str], width: int, folder: Path, environment: Mapping[str, str]) -> Shown:
    """Run a program on a terminal of its own, `width` columns wide."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, width, 0, 0))
    with subprocess.Popen(
        command, stdin=inside, stdout=inside, stderr=inside, cwd=folder, env={**_BARE, **environment}
    ) as program:
        os.close(inside)
        seen = bytearray()
        try:
            while more := os.read(terminal, 1 << 16):
                seen += more
        except OSError as error:
            if error.errno != errno.EIO:  # the other side was closed
                raise
        finally:
            os.close(terminal)
    return Shown(_settled(seen.decode()), program.returncode)


def _settled(text: str) -> str:
    """What stands on the terminal at the end: a line of progress that was written over is gone."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r\n", "\n"))
    return "\n".join(line.rpartition("\r")[2].rstrip() for line in plain.split("\n"))


def transcript(
    steps: Sequence[Step], width: int, programs: Path, folder: Path, environment: Mapping[str, str]
) -> tuple[str, list[int]]:
    """The transcript of these steps with the programs of a folder, and the exit codes."""
    parts, codes = [], []
    for step in steps:
        words = shlex.split(step.command)
        shown = on_a_terminal([str(programs / words[0]), *words[1:]], width, folder, environment)
        parts.append(f"$ {step.command}\n{shown.text.rstrip()}\n[exit {shown.code}]\n")
        codes.append(shown.code)
    return "\n".join(parts), codes


def codes_in(text: str) -> list[int]:
    """The exit codes of a transcript."""
    return [int(code) for code in re.findall(r"^\[exit (\d+)\]$", text, re.MULTILINE)]


def golden(person: str, width: int) -> Path:
    """Where the transcript of a person is kept."""
    return GOLDEN / f"{person}-{width}.txt"
