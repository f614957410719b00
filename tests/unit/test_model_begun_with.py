"""Which model stands above a line of runs: what one of them wrote is none, in whatever is made from records."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from flops_auditor.data import hardware_table
from flops_auditor.domain.lineage.begun_with import models_begun_with
from flops_auditor.domain.messages.documents.bom import bom_of
from flops_auditor.domain.messages.documents.cyclonedx import cyclonedx
from flops_auditor.domain.messages.documents.form import FilledForm
from flops_auditor.domain.messages.documents.spdx_ai import spdx_ai
from flops_auditor.domain.messages.report.model_part import facts_of
from flops_auditor.domain.messages.report.pictures import NODE_HEIGHT, NODE_WIDTH, lineage_of
from tests.fakes.lineage import World, artifact, channel, continuing
from tests.golden_forms import filled

HUB = "s3://others/weights/"
LLAMA = "meta-llama/Llama-3.1-8B"
SECOND = "s3://second/weights/"
ABOVE: dict[str, tuple[str, ...]] = {
    "pre": (),
    "ft": (),
    "dpo": (),
    "foreign": (HUB,),
    "heir": (HUB,),
    "merged": (HUB,),
    "synth": (),
    "student": (),
    "taught": (HUB,),
    "taught-heir": (HUB,),
    "second": (SECOND,),
    "soup": (HUB, SECOND),
    "soup-heir": (HUB, SECOND),
    "beside": (),
    "named": (LLAMA,),
    "named-heir": (LLAMA,),
    "named-again": (LLAMA,),
    "unseen": (artifact("gone"),),
}
"""The models above each run of the ledger."""


@cache
def contents() -> Mapping[str, Mapping[str, Any]]:
    ledger = World()
    ledger.add(continuing("pre"), activity="pretraining")
    ledger.add(continuing("ft", ["pre"], 1))
    ledger.add(continuing("dpo", ["ft"], 2))
    ledger.add(continuing("foreign", [], 0, InputDataConfig=[channel("model", HUB)]))
    ledger.add(continuing("heir", ["foreign"], 1))
    ledger.add(continuing("merged", ["heir", "ft"], 3))
    ledger.add(continuing("synth", ["pre"], 1), activity="synthetic-data")
    ledger.add(continuing("student", [], 3, InputDataConfig=[channel("model", artifact("synth"))]))
    ledger.add(
        continuing("taught", [], 3, InputDataConfig=[channel("train", artifact("synth")), channel("model", HUB)])
    )
    ledger.add(continuing("taught-heir", ["taught"], 4))
    ledger.add(continuing("second", [], 0, InputDataConfig=[channel("model", SECOND)]))
    ledger.add(continuing("soup", ["foreign", "second"], 2))
    ledger.add(continuing("soup-heir", ["soup"], 3))
    ledger.add(continuing("beside", [], 3, InputDataConfig=[channel("train", artifact("pre")), channel("model", HUB)]))
    ledger.add(continuing("named", [], 0, HyperParameters={"model_id": LLAMA}))
    ledger.add(continuing("named-heir", ["named"], 1))
    ledger.add(continuing("named-again", ["named"], 1, HyperParameters={"model_id": LLAMA}))
    ledger.add(continuing("unseen", ["gone"], 1))
    found = {}
    for name in ABOVE:
        ledger.audit(name)
        found[name] = ledger.content(name)
    return found


def form_of(content: Mapping[str, Any]) -> FilledForm:
    earlier = {content["job"]["id"], *(each["job_id"] for each in content["cumulative"]["ancestors"])}
    others = [each for each in contents().values() if each["job"]["id"] in earlier and each is not content]
    return filled(content, *others)


@pytest.mark.parametrize("name", ABOVE)
def test_what_a_counted_run_wrote_is_no_original(name: str) -> None:
    content = contents()[name]
    assert sorted(models_begun_with(content)) == sorted(ABOVE[name])
    drawn = [node.full_name for node in lineage_of(content).nodes if node.kind == "original"]
    assert sorted(drawn) == sorted(ABOVE[name])
    assert dict(facts_of(content))["Original model"] == (", ".join(drawn) or "not named")
    if name == "synth":
        return
    form = form_of(content)
    assert list(form.models) == drawn
    bom = bom_of([content], [""], form, hardware_table())
    component = cyclonedx(bom)["metadata"]["component"]
    assert [each["name"] for each in component.get("pedigree", {}).get("ancestors", [])] == drawn
    assert len(cyclonedx(bom)["dependencies"][0]["dependsOn"]) == len(drawn)
    descends = [each["to"] for each in spdx_ai(bom)["@graph"] if each["type"] == "Relationship"]
    assert list(map(len, descends)) == [len(drawn)] * bool(drawn)


def test_a_record_that_lists_few_of_many_runs_has_the_model_of_the_first() -> None:
    content = contents()["heir"]
    few = {**content, "cumulative": content["cumulative"] | {"ancestors": []}}
    assert models_begun_with(few) == (HUB,)
    content = contents()["dpo"]
    assert models_begun_with({**content, "cumulative": content["cumulative"] | {"ancestors": []}}) == ()


@pytest.mark.parametrize("name", ["soup", "soup-heir"])
def test_each_original_stands_above_the_run_that_began_with_it(name: str) -> None:
    drawn = lineage_of(contents()[name])
    at = {(node.x + NODE_WIDTH / 2, node.y): node.name for node in drawn.nodes}
    above = {(node.x + NODE_WIDTH / 2, node.y + NODE_HEIGHT): node for node in drawn.nodes if node.kind == "original"}
    edges = [(above[e.x1, e.y1].full_name, at[e.x2, e.y2]) for e in drawn.edges if (e.x1, e.y1) in above]
    assert sorted(edges) == [(HUB, "foreign"), (SECOND, "second")]


def test_the_original_stands_above_the_run_alone_that_began_with_it() -> None:
    drawn = lineage_of(contents()["merged"])
    [original] = [node for node in drawn.nodes if node.kind == "original"]
    below = [edge for edge in drawn.edges if edge.y1 == original.y + NODE_HEIGHT]
    [foreign] = [node for node in drawn.nodes if node.name == "foreign"]
    assert [(edge.x2, edge.y2) for edge in below] == [(foreign.x + NODE_WIDTH / 2, foreign.y)]


@pytest.mark.parametrize(
    ("name", "answer"),
    [("dpo", "N/A"), ("student", None), ("beside", None), ("taught", HUB), ("heir", HUB), ("named-heir", LLAMA)],
)
def test_where_nothing_above_is_known_the_form_asks_a_person(name: str, answer: str | None) -> None:
    form = form_of(contents()[name])
    [field] = [each for each in form.fields if each.kind == "base models"]
    assert field.answer == answer
    assert any("an earlier run may have written" in note for note in field.notes) == (answer is None)


def test_a_run_is_drawn_with_the_name_of_its_record() -> None:
    content = contents()["ft"]
    [pre] = content["cumulative"]["ancestors"]
    assert {node.name for node in lineage_of(content).nodes} == {"pre", "ft"}
    assert {node.name for node in lineage_of(content, {pre["job_id"]: "support-1"}).nodes} == {"support-1", "ft"}
