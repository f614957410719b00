"""What the queue promises and what the audit relies on fit together."""

from datetime import timedelta

import pytest

from flops_auditor.use_cases.auditing.audit_job import CLAIM, COME_BACK_SECONDS, LONGEST_AUDIT_SECONDS
from flops_auditor.use_cases.operations.compare_jobs import SETTLING
from tests.fakes.jobs import describe
from tests.faults.account import account, event_of
from tests.template.loading import load

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_a_claim_outlives_the_function_and_runs_out_before_the_message_is_given_up() -> None:
    """Else a dead claimant would keep the retry, or a dead letter that is redriven, from its job."""
    resources = load()["Resources"]
    timeout = timedelta(seconds=resources["AuditFunction"]["Properties"]["Timeout"])
    queue = resources["AuditQueue"]["Properties"]
    tries = queue["RedrivePolicy"]["maxReceiveCount"] - 1
    assert timeout < CLAIM < tries * timedelta(seconds=COME_BACK_SECONDS)
    assert timedelta(seconds=queue["VisibilityTimeout"]) > CLAIM


def test_a_job_is_left_to_its_event_for_two_deliveries() -> None:
    """Reconciliation queues a job again only after its own event had its delay and a second try."""
    visibility = timedelta(seconds=load()["Resources"]["AuditQueue"]["Properties"]["VisibilityTimeout"])
    assert timedelta(minutes=5) + visibility < SETTLING


def test_an_audit_begins_only_where_its_time_is_left() -> None:
    """What the jobs before it took may not end the function in the midst of it. It is delivered anew: a flood of slow
    jobs uses up none of its tries.
    """
    job = describe("late", hours=1)
    with account() as made:
        made.load(job)
        made.remaining = 1000 * (LONGEST_AUDIT_SECONDS - 1)
        made.deliver([event_of(job)])
        assert (made.queued(), made.letters, made.items("RECORD#")) == ([event_of(job)], [], [])
        made.remaining = 1000 * LONGEST_AUDIT_SECONDS
        made.deliver([event_of(job)])
        assert len(made.items("RECORD#")) == 1


def test_a_replay_without_time_stays_in_its_queue() -> None:
    """Nobody may send it to the queue of AWS's own events."""
    job = describe("late", hours=1)
    with account() as made:
        made.load(job)
        made.remaining = 1000 * (LONGEST_AUDIT_SECONDS - 1)
        made.deliver([event_of(job)], "replays")
        assert (made.queued(), made.letters) == ([], [event_of(job)])
