"""`flops-auditor verify`: check a bundle offline, without AWS and without trust in whoever wrote it.

Exit codes: 0 valid; 1 tampered; 2 cannot verify; 3 valid, but stale; 4 valid, with reservations, each of them named.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from flops_auditor import __version__
from flops_auditor.domain.ledger import ledger_errors
from flops_auditor.domain.ledger.bills import OPEN, BillSaid
from flops_auditor.domain.ledger.key_history import parse_given_keys
from flops_auditor.domain.ledger.ledger_errors import BadBundle, LedgerError, StaleLedger
from flops_auditor.domain.ledger.part_words import OF_A_PART, lacked
from flops_auditor.domain.ledger.saved_mail import LONGEST_MAIL, checkpoint_in
from flops_auditor.domain.ledger.signed_note import UnreadableNote
from flops_auditor.domain.ledger.verification import Recompute
from flops_auditor.domain.values.amounts import counted, percent
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.verify_bundle import BundleVerdict, Demands, VerificationReport, verify_bundle
from flops_auditor_cli.options import OutputOption, moment_or_end
from flops_auditor_cli.output import Output, plain, say
from flops_auditor_cli.progress import progress
from flops_auditor_cli.record_source import page_of
from flops_auditor_cli.view import Block, Headline, Table, View, show

_NO_YEAR = 9000
"""No bundle is received then, and near the end of the calendar nothing can be added."""
OF_GIVEN_KEYS = "Give the keys.json of the ledger, as a bundle of it has it."
NANOSECONDS_IN_HOUR = 3600 * 10**9
MOST_HOURS = 24 * 366 * 100
EXITS: dict[BundleVerdict, int] = {
    "valid": 0,
    "tampered": 1,
    "cannot verify": 2,
    "valid, but stale": 3,
    "valid, with reservations": 4,
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
MORE_OF_A_PART = (
    f"{OF_A_PART}; nor what a record continues by its evidence; nor what came into the log after a pin although dated "
    "long before it (ask for the whole ledger)"
)
FIELDS = ("error", "weight", "index", "message", "remedy")
COLUMNS = {"error": "Error", "weight": "Weight", "index": "Leaf", "message": "What was seen", "remedy": "What to do"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def received(text: str) -> datetime:
    """When a bundle was received: a moment, or a day, of which the end counts, since its hour is not known."""
    moment = moment_or_end(text)
    if moment.year >= _NO_YEAR:
        raise typer.BadParameter(f"{text!r} is too far from today")
    return moment


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle written by `flops-auditor export`.")],
    pin: Annotated[
        Path | None, typer.Option(help="A checkpoint that reached you another way, such as the mailed one.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="The keys.json of the ledger, as you know it from elsewhere.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=received, metavar="DAY|MOMENT", help="When you received it (UTC; of a day, its end)."),
    ] = None,
    max_age_hours: Annotated[float, typer.Option(help="How old the newest heartbeat may be at that time.")] = 25,
    with_recompute: Annotated[
        bool, typer.Option("--recompute", help="Also compute every estimate again from its evidence.")
    ] = False,
    accept_table: Annotated[
        list[str] | None,
        typer.Option(metavar="SHA256", help="With --recompute: a table of the deployer's own to take as right."),
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes to use; default: one per core.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a bundle's signatures, log, records and evidence, offline.

    Exit 0 valid, 1 tampered, 2 cannot verify, 3 valid but stale, 4 valid with reservations.
    """
    if not 0 <= max_age_hours <= MOST_HOURS:
        raise typer.BadParameter(f"--max-age-hours: {max_age_hours} is not between 0 and {MOST_HOURS}")
    accepted = accepted_tables(accept_table or (), with_recompute)
    now = datetime.now(UTC)
    demands = Demands(
        as_of=as_of or now,
        now=now,
        max_age=timedelta(hours=max_age_hours),
        pin=given("--pin", pin, checkpoint_in) if pin else None,
        keys=given("--keys", keys, lambda text: parse_given_keys(text).to_bytes()) if keys else None,
        recompute=_recomputing(accepted) if with_recompute else None,
        page=page_of,
        processes=processes or os.cpu_count() or 1,
    )
    with progress("leaves") as show_progress:
        report = verify_bundle(bundle, demands, show_progress)
    show(view_of(report, with_recompute), output)
    tell(report, output, with_recompute)
    raise typer.Exit(EXITS[report.verdict])


def accepted_tables(texts: Iterable[str], recomputed: bool) -> frozenset[str]:
    """The tables to take as right, by SHA-256. Raises typer.BadParameter: a hash that nothing asks for is a mistake."""
    hashes = frozenset(text.strip().lower() for text in texts)
    if hashes and not recomputed:
        raise typer.BadParameter("--accept-table needs --recompute: without it no table is used")
    for each in hashes:
        if not _SHA256.fullmatch(each):
            raise typer.BadParameter(f"--accept-table: {each!r} is no SHA-256, which has 64 hexadecimal digits")
    return hashes


def _recomputing(accepted: frozenset[str]) -> Recompute:
    from flops_auditor.use_cases.recomputing.recompute import Recomputing  # noqa: PLC0415 - only here an audit is needed

    return Recomputing(accepted)


def given(option: str, path: Path, read: Callable[[bytes], bytes]) -> bytes:
    """What a file of the verifier's own says. One that cannot be used says nothing about the bundle: exit 2."""
    try:
        with path.open("rb") as file:
            return read(file.read(LONGEST_MAIL + 1))  # one longer is refused, not cut
    except OSError as error:
        say(f"{option} {path}: {error.strerror}. Name a file that can be read.")
        raise typer.Exit(EXITS["cannot verify"]) from error
    except LedgerError as error:
        remedy = OF_GIVEN_KEYS if isinstance(error, BadBundle) else error.remedy
        say(f"{option} {path}: {error}. {remedy}")
        raise typer.Exit(EXITS["cannot verify"]) from error


def view_of(report: VerificationReport, recomputed: bool) -> View:
    """The report in every form; CSV has the findings and reservations alone."""
    rows = [
        {**asdict(finding), "remedy": _remedy(finding.error)} for finding in (*report.findings, *report.reservations)
    ]
    document = asdict(report) | {
        "verdict": report.verdict,
        "sealed_at": iso(report.sealed_at) if report.sealed_at else None,
        "findings": rows[: len(report.findings)],
        "reservations": rows[len(report.findings) :],
        "bills": [bill._asdict() for bill in report.bills],
        "recomputed_by": __version__ if recomputed else None,
    }
    blocks: list[Block] = list(map(Headline, _verdict_of(report, recomputed)))
    if rows:
        blocks.append(Table(COLUMNS, rows, right=("index",)))
    blocks += [Headline(f"and {count} more of {error}") for error, count in report.more.items()]
    return View("verification", document, blocks, rows, FIELDS)


def tell(report: VerificationReport, output: Output, recomputed: bool) -> None:
    """What the report does not say, on stderr, and for CSV the verdict."""
    if output is Output.CSV:
        say(*_verdict_of(report, recomputed))
    if report.findings or output is Output.JSON:
        return
    if report.kind == "part":
        say(f"a part: {report.selection}", MORE_OF_A_PART, *filter(None, [lacked(report.superseded_elsewhere)]))
    if report.elsewhere:
        are = counted(report.elsewhere, "ancestor of its records is", "ancestors of its records are")
        say(f"{are} not in it: {'its' if report.elsewhere == 1 else 'their'} figures are what the records say")
    if report.left_out:
        say(f"left out, by whoever exported it: {report.left_out}; a part cannot show that one was taken out since")
    if not report.pinned and not report.keys_given:
        say("note: consistent in itself is all this says; give --pin or --keys to tell it from a forgery")


def _verdict_of(report: VerificationReport, recomputed: bool) -> list[str]:
    """The verdict and what it is about, line by line."""
    if report.findings:
        return [report.verdict]
    stale = [reservation.message for reservation in report.reservations if reservation.error == StaleLedger.__name__]
    whole = (
        f"{report.verdict}: {counted(report.records, 'record')} of {plain(report.ledger_id)}, "
        f"{counted(report.size, 'leaf', 'leaves')}, {counted(report.checkpoints, 'checkpoint')}, "
        f"{stale[0] if stale else f'sealed {_sealed(report)}'}"
    )
    if report.pins:
        whole += f"; it goes on from what was pinned, the log at {' and '.join(map(str, report.pins))} leaves"
    assessed = _counts(report.assessed_under, report.assessed_under_others, "under", "policies")
    told = [whole, *([f"assessed: {assessed}"] if assessed else []), *map(_bill_in_words, report.bills)]
    if report.more_bills:
        told.append(f"and {counted(report.more_bills, 'more bill')}, of which less is open")
    if not recomputed:
        return told
    followed = (
        "what each continues follows from its evidence and the records before it"
        if report.followed
        else "what they continue is followed in a whole bundle alone"
    )
    made = _counts(report.recorded_by, report.recorded_by_others, "by version", "versions")
    return [
        *told,
        "every estimate follows from its evidence and the tables of its time, computed again by version "
        f"{__version__}; {followed}; recorded: {made}",
    ]


def _bill_in_words(bill: BillSaid) -> str:
    """A statement on a bill in one line. It is somebody's word: the export is not in the bundle."""
    explained = f"{_share(bill.share)} of {_hours(bill.billed_nanoseconds)} accelerator hours explained"
    if bill.billed_nanoseconds == "0" and "hours" not in bill.open:
        explained = "no accelerator hours charged for what trains or may"
    left = "".join(f", and there are {OPEN[each]}" for each in bill.open)
    whose = (
        f"says {plain(bill.who)} ({plain(bill.identity)}), leaf {bill.leaf}, compared with the log of size {bill.size}"
    )
    return f"bill of {bill.period}: {explained}{left}; {bill.begins} to {bill.ends}, {whose}{_before(bill)}"


def _before(bill: BillSaid) -> str:
    """What a statement is in place of: that it says more of less is to be seen."""
    if not bill.revision:
        return ""
    most, lowest = ("of", "at") if bill.revision == 1 else ("of up to", "the lowest at")
    covered = f"{most} {_hours(bill.most_before_nanoseconds or '0')} accelerator hours"
    earlier = counted(bill.revision, "earlier statement")
    return f"; in place of {earlier}, {covered}, {lowest} {_share(bill.least_share_before)}"


def _share(share: str) -> str:
    return percent(Fraction(share), "lower") if share else "an unknown share"


def _hours(nanoseconds: str) -> str:
    """With one digit, and never more than they are."""
    tenths = int(nanoseconds) * 10 // NANOSECONDS_IN_HOUR
    return f"{tenths // 10}.{tenths % 10}"


def _counts(told: Mapping[str, int], others: int, by: str, names: str) -> str:
    """How many records each name has, in the order of the names, and how often those that are not told come."""
    counts = [f"{number} {by} {plain(name)}" for name, number in sorted(told.items())]
    return ", ".join([*counts, *([f"and {others} more, by further {names}"] if others else [])])


def _sealed(report: VerificationReport) -> str:
    return iso(report.sealed_at) if report.sealed_at else "never"


def _remedy(name: str) -> str:
    """What to do about an error, by its stable name."""
    known = UnreadableNote if name == UnreadableNote.__name__ else getattr(ledger_errors, name, ledger_errors.Tampered)
    return str(known.remedy)
