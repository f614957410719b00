"""The figures of benchmarks that print rows of their own."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.figures import Figure
from bench.start_up import target_of

Document = Mapping[str, Any]


def with_figures(bench: str, printed: str) -> dict[str, Any]:
    """What a benchmark printed, with its figures. Raises ValueError or KeyError where it printed none."""
    told = json.loads(printed)
    document: dict[str, Any] = {"rows": told} if isinstance(told, list) else told
    if "figures" not in document:
        document |= {"bench": bench, "figures": [each.as_json() for each in OF_ROWS[bench](document)]}
    if not document["figures"]:
        raise ValueError(f"{bench} has no figures")
    return document


def of_audit_cpu(document: Document) -> Iterator[Figure]:
    """Processor time of an audit by its points."""
    for row in document["rows"]:
        floor = {"floor": row["floor_ms"], "floor_is": "points read once"}
        if not row["points"]:
            floor = {"floor": row["collect_ms"], "floor_is": "botocore's one call"}
        aim = {"target": row["target_ms"], "size": row["points"]}
        yield Figure("CPU of an audit by its points", row["whole_ms"], "ms", **aim, **floor)
    for row in document["rows"]:
        if row.get("us_a_point"):
            own, floor = (
                row["us_a_point"],
                {"floor": row["us_a_point_by_botocore"], "floor_is": "botocore's own parser"},
            )
            what = "reading an answer of GetMetricData, CPU a point"
            yield Figure(what, own, "us", size=row["points"], target=row["target_us"], **floor)


def of_recompute(document: Document) -> Iterator[Figure]:
    """Records whose figures are computed again."""
    for row in document["rows"]:
        what, floor = f"verify --recompute, {row['points']:,} points a record", round(1000 / row["floor_ms"])
        reading = "verified, points read once"
        yield Figure(what, row["records_per_second"], "records/s", "more", floor, reading, target=row["target"])


def of_start_up(document: Document) -> Iterator[Figure]:
    """Each command beside Python alone."""
    processes = document["processes"]
    least = processes["python -c pass"]["seconds"]
    for name, each in processes.items():
        if name.startswith("flops-auditor"):
            yield Figure(name, each["seconds"], "s", floor=least, floor_is="python -c pass", target=target_of(name))


def of_cost_beside(document: Document) -> Iterator[Figure]:
    """A million jobs in each way, at most; ours beside the cheapest other one that computes."""
    ours, asks, *others = document["rows"]
    cheapest = min(others, key=lambda way: float(way["most"]))
    floor = {"floor": round(cheapest["most"]), "floor_is": cheapest["name"]}
    yield Figure(f"a million jobs: {ours['name']}", round(ours["most"]), "USD", **floor)
    for way in (asks, *others):
        yield Figure(f"a million jobs: {way['name']}", round(way["most"]), "USD")


OF_ROWS: Mapping[str, Callable[[Document], Iterator[Figure]]] = {
    "audit_cpu": of_audit_cpu,
    "recompute": of_recompute,
    "start_up": of_start_up,
    "cost_beside": of_cost_beside,
}
