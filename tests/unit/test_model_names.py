"""Every name of the model counts: what several of them mean together, and what is no name."""

import json
from typing import Any

import pytest

from flops_auditor.data import base_model_table, load_tables
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.amounts import parse_amount
from tests.fakes.jobs import CREATED, describe
from tests.fakes.lineage import World, continuing

LARGE, MIDDLE, SMALL = "meta-llama/Llama-3.1-405B", "Qwen/Qwen2.5-7B", "HuggingFaceTB/SmolLM2-360M"


def audited(
    days: float = 12,
    parameters: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    amendments: tuple[Amendment, ...] = (),
    **changes: Any,
) -> Audit:
    """16 x p5: 1.3e23 FLOP at most in twelve days."""
    job = describe(
        hours=24 * days,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16},
        HyperParameters=parameters or {},
        Environment=environment or {},
        Tags=[{"Key": f"flops-auditor:{key}", "Value": value} for key, value in (tags or {}).items()],
        **changes,
    )
    return audit(case_of(Evidence(job, amendments=amendments)), load_tables())


def said(found: Audit) -> str:
    """Everything that is said about the names."""
    remarks = [*found.estimate.assumptions, *(d for a in found.assessments for d in (*a.doubts, *a.notes))]
    return " ".join(remark.words for remark in remarks)


def test_a_local_path_is_no_name_and_hides_none() -> None:
    found = audited(parameters={"model_name_or_path": "/opt/ml/input/data/model"}, environment={"HF_MODEL_ID": SMALL})
    assert found.base_model == SMALL
    assert "which of the two is loaded is not known" in said(found)


def test_a_path_beside_a_name_may_hold_any_model() -> None:
    """The variable may be another model's, such as a judge's: the line of an unknown original counts."""
    beside = {"environment": {"HF_MODEL_ID": LARGE}}
    found = audited(parameters={"model_path": "s3://own-bucket/fine-tuned/"}, **beside)
    assert found.verdict == "indeterminate"
    assert "s3://own-bucket/fine-tuned/" in said(found) and LARGE in said(found)
    assert audited(parameters={"model_path": "/opt/ml/checkpoints"}, **beside).verdict == "below"
    explained = audited(parameters={"model_path": "s3://own-bucket/x/"}, tags={"base-model": LARGE})
    assert "which of the two" not in said(explained), "the tag says what lies at the path"


def test_a_path_alone_proves_nothing() -> None:
    """The hardware's least is over the line of an unknown original, and under that of the name beside the path."""
    named = {"environment": {"HF_MODEL_ID": LARGE}}
    unnamed = audited(days=200, parameters={"model_path": "/opt/ml/input/data/weights"})
    assert unnamed.verdict == "above", "nothing but a path: the original is unknown"
    for path in ("/opt/ml/input/data/weights", f"/opt/ml/input/data/{SMALL}"):
        found = audited(days=200, parameters={"model_path": path}, **named)
        assert found.verdict == "indeterminate", path
        assert path in said(found) and LARGE in said(found)
        assert {a.scenario for a in found.assessments if a.verdict == "above"} == set()
    signed = audited(days=200, parameters={"model_path": "unknown/name"}, **named)
    assert signed.verdict == "above", "a name is no path: of two the lower threshold counts"


def channel(uri: str, name: str = "model") -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"InputDataConfig": [{"ChannelName": name, "DataSource": source}]}


ARCHIVE = "meta-training/train-meta-textgeneration-llama-3-1-405b.tar.gz"


@pytest.mark.parametrize("parameters", [{}, {"model_name_or_path": "/opt/ml/input/data/model"}])
def test_a_name_in_a_channel_is_the_owners_word(parameters: dict[str, str]) -> None:
    found = audited(parameters=parameters, **channel(f"s3://jumpstart-cache-prod-eu-west-1/{ARCHIVE}"))
    assert (found.base_model, found.verdict) == (LARGE, "below") and found.on_the_jobs_word
    assert found.rests_on is not None
    assert [(each.source, each.what) for each in found.rests_on.milder] == [("declared", "channel model")]
    assert found.without_statements.verdict == "indeterminate"


@pytest.mark.parametrize(
    "bucket", ["jumpstart-cache-evil", "jumpstart-cache-prod-eu-west-9", "jumpstart-cache-prod-eu-west-1-mine"]
)
def test_a_bucket_that_anybody_may_own_names_no_model(bucket: str) -> None:
    found = audited(**channel(f"s3://{bucket}/{ARCHIVE}"))
    assert found.verdict == "indeterminate"
    assert "a hint, no proof" in said(found)


def test_of_a_channel_and_another_name_the_lowest_threshold_counts() -> None:
    found = audited(
        days=60, parameters={"model_id": MIDDLE}, **channel(f"s3://jumpstart-cache-prod-eu-west-1/{ARCHIVE}")
    )
    assert found.verdict == "indeterminate"
    assert "disagree" in said(found) and "channel model" in said(found)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"parameters": {"model_id": LARGE}}, {"environment": {"HF_MODEL_ID": MIDDLE}}),
        ({"parameters": {"model_id": LARGE}}, {"environment": {"SM_HP_MODEL_NAME_OR_PATH": MIDDLE}}),
        (
            {"parameters": {"model_name_or_path": LARGE}},
            {"environment": {"SM_HPS": json.dumps({"base_model": MIDDLE})}},
        ),
        ({"tags": {"base-model": LARGE}}, {"parameters": {"model_name_or_path": MIDDLE}}),
        ({"tags": {"base-model": MIDDLE}}, {"parameters": {"model_name_or_path": LARGE}}),
    ],
)
def test_of_names_that_disagree_the_lowest_threshold_counts(first: dict[str, Any], second: dict[str, Any]) -> None:
    found = audited(days=60, **first, **second)
    line = next(a for a in found.assessments if a.scenario == "one-third")
    assert line.threshold_flop == (base_model_table().models[MIDDLE].original.pretraining_flop or 0) // 3
    assert line.verdict == "indeterminate"
    assert LARGE in said(found) and MIDDLE in said(found) and "disagree" in said(found)
    for name in ("HF_MODEL_ID", "base-model", "model_name_or_path", "model_id"):
        assert (name in said(found)) == (name in str((first, second))), "it says which said what"


def test_names_of_one_model_agree() -> None:
    found = audited(parameters={"model_id": "meta-textgeneration-llama-3-8b"}, tags={"base-model": "Meta-Llama-3-8B"})
    assert found.original.others == ()
    assert "disagree" not in said(found)


def test_a_name_that_is_not_found_counts_as_an_unknown_original() -> None:
    found = audited(parameters={"model_id": LARGE, "model_name": "our-private-model"})
    assert found.verdict == "indeterminate"
    assert "hyperparameter model_name names 'our-private-model'" in said(found)
    assert any(a.scenario == "original-unknown" for a in found.assessments)


def test_a_near_miss_is_asked_about() -> None:
    found = audited(parameters={"model_id": "meta-lama/Llama-3.1-405B"})
    assert "did you mean meta-llama/Llama-3.1-405B" in said(found)


def test_parts_of_a_path_are_a_hint_and_no_proof() -> None:
    by_name = audited(parameters={"model_id": LARGE})
    assert by_name.verdict == "below"
    for path in (f"/opt/ml/input/data/{LARGE}", "s3://bucket/weights/Llama-3.1-405B/"):
        found = audited(parameters={"model_id": path})
        assert found.verdict == "indeterminate", path
        assert "a hint, no proof" in said(found)


def test_a_model_channel_names_a_model_and_a_teacher_does_not() -> None:
    def channel(name: str) -> dict[str, Any]:
        uri = "s3://jumpstart-cache-prod-eu-west-1/huggingface-textgeneration/meta-textgeneration-llama-3-8b/"
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
        return {"InputDataConfig": [{"ChannelName": name, "DataSource": source}]}

    assert audited(**channel("model")).base_model == "meta-llama/Meta-Llama-3-8B"
    assert audited(**channel("teacher_model")).base_model == ""


def test_a_persons_figure_settles_what_names_contradict() -> None:
    paper = Amendment("A. Person", "the paper", CREATED, pretraining_flop=10**25)
    found = audited(parameters={"model_id": LARGE}, environment={"MODEL_ID": MIDDLE}, amendments=(paper,))
    assert found.original.others == ()
    assert next(a for a in found.assessments if a.scenario == "one-third").verdict == "below"


def test_no_name_puts_on_what_a_person_said_of_another_model() -> None:
    """A statement about a model holds for a run whose names all mean it."""
    ours = Amendment("A. Person", "we made it", CREATED, stated=Stated(ours=True), about="our-model")
    assert audited(parameters={"model_id": "our-model"}, amendments=(ours,)).original.ours
    assert not audited(
        parameters={"model_id": MIDDLE}, tags={"base-model": "our-model"}, amendments=(ours,)
    ).original.ours


@pytest.mark.parametrize(("stated", "contradicts"), [("8.3e23", False), ("5e24", True), ("4e23", True)])
def test_beside_the_table_the_lower_figure_counts(stated: str, contradicts: bool) -> None:
    """28 days: at most 3.1e23 FLOP, over a third of 8.2e23 or 4e23, under a third of 5e24."""
    found = audited(days=28, parameters={"model_id": MIDDLE}, environment={"PRETRAIN_FLOPS": stated})
    line = next(a for a in found.assessments if a.scenario == "one-third")
    table = base_model_table().models[MIDDLE].original.pretraining_flop or 0
    assert line.threshold_flop == min(table, parse_amount(stated)) // 3
    assert line.verdict == "indeterminate"
    assert ("the figure with the lower threshold counts" in said(found)) == contradicts


@pytest.mark.parametrize("claim", ["1e26", "1e40"])
def test_more_than_any_known_model_took_is_no_figure(claim: str) -> None:
    for said_so in ({"environment": {"PRETRAIN_FLOPS": claim}}, {"tags": {"pretrain-flops": claim}}):
        found = audited(**said_so)
        assert found.verdict == "indeterminate"
        assert "more than the" in said(found)


@pytest.mark.parametrize("nothing", ["0", "0.0", "none", "unknown"])
def test_nothing_is_said_to_count_as_unknown(nothing: str) -> None:
    found = audited(environment={"PRETRAIN_FLOPS": nothing})
    assert f"PRETRAIN_FLOPS is '{nothing}', which counts as unknown" in said(found)


def test_generating_data_with_a_model_is_no_way_around_its_line() -> None:
    found = audited(days=30, parameters={"model_id": MIDDLE}, tags={"activity": "synthetic-data"})
    assert found.verdict == "indeterminate"
    assert "declared as synthetic-data, but it begins with" in said(found)
    small = audited(days=0.5, parameters={"model_id": MIDDLE}, tags={"activity": "synthetic-data"})
    assert small.verdict == "below", "a contradiction that changes nothing is only said"
    assert "declared as synthetic-data" in said(small)


def test_the_names_of_an_earlier_run_are_handed_on() -> None:
    """The first name alone would raise the threshold of whoever continues the run."""
    world = World()
    world.add(continuing("parent", HyperParameters={"model_id": LARGE}, Environment={"HF_MODEL_ID": "a-model-of-ours"}))
    world.add(
        continuing(
            "child",
            ["parent"],
            day=1,
            hours=24 * 12,
            ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16},
        )
    )
    world.audit()
    child = world.content("child")
    assert child["cumulative"]["ancestors"][0]["other_names"] == ["a-model-of-ours"]
    assert child["verdict"] == "indeterminate"
