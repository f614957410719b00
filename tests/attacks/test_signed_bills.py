"""Statements on bills that somebody with the record key, or both keys, makes otherwise: each is met by its name.

What stands in an export is the word of whoever signs it; docs/bill.md says what of it can be computed again.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.bills import period_of, subject_of
from flops_auditor.domain.ledger.dsse import envelope_line, parse_envelope
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.merkle import MerkleTree, leaf_hash
from flops_auditor.domain.ledger.statement import BILL_PREDICATE, RECORD_PREDICATE, parse_statement
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.verify_bundle import VerificationReport
from flops_auditor.use_cases.ports.ledger import PendingRecord
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.attacks import tries
from tests.attacks.test_random_forger import Changer, pattern
from tests.fakes.bundles import Bundle
from tests.fakes.forger import SIGNERS, ForgedLeaf, Forger
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import sign
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.signed_bills import OCTOBER, evidence_of, october, signed

NOVEMBER = OCTOBER + timedelta(days=31)
CHANGES = tries(150, 2000)


@pytest.fixture(scope="module")
def ledger() -> LiveLedger:
    """A job, two statements on the bill of October with a new record key between them, and one on November's."""
    made = LiveLedger()
    made.add(continuing("seen", hours=10))
    made.audit("seen")
    made.seal()
    signed(made)
    made.seal()
    fresh = MemorySigner("record 0")
    made.request_rotation("record", 0, fresh)
    made.record = fresh
    object.__setattr__(made.recorder, "signer", fresh)
    made.seal()
    signed(made, october(9, 3))
    signed(made, october(1, 0, NOVEMBER))
    assert not made.seal().held
    return made


@pytest.fixture(scope="module")
def untouched(ledger: LiveLedger, tmp_path_factory: pytest.TempPathFactory) -> Forger:
    return Forger(ledger, tmp_path_factory.mktemp("bills"))


@pytest.fixture
def forger(untouched: Forger) -> Iterator[Forger]:
    with untouched.lent() as forger:
        yield forger


def bills(forger: Forger) -> list[ForgedLeaf]:
    return [leaf for leaf in forger.leaves if leaf.kind == "bill"]


def names(report: VerificationReport) -> set[str]:
    return {each.error for each in (*report.findings, *report.reservations)}


def later(text: str, **by: float) -> str:
    return iso(datetime.fromisoformat(text) + timedelta(**by))


def test_honest_statements_are_told_the_newest_of_each_bill(forger: Forger) -> None:
    report = forger.verify(recompute=Recomputing())
    assert (report.verdict, report.records) == ("valid", 1)
    told = [(each.period, each.revision, each.share, each.complete) for each in report.bills]
    assert told == [("2026-10", 1, "0.750000", False), ("2026-11", 0, "1.000000", False)]


Change = Callable[[dict[str, Any]], None]


def training(content: dict[str, Any]) -> dict[str, Any]:
    [hours] = [each for each in content["hours"] if each["door"] == "sagemaker-training"]
    return hours


def more_explained(content: dict[str, Any]) -> None:
    training(content)["explained_nanoseconds"] = training(content)["billed_nanoseconds"]


def less_billed(content: dict[str, Any]) -> None:
    training(content)["billed_nanoseconds"] = training(content)["explained_nanoseconds"]


def no_rest(content: dict[str, Any]) -> None:
    content["rest"] = []


def rest_of_no_hours(content: dict[str, Any]) -> None:
    content["hours"] = [each for each in content["hours"] if each["door"] == "sagemaker-training"]


def hours_explained_of(door: str) -> Change:
    """Beside those that are, in the order of their names, and with nothing left of them."""

    def change(content: dict[str, Any]) -> None:
        names = ("billed", "explained", "by_time_alone", "unknown_host")
        each = {"door": door, **{f"{name}_nanoseconds": "0" for name in names}}
        others = [other for other in content["hours"] if other["door"] != door]
        each |= {"billed_nanoseconds": "9" * 15, "explained_nanoseconds": "9" * 15}
        content["hours"] = sorted([*others, each], key=lambda hours: str(hours["door"]))
        content["rest"] = [rest for rest in content["rest"] if rest["door"] != door]

    return change


def twice(member: str) -> Change:
    def change(content: dict[str, Any]) -> None:
        content[member] = [*content[member], content[member][-1]]

    return change


def said(**members: Any) -> Change:
    return lambda content: content.update(members)


def inside(member: str, **members: Any) -> Change:
    return lambda content: content[member].update(members)


BY_ITSELF: dict[str, tuple[Change, str]] = {
    "more explained than is": (more_explained, "MalformedRecord"),
    "less billed than was": (less_billed, "MalformedRecord"),
    "the rest left out": (no_rest, "MalformedRecord"),
    "a rest of no hours": (rest_of_no_hours, "MalformedRecord"),
    "by time alone more than explained": (
        lambda content: training(content).update(by_time_alone_nanoseconds="9" * 20),
        "MalformedRecord",
    ),
    "hours twice": (twice("hours"), "MalformedRecord"),
    "a rest twice": (twice("rest"), "MalformedRecord"),
    "charges twice": (twice("charges"), "MalformedRecord"),
    "a file twice": (twice("export"), "MalformedRecord"),
    "no files": (said(export=[]), "MalformedRecord"),
    "too many files": (said(export=[f"{number:064x}" for number in range(1001)]), "MalformedRecord"),
    "a share of its own": (said(share="1"), "MalformedRecord"),
    "a door of its own": (lambda content: training(content).update(door="training"), "MalformedRecord"),
    "a reason of its own": (lambda content: content["rest"][0].update(reason="none"), "MalformedRecord"),
    "parts of nanoseconds": (
        lambda content: training(content).update(explained_nanoseconds="0.5"),
        "MalformedRecord",
    ),
    "a name of two lines": (inside("said_by", who="ada\nbob"), "MalformedRecord"),
    "nobody says it": (inside("said_by", who=""), "MalformedRecord"),
    "spaces say it": (inside("said_by", who=" \x1f\x85\xa0\u2028\u3000\ufeff"), "MalformedRecord"),
    "hours of a cluster explained": (hours_explained_of("sagemaker-hyperpod"), "MalformedRecord"),
    "hours of a notebook explained": (hours_explained_of("sagemaker-notebooks"), "MalformedRecord"),
    "another account's bill": (said(account="999999999999"), "WrongLedger"),
    "said from another account": (
        inside("said_by", identity="arn:aws:sts::999999999999:assumed-role/Amender/ada"),
        "WrongLedger",
    ),
    "said from another partition": (
        inside("said_by", identity="arn:aws-cn:sts::123456789012:assumed-role/Amender/ada"),
        "WrongLedger",
    ),
    "said by no ARN": (inside("said_by", identity="ada"), "WrongLedger"),
    **{
        f"said by an ARN of nobody: {nobody or 'nothing'}": (
            inside("said_by", identity=f"arn:aws:{nobody}"),
            "WrongLedger",
        )
        for nobody in (
            "sts::123456789012:",
            "sts::123456789012:ada",
            "sts::123456789012:assumed-role/Amender",
            "sts::123456789012:user/ada",
            "sts:eu-west-1:123456789012:assumed-role/Amender/ada",
            "by:the:123456789012:regulator",
            "iam::123456789012:role/Amender",
            "iam::123456789012:root/ada",
        )
    },
    "another ledger's": (said(ledger_id="flops-auditor/123456789012/eu-west-1/other"), "WrongLedger"),
    "of another month": (said(**{"from": iso(NOVEMBER), "until": iso(NOVEMBER + timedelta(1))}), "SubjectMismatch"),
    "of more months": (said(until=iso(NOVEMBER + timedelta(1))), "SubjectMismatch"),
    "until it began": (lambda content: content.update(until=content["from"]), "MalformedRecord"),
    "first of none, and superseding": (said(supersedes="0" * 64), "SupersedesMismatch"),
    "a later revision of nothing": (said(revision=1), "SupersedesMismatch"),
    "a root that never was": (inside("compared_with", root="0" * 64), "RootMismatch"),
    "a size without a checkpoint": (inside("compared_with", size="1"), "RootMismatch"),
    "the empty log": (inside("compared_with", size="0"), "RootMismatch"),
    "a log to come": (inside("compared_with", size="999"), "RootMismatch"),
}


@pytest.mark.parametrize("how", BY_ITSELF)
def test_what_a_statement_shows_by_itself_is_named(forger: Forger, how: str) -> None:
    change, error = BY_ITSELF[how]
    change(bills(forger)[0].content)
    assert error in names(forger.verify())


@pytest.mark.parametrize("how", BY_ITSELF)
def test_and_gets_no_place(how: str) -> None:
    change, error = BY_ITSELF[how]
    ledger = LiveLedger()
    for _ in range(2):
        ledger.seal()
    signed(ledger)
    [waiting] = ledger.pending.records.values()
    payload = parse_envelope(waiting.line).payload
    document = json.loads(payload)
    change(document["predicate"])
    made = canonical(document)
    signature = sign(made, ledger.record)
    line = envelope_line(made, signature.keyid, signature.der)
    ledger.pending.records.clear()
    ledger.pending.commit(PendingRecord(*parse_statement(made).identity, line))
    held = {each.error for each in ledger.seal().held}
    assert held == {error} or held == {"MissingCheckpoint"} == {error.replace("RootMismatch", "MissingCheckpoint")}


def test_a_share_without_its_evidence_is_seen_by_computing_it_again(forger: Forger) -> None:
    """Sums that add up, and are not those of what was signed as evidence."""
    content = bills(forger)[0].content
    more_explained(content)
    content["rest"] = [each for each in content["rest"] if each["door"] != "sagemaker-training"]
    assert names(forger.verify()) == set()
    assert names(forger.verify(recompute=Recomputing())) == {"EvidenceMismatch"}


@pytest.mark.parametrize("explained", ["1000", "600"])
def test_tokens_beyond_a_record_that_are_called_explained(forger: Forger, explained: str) -> None:
    """The 400 that the record does not count: moved to those that it does, or left out, they are not its evidence."""
    content = bills(forger)[0].content
    rest = [each for each in content["charges"] if each["reason"] != "beyond-record"]
    assert len(rest) == len(content["charges"]) - 1
    content["charges"] = [{**each, "tokens": explained} if each["reason"] is None else each for each in rest]
    assert names(forger.verify()) == set()
    assert names(forger.verify(recompute=Recomputing())) == {"EvidenceMismatch"}


def test_other_evidence_than_was_signed(ledger: LiveLedger, forger: Forger) -> None:
    bills(forger)[0].evidence = evidence_of(ledger, october(10, 0))
    assert names(forger.verify()) == {"EvidenceMismatch"}


@pytest.mark.parametrize("evidence", [b"", b"{}", b'{"schema":"https://flops-auditor.dev/bill/v1"}', b"\xff"])
def test_evidence_that_is_no_bill(forger: Forger, evidence: bytes) -> None:
    bills(forger)[0].rest_on(evidence)
    assert names(forger.verify(recompute=Recomputing())) == {"EvidenceMismatch"}


def test_no_file_of_evidence(forger: Forger) -> None:
    index = forger.leaves.index(bills(forger)[0])
    bundle = forger.seal()
    name, at = bundle.leaves()[index]
    lines = bundle.files[name.replace("log/", "evidence/")].split(b"\n")
    lines[at] = b""
    bundle.files[name.replace("log/", "evidence/")] = b"\n".join(lines)
    assert names(bundle.verify()) == {"EvidenceMismatch"}


def test_the_earlier_statement_is_left_out(forger: Forger) -> None:
    """The hours of a heartbeat and all checkpoints are made again: the later one still counts it."""
    forger.leaves.remove(bills(forger)[0])
    assert "RevisionOutOfOrder" in names(forger.verify())


def test_the_later_statement_is_left_out_which_a_pin_shows(forger: Forger) -> None:
    pin = forger.bundle.notes()[-1].encode()
    forger.leaves.remove(bills(forger)[1])
    assert names(forger.verify(pin=pin)) == {"RolledBack"}


def test_another_statement_in_the_place_of_one(forger: Forger) -> None:
    other = bills(forger)[0].copy()
    other.content["said_by"]["who"] = "eve"
    forger.insert_after(bills(forger)[0], other)
    assert "DuplicateSubject" in names(forger.verify(heartbeats=True))


def test_the_same_statement_twice_counts_once(forger: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    exactly = ECDSA(Prehashed(SHA256()), deterministic_signing=True)
    monkeypatch.setattr(MemorySigner, "sign", lambda self, digest: self.key.sign(digest, exactly))
    third = bills(forger)[2]
    forger.insert_after(third, third.copy())
    report = forger.verify()
    assert names(report) == {"LoggedTwice"}
    assert report.verdict == "valid, with reservations"
    assert [each.revision for each in report.bills] == [1, 0]
    assert report.records == 1


def test_what_it_supersedes_is_another_line(forger: Forger) -> None:
    bills(forger)[0].content["said_by"]["who"] = "eve"
    assert "SupersedesMismatch" in names(forger.verify(relink=False))


def test_a_statement_dated_before_the_one_that_it_supersedes(forger: Forger) -> None:
    first, second, _ = bills(forger)
    second.content["recorded_at"] = later(first.content["recorded_at"], minutes=-10)
    assert "TimeRunsBackwards" in names(forger.verify())


def test_a_backdated_statement(forger: Forger) -> None:
    november = bills(forger)[2]
    november.content["recorded_at"] = later(november.content["recorded_at"], hours=-26)
    assert {"LateRecord"} <= names(forger.verify()) <= {"LateRecord", "FutureTimestamp"}


def test_a_statement_dated_after_its_batch(forger: Forger) -> None:
    bills(forger)[2].content["recorded_at"] = later(bills(forger)[2].content["recorded_at"], hours=1)
    assert names(forger.verify()) == {"FutureTimestamp"}


def test_a_bill_of_a_time_to_come(forger: Forger) -> None:
    leaf = bills(forger)[0]
    leaf.content.update({"from": "2027-01-01T00:00:00.000Z", "until": "2027-01-03T00:00:00.000Z"})
    leaf.statement["subject"][0]["name"] = subject_of(leaf.content)
    assert "FutureTimestamp" in names(forger.verify())


def test_a_statement_of_the_month_before_is_another_bill(forger: Forger) -> None:
    """Whoever moves one to another month leaves its successor without what it supersedes."""
    leaf = bills(forger)[0]
    leaf.content.update({"from": "2026-09-01T00:00:00.000Z", "until": "2026-09-03T00:00:00.000Z"})
    leaf.statement["subject"][0]["name"] = subject_of(leaf.content)
    assert period_of(leaf.content) == "2026-09"
    assert "RevisionOutOfOrder" in names(forger.verify())


@pytest.mark.parametrize("role", ["checkpoint", "record"])
def test_signed_by_a_key_that_may_not(forger: Forger, role: str) -> None:
    """The checkpoint key, and a record key that was replaced."""
    leaf = bills(forger)[2 if role == "record" else 0]
    [old] = [each for each, signer in SIGNERS.items() if signer.public_key() == MemorySigner(role).public_key()]
    leaf.content["code_version"] = "x"
    leaf.signers = [old]
    assert names(forger.verify()) == {"KeyNotValidAtIndex"}


def test_a_record_called_a_statement_and_a_statement_called_a_record(forger: Forger) -> None:
    bills(forger)[0].statement["predicateType"] = RECORD_PREDICATE
    assert "MalformedRecord" in names(forger.verify())


def test_a_record_under_the_name_of_a_statement(forger: Forger) -> None:
    forger.records()[0].statement["predicateType"] = BILL_PREDICATE
    assert "MalformedRecord" in names(forger.verify())


def test_a_kind_that_nobody_knows(forger: Forger) -> None:
    """What a version from before there were such statements says: it cannot tell them from anything else."""
    bills(forger)[0].statement["predicateType"] = BILL_PREDICATE.replace("v1", "v2")
    report = forger.verify()
    assert names(report) == {"UnknownPredicate"}
    assert report.verdict == "tampered"


def test_a_part_with_a_statement(ledger: LiveLedger, forger: Forger, tmp_path: Path) -> None:
    """Export writes none, since its evidence names whatever ran."""
    whole = forger.bundle
    model = forger.records()[0].content["original"]["base_model"]
    part = Bundle(ledger, tmp_path, model)  # type: ignore[arg-type] - it asks for archive, ledger and time alone
    assert names(part.verify()) == set()
    assert not any(kind_of(parse_envelope(part.files[name]).payload) == "bill" for name in part.names("leaves/"))
    tree, lines = MerkleTree(), [whole.line(index) for index in range(len(whole.leaves()))]
    for line in lines:
        tree.append(leaf_hash(line))
    index = forger.leaves.index(bills(forger)[0])
    proof = form.proof_file(index, tree.inclusion_proof(index, len(lines)), part.files["checkpoint"])
    part.files[form.leaf_name("leaves/", index)] = lines[index]
    part.files[form.leaf_name("proofs/", index, ".tlog-proof")] = proof
    part.drop_shown()
    assert names(part.verify()) == {"BadBundle"}
    part.files[form.leaf_name("evidence/", index)] = forger.leaves[index].evidence
    assert names(part.verify()) == {"BadBundle"}


def test_no_change_of_a_statement_passes_unnamed_but_when_and_by_which_version(forger: Forger) -> None:
    """All that it says of the bill, of the ledger and of who says it follows from its evidence."""
    random, passed = Random(7), set[str]()
    changer = Changer(random, bills(forger))
    for _ in range(CHANGES):
        with forger.lent():
            place = changer.change(random.choice(bills(forger)))
            if not names(forger.verify(recompute=Recomputing())):
                passed.add(pattern(place))
    assert passed <= {"recorded_at", "code_version"}


def test_evidence_in_base64_that_is_no_evidence(forger: Forger) -> None:
    index, bundle = forger.leaves.index(bills(forger)[1]), forger.seal()
    name, at = bundle.leaves()[index]
    lines = bundle.files[name.replace("log/", "evidence/")].split(b"\n")
    lines[at] = b64encode(b"{}")
    bundle.files[name.replace("log/", "evidence/")] = b"\n".join(lines)
    assert names(bundle.verify()) == {"EvidenceMismatch"}
