"""A job that is below on its own word alone is called so wherever people or other tools read of it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor_cli.main import app
from tests.fakes.jobs import describe
from tests.fakes.live_ledger import LiveLedger

LLAMA = {"model_id": "meta-llama/Llama-3.1-8B"}
WORD = {"params": "1e9", "tokens": "1e9"}
ALSO_WITHOUT = "AI Act, Art. 51(2), original and modification together over 1e25"
"""The line that the job is below whatever it says of itself."""
ON_ITS_WORD = "below, on the job's word"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two jobs that are below, one of them only if what it says is true."""
    ledger = LiveLedger()
    ledger.add(describe("small", hours=1, HyperParameters=LLAMA))
    ledger.add(describe("word-job", hours=2000, HyperParameters=LLAMA), **WORD)
    ledger.audit()
    ledger.seal()
    return ledger.bundle(tmp_path_factory.mktemp("word"))


def told(bundle: Any, *arguments: str) -> str:
    outcome = CliRunner().invoke(app, [*arguments, "--bundle", str(bundle.path)])
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def test_the_report_counts_each_job_once_and_says_whose_word_it_is(bundle: Any) -> None:
    page = bundle.files["index.html"].decode()
    counts = dict(re.findall(r'<li class="(\w+)"><b>(\d+)</b>', page))
    assert counts == {"above": "0", "indeterminate": "0", "word": "1", "below": "1"}
    assert "No job is known to be above a threshold; 1 of 2 jobs is below on its own word alone" in page
    assert '<section id="summary" class="word"' in page


def test_the_form_says_it_of_the_verdict_and_of_each_line(bundle: Any) -> None:
    form = json.loads(told(bundle, "form", "word-job", "-o", "json"))
    assert form["on_the_jobs_word"]
    assert {each["verdict"] for each in form["standings"]} == {"below"}
    said = {each["title"]: each["verdict_in_words"] for each in form["standings"]}
    assert [title for title, words in said.items() if words == "below"] == [ALSO_WITHOUT]
    assert set(said.values()) == {ON_ITS_WORD, "below"}
    markdown = told(bundle, "form", "word-job", "-o", "markdown")
    assert f"| Verdict of the record | {ON_ITS_WORD} |" in markdown
    assert markdown.count("| below |") == 1
    assert "word-job, word-job" not in markdown


@pytest.mark.parametrize("format_", ["cyclonedx", "spdx", "model-card"])
def test_every_bill_of_materials_claims_no_more(bundle: Any, format_: str) -> None:
    text = told(bundle, "bom", "word-job", "-o", format_)
    assert ON_ITS_WORD in text
    assert re.findall(r": below\b(?!, on)", text) == [": below"]
    assert f"{ALSO_WITHOUT}: below" in text.replace("\\", "")
    assert ON_ITS_WORD not in told(bundle, "bom", "small", "-o", format_)


@pytest.mark.parametrize("day", [datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)])
def test_a_job_without_a_start_is_drawn_whatever_day_it_ended(tmp_path: Path, day: datetime) -> None:
    ledger = LiveLedger()
    ledger.clock.now = datetime(2025, 3, 2, tzinfo=UTC)
    changes = {"CreationTime": day, "TrainingEndTime": day, "LastModifiedTime": day, "SecondaryStatusTransitions": []}
    job = describe("never-began", HyperParameters=LLAMA, **changes)
    del job["TrainingStartTime"]
    ledger.add(job, **WORD)
    ledger.audit()
    ledger.seal()
    page = ledger.bundle(tmp_path).files["index.html"].decode()
    assert f"{day.year - 1}-" in page
