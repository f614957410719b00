"""Makes the report of the day for people, mails its digest once a week, keeps lines for queries. Scheduled daily."""

import os
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.s3_digests import S3Digests
from flops_auditor.aws.stores.s3_record_lines import S3RecordLines
from flops_auditor.aws.stores.s3_reports import S3Reports
from flops_auditor.aws.stores.sns import SnsAlerts
from flops_auditor.aws.wiring.environment import ReportEnvironment
from flops_auditor.aws.wiring.handling import lambda_handler, logger
from flops_auditor.aws.wiring.recording import now
from flops_auditor.aws.wiring.reporting import reporter_from
from flops_auditor.domain.messages.record_lines import RecordLines
from flops_auditor.domain.messages.report.report import Report
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.operations.report_ledger import Reporter, report_ledger
from flops_auditor.use_cases.operations.send_digest import send_digest

FIRST_REPORT = timedelta(days=1)
"""What is new in the first report, of all that was recorded before."""

environment = ReportEnvironment.read(os.environ)
reports = S3Reports(client("s3"), environment.report_bucket)


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A page out, with what changed since that of an earlier day; a second one of a day takes the place of the first.
    Its digest goes out with the first page of a week.

    Raises LedgerError where the log is not as its sealer left it.
    """
    begun = now()
    since = reports.last_before(begun.date()) or begun - FIRST_REPORT
    reporter = reporter_from(environment)
    lines = RecordLines() if environment.queries == "true" else None
    report = report_ledger(reporter, since, lines)
    page = report_page(report)
    key = reports.keep(page, begun.date())
    done = {"jobs": len(report.jobs), "bytes": len(page), "key": key, "digest": mail_digest(report, reporter, key)}
    if lines is not None:
        S3RecordLines(client("s3"), environment.report_bucket).keep(lines.packed())
    logger.info("reported", extra=done)
    return done


def mail_digest(report: Report, reporter: Reporter, key: str) -> bool:
    """Whether the mail of the week went out now; it never does where it is switched off."""
    if environment.digest != "weekly":
        return False
    digests = S3Digests(client("s3"), environment.report_bucket)
    alerts = SnsAlerts(client("sns"), environment.alert_topic_arn)
    return send_digest(report, f"s3://{environment.report_bucket}/{key}", reporter, digests, alerts)
