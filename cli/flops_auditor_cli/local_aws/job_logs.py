"""Metrics from the log of a training job, made as SageMaker makes them: by the job's metric definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def metrics_of_log(log: str, definitions: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """An answer of GetMetricData with a value for each line of the log that a definition's expression finds.

    Each line begins with the time at which it was logged, in ISO 8601, as a log stream of CloudWatch is exported.
    """
    by_name: dict[str, tuple[list[str], list[float]]] = {}
    expressions = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
    for line in log.splitlines():
        moment, _, text = line.partition(" ")
        for name, expression in expressions:
            match = expression.search(text)
            if match is not None:
                times, values = by_name.setdefault(name, ([], []))
                times.append(moment)
                values.append(float(match[1]))
    results = [{"Label": name, "Timestamps": times, "Values": values} for name, (times, values) in by_name.items()]
    return {"MetricDataResults": results}
