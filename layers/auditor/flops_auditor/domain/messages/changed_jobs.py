"""What people are told of jobs that changed after they were seen or audited."""

from collections import Counter
from collections.abc import Sequence

from flops_auditor.domain.messages.record_alert import LONGEST_SUBJECT, WHAT_A_MAIL_MEANS, Alert, wrapped
from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.remarks import Remark
from flops_auditor.domain.values.turns import by_turns

MOST_TOLD = 20


def tell_changes(changes: Sequence[tuple[str, str, Remark]]) -> Alert:
    """One mail for a round: each job's name, its region, and what is to be said of it.

    Kinds take turns, and in each of them the regions, so that many of one keep none of another out of the mail; the
    order given decides between them.
    """
    count = len(changes)
    in_regions = by_turns(changes, lambda change: (change[2].kind.name, change[1]))
    in_turn = by_turns(in_regions, lambda change: change[2].kind.name)
    kinds = [remark.kind.name for _, _, remark in in_turn]
    more = Counter(kinds[MOST_TOLD:])
    subject = f"[FLOPs Auditor] {counted(count, 'job')} changed, gone or withheld"
    lines = [f"- {name} ({region}): {remark.words}" for name, region, remark in in_turn[:MOST_TOLD]]
    if more:
        counts = ", ".join(f"{more[kind]} {kind}" for kind in dict.fromkeys(kinds) if kind in more)
        lines.append(f"- and {more.total()} more ({counts}); the log of the reconcile function names all")
    head = "What the reconciliation found of jobs after they were seen or audited:"
    body = "\n".join([head, "", *(wrapped(line, hanging="  ") for line in lines), "", wrapped(WHAT_A_MAIL_MEANS), ""])
    return Alert(subject[:LONGEST_SUBJECT], body, {"kind": "changed-jobs"})
