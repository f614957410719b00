"""Writes docs/refusals.md: who is refused what, and by what. Run as `python -m tests.integration.refusal_table`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from tests.integration.evaluated_side import CASES as EVALUATED
from tests.integration.evaluated_side import Evaluated
from tests.integration.other_side import CASES, Case
from tests.template.loading import REPOSITORY

REFUSALS_DOCUMENT = REPOSITORY / "docs" / "refusals.md"
HEAD = """# What is refused

Calls to AWS that would change or delete records, or sign false ones, and that the deployment refuses.

Made from the cases of `tests/integration/test_other_side.py` by `python -m tests.integration.refusal_table`; a test
fails where the two differ. *Another principal* is a role of the same account that its own policy lets do everything to
S3, KMS and DynamoDB; a *widened* role is one that somebody gave every permission. Beside each refusal the same call is
shown to succeed where it may be made.

{called} cases are calls of the deployed stack, judged by the emulator with `AUTH=true`. It lets root pass, and nobody
can call it as a service, as another account or as a replication: {evaluated} cases are judged from the deployed
policies by a second evaluator, `tests/integration/policy_evaluation.py`. moto evaluates no conditions, and judges none.

What is *not* refused to an administrator: changing the bucket's and the keys' policies (AWS would otherwise leave
nobody but root who can mend a mistake), disabling a key, deleting items of the table, which is an index. CloudTrail has
the first two. On an object of the archive everything is refused but reading and putting once, whatever S3 comes to
offer; of the bucket's settings those are left that neither delete nor change an object:
`tests/template/test_archive_operations.py` decides each operation. Object Lock keeps every object without the bucket
policy too, which the same test shows; docs/threat-model.md says what catches the rest.
"""


def rows(cases: Iterable[Case | Evaluated]) -> list[str]:
    """A row for all that the same principals are refused by the same policies."""
    acts: dict[tuple[str, str], list[str]] = {}
    for case in cases:
        acts.setdefault((case.by, case.what), []).append(case.who)
    sorted_acts = sorted((by, ", ".join(whos), what) for (by, what), whos in acts.items())
    return [
        f"| {whos} | {'; '.join(what for *_, what in group)} | {by} |"
        for (by, whos), group in groupby(sorted_acts, key=lambda act: act[:2])
    ]


def page() -> str:
    """The page."""
    parts = [HEAD.format(called=len(CASES), evaluated=len(EVALUATED))]
    for title, cases in (("Judged by the emulator", CASES), ("Judged from the deployed policies", EVALUATED)):
        table = "\n".join(rows(cases))
        parts.append(f"## {title}\n\n| who | is refused | by |\n| --- | --- | --- |\n{table}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    REFUSALS_DOCUMENT.write_text(page())
