"""Statements on made-up bills, signed by the real use case into a ledger in memory."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.data import base_model_table, hardware_table
from flops_auditor.domain.bill.bill_lines import AMOUNT_PLACES, BillLine
from flops_auditor.domain.bill.billed import Billed
from flops_auditor.domain.bill.explain_bill import explain_bill
from flops_auditor.domain.bill.explanation import Explanation
from flops_auditor.domain.bill.recorded_runs import RecordedRun
from flops_auditor.domain.bill.signed_bill import LedgerCompared, SaidBy, bill_evidence
from flops_auditor.use_cases.auditing.sign_bill import SignedBill, sign_bill
from flops_auditor.use_cases.ledger.log_reader import newest_checkpoint, root_at, signers_of
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor_cli.bill_view import document_of
from tests.fakes.ledger_world import LEDGER

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACCOUNT, REGION, HOST = LEDGER.split("/")[1], "eu-west-1", "ml.p5.48xlarge"
EXPORT = ("1" * 64, "2" * 64)
ADA = SaidBy("ada@example.com", f"arn:aws:sts::{ACCOUNT}:assumed-role/Amender/ada")


def job_arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:sagemaker:{REGION}:{account}:training-job/{name}"


def billed_line(usage_type: str, start: datetime, hours: int, **changed: Any) -> BillLine:
    """A line of so many hours of hosts, within a day."""
    line: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "service": "AmazonSageMaker",
        "usage_type": usage_type,
        "instance_type": HOST,
        "resource": "",
        "kind": "Usage",
        "unit": "Hrs",
        "start": start,
        "end": start + HOUR,
        "amount": hours * 10**AMOUNT_PLACES,
    }
    return BillLine(**{**line, **changed})


def october(explained: int = 7, unseen: int = 3, month: datetime = OCTOBER, account: str = ACCOUNT) -> Explanation:
    """So many hours of a host that a record explains, and so many that none does; a notebook and a charge beside, and a
    session that is charged for 400 tokens more than its record counts.
    """
    bill = Billed()
    seen, other = job_arn("seen", account), job_arn("unseen", account)
    for resource, hours in ((seen, explained), (other, unseen)):
        for hour in range(hours):
            bill.take(billed_line(f"EU-Train:{HOST}", month + hour * HOUR, 1, resource=resource, account=account))
    bill.take(billed_line("EU-Notebk:ml.g5.2xlarge", month, 2, instance_type="ml.g5.2xlarge", account=account))
    charge = {"service": "AmazonBedrock", "unit": "1K tokens", "instance_type": ""}
    bill.take(billed_line("EU-NovaPro-Customization-Training", month, 5, account=account, **charge))
    tuned = f"arn:aws:sagemaker:{REGION}:{account}:training-session/tuned"
    bill.take(billed_line("EU-Tokens", month, 1, resource=tuned, account=account, unit="1K tokens", instance_type=""))
    span = (month, month + explained * HOUR)
    runs = [
        RecordedRun("0" * 64, seen, account, REGION, {HOST: 1}, span),
        RecordedRun("1" * 64, tuned, account, REGION, {}, span, 600, ("meta-llama/Llama-3.1-8B",)),
    ]
    return explain_bill(bill, runs if explained else [], hardware_table(), base_model_table())


def state_of(ledger: Any) -> LedgerCompared:
    """The newest checkpoint of a ledger in memory."""
    signers = signers_of(ledger.archive, verifies)
    assert signers is not None
    size = newest_checkpoint(ledger.archive, signers)
    return LedgerCompared(size, root_at(ledger.archive, size, signers).hex(), 1)


def evidence_of(
    ledger: Any,
    explained: Explanation | None = None,
    export: tuple[str, ...] = EXPORT,
    said_by: SaidBy = ADA,
    compared: LedgerCompared | None = None,
) -> bytes:
    """What is signed of an explanation."""
    made = explained or october()
    return bill_evidence(document_of(made, 1), made.accounts[0], export, compared or state_of(ledger), said_by)


def signed(ledger: Any, explained: Explanation | None = None, **changed: Any) -> SignedBill:
    """Sign a statement into a ledger in memory; the next seal gives it its place."""
    return sign_bill(evidence_of(ledger, explained, **changed), ledger.recorder)
