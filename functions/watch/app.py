"""Watches the training jobs in progress; started by a schedule. People are warned before a threshold is crossed."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import WatchEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger
from flops_auditor.aws.wiring.watching import watcher_from
from flops_auditor.use_cases.auditing.watch_jobs import watch_jobs

watcher = watcher_from(WatchEnvironment.read(os.environ))


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One round. What could not be watched is logged and counted, which has an alarm; the next round tries it again."""
    done = watch_jobs(watcher)
    for failure in done.failures:
        logger.error(failure, remedy="`flops-auditor doctor` checks the regions and the function's rights.")
    numbers = {"jobs": done.jobs, "warnings": done.warnings, "stopped": done.stopped, "failures": len(done.failures)}
    names = {"jobs": "RunningJobs", "warnings": "Warnings", "stopped": "Stopped", "failures": "NotWatched"}
    for what, number in numbers.items():
        count(names[what], number)
    logger.info("watched", extra=numbers)
    return numbers
