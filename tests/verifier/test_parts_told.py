"""What both verifiers and every command say of a part: that records may be missing, and those that are seen to be."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from click.testing import Result
from typer.testing import CliRunner

from flops_auditor.domain.ledger.part_words import OF_A_PART, lacked
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.use_cases.ledger.verify_bundle import Demands
from flops_auditor_cli.main import app
from tests.fakes.bundles import Bundle
from tests.fakes.ledger_world import MODELS
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.verifier.page_core import PageCore, page_said, python_said

TAKEN = {"none": ((), 0), "newest": ((2,), 0), "middle": ((1,), 1), "first": ((0,), 1), "all below": ((0, 1), 2)}
"""Revisions of the job that are taken out of the part, and how many can be seen not to be there."""
COMMANDS = {
    "records list": ["records", "list"],
    "records show": ["records", "show", "child"],
    "form": ["form", "child"],
    "bom": ["bom", "child"],
    "report": ["report"],
}


@pytest.fixture(scope="module")
def ledger() -> LiveLedger:
    """A job with three records: both jobs that it continues are recorded after it."""
    ledger = LiveLedger()
    ledger.add(continuing("first", hours=1), base_model=MODELS[0])
    ledger.add(continuing("second", hours=1), base_model=MODELS[0])
    ledger.add(continuing("child", ["first", "second"], day=1, hours=2), base_model=MODELS[0])
    ledger.audit("child", "first", "second")
    ledger.seal()
    return ledger


@pytest.fixture(params=TAKEN)
def cut(request: pytest.FixtureRequest, ledger: LiveLedger, tmp_path: Path) -> Iterator[tuple[Bundle, int]]:
    """A part from which somebody took records of the job, and how many of them can be seen to be missing."""
    taken, seen = TAKEN[request.param]
    part = ledger.bundle(tmp_path, MODELS[0])
    for name in part.names("evidence/"):
        index = Path(name).stem
        content = predicate_of(part.files[f"leaves/{index}.json"])
        if content["job"]["name"] == "child" and content["revision"] in taken:
            for gone in (name, f"leaves/{index}.json", f"proofs/{index}.tlog-proof"):
                del part.files[gone]
    if taken:
        part.drop_shown()
    part.write()
    with time_machine.travel(ledger.at, tick=False):
        yield part, seen


def told(*arguments: str) -> Result:
    finished = CliRunner().invoke(app, list(arguments))
    assert finished.exit_code == 0, finished.output
    return finished


def test_both_verifiers_count_what_is_seen_to_be_missing(cut: tuple[Bundle, int], ledger: LiveLedger) -> None:
    part, seen = cut
    report, page = part.verify(), PageCore()
    judged = page.judge(part.path, Demands(as_of=ledger.at))
    page.end()
    assert python_said(report) == page_said(judged) == ("valid", [])
    assert report.superseded_elsewhere == judged["supersededElsewhere"] == seen


def test_verify_names_it(cut: tuple[Bundle, int]) -> None:
    part, seen = cut
    words = told("verify", str(part.path)).stderr
    assert OF_A_PART in words
    assert lacked(seen) in words
    assert ("supersede" in words) == bool(seen)


@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_reads_a_part_is_told_that_it_is_one(
    cut: tuple[Bundle, int], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, seen = cut
    monkeypatch.chdir(part.path.parent)
    words = told(*COMMANDS[command], "--bundle", str(part.path)).stderr
    assert f"a part of a ledger: model {MODELS[0]}; {OF_A_PART}" in words
    assert ("supersede" in words) == bool(seen)
    assert lacked(seen) in words


FILES = {
    "form": ["form", "child", "--output", "markdown"],
    "form as values": ["form", "child", "--output", "json"],
    "card": ["bom", "child", "--output", "model-card"],
    "cyclonedx": ["bom", "child", "--output", "cyclonedx"],
    "spdx": ["bom", "child", "--output", "spdx"],
    "report": ["report"],
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_written_of_a_part_says_so(cut: tuple[Bundle, int], kind: str, tmp_path: Path) -> None:
    part, seen = cut
    file = tmp_path / "written"
    told(*FILES[kind], "--bundle", str(part.path), "--output-file", str(file))
    words = file.read_text()
    assert OF_A_PART[1:] in words
    assert lacked(seen) in words
    assert ("supersedes is not in it" in words or "supersede are not in it" in words) == bool(seen)


@pytest.mark.parametrize("kind", FILES)
def test_a_whole_ledger_is_no_part(ledger: LiveLedger, kind: str, tmp_path: Path) -> None:
    whole, file = ledger.bundle(tmp_path), tmp_path / "written"
    with time_machine.travel(ledger.at, tick=False):
        words = told(*FILES[kind], "--bundle", str(whole.path), "--output-file", str(file)).stderr
    assert OF_A_PART[1:] not in words + file.read_text()
