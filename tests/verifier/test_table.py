"""records.csv of the demo: what it says of thresholds is what lists say, and both verifiers write it alike."""

import csv
from datetime import timedelta
from pathlib import Path

from flops_auditor.domain.messages.record_row import row_of
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.fakes.demo_ledger import demo_ledger
from tests.verifier.page_core import PageCore, page_said, python_said

JOBS = "evaluation-suite", "unlisted-accelerator", "full-llama-3-1-70b", "pretraining-from-scratch"
"""Compared with none, with what nothing bounds, with one of a known original, and with a policy that words a law."""


def test_the_table_says_with_which_threshold_a_run_was_compared(page: PageCore, tmp_path: Path) -> None:
    ledger = demo_ledger(*JOBS)
    bundle = ledger.bundle(tmp_path)
    rows = {row["job_id"]: row for row in csv.DictReader(bundle.files["records.csv"].decode().splitlines())}
    listed = {row["job_id"]: row for row in (row_of(ledger.content(name)) for name in ledger.pointers)}
    said = {job_id: (row["compared_with"], row["threshold_flop"]) for job_id, row in rows.items()}
    assert said == {job_id: (str(row["compared_with"]), row["threshold_flop"] or "") for job_id, row in listed.items()}
    assert len(set(said.values())) == len(JOBS)
    asked = Demands(ledger.clock.now + timedelta(minutes=1))
    told, shown = verify_bundle(bundle.path, asked), page.judge(bundle.path, asked)
    assert page_said(shown) == python_said(told) == ("valid", [])
