"""Processor time of one audit by the number of metric points, beside a floor in the same run.

    python -m bench.audit_cpu [--json]

From evidence bytes to the canonical bytes of the record's content; `write` is what it takes to make those evidence
bytes from the answers that boto3 parsed, `parse_evidence` and `audit` are parts of the whole. Floor: json.loads of the
same bytes, every time read by datetime.fromisoformat, and the values added up as floats. Exits with 1 over a target.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
from flops_auditor.domain.values.canonical_json import canonical
from tests.fakes.cases import audit
from tests.fakes.jobs import describe

TARGETS_MS = {0: 5, 600: 8, 10_080: 40, 100_800: 500}
"""Points -> milliseconds of processor time. 100,800 points are the most of one GetMetricData answer."""
HOSTS = {100_800: 10}
START = datetime(2026, 3, 1, 0, 10, tzinfo=UTC)


def evidence_of(points: int) -> Evidence:
    """A job whose hosts report GPUUtilization every minute, as boto3 gives it: `points` values together."""
    hosts = HOSTS.get(points, 1)
    minutes = points // hosts
    chance = random.Random(points)  # noqa: S311 (no secret)
    times = [START + timedelta(minutes=minute) for minute in range(minutes)]
    metrics = [
        {
            "Label": f"GPUUtilization algo-{host}",
            "Timestamps": list(times),
            "Values": [chance.uniform(300, 790) for _ in times],
        }
        for host in range(1, hosts + 1)
        if points
    ]
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts}
    description = describe(hours=max(1, minutes / 60), ResourceConfig=resources)
    return Evidence(description, tags=[], metrics=metrics, period_seconds=60, collected_at=START + timedelta(days=9))


def floor(body: bytes) -> float:
    """The least that reads every point: JSON, times, and a sum of floats."""
    total = 0.0
    for series in json.loads(body)["metrics"]["results"]:
        for moment in series["Timestamps"]:
            datetime.fromisoformat(moment)
        total += sum(series["Values"])
    return total


def milliseconds(work: Callable[[], object], least_seconds: float) -> float:
    """Median processor time of one call, of at least five and as many as fit into the time."""
    taken: list[float] = []
    while len(taken) < 5 or sum(taken) < least_seconds:
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return statistics.median(taken) * 1000


def measure(points: int, least_seconds: float) -> dict[str, Any]:
    """All figures for one number of points."""
    tables = load_tables()
    collected = evidence_of(points)
    body = collected.to_bytes()
    parsed = parse_evidence(body)

    def whole() -> bytes:
        return canonical(result(audit(parse_evidence(body), tables)))

    steps = {
        "whole": whole,
        "parse_evidence": lambda: parse_evidence(body),
        "audit": lambda: audit(parsed, tables),
        "write": collected.to_bytes,
        "floor": lambda: floor(body),
    }
    times = {name: round(milliseconds(work, least_seconds), 3) for name, work in steps.items()}
    target = TARGETS_MS[points]
    return {
        "points": points,
        "evidence_bytes": len(body),
        **{f"{name}_ms": value for name, value in times.items()},
        "ratio_to_floor": round(times["whole"] / times["floor"], 2),
        "target_ms": target,
        "met": times["whole"] <= target,
    }


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--seconds", type=float, default=1.0, help="of processor time for each figure, at least")
    given = options.parse_args()
    rows = [measure(points, given.seconds) for points in TARGETS_MS]
    if given.json:
        print(json.dumps({"bench": "audit_cpu", "python": sys.version.split()[0], "rows": rows}, indent=2))
    else:
        print("| points | whole ms | target | parse | audit | write | floor | whole / floor |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for row in rows:
            figures = [row[f"{name}_ms"] for name in ("parse_evidence", "audit", "write", "floor")]
            shown = " | ".join(f"{value:.1f}" for value in figures)
            whole, target = row["whole_ms"], row["target_ms"]
            print(f"| {row['points']:,} | {whole:.1f} | <= {target} | {shown} | {row['ratio_to_floor']} |")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
