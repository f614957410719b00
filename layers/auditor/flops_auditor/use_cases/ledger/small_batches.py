"""Reading small batches of the log side by side, wherever they lie: records that others follow may each be in one."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import partial

from flops_auditor.domain.ledger.ledger_errors import ObjectReplaced
from flops_auditor.domain.values.archive_keys import LOG, batch_key
from flops_auditor.use_cases.ledger.batches_ahead import LARGEST_LEAF
from flops_auditor.use_cases.ledger.log_reader import KEYS_IN_A_PAGE, Signers, closing, lines_of, numbers
from flops_auditor.use_cases.ports.ledger import Archive
from flops_auditor.use_cases.ports.side_by_side import SideBySide

FEW = 8
"""Leaves that a small batch has at most."""
AT_A_TIME = 5
"""Small batches that are read, and kept, at a time: each may be any object that others put among them, and a sealer has
1,024 MB.
"""


class SmallBatches:
    """Those small batches that have one of some leaves, as far as the keys around these show where they begin and end.

    Each is read when the first of its leaves is asked for, with those of the leaves that follow.
    """

    def __init__(self, archive: Archive, signers: Signers, leaves: Sequence[int], at_once: SideBySide) -> None:
        """`leaves` in order; at most a page of keys is listed for each."""
        self._archive, self._signers, self._at_once = archive, signers, at_once
        runs = _runs(leaves)
        listed = at_once([partial(self._begins_around, run) for run in runs])
        around = ((leaf, begins) for run, begins in zip(runs, listed, strict=True) for leaf in run)
        bounds = ((leaf, _bounds_of(leaf, begins)) for leaf, begins in around)
        self._bounds = {leaf: each for leaf, each in bounds if each is not None}
        self._in_order = list(dict.fromkeys(self._bounds.values()))
        self._read = dict[tuple[int, int], list[bytes]]()

    def with_leaf(self, leaf: int) -> tuple[int, list[bytes]]:
        """(first index, lines) of the batch; no lines where none is known, or it is none of this log."""
        bounds = self._bounds.get(leaf)
        if bounds is None:
            return 0, []
        if bounds not in self._read:
            at = self._in_order.index(bounds)
            some = self._in_order[at : at + AT_A_TIME]
            self._read = dict(zip(some, self._at_once([partial(self._lines, *each) for each in some]), strict=True))
        return bounds[0], self._read[bounds]

    def _begins_around(self, run: Sequence[int]) -> list[int]:
        """Where batches begin, from so many leaves before a run of leaves on to as many behind it."""
        after = batch_key(run[0] - FEW - 1) if run[0] > FEW else ""
        return numbers(self._archive, LOG, batch_key, after, run[-1] - run[0] + 2 * FEW + 1)[0]

    def _lines(self, begin: int, end: int) -> list[bytes]:
        try:
            body = self._archive.get(batch_key(begin)) or b""
        except ObjectReplaced:
            return []
        if len(body) > LARGEST_LEAF * (end - begin) or closing(body, begin, self._signers) is None:
            return []
        return lines_of(body)


def _runs(leaves: Sequence[int]) -> list[list[int]]:
    """Leaves in order, those together around which one page lists all keys."""
    runs = list[list[int]]()
    for leaf in leaves:
        if runs and leaf - runs[-1][0] + 2 * FEW < KEYS_IN_A_PAGE:
            runs[-1].append(leaf)
        else:
            runs.append([leaf])
    return runs


def _bounds_of(leaf: int, begins: Sequence[int]) -> tuple[int, int] | None:
    """Where the batch of a leaf begins and ends, if it is a small one."""
    at = bisect_right(begins, leaf)
    bounds = (begins[at - 1], begins[at]) if 0 < at < len(begins) else None
    return bounds if bounds and bounds[1] - bounds[0] <= FEW else None
