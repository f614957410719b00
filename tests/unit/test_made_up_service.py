"""A service that this product does not know: an entry with its reader and its events, and a collector. Everything else
works as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.ledger_errors import NotRecomputable
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.declared import Statements, read_declared
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.run import Hosts, Run, RunState
from flops_auditor.domain.runs.sources.cases import case_of, read_case
from flops_auditor.domain.runs.sources.registry import SERVICES, Service, Services, UnknownSource, read_pointer
from flops_auditor.domain.runs.training_time import Span, TrainingTime
from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import Kind
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import Territory, handle_event
from flops_auditor.use_cases.auditing.collect_evidence import Described, SaidOfModels
from flops_auditor.use_cases.auditing.keep_record import case_behind, first_record, newest
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob
from flops_auditor.use_cases.recomputing.recompute import Recomputing, recompute
from tests.fakes.audit import FakeTrainingJobs, FixedRegions, recorder
from tests.fakes.cases import words
from tests.unit.test_amend import amendment
from tests.unit.test_words_of_services import of_sagemaker

SOURCE = "made-up:tuning"
STATES: Mapping[str, RunState] = {
    "done": "succeeded",
    "CRASHED": "error",
    "out of fuel": "error",
    "ENDED BY HAND": "stopped",
}
METERED = Kind("metered", "training time: the meter of the made-up service, {seconds} s")


def read_tuning(evidence: Evidence) -> Run:
    """Its reader."""
    answer = evidence.description
    start, seconds = read_time(answer["begun"]), int(answer["seconds"])
    end = start + timedelta(seconds=seconds)
    return Run(
        source=SOURCE,
        arn=answer["id"],
        name=answer["id"].rsplit("/", 1)[-1],
        region=answer["where"],
        status=answer["state"],
        state=STATES[answer["state"]],
        created=start,
        started=start,
        ended=end,
        time=TrainingTime(
            (Span(start, start + timedelta(seconds=seconds)),), Fraction(seconds), METERED(seconds=seconds)
        ),
        declared=read_declared(Statements({}, {}, {}, model_names={"the service": answer["model"]})),
        hosts=(Hosts(answer["machine"], answer["machines"]),) if "machine" in answer else (),
        undisclosed="" if "machine" in answer else "run in a crater",
        billed_tokens=answer.get("words"),
        billed_as="words read",
        begins=tuple(Reference(Location(place), "base") for place in answer.get("from", ())),
        results=(Location(answer["id"]),),
    )


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """Its events."""
    return pointer_to(detail["tuning"], source) if "tuning" in detail else None


def pointer_to(arn: str, source: str = "") -> JobPointer:
    name = arn.rsplit("/", 1)[-1]
    account = arn.split("/")[2]
    parts = {"arn": arn, "name": name, "region": "moon-1", "account": account, "source": source}
    return JobPointer(service=SOURCE, event_source="aws.made-up", **parts)


@dataclass
class TuningCollector:
    """Its collector, over answers by name."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        return pointer_to(arn)

    def describe(self, pointer: JobPointer) -> Described:
        if pointer.name not in self.answers:
            raise UnknownTrainingJob(pointer.name)
        evidence = Evidence(self.answers[pointer.name], tags=[], source=SOURCE)
        run = read_tuning(evidence)

        def collect(now: datetime, said: SaidOfModels) -> Case:
            return case_of(replace(evidence, collected_at=now, amendments=said(run)), WITH_MADE_UP)

        return Described(run.job_id, run.name, run.status, run.state, collect)


WITH_MADE_UP: Services = {**SERVICES, SOURCE: Service(read_tuning, points_at)}
TERRITORY = Territory("account", FixedRegions())


def tuning(number: int, **changes: Any) -> Evidence:
    answer = {
        "id": f"made-up://account/tuning-{number}",
        "where": "moon-1",
        "state": "done",
        "begun": f"2026-03-0{number}T00:00:00Z",
        "seconds": 36_000,
        "model": "meta-llama/Llama-3.1-8B",
        "machine": "ml.p5.48xlarge",
        "machines": 2,
        **changes,
    }
    answer = {name: value for name, value in answer.items() if value is not None}
    return Evidence(answer, tags=[], source=SOURCE)


def audited_by() -> Recorder:
    made = recorder(FakeTrainingJobs(), services=WITH_MADE_UP)
    return replace(made, collectors={**made.collectors, SOURCE: TuningCollector()})


def delivered(number: int, working: Recorder, **changes: Any) -> Run:
    """A run of the service ends, and its event is delivered."""
    collector = working.collectors[SOURCE]
    assert isinstance(collector, TuningCollector)
    evidence = tuning(number, **changes)
    run = read_tuning(evidence)
    collector.answers[run.name] = evidence.description
    event = {"source": "aws.made-up", "detail": {"tuning": run.arn}}
    assert handle_event(event, working, "delivery", TERRITORY).kind == "recorded"
    assert handle_event(event, working, "delivery", TERRITORY).kind == "already recorded"
    return run


def test_an_entry_and_a_collector_are_all_that_a_new_service_needs() -> None:
    working = audited_by()
    first = delivered(1, working)
    second = delivered(2, working, **{"from": [first.arn]})
    recorded = newest(second.job_id, working)
    assert recorded is not None
    statement = parse_statement(parse_envelope(recorded.record.line).payload)
    assert statement.subject_name == second.arn
    assert statement.subject_sha256 == case_behind(second.job_id, recorded, working).digest
    content = statement.predicate
    assert (content["job"]["source"], content["job"]["region"]) == (SOURCE, "moon-1")
    assert content["original"]["base_model"] == "meta-llama/Llama-3.1-8B"
    assert content["estimate"]["method"] == "hardware"
    assert METERED(seconds=36_000).words in words(content["estimate"]["assumptions"])
    [ancestor] = content["cumulative"]["ancestors"]
    assert ancestor["job_arn"] == first.arn
    own = int(content["estimate"]["best_flop"])
    assert int(content["cumulative"]["best_flop"]) == own + int(ancestor["best_flop"]) == 2 * own
    assert content["verdict"] == "below"


def test_what_a_word_of_the_service_means_decides_and_not_the_word() -> None:
    found: dict[str, tuple[str, set[str]]] = {}
    for word in STATES:
        working = audited_by()
        run = delivered(1, working, state=word, seconds=3_600_000, machines=400)
        recorded = newest(run.job_id, working)
        assert recorded is not None
        content = recorded.content
        assert (content["job"]["status"], content["job"]["finished"]) == (word, True)
        assert content["job"]["succeeded"] == (word == "done")
        found[word] = content["verdict"], {doubt["kind"] for each in content["assessments"] for doubt in each["doubts"]}
    assert found["done"] == found["ENDED BY HAND"] == ("above", set())
    assert found["CRASHED"] == found["out of fuel"] == ("indeterminate", {"disputed-reading"})


def test_an_ancestor_that_was_stopped_failed_as_one_that_met_an_error_did() -> None:
    for word in STATES:
        working = audited_by()
        first = delivered(1, working, state=word)
        second = delivered(2, working, **{"from": [first.arn]})
        recorded = newest(second.job_id, working)
        assert recorded is not None
        [ancestor] = recorded.content["cumulative"]["ancestors"]
        assert ancestor.get("failed", False) == (word != "done")


def test_a_record_has_the_words_of_the_service_and_not_those_of_another() -> None:
    working = audited_by()
    run = delivered(1, working, machine=None, words=10**9)
    recorded = newest(run.job_id, working)
    assert recorded is not None
    assumptions = words(recorded.content["estimate"]["assumptions"])
    assert any("tokens: words read" in each for each in assumptions)
    assert "run in a crater: its hardware is not disclosed" in assumptions
    assert not [each for each in assumptions if of_sagemaker(each)]


def test_evidence_is_amended_and_asked_for_again_as_that_of_any_service() -> None:
    working = audited_by()
    run = delivered(1, working)
    given = amendment(parameters=10**9, tokens=10**10, asked_again=True)
    amend(run.job_id, given, working)
    kept = newest(run.job_id, working)
    assert kept is not None
    assert (kept.revision, kept.content["estimate"]["method"]) == (1, "architecture")


def test_an_event_that_no_service_knows_is_a_named_error() -> None:
    with pytest.raises(MalformedEvent, match="no run of a known service: it has 'tuning'"):
        handle_event({"source": "aws.made-up", "detail": {"tuning": "x"}}, recorder(), "delivery", TERRITORY)


def test_dead_letters_of_any_service_are_told_apart() -> None:
    letter = {"source": "aws.made-up", "detail": {"tuning": "made-up://account/tuning-1"}}
    assert read_pointer(letter, WITH_MADE_UP).name == "tuning-1"


def test_a_verifier_with_the_parser_computes_it_again_and_one_without_accuses_nobody() -> None:
    working = audited_by()
    case = case_of(tuning(1), working.services)
    kept = first_record(case, working)
    assert kept is not None
    content = {**kept.content, "code_version": __version__}
    accepted = frozenset(content["tables"].values())
    recompute(case.body, content, NothingKept(), accepted, working.services)
    assert Recomputing(accepted, working.services)(case.body, content, NothingKept())
    with pytest.raises(NotRecomputable, match="a service that version"):
        recompute(case.body, content, NothingKept(), accepted)


def test_evidence_of_a_source_that_nobody_reads_is_a_named_error() -> None:
    with pytest.raises(UnknownSource, match="made-up:tuning"):
        read_case(tuning(1).to_bytes())
