"""SageMaker's training sessions: from the unchanged answer to the verdict."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.lineage.lineage import not_looked_up
from flops_auditor.domain.runs.evidence import TRAINING_SESSION, Evidence, parse_evidence
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.registry import source_of
from flops_auditor.domain.runs.sources.training_session_answer import MalformedTrainingSession, state_of_session
from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.json_files import UnreadableFile
from flops_auditor_cli.main import app
from tests.fakes.cases import audit, kinds
from tests.fakes.jobs import describe
from tests.fakes.training_sessions import (
    GROUP,
    PREFILLED,
    SAMPLED,
    TRAINED,
    USAGE,
    session,
    session_arn,
    session_evidence,
)
from tests.unit.test_amend import amendment

TABLES = load_tables()
PARAMETERS = 3_210_000_000
NO_PASSES = dict.fromkeys(USAGE, 0)


def audited(answer: dict[str, Any] | None = None, **tags: str) -> Audit:
    return audit(session_evidence(answer, **tags), TABLES)


def doubts(found: Audit) -> set[str]:
    return {doubt.kind.name for doubt in found.estimate.doubts}


def test_training_tokens_update_and_the_others_count_on_the_cumulative_basis_alone() -> None:
    found = audited()
    estimate, generated = found.estimate, 2 * PARAMETERS * (SAMPLED + PREFILLED)
    assert (found.base_model, estimate.method, found.verdict) == (
        "meta-llama/Llama-3.2-3B",
        "architecture",
        "below",
    )
    assert (estimate.best_flop, estimate.upper_flop) == (
        4 * PARAMETERS * TRAINED,
        6 * PARAMETERS * TRAINED * 13 // 10,
    )
    assert (estimate.signal_flop, doubts(found)) == (generated, set())
    assert found.cumulative.updates.best_flop == estimate.best_flop
    assert found.cumulative.best_flop == 4 * PARAMETERS * TRAINED + generated
    assert "generated-beside-training" in kinds(estimate)


def test_below_rests_on_the_longest_context_of_all_its_passes() -> None:
    """Nothing says how long its sequences were: attention may be as much as the longest context makes it."""
    estimate = audited().estimate
    alone = audited(session(BillableTokenUsage={**USAGE, "SampleTokenCount": 0, "PrefillTokenCount": 0})).estimate
    assert estimate.updates_upper_flop == alone.cautious_upper_flop == alone.updates_upper_flop
    assert estimate.upper_flop is not None
    assert estimate.updates_upper_flop is not None
    assert estimate.cautious_upper_flop is not None
    times = estimate.updates_upper_flop / estimate.upper_flop
    assert estimate.cautious_upper_flop == pytest.approx(times * (estimate.upper_flop + 1.3 * estimate.signal_flop))


def test_no_verdict_of_above_rests_on_tokens_that_may_have_passed_forward_alone() -> None:
    found = audited(session(BillableTokenUsage={**USAGE, "TrainingTokenCount": 10**16}))
    assert (found.estimate.lower_flop, found.estimate.firm_flop, found.verdict) == (0, 0, "indeterminate")
    signed = replace(session_evidence(), amendments=(amendment(tokens=10**16, parameters=PARAMETERS),))
    assert audit(signed, TABLES).verdict == "above"


def test_what_only_generated_updated_nothing() -> None:
    found = audited(session(BillableTokenUsage={**USAGE, "TrainingTokenCount": 0}, LastReceivedSequenceNumber=None))
    assert (found.estimate.best_flop, found.estimate.updates_upper_flop, found.verdict) == (0, 0, "below")
    assert found.cumulative.best_flop == found.estimate.signal_flop


def test_what_took_no_tokens_took_nothing() -> None:
    given = session(BillableTokenUsage=NO_PASSES, LastReceivedSequenceNumber=None, ModelConfig=None)
    assert (audited(given).estimate.upper_flop, audited(given).verdict) == (0, "below")
    given["TrainingSessionDetail"]["TrainingSessionStatus"] = "Running"
    assert audited(given).verdict == "indeterminate"


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"BillableTokenUsage": None}, "tokens-not-said"),
        *(
            ({"BillableTokenUsage": {name: USAGE[name] for name in USAGE if name != left}}, "tokens-not-said")
            for left in USAGE
        ),
        ({"BillableTokenUsage": {**USAGE, "TrainingTokenCount": 0}}, "operations-without-tokens"),
        ({"BillableTokenUsage": NO_PASSES}, "operations-without-tokens"),
    ],
)
def test_what_is_not_said_is_left_open_and_a_person_settles_it(changes: dict[str, Any], doubt: str) -> None:
    given = session_evidence(session(**changes))
    found = audit(given, TABLES)
    assert (doubts(found), found.verdict) == ({doubt}, "indeterminate")
    assert all(each.kind.remedy for each in found.estimate.doubts)
    amended = audit(replace(given, amendments=(amendment(tokens=10**9, parameters=PARAMETERS),)), TABLES)
    assert (doubts(amended), amended.verdict) == (set(), "below")
    assert audited(session(**changes), tokens="1e9").verdict == "indeterminate"


def test_one_that_names_no_model_is_left_open() -> None:
    assert audited(session(ModelConfig=None)).verdict == "indeterminate"


def test_without_adapters_all_parameters_are_trained() -> None:
    assert audited(session(LoraConfig=None)).estimate.best_flop == 6 * PARAMETERS * TRAINED


def test_a_tag_lowers_no_bound() -> None:
    less, more = audited(tokens="1e6"), audited(tokens="1e12")
    assert less.estimate.upper_flop == audited().estimate.upper_flop
    assert more.estimate.best_flop == 4 * PARAMETERS * 10**12
    assert more.estimate.signal_flop == audited().estimate.signal_flop


CONTRADICTING = [
    {"params": "5"},
    {"active_params": "5"},
    {"params": "5", "base_model": "meta-llama/Llama-3.2-3B"},
    {"params": "1000000000"},
    {"base_model": "openai-community/gpt2"},
    {"base_model": "openai-community/gpt2", "params": "124000000"},
    {"base_model": "meta-llama/Llama-3.2-1B"},
    {"base_model": "none", "params": "5"},
    {"base_model": "acme/unknown", "params": "5"},
]


@pytest.mark.parametrize("tags", CONTRADICTING, ids=str)
def test_a_size_or_a_model_that_contradicts_its_own_lowers_no_bound(tags: dict[str, str]) -> None:
    """Nor does what follows from a model: its layers, its width and its longest context."""
    answer = session(BillableTokenUsage={**USAGE, "TrainingTokenCount": 10**12})
    honest, said = audited(answer), audited(answer, **tags)
    assert honest.verdict == said.verdict == "indeterminate"
    assert (said.estimate.cautious_upper_flop or 0) >= (honest.estimate.cautious_upper_flop or 0)
    assert (said.estimate.updates_upper_flop or 0) >= (honest.estimate.updates_upper_flop or 0)


@pytest.mark.parametrize("activity", ["not-training", "synthetic-data"])
def test_it_trains_whatever_its_owner_says(activity: str) -> None:
    assert audited(session(BillableTokenUsage={**USAGE, "TrainingTokenCount": 10**15}), activity=activity).verdict == (
        "indeterminate"
    )


STATES = {
    "running": ("Created", "Scheduled", "Running", "Blocked"),
    "ending": ("Stopping", "Pausing"),
    "stopped": ("Stopped", "Expired", "Deleting", "DeletionFailed"),
    "error": ("Failed",),
    "gone": ("Deleted",),
}


@pytest.mark.parametrize("state", STATES)
def test_what_its_status_means(state: str) -> None:
    for status in STATES[state]:
        found = audited(session(TrainingSessionStatus=status))
        assert state_of_session(status) == found.run.state == state
        assert (found.verdict == "below") == found.run.finished


def test_it_continues_what_its_group_of_model_packages_holds() -> None:
    first, second = (case_of(session_evidence(session(number))).run for number in (1, 2))
    [reference] = second.begins
    assert reference.location == Location(GROUP)
    assert reference.location in first.results
    assert Location("s3://results", ("support-1",)) in first.results
    assert first.checkpoints == first.results[1:]
    assert not not_looked_up(second.begins, second.results).doubts


def test_a_training_job_that_begins_with_its_model_package_continues_it() -> None:
    package = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/support/3"
    job = describe(ModelPackageConfig={"SourceModelPackageArn": package})
    assert Location(GROUP) in {each.location for each in case_of(Evidence(job)).run.begins}


def test_its_lineage_tag_says_what_it_continues() -> None:
    named = (session_arn(7), "arn:aws:sagemaker:eu-west-1:123456789012:training-job/before")
    run = case_of(session_evidence(lineage=" ".join(named))).run
    assert [each.location for each in run.begins] == [Location(each) for each in (*named, GROUP)]
    assert run.reads == (GROUP,)
    assert not case_of(session_evidence(lineage="none")).run.begins


def test_a_private_hub_is_a_doubt() -> None:
    own = "arn:aws:sagemaker:eu-west-1:123456789012:hub-content/ours/Model/tuned/1.0.0"
    run = case_of(session_evidence(session(ModelConfig={"BaseModelArn": own}))).run
    assert [each.kind.name for each in run.begins_doubts] == ["model-not-followed"]


@pytest.mark.parametrize(
    "changes",
    [
        {"TrainingSessionArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/a"},
        {"TrainingSessionArn": session_arn() + "/a"},
        {"TrainingSessionName": ""},
        {"TrainingSessionStatus": None},
        {"CreationTime": "yesterday"},
        {"CreationTime": None},
        {"BillableTokenUsage": {"TrainingTokenCount": -1}},
        {"BillableTokenUsage": {"TrainingTokenCount": True}},
        {"BillableTokenUsage": {"TrainingTokenCount": 10**19}},
        {"BillableTokenUsage": {"SampleTokenCount": "many"}},
        {"BillableTokenUsage": 5},
        {"LastReceivedSequenceNumber": -1},
        {"ModelConfig": "llama"},
        {"OutputConfig": {"S3Location": "s3://results"}},
        {"Tags": [{"Value": "of no key"}]},
        {"Tags": "none"},
    ],
)
def test_an_odd_answer_is_a_named_error(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedTrainingSession) as error:
        case_of(replace(session_evidence(session(**changes)), tags=None))
    assert error.value.remedy


@pytest.mark.parametrize("answer", [{}, {"TrainingSessionDetail": None}, {"TrainingSessionDetail": []}])
def test_an_answer_without_its_detail_is_a_named_error(answer: dict[str, Any]) -> None:
    with pytest.raises(MalformedTrainingSession):
        case_of(session_evidence(answer))


def test_its_tags_may_stand_in_the_answer() -> None:
    answer = session(Tags=[{"Key": "flops-auditor:tokens", "Value": "5"}])
    assert case_of(replace(session_evidence(answer), tags=None)).run.declared.tokens == 5


def test_its_evidence_is_read_back_as_it_was() -> None:
    given = session_evidence()
    read = parse_evidence(given.to_bytes())
    assert (read.source, read.description, read.tags) == (given.source, given.description, given.tags)


def test_the_command_recognises_the_unchanged_answer(tmp_path: Path) -> None:
    assert source_of(session()) == TRAINING_SESSION
    answer = tmp_path / "session.json"
    answer.write_text(json.dumps(session(ModelPackageGroupArn=None), default=iso))
    found = CliRunner().invoke(app, ["audit", str(answer), "--output", "json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["job"]["source"] == TRAINING_SESSION
    for more in ("--metrics", "--flops-meter", "--data"):
        refused = CliRunner().invoke(app, ["audit", str(answer), more, str(answer)])
        assert isinstance(refused.exception, UnreadableFile)
