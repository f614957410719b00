"""A service that this product does not know: one parser, and everything after it works as it is."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.ledger_errors import NotRecomputable
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.case import case_of, read_case
from flops_auditor.domain.runs.declared import Statements, read_declared
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.run import Hosts, Run
from flops_auditor.domain.runs.sources.parsers import PARSERS, Parser, UnknownSource
from flops_auditor.domain.runs.training_time import Span, TrainingTime
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import Kind
from flops_auditor.use_cases.auditing.audit_job import settle
from flops_auditor.use_cases.auditing.keep_record import first_record, newest
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.recomputing.recompute import Recomputing, recompute
from tests.fakes.audit import FakeTrainingJobs, recorder
from tests.fakes.cases import words

SOURCE = "made-up:tuning"
METERED = Kind("metered", "training time: the meter of the made-up service, {seconds} s")


def read_tuning(evidence: Evidence) -> Run:
    """The parser: all that a new service needs."""
    answer = evidence.description
    start, seconds = read_time(answer["begun"]), int(answer["seconds"])
    end = start + timedelta(seconds=seconds)
    return Run(
        source=SOURCE,
        arn=answer["id"],
        name=answer["id"].rsplit("/", 1)[-1],
        region=answer["where"],
        status=answer["state"],
        succeeded=True,
        finished=answer["state"] == "done",
        created=start,
        started=start,
        ended=end,
        time=TrainingTime(
            (Span(start, start + timedelta(seconds=seconds)),), Fraction(seconds), METERED(seconds=seconds)
        ),
        declared=read_declared(Statements({}, {}, {}, model_names={"the service": answer["model"]})),
        hosts=(Hosts(answer["machine"], answer["machines"]),),
        begins=tuple(Reference(Location(place), "base") for place in answer.get("from", ())),
        results=(Location(answer["id"]),),
    )


PARSERS_WITH_MADE_UP: Mapping[str, Parser] = {**PARSERS, SOURCE: read_tuning}


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
    return Evidence(answer, tags=[], source=SOURCE)


def audited_by() -> Recorder:
    return recorder(FakeTrainingJobs(), parsers=PARSERS_WITH_MADE_UP)


def test_a_parser_is_all_that_a_new_service_needs() -> None:
    working = audited_by()
    first = case_of(tuning(1), working.parsers)
    kept = first_record(first, working)
    settle(first.run.job_id, working, "recorded", kept)
    second = case_of(tuning(2, **{"from": [first.run.arn]}), working.parsers)
    settle(second.run.job_id, working, "recorded", first_record(second, working))
    recorded = newest(second.run.job_id, working)
    assert recorded is not None
    statement = parse_statement(parse_envelope(recorded.record.line).payload)
    assert statement.subject_name == second.run.arn
    assert statement.subject_sha256 == second.digest
    content = statement.predicate
    assert (content["job"]["source"], content["job"]["region"]) == (SOURCE, "moon-1")
    assert content["original"]["base_model"] == "meta-llama/Llama-3.1-8B"
    assert content["estimate"]["method"] == "hardware"
    assert METERED(seconds=36_000).words in words(content["estimate"]["assumptions"])
    [ancestor] = content["cumulative"]["ancestors"]
    assert ancestor["job_arn"] == first.run.arn
    own = int(content["estimate"]["best_flop"])
    assert int(content["cumulative"]["best_flop"]) == own + int(ancestor["best_flop"]) == 2 * own
    assert content["verdict"] == "below"


def test_a_verifier_with_the_parser_computes_it_again_and_one_without_accuses_nobody() -> None:
    working = audited_by()
    case = case_of(tuning(1), working.parsers)
    kept = first_record(case, working)
    assert kept is not None
    content = {**kept.content, "code_version": __version__}
    accepted = frozenset(content["tables"].values())
    recompute(case.body, content, NothingKept(), accepted, working.parsers)
    assert Recomputing(accepted, working.parsers)(case.body, content, NothingKept())
    with pytest.raises(NotRecomputable, match="a service that version"):
        recompute(case.body, content, NothingKept(), accepted)


def test_evidence_of_a_source_that_nobody_reads_is_a_named_error() -> None:
    with pytest.raises(UnknownSource, match="made-up:tuning"):
        read_case(tuning(1).to_bytes())
