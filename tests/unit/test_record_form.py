"""The one list of what a record may say is what audits really write: no member more, none less."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.forms import BILL, BILL_FORM, RECORD, RECORD_FORM, Few, Maybe, Named, Some
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.archive_keys import RECORDS
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.reassess_record import reassess_record
from tests.fakes.customization_jobs import FakeCustomizationJobs, customization
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.honest_worlds import HonestWorld
from tests.fakes.jobs import moved
from tests.fakes.ledger_world import START, long_lineage_draft
from tests.fakes.lineage import channel, continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.signed_bills import october, signed
from tests.fakes.tables_of_then import EARLIER, tables_with
from tests.fakes.training_sessions import session
from tests.unit.test_customization_door import delivered, working
from tests.unit.test_training_session_door import World as TrainingSessions

BIG = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
NAMED = "{}"
"""Stands in a path for a name that a record chooses."""


def allowed(form: Any, path: str = "") -> Iterator[str]:
    """Every member that a form has, as a path."""
    match form:
        case Maybe(inner) | Some(inner):
            yield from allowed(inner, path)
        case Named(inner):
            yield f"{path}.{NAMED}"
            yield from allowed(inner, f"{path}.{NAMED}")
        case Few(inner, _) | [inner]:
            yield from allowed(inner, path)
        case dict():
            for name, inner in form.items():
                yield f"{path}.{name.removesuffix('?')}"
                yield from allowed(inner, f"{path}.{name.removesuffix('?')}")


def written(value: Any, path: str = "") -> Iterator[str]:
    """Every member that a record has, as a path."""
    if isinstance(value, list):
        for each in value:
            yield from written(each, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}.{NAMED if path.endswith('.tables') else name}"
            yield below
            yield from written(inner, below)


def everything() -> LiveLedger:
    """Records of every kind: amended, superseded, stopped, reassessed, above every line."""
    ledger = LiveLedger()
    measured = {"params": "1e11", "tokens": "2e13"}
    ledger.add(continuing("parent", hours=9000, **BIG), pretrain_flops="3e24", activity="pretraining", **measured)
    ledger.add(
        continuing(
            "odd",
            day=1,
            InputDataConfig=[channel("model", "s3://elsewhere/x/")],
            FinalMetricDataList=[
                {"MetricName": f"flops_auditor:{word}", "Value": value}
                for word, value in {"model_flop": 1e18, "generation_flop": 1e18, "covered": 36000}.items()
            ],
        ),
        systemic_risk="yes",
        original_is_ours="no",
        original_is_general_purpose="no",
        generated_data="public",
        placed_on_market="2025-07-01",
        licence="Apache-2.0",
        lineage="no",
    )
    named = {"model_id": "org/model", "model_name": "another"}
    ledger.add(continuing("failed", day=1, TrainingJobStatus="Failed", HyperParameters=named))
    ledger.add(continuing("begun", day=1, hours=20), base_model="none")
    ledger.add(continuing("child", ["parent", "odd", "failed", "begun"], day=2, hours=3000, **BIG))
    ledger.add(moved(continuing("old", hours=3000, **BIG), timedelta(days=-600)))
    ledger.audit("child", "old")
    ledger.audit("parent", "odd", "failed", "begun")
    amend(ledger.job_id("child"), Amendment("ada", "why", ledger.clock.now, tokens=10**9), ledger.recorder)
    placed = Stated(placed_on_market=True, placed_on=date(2025, 7, 1))
    amend(ledger.job_id("old"), Amendment("ada", "why", ledger.clock.now, stated=placed), ledger.recorder)
    ledger.recorder = replace(ledger.recorder, tables=tables_with(EARLIER["a row was edited since"]))
    assert reassess_record(ledger.job_id("parent"), ledger.recorder) is not None
    return ledger


def charged_by_tokens() -> list[dict[str, Any]]:
    """Records of services that count their tokens by kinds, and of one whose data bounds them."""
    sessions, jobs = TrainingSessions(), FakeCustomizationJobs()
    detail = sessions.sessions.add(session())
    sessions.reconcile()
    return [sessions.content(detail), delivered(jobs.add(customization(1)), working(jobs))]


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    worlds = [demo_ledger(), everything(), *(HonestWorld(seed) for seed in (1, 2, 5))]
    stopped = HonestWorld(0, steps=0)
    stopped.a_job_is_stopped()
    lines = [world.archive.get(key) or b"" for world in (*worlds, stopped) for key in world.archive.list(RECORDS)]
    found = [predicate_of(line) for line in lines if kind_of(parse_envelope(line).payload) == "record"]
    return [*found, long_lineage_draft(1, START, 150)[0].content, *charged_by_tokens()]


def test_what_audits_write_is_allowed(records: list[dict[str, Any]]) -> None:
    for content in records:
        RECORD_FORM.check(content)


def test_what_people_sign_of_bills_is_allowed_and_every_member_is_written() -> None:
    ledger = LiveLedger()
    ledger.seal()
    contents = [signed(ledger, october(hours, 1)).content for hours in (1, 2)]
    for content in contents:
        BILL_FORM.check(content)
    assert set(allowed(BILL)) == {path for content in contents for path in written(content)}


def test_every_member_that_is_allowed_is_written(records: list[dict[str, Any]]) -> None:
    seen = {path for content in records for path in written(content)}
    assert set(allowed(RECORD)) == seen


@pytest.mark.parametrize("path", sorted(allowed(RECORD)))
def test_another_member_beside_it_is_refused(records: list[dict[str, Any]], path: str) -> None:
    """At every place of a record, whichever record has it."""
    parents = path.split(".")[1:-1]
    if parents and parents[-1] == "tables":
        return  # names of files are the record's own
    for content in records:
        places = [content]
        for name in parents:
            inner = [place[name] for place in places if isinstance(place, dict) and place.get(name) is not None]
            places = [each for found in inner for each in (found if isinstance(found, list) else [found])]
        if places:
            place = places[0]
            place["surplus"] = 1
            try:
                with pytest.raises(MalformedRecord, match="surplus"):
                    RECORD_FORM.check(content)
            finally:
                del place["surplus"]
            return
    pytest.fail(f"no record has {path}")


@pytest.mark.parametrize("day", ["0500-01-01", "1969-12-31", "3000-01-01", "9999-12-31"])
def test_no_day_that_an_owner_names_keeps_a_record_out_of_the_log(day: str) -> None:
    ledger = LiveLedger()
    ledger.add(continuing("child"), placed_on_market=day)
    ledger.audit("child")
    assert ledger.content("child")["lineage"]["stated"] == {}
    assert ledger.seal().records == 1
