"""A job that names its model in many ways: none of them hides another."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.originals.find_origin import MOST_MODELS
from flops_auditor.domain.runs.declared import MOST_NAMES
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import case_of
from tests.fakes.lineage import World, continuing
from tests.unit.test_model_names import LARGE, SMALL, audited, channel, said

SERVERLESS = Path(__file__).resolve().parents[2] / "events" / "jobs" / "serverless-llama-3-2-3b.json"
HUB = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model"
JUMPSTART = "s3://jumpstart-cache-prod-eu-west-1/meta-textgeneration/meta-textgeneration-llama-3-2-1b"
OPTIONS = (
    *("student_model", "base_model", "base_model_id", "model_name_or_path", "model_id", "hf_model_id"),
    *("hf_checkpoint", "model_repo"),
)
FALSE = [
    *("meta-llama/Llama-3.2-1B", "meta-llama/llama-3.2-1b", "meta-llama/Llama-3-2-1B", "meta-llama/LLAMA-3.2-1B"),
    *("meta-llama/Llama_3.2_1B", "meta-llama/llama-3.2-1B", "meta-llama/Llama-3.2-1b", "meta-llama/Llama-3.2-1B-base"),
]
"""One small model in eight spellings, and a large one."""
LARGE_IN_EIGHT = [re.sub("3(.)2(.)1", r"3\g<1>1\g<2>405", name) for name in FALSE]


def serverless(names: list[str], model: str = "meta-textgeneration-llama-3-1-405b", **changes: Any) -> Audit:
    """A job that AWS says tunes a model, whose hyperparameters name others."""
    job = json.loads(SERVERLESS.read_text(encoding="utf-8"))
    job["ServerlessJobConfig"]["BaseModelArn"] = f"{HUB}/{model}/1.0.0"
    job["HyperParameters"] = {**(job.get("HyperParameters") or {}), **dict(zip(OPTIONS, names, strict=False))}
    return audit(case_of(Evidence({**job, "BillableTokenCount": 2 * 10**11, **changes})), load_tables())


@pytest.mark.parametrize("count", [1, 7, 8])
def test_however_often_it_names_a_small_model_what_the_service_says_counts(count: int) -> None:
    alone, found = serverless([]), serverless(FALSE[:count])
    assert found.estimate.upper_flop == alone.estimate.upper_flop
    assert found.base_model == alone.base_model
    assert "Llama-3.2-1B" in said(found), "the names disagree"


@pytest.mark.parametrize(
    "names",
    [
        LARGE_IN_EIGHT,
        [f"s3://team/x{n}/" for n in range(8)],
        [f"/opt/ml/input/x{n}" for n in range(8)],
        ["meta-llama/Llama-3.1-405B", *(f"/opt/ml/input/x{n}" for n in range(7))],
    ],
    ids=["spellings of one model", "places in S3", "paths", "a name and paths"],
)
def test_a_small_model_behind_eight_other_names_is_found(names: list[str]) -> None:
    """In a channel of AWS's own, and in a hyperparameter that stands after them."""
    told = dict(zip(OPTIONS, names, strict=True))
    assert SMALL in said(audited(parameters={**told, "model": SMALL}))
    assert "Llama-3.2-1B" in said(audited(parameters=told, **channel(f"{JUMPSTART}/artifacts/v1.0.0/")))


def test_a_small_model_behind_eight_other_names_is_handed_on() -> None:
    world = World()
    spelt = [*LARGE_IN_EIGHT, *(f"{name}-instruct" for name in LARGE_IN_EIGHT)]
    told = {f"{number}.model_id": name for number, name in enumerate(spelt)}
    world.add(continuing("parent", HyperParameters={**told, "zz.model": SMALL}))
    world.add(continuing("child", ["parent"], day=1))
    world.audit()
    [parent] = world.content("child")["cumulative"]["ancestors"]
    assert parent["base_model"] == LARGE
    assert SMALL in parent["other_names"]


def test_of_more_models_than_are_weighed_the_least_counts() -> None:
    models = sorted(load_tables().models.models.values(), key=lambda each: -(each.original.pretraining_flop or 0))
    known = [each.model_id for each in models if each.original.pretraining_flop]
    told = {f"{number}.model_id": name for number, name in enumerate(known[: 2 * MOST_MODELS])}
    found = audited(parameters={**told, "model": SMALL})
    assert SMALL in said(found)
    assert found.verdict == audited(parameters={"model_id": known[0], "model": SMALL}).verdict == "indeterminate"


@pytest.mark.parametrize("more", [0, 1])
def test_more_names_than_are_looked_up_are_a_doubt(more: int) -> None:
    told = {f"{number}.model_id": f"our-own/model-{number}" for number in range(MOST_NAMES + more)}
    found = audited(days=1 / 24, parameters=told)
    kinds = [doubt.kind.name for doubt in found.estimate.doubts]
    assert (kinds, found.verdict) == ((["more-model-names-than-looked-up"], "indeterminate") if more else ([], "below"))


@pytest.mark.parametrize(("begun_with", "settled"), [("gpt2", False), ("foo/bar", False), (LARGE, True)])
def test_another_name_than_that_of_a_root_whose_compute_nobody_knows_is_a_doubt(begun_with: str, settled: bool) -> None:
    named = {"HyperParameters": {"model_name_or_path": begun_with}}
    hosts = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 4}}
    world = World()
    world.add(continuing("parent", hours=1, **named))
    child = {"HyperParameters": {"model_name_or_path": LARGE}, **hosts}
    world.add(continuing("child", ["parent"], day=1, hours=300, **child))
    world.audit("parent", "child")
    content = world.content("child")
    assert (content["verdict"] == "below") == settled
    assert ("the name with the lowest threshold counts" in json.dumps(content)) != settled


def test_a_tag_does_not_raise_the_line_of_a_model_whose_figure_is_weak() -> None:
    weak = {"model_name_or_path": "mistralai/Mixtral-8x7B-v0.1"}
    alone, tagged = (audited(21, weak, tags=tags) for tags in ({}, {"base-model": LARGE}))
    assert (alone.verdict, tagged.verdict) == ("indeterminate", "indeterminate")
