"""What is signed of a bill beside the records: all of it as evidence, and of that the sums.

Time is in whole nanoseconds, of which a bill's 1e-10 hours and a record's milliseconds are multiples.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flops_auditor.domain.values.amounts import at_least
from flops_auditor.domain.values.canonical_json import canonical, parse_canonical
from flops_auditor.domain.values.errors import AuditorError

SCHEMA = "https://flops-auditor.dev/bill/v1"
FOLLOWS = ("share", "complete")
"""What `explain-bill` says that follows from its sums."""


class NoSuchBill(AuditorError):
    """Evidence of a statement on a bill that `explain-bill` did not write."""

    remedy = "Find in CloudTrail who wrote it into the archive."


@dataclass(frozen=True)
class LedgerCompared:
    """The state of the log whose records a bill was compared with: its size, the root of its tree in hex, and how many
    jobs had not ended when the bill begins.
    """

    size: int
    root: str
    jobs: int


@dataclass(frozen=True)
class SaidBy:
    """Who says it: a name or address, and the ARN with whose rights it was signed."""

    who: str
    identity: str


def bill_evidence(
    document: Mapping[str, Any], account: str, export: Iterable[str], compared: LedgerCompared, said_by: SaidBy
) -> bytes:
    """All of it as one file: `document` is what `explain-bill --output json` says, `export` are its files' SHA-256."""
    return canonical(
        {
            "schema": SCHEMA,
            "account": account,
            "export": sorted(set(export)),
            "compared_with": {"size": str(compared.size), "root": compared.root, "jobs": compared.jobs},
            "said_by": {"who": said_by.who, "identity": said_by.identity},
            "bill": {name: value for name, value in document.items() if name not in FOLLOWS},
        }
    )


def sums_of(evidence: bytes) -> dict[str, Any]:
    """What the statement on this evidence says of it. Raises NoSuchBill."""
    try:
        document = parse_canonical(evidence)
        if document["schema"] != SCHEMA:
            raise NoSuchBill(f"evidence of the schema {str(document['schema'])[:80]!r}")
        bill = document["bill"]
        return {
            **{name: document[name] for name in ("account", "export", "compared_with", "said_by")},
            "from": bill["from"],
            "until": bill["until"],
            "hours": _hours(bill["days"]),
            "rest": _rest(bill["rest"]),
            "charges": _charges(bill["charges"]),
            "doubts": sorted({each["kind"] for each in bill["doubts"]}),
        }
    except (AuditorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoSuchBill(f"not what explain-bill writes: {error!r:.200}") from error


_HOURS = {
    "billed_nanoseconds": "billed_seconds",
    "explained_nanoseconds": "explained_seconds",
    "by_time_alone_nanoseconds": "by_time_alone_seconds",
    "unknown_host_nanoseconds": "unknown_host_seconds",
}


def _hours(days: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Of each door, on all days."""
    sums: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for day in days:
        for name, seconds in _HOURS.items():
            sums[day["door"]][name] += _nanoseconds(day[seconds])
    return [{"door": door, **{name: str(of_door[name]) for name in _HOURS}} for door, of_door in sorted(sums.items())]


def _rest(rest: Sequence[Mapping[str, Any]]) -> list[dict[str, str | None]]:
    """Of each door and reason; without a ceiling where one of them has none."""
    sums: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for each in rest:
        sums[each["door"], each["reason"]].append(each)
    return [
        {
            "door": door,
            "reason": reason,
            "nanoseconds": str(sum(_nanoseconds(each["accelerator_seconds"] or "0") for each in entries)),
            "ceiling_flop": _sum_or_none(_whole(each["ceiling_flop"]) for each in entries),
        }
        for (door, reason), entries in sorted(sums.items())
    ]


def _charges(charges: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each door and reason; without tokens where a unit counts none."""
    sums: defaultdict[tuple[str, str], list[Fraction | None]] = defaultdict(list)
    for each in charges:
        tokens = each["charged_tokens"]
        sums[each["door"], each["reason"] or ""].append(None if tokens is None else Fraction(tokens))
    return [
        {"door": door, "reason": reason or None, "number": len(tokens), "tokens": _sum_or_none(tokens)}
        for (door, reason), tokens in sorted(sums.items())
    ]


def _whole(amount: str | None) -> int | None:
    return None if amount is None else int(amount)


def _sum_or_none(amounts: Iterable[Fraction | int | None]) -> str | None:
    """A sum as a whole number that it does not exceed; None where an amount is not known."""
    known = list(amounts)
    return None if None in known else str(at_least(sum((each for each in known if each is not None), Fraction(0))))


def _nanoseconds(seconds: str) -> int:
    """Whole ones. Raises ValueError."""
    exactly = Fraction(seconds) * 10**9
    if exactly.denominator != 1 or exactly < 0:
        raise ValueError(f"{seconds} is no time on a bill")
    return exactly.numerator
