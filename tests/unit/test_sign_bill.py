"""Signing what records explain of a bill: once, in order, as what its evidence says, wherever a try was cut off."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.data import base_model_table, hardware_table
from flops_auditor.domain.bill import doors
from flops_auditor.domain.bill.billed import Billed
from flops_auditor.domain.bill.doors import Door
from flops_auditor.domain.bill.explain_bill import explain_bill
from flops_auditor.domain.bill.explanation import RestReason
from flops_auditor.domain.bill.signed_bill import NoSuchBill, SaidBy, sums_of
from flops_auditor.domain.ledger.billed_doors import DOORS_WITH_RECORDS, PURPOSE_OF_DOOR
from flops_auditor.domain.ledger.bills import Bills, BillSaid, decimal_share, share_of
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.forms import WHY_NOT_EXPLAINED
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.values.archive_keys import evidence_key, record_key
from flops_auditor.use_cases.auditing.keep_record import ForeignEvidence
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.sign_bill import CannotSignBill, sign_bill
from flops_auditor.use_cases.operations.compare_ledger import compare_ledger
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.ledger import MemoryRecordItems
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.signed_bills import ACCOUNT, ADA, OCTOBER, billed_line, evidence_of, october, signed


@pytest.fixture
def ledger() -> LiveLedger:
    """A job that is recorded and sealed."""
    made = LiveLedger()
    made.add(continuing("seen", hours=10))
    made.audit("seen")
    made.seal()
    return made


def statements(ledger: LiveLedger) -> list[tuple[int, str]]:
    """Revision and who says it, of each that was committed."""
    found = [parse_statement(parse_envelope(each.line).payload) for each in ledger.pending.records.values()]
    return [
        (each.predicate["revision"], each.predicate["said_by"]["who"]) for each in found if "said_by" in each.predicate
    ]


def test_the_forms_of_the_ledger_are_the_words_of_the_bill() -> None:
    every = [each for each in vars(doors).values() if isinstance(each, Door)]
    assert {door.name: door.purpose.value for door in every} == PURPOSE_OF_DOOR
    assert {door.name for door in doors.WITH_RECORDS} == set(DOORS_WITH_RECORDS)
    assert set(WHY_NOT_EXPLAINED.words) == {reason.value for reason in RestReason}


def test_a_statement_holds_the_sums_of_the_whole(ledger: LiveLedger) -> None:
    explained = october(7, 3)
    content = signed(ledger, explained).content
    assert share_of(content) == explained.share
    hours = {each["door"]: each for each in content["hours"]}["sagemaker-training"]
    assert int(hours["billed_nanoseconds"]) == explained.training.billed * 10**9
    rest = {(each["door"], each["reason"]): each for each in content["rest"]}
    assert int(rest["sagemaker-training", "no-record"]["ceiling_flop"]) == explained.training.ceiling_flop
    assert content["charges"] == [
        {"door": "bedrock-customisation", "reason": "no-resource", "number": 1, "tokens": "5000"},
        {"door": "sagemaker-tokens", "reason": None, "number": 1, "tokens": "600"},
        {"door": "sagemaker-tokens", "reason": "beyond-record", "number": 1, "tokens": "400"},
    ]
    assert content["export"] == ["1" * 64, "2" * 64]


def test_a_share_is_never_told_as_more_than_it_is(ledger: LiveLedger) -> None:
    content = signed(ledger, october(2, 1)).content
    share = share_of(content)
    assert share is not None
    assert decimal_share(share) == "0.666666"


def test_hours_of_unknown_hosts_leave_no_share_and_no_ceiling(ledger: LiveLedger) -> None:

    bill = Billed()
    bill.take(billed_line("EU-Train:ml.p99.48xlarge", OCTOBER, 1, instance_type="ml.p99.48xlarge"))
    content = signed(ledger, explain_bill(bill, [], hardware_table(), base_model_table())).content
    assert share_of(content) is None
    assert [each["ceiling_flop"] for each in content["rest"]] == [None]
    assert content["hours"][0]["unknown_host_nanoseconds"] == str(3600 * 10**9)
    assert "unknown-hosts" in content["doubts"]


def test_the_same_is_signed_once_and_a_later_one_supersedes(ledger: LiveLedger, tmp_path: Path) -> None:
    evidence = evidence_of(ledger)
    first, again = sign_bill(evidence, ledger.recorder), sign_bill(evidence, ledger.recorder)
    assert first == again
    later = signed(ledger, october(9, 1))
    assert later.revision == 1
    assert not ledger.seal().held
    report = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (report.verdict, [each.share for each in report.bills]) == ("valid", ["0.900000"])


@pytest.mark.parametrize(
    "bill",
    [
        lambda ledger: evidence_of(ledger, october(account="111122223333")),
        lambda ledger: evidence_of(ledger, said_by=replace(ADA, identity="arn:aws:iam::111122223333:user/eve")),
        lambda ledger: evidence_of(ledger, said_by=SaidBy("a\nb", ADA.identity)),
        lambda ledger: evidence_of(ledger, said_by=SaidBy(" \u3000", ADA.identity)),
        lambda ledger: evidence_of(ledger, said_by=replace(ADA, identity=f"arn:aws:sts::{ACCOUNT}:ada")),
        lambda ledger: evidence_of(ledger, october(month=OCTOBER + timedelta(days=300))),
        lambda ledger: evidence_of(ledger, export=()),
        lambda ledger: b"{}",
        lambda ledger: b"[" * 9_000_001,
    ],
    ids=["account", "identity", "name", "blank", "no ARN", "to come", "no files", "no bill", "too large"],
)
def test_what_no_verifier_takes_is_not_signed(ledger: LiveLedger, bill: Callable[[LiveLedger], bytes]) -> None:
    with pytest.raises(CannotSignBill):
        sign_bill(bill(ledger), ledger.recorder)
    assert statements(ledger) == []


class Killed(BaseException):
    """The process ends."""


class Dying:
    """A port whose process ends after so many calls of all ports."""

    def __init__(self, port: Any, calls: list[str], most: int) -> None:
        self._port, self._calls, self._most = port, calls, most

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any) -> Any:
            done = method(*arguments)
            self._calls.append(name)
            if len(self._calls) == self._most:
                raise Killed
            return done

        return call


def dying(recorder: Recorder, most: int) -> tuple[Recorder, list[str]]:
    calls: list[str] = []
    ports = {name: Dying(getattr(recorder, name), calls, most) for name in ("archive", "records", "signer")}
    return replace(recorder, **ports), calls


def test_a_kill_after_any_call_changes_nothing(tmp_path: Path) -> None:
    """The try after it says the same, or something new: then what was cut off is signed first, as what it was."""
    points = 0
    for most in range(1, 20):
        for other in (False, True):
            ledger = LiveLedger()
            ledger.seal()
            evidence = evidence_of(ledger)
            recorder, calls = dying(ledger.recorder, most)
            try:
                sign_bill(evidence, recorder)
            except Killed:
                points += 1
            else:
                assert len(calls) < most
            again = evidence_of(ledger, october(9, 1), said_by=SaidBy("bob", ADA.identity)) if other else evidence
            made = sign_bill(again, ledger.recorder)
            kept = "put_if_absent" in calls
            expected = [(0, ADA.who), (1, "bob")] if other and kept else [(0, "bob" if other else ADA.who)]
            assert statements(ledger) == expected
            assert made.revision == expected[-1][0]
            assert len(made.left) <= len(expected) - 1
            assert not ledger.seal().held
            assert ledger.bundle(tmp_path).verify(recompute=Recomputing()).verdict == "valid"
            for identity, record in ledger.pending.records.items():
                assert ledger.archive.get(record_key(*identity)) == record.line
                assert ledger.archive.get(evidence_key(*identity)) is not None
    assert points > 10


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_kill_of_the_sealer_after_any_write_changes_nothing(
    ledger: LiveLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Batch, frontier, checkpoint."""
    signed(ledger)
    put, written = ledger.archive.put_if_absent, list[str]()

    def until_killed(key: str, body: bytes) -> bool:
        done = put(key, body)
        written.append(key)
        if len(written) == most:
            raise Killed
        return done

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(ledger.archive, "put_if_absent", until_killed)
        ledger.seal()
    assert not ledger.seal().held
    report = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (report.verdict, [each.revision for each in report.bills]) == ("valid", [0])


@pytest.mark.parametrize("body", [b"junk", b"{}"])
def test_evidence_that_is_of_no_bill_is_not_signed(ledger: LiveLedger, body: bytes) -> None:
    evidence = evidence_of(ledger)
    other = LiveLedger()
    other.clock.now = ledger.clock.now
    sign_bill(evidence, other.recorder)
    [identity] = other.pending.records
    ledger.archive.put_if_absent(evidence_key(*identity), body)
    with pytest.raises(ForeignEvidence):
        sign_bill(evidence, ledger.recorder)


def test_a_lost_table_and_the_doctor_know_statements(ledger: LiveLedger) -> None:
    signed(ledger)
    ledger.seal()
    lines = {identity: record.line for identity, record in ledger.pending.records.items()}
    before = compare_ledger(ledger.archive, MemoryRecordItems(ledger.pending), all_evidence=True)
    assert [check.ok for check in before.checks()] == [True]
    assert (before.records, before.evidence) == (1, 2)
    ledger.recorder.records.__init__(pending=ledger.pending)  # type: ignore[misc]
    ledger.pending.records.clear()
    ledger.pending.logged.clear()
    rebuilt = rebuild_index(ledger.archive, ledger.recorder.records, ledger.pending, ledger.recorder.index)
    assert (rebuilt.written, rebuilt.logged, rebuilt.skipped) == (2, 2, ())
    assert {identity: record.line for identity, record in ledger.pending.records.items()} == lines
    assert signed(ledger, october(1, 1)).revision == 1
    assert not ledger.seal().held


def test_what_stands_in_the_archive_otherwise_is_named(ledger: LiveLedger) -> None:
    signed(ledger)
    ledger.seal()
    *_, identity = ledger.pending.records
    ledger.archive.delete(evidence_key(*identity))
    seen = compare_ledger(ledger.archive, MemoryRecordItems(ledger.pending), all_evidence=True)
    assert not all(check.ok for check in seen.checks())


@pytest.mark.parametrize("change", ["schema", "days", "bill"])
def test_evidence_of_another_form_has_no_sums(ledger: LiveLedger, change: str) -> None:
    document = json.loads(evidence_of(ledger))
    for members in (document["bill"], document):
        members.pop(change, None)
    with pytest.raises(NoSuchBill):
        sums_of(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def said_of(leaf: int, period: str, billed: int, explained: int, revision: int = 0) -> BillSaid:
    left = [] if billed == explained else ["hours"]
    share = decimal_share(Fraction(explained, billed)) if billed else ""
    return BillSaid(
        leaf, period, revision, "", "", share, not left, "ada", "", "", str(billed), str(explained), left, "1"
    )


def test_of_very_many_bills_those_are_told_of_which_most_is_open_and_how_many_more_there_are() -> None:
    bills, others = Bills(), Bills()
    bills._tell(said_of(0, "1999-01", 10, 1))
    for month in range(1, 151):
        half = bills if month < 75 else others
        half._tell(said_of(month, f"{2000 + month // 12}-{month % 12 + 1:02d}", month % 2, month % 2))
    bills.join(others)
    told = bills.in_order()
    assert (len(told), bills.more) == (100, 51)
    assert [told[0].leaf, *(each.leaf for each in told[1:])] == [0, *range(52, 151)]


def test_what_earlier_statements_covered_is_told_in_whichever_order_they_are_joined() -> None:
    month, hour, nothing = (
        said_of(0, "2026-10", 10, 1),
        said_of(1, "2026-10", 1, 1, 1),
        said_of(2, "2026-10", 0, 0, 2),
    )
    for order in permutations((month, hour, nothing)):
        bills = Bills()
        for each in order:
            bills._tell(each)
        [told] = bills.in_order()
        assert (told.revision, told.most_before_nanoseconds, told.least_share_before) == (2, "10", "0.100000")
