"""Adding up the ranks of a run without a collective: each leaves its totals in the store that torch.distributed has.

A collective would need every rank at the same step and could hang where one has died; the store is one small message
to the first rank's host, without the device. docs/adr/1703.
"""

import json
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch.distributed as dist

from flops_meter.work import Totals

_log = logging.getLogger("flops_meter")
_PATIENCE = timedelta(seconds=float(os.environ.get("FLOPS_METER_PATIENCE", "60")))
"""How long the first rank waits at the end, and before a checkpoint, for what the others say."""


class Ranks:
    """This process among those of the run. `meter` tells apart the meters that a process makes, in order."""

    def __init__(self, meter: int) -> None:
        self._meter = meter
        self._others: dict[int, Totals] = {}

    @property
    def rank(self) -> int:
        """0 where nothing is distributed."""
        return dist.get_rank() if _ready() else 0

    @property
    def count(self) -> int:
        """Processes of the run."""
        return dist.get_world_size() if _ready() else 1

    def publish(self, totals: Totals, name: str = "now") -> None:
        """Leave this rank's totals for the first rank."""
        self._quietly(lambda store: store.set(self._key(name, self.rank), json.dumps(totals.to_dict())))

    def collect(self, own: Totals) -> tuple[Totals, int]:
        """The sum over all ranks as they last said, and how many said something. For the first rank."""
        self._quietly(lambda store: self._read(store, "now"))
        return self._sum(own)

    def gather(self, own: Totals, name: str) -> tuple[Totals, int]:
        """Like collect, but waits for what all ranks publish under this name."""
        keys = [self._key(name, rank) for rank in range(1, self.count)]

        def wait(store: Any) -> None:
            if keys:
                store.wait(keys, _PATIENCE)
            self._read(store, name)

        if not self._quietly(wait):
            return self.collect(own)
        return self._sum(own)

    def _sum(self, own: Totals) -> tuple[Totals, int]:
        whole = own
        for each in self._others.values():
            whole = whole.plus(each)
        # Every rank counts the same steps: they are those of the run, not their sum.
        steps = max([own.steps, *(each.steps for each in self._others.values())])
        missed = max([own.uncounted_steps, *(each.uncounted_steps for each in self._others.values())])
        whole.steps, whole.uncounted_steps = steps, missed
        return whole, 1 + len(self._others)

    def _read(self, store: Any, name: str) -> None:
        keys = {rank: self._key(name, rank) for rank in range(1, self.count)}
        present = {rank: key for rank, key in keys.items() if store.check([key])}
        for rank, key in present.items():
            self._others[rank] = Totals.from_dict(json.loads(store.get(key)))

    def _key(self, name: str, rank: int) -> str:
        return f"flops_meter/{self._meter}/{name}/{rank}"

    def _quietly(self, do: Callable[[Any], None]) -> bool:
        """Use the store; a store that is gone makes the line say how many ranks report, and breaks nothing."""
        if not _ready() or self.count == 1:
            return True
        try:
            do(dist.distributed_c10d._get_default_store())
        except (RuntimeError, ValueError, AttributeError) as error:
            _log.debug("flops-meter: the ranks' store does not answer: %s", error)
            return False
        return True


def _ready() -> bool:
    return dist.is_available() and dist.is_initialized()
