"""Pages of a listing, asked for at the pace of its quota."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.calls.refusals import outages, passing, refusals
from flops_auditor.use_cases.ports.sources import SourceUnavailable

MOST_TRIES = 6
MOST_PAGES = 500
"""Of a listing that is read whole."""


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


def pages_at_pace(
    ask: Callable[[str], Mapping[str, Any]],
    action: str,
    region: str,
    pace: Pace,
    listed: str = "",
    after: str = "NextToken",
) -> Iterator[Mapping[str, Any]]:
    """All pages of a listing, each as `page_at_pace` gives it. `ask` takes the token of the page before, "" first;
    `listed` says what is, where the action does not; `after` is the member that holds the next token. Raises
    SourceDenied, SourceUnavailable.
    """
    token = ""
    for _ in range(MOST_PAGES):
        answer = page_at_pace(partial(ask, token), action, region, pace)
        yield answer
        token = answer.get(after, "")
        if not token:
            return
    raise SourceUnavailable(f"{action} gave more than {MOST_PAGES} pages{listed and f' of {listed}'}")
