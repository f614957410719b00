"""Watches the training jobs in progress; started by a schedule. People are warned before a threshold is crossed."""

import logging
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import WatchEnvironment
from flops_auditor.aws.wiring.watching import watcher_from
from flops_auditor.use_cases.auditing.watch_jobs import WatchIncomplete, watch_jobs

logger = Logger()
# Lambda's own level goes before that of Powertools; it stays INFO, since it would drop the metrics with the entries.
logging.getLogger(logger.service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
metrics = Metrics()
watcher = watcher_from(WatchEnvironment.read(os.environ))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """One round. Raises WatchIncomplete, after everything else was watched, so that the alarm on errors rings."""
    done = watch_jobs(watcher)
    for name, count in (("RunningJobs", done.jobs), ("Warnings", done.warnings), ("Stopped", done.stopped)):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
    for failure in done.failures:
        logger.error(failure, error=WatchIncomplete.__name__, remedy=WatchIncomplete.remedy)
    if done.failures:
        raise WatchIncomplete(f"{len(done.failures)} of the jobs or regions, first: {done.failures[0]}")
    logger.info("watched", jobs=done.jobs, warnings=done.warnings, stopped=done.stopped)
    return {"jobs": done.jobs, "warnings": done.warnings, "stopped": done.stopped}
