"""Which paths of a container hold what a line copies, unpacks, links or mounts there.

Facts: POSIX, cp, mv, ln, tar; Mountpoint for Amazon S3, "Configuring" (`mount-s3 BUCKET DIRECTORY --prefix`); goofys
and s3fs (`bucket[:prefix] directory`); rclone mount (`remote:bucket/prefix directory`); mount(8).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from flops_auditor.domain.runs.s3_spellings import in_bucket, read_s3
from flops_auditor.domain.runs.sources.channel_paths import path_in_channel
from flops_auditor.domain.runs.sources.variables import is_open, is_told, made_of
from flops_auditor.domain.runs.sources.working_folder import WorkingFolder

_SHARED = frozenset({"/", "/tmp", "/root", "/home", "/mnt", "/scratch", "/workspace", "/dev/shm", "/opt/ml"})  # noqa: S108
"""Folders of many things: what is copied there lies below, by its own name."""
_ARCHIVE = re.compile(r"\.(?:tar|tgz|zip|t?[gx]z|t?bz2|zst|7z)(?:\.|$)")
_FILE = re.compile(r"\.[A-Za-z]\w{0,9}$")
_UNPACKS = re.compile(r"(?:bsd)?tar|unzip|7z\w?|py7zr|unar")
_MOUNTS = re.compile(r"(?!h?dfs$)(?:(?:.*[._-])?mount(?:[._-].*)?|goofys|geesefs|\w{2,9}fs|\w{2,9}fuse2?)")
_NO_STORE = frozenset({"tmpfs", "proc", "sysfs", "none", "overlay", "ramfs", "devtmpfs", "cgroup"})
_HAS_A_VALUE = re.compile(
    r"--(?!recursive|archive|force|verbose|preserve|parents|symbolic|extract|g?zip|(?:target-)?directory)[a-z][\w.-]*"
)
"""An option of a program whose value is no path that a tool copies to."""
_FIRST = 8
"""Words of a command among which its tool is looked for."""
_DEEPEST = 64
"""Folders of a path that are looked at."""


@dataclass(frozen=True)
class HeldPath:
    """What a path holds: a place in S3, a path in a channel, or what is made of a text that nobody can follow.
    `alone`: one file, with nothing below. `written`: what is left there is left in what it holds.
    """

    origin: str
    alone: bool = False
    written: bool = False


@dataclass
class HeldPaths:
    """What paths hold by now; `piped` is what the command before a pipe reads."""

    by_path: dict[str, HeldPath] = field(default_factory=dict)
    piped: str = ""

    def at(self, path: str) -> HeldPath | None:
        """What a path from the root holds, by the nearest folder above of which it is known."""
        if not self.by_path:
            return None
        above, below = "/".join(path.split("/")[: _DEEPEST + 1]), ""
        while above:
            held = self.by_path.get(above)
            if held is not None and not (held.alone and below):
                origin = held.origin if not is_told(held.origin) else f"{held.origin.rstrip('/')}{below}"
                return HeldPath(origin, held.alone, held.written)
            above, _, last = above.rpartition("/")
            below = f"/{last}{below}"
        return None

    def hold(self, target: str, origin: str, written: bool = False) -> None:
        """Note that a path holds what an origin holds; below a folder it does so by its name."""
        name = origin.rstrip("/").rpartition("/")[2]
        alone = _FILE.search(name) is not None and _ARCHIVE.search(name) is None
        if target not in _SHARED:
            self.by_path[target] = HeldPath(origin, alone, written)
        self.by_path.setdefault(f"{target.rstrip('/')}/{name}", HeldPath(origin, alone, written))

    def of_command(self, command: Sequence[str], folder: WorkingFolder, piped: bool) -> None:
        """Note what a command whose words are filled in puts where."""
        read, self.piped = self.piped if piped else "", ""
        operands = [word for word in command if word and not word.startswith("-")][1:]
        sources = [held for word in operands if (held := self.origin(word, folder))]
        self.piped = sources[0] if sources else read
        mounts = next(
            (at for at, word in enumerate(command[:_FIRST]) if _MOUNTS.fullmatch(word.rpartition("/")[2])), None
        )
        if self.piped:
            self._put(command, operands, self.piped, folder)
        elif mounts is not None:
            self._mount(command, mounts, folder)

    def redirected(self, target: str, folder: WorkingFolder) -> None:
        """Note that a file holds what the command before it read."""
        if self.piped and target:
            self.hold(folder.path(target), self.piped)

    def origin(self, word: str, folder: WorkingFolder) -> str:
        """What an operand reads from a channel, or of what is held; "" for anything else."""
        texts = word.split() if word.startswith("$( ") else [word]
        for text in texts:
            path = folder.path(text)
            if path_in_channel(path) is not None:
                return path
            if held := self.at(path):
                return held.origin
        return ""

    def _put(self, command: Sequence[str], operands: Sequence[str], origin: str, folder: WorkingFolder) -> None:
        values = {value for option, value in pairwise(command) if _HAS_A_VALUE.fullmatch(option)}
        paths = [*(word for word in operands[:-1] if word[:1] in "/.~"), *operands[-1:]]
        targets = [word for word in paths if word not in values and not self.origin(word, folder)]
        links = "ln" in command or "--bind" in command
        for word in targets:
            self.hold(folder.path(word), origin, written=links)
        unpacks = any(map(_UNPACKS.fullmatch, command)) and not any(word[:1] in "/.~" for word in targets)
        if (unpacks and _ARCHIVE.search(origin)) or (links and len(operands) == 1):
            self.hold(folder.now, origin, written=links)

    def _mount(self, command: Sequence[str], tool: int, folder: WorkingFolder) -> None:
        operands = [word for word in command[tool + 1 :] if not word.startswith("-")]
        at = max((at for at, word in enumerate(operands) if word[:1] in "/.~"), default=0)
        origin = operands[at - 1] if at else ""
        if not origin or origin.startswith("/") or origin in _NO_STORE:
            return
        by_kernel = command[tool] == "mount" and "rclone" not in command and "s3" not in " ".join(operands[: at - 1])
        place = "" if by_kernel or is_open(origin) else _mounted(origin, command)
        self.by_path[folder.path(operands[at])] = HeldPath(place or made_of(origin), written=True)


def _mounted(origin: str, command: Sequence[str]) -> str:
    """The place in S3 that is mounted, "" where none is known: a bucket, a folder behind a colon or in an option."""
    bucket, _, folder = origin.partition(":")
    if read_s3(origin) is not None:
        bucket, folder = origin, ""
    elif "rclone" in command:
        bucket, _, folder = folder.strip("/").partition("/")
    joined = (word.partition("=")[2] for word in command if word.startswith("--prefix="))
    apart = (value for word, value in pairwise(command) if word == "--prefix")
    place = in_bucket(bucket.rstrip("/"), next(chain(joined, apart), folder))
    return str(place or "")
