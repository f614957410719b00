"""Verification of a large ledger, beside `openssl speed ecdsap256` in the same run.

    python -m bench.ledger_verify --records 1000000 [--json]

Targets: 0.55 of openssl by one core, below 300 MB in all processes together. Exits with 1 where one is missed. A second
of one core is a second of processor time of one process that verifies alone, so that other programs on the machine do
not count. Several sizes show growth; memory is that of the largest, verified in several processes.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench.figures import Figure, show
from bench.ledger_bundle import make
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.fakes.ledger_world import START

SHARE_OF_OPENSSL = 0.55
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


def verified(path: Path, records: int, processes: int) -> dict[str, Any]:
    """Verify a bundle in this process and those that it starts: what it took."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            peak[0] = max(peak[0], family_memory(os.getpid()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin, cpu = time.perf_counter(), time.process_time()
    report = verify_bundle(path, Demands(as_of=START, processes=processes))
    seconds, used = time.perf_counter() - begin, time.process_time() - cpu
    done.set()
    watcher.join()
    if report.verdict != "valid" or report.records != records:
        raise SystemExit(f"the bundle is {report.verdict}, of {report.records} records")
    return {"processes": processes, "seconds": round(seconds, 1), "cpu_here": used, "peak_bytes": peak[0]}


def alone(folder: Path, records: int, processes: int) -> dict[str, Any]:
    """The same in a process of its own, after the bundle was made."""
    path = folder / f"bundle-{records}.zip"
    if not path.exists():
        make(path, records, os.cpu_count() or 1)
    command = [sys.executable, "-m", "bench.ledger_verify", "--alone", str(path), str(records), str(processes)]
    took: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return took


def main() -> int:
    """Make, measure, compare."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, nargs="+", default=[1000, 10_000, 20_000], help="multiples of 1000")
    options.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options.add_argument("--folder", type=Path, default=None, help="keep the bundles here, and use them again")
    options.add_argument("--json", action="store_true")
    options.add_argument("--alone", nargs=3, metavar=("BUNDLE", "RECORDS", "PROCESSES"), help="one bundle alone")
    given = options.parse_args()
    if given.alone:
        path, records, processes = given.alone
        print(json.dumps(verified(Path(path), int(records), int(processes))))
        return 0
    runs, figures = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for records in given.records:
            openssl = round(openssl_verifications_per_second())
            took = alone(folder, records, 1)
            runs.append({**took, "records": records})
            aim: dict[str, Any] = {"target": SHARE_OF_OPENSSL * openssl, "asked": f">= {SHARE_OF_OPENSSL} of openssl"}
            what, per_core = "verify, records a second of one core", round(records / took["cpu_here"])
            figures.append(
                Figure(what, per_core, "records/s", "more", openssl, "openssl ecdsap256", size=records, **aim)
            )
        records = max(given.records)
        took = alone(folder, records, given.processes)
        runs.append({**took, "records": records})
    what = f"memory of verify of {records:,} records, {given.processes} processes together"
    figures.append(Figure(what, round(took["peak_bytes"] / 1e6), "MB", target=MOST_BYTES / 1e6))
    return show("ledger_verify", figures, given.json, runs=runs)


if __name__ == "__main__":
    sys.exit(main())
