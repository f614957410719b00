"""A made-up month beside its records, at full size: the time (CPU) and memory that it takes, and what is found.

    python -m bench.explain_bill [--lines 1000000] [--jobs 4000] [--months 50] [--json]

A month of so many lines is written as Parquet and as packed CSV, and each is read by a process of its own. Then so many
small random months are read, and the hours that are planted in them as unexplained are compared with what is found.
Floor: the same lines read once from the packed CSV by Python's csv. Exits with 1 over a bound.
"""

import argparse
import csv
import gzip
import json
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.figures import Figure, show
from flops_auditor.data import hardware_table
from flops_auditor.domain.bill.recorded_runs import RecordedRun
from tests.fakes.bills import Month, explained_from, random_month, strayed, write_csv, write_parquet
from tests.memory import peak_memory

MOST_SECONDS, MOST_BYTES = 20, 10**9


def month_of(lines: int, jobs: int) -> Month:
    """A month by the hour with so many lines, of which jobs are a part."""
    seed = next(seed for seed in range(100) if random_month(seed, 1, 0).hourly)
    size = len(random_month(seed, jobs, 0).rows)
    return random_month(seed, jobs, max(0, lines - size))


def read_alone(bill: Path, runs: Path) -> None:
    """In a process of its own: read a bill, and print what it took."""
    recorded = [_run(each) for each in json.loads(runs.read_text())]
    begin = time.process_time()
    explained = explained_from(bill, recorded, hardware_table())
    seconds = time.process_time() - begin
    print(json.dumps({"seconds": seconds, "peak": peak_memory(), "rest": len(explained.rest)}))


def _run(members: dict[str, Any]) -> RecordedRun:
    start, end = map(datetime.fromisoformat, members["span"])
    return RecordedRun(**{**members, "span": (start, end)})


def read_by_csv(packed: Path) -> float:
    """Processor time of the least that reads every line, in seconds."""
    begin = time.process_time()
    with gzip.open(packed, "rt", newline="") as lines:
        for _ in csv.reader(lines):
            pass
    return time.process_time() - begin


def main() -> None:
    """The large month, then the small ones. The exit code says whether all is within its bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--months", type=int, default=50)
    parser.add_argument("--alone", nargs=2, type=Path)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if chosen.alone:
        read_alone(*chosen.alone)
        return
    strays, figures = 0, []
    with TemporaryDirectory() as folder:
        month = month_of(chosen.lines, chosen.jobs)
        runs = Path(folder) / "runs.json"
        runs.write_text(json.dumps([asdict(run) for run in month.runs], default=str))
        packed = write_csv(Path(folder) / "month.csv.gz", month.rows)
        floor = read_by_csv(packed)
        for path in (write_parquet(Path(folder) / "month.parquet", month.rows), packed):
            command = [sys.executable, "-m", "bench.explain_bill", "--alone", str(path), str(runs)]
            took = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            what = f"bill of {len(month.rows):,} lines beside {len(month.runs):,} records, {path.name}"
            aim = {"floor": round(floor, 3), "floor_is": "read by csv", "target": MOST_SECONDS}
            figures.append(Figure(f"{what}, CPU", round(took["seconds"], 3), "s", **aim))
            peak = round(took["peak"] / 1e6)
            figures.append(Figure(f"memory of the {what}", peak, "MB", target=MOST_BYTES / 1e6))
        for seed in range(chosen.months):
            small = random_month(seed)
            explained = explained_from(write_csv(Path(folder) / "small.csv", small.rows), small.runs, hardware_table())
            strays += bool(strayed(small, explained))
    months = f"of {chosen.months} random months, those in which all that was planted is found, to the hour"
    figures.append(Figure(months, chosen.months - strays, "months", "more", target=chosen.months))
    sys.exit(show("explain_bill", figures, chosen.json))


if __name__ == "__main__":
    main()
