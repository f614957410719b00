"""Rounds of the scheduled functions: one of a kind at a time, and one that lists training jobs at a time.

Two rounds meet where one is started by hand, where a schedule fires twice, and where the watch and the reconciliation
list at the same time. A lease is a claim in the table; a round that dies gives way when its time is over.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.handling import Handler, logger
from flops_auditor.aws.wiring.recording import now
from flops_auditor.use_cases.listing.job_reader import LEASE
from flops_auditor.use_cases.ports.records import Claims

ROUND = "ROUND#{}"


def alone(name: str, claims: Claims) -> Callable[[Handler], Handler]:
    """Skip a round of this name while another one runs."""

    def skipping(work: Handler) -> Handler:
        @wraps(work)
        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            with turn(ROUND.format(name), claims, context) as mine:
                if mine:
                    return work(event, context)
            logger.info("skipped: another round runs")
            return {"skipped": 1}

        return handler

    return skipping


@contextmanager
def turn(subject: str, claims: Claims, context: LambdaContext) -> Iterator[bool]:
    """Hold a lease for at most as long as the function may run; False where somebody else holds it."""
    owner, begun = context.aws_request_id, now()
    mine = claims.claim(subject, owner, begun, begun + timedelta(milliseconds=context.get_remaining_time_in_millis()))
    try:
        yield mine
    finally:
        if mine:
            claims.release(subject, owner, now())


@contextmanager
def listing_turn(claims: Claims, rate: float, context: LambdaContext, patience: float = 0) -> Iterator[bool]:
    """The lease to list training jobs. It is kept for a moment after the last request, so that the next one who lists
    keeps the pace, too. Who finds it taken waits for that moment, and for `patience` seconds.
    """
    owner, pause = context.aws_request_id, timedelta(seconds=1 / rate)
    give_up = time.monotonic() + max(patience, pause.total_seconds())

    def claim() -> bool:
        longest = timedelta(milliseconds=context.get_remaining_time_in_millis())
        return claims.claim(LEASE, owner, now(), now() + longest)

    while not (mine := claim()) and time.monotonic() < give_up:
        time.sleep(pause.total_seconds())
    try:
        yield mine
    finally:
        if mine:
            claims.claim(LEASE, owner, now(), now() + pause)
