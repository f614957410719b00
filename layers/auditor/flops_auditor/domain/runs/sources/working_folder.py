"""Where the commands of a line run: what `cd` and `pushd` go to, what goes back, and what a subshell keeps to itself.

Facts: Bash Reference Manual, "Bourne Shell Builtins" (cd), "Directory Stack Builtins", "Command Grouping".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flops_auditor.domain.runs.sources.channel_paths import CODE, whole_path
from flops_auditor.domain.runs.sources.variables import LONGEST_VARIABLE

_GOES_TO = frozenset({"cd", "pushd"})
_HOME = "/root"
_LONGEST = 200
"""Characters of where a command runs: those of a channel are the first ones."""


@dataclass
class WorkingFolder:
    """The folder in which the next command runs, those to which a line may go back, and the shells that are open."""

    now: str = CODE
    _before: str = CODE
    _pushed: list[str] = field(default_factory=list)
    _shells: list[str] = field(default_factory=list)

    @property
    def is_first(self) -> bool:
        """Whether it is where a job begins."""
        return self.now == CODE

    def path(self, text: str) -> str:
        """A path as it is seen from here, from the root; one that a variable begins, as it is."""
        text = text[:LONGEST_VARIABLE]
        if text.startswith("~"):
            text = f"{_HOME}{text[1:]}"
        return whole_path(text if text[:1] in ("/", "$") else f"{self.now}/{text}")

    def go(self, command: Sequence[str]) -> None:
        """Go where a command goes to."""
        for at, word in enumerate(command):
            if word in _GOES_TO:
                operands = (each for each in command[at + 1 :] if each == "-" or not each.startswith("-"))
                to = next(operands, "~")
                if word == "pushd":
                    self._pushed.append(self.now)
                self._to(self._before if to == "-" else self.path(to))
            elif word == "popd" and self._pushed:
                self._to(self._pushed.pop())

    def _to(self, folder: str) -> None:
        self._before, self.now = self.now, folder[:_LONGEST]

    def open_shell(self) -> None:
        """Begin a subshell, which leaves this one where it is."""
        self._shells.append(self.now)

    def end_shell(self) -> None:
        """End it; of brackets that end none, nothing."""
        if self._shells:
            self.now = self._shells.pop()
