"""Queues finished jobs that have no record, of every door and enabled region; resumes where the last round stopped."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.aws.wiring.environment import ReconcileEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger, percent, seconds_left
from flops_auditor.aws.wiring.reconciling import reconcilers_from
from flops_auditor.aws.wiring.recording import claims_from
from flops_auditor.aws.wiring.rounds import alone, listing_turn
from flops_auditor.use_cases.operations.reconcile_doors import reconcile_doors, tell_people_of, together

SPARE_SECONDS = 60
"""Time for one more page, whose calls may be tried again."""
PATIENCE_SECONDS = 120
"""For the watch to list what is new; both are started at the same time."""

environment = ReconcileEnvironment.read(os.environ)
doors = reconcilers_from(environment)
claims = claims_from(environment.table_name)


@lambda_handler
@alone("reconcile", claims)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A schedule in; what was done out, also as metrics and as log lines, whether or not the mail can be sent."""
    with listing_turn(claims, float(environment.listing_rate), context, PATIENCE_SECONDS) as lists:
        reports = reconcile_doors(doors, lambda: not lists or seconds_left(context) < SPARE_SECONDS, side_by_side)
    report = together(reports)
    for region, reason in report.failed.items():
        logger.error("could not be compared with the ledger", region=region, reason=reason)
    for region, reason in report.closed.items():
        logger.warning("refuses, and was never read", region=region, reason=reason)
    for job, reason in report.unasked.items():
        logger.warning("could not be asked for", job=job, reason=reason)
    for job, reason in report.unqueued.items():
        logger.error("could not be queued", job=job, reason=reason)
    for change in report.changes:
        logger.warning(change.remark.words, job=change.job.arn, kind=change.remark.kind.name)
    count("FinishedWithoutRecord", len(report.overdue))
    count("RegionsFailed", len(report.failed))
    if report.share_complete < 100:
        percent("ReconcileProgress", report.share_complete)
    done = {
        "JobsListed": report.listed,
        "JobsQueued": len(report.queued),
        "JobsChanged": len(report.changes),
        "JobsUnasked": len(report.unasked),
        "FinishedWithoutRecord": len(report.overdue),
        "RegionsComplete": len(report.complete),
        "RegionsPending": len(report.pending),
        "RegionsClosed": len(report.closed),
        "RegionsFailed": len(report.failed),
    }
    logger.info("reconciled", extra={**done, "progress_percent": report.share_complete})
    tell_people_of(reports, doors)
    return done
