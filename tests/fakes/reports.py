"""Reports made from records at hand, and what a hostile owner would write into every member that may be his."""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.data import shipped_policy
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.messages.report.job_line import line_of
from flops_auditor.domain.messages.report.report import LedgerSeen, RecordedRevision, Report, report_of
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.operations.report_ledger import ListedDoor, NewestRecord, Reporter
from tests.fakes.audit import FixedRegions, MemoryReadings, MemoryRecordIndex, MemoryRecords, MemorySeenJobs
from tests.fakes.live_ledger import LiveLedger

AS_OF = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
LEDGER = LedgerSeen(
    made_from="deployment",
    ledger_id="flops-auditor/123456789012/eu-west-1/audit",
    as_of=AS_OF,
    selection="",
    size=19,
    sealed_at=AS_OF - timedelta(minutes=15),
    complete_to=AS_OF - timedelta(hours=1),
)
_OURS = re.compile(r"[0-9a-f]{64}|[0-9.e+]+|\d{4}-\d\d-\d\d.*|None")
"""Digests, numbers and times: their form is checked before anything is recorded."""
_ENUMS = frozenset(
    {"verdict", "verdict_without", "verdict_without_statements", "basis", "reading", "comparison", "source"}
)
_ENUMS |= {"state", "role", "kind", "from", "to", "previous_verdict", "condition_asks", "since", "licence"}


def report_on(contents: Sequence[Mapping[str, Any]], ledger: LedgerSeen = LEDGER, **more: Any) -> Report:
    """The report of records, each the newest of its job."""
    by_id = {content["job"]["id"]: content for content in contents}
    history = more.get("history") or [
        RecordedRevision(job_id, c["revision"], c["recorded_at"], None) for job_id, c in by_id.items()
    ]
    lines = [line_of(content, ledger.as_of.date()) for content in contents]
    since = more.get("since", AS_OF - timedelta(days=1))
    policy_of, superseded = more.get("policy_of", shipped_policy), more.get("superseded", lambda _: [])
    return report_of(
        lines, lambda ids: [by_id[each] for each in ids], history, ledger, since, "1.2.3", policy_of, superseded
    )


def reporter_of(ledger: LiveLedger, **changed: Any) -> Reporter:
    """A reporter on a ledger in memory, all of whose records are first ones."""

    class Current:
        def history(self) -> Iterator[RecordedRevision]:
            for content in map(ledger.content, ledger.pointers):
                yield RecordedRevision(content["job"]["id"], 0, content["recorded_at"], None)

        def superseded(self, revisions: Sequence[RecordedRevision]) -> Iterator[dict[str, Any]]:
            assert not revisions
            yield from ()

        def newest(self) -> Iterator[NewestRecord]:
            for name in ledger.pointers:
                yield NewestRecord(ledger.content(name), ledger.job_id(name))

        def contents(self, job_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
            for name in ledger.pointers:
                if ledger.job_id(name) in job_ids:
                    yield ledger.content(name)

        def bill(self) -> dict[str, Any] | None:
            contents = [predicate_of(each.line) for each in ledger.pending.records.values()]
            return next((each for each in reversed(contents) if "said_by" in each), None)

    parts: dict[str, Any] = {
        "ledger_id": LEDGER.ledger_id,
        "records": Current(),
        "archive": ledger.archive,
        "pending": ledger.pending,
        "doors": (ListedDoor(FixedRegions(), MemoryReadings(), MemorySeenJobs()),),
        "index": MemoryRecordIndex(MemoryRecords()),
        "verify": verifies,
        "clock": ledger.clock,
    }
    return Reporter(**{**parts, **changed})


@dataclass
class MemoryDigests:
    """The Digests port in a dictionary."""

    texts: dict[str, str] = field(default_factory=dict)
    sent: list[datetime] = field(default_factory=list)

    def taken(self, week: str) -> bool:
        return week in self.texts

    def take(self, week: str, text: str) -> bool:
        return self.texts.setdefault(week, text) is text

    def note_refused(self, week: str) -> None:
        del self.texts[week]

    def note_sent(self, as_of: datetime) -> None:
        self.sent.append(as_of)

    def last_sent(self) -> datetime | None:
        return max(self.sent, default=None)


def hostile(content: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A record in which every text that is no number, digest, time or word of ours is another one."""
    found: dict[str, Any] = _replaced(copy.deepcopy(dict(content)), text)
    return found


def _replaced(value: Any, text: str, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, text, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, text, name) for each in value]
    if isinstance(value, str) and name not in _ENUMS and value and not _OURS.fullmatch(value):
        return text
    return value
