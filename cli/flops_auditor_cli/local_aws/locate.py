"""Finding the local AWS that runs: from any folder, and from an installed package."""

import os
from pathlib import Path

from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.local_aws.stack import STATE_FILE, Stack, read

STATE_FOLDER = ".local"
"""In the checkout that the demo was started from."""


class NoLocalAws(AuditorError):
    """No local AWS is up."""

    remedy = "Start it in a checkout of the repository with `make demo`, or name its folder in FLOPS_AUDITOR_STATE."


class LocalAwsEnded(AuditorError):
    """The local AWS of a demo was up and has ended, as after a restart of this machine."""

    remedy = "Start it again in its checkout: `make demo-down`, then `make demo`."


def state_folder() -> Path:
    """Where the demo of this checkout keeps its state."""
    return Path(os.environ.get("FLOPS_AUDITOR_STATE", STATE_FOLDER))


def note_of_the_last() -> Path:
    """The file of this user that names the state folder of the demo started last (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "flops-auditor" / "demo"


def remember(state: Path) -> None:
    """Note the state folder for commands that are run elsewhere."""
    note = note_of_the_last()
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{state.resolve()}\n")


def forget(state: Path) -> None:
    """Remove the note, if it is of this folder."""
    note = note_of_the_last()
    if note.exists() and note.read_text().strip() == str(state.resolve()):
        note.unlink()


def places() -> list[Path]:
    """Where a state folder may be, in order: as named, in this folder and those above it, of the demo started last."""
    if named := os.environ.get("FLOPS_AUDITOR_STATE"):
        return [Path(named)]
    here = Path.cwd()
    note = note_of_the_last()
    last = [Path(note.read_text().strip())] if note.exists() else []
    return [*(folder / STATE_FOLDER for folder in (here, *here.parents)), *last]


def find_running() -> Stack:
    """The local AWS that is up. Raises NoLocalAws, saying where it was looked for, and LocalAwsEnded."""
    looked = places()
    nearest = next((folder for folder in looked if (folder / STATE_FILE).exists()), None)
    if nearest is None:
        note = note_of_the_last()
        named = "" if note.exists() or os.environ.get("FLOPS_AUDITOR_STATE") else f", nor does {note} name one"
        at = looked[0] if len(looked) == 1 else f"{looked[0]} and the folders above"
        raise NoLocalAws(f"no local AWS is up: {STATE_FILE} is not in {at}{named}")
    stack = read(nearest)
    if stack is None or not stack.alive():
        raise LocalAwsEnded(f"the local AWS of {nearest} has ended")
    return stack
