"""The mail of a week says what the report says, is bounded, and goes out at most once."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from flops_auditor.domain.ledger.saved_mail import checkpoint_in
from flops_auditor.domain.ledger.signed_note import parse_checkpoint, parse_note
from flops_auditor.domain.messages.digest import MOST_LISTED, digest_of
from flops_auditor.domain.messages.record_alert import LONGEST_SUBJECT, WIDTH, Alert
from flops_auditor.domain.messages.report.report import ShutDoorSeen, Turned
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.operations.report_ledger import newest_pin
from flops_auditor.use_cases.operations.send_digest import send_digest, week_of
from flops_auditor.use_cases.ports.queues import NotPublished
from tests.fakes.audit import MemoryAlerts
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.reports import AS_OF, LEDGER, MemoryDigests, report_on, reporter_of
from tests.golden_alerts import (
    DIGEST_CASES,
    DIGESTS,
    NOTE,
    PAGE,
    alert_of,
    demo_contents,
    digest_of_hostile_records,
    digest_of_the_demo,
    path_of,
    rendered,
)

MAILS = (Path(__file__).parents[2] / "docs" / "you-got-a-mail.md").read_text()
every_case = pytest.mark.parametrize("case", DIGEST_CASES, ids=lambda case: case.__name__)


class Died(Exception):
    """The function ended here."""


@every_case
def test_the_golden_file_is_what_is_sent(case: Callable[[], Alert]) -> None:
    assert path_of(case).read_text(encoding="utf-8") == rendered(alert_of(case))
    assert {path.name for path in DIGESTS.iterdir()} == {path_of(each).name for each in DIGEST_CASES}


@every_case
def test_the_form_suits_sns_and_a_phone(case: Callable[[], Alert]) -> None:
    mail = alert_of(case)
    assert mail.subject.isascii() and mail.subject.isprintable() and len(mail.subject) <= LONGEST_SUBJECT
    assert len(mail.body.encode()) < 20_000
    for line in mail.body.split("\n")[:-5]:
        assert line.isprintable()
        assert len(line) <= WIDTH or len(line.split()) == 1 or line.strip().startswith("flops-auditor "), line
    assert all(value and value.isprintable() for value in mail.attributes.values())


@every_case
def test_the_page_about_mails_explains_the_subject(case: Callable[[], Alert]) -> None:
    subject = re.sub(r"\d+", "N", alert_of(case).subject.removeprefix("[FLOPs Auditor] "))
    assert f"| `{subject}` |" in MAILS
    assert "flops-auditor docs you-got-a-mail" in " ".join(alert_of(case).body.split())


@pytest.mark.parametrize("case", [digest_of_the_demo, digest_of_hostile_records])
def test_the_mail_as_it_stands_is_a_pin_whatever_jobs_are_named(case: Callable[[], Alert]) -> None:
    """In the hostile case every name begins with a checkpoint of its owner's."""
    mail = alert_of(case)
    assert checkpoint_in(mail.body.encode()) == NOTE.encode()
    assert (
        checkpoint_in(mail.body.replace("\n", "\r\n").encode() + b"\r\n--\r\nTo unsubscribe ...\r\n") == NOTE.encode()
    )
    assert sum(not line.startswith("  ") and line.startswith(LEDGER.ledger_id) for line in mail.body.split("\n")) == 1


def test_it_says_what_the_report_says() -> None:
    mail, contents = alert_of(digest_of_the_demo), demo_contents()
    twin = json.loads(mail.attributes["json"])
    verdicts = [content["verdict"] for content in contents]
    counts = {each: verdicts.count(each) for each in ("above", "indeterminate", "below")}
    assert twin["counts"] == counts | {"below": counts["below"] - 2, "word": 1, "not_assessed": 1}
    assert mail.subject.endswith(": 2 above, 3 indeterminate, 1 on its word, 11 below")
    flat = " ".join(mail.body.split())
    assert "domain-adapt-3: above" in flat
    assert "full-llama-3-1-70b was indeterminate, is below" in flat
    assert "BELOW ON THEIR OWN WORD ALONE" in flat and "below, on its own word" in flat
    assert twin["on_their_word"] == 1 and twin["turned"] == 1 and twin["new"] == 3
    for name in (content["job"]["name"] for content in contents if content["verdict"] != "below"):
        assert name in flat


def test_a_job_that_turned_is_below_on_its_own_word_there_too() -> None:
    report = report_on(demo_contents())
    [line] = report.on_their_word
    changes = replace(report.changes, turned=(Turned(line, "indeterminate"),))
    flat = " ".join(digest_of(replace(report, changes=changes), NOTE, PAGE).body.split())
    assert f"{line.name} was indeterminate, is below, on its own word" in flat


def test_a_job_below_into_whose_occupancy_somebody_wrote_is_told() -> None:
    written = {"kind": "occupancy-has-added-samples", "words": "in 3 periods ..."}
    contents = copy.deepcopy(demo_contents())
    for each in contents[:2]:
        each["estimate"]["assumptions"].append(written)
    assert [each["verdict"] for each in contents[:2]].count("below") == 1, "of the other one people were told"
    [below] = [each["job"]["name"] for each in contents[:2] if each["verdict"] == "below"]
    mail = digest_of(report_on(contents), NOTE, PAGE)
    named = mail.body.partition("BELOW, THOUGH SOMEBODY ADDED SAMPLES TO THEIR OCCUPANCY")[2].partition("INDETERM")[0]
    assert named.split()[:3] == ["-", f"{below}:", "below,"] and named.count("- ") == 1
    assert json.loads(mail.attributes["json"])["samples_added"] == 1


def test_lists_are_cut_and_what_is_left_out_is_counted() -> None:
    contents = [
        {**content, "job": content["job"] | {"id": f"{number:064x}"}}
        for number in range(60)
        for content in [next(each for each in demo_contents() if each["verdict"] == "indeterminate")]
    ]
    body = digest_of(report_on(contents, since=AS_OF - timedelta(days=3650)), NOTE, PAGE).body
    assert body.count(f"- and {60 - MOST_LISTED} more, in the report") == 2
    assert len(body.encode()) < 20_000


# ----- Sent at most once


@dataclass
class Week:
    """The digests of one ledger, and what was sent; `dies_after` names a step after which the function dies."""

    digests: MemoryDigests = field(default_factory=MemoryDigests)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    ledger: LiveLedger = field(default_factory=LiveLedger)
    dies_after: str = ""

    def run(self, as_of: datetime) -> bool:
        """What the report function does of it."""
        report = report_on(demo_contents(), replace(LEDGER, as_of=as_of))
        return send_digest(report, PAGE, reporter_of(self.ledger), Dying(self), DyingAlerts(self))

    def after(self, step: str) -> None:
        """Die, if this is the step."""
        if step == self.dies_after:
            raise Died(step)


@dataclass
class Dying:
    """The Digests port of a function that may die."""

    week: Week

    def taken(self, week: str) -> bool:
        return self.week.digests.taken(week)

    def take(self, week: str, text: str) -> bool:
        done = self.week.digests.take(week, text)
        self.week.after("take")
        return done

    def note_refused(self, week: str) -> None:
        self.week.digests.note_refused(week)

    def note_sent(self, as_of: datetime) -> None:
        self.week.digests.note_sent(as_of)
        self.week.after("note")

    def last_sent(self) -> datetime | None:
        return self.week.digests.last_sent()


@dataclass
class DyingAlerts:
    """The Alerts port of it."""

    week: Week

    def send(self, alert: Alert) -> None:
        self.week.alerts.send(alert)
        self.week.after("send")


@pytest.mark.parametrize(("dies_after", "sent"), [("", 1), ("take", 0), ("send", 1), ("note", 1)])
def test_one_mail_a_week_at_most_whatever_dies(dies_after: str, sent: int) -> None:
    week = Week(dies_after=dies_after)
    if dies_after:
        with pytest.raises(Died):
            week.run(AS_OF)
    else:
        assert week.run(AS_OF)
    week.dies_after = ""
    monday = AS_OF - timedelta(days=AS_OF.weekday())
    assert [week.run(monday + timedelta(days=day)) for day in range(7)] == [False] * 7
    assert len(week.alerts.sent) == sent
    assert week.digests.texts[week_of(AS_OF)].startswith("Subject: [FLOPs Auditor] Weekly digest: ")
    assert week.run(monday + timedelta(days=7))
    assert len(week.alerts.sent) == sent + 1


def test_a_mail_that_the_topic_refuses_is_sent_by_the_next_day_of_its_week_that_can() -> None:
    week = Week()
    monday = AS_OF - timedelta(days=AS_OF.weekday())
    for day in range(3):
        with (
            patch.object(week.alerts, "send", side_effect=NotPublished("sns:Publish: AuthorizationError")),
            pytest.raises(NotPublished),
        ):
            week.run(monday + timedelta(days=day))
    assert [week.run(monday + timedelta(days=day)) for day in range(3, 7)] == [True, False, False, False]
    assert len(week.alerts.sent) == 1


@pytest.mark.parametrize(("dies_after", "since"), [("", AS_OF), ("take", AS_OF - timedelta(days=3)), ("send", None)])
def test_changes_are_told_since_the_last_mail_that_is_known_to_be_sent(dies_after: str, since: datetime | None) -> None:
    """Told twice rather than never: a mail that may not have gone out counts as not sent."""
    week = Week(dies_after=dies_after)
    week.digests.note_sent(AS_OF - timedelta(days=3))
    try:
        week.run(AS_OF)
    except Died:
        assert dies_after
    week.dies_after = ""
    week.run(AS_OF + timedelta(days=7))
    expected = since or AS_OF - timedelta(days=3)
    assert json.loads(week.alerts.sent[-1].attributes["json"])["since"] == iso(expected)


def test_the_pin_is_the_newest_checkpoint_of_the_log() -> None:
    week = Week()
    assert newest_pin(week.ledger.archive, verifies) == ""
    week.ledger.seal()
    week.ledger.seal()
    pin = newest_pin(week.ledger.archive, verifies)
    assert parse_checkpoint(parse_note(pin.encode()).text).size == 2
    week.run(AS_OF)
    assert checkpoint_in(week.alerts.sent[0].body.encode()).decode() == pin


def test_a_year_of_weeks_has_each_week_once() -> None:
    """ISO 8601: the first days of January may belong to the last week of the year before."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    days = [week_of(begin + timedelta(days=day)) for day in range(3 * 365)]
    assert week_of(datetime(2027, 1, 1, tzinfo=UTC)) == "2026-W53"
    assert all(days.count(week) == 7 for week in set(days[7:-7]))


def test_it_says_which_doors_are_shut_and_what_was_seen_behind_them() -> None:
    """It said "complete" of what nobody looked after."""
    contents = demo_contents()
    whole = digest_of(report_on(contents), NOTE, PAGE)
    assert "Not looked after" not in whole.body and "not_looked_after" not in json.loads(whole.attributes["json"])
    sessions = ShutDoorSeen("training sessions", "TrainingSessions", tuple(f"lost-{n}" for n in range(MOST_LISTED + 1)))
    ledger = replace(LEDGER, shut_doors=(sessions, ShutDoorSeen("Batch jobs", "BatchJobs")))
    mail = digest_of(report_on(contents, ledger), NOTE, PAGE)
    told = " ".join(mail.body.split())
    assert "Complete: of what is looked after, every job that ended before 2026-11-24 11:30 UTC has a record." in told
    assert "Not looked after here: training sessions, Batch jobs." in told
    assert "TrainingSessions, BatchJobs, or Doors." in told
    assert "- lost-0: seen before its door was shut, no record" in told and "- and 1 more, in the report" in told
    assert json.loads(mail.attributes["json"])["not_looked_after"] == ["training sessions", "Batch jobs"]
