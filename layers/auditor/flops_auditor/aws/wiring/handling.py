"""What every function does around its work: a structured log, metrics, and errors named in both."""

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.domain.values.errors import AuditorError

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

logger = Logger()
# Lambda's own level overrides that of Powertools; it stays INFO, since it would drop the metrics with the entries.
logging.getLogger(logger.service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
metrics = Metrics()
# A round that counted nothing has nothing to publish.
warnings.filterwarnings("ignore", "No application metrics to publish")


def lambda_handler(work: Handler) -> Handler:
    """The handler of a function that does this work; what the work raises is logged, counted and raised."""

    @wraps(work)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        with named_errors():
            return work(event, context)

    measured: Handler = logger.inject_lambda_context(metrics.log_metrics(handler), clear_state=True)
    return measured


@contextmanager
def named_errors(**where: str) -> Iterator[None]:
    """Name an error in the log, with its remedy and `where` it happened, and in a metric; then raise it."""
    try:
        yield
    except AuditorError as error:
        logger.exception(str(error), extra={"error": error.name, "remedy": error.remedy, **where})
        count(error.name)
        raise
    except Exception:
        logger.exception("unexpected failure", extra={"error": "Unexpected", **where})
        count("Unexpected")
        raise


def pause(seconds: float) -> None:
    """Wait before the next event of a batch."""
    time.sleep(seconds)


def seconds_left(context: LambdaContext) -> float:
    """Until Lambda ends the function."""
    return context.get_remaining_time_in_millis() / 1000


def count(name: str, value: float = 1) -> None:
    """Add to a metric that counts. Nothing is sent of a zero: CloudWatch bills a metric for each hour that has data."""
    if value:
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def percent(name: str, value: float) -> None:
    """Add to a metric that is a share, in per cent."""
    metrics.add_metric(name=name, unit=MetricUnit.Percent, value=value)
