"""Taking turns with the deployed functions: who lists training jobs holds a lease, so that all keep the pace together.

A command holds it for some seconds at a time and then lets the functions in.
"""

import time
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.refusals import REFUSALS
from flops_auditor.use_cases.listing.job_reader import LEASE
from flops_auditor.use_cases.ports.records import Claims
from flops_auditor.use_cases.ports.sources import JobListing, ListedPage
from flops_auditor_cli.output import say

HELD = timedelta(seconds=20)
LONGEST_REQUEST = timedelta(minutes=4)
"""One page that is throttled again and again."""
LET_IN_SECONDS = 3.0
SAID_EVERY_SECONDS = 30.0
WITHOUT_TURNS = 4
"""Who may not write the lease reads so many times slower instead."""


class ListingInTurns:
    """The JobListing port for commands. Those of one `owner` take their turns together."""

    def __init__(self, listing: JobListing, claims: Claims, rate: float, owner: str) -> None:
        self._listing = listing
        self._claims = claims
        self._pause = timedelta(seconds=1 / rate)
        self._owner = owner
        self._since: datetime | None = None
        self._slow = False

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        """One page, once it is this command's turn."""
        if self._slow:
            time.sleep((WITHOUT_TURNS - 1) * self._pause.total_seconds())
        elif self._since is None or datetime.now(UTC) - self._since > HELD:
            self._take_turn()
        return self._listing.page(region, created_before, token)

    def end(self) -> None:
        """Let the others in for good."""
        if self._since is not None:
            self._claim(self._pause)
            self._since = None

    def _take_turn(self) -> None:
        if self._since is not None:
            self.end()
            time.sleep(LET_IN_SECONDS)
        said_at, waited = 0.0, False
        try:
            while not self._claim(HELD + LONGEST_REQUEST):
                if waited and time.monotonic() - said_at > SAID_EVERY_SECONDS:
                    say("a deployed function lists training jobs now; waiting for its end")
                    said_at = time.monotonic()
                time.sleep(LET_IN_SECONDS)
                waited = True  # another command that just ended lets the next one in within the first wait
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
            say("without dynamodb:PutItem on the table no turns can be taken: reading at a quarter of the pace")
            self._slow = True
            return
        self._since = datetime.now(UTC)

    def _claim(self, length: timedelta) -> bool:
        now = datetime.now(UTC)
        return self._claims.claim(LEASE, self._owner, now, now + length)
