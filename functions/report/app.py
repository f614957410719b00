"""Makes the report of the day, an HTML page for people, and keeps it in the bucket of reports. Scheduled daily."""

import os
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.s3_reports import S3Reports
from flops_auditor.aws.wiring.environment import ReportEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger
from flops_auditor.aws.wiring.recording import now
from flops_auditor.aws.wiring.reporting import reporter_from
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.operations.report_ledger import report_ledger

FIRST_REPORT = timedelta(days=1)
"""What is new in the first report, of all that was recorded before."""

environment = ReportEnvironment.read(os.environ)
reports = S3Reports(client("s3"), environment.report_bucket)


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A page out, with what changed since that of an earlier day; a second one of a day takes the place of the first.

    Raises LedgerError where the log is not as its sealer left it.
    """
    begun = now()
    since = reports.last_before(begun.date()) or begun - FIRST_REPORT
    report = report_ledger(reporter_from(environment), since)
    page = report_page(report)
    key = reports.keep(page, begun.date())
    done = {"jobs": len(report.jobs), "bytes": len(page), "key": key}
    count("ReportedJobs", len(report.jobs))
    logger.info("reported", extra=done)
    return done
