"""The program's streams: whatever becomes of who reads them, a command ends with the exit code of its own result."""

import io
import os
import sys
from typing import TextIO


class Outlet(io.FileIO):
    """A pipe or file that is written to. Once nobody reads it any more, or it takes no more, what is written goes
    nowhere.
    """

    left = False
    """Whether its reader went away, as `head` does."""
    failure: OSError | None = None
    """Why what was written is not whole, such as a full disk."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """All of it is written, or nobody reads it, or `failure` says why not."""
        try:
            return super().write(data)
        except BrokenPipeError:
            self.left = True
        except OSError as error:
            self.failure = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return len(data)


def take_all_that_is_written() -> None:
    """A closed stream, or one that nobody reads, swallows what is written. What an encoding lacks is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - as long as the program runs
        elif stream.isatty():
            stream.reconfigure(errors="backslashreplace")
        else:
            setattr(sys, name, _written_to(stream))


def _written_to(stream: TextIO) -> TextIO:
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Outlet(stream.fileno(), "w", closefd=False)),  # type: ignore[type-var]
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=bool(stream.line_buffering),
    )


def reader_left() -> bool:
    """Whether whoever read what the program writes to stdout is gone."""
    outlet = _outlet()
    return outlet is not None and outlet.left


def not_written() -> OSError | None:
    """Why not all that went to stdout could be written; None where it is whole."""
    sys.stdout.flush()
    outlet = _outlet()
    return None if outlet is None else outlet.failure


def _outlet() -> Outlet | None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, Outlet) else None
