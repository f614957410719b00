"""Queues finished training jobs that have no record, in every enabled region; resumes where the last run stopped."""

import os
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import ReconcileEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger, metrics
from flops_auditor.aws.wiring.reconciling import reconciler_from
from flops_auditor.use_cases.operations.reconcile_jobs import reconcile

reconciler = reconciler_from(ReconcileEnvironment.read(os.environ))
SPARE_MILLISECONDS = 40_000
"""Time for one more batch, whose calls may be tried five times."""


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A schedule in; what was done out, also as metrics and as one log line."""
    report = reconcile(reconciler, lambda: context.get_remaining_time_in_millis() < SPARE_MILLISECONDS)
    for region, reason in report.failed.items():
        logger.error("region could not be compared with the ledger", region=region, reason=reason)
    told = {
        "JobsQueued": len(report.queued),
        "FinishedWithoutRecord": len(report.overdue(reconciler.home, reconciler.clock())),
        "RegionsFailed": len(report.failed),
    }
    for name, value in told.items():
        count(name, value)
    if report.share_complete < 100:
        metrics.add_metric(name="ReconcileProgress", unit=MetricUnit.Percent, value=report.share_complete)
    done = told | {
        "JobsListed": report.listed,
        "RegionsComplete": len(report.complete),
        "RegionsPending": len(report.pending),
    }
    logger.info("reconciled", extra={**done, "progress_percent": report.share_complete})
    return done
