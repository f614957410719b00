"""The lines for queries: how large and how fast at many jobs, and how large the same would be as Parquet.

    python -m bench.record_lines [--jobs N ...]

The rows are those of the demo's records under other names. DuckDB of the local AWS's environment writes the Parquet.
"""

import argparse
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.ledger_bundle import show
from flops_auditor.domain.messages.record_lines import RecordLines
from tests.fakes.demo_ledger import demo_ledger

DUCKDB = Path(".tools/localaws/bin/python")
PARQUET = """
import duckdb, sys
lines, parquet = sys.argv[1:]
duckdb.execute(f"COPY (FROM read_json_auto('{lines}')) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)")
"""


def contents(jobs: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Predicates of so many jobs, and the first run of each's lineage."""
    ledger = demo_ledger()
    known = [ledger.content(name) for name in ledger.pointers]
    for number in range(jobs):
        content = known[number % len(known)]
        name = f"{content['job']['name']}-{number:06d}"
        job_id = sha256(name.encode()).hexdigest()
        job = {
            **content["job"],
            "name": name,
            "id": job_id,
            "arn": content["job"]["arn"].rpartition("/")[0] + "/" + name,
        }
        yield {**content, "job": job}, job_id


def main() -> None:
    """Every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    for jobs in parser.parse_args().jobs:
        made = list(contents(jobs))
        begin = time.process_time()
        lines = RecordLines()
        for content, lineage in made:
            lines.add(content, lineage)
        packed = lines.packed()
        seconds = time.process_time() - begin
        with TemporaryDirectory() as folder:
            source, parquet = Path(folder) / "newest.jsonl.gz", Path(folder) / "newest.parquet"
            source.write_bytes(packed)
            subprocess.run([str(DUCKDB), "-c", PARQUET, str(source), str(parquet)], check=True)
            figures = {
                "jobs": jobs,
                "seconds": round(seconds, 2),
                "bytes": len(packed),
                "parquet": parquet.stat().st_size,
            }
        show(figures)


if __name__ == "__main__":
    main()
