"""The pace at which a quota is used: so many requests a second in each region, and fewer after a throttled one."""

import time
from collections.abc import Callable

SLOWEST_SECONDS = 32.0
EASING = 0.9
"""After a throttled request each good one shortens the pause by a tenth, until the pace is kept again."""


class Pace:
    """Waits between requests. Regions have quotas of their own, so each has a pace of its own."""

    def __init__(
        self,
        per_second: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause = 1 / per_second
        self._sleep = sleep
        self._clock = clock
        self._pauses: dict[str, float] = {}
        self._free_at: dict[str, float] = {}

    def wait(self, region: str) -> None:
        """Wait until the region may be asked again."""
        now = self._clock()
        free_at = self._free_at.get(region, now)
        if free_at > now:
            self._sleep(free_at - now)
        self._free_at[region] = max(now, free_at) + self._pauses.get(region, self._pause)

    def throttled(self, region: str) -> None:
        """The last request was one too many: pause for twice as long from now on."""
        longer = min(2 * self._pauses.get(region, self._pause), SLOWEST_SECONDS)
        self._pauses[region] = longer
        self._free_at[region] = self._clock() + longer

    def answered(self, region: str) -> None:
        """The last request was answered."""
        if region in self._pauses:
            self._pauses[region] = max(self._pause, self._pauses[region] * EASING)
