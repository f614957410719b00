"""Reading batches of the log before they are asked for, so that a log of many small ones waits for few calls."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, pairwise, takewhile

from flops_auditor.domain.values.archive_keys import LOG, batch_key, number_of
from flops_auditor.use_cases.ledger.log_reader import batches, read_batch
from flops_auditor.use_cases.ports.ledger import Archive
from flops_auditor.use_cases.ports.side_by_side import Ahead, tried

LEAVES_AHEAD = 64
"""Leaves after which no further batch is read ahead. They and the batch that reaches so far are in memory at a time."""
LARGEST_LEAF = 400 * 1024
"""Bytes: a record is kept in an item of DynamoDB until it is in the log, and no item is larger."""


def batches_ahead(archive: Archive, size: int, ahead: Ahead) -> Iterator[tuple[int, list[bytes]]]:
    """(first index, lines) of all batches as far as `size`, as `batches` finds them, read `ahead`."""
    return batches(archive, size, read=_ReadAhead(archive, size, ahead))


class _ReadAhead:
    """What reads a batch by its first leaf, in order from leaf 0 on.

    The keys of the archive say no more than what to read ahead: where the batches do not follow one another as the
    keys do, something else lies among them, and the rest is read one by one.
    """

    def __init__(self, archive: Archive, size: int, ahead: Ahead) -> None:
        self._archive, self._ahead = archive, ahead
        self._bounds = pairwise(chain(_begins(archive, size), [size]))
        self._waiting: deque[tuple[int, Callable[[], bytes | None]]] = deque()

    def __call__(self, first: int) -> bytes:
        """A batch's bytes. Raises TruncatedLedger if it is not there."""
        if not self._waiting:
            begins, calls = list[int](), list[Callable[[], Callable[[], bytes | None]]]()
            for begin, end in self._window():
                begins.append(begin)
                calls.append(partial(tried, partial(self._read, begin, end)))
            self._waiting.extend(zip(begins, self._ahead(calls), strict=True))
        begin, answer = self._waiting.popleft() if self._waiting else (first, lambda: None)
        if begin != first:
            self._waiting.clear()
            self._bounds = pairwise(())
            return read_batch(self._archive, first)
        return answer() or read_batch(self._archive, first)

    def _window(self) -> Iterator[tuple[int, int]]:
        """(first index, end) of the next batches."""
        leaves = 0
        for begin, end in self._bounds:
            yield begin, end
            leaves += end - begin
            if leaves >= LEAVES_AHEAD:
                return

    def _read(self, begin: int, end: int) -> bytes | None:
        """A batch; None for what is larger than so many leaves, which would wait in memory for its turn."""
        body = read_batch(self._archive, begin)
        return body if len(body) <= LARGEST_LEAF * (end - begin) else None


def _begins(archive: Archive, size: int) -> Iterable[int]:
    """Where batches below `size` begin, by their keys."""
    known = (number_of(key, batch_key) for key in archive.list(LOG))
    return takewhile(lambda begin: begin < size, (each for each in known if each is not None))
