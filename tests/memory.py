"""How much memory this program took at most, for programs that are started to measure one thing."""

import resource
from pathlib import Path


def peak_memory() -> int:
    """The most memory of this program so far, in bytes. `ru_maxrss` would count the parent's, from before the exec."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
