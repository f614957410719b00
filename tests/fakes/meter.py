"""Logs that flops-meter writes, and the metrics that SageMaker and CloudWatch make of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.local_aws.job_logs import metrics_of_log
from flops_auditor_cli.local_aws.training_jobs import series_of
from flops_meter.lines import AMOUNTS, check_number, genesis, metric_definitions, write
from tests.fakes.jobs import CREATED, describe

ARN = str(describe()["TrainingJobArn"])
START = CREATED + timedelta(minutes=10)
STEPS_A_MINUTE = 10
LOWEST = ("seq", "job_check", "chain_check")


def log_of(
    minutes: float = 600,
    flop: float = 1e20,
    *,
    arn: str = ARN,
    start: datetime = START,
    every: float = 60,
    chain: str | None = None,
    **words: object,
) -> list[str]:
    """The lines of a run: one each `every` seconds, amounts growing evenly to `flop` at the end of `minutes`.

    `words` stand in all lines instead of what would; a callable is given the line's number, from 1, and the words.
    """
    chain, lines = chain or genesis(arn), []
    count = max(1, round(minutes * 60 / every))
    for place in range(1, count + 1):
        at = start + timedelta(minutes=minutes) * place / count
        amounts: dict[str, object] = dict.fromkeys(AMOUNTS, 0)
        amounts |= {"model_flop": int(flop) * place // count, "executed_flop": int(flop) * place // count}
        amounts |= {"steps": int(STEPS_A_MINUTE * minutes * place / count)}
        said: dict[str, object] = {"seq": place, "job": arn, "ranks": 1, "reporting": 1, "attempt": 1}
        said |= {"since": int(start.timestamp()), "to": int(at.timestamp())}
        said |= {"covered": round((at - start).total_seconds(), 1), **amounts}
        said |= {"unknown_ops": 0, "failed": 0, "job_check": check_number(arn)}
        said |= {name: value(place, said) if callable(value) else value for name, value in words.items()}
        line, chain = write(said, chain)
        lines.append(f"{iso(at - timedelta(seconds=1))} {line}")
    return lines


def metrics_from(lines: Sequence[str], period: int = 60, without: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What GetMetricData answers for these lines: highest values, and the lowest of the words that show two writers."""
    return [
        {"Label": label, "Timestamps": [*times], "Values": [*values]}
        for label, times, values in _read(tuple(lines), period)
        if label.partition(":")[2].removesuffix(" Minimum") not in without
    ]


@lru_cache(maxsize=32)
def _read(lines: tuple[str, ...], period: int) -> list[tuple[str, list[str], list[float]]]:
    """Label, times and values of each metric. Many tests look at the same log."""
    results = []
    answer = metrics_of_log("\n".join(lines), metric_definitions())
    for (name, _), series in series_of(answer, "job").items():
        for stat in ("Maximum", "Minimum") if name.partition(":")[2] in LOWEST else ("Maximum",):
            points = series.statistic(stat, (0, 1e12), period, series.times[-1])
            times = [iso(datetime.fromtimestamp(at, UTC)) for at, _ in points]
            results.append((name + (" Minimum" if stat == "Minimum" else ""), times, [value for _, value in points]))
    return results
