"""What a line prints that a shell takes for a value (`$(...)`), or hands on through a pipe.

Facts: POSIX, echo, printf, pwd, ls, find, head, cut, sed, tr; Bash Reference Manual, "Pipelines".
"""

from collections.abc import Sequence
from itertools import groupby

from flops_auditor.domain.runs.sources.channel_paths import path_in_channel
from flops_auditor.domain.runs.sources.held_paths import HeldPaths
from flops_auditor.domain.runs.sources.shell_words import ENDS
from flops_auditor.domain.runs.sources.variables import is_told, made_of
from flops_auditor.domain.runs.sources.working_folder import WorkingFolder

_SAYS_NO_PLACE = frozenset(
    {*("date", "hostname", "mktemp", "nproc", "whoami", "uuidgen", "id", "seq", "git", "uname", "basename", "dirname")}
    | {*("realpath", "readlink", "wc", "nvidia-smi", "which", "expr", "tput", "python", "python3", "[", "[[", "test")}
    | {"cd", "true"}
)
"""Commands that print no place, unless they are given one."""
_LISTS_FILES = frozenset({"ls", "find"})
_FILTERS = {"head": 0, "tail": 0, "sort": 0, "uniq": 0, "wc": 0, "cut": 0, "sed": 1, "awk": 1, "grep": 1, "tr": 2}
"""Commands that print a part of what they are handed, and how many words each takes that are no files."""


def text_printed(words: Sequence[str], folder: WorkingFolder, paths: HeldPaths) -> str:
    """What the commands of a line print, whose words and signs are filled in: texts, or, of what nobody can follow,
    what it is made of.
    """
    signs = "".join(word for word in words if not word.strip(ENDS))
    commands = [list(each) for ends, each in groupby(words, _ends) if not ends]
    pipes = "|" in signs.replace("||", "")
    unknown = made_of(" ".join(words))
    if not commands or "<" in signs or (pipes and not all(map(_only_filters, commands[1:]))):
        return unknown
    texts = [_of_command(command, folder, paths) for command in commands[: 1 if pipes else None]]
    if pipes and not texts[0].startswith("$("):
        return unknown
    return next((each for each in texts if not is_told(each)), "") or " ".join(filter(None, texts))


def _ends(word: str) -> bool:
    return not word.strip(ENDS)


def _only_filters(command: Sequence[str]) -> bool:
    """Whether a command prints nothing but what it is handed, and reads no file."""
    operands = [word for word in command[1:] if not word.startswith("-") and not word.isdigit()]
    return len(operands) <= _FILTERS.get(command[0], -1)


def _of_command(command: Sequence[str], folder: WorkingFolder, paths: HeldPaths) -> str:
    """What one command prints: its words, where it runs, nothing of places, or what nobody can follow."""
    tool, *values = command
    tool = tool.rpartition("/")[2]
    if tool == "pwd":
        return folder.now
    if tool == "echo":
        return " ".join(word for word in values if not word.startswith("-"))
    if tool == "printf" and values:
        return _as_printf(values[0], values[1:])
    text = " ".join(command)
    runs_there = tool in _LISTS_FILES and path_in_channel(folder.now) is not None
    near = ":/" in text or runs_there or any(paths.origin(word, folder) for word in command)
    return f"$({tool})" if tool in _SAYS_NO_PLACE | _LISTS_FILES and not near else made_of(text)


def _as_printf(form: str, values: Sequence[str]) -> str:
    """What printf makes of texts: of other forms nobody knows."""
    parts = form.replace("\\n", " ").split("%s")
    if "%" in "".join(parts):
        return made_of(" ".join((form, *values)))
    more = [*values, *[""] * len(parts)]
    joined = "".join(part + value for part, value in zip(parts, [*more[: len(parts) - 1], ""], strict=True))
    return " ".join((joined, *values[len(parts) - 1 :])).strip()
