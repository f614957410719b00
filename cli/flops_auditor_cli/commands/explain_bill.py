"""`flops-auditor explain-bill`: what the bill says that ran, beside what the records explain of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from flops_auditor.data import base_model_table, hardware_table
from flops_auditor.domain.bill.bill_lines import BillLine
from flops_auditor.domain.bill.billed import Billed
from flops_auditor.domain.bill.explain_bill import explain_bill
from flops_auditor.domain.bill.matching import LATE
from flops_auditor.domain.bill.recorded_runs import RecordedRun, recorded_run
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.records import RecordQuery
from flops_auditor_cli.bill_signing import bill_signing
from flops_auditor_cli.bill_view import bill_view
from flops_auditor_cli.deployment import Target, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE
from flops_auditor_cli.options import OutputOption, WideOption
from flops_auditor_cli.output import Output
from flops_auditor_cli.progress import progress
from flops_auditor_cli.record_source import BundleOption, BundleRecords, RecordSource, open_records
from flops_auditor_cli.view import show


class AccountNotBilled(WrongInput):
    """The bill has neither hours of accelerators nor charges for training of an account that is asked about."""

    remedy = "Name one of the accounts that the message lists, or leave --account out."


@talks_to_aws()
def explain(
    cur: Annotated[
        Path, typer.Argument(metavar="CUR", help="An AWS Data Export, CUR 2.0 or FOCUS: a file, or its folder.")
    ],
    account: Annotated[
        list[str] | None, typer.Option("--account", help="Only this account of the bill; may be repeated.")
    ] = None,
    bundle: BundleOption = None,
    sign: Annotated[
        str | None,
        typer.Option(
            metavar="WHO",
            help="Sign the result into the ledger, as what this person says: name or address. Needs --bundle, of the "
            "whole ledger, and the rights of `amend`.",
        ),
    ] = None,
    wide: WideOption = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Compare the bill with the records: what ran, and what no record explains, with the most that it could have been.

    Hours of accelerators and charges for training, by service and day. The exit code is 4 where records do not explain
    all of it. With --sign the ledger keeps the result: whoever has the export and the ledger can compute it again.
    """
    from flops_auditor_cli.bill_files import bill_lines, digests_of  # noqa: PLC0415 - DuckDB is an extra

    signing = None if sign is None else bill_signing(sign, bundle, target)
    with progress("files") as tell, bill_lines(cur, tell) as lines:
        bill = read(lines, account or ())
    runs = runs_beside(bill, BundleRecords(signing.read) if signing else open_records(target, bundle))
    explained = explain_bill(bill, runs, hardware_table(), base_model_table())
    show(bill_view(explained, len(runs), wide), output)
    if signing:
        signing.sign(explained, len(runs), digests_of(cur))
    if not explained.complete:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def read(lines: Iterable[BillLine], accounts: Sequence[str]) -> Billed:
    """The bill, of all accounts where none is named. Raises AccountNotBilled, BillTooCoarse."""
    bill, others = Billed(), Billed()
    for line in lines:
        (bill if not accounts or line.account in accounts else others).take(line)
    absent = set(accounts) - bill.accounts
    if absent:
        there = ", ".join(sorted(bill.accounts | others.accounts)) or "no account"
        raise AccountNotBilled(f"{', '.join(sorted(absent))}; there is something of {there}")
    return bill


def runs_beside(bill: Billed, source: RecordSource) -> list[RecordedRun]:
    """The recorded runs that had not ended when the bill begins."""
    since = iso(bill.start - LATE) if bill.start else ""
    rows = source.fitting(RecordQuery(ended_from=since))
    return list(map(recorded_run, source.contents(rows)))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain-bill")(explain)
