"""Compute a record's figures again from its evidence, with the tables of its time, and compare.

The tables come from the bundle, by the digests that the record names. That somebody signed them makes them no better
than what somebody signs: only those that a release shipped are used, and those that the reader accepts by digest.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from flops_auditor import __version__
from flops_auditor.data import released, shipped
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.audit.record import comparable_with, lineage_part, result
from flops_auditor.domain.audit.tables import FILES, POLICY_FOLDER, Tables, parse_tables
from flops_auditor.domain.bill.signed_bill import NoSuchBill, sums_of
from flops_auditor.domain.law.assessment import crossed_lines
from flops_auditor.domain.law.due_dates import DueDate, due_dates, read_due_dates
from flops_auditor.domain.ledger.agreement import check_told
from flops_auditor.domain.ledger.ledger_errors import (
    DueDateMismatch,
    EvidenceMismatch,
    LedgerError,
    NotRecomputable,
    UnknownTables,
)
from flops_auditor.domain.ledger.verification import Kept
from flops_auditor.domain.lineage.kept_ancestors import Packed, pack, read_kept, unpack
from flops_auditor.domain.lineage.lineage import Ancestor, read_lineage
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.runs.sources.registry import SERVICES, Services, UnknownSource
from flops_auditor.domain.values.archive_keys import ancestors_key
from flops_auditor.domain.values.differences import differences, in_words
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.recomputing.replay_lineage import LineageReplay, told_of

NamedTables = tuple[tuple[str, str], ...]
"""(file name, SHA-256 in hex) of each table and policy, the policies in the order in which they were assessed."""


@dataclass(frozen=True)
class Recomputing:
    """The port `Recompute`; `accepted` are digests of tables that the reader takes though no release shipped them."""

    accepted: frozenset[str] = frozenset()
    services: Services = field(default_factory=lambda: dict(SERVICES))

    def __call__(self, evidence: bytes, content: dict[str, Any], kept: Kept) -> bytes:
        """See `recompute`."""
        return recompute(evidence, content, kept, self.accepted, self.services)

    def bill(self, evidence: bytes, content: dict[str, Any]) -> None:
        """A statement says the sums of its evidence. Raises EvidenceMismatch, NotRecomputable."""
        recompute_bill(evidence, content)

    def replay(self, kept: Kept) -> LineageReplay:
        """Of a whole log."""
        return LineageReplay(kept)


def recompute(
    evidence: bytes,
    content: dict[str, Any],
    kept: Kept,
    accepted: Collection[str] = (),
    services: Services = SERVICES,
) -> bytes:
    """Compare a predicate with what its evidence gives, and what the record says of its ancestors.

    Returns what following its lineage over the whole log needs.

    `accepted` are digests of tables that the reader takes though no release shipped them. Raises EvidenceMismatch if
    they differ; DueDateMismatch; FutureTimestamp for what is dated after the record; NotRecomputable if a table,
    version or ancestors are not at hand, or if this version cannot read the record or its source; UnknownTables.
    """
    try:
        return _recompute(evidence, content, kept, accepted, services)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _differs(content)(f"the record is not one that this version makes: {error!r:.200}") from error


def recompute_bill(evidence: bytes, content: dict[str, Any]) -> None:
    """Compare a statement on a bill with the sums of its evidence. Raises EvidenceMismatch, NotRecomputable."""
    try:
        again = sums_of(evidence)
    except NoSuchBill as error:
        raise _differs(content)(f"the evidence of the bill: {error}") from error
    differing = in_words(differences({name: content.get(name) for name in again}, again))
    if differing:
        raise _differs(content)(f"the sums of the bill from {content['from']} on: {differing}")


def _differs(content: dict[str, Any]) -> type[LedgerError]:
    """What it means that a record is not what this version makes: another version may have made it otherwise."""
    return EvidenceMismatch if content.get("code_version") == __version__ else NotRecomputable


def _recompute(
    evidence: bytes,
    content: dict[str, Any],
    kept: Kept,
    accepted: Collection[str],
    services: Services,
) -> bytes:
    arn, version = str(content["job"]["arn"])[:300], str(content["code_version"])[:40]
    named = _named(content)
    for name, digest in named:
        if digest not in released() and digest not in accepted:
            raise UnknownTables(
                f"{arn} rests on a {name[:100]} that no release shipped which this version knows: {digest}"
            )
    try:
        tables = replace(_tables(named, kept), trusts_statements=content["rests_on"]["trusts_statements"])
        case = read_case(evidence, services)
        lineage = read_lineage(content, partial(_ancestors, kept))
        audited = audit(case, tables, lineage)
        packed = _packed(audited, content, kept)
        again = comparable_with(content, result(audited, packed)) | {
            "lineage": _said_of_lineage(audited, packed, content)
        }
    except LedgerError:
        raise
    except UnknownSource as error:
        raise NotRecomputable(f"{arn} is of a service that version {__version__!r} cannot read: {error}") from error
    except AuditorError as error:
        raise _differs(content)(f"{arn} cannot be audited from its evidence: {error}") from error
    told = (case.tells_of, *(amendment.at for amendment in case.evidence.amendments))
    if latest := max((each for each in told if each is not None), default=None):
        check_told(iso(latest), datetime.fromisoformat(content["recorded_at"]), arn)
    differing = in_words(differences({name: content.get(name) for name in again}, again))
    if differing:
        message = f"{arn}: recorded by version {version!r}, computed again by {__version__!r}: {differing}"
        raise _differs(content)(message)
    _check_days(audited, content)
    return told_of(case, content)


def _said_of_lineage(audited: Audit, packed: Packed, content: dict[str, Any]) -> dict[str, Any]:
    """What a record says beside its ancestors; the remarks about them are followed over the whole log."""
    followed = {name: content["lineage"][name] for name in ("doubts", "notes")}
    return {**lineage_part(audited, packed), **followed}


def _check_days(audited: Audit, content: dict[str, Any]) -> None:
    """Every dated duty of a crossed line has one day: what follows from the record, or an earlier one.

    Earlier: known from a record before it, from a parent's, or since it was foreseen, which no signature covers; a run
    that was not yet created foresees nothing, but a parent's day may be from before. Raises DueDateMismatch.
    """
    arn, recorded = str(content["job"]["arn"])[:300], read_due_dates(content)
    crossed = crossed_lines(audited.assessments)
    latest = due_dates(crossed, {}, datetime.fromisoformat(content["recorded_at"]))
    if [(each.policy, each.duty) for each in recorded] != _in_order(recorded, latest):
        raise DueDateMismatch(f"{arn}: the duties with a day are not those that follow from the assessments")
    days = {(each.policy, each.duty): each for each in latest}
    first = content["revision"] == 0 and not content["lineage"]["parents"]
    earliest = iso(audited.run.created)[:10] if audited.run.created and first else ""
    for each in recorded:
        due = days[each.policy, each.duty]
        if not max(earliest, due.term.earliest if due.term else "") <= each.day <= due.day:
            raise DueDateMismatch(f"{arn}: {each.duty[:60]} is due by {due.day}, not {each.day}")


def _in_order(dates: Sequence[DueDate], latest: Sequence[DueDate]) -> list[tuple[str, str]]:
    """The duties in the order of the days that a record names."""
    days = {(each.policy, each.duty): each.day for each in dates}
    return sorted(((d.policy, d.duty) for d in latest), key=lambda duty: (days.get(duty, ""), *duty))


def _packed(audited: Audit, content: dict[str, Any], kept: Kept) -> Packed:
    """How a record holds its ancestors: in the object that it names, if one of them put that there, or its own."""
    named, job = content["lineage"]["kept"], audited.run.job_id
    known = []
    if named is not None and named["key"] != ancestors_key(job, named["sha256"]):
        writers = {ancestors_key(each.job_id, named["sha256"]) for each in audited.lineage.ancestors}
        ancestors = tuple(_ancestors(kept, named["key"], named["sha256"]))
        known = [read_kept(named["key"], named["sha256"], ancestors)] if named["key"] in writers else []
    return pack(job, audited.lineage, known)


def _named(content: dict[str, Any]) -> NamedTables:
    """The files that a record names. Their order is lost in its canonical form; that of its assessments is not, nor of
    those without the job's own word, which may be by more policies.
    """
    named = dict(content["tables"])
    without = content["rests_on"]["without_statements"] or {"assessments": []}
    orders = [dict.fromkeys(each["policy"] for each in assessed["assessments"]) for assessed in (content, without)]
    ordered = (f"{POLICY_FOLDER}{policy}.json" for order in sorted(orders, key=len, reverse=True) for policy in order)
    names = dict.fromkeys((*FILES, *ordered, *sorted(named)))
    return tuple((name, named[name]) for name in names)


@lru_cache(64)
def _tables(named: NamedTables, kept: Kept) -> Tables:
    """Tables from the bundle, or of this version where they are the same. Raises NotRecomputable for a missing one."""
    files = {}
    for name, digest in named:
        body = shipped().get(digest) or kept.table(digest)
        if body is None:
            raise NotRecomputable(f"{name[:100]} as it was then (SHA-256 {digest}) is not in the bundle")
        files[name] = body
    try:
        return parse_tables(files)
    except AuditorError as error:
        raise NotRecomputable(f"tables of then cannot be read by version {__version__!r}: {error}") from error


def _ancestors(kept: Kept, key: str, digest: str) -> Sequence[Ancestor]:
    body = kept.ancestors(digest)
    if body is None:
        raise NotRecomputable(f"the ancestors are listed in {key} (SHA-256 {digest}), which is not at hand")
    return unpack(body, digest)
