"""Verification of a large ledger, beside `openssl speed ecdsap256` in the same run.

    python -m bench.ledger_verify --records 1000000

Floors: at least 8,000 records per second of one core, below 300 MB in all processes together. Exits with 1 below
them. A second of one core is a second of processor time, so that other programs on the machine do not count.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.ledger_bundle import make, show
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.fakes.ledger_world import START

FLOOR_PER_CORE = 8_000
MOST_BYTES = 300_000_000


def openssl_verifications_per_second() -> float:
    """One core, P-256, as openssl measures it."""
    run = subprocess.run(["openssl", "speed", "-seconds", "3", "ecdsap256"], capture_output=True, text=True, check=True)
    return float(re.findall(r"[\d.]+", run.stdout.splitlines()[-1])[-1])


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    family = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            family += _family(int(child))
    return family


def family_memory(pid: int) -> int:
    """Bytes of proportional set size of the process and all below it: shared pages count once."""
    total = 0
    for one in _family(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.findall(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[0]) * 1024
    return total


def cpu_seconds(pid: int) -> float:
    """Processor time of the process and all below it."""
    ticks = 0
    for one in _family(pid):
        try:
            ticks += sum(int(part) for part in Path(f"/proc/{one}/stat").read_text().rpartition(") ")[2].split()[11:13])
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Make, measure, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options.add_argument("--folder", type=Path, default=None, help="keep the bundle here, and use it again")
    given = options.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    path = folder / f"bundle-{given.records}.zip"
    if not path.exists():
        make(path, given.records, given.processes)
    openssl = openssl_verifications_per_second()
    peak, cpu, done = [0], [0.0], threading.Event()
    before = cpu_seconds(os.getpid())

    def watch() -> None:
        while not done.wait(0.5):
            peak[0] = max(peak[0], family_memory(os.getpid()))
            cpu[0] = max(cpu[0], cpu_seconds(os.getpid()) - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.perf_counter()
    report = verify_bundle(path, Demands(as_of=START, processes=given.processes))
    seconds = time.perf_counter() - begin
    done.set()
    watcher.join()
    per_core = report.records / cpu[0]
    show(
        {
            "records": report.records,
            "verdict": report.verdict,
            "bundle_bytes": path.stat().st_size,
            "processes": given.processes,
            "seconds": round(seconds, 1),
            "records_per_s": round(report.records / seconds),
            "cpu_seconds": round(cpu[0], 1),
            "records_per_s_of_one_core": round(per_core),
            "openssl_verify_per_s_one_core": round(openssl),
            "share_of_openssl": round(per_core / openssl, 3),
            "peak_bytes_all_processes": peak[0],
        }
    )
    if given.folder is None:
        path.unlink()
    sound = report.verdict == "valid" and report.records == given.records
    return 0 if sound and per_core >= FLOOR_PER_CORE and peak[0] <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
