"""What people are told of jobs that changed after they were seen or audited."""

from collections.abc import Sequence

from flops_auditor.domain.messages.record_alert import LONGEST_SUBJECT, WHAT_A_MAIL_MEANS, Alert, wrapped
from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.remarks import Remark, printable

MOST_TOLD = 20


def tell_changes(changes: Sequence[tuple[str, str, Remark]]) -> Alert:
    """One mail for a round: each job's name, its region, and what is to be said of it."""
    count = len(changes)
    subject = f"[FLOPs Auditor] {counted(count, 'training job')} changed, gone or withheld"
    lines = [f"- {printable(name)} ({region}): {remark.words}" for name, region, remark in changes[:MOST_TOLD]]
    if count > MOST_TOLD:
        lines.append(f"- and {count - MOST_TOLD} more; the log of the reconcile function names all")
    head = "What the reconciliation found of training jobs after they were seen or audited:"
    body = "\n".join([head, "", *(wrapped(line, hanging="  ") for line in lines), "", wrapped(WHAT_A_MAIL_MEANS), ""])
    return Alert(subject[:LONGEST_SUBJECT], body, {"kind": "changed-jobs"})
