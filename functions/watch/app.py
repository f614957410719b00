"""Watches the training jobs, sessions and Batch jobs in progress; started by a schedule. People are warned before a
threshold is crossed.
"""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import WatchEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger
from flops_auditor.aws.wiring.recording import claims_from
from flops_auditor.aws.wiring.rounds import alone, listing_turn
from flops_auditor.aws.wiring.watching import watchers_from
from flops_auditor.use_cases.auditing.watch_doors import watch_doors

SPARE_MILLISECONDS = 60_000
"""Time for one more job, whose calls may be tried again."""
PATIENCE_SECONDS = 30
"""For a command that lists."""

environment = WatchEnvironment.read(os.environ)
watchers = watchers_from(environment)
claims = claims_from(environment.table_name)


@lambda_handler
@alone("watch", claims)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One round. What could not be watched is logged and counted, which has an alarm; the next round tries it again."""
    done = watch_doors(
        watchers,
        out_of_time=lambda: context.get_remaining_time_in_millis() < SPARE_MILLISECONDS,
        turn=lambda: listing_turn(claims, float(environment.listing_rate), context, PATIENCE_SECONDS),
    )
    for failure in done.failures:
        logger.error(failure, remedy="`flops-auditor doctor` checks the regions and the function's rights.")
    for region in done.closed:
        logger.warning("refuses, and was never read: " + region)
    failures = len(done.failures) + done.left
    count("NotWatched", failures)
    numbers = {"jobs": done.jobs, "warnings": done.warnings, "stopped": done.stopped, "failures": failures}
    logger.info("watched", extra=numbers)
    return numbers
