"""What a record says of a model that may have come through a door that nobody looked after."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.messages.record_words import noted
from flops_auditor.domain.runs.evidence import BATCH_JOB, TRAINING_JOB, TRAINING_SESSION, Evidence, parse_evidence
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.auditing.ask_again import ask_again
from flops_auditor.use_cases.auditing.collect_shut_doors import WithShutDoors
from flops_auditor.use_cases.auditing.collect_training_job import TrainingJobCollector
from flops_auditor.use_cases.ledger.export_bundle import export_whole
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.lineage import artifact, channel, continuing
from tests.fakes.live_ledger import LiveLedger

SHUT = (BATCH_JOB, TRAINING_SESSION)
KIND = "behind-shut-doors"
UNSEEN: dict[str, Any] = {"InputDataConfig": [channel("model", "s3://models/session-7/model.tar.gz")]}
"""What a run behind a shut door left."""


def ledger_with(shut: tuple[str, ...]) -> LiveLedger:
    """A ledger whose recorder looks after all but these sources."""
    ledger = LiveLedger()
    inner = TrainingJobCollector(ledger.jobs, ledger.metrics, ledger.recorder.tables.metrics)
    collector = WithShutDoors(inner, shut) if shut else inner
    ledger.recorder = replace(ledger.recorder, collectors={TRAINING_JOB: collector})
    return ledger


def notes_of(content: dict[str, Any]) -> list[str]:
    return [each["words"] for each in content["lineage"]["notes"] if each["kind"] == KIND]


def of_one(shut: tuple[str, ...], begins: dict[str, Any], **tags: str) -> dict[str, Any]:
    """The record of one run that begins so."""
    ledger = ledger_with(shut)
    ledger.add(continuing("known"))
    ledger.add(continuing("heir", day=3, hours=1, **begins), **tags)
    ledger.audit("known", "heir")
    return ledger.content("heir")


def test_a_model_of_which_no_record_says_who_left_it_is_noted_where_doors_were_shut() -> None:
    """The chain through a shut door was below, with no word of it in the record."""
    content = of_one(SHUT, UNSEEN)
    [told] = notes_of(content)
    assert "s3://models/session-7/model.tar.gz" in told and "batch:job, sagemaker:training-session" in told
    assert told in noted(content)
    assert (content["verdict"], content["lineage"]["doubts"]) == ("below", [])


def test_with_all_doors_open_there_is_no_such_note_and_evidence_is_as_it_was() -> None:
    content = of_one((), UNSEEN)
    assert content["lineage"]["notes"] == [] and "shut" not in " ".join(noted(content))
    assert b"shutDoors" not in Evidence({}).to_bytes()


@pytest.mark.parametrize(
    "begins",
    [
        {},
        {"InputDataConfig": [channel("model", artifact("known"))]},
        {"InputDataConfig": [channel("train", "s3://models/session-7/model.tar.gz")]},
        {"InputDataConfig": [channel("model", "s3://jumpstart-cache-prod-eu-west-1/llama/")]},
    ],
    ids=["from no place", "a recorded run", "data", "a model of AWS"],
)
def test_what_is_known_or_no_model_has_no_note(begins: dict[str, Any]) -> None:
    assert notes_of(of_one(SHUT, begins)) == []


def test_the_lineage_tag_settles_it() -> None:
    assert notes_of(of_one(SHUT, UNSEEN, lineage="known")) == []


def test_evidence_says_which_doors_were_shut() -> None:
    assert parse_evidence(Evidence({}, shut_doors=SHUT).to_bytes()).shut_doors == SHUT


def test_sources_that_are_asked_again_leave_the_doors_that_were_shut() -> None:
    """Opened since: what went through meanwhile and is forgotten still has no record."""
    ledger = ledger_with(SHUT)
    ledger.add(continuing("heir", hours=1, **UNSEEN))
    ledger.audit("heir")
    body = ledger.archive.get(evidence_key(ledger.job_id("heir"), 0))
    assert body is not None
    [collector] = ledger.recorder.collectors.values()
    assert isinstance(collector, WithShutDoors)
    opened = replace(ledger.recorder, collectors={TRAINING_JOB: collector.collector})
    assert ask_again(read_case(body), opened).evidence.shut_doors == SHUT


@pytest.mark.parametrize("shut", [(), SHUT])
def test_the_whole_ledger_computes_again(shut: tuple[str, ...], tmp_path: Path) -> None:
    ledger = ledger_with(shut)
    ledger.add(continuing("heir", hours=1, **UNSEEN))
    ledger.add(continuing("next", ["heir"], day=3, hours=1))
    ledger.audit("heir", "next")
    assert bool(notes_of(ledger.content("heir"))) == bool(shut) and not notes_of(ledger.content("next"))
    ledger.clock.now += timedelta(hours=3)
    ledger.seal()
    export_whole(ledger.archive, ledger.ledger, tmp_path / "bundle.zip", ledger.at)
    assert verify_bundle(tmp_path / "bundle.zip", Demands(ledger.at, recompute=Recomputing())).verdict == "valid"
