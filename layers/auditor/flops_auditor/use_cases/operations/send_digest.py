"""The mail of a week: at most one in a calendar week (ISO 8601), whatever dies and is asked again.

The text is kept before it is sent. Who dies between the two sends nothing: whether the mail went out cannot be asked,
and two mails would be worse than none, since the text is kept and the next mail tells what changed since the last one
that is known to have been sent. A mail that was refused went to nobody, and another one of its week is sent later.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from flops_auditor.domain.messages.digest import digest_of
from flops_auditor.domain.messages.report.report import Report, changes_since
from flops_auditor.use_cases.operations.report_ledger import Reporter, newest_pin
from flops_auditor.use_cases.ports.queues import Alerts, NotPublished

FIRST_DIGEST = timedelta(days=7)
"""What is told as changed in the first mail."""


class Digests(Protocol):
    """The mails of the weeks, kept."""

    def taken(self, week: str) -> bool:
        """Whether a mail of the week was kept and not refused, so that it was sent, or may have been."""

    def take(self, week: str, text: str) -> bool:
        """Keep the mail of a week; False if one is kept already that was not refused."""

    def note_refused(self, week: str) -> None:
        """Note that the mail that is kept of a week went to nobody."""

    def note_sent(self, as_of: datetime) -> None:
        """Note that the mail with the state of a moment was sent."""

    def last_sent(self) -> datetime | None:
        """The moment whose state the last mail that was sent tells."""


def send_digest(report: Report, page: str, reporter: Reporter, digests: Digests, alerts: Alerts) -> bool:
    """Send the mail of the report's week, unless it was sent; `page` says where the report is. Whether it was sent now.

    Raises NotPublished, and LedgerError where the log is not as its sealer left it.
    """
    as_of = report.ledger.as_of
    week = week_of(as_of)
    if digests.taken(week):
        return False
    since = digests.last_sent() or as_of - FIRST_DIGEST
    records, lines = reporter.records, {line.job_id: line for line in report.jobs}
    changes = changes_since(since, records.history(), lines, records.superseded)
    mail = digest_of(replace(report, changes=changes), newest_pin(reporter.archive, reporter.verify), page)
    if not digests.take(week, f"Subject: {mail.subject}\n\n{mail.body}"):
        return False
    try:
        alerts.send(mail)
    except NotPublished:
        digests.note_refused(week)
        raise
    digests.note_sent(as_of)
    return True


def week_of(moment: datetime) -> str:
    """The calendar week of a moment in UTC, such as "2026-W48"."""
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"
