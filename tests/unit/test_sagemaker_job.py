"""SageMaker's jobs of the newer kinds: from the unchanged answer to the verdict."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.lineage.lineage import not_looked_up
from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, Evidence, parse_evidence
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.registry import source_of
from flops_auditor.domain.runs.sources.sagemaker_job_answer import (
    MalformedSageMakerJob,
    category_in,
    state_of_sagemaker_job,
)
from flops_auditor.domain.runs.sources.sagemaker_job_document import read_document
from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.json_files import UnreadableFile
from flops_auditor_cli.main import app
from tests.fakes.cases import audit, kinds
from tests.fakes.sagemaker_jobs import (
    ACCOUNT,
    COUNTED,
    PREFILLED,
    SAMPLED,
    TRAINED,
    agent_arn,
    agent_evidence,
    agent_job,
    document,
    package,
    steps,
)
from tests.fakes.training_sessions import BASE
from tests.unit.test_amend import amendment

TABLES = load_tables()
PARAMETERS = 3_210_000_000
NOTHING = dict.fromkeys(COUNTED, 0)
GROUP = f"{ACCOUNT}:model-package-group/agent"


def audited(answer: dict[str, Any] | None = None, **tags: str) -> Audit:
    return audit(agent_evidence(answer, **tags), TABLES)


def doubts(found: Audit) -> set[str]:
    return {doubt.kind.name for doubt in found.estimate.doubts}


def with_document(**changes: Any) -> dict[str, Any]:
    return agent_job(config=document(**changes))


def test_training_tokens_update_and_the_others_count_on_the_cumulative_basis_alone() -> None:
    found = audited()
    estimate, generated = found.estimate, 2 * PARAMETERS * (SAMPLED + PREFILLED)
    assert (found.base_model, estimate.method, found.verdict) == ("meta-llama/Llama-3.2-3B", "architecture", "below")
    assert (estimate.best_flop, estimate.upper_flop) == (4 * PARAMETERS * TRAINED, 6 * PARAMETERS * TRAINED * 13 // 10)
    assert (estimate.signal_flop, doubts(found)) == (generated, set())
    assert found.cumulative.updates.best_flop == estimate.best_flop
    assert found.cumulative.best_flop == 4 * PARAMETERS * TRAINED + generated


def test_no_verdict_of_above_rests_on_tokens_that_may_have_passed_forward_alone() -> None:
    found = audited(with_document(usage={**COUNTED, "TrainTokenCount": 10**16}))
    assert (found.estimate.lower_flop, found.estimate.firm_flop, found.verdict) == (0, 0, "indeterminate")
    signed = replace(agent_evidence(), amendments=(amendment(tokens=10**16, parameters=PARAMETERS),))
    assert audit(signed, TABLES).verdict == "above"


@pytest.mark.parametrize("category", ["AgentRFTEvaluation", "DataQualityEvaluation", "DataTransformation"])
def test_what_neither_trains_nor_generates_is_no_training_and_says_why(category: str) -> None:
    for tags in ({}, {"activity": "fine-tuning"}):
        found = audited(agent_job(category=category, JobConfigDocument=None), **tags)
        assert (found.estimate.method, found.estimate.upper_flop, found.verdict) == ("not training", 0, "below")
        assert doubts(found) == set()
        assert any(category in each.words for each in found.estimate.assumptions)
    run = case_of(
        agent_evidence(agent_job(category=category, config=document(usage={**COUNTED, "TrainTokenCount": 0})))
    ).run
    assert (run.begins, run.results) == ((), (Location(agent_arn(category=category)),))


@pytest.mark.parametrize("category", ["AgentRFTEvaluation", "DataQualityEvaluation", "DataTransformation"])
def test_what_counts_tokens_that_it_trained_on_is_taken_for_training_whatever_its_category(category: str) -> None:
    answer = agent_job(category=category, config=document(usage={**COUNTED, "TrainTokenCount": 10**13}))
    given = agent_evidence(answer, activity="not-training")
    found = audit(given, TABLES)
    assert "category-contradicted-by-tokens" in doubts(found)
    assert (found.verdict, found.run.begins != ()) == ("indeterminate", True)
    taken = audited(answer)
    assert (taken.estimate.upper_flop or 0) > 6 * PARAMETERS * 10**13
    amended = audit(replace(given, tags=[], amendments=(amendment(tokens=10**9, parameters=PARAMETERS),)), TABLES)
    assert (doubts(amended), amended.verdict) == (set(), "below")


def test_what_generates_data_is_no_training_and_open_until_somebody_signs_for_it() -> None:
    given = agent_evidence(agent_job(category="SyntheticDataGeneration"))
    found = audit(given, TABLES)
    assert (found.declared.activity, doubts(found), found.verdict) == (
        "synthetic-data",
        {"generation-not-said"},
        "indeterminate",
    )
    assert all(each.kind.remedy for each in found.estimate.doubts)
    signed = audit(replace(given, amendments=(amendment(tokens=10**9, parameters=PARAMETERS),)), TABLES)
    assert (signed.estimate.best_flop, signed.verdict) == (2 * PARAMETERS * 10**9, "below")
    tagged = audited(agent_job(category="SyntheticDataGeneration"), activity="not-training")
    assert (tagged.declared.activity, tagged.verdict) == ("synthetic-data", "indeterminate")


def test_a_category_that_is_not_known_is_taken_for_training() -> None:
    assert doubts(audited(agent_job(category="NewKind"))) == {"category-not-known"}
    contradicted = audited(agent_job(JobCategory="AgentRFTEvaluation"))
    assert (doubts(contradicted), contradicted.verdict) == ({"category-not-known"}, "indeterminate")
    assert audited(agent_job(JobCategory=None)).verdict == "below"
    assert category_in(agent_arn(category="agentrft")) == "AgentRFT"
    assert category_in("arn:aws:sagemaker:eu-west-1:1:other") == ""


@pytest.mark.parametrize(
    ("answer", "doubt"),
    [
        (agent_job(JobConfigDocument=None), {"document-not-read", "tokens-not-said"}),
        (agent_job(JobConfigDocument="no JSON"), {"document-not-read", "tokens-not-said"}),
        (agent_job(JobConfigDocument='{"a": 1, "a": 2}'), {"document-not-read", "tokens-not-said"}),
        (agent_job(JobConfigDocument="[" * 100_000), {"document-not-read", "tokens-not-said"}),
        (with_document(ServiceOutput=None), {"tokens-not-said"}),
        (with_document(ServiceOutput=[]), {"document-not-read", "tokens-not-said"}),
        (with_document(TrainingConfig="none"), {"document-not-read"}),
        (with_document(TrainingConfig={"BaseModelArn": BASE, "HyperParameters": [1]}), {"document-not-read"}),
        (with_document(OutputDataConfig={"S3OutputPath": 5}), {"document-not-read"}),
        (with_document(usage={**COUNTED, "TrainTokenCount": "5"}), {"document-not-read", "tokens-not-said"}),
        (with_document(usage={**COUNTED, "SampleTokenCount": True}), {"document-not-read", "tokens-not-said"}),
        (with_document(usage={**COUNTED, "PrefillTokenCount": -1}), {"document-not-read", "tokens-not-said"}),
        *(
            (with_document(usage={name: COUNTED[name] for name in COUNTED if name != left}), {"tokens-not-said"})
            for left in COUNTED
        ),
        (with_document(usage=NOTHING), {"trained-without-tokens"}),
        (agent_job(JobConfigSchemaVersion="2.0.0"), {"document-of-another-schema"}),
        (agent_job(JobStatus="Stopped"), {"tokens-in-the-owners-document"}),
        (agent_job(JobStatus="Failed"), {"tokens-in-the-owners-document"}),
    ],
)
def test_what_is_not_said_is_left_open_and_a_person_settles_it(answer: dict[str, Any], doubt: set[str]) -> None:
    given = agent_evidence(answer)
    found = audit(given, TABLES)
    assert (doubts(found), found.verdict) == (doubt, "indeterminate")
    assert all(each.kind.remedy for each in found.estimate.doubts)
    amended = audit(replace(given, amendments=(amendment(tokens=10**9, parameters=PARAMETERS),)), TABLES)
    assert doubts(amended) == set()
    assert audited(answer, tokens="1e9", params="3e9").verdict == "indeterminate"


def test_one_that_ended_before_it_trained_took_nothing() -> None:
    early: dict[str, Any] = {"JobStatus": "Failed", "config": document(ServiceOutput=None)}
    never = agent_job(**early, SecondaryStatusTransitions=steps("Starting", "Pending", "Failed"))
    assert (audited(never).estimate.upper_flop, audited(never).verdict) == (0, "below")
    assert "training-not-started" in kinds(audited(never).estimate)
    for went in (("Starting", "Training", "Failed"), ("Starting", "Validating", "Failed"), (), ("Starting",) * 100):
        later = audited(agent_job(**early, SecondaryStatusTransitions=steps(*went)))
        assert later.verdict == "indeterminate", went
    counted = agent_job(JobStatus="Failed", SecondaryStatusTransitions=steps("Starting", "Failed"))
    assert audited(counted).verdict == "indeterminate"
    assert audited({**never, "JobStatus": "InProgress"}).verdict == "indeterminate"


def test_one_that_runs_is_open() -> None:
    found = audited(agent_job(JobStatus="InProgress"))
    assert (doubts(found), found.verdict) == ({"still-training"}, "indeterminate")


@pytest.mark.parametrize("activity", ["not-training", "synthetic-data", "pretraining"])
def test_it_trains_whatever_its_owner_says(activity: str) -> None:
    used = {**COUNTED, "TrainTokenCount": 10**16}
    assert audited(with_document(usage=used), activity=activity, tokens="5").verdict != "below"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("InProgress", "running"),
        ("Stopping", "ending"),
        ("Completed", "succeeded"),
        ("Stopped", "stopped"),
        ("Deleting", "stopped"),
        ("DeleteFailed", "stopped"),
        ("Failed", "error"),
        ("Deleted", "gone"),
        ("Unheard", "ending"),
    ],
)
def test_states(status: str, state: str) -> None:
    assert state_of_sagemaker_job(status) == state
    assert case_of(agent_evidence(agent_job(JobStatus=status))).run.state == state


def test_where_it_leaves_results_and_what_it_goes_on_from() -> None:
    outputs = {"OutputModelPackageGroupArn": GROUP, "InputModelPackageArn": package(3, "earlier")}
    run = case_of(agent_evidence(with_document(ModelPackageConfig=outputs))).run
    assert run.results == (
        Location(agent_arn()),
        Location(package(1)),
        Location("s3://results", ("agent-1",)),
        Location(GROUP),
    )
    assert run.checkpoints == run.results[2:]
    begins = {str(each.location): each for each in run.begins}
    earlier = f"{ACCOUNT}:model-package-group/earlier"
    assert begins.keys() == {package(3, "earlier"), earlier, "s3://prompts/train"}
    assert begins[earlier].unless_found is not None
    assert (begins["s3://prompts/train"].data, begins["s3://prompts/train"].directory) == (True, True)
    assert run.stop_command.endswith("--job-name agent-1 --job-category AgentRFT --region eu-west-1")


@pytest.mark.parametrize("base", [package(3, "earlier"), f"{ACCOUNT}:training-job/earlier", "s3://results/earlier/"])
def test_a_base_model_that_a_run_made_is_what_it_goes_on_from(base: str) -> None:
    run = case_of(agent_evidence(with_document(TrainingConfig={"BaseModelArn": base}))).run
    named = [each for each in run.begins if each.where == "base model"]
    assert str(named[0].location) == base.rstrip("/")
    assert not any(each.data for each in named)
    assert named[-1].unless_found is not None


def test_a_package_of_another_account_is_a_base_model() -> None:
    foreign = package(1).replace("123456789012", "210987654321")
    run = case_of(agent_evidence(with_document(ModelPackageConfig={"InputModelPackageArn": foreign}))).run
    assert [each.kind.name for each in run.begins_notes] == ["package-of-another-account"]
    assert all(each.unless_found is None for each in run.begins)


def test_what_cannot_be_read_of_where_it_begins_is_open() -> None:
    given = agent_evidence(with_document(ModelPackageConfig={"InputModelPackageArn": [5]}))
    signed = replace(given, amendments=(amendment(tokens=10**9, parameters=PARAMETERS),))
    case = case_of(signed)
    assert [each.kind.name for each in case.run.begins_doubts] == ["document-without-lineage"]
    odd = agent_evidence(with_document(ModelPackageConfig={"InputModelPackageArn": "a package"}))
    assert [each.unless_found is not None for each in case_of(odd).run.begins if not each.data] == [True]


def test_data_of_a_registry_are_found_by_their_name() -> None:
    dataset = f"{ACCOUNT}:hub-content/datasets/DataSet/made/1.0.0"
    made = agent_job(category="SyntheticDataGeneration", config={"ServiceOutput": {"Datasets": [dataset]}})
    assert Location(dataset) in case_of(agent_evidence(made)).run.results
    source = [{"ChannelName": "train", "DataSource": {"DatasetSource": {"DatasetArn": dataset}}}]
    read = case_of(agent_evidence(with_document(InputDataConfig=source))).run
    assert (Location(dataset), True) in {(each.location, each.data) for each in read.begins}


def test_its_lineage_tag_says_what_it_continues() -> None:
    run = case_of(agent_evidence(lineage=agent_arn(7))).run
    assert (Location(agent_arn(7)), True) in {(each.location, each.explicit) for each in run.begins}
    none = case_of(agent_evidence(lineage="none")).run
    assert ([each.kind.name for each in none.begins_notes], none.begins) == (["lineage-tag-none"], ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"JobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/a"},
        {"JobName": None},
        {"JobStatus": 5},
        {"CreationTime": "soon"},
        {"Tags": [{"Key": "a"}]},
        {"SecondaryStatusTransitions": "none"},
    ],
)
def test_what_the_api_does_not_promise_is_named(wrong: dict[str, Any]) -> None:
    answer = agent_job(**wrong)
    tags = answer.get("Tags") if "Tags" in wrong else []
    with pytest.raises(MalformedSageMakerJob):
        case_of(replace(agent_evidence(answer), tags=tags))


def test_a_document_is_read_as_what_it_says_alone() -> None:
    assert read_document(None).unread == ("JobConfigDocument",)
    assert read_document("{}").unread == ()
    assert read_document('{"TrainingConfig": {"HyperParameters": {"a": {"b": 1}, "c": "d"}}}').hyper_parameters == {
        "a": '{"b": 1}',
        "c": "d",
    }


def test_what_is_no_text_in_its_document_is_kept_as_text() -> None:
    written = document(OutputDataConfig={"S3OutputPath": "s3://results/\ud800/"})
    run = case_of(agent_evidence(agent_job(config=written))).run
    assert "/".join(map(str, run.results)).encode()


def test_its_evidence_is_read_back_as_it_was() -> None:
    given = agent_evidence()
    read = parse_evidence(given.to_bytes())
    assert (read.source, read.description, read.tags) == (given.source, given.description, given.tags)


def test_the_command_recognises_the_unchanged_answer(tmp_path: Path) -> None:
    assert source_of(agent_job()) == SAGEMAKER_JOB
    answer = tmp_path / "job.json"
    answer.write_text(json.dumps(agent_job(), default=iso))
    found = CliRunner().invoke(app, ["audit", str(answer), "--output", "json"])
    assert json.loads(found.stdout)["job"]["source"] == SAGEMAKER_JOB
    for more in ("--metrics", "--flops-meter", "--data"):
        refused = CliRunner().invoke(app, ["audit", str(answer), more, str(answer)])
        assert isinstance(refused.exception, UnreadableFile)
    case = case_of(Evidence(json.loads(answer.read_text()), source=SAGEMAKER_JOB))
    assert not_looked_up(case.run.begins, case.run.results) is not None
