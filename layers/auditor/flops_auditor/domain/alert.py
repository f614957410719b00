"""What people are told, as plain text that reads well on a phone, with a twin for machines."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flops_auditor.domain.amounts import scientific

WIDTH = 72
LONGEST_SUBJECT = 100
"""Amazon SNS: a subject is at most 100 ASCII characters without line breaks."""
NEXT_STEPS = {
    "below": "The earlier record said otherwise; better evidence, or what is known of the jobs before, changed it.",
    "above": (
        "The best estimate is over the threshold: the duties of a provider may apply. Inform whoever is "
        "responsible for the AI Act, keep the training documentation (Annex XI), and check the figure with "
        "`flops-auditor records show`."
    ),
    "indeterminate": "It cannot be said on which side of the threshold this job is. What would settle it stands below.",
}


@dataclass(frozen=True)
class Alert:
    """A message for people (`subject`, `body`: plain text) and for machines (`attributes`)."""

    subject: str
    body: str
    attributes: Mapping[str, str]


def compose(content: Mapping[str, Any]) -> Alert | None:
    """The alert about a record's predicate; None for a job that is below every threshold."""
    verdict = content["verdict"]
    if verdict == content["previous_verdict"] or (verdict == "below" and content["previous_verdict"] is None):
        return None
    job, estimate, cumulative = content["job"], content["estimate"], content["cumulative"]
    name = printable(job["name"])
    paragraphs = [
        f"Training job {name} ({job['status']}) is {verdict.upper()}.",
        f"Compute: best estimate {_flop(cumulative['best_flop'])}, at most {_flop(cumulative['upper_flop'])} FLOP, "
        f"by {estimate['method']}.",
        *(f"{a['policy']}, {a['scenario']}: {a['verdict']}. {a['reason']}." for a in content["assessments"]),
        NEXT_STEPS[verdict],
        f"Job: {printable(job['arn'])}",
        f"Record: {job['id']}, revision {content['revision']}, ledger {content['ledger_id']}",
    ]
    body = "\n\n".join(textwrap.fill(printable(text), WIDTH, break_on_hyphens=False) for text in paragraphs)
    attributes = {"verdict": verdict, "job_arn": job["arn"], "job_id": job["id"], "method": estimate["method"]}
    return Alert(subject(f"[FLOPs Auditor] {verdict.upper()}: {name}"), body + "\n", attributes)


def _flop(amount: str | None) -> str:
    return "unknown" if amount is None else scientific(int(amount))


def subject(text: str) -> str:
    """A subject line that SNS takes: ASCII, one line, at most 100 characters."""
    line = printable(text).encode("ascii", "replace").decode()
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 3] + "..."


def printable(text: str) -> str:
    """Text without control characters and line breaks, which may come from a job's name or tags."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
