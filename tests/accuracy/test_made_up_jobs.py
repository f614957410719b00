"""Jobs made at random: none that took more than its line is called below, unless the verdict says that it rests on the
job's word; none that took less than a third of it is called above, unless its owner's own declaration says so; and
true, full evidence decides.

`make test-jobs` makes 10,000 of each and prints the figures.
"""

import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from flops_auditor.domain.audit.audit import Audit
from tests.accuracy.made_up_jobs import far_under_its_own_lines, lines_of, made_up, spoiled

FULL = os.environ.get("FLOPS_AUDITOR_JOBS") == "full"
JOBS = 10_000 if FULL else 60
MOST_INDETERMINATE = 0.05
CHUNK = 20


def wrong(seed: int) -> tuple[Counter[str], list[str]]:
    """Verdicts of a job near its line with true evidence and of the same job with spoiled evidence; what is wrong."""
    honest, job = made_up(seed, near=True), spoiled(seed)
    with_all, found = honest.audited_alone(), job.audited_alone()
    lines = lines_of(honest, with_all)
    counts = Counter([f"near its line, {with_all.verdict}", f"spoiled, {found.verdict}"])
    counts["over its line"] += lines.over
    said = []
    for each, audit, of in ((honest, with_all, "true evidence"), (job, found, ", ".join(job.done))):
        whole = each.audited() if audit.verdict == "below" and lines.over else audit
        if whole.verdict == "below" and lines.over:
            counts["below on the job's word, though over"] += whole.on_the_jobs_word
            said += [] if whole.on_the_jobs_word else [f"{seed}: below, though over: {of}"]
        if audit.verdict == "above" and lines.far_under and far_under_its_own_lines(job, audit):
            own_word = says_so_itself(each.audited())
            counts["above by its own declaration, though far under"] += own_word
            said += [] if own_word else [f"{seed}: above, though far under: {of}"]
    return counts, said


def says_so_itself(audit: Audit) -> bool:
    """Whether the record says that the verdict would not be above without what the job's owner declares."""
    grounds = audit.rests_on.grounds if audit.rests_on else ()
    return any(ground.source == "declared" and ground.verdict_without not in (None, "above") for ground in grounds)


def verdict_of_true_evidence(seed: int) -> str:
    """The verdict of a job of any size."""
    return made_up(seed).audited_alone().verdict


def test_no_spoiled_evidence_brings_about_a_wrong_verdict() -> None:
    counts: Counter[str] = Counter()
    said: list[str] = []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for more, mistakes in pool.map(wrong, range(JOBS), chunksize=CHUNK):
            counts += more
            said += mistakes
    figures = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    sys.stdout.write("\n".join([*said, f"{JOBS} jobs near their line: {figures}\n"]))
    assert counts["over its line"] > JOBS / 20
    assert not said


def test_true_and_full_evidence_decides() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        verdicts = Counter(pool.map(verdict_of_true_evidence, range(JOBS), chunksize=CHUNK))
    sys.stdout.write(f"{JOBS} jobs of any size with true and full evidence: {dict(verdicts)}\n")
    assert verdicts["indeterminate"] < MOST_INDETERMINATE * JOBS
