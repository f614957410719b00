"""How many records a second `verify --recompute` follows from their evidence, of jobs with so many metric points each.

    python -m bench.recompute [--records 60] [--points 600] [--json]

One process, by its processor time, verifying included. Floor in the same run: verifying alone, and reading every point
of the evidence once (`bench.audit_cpu.floor`). Exits with 1 below the target.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.audit_cpu import evidence_of, floor
from flops_auditor import __version__
from flops_auditor.data import load_tables
from flops_auditor.domain.audit.record import predicate
from flops_auditor.domain.runs.evidence import parse_evidence
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.bundles import Bundle
from tests.fakes.cases import audit
from tests.fakes.ledger_world import LEDGER, Draft, World

TARGET = 400
"""Records a second, at 600 points each."""
ROUNDS = 9


def bundle_of(records: int, points: int, folder: Path) -> tuple[Bundle, bytes]:
    """A ledger of jobs that differ in their names, and the evidence of one of them."""
    world, tables, like = World(), load_tables(), evidence_of(points)
    for number in range(records):
        name = f"job-{number:06d}"
        arn = like.description["TrainingJobArn"].rpartition("/")[0] + f"/{name}"
        description = {**like.description, "TrainingJobName": name, "TrainingJobArn": arn}
        body = replace(like, description=description, collected_at=world.at).to_bytes()
        content = predicate(
            audit(parse_evidence(body), tables),
            ledger_id=LEDGER,
            revision=0,
            recorded_at=world.at,
            code_version=__version__,
            table_digests=tables.digests,
        )
        world.commit(Draft(number, world.at, body, content, arn, tables=tables))
    world.seal()
    return Bundle(world, folder), body


def seconds(work: Callable[[], object]) -> float:
    """The least processor time of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        rounds.append(time.process_time() - begin)
    return min(rounds)


def verified(bundle: Bundle, **demands: object) -> None:
    """Verify, or end."""
    report = bundle.verify(processes=1, **demands)
    if report.verdict != "valid":
        raise SystemExit(f"the bundle is {report.verdict}: {report.findings[:3]}")


def measure(records: int, points: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        bundle, evidence = bundle_of(records, points, Path(folder))
        whole = seconds(lambda: verified(bundle, recompute=Recomputing()))
        verifying = seconds(lambda: verified(bundle))
    reading = seconds(lambda: [floor(evidence) for _ in range(records)])
    return {
        "records": records,
        "points": points,
        "records_per_second": round(records / whole),
        "verify_ms": round(verifying / records * 1000, 3),
        "recompute_ms": round((whole - verifying) / records * 1000, 3),
        "floor_ms": round((verifying + reading) / records * 1000, 3),
        "ratio_to_floor": round(whole / (verifying + reading), 2),
        "target": TARGET,
        "met": records / whole >= TARGET,
    }


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=60)
    options.add_argument("--points", type=int, default=600)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    row = measure(given.records, given.points)
    if given.json:
        print(json.dumps({"bench": "recompute", "python": sys.version.split()[0], "rows": [row]}, indent=2))
    else:
        for name, value in row.items():
            print(f"{name.replace('_', ' ')}: {value}")
    return 0 if row["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
