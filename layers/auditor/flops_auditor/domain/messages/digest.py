"""The mail of a week: the values of the report as plain text, bounded, with the log's checkpoint as a pin at its end.

Names come from strangers: each stands within an indented line, so that none can pass for the checkpoint.
"""

import json
from collections.abc import Iterable, Sequence

from flops_auditor.domain.messages.record_alert import WHAT_A_MAIL_MEANS, Alert, section, shorten, subject
from flops_auditor.domain.messages.report.job_line import Group, JobLine, NearestLine
from flops_auditor.domain.messages.report.report import Changes, LedgerSeen, OpenJob, Report, ShutDoorSeen
from flops_auditor.domain.values.amounts import counted, percent
from flops_auditor.domain.values.moments import iso, minute_of
from flops_auditor.domain.values.remarks import bounded

KIND = "digest"
"""What the mail's attribute `kind` says, for subscribers that filter."""
IN_A_SUBJECT: dict[Group, str] = {
    "above": "above",
    "indeterminate": "indeterminate",
    "word": "on its word",
    "below": "below",
}
WAS: dict[Group, str] = {"word": "below, on its own word", "not_assessed": "not assessed"}
SAID = {"not in force": "above, not in force", "silent": "not assessed"}
MOST_LISTED = 8
MOST_STEPS = 2
LONGEST_STEP = 500
HOW_TO_KEEP_IT = (
    "The lines below are the signed state of the log. Keep this mail where the audited account cannot delete it: "
    "`flops-auditor verify BUNDLE --pin MAIL.txt` later shows that nothing was rewritten before it."
)


def digest_of(report: Report, checkpoint: str, page: str) -> Alert:
    """The mail about a report whose `changes` are those since the last digest.

    `checkpoint` is the log's newest signed note, "" before the first seal; `page` says where the report is kept.
    """
    parts = [
        section("", [f"What FLOPs Auditor knows of {counted(len(report.jobs), 'job')}, once a week."]),
        section("TOTALS", _totals(report)),
        section("NEAREST TO A LINE", [_near(e.line, e.line.nearest) for e in report.nearest if e.line.nearest]),
        section(f"CHANGED SINCE {minute_of(report.changes.since)}", _changes(report.changes)),
        section("BELOW ON THEIR OWN WORD ALONE", _named(report.on_their_word)),
        section("BELOW, THOUGH SOMEBODY ADDED SAMPLES TO THEIR OCCUPANCY", _named(_with_samples_added(report))),
        section("INDETERMINATE, AND WHAT WOULD SETTLE IT", _open(report.open_jobs, report.counts["indeterminate"])),
        section("THE LEDGER", [*_ledger(report.ledger), f"The report, with every job: {page}"]),
        section("THE CHECKPOINT", [HOW_TO_KEEP_IT if checkpoint else "The log was not sealed yet: there is none."]),
        section("", [WHAT_A_MAIL_MEANS]),
        checkpoint.strip("\n"),
    ]
    told = ", ".join(f"{report.counts[tone]} {words}" for tone, words in IN_A_SUBJECT.items())
    return Alert(
        subject=subject(f"[FLOPs Auditor] Weekly digest: {told}"),
        body="\n\n".join(part for part in parts if part) + "\n",
        attributes={"kind": KIND, "json": _twin(report, checkpoint)},
    )


def _totals(report: Report) -> list[str]:
    return [
        f"- above a threshold: {report.counts['above']}",
        f"- indeterminate, on which side is not known: {report.counts['indeterminate']}",
        f"- below every threshold, on its own word alone: {report.counts['word']}",
        f"- below every threshold: {report.counts['below']}",
        f"- not assessed, no policy has a threshold for it: {report.counts['not_assessed']}",
    ]


def _near(line: JobLine, near: NearestLine) -> str:
    shares = (
        f"best {percent(near.best_share)}, {percent(near.lower_share, 'lower')} to {percent(near.upper_share, 'upper')}"
    )
    return f"- {shorten(line.name)} ({_said(line)}): {shares} of {bounded(near.title, 120)}"


def _changes(changes: Changes) -> list[str]:
    severe = len(changes.new_and_not_below)
    new = f"- {counted(changes.new, 'new job')}" + (f", {severe} of them not below:" if severe else "")
    turned = [
        f"- {shorten(each.line.name)} was {WAS.get(each.before, each.before)}, is {_said(each.line)}"
        for each in changes.turned
    ]
    if not changes.new and not turned:
        return ["Nothing."]
    return [new, *_named(changes.new_and_not_below), *_cut(turned, len(turned))]


def _named(lines: Sequence[JobLine]) -> list[str]:
    return _cut([f"- {shorten(line.name)}: {_said(line)}" for line in lines[:MOST_LISTED]], len(lines))


def _with_samples_added(report: Report) -> list[JobLine]:
    """Each counts with its highest samples, so it is below whatever was added: that somebody tried is told."""
    return [line for line in report.jobs if line.verdict == "below" and line.samples_added]


def _open(jobs: Sequence[OpenJob], count: int) -> list[str]:
    open_points = []
    for job in jobs[:MOST_LISTED]:
        steps = " ".join(bounded(each, LONGEST_STEP) for each in job.settle[:MOST_STEPS])
        open_points.append(f"- {shorten(job.line.name)}. {steps or 'Nothing is known that would.'}")
    return _cut(open_points, count)


def _ledger(ledger: LedgerSeen) -> list[str]:
    complete, sealed = "not known; `flops-auditor doctor` says why", "not once"
    if ledger.complete_to:
        of_what = "of what is looked after, " if ledger.shut_doors else ""
        complete = f"{of_what}every job that ended before {minute_of(ledger.complete_to)} has a record"
    if ledger.sealed_at:
        sealed = f"{counted(ledger.size, 'leaf', 'leaves')}, last at {minute_of(ledger.sealed_at)}"
    if ledger.waiting_since:
        sealed += f"; a record waits for its place since {minute_of(ledger.waiting_since)}"
    return [
        f"As of {minute_of(ledger.as_of)}; ledger {bounded(ledger.ledger_id, 200)}.",
        f"Complete: {complete}.",
        *_shut(ledger.shut_doors),
        f"Sealed: {sealed}.",
    ]


def _shut(doors: Sequence[ShutDoorSeen]) -> list[str]:
    if not doors:
        return []
    whats, parameters = (", ".join(each) for each in zip(*((d.what, d.parameter) for d in doors), strict=True))
    lost = [f"- {shorten(name)}: seen before its door was shut, no record" for d in doors for name in d.without_record]
    told = f"Not looked after here: {whats}. The stack's parameters shut these doors: {parameters}, or Doors."
    return [told, *_cut(lost, len(lost))]


def _twin(report: Report, checkpoint: str) -> str:
    """The same for machines, small: an SNS message has room for 256 KB."""
    document = {
        "ledger_id": report.ledger.ledger_id,
        "as_of": iso(report.ledger.as_of),
        "since": iso(report.changes.since),
        "counts": dict(report.counts),
        "on_their_word": len(report.on_their_word),
        "samples_added": len(_with_samples_added(report)),
        "new": report.changes.new,
        "turned": len(report.changes.turned),
        "checkpoint": checkpoint,
        **({"not_looked_after": [each.what for each in report.ledger.shut_doors]} if report.ledger.shut_doors else {}),
    }
    return json.dumps(document, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def _cut(lines: Iterable[str], count: int) -> list[str]:
    """At most MOST_LISTED of the lines, and how many there are beyond them."""
    shown = list(lines)[:MOST_LISTED]
    return [*shown, *([f"- and {count - len(shown)} more, in the report"] if count > len(shown) else [])]


def _said(line: JobLine) -> str:
    """The verdict in the words of the other mails."""
    word = ", on its own word" if line.group == "word" else ""
    return SAID.get(line.shown_as, line.shown_as) + word
