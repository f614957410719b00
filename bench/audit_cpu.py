"""Processor time of one audit by the number of metric points, beside a floor in the same run.

    python -m bench.audit_cpu [--json]

`whole` is from the call of GetMetricData to the canonical bytes of the record's content: botocore makes the request and
reads the answer's body, which is at hand (`collect`); evidence is made of it (`write`), audited, and the result written
(`audit`). The other calls of an audit are not in it (`python -m bench.audit_calls`). `again` is from evidence bytes to
that record, of which `parse` reads them. Floor: json.loads of the evidence, every time read by datetime.fromisoformat,
and the values added up as floats. `us_a_point`: what reading the answer takes, and with botocore's own parser.

Exits with 1 over a target.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.parsers import ResponseParserFactory
from botocore.session import Session

from flops_auditor.aws.calls import clients
from flops_auditor.aws.calls.series_in_answers import Parsers
from flops_auditor.aws.sources.cloudwatch import CloudWatchMetrics
from flops_auditor.data import load_tables
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.runs.evidence import Evidence, parse_evidence, plain
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.use_cases.ports.sources import MetricRequest
from tests.fakes.cases import audit
from tests.fakes.jobs import describe

TARGETS_MS = {0: 5, 600: 8, 10_080: 40, 100_800: 500}
"""Points -> milliseconds of processor time. 100,800 points are the most of one GetMetricData answer."""
TARGET_US = 2
"""Microseconds for botocore to read a point."""
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
        for text in series["Timestamps"]:
            datetime.fromisoformat(text)
        total += sum(series["Values"])
    return total


def collector(body: bytes) -> Callable[[], Sequence[Mapping[str, Any]]]:
    """Reads one job's series from CloudWatch, whose answer always has this body."""

    def answered(request: Any, **_: Any) -> AWSResponse:
        response = AWSResponse(request.url, 200, {}, None)
        response._content = body
        return response

    with patch.dict(os.environ, {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}):
        clients.client.cache_clear()
        client = clients.cloudwatch_in("eu-west-1")
        client.meta.events.register_first("before-send.cloudwatch.GetMetricData", answered)
        asked = MetricRequest("job", "eu-west-1", 1, (), (), (Span(START, START + timedelta(hours=1)),), 60)
        reads = CloudWatchMetrics(lambda region: client)
        reads.read(asked)
    return lambda: reads.read(asked)


def answer_of(metrics: Sequence[Mapping[str, Any]]) -> bytes:
    """GetMetricData's answer, in the JSON that botocore asks CloudWatch for."""
    results = [
        {**each, "Id": "a", "StatusCode": "Complete", "Timestamps": [at.timestamp() for at in each["Timestamps"]]}
        for each in metrics
    ]
    return json.dumps({"MetricDataResults": results}).encode()


def parsing(body: bytes, parsers: ResponseParserFactory) -> Callable[[], object]:
    """What botocore does with the body of an answer, by parsers of these."""
    model = Session().get_service_model("cloudwatch")
    protocol, shape = model.resolved_protocol, model.operation_model("GetMetricData").output_shape
    response = {"status_code": 200, "headers": {}, "body": body}
    return lambda: parsers.create_parser(protocol).parse(response, shape)


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
    known = evidence_of(points)
    answer = answer_of(known.metrics)
    collect = collector(answer)
    collected = replace(known, description=plain(known.description), metrics=plain(collect()))
    body = collected.to_bytes()

    def recorded(evidence: Evidence) -> bytes:
        return canonical(result(audit(evidence, tables)))

    steps: dict[str, Callable[[], object]] = {
        "collect": collect,
        "write": lambda: replace(known, metrics=plain(known.metrics)).to_bytes(),
        "audit": lambda: recorded(collected),
        "whole": lambda: recorded(replace(known, description=plain(known.description), metrics=plain(collect()))),
        "parse": lambda: parse_evidence(body),
        "again": lambda: recorded(parse_evidence(body)),
        "floor": lambda: floor(body),
        "own": parsing(answer, Parsers()),
        "botocore": parsing(answer, ResponseParserFactory()),
    }
    times = {name: milliseconds(work, least_seconds) for name, work in steps.items()}
    own, botocores = (round(times.pop(name) * 1000 / max(points, 1), 2) for name in ("own", "botocore"))
    target = TARGETS_MS[points]
    return {
        "points": points,
        "evidence_bytes": len(body),
        **{f"{name}_ms": round(value, 3) for name, value in times.items()},
        "ratio_to_floor": round(times["whole"] / times["floor"], 2),
        "us_a_point": own if points else None,
        "us_a_point_by_botocore": botocores if points else None,
        "target_ms": target,
        "target_us": TARGET_US,
        "met": times["whole"] <= target and (points < 600 or own <= TARGET_US),
    }


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true")
    options.add_argument("--seconds", type=float, default=1.0, help="of processor time for each figure, at least")
    given = options.parse_args()
    rows = [measure(points, given.seconds) for points in TARGETS_MS]
    if given.json:
        print(json.dumps({"bench": "audit_cpu", "python": sys.version.split()[0], "rows": rows}, indent=2))
    else:
        print("| points | whole ms | target | collect | write | audit | again | floor | whole / floor | us a point |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for row in rows:
            figures = [row[f"{name}_ms"] for name in ("collect", "write", "audit", "again", "floor")]
            shown = " | ".join(f"{value:.1f}" for value in figures)
            whole, target = row["whole_ms"], row["target_ms"]
            read = f"{row['us_a_point']} ({row['us_a_point_by_botocore']})" if row["points"] else ""
            print(f"| {row['points']:,} | {whole:.1f} | <= {target} | {shown} | {row['ratio_to_floor']} | {read} |")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
