"""Watches the training jobs in progress; started by a schedule. People are warned before a threshold is crossed."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import WatchEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger
from flops_auditor.aws.wiring.watching import watcher_from
from flops_auditor.use_cases.auditing.watch_jobs import WatchIncomplete, watch_jobs

watcher = watcher_from(WatchEnvironment.read(os.environ))


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One round. Raises WatchIncomplete, after everything else was watched, so that the alarm on errors rings."""
    done = watch_jobs(watcher)
    for name, value in (("RunningJobs", done.jobs), ("Warnings", done.warnings), ("Stopped", done.stopped)):
        count(name, value)
    for failure in done.failures:
        logger.error(failure, error=WatchIncomplete.__name__, remedy=WatchIncomplete.remedy)
    if done.failures:
        raise WatchIncomplete(f"{len(done.failures)} of the jobs or regions, first: {done.failures[0]}")
    logger.info("watched", jobs=done.jobs, warnings=done.warnings, stopped=done.stopped)
    return {"jobs": done.jobs, "warnings": done.warnings, "stopped": done.stopped}
