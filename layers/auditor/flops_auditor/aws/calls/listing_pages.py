"""A page of a listing, asked for at the pace of its quota."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.calls.refusals import outages, passing, refusals

MOST_TRIES = 6


def page_at_pace(ask: Callable[[], Mapping[str, Any]], action: str, region: str, pace: Pace) -> Mapping[str, Any]:
    """What `ask` is answered by `action`; it is asked again, more slowly, where it was throttled or got no answer.

    The client must not try again by itself. Raises SourceDenied, SourceUnavailable.
    """

    def once() -> Mapping[str, Any]:
        pace.wait(region)
        answer = ask()
        pace.answered(region)
        return answer

    with outages(action), refusals(action):
        for _ in range(MOST_TRIES - 1):
            try:
                return once()
            except (BotoCoreError, ClientError) as error:
                if not passing(error):
                    raise
                pace.throttled(region)
        return once()
