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

from flops_meter.work import Gaps, Totals, together

_log = logging.getLogger("flops_meter")


class Ranks:
    """This process among those of the run. `meter` tells apart the meters that a process makes, in order."""

    def __init__(self, meter: int) -> None:
        self._meter = meter
        self._others: dict[int, Totals] = {}
        self._worked: dict[int, int] = {}
        self._steps = 0
        self._last = 0, 1
        self.gaps = Gaps()
        """Of the other ranks, as far as they were heard."""

    @property
    def rank(self) -> int:
        """0 where nothing is distributed. As it was last asked for, once the process group is gone: no rank becomes
        the first one because the run is over."""
        return self._place[0]

    @property
    def count(self) -> int:
        """Processes of the run; as they were, once the process group is gone."""
        return self._place[1]

    @property
    def _place(self) -> tuple[int, int]:
        if _ready():
            self._last = dist.get_rank(), dist.get_world_size()
        return self._last

    @property
    def worked(self) -> int:
        """Model FLOP that this meter's processes on the other ranks did, as far as they were heard."""
        return sum(self._worked.values())

    def goes_back(self) -> None:
        """The run goes back to a checkpoint: its steps may be fewer from now on."""
        self._steps = 0

    def publish(self, totals: Totals, gaps: Gaps, worked: int, name: str = "now") -> None:
        """Leave this rank's totals for the first rank, what they may lack, and what its process did."""
        said = json.dumps(
            {"totals": totals.to_dict(), "failed": gaps.failed, "unknown": sorted(gaps.unknown), "worked": worked}
        )
        self._quietly(lambda store: store.set(self._key(name, self.rank), said))

    def collect(self, own: Totals) -> tuple[Totals, int]:
        """The sum over all ranks as they last said, and how many said something. For the first rank."""
        self._quietly(lambda store: self._read(store, "now"))
        return self._sum(own)

    def gather(self, own: Totals, name: str) -> tuple[Totals, int]:
        """Like collect, but waits for what all ranks publish under this name: FLOPS_METER_PATIENCE seconds at most."""
        keys = [self._key(name, rank) for rank in range(1, self.count)]

        def wait(store: Any) -> None:
            if keys:
                patience = float(os.environ.get("FLOPS_METER_PATIENCE", "60"))
                store.wait(keys, timedelta(seconds=patience))
            self._read(store, name)

        if not self._quietly(wait):
            return self.collect(own)
        return self._sum(own)

    def _sum(self, own: Totals) -> tuple[Totals, int]:
        everyone = [own, *self._others.values()]
        whole = together(everyone)
        # Every rank takes the same steps: they are those of the run, not their sum. In the count are those that each
        # of them counted; never fewer than were told, where one says later than another what it lacks.
        whole.uncounted_steps = max(each.uncounted_steps for each in everyone)
        counted = max(each.steps + each.uncounted_steps for each in everyone) - whole.uncounted_steps
        whole.steps = self._steps = max(counted, self._steps)
        return whole, len(everyone)

    def _read(self, store: Any, name: str) -> None:
        keys = {rank: self._key(name, rank) for rank in range(1, self.count)}
        present = {rank: key for rank, key in keys.items() if store.check([key])}
        for rank, key in present.items():
            said = json.loads(store.get(key))
            self._others[rank] = Totals.from_dict(said["totals"])
            self._worked[rank] = said["worked"]
            self.gaps = self.gaps.plus(Gaps(said["failed"], frozenset(said["unknown"])))

    def _key(self, name: str, rank: int) -> str:
        return f"flops_meter/{self._meter}/{name}/{rank}"

    def _quietly(self, do: Callable[[Any], None]) -> bool:
        """Use the store; a store that is gone makes the line say how many ranks report, and breaks nothing."""
        if self.count == 1:
            return True
        if not _ready():
            return False
        try:
            do(dist.distributed_c10d._get_default_store())
        except (RuntimeError, ValueError, AttributeError) as error:
            _log.debug("flops-meter: the ranks' store does not answer: %s", error)
            return False
        return True


def _ready() -> bool:
    return dist.is_available() and dist.is_initialized()
