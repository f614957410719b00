"""Nobody buries an alert under others: jobs that never trained make none, cheap doubtful ones only so many a day."""

from collections.abc import Mapping
from typing import Any

import pytest

from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.auditing.keep_record import MOST_OF_ONE_CAUSE
from tests.fakes.audit import FakeTrainingJobs, FixedClock, MemoryAlerts, MemoryRecords, recorder
from tests.fakes.jobs import CREATED, describe
from tests.fakes.lineage import World, continuing

UNREADABLE = "x"
NEVER_TRAINED: dict[str, Any] = {
    "TrainingJobStatus": "Failed",
    "TrainingStartTime": None,
    "SecondaryStatusTransitions": [{"Status": "Failed", "StartTime": CREATED, "EndTime": CREATED}],
}


class Account:
    """Jobs that end one after the other."""

    def __init__(self) -> None:
        self.jobs, self.alerts, self.records = FakeTrainingJobs(), MemoryAlerts(), MemoryRecords()
        self.clock = FixedClock()
        self.recorder = recorder(self.jobs, alerts=self.alerts, records=self.records, clock=self.clock)

    def end(self, name: str, said: Mapping[str, str] | None = None, **changes: Any) -> str:
        """The verdict of a job that ended, with tags: if no other ones, one that cannot be read."""
        job = {key: value for key, value in describe(name, **changes).items() if value is not None}
        outcome = audit_job(self.jobs.add(job, **(said or {"tokens": UNREADABLE})), self.recorder, "me")
        assert outcome.kind == "recorded"
        return outcome.verdict


def test_a_job_that_never_trained_makes_no_mail_whatever_it_says() -> None:
    account = Account()
    assert account.end("failed", **NEVER_TRAINED) == "indeterminate"
    assert account.alerts.sent == []


def test_alerts_about_cheap_jobs_with_one_cause_are_bounded_and_the_last_one_says_so() -> None:
    account = Account()
    verdicts = {account.end(f"cheap-{number}") for number in range(MOST_OF_ONE_CAUSE + 15)}
    assert verdicts == {"indeterminate"}
    assert len(account.records.lines) == MOST_OF_ONE_CAUSE + 15
    assert len(account.alerts.sent) == MOST_OF_ONE_CAUSE
    assert ["THE LAST OF ITS KIND TODAY" in alert.body for alert in account.alerts.sent] == [
        *[False] * (MOST_OF_ONE_CAUSE - 1),
        True,
    ]


@pytest.mark.parametrize("said", [{}, {"activity": "synthetic-data"}])
def test_a_flood_of_cheap_jobs_hides_no_job_that_may_be_over_a_line(said: dict[str, str]) -> None:
    """Be it over one only without its own word: of what generated data fewer lines speak."""
    account = Account()
    for number in range(MOST_OF_ONE_CAUSE + 5):
        account.end(f"cheap-{number}")
    hosts = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    account.end("costly", {"tokens": UNREADABLE, **said}, hours=300, ResourceConfig=hosts)
    assert "costly" in account.alerts.sent[-1].subject


def test_jobs_that_call_their_model_designated_bury_no_other() -> None:
    """A tag is enough for a line that applies whatever the compute, and a job of minutes has it."""
    account, said = Account(), {"systemic-risk": "true", "activity": "pretraining"}
    verdicts = {account.end(f"cheap-{number}", said) for number in range(MOST_OF_ONE_CAUSE + 5)}
    assert verdicts == {"above"}
    assert len(account.alerts.sent) == MOST_OF_ONE_CAUSE
    assert "--verdict above" in account.alerts.sent[-1].body
    hosts = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    assert account.end("costly", said, hours=3000, ResourceConfig=hosts) == "above"
    assert "costly" in account.alerts.sent[-1].subject


def test_one_doubtful_job_that_many_cheap_ones_continue_makes_no_flood() -> None:
    """Each of them was below, and is open once what it continues is recorded."""
    alerts = MemoryAlerts()
    world = World(alerts=alerts)
    readers = [f"reader-{number}" for number in range(MOST_OF_ONE_CAUSE + 3)]
    for name in readers:
        world.add(continuing(name, ["doubtful"], day=1, hours=1))
    world.audit(*readers)
    assert alerts.sent == []
    world.add(continuing("doubtful", hours=1), tokens=UNREADABLE)
    world.audit("doubtful")
    assert {world.content(name)["verdict"] for name in readers} == {"indeterminate"}
    assert len(alerts.sent) == 1 + MOST_OF_ONE_CAUSE
    assert "THE LAST OF ITS KIND TODAY" in alerts.sent[-1].body


def test_what_was_not_mailed_stays_so_and_another_day_begins_anew() -> None:
    account = Account()
    for number in range(MOST_OF_ONE_CAUSE + 1):
        account.end(f"cheap-{number}")
    account.clock.advance(days=1)
    last = account.jobs.descriptions[f"cheap-{MOST_OF_ONE_CAUSE}", "eu-west-1"]
    audit_job(account.jobs.add(dict(last), tokens=UNREADABLE), account.recorder, "me")
    assert len(account.alerts.sent) == MOST_OF_ONE_CAUSE
    account.end("of-the-next-day")
    assert len(account.alerts.sent) == MOST_OF_ONE_CAUSE + 1
