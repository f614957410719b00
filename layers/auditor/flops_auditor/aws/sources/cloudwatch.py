"""The JobMetrics port on Amazon CloudWatch, in any region.

SEARCH expressions see only metrics that were active in the last two weeks, so every host is asked for by name.
GetMetricData takes at most 500 queries and returns at most 100,800 points a call (CloudWatch API Reference).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.calls.refusals import refusals
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.meter_lines import MINIMUM
from flops_auditor.domain.runs.occupancy import LOWEST, MAXIMUM, SAMPLES
from flops_auditor.domain.runs.sources.training_job_metrics import HOST_METRICS, NAMESPACE
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.use_cases.ports.sources import MetricRequest, SourceDenied, SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

MOST_QUERIES = 500
MOST_POINTS = 100_800
_OF_A_HOST = (
    ("host", "", "Average"),
    ("highest", MAXIMUM, "Maximum"),
    ("low", LOWEST, "Minimum"),
    ("samples", SAMPLES, "SampleCount"),
)
"""The statistics of a host's occupancy: how a query is called, how its label ends, and the statistic."""
_OF_LONG_PERIODS = tuple(each for each in _OF_A_HOST if each[1] in ("", MAXIMUM))


class CloudWatchMetrics:
    """Needs cloudwatch:GetMetricData."""

    def __init__(self, client_for: Callable[[str], "CloudWatchClient"]) -> None:
        self._client_for = client_for

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        """Every series over every span, one result per label, in order of time."""
        client = self._client_for(request.region)
        merged: dict[str, dict[str, Any]] = {}
        with refusals("cloudwatch:GetMetricData"):
            for span in windows(request):
                for batch in _batches(_queries(request)):
                    pages = client.get_paginator("get_metric_data").paginate(
                        MetricDataQueries=batch,
                        StartTime=span.start,
                        EndTime=span.end,
                        ScanBy="TimestampAscending",
                    )
                    for page in pages:
                        for result in page["MetricDataResults"]:
                            series = merged.setdefault(
                                result["Label"], {"Label": result["Label"], "Timestamps": [], "Values": []}
                            )
                            series["Timestamps"] += result["Timestamps"]
                            series["Values"] += result["Values"]
                            check(result.get("StatusCode", ""), result["Label"])
        return [merged[label] for label in sorted(merged) if merged[label]["Values"]]


def check(status: str, label: str) -> None:
    """Refuse a series that lacks values (API Reference, MetricDataResult; PartialData only says that a page follows).

    Raises SourceDenied when it may not be read, SourceUnavailable when it could not be read just now.
    """
    if status == "Forbidden":
        raise SourceDenied(Unread("cloudwatch:GetMetricData", status, label[:200]))
    if status == "InternalError":
        raise SourceUnavailable(f"cloudwatch:GetMetricData: {status} for {label[:200]}")


def windows(request: MetricRequest) -> Iterator[Span]:
    """The spans, on the grid of the period, cut so that one query never exceeds the points of a call."""
    period = request.period_seconds
    longest = timedelta(seconds=period * MOST_POINTS)
    grid = timedelta(seconds=period)
    done: datetime | None = None
    for span in request.spans:
        start = datetime.fromtimestamp(span.start.timestamp() // period * period, UTC)
        if done is not None and start < done:
            start = done
        end = datetime.fromtimestamp(-(-span.end.timestamp() // period) * period, UTC)
        while start < end:
            upto = min(end, start + longest)
            yield Span(start, max(upto, start + grid))
            start = done = upto


def _queries(request: MetricRequest) -> list["MetricDataQueryTypeDef"]:
    job, metric = request.job_name, HOST_METRICS.occupancy
    queries = []
    for i in range(1, request.hosts + 1):
        name = f"{HOST_METRICS.host}{i}"
        label, host = f"{metric} {name}", f"{job}/{name}"
        for query_id, end, statistic in _OF_LONG_PERIODS if request.long_periods else _OF_A_HOST:
            queries.append(_query(f"{query_id}{i}", label + end, metric, "Host", host, statistic, request))
    for number, name in enumerate(request.emitted):
        statistic = "Maximum" if name in request.counters else "Average"
        queries.append(_query(f"emitted{number}", name, name, "TrainingJobName", job, statistic, request))
    for number, name in enumerate(request.lowest_too):
        queries.append(_query(f"lowest{number}", name + MINIMUM, name, "TrainingJobName", job, "Minimum", request))
    return queries


def _query(
    query_id: str, label: str, metric: str, dimension: str, value: str, statistic: str, request: MetricRequest
) -> "MetricDataQueryTypeDef":
    return {
        "Id": query_id,
        "Label": label,
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": metric,
                "Dimensions": [{"Name": dimension, "Value": value}],
            },
            "Period": request.period_seconds,
            "Stat": statistic,
        },
    }


def _batches(queries: list["MetricDataQueryTypeDef"]) -> Iterator[list["MetricDataQueryTypeDef"]]:
    for first in range(0, len(queries), MOST_QUERIES):
        yield queries[first : first + MOST_QUERIES]
