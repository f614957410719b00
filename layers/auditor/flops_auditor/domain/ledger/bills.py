"""Statements on bills in a log: what one shows by itself, and whether the log was ever as it says.

A statement is a person's word, signed with the account's right to amend: N % of the hours of accelerators that were
charged are explained by records. Whoever has the export's files can compute it again (docs/bill.md).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from flops_auditor.domain.ledger.billed_doors import DOORS_WITH_RECORDS, PURPOSE_OF_DOOR
from flops_auditor.domain.ledger.findings import Defect, defect_of
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Leaf, account_of_ledger
from flops_auditor.domain.ledger.ledger_errors import (
    FutureTimestamp,
    MalformedRecord,
    RootMismatch,
    SubjectMismatch,
    SupersedesMismatch,
    WrongLedger,
)
from flops_auditor.domain.values.moments import iso

DAY = timedelta(days=1)
"""The coarsest line of a bill that is read: the last one may end so long after it was written."""
MOST_BILLS = 100
"""Bills of which a verifier tells one by one, those with the most that is open."""
SHARE_DIGITS = 6
IDENTITY = "^arn:aws[a-z-]*:(iam::[0-9]{12}:(root|user/.+)|sts::[0-9]{12}:(assumed-role/.+/.+|federated-user/.+))$"
"""What GetCallerIdentity tells of whoever calls."""
BLANK = r"^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]*$"
"""A name of nothing but spaces, which Python and JavaScript do not count alike."""
OPEN = {
    "hours": "hours that no record explains",
    "charges": "charges for training that no record explains",
    "doubts": "doubts about the bill",
}
"""What a statement can leave open, in words."""


class BillSaid(NamedTuple):
    """A statement as verifiers tell of it. `share` is a decimal text, no larger than what it is of; "" for none.

    Hours, in whole nanoseconds of accelerators, are of doors that train, or may. `open` are names of OPEN, none where
    it is complete. `size`: the leaves of the log that the bill was compared with. `most_before_nanoseconds` and
    `least_share_before` are of the `revision` statements that it supersedes: the most that one was of, and the lowest
    known share; "" where they were not seen.
    """

    leaf: int
    period: str
    revision: int
    begins: str
    ends: str
    share: str
    complete: bool
    who: str
    identity: str
    recorded_at: str
    billed_nanoseconds: str
    explained_nanoseconds: str
    open: list[str]
    size: str
    most_before_nanoseconds: str = ""
    least_share_before: str = ""

    @property
    def openness(self) -> tuple[bool, int]:
        """What sorts the one with the most hours first that no record explains."""
        return self.complete, int(self.explained_nanoseconds) - int(self.billed_nanoseconds)


class Compared(NamedTuple):
    """The state of the log that the statement at a leaf says that it was compared with."""

    leaf: int
    size: int
    root: str


@dataclass(slots=True)
class Bills:
    """The statements of a log: all states that they name, and the newest of each period, with what it is in place of.

    Of periods there are no more than pairs of months since 1970. All are kept: where a later statement leaves less
    open, one is told that was not among those with the most before.
    """

    compared: list[Compared] = field(default_factory=list)
    told: dict[str, BillSaid] = field(default_factory=dict)

    def add(self, leaf: Leaf, index: int) -> None:
        """The statement that is leaf `index`, which passed."""
        content = leaf.statement.predicate
        state = content["compared_with"]
        self.compared.append(Compared(index, int(state["size"]), state["root"]))
        self._tell(bill_said(content, index))

    def join(self, other: "Bills") -> None:
        """Those of later leaves."""
        self.compared += other.compared
        for each in other.told.values():
            self._tell(each)

    def in_order(self) -> list[BillSaid]:
        """Those that are told one by one, the earliest first."""
        latest = sorted(self.told.values(), key=lambda each: each.period, reverse=True)
        return sorted(sorted(latest, key=lambda each: each.openness)[:MOST_BILLS], key=lambda each: each.period)

    @property
    def more(self) -> int:
        """How many there are besides."""
        return max(0, len(self.told) - MOST_BILLS)

    def check(self, roots: Iterable[tuple[int, bytes]]) -> Iterator[Defect]:
        """Every state that was compared was one of this log, before the statement; `roots` are (size, root) of its
        checkpoints.
        """
        asked = {each.size for each in self.compared}
        known = {size: root.hex() for size, root in roots if size in asked} if asked else {}
        for leaf, size, root in self.compared:
            if size > leaf or known.get(size) != root:
                yield defect_of(RootMismatch(f"leaf {leaf} was compared with {size} leaves as they never were"), leaf)

    def _tell(self, bill: BillSaid) -> None:
        known = self.told.get(bill.period)
        if known is None:
            self.told[bill.period] = bill
        elif bill.revision > known.revision:
            self.told[bill.period] = _instead(bill, known)
        elif bill.revision < known.revision:
            self.told[bill.period] = _instead(known, bill)


def _instead(newer: BillSaid, older: BillSaid) -> BillSaid:
    """A statement that supersedes another, and with it what that one superseded."""
    most = [older.billed_nanoseconds, older.most_before_nanoseconds, newer.most_before_nanoseconds]
    shares = [older.share, older.least_share_before, newer.least_share_before]
    return newer._replace(
        most_before_nanoseconds=str(max(int(each or "0") for each in most)),
        least_share_before=min(filter(None, shares), default=""),
    )


def bill_said(content: Mapping[str, Any], index: int) -> BillSaid:
    """What is told of the statement at a leaf."""
    share, said_by, hours = share_of(content), content["said_by"], _of_training(content)
    return BillSaid(
        index,
        period_of(content),
        content["revision"],
        content["from"],
        content["until"],
        "" if share is None else decimal_share(share),
        not open_of(content),
        said_by["who"],
        said_by["identity"],
        content["recorded_at"],
        str(_sum(hours, "billed_nanoseconds")),
        str(_sum(hours, "explained_nanoseconds")),
        open_of(content),
        content["compared_with"]["size"],
    )


def period_of(content: Mapping[str, Any]) -> str:
    """The months (UTC) that a bill is of, such as 2026-10: a later statement on the same ones supersedes."""
    first = content["from"][:7]
    last = iso(datetime.fromisoformat(content["until"]) - timedelta(milliseconds=1))[:7]
    return str(first) if first == last else f"{first}..{last}"


def subject_of(content: Mapping[str, Any]) -> str:
    """What a statement is about."""
    return f"{content['ledger_id']} bill {period_of(content)}"


def share_of(content: Mapping[str, Any]) -> Fraction | None:
    """The share of accelerator time that trained, or may have, that records explain; None where none was billed, or
    where nobody knows the accelerators of some.
    """
    hours = _of_training(content)
    billed = _sum(hours, "billed_nanoseconds")
    if not billed or _sum(hours, "unknown_host_nanoseconds"):
        return None
    return Fraction(_sum(hours, "explained_nanoseconds"), billed)


def _of_training(content: Mapping[str, Any]) -> list[Mapping[str, str]]:
    return [each for each in content["hours"] if PURPOSE_OF_DOOR[each["door"]] != "other"]


def _sum(hours: Sequence[Mapping[str, str]], name: str) -> int:
    return sum(int(each[name]) for each in hours)


def decimal_share(share: Fraction) -> str:
    """A share as a decimal text, and never more than it is."""
    digits = share.numerator * 10**SHARE_DIGITS // share.denominator
    return f"{digits // 10**SHARE_DIGITS}.{digits % 10**SHARE_DIGITS:0{SHARE_DIGITS}d}"


def open_of(content: Mapping[str, Any]) -> list[str]:
    """What of all that trained, or may have, records do not explain, and whether the bill is in doubt."""
    left = {
        "hours": any(PURPOSE_OF_DOOR[each["door"]] != "other" for each in content["rest"]),
        "charges": any(each["reason"] for each in content["charges"]),
        "doubts": bool(content["doubts"]),
    }
    return [name for name in OPEN if left[name]]


def check_bill(leaf: Leaf) -> None:
    """What a statement shows by itself: whose bill it is, of which months, and that its sums are sums.

    Raises SubjectMismatch, WrongLedger, FutureTimestamp, SupersedesMismatch, MalformedRecord.
    """
    content, name = leaf.statement.predicate, leaf.statement.subject_name[:200]
    if content["until"] <= content["from"]:
        raise MalformedRecord(f"{name!r}: a bill until {content['until']} from {content['from']}")
    if leaf.statement.subject_name != subject_of(content):
        raise SubjectMismatch(f"the subject is {name!r}, the bill is of {period_of(content)}")
    _check_account(content)
    if datetime.fromisoformat(content["until"]) > leaf.at + DAY + CLOCK_SKEW:
        raise FutureTimestamp(f"{name!r}: said {iso(leaf.at)}, and tells of {content['until']}")
    if (content["revision"] == 0) != (content["supersedes"] is None):
        raise SupersedesMismatch(f"{name!r}: revision {content['revision']} supersedes {content['supersedes']}")
    if re.fullmatch(BLANK, content["said_by"]["who"]):
        raise MalformedRecord(f"{name!r}: nobody says it")
    explained = {each["door"] for each in content["hours"] if each["explained_nanoseconds"] != "0"}
    if not explained <= set(DOORS_WITH_RECORDS):
        raise MalformedRecord(f"{name!r}: hours are explained of a door that has no records")
    if not _adds_up(content):
        raise MalformedRecord(f"{name!r}: what is billed is not what is explained and the rest, each named once")


def _check_account(content: Mapping[str, Any]) -> None:
    """A ledger has records of one account, whose bill it is, and somebody of it says so. Raises WrongLedger."""
    of_ledger, caller = account_of_ledger(content["ledger_id"]), content["said_by"]["identity"]
    identity = caller.split(":", 5)
    if of_ledger is not None and of_ledger[1] != content["account"]:
        raise WrongLedger(f"a bill of the account {content['account']}, in {content['ledger_id'][:120]}")
    if not re.fullmatch(IDENTITY, caller):
        raise WrongLedger(f"{caller[:200]} says it, which is no ARN of a user or of a role's session")
    if identity[4] != content["account"] or (of_ledger and identity[1] != of_ledger[0]):
        raise WrongLedger(f"{caller[:200]} says it, who is not of the account {content['account']}")


def _adds_up(content: Mapping[str, Any]) -> bool:
    """Lists are in order, each entry once; and for each door what is billed is what is explained, and the rest."""
    rests = [(each["door"], each["reason"]) for each in content["rest"]]
    charges = [(each["door"], each["reason"] or "") for each in content["charges"]]
    named = ([each["door"] for each in content["hours"]], rests, charges, content["doubts"], content["export"])
    if not all(before < after for each in named for before, after in pairwise(each)) or not content["export"]:
        return False
    left = dict.fromkeys((each["door"] for each in content["hours"]), 0)
    for each in content["rest"]:
        if each["door"] not in left:
            return False
        left[each["door"]] += int(each["nanoseconds"])
    return all(
        int(each["billed_nanoseconds"]) == int(each["explained_nanoseconds"]) + left[each["door"]]
        and int(each["by_time_alone_nanoseconds"]) <= int(each["explained_nanoseconds"])
        for each in content["hours"]
    )
