"""Pages of the index around a place, where nobody's entries stand before those that another one needs.

Anybody may enter results at any place. So where one page does not hold all that is there, the rest is read of the role
of the run that looks, and of what counts for everybody: of other roles only the first page is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flops_auditor.use_cases.auditing import crowds
from flops_auditor.use_cases.ports.lineage import ANYBODY, EVERYBODY, IndexEntry

AskPage = Callable[[str, str | None], Sequence[IndexEntry]]
"""The page after a cursor, of those of a role, of ANYBODY, or for EVERYBODY."""
Enough = Callable[[Sequence[IndexEntry]], bool]
"""Whether what was read so far says all that more pages would."""


def never_enough(read: Sequence[IndexEntry]) -> bool:
    """Whatever was read, the rest is needed, too."""
    return False


@dataclass
class PagesPerRole:
    """What a run of a role reads around one place: at most so many pages of each kind, from a cursor on, until they are
    `enough`; `end` gives the cursor after an entry. `may_ask` counts queries: the first one, and each that goes on.
    Where the first page is not all, two are asked that are not counted, since others than the role may have filled it.

    `entries` are each there once, and `whole` says whether none is left of the role's, or for everybody.
    """

    role: str
    ask: AskPage
    begin: str
    end: Callable[[IndexEntry], str]
    most: int
    may_ask: Callable[[], bool]
    enough: Enough
    whole: bool = True
    _read: dict[str, IndexEntry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.may_ask() or not (last := self._goes_on(self.begin, ANYBODY)):
            return
        if self.role:
            for whose in (self.role, EVERYBODY):
                self._rest(self._goes_on(self.begin, whose), whose)
        else:
            self._rest(last, ANYBODY)

    @property
    def entries(self) -> list[IndexEntry]:
        """What was read."""
        return list(self._read.values())

    def _rest(self, last: str, whose: str | None) -> None:
        """The pages after the first one."""
        for _ in range(self.most - 1):
            if not last or not self.may_ask():
                return
            last = self._goes_on(last, whose)
        self.whole = self.whole and not last

    def _goes_on(self, after: str, whose: str | None) -> str:
        """The cursor at the end of the page after one, "" where that was the last, or is enough."""
        page = self.ask(after, whose)
        self._read.update((entry.cursor, entry) for entry in page)
        if len(page) < crowds.ENTRIES_IN_A_PAGE or self.enough(self.entries):
            return ""
        return self.end(page[-1])
