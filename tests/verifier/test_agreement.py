"""Records that agree but for what a forger chose to be nearly the same: both verifiers see the difference."""

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from hashlib import sha256
from itertools import combinations, islice
from pathlib import Path

import pytest

from flops_auditor.data import base_model_table, hardware_table
from flops_auditor.domain.bill.billed import Billed
from flops_auditor.domain.bill.explain_bill import explain_bill
from flops_auditor.domain.ledger.named_counts import MOST_NAMES
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor_cli.commands.verify import view_of
from flops_auditor_cli.view import Headline
from tests.fakes.bundles import Bundle
from tests.fakes.forger import Forger
from tests.fakes.ledger_world import World
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.signed_bills import OCTOBER, billed_line, october, signed
from tests.verifier.page_core import PageCore, page_said, python_said

LARGE = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
TAIL = 8
"""Digits of the 64 of a SHA-256 that the forger makes up."""


@pytest.fixture(scope="module")
def ledger() -> LiveLedger:
    """A run with a duty, the run that continues it, and an amendment of the first."""
    ledger = LiveLedger()
    ledger.add(continuing("big", hours=9000, **LARGE), pretrain_flops="3e24", params="1e11", tokens="2e13")
    ledger.add(continuing("child", ["big"], day=2, hours=10))
    ledger.audit("big")
    ledger.audit("child")
    ledger.seal()
    said = Amendment(who="ada", why="measured", at=ledger.clock.now, mfu=Fraction(2, 5))
    amend(ledger.job_id("big"), said, ledger.recorder)
    ledger.seal()
    return ledger


def superseding_nearly_the_line(forger: Forger) -> None:
    forger.seal()
    first, second = forger.records("big")
    second.content["supersedes"] = sha256(first.line).hexdigest()[:-TAIL] + "0" * TAIL


def continuing_nearly_the_job(forger: Forger) -> None:
    for leaf in forger.records("child"):
        for each in leaf.content["cumulative"]["ancestors"]:
            each["job_id"] = each["job_id"][:-TAIL] + "f" * TAIL
        leaf.content["lineage"]["parents"] = [each[:-TAIL] + "f" * TAIL for each in leaf.content["lineage"]["parents"]]


def due(*days: str) -> Callable[[Forger], None]:
    def change(forger: Forger) -> None:
        for leaf, day in zip(forger.records("big"), days, strict=True):
            leaf.content["due"][0]["day"] = leaf.content["notification_due"] = day

    return change


@pytest.mark.parametrize(
    ("change", "relink", "errors"),
    [
        (superseding_nearly_the_line, False, ["SupersedesMismatch"]),
        (continuing_nearly_the_job, True, ["AncestorNotHere"]),
        (due("1960-01-01", "2099-01-01"), True, ["DueDateMismatch"]),
        (due("1960-01-01", "1960-01-02"), True, ["DueDateMismatch"]),
        (due("1969-12-31", "1970-01-01"), True, ["DueDateMismatch"]),
        (due("2099-01-01", "1960-01-01"), True, []),
        (due("1970-01-01", "1001-01-01"), True, []),
    ],
    ids=["line", "job", "put off from 1960", "put off within 1960", "put off over 1970", "earlier", "much earlier"],
)
def test_the_page_and_the_command_compare_whole_digests_and_days_of_any_century(
    ledger: LiveLedger,
    page: PageCore,
    tmp_path: Path,
    change: Callable[[Forger], None],
    relink: bool,
    errors: list[str],
) -> None:
    forger = Forger(ledger, tmp_path)
    change(forger)
    bundle = forger.seal(relink)
    bundle.write()
    demands = Demands(as_of=ledger.at + timedelta(minutes=1))
    said = python_said(verify_bundle(bundle.path, demands))
    assert page_said(page.judge(bundle.path, demands)) == said
    assert sorted(set(said[1])) == errors


def test_both_count_records_by_as_many_names_as_there_is_room_for(page: PageCore, tmp_path: Path) -> None:
    world, names = World(), MOST_NAMES + 20
    for number in range(3):
        made = world.draft()
        one, *_ = made.content["assessments"]
        made.content["assessments"] = [
            {**one, "policy": f"policy-{each:03d}", "duties": []} for each in range(number, names, 2)
        ]
        made.content.update(code_version=f"1.{number}", due=[], notification_due=None)
        world.commit(made)
    assert not world.seal().held
    bundle = Bundle(world, tmp_path)
    report, judged = bundle.verify(), page.judge(bundle.path, Demands(as_of=world.at + timedelta(minutes=1)))
    assert page_said(judged) == python_said(report) == ("valid", [])
    assert len(report.assessed_under) == MOST_NAMES
    assert (report.assessed_under["policy-000"], report.assessed_under["policy-003"]) == (1, 1)
    total = sum(report.assessed_under.values()) + report.assessed_under_others
    assert total == sum(len(range(number, names, 2)) for number in range(3))
    assert (judged["assessedUnderOthers"], judged["recordedByOthers"]) == (report.assessed_under_others, 0)
    shown = view_of(report, recomputed=False).blocks[1]
    assert isinstance(shown, Headline)
    assert shown.text.endswith(f", and {report.assessed_under_others} more, by further policies")


def test_both_tell_the_same_of_statements_on_bills(page: PageCore, tmp_path: Path) -> None:
    ledger = LiveLedger()
    ledger.add(continuing("seen", hours=10))
    ledger.audit("seen")
    ledger.seal()
    for month, hours in ((0, (7, 3)), (0, (2, 1)), (30, (1, 0)), (61, (0, 0))):
        signed(ledger, october(*hours, month=OCTOBER - timedelta(days=month)))
        ledger.seal()
    bundle = ledger.bundle(tmp_path)
    report = bundle.verify()
    judged = page.judge(bundle.path, Demands(as_of=ledger.at + timedelta(minutes=1)))
    assert page_said(judged) == python_said(report) == ("valid", [])
    assert judged["bills"] == [each._asdict() for each in report.bills]
    told = [(each.period, each.revision, each.share, each.complete) for each in report.bills]
    assert told == [
        ("2026-08", 0, "", False),
        ("2026-09", 0, "1.000000", False),
        ("2026-10", 1, "0.666666", False),
    ]
    left = [(each.open, each.billed_nanoseconds) for each in report.bills]
    hours = 8 * 3600 * 10**9
    assert left == [(["charges"], "0"), (["charges"], str(hours)), (["hours", "charges"], str(3 * hours))]
    lines = [each.text for each in view_of(report, recomputed=False).blocks if isinstance(each, Headline)]
    *_, august, _, words = lines
    assert august.startswith("bill of 2026-08: no accelerator hours charged for what trains or may, and there are ")
    assert words.startswith(
        "bill of 2026-10: 66.6 % of 24.0 accelerator hours explained, and there are hours that no record explains, and "
        "there are charges for training that no record explains; "
    )
    assert words.endswith(
        ", compared with the log of size 4; in place of 1 earlier statement, of 80.0 accelerator hours, at 70 %"
    )


def test_both_tell_a_bad_bill_among_very_many_and_how_many_more_there_are(page: PageCore, tmp_path: Path) -> None:
    """The bad month, and then 104 statements on a notebook in as many other periods."""
    ledger = LiveLedger()
    ledger.seal()
    signed(ledger, october(1, 9))
    ledger.clock.now = OCTOBER.replace(year=2027)
    months = [OCTOBER.replace(year=2026 + month // 12, month=month % 12 + 1) for month in range(15)]
    for of_two in islice(combinations(months, 2), 104):
        bill = Billed()
        for month in of_two:
            bill.take(billed_line("EU-Notebk:ml.g5.2xlarge", month, 1, instance_type="ml.g5.2xlarge"))
        signed(ledger, explain_bill(bill, [], hardware_table(), base_model_table()))
    for _ in range(3):
        assert not ledger.seal().held
    bundle = ledger.bundle(tmp_path)
    report = bundle.verify()
    judged = page.judge(bundle.path, Demands(as_of=ledger.at + timedelta(minutes=1)))
    assert judged["bills"] == [each._asdict() for each in report.bills]
    assert (len(report.bills), report.more_bills, judged["moreBills"]) == (100, 5, 5)
    assert [each.share for each in report.bills if each.period == "2026-10"] == ["0.100000"]
    assert "and 5 more bills, of which less is open" in [
        each.text for each in view_of(report, recomputed=False).blocks if isinstance(each, Headline)
    ]
