"""Signing what records explain of a bill: beside which ledger, of which files, with whose rights."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import typer

from flops_auditor.domain.bill.explanation import Explanation
from flops_auditor.domain.ledger.bills import period_of
from flops_auditor.domain.ledger.forms import MOST_WHO
from flops_auditor.use_cases.ledger.read_bundle import ReadBundle
from flops_auditor_cli.bill_view import document_of
from flops_auditor_cli.deployment import StackValues, Target, find_deployment
from flops_auditor_cli.output import plain, say
from flops_auditor_cli.record_source import verified


@dataclass(frozen=True)
class BillSigning:
    """Who says it, beside a bundle of the whole ledger of this deployment."""

    who: str
    read: ReadBundle
    deployment: StackValues

    def sign(self, explained: Explanation, jobs: int, export: Iterable[str]) -> None:
        """Have the statement wait for its place in the log, which is told on stderr. `export` are the SHA-256 of the
        bill's files, `jobs` those that it was compared with. Raises CannotSignBill.
        """
        from flops_auditor.aws.calls.clients import client  # noqa: PLC0415 - few sign, and a start stays quick
        from flops_auditor.aws.sources.caller import caller_arn  # noqa: PLC0415
        from flops_auditor.aws.wiring.recording import recorder_from  # noqa: PLC0415
        from flops_auditor.domain.bill.signed_bill import LedgerCompared, SaidBy, bill_evidence  # noqa: PLC0415
        from flops_auditor.use_cases.auditing.sign_bill import CannotSignBill, sign_bill  # noqa: PLC0415
        from flops_auditor_cli.adapters import environment_of  # noqa: PLC0415

        ledger = self.deployment.output("LedgerId")
        if self.read.report.ledger_id != ledger:
            raise CannotSignBill(f"the bundle is of {self.read.report.ledger_id}, the deployment of {ledger}")
        if len(explained.accounts) != 1:
            named = ", ".join(explained.accounts) or "no account"
            raise CannotSignBill(f"the bill has hours or charges of {named}, and a statement is of one account")
        state = LedgerCompared(self.read.report.size, self.read.report.root, jobs)
        said_by = SaidBy(self.who, caller_arn(client("sts")))
        document = document_of(explained, jobs)
        evidence = bill_evidence(document, explained.accounts[0], export, state, said_by)
        signed = sign_bill(evidence, recorder_from(environment_of(self.deployment, self.deployment.policies)))
        for content in signed.left:
            begun = f"which {plain(content['said_by']['who'])} had begun, and which was cut off"
            say(f"signed first: revision {content['revision']}, {begun}")
        say(
            f"signed: revision {signed.revision} of the statement on the bill of {period_of(signed.content)}; "
            "the next seal gives it its place in the ledger"
        )


def bill_signing(who: str, bundle: Path | None, target: Target) -> BillSigning:
    """What signing takes, found before anything is read. Raises typer.BadParameter, NoBundle, NotVerified."""
    if bundle is None:
        raise typer.BadParameter("--sign needs --bundle: a statement names the state of the ledger that it was made of")
    if not who.strip() or "\n" in who or len(who) > MOST_WHO:
        raise typer.BadParameter(f"--sign: a name or address in one line of at most {MOST_WHO} characters")
    deployment = find_deployment(target)
    read = verified(bundle)
    if read.report.kind != "whole":
        raise typer.BadParameter("--sign: a part does not say what all records explain; export the whole ledger")
    return BillSigning(who, read, deployment)
