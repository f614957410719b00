"""Records that agree but for what a forger chose to be nearly the same: both verifiers see the difference."""

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest

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
from tests.fakes.signed_bills import OCTOBER, october, signed
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
