"""Which doors are open for each function and for the command line, and what becomes of what goes through the others."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from flops_auditor.aws.wiring.doors import (
    SOURCE_OF_WORD,
    WORD_OF_PARAMETER,
    UnknownDoor,
    doors_by,
    shut_by,
    sources_behind,
    sources_shut,
)
from flops_auditor.aws.wiring.environment import (
    AuditEnvironment,
    Environment,
    ReconcileEnvironment,
    ReportEnvironment,
    WatchEnvironment,
)
from flops_auditor.aws.wiring.reconciling import reconcilers_from
from flops_auditor.aws.wiring.recording import recorder_from, territory_from
from flops_auditor.aws.wiring.reporting import reporter_from
from flops_auditor.aws.wiring.watching import watchers_from
from flops_auditor.domain.runs.evidence import (
    BATCH_JOB,
    CUSTOMIZATION_JOB,
    SAGEMAKER_JOB,
    TRAINING_JOB,
    TRAINING_SESSION,
)
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE, REPLAY_SOURCE
from flops_auditor.use_cases.auditing.audit_job import ShutDoor, Territory, handle_event
from flops_auditor.use_cases.operations.check_health import states_of_doors
from flops_auditor.use_cases.operations.compare_jobs import JobComparison, RegionState
from flops_auditor.use_cases.operations.reconcile_doors import (
    BATCH_JOBS,
    CUSTOMIZATION_JOBS,
    EVERY_DOOR,
    SAGEMAKER_JOBS,
    SOURCE_OF_DOOR,
    TRAINING_JOBS,
    TRAINING_SESSIONS,
)
from tests.fakes.audit import FakeTrainingJobs, FixedRegions, MemoryRecords, recorder
from tests.fakes.customization_jobs import customization
from tests.fakes.ledger import MemoryArchive

Kind = TypeVar("Kind", bound=Environment)
EVERY_WORD = "training-jobs,training-sessions,sagemaker-jobs,bedrock,batch"
OPENED = {
    EVERY_WORD: frozenset({TRAINING_JOB, TRAINING_SESSION, SAGEMAKER_JOB, CUSTOMIZATION_JOB, BATCH_JOB}),
    "training-jobs,,,,": frozenset({TRAINING_JOB}),
    "training-jobs,,,bedrock,": frozenset({TRAINING_JOB, CUSTOMIZATION_JOB}),
    "training-jobs,training-sessions,,,batch": frozenset({TRAINING_JOB, TRAINING_SESSION, BATCH_JOB}),
    "training-jobs,sagemaker-jobs": frozenset({TRAINING_JOB, SAGEMAKER_JOB}),
}
HERE = {
    "REGIONS": "eu-west-1",
    "EXCLUDED_REGIONS": "none",
    "LISTING_RATE": "1",
    "AUDIT_CONCURRENCY": "4",
    "WARNING_FRACTIONS": "0.5",
    "STOP_ON_CROSSING": "true",
    "TRUST_STATEMENTS": "true",
    "COMPARE_ARTIFACTS": "false",
    "POLICIES": "eu-gpai-guidelines-2025-07",
    "ACCOUNT_ID": "123456789012",
}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are made, and none is called."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-west-1")


def environment(kind: type[Kind], doors: str) -> Kind:
    """The environment of a function with this value of Doors."""
    values = {field.name.upper(): "https://sqs.eu-west-1.amazonaws.com/1/a" for field in fields(kind)}
    return kind.read({**values, **HERE, "DOORS": doors})


@pytest.mark.parametrize(("doors", "sources"), OPENED.items())
def test_every_function_looks_after_the_same_doors(doors: str, sources: frozenset[str]) -> None:
    assert sources_behind(doors) == sources
    reconciled = reconcilers_from(environment(ReconcileEnvironment, doors))
    assert {SOURCE_OF_DOOR[name] for name in reconciled} == sources
    watched = watchers_from(environment(WatchEnvironment, doors))
    assert {each.service for each in watched} == sources
    reporter = reporter_from(environment(ReportEnvironment, doors))
    assert len(reporter.doors) == len(sources)
    assert {each.what for each in reporter.closed} == {
        w for w, source in SOURCE_OF_DOOR.items() if source not in sources
    }
    assert {each.parameter for each in reporter.closed} == {
        parameter for parameter, word in WORD_OF_PARAMETER.items() if SOURCE_OF_WORD[word] not in sources
    }
    shut = sources_shut(doors)
    assert set(shut) == set(SOURCE_OF_WORD.values()) - sources
    recorders = [recorder_from(environment(AuditEnvironment, doors), shut), *(each.recorder for each in watched)]
    told = {getattr(each, "shut", ()) for recorder in recorders for each in recorder.collectors.values()}
    assert told == {shut}, "what they do not look after is in the evidence"
    assert territory_from(environment(AuditEnvironment, doors)).sources == sources


def test_training_jobs_come_first_whatever_the_order_of_the_words() -> None:
    reconciled = reconcilers_from(environment(ReconcileEnvironment, "batch,bedrock,training-jobs"))
    assert list(reconciled) == [TRAINING_JOBS, CUSTOMIZATION_JOBS, BATCH_JOBS]


def test_every_word_opens_a_door_of_its_own() -> None:
    assert sorted(SOURCE_OF_WORD.values()) == sorted(SOURCE_OF_DOOR.values())


@pytest.mark.parametrize("doors", ["hyperpod", "all", "all,batch", "batch bedrock", "Batch", "x" * 5000])
def test_a_word_that_is_no_door_is_refused_by_name(doors: str) -> None:
    with pytest.raises(UnknownDoor) as refused:
        sources_behind(doors)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("source", ["aws.bedrock", RECONCILE_SOURCE, REPLAY_SOURCE])
def test_an_event_of_a_shut_door_is_passed_over_and_nothing_is_asked(source: str) -> None:
    told = customization()
    detail = {"jobArn": told["jobArn"], "jobName": told["jobName"], "jobStatus": "Completed"}
    records, archive = MemoryRecords(), MemoryArchive()
    made = recorder(FakeTrainingJobs(), records=records, archive=archive)
    territory = Territory("123456789012", FixedRegions(), sources_behind("training-jobs,batch"))
    event = {"source": source, "detail-type": "Model Customization Job State Change", "detail": detail}
    outcome = handle_event(event, made, "delivery", territory)
    assert (outcome.kind, outcome.job_id) == ("passed over", "")
    assert told["jobArn"] in outcome.reason
    assert "shut" in outcome.reason
    assert (records.lines, list(archive.list(""))) == ({}, [])
    assert "parameters" in ShutDoor.remedy


OTHERS = {TRAINING_SESSION, SAGEMAKER_JOB, CUSTOMIZATION_JOB, BATCH_JOB}


@pytest.mark.parametrize(
    ("parameters", "doors", "shut"),
    [
        ({}, "training-jobs", dict.fromkeys(OTHERS, "Doors")),
        ({"Doors": "training-jobs", "BatchJobs": "true"}, "training-jobs", dict.fromkeys(OTHERS, "Doors")),
        ({"Doors": "all"}, EVERY_WORD, {}),
        ({"Doors": "all", **dict.fromkeys(WORD_OF_PARAMETER, "true")}, EVERY_WORD, {}),
        (
            {"Doors": "all", "BedrockJobs": "false", "TrainingSessions": "false"},
            "training-jobs,sagemaker-jobs,batch",
            {CUSTOMIZATION_JOB: "BedrockJobs", TRAINING_SESSION: "TrainingSessions"},
        ),
    ],
)
def test_the_command_line_opens_what_the_stack_opens(
    parameters: Mapping[str, str], doors: str, shut: Mapping[str, str]
) -> None:
    """Also of a stack that an older template made, which has none of these parameters, or Doors alone."""
    assert (doors_by(parameters), shut_by(parameters)) == (doors, shut)


def compared(*errors: str) -> JobComparison:
    states: Any = (RegionState(f"region-{at}", 0, 0, 0, (), error) for at, error in enumerate(errors))
    return JobComparison(tuple(states), datetime(2026, 1, 1, tzinfo=UTC))


def test_the_doctor_says_of_each_door_whether_it_is_open_shut_or_refuses() -> None:
    shut = {CUSTOMIZATION_JOBS: "BedrockJobs", BATCH_JOBS: "BatchJobs"}
    seen = {TRAINING_JOBS: compared("", ""), TRAINING_SESSIONS: compared("", "SourceDenied: no")}
    told = {each.check: each for each in states_of_doors(shut, seen)}
    assert list(told) == [f"door of {name}" for name in EVERY_DOOR]
    by_door = {name: told[f"door of {name}"] for name in EVERY_DOOR}
    assert {name: each.ok for name, each in by_door.items()} == {
        TRAINING_JOBS: True,
        TRAINING_SESSIONS: False,
        SAGEMAKER_JOBS: False,
        CUSTOMIZATION_JOBS: True,
        BATCH_JOBS: True,
    }
    assert by_door[TRAINING_JOBS].detail == "open in 2 regions"
    assert by_door[TRAINING_SESSIONS].detail == "open, and refuses in 1 of 2 regions: region-1"
    assert by_door[SAGEMAKER_JOBS].detail == "open, and could not be asked"
    for name, parameter in shut.items():
        assert by_door[name].detail.startswith(f"shut, as the stack's parameter {parameter} says")
    assert all(each.ok or each.remedy for each in told.values())
