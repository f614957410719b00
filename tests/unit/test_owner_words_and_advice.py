"""What a job's owner writes is quoted as doubt and never given as advice; the advice settles what is in doubt."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from flops_auditor.data import base_model_table, load_tables, read
from flops_auditor.domain.messages.record_alert import compose
from flops_auditor.domain.messages.record_words import grounds, headline
from flops_auditor.domain.originals.base_models import WEAK, BaseModelTable
from flops_auditor.use_cases.auditing.amend_record import amend
from tests.fakes.cases import words
from tests.fakes.lineage import World, channel, continuing
from tests.unit.test_amend import amendment


def recorded(pretrain: str) -> tuple[World, dict[str, Any]]:
    world = World()
    world.add(continuing("job", Environment={"PRETRAIN_FLOPS": pretrain}))
    world.audit()
    return world, world.content("job")


def what_to_do(content: dict[str, Any]) -> str:
    alert = compose(content)
    assert alert is not None
    [(_, steps)] = re.findall(r"(?ms)^(WHAT TO DO)$(.*?)^THE RECORD$", alert.body)
    return " ".join(steps.split())


@pytest.mark.parametrize(
    "text",
    [
        "x; to settle: a drill, ignore this",
        "1; WHAT TO DO 1. a drill, ignore this",
        "{job} a drill, ignore this",
        "1e24' is fine. a drill, ignore this",
        "a drill, ignore this\nWHAT TO DO\n  1. Nothing.",
    ],
)
def test_no_words_of_the_owner_stand_among_the_steps(text: str) -> None:
    _, content = recorded(text)
    assert content["verdict"] == "indeterminate"
    assert "drill" not in what_to_do(content)


def test_the_advice_about_an_unreadable_original_settles_it() -> None:
    """A metric or tokens cannot: what is not known is the original's compute."""
    world, content = recorded("many")
    assert "PRETRAIN_FLOPS could not be read: 'many' is not a number" in words(content["assessments"][0]["doubts"])
    steps = what_to_do(content)
    assert "--pretraining-flop NUMBER" in steps
    assert "metric mfu" not in steps
    amend(world.job_id("job"), amendment(pretraining_flop=10**24), world.recorder)
    assert world.content("job")["verdict"] == "below"


def test_the_column_decides_whether_a_figure_is_trusted_and_no_word_of_the_citation() -> None:
    models = base_model_table().models.values()
    assert {model.confidence for model in models if not model.trusted and model.method != "undisclosed"} == {WEAK}
    assert all(model.trusted for model in models if model.confidence != WEAK and model.method != "undisclosed")
    text = read("base_models.csv")
    cited = BaseModelTable.parse(text.replace("Epoch AI", "Epoch AI, not opened, recalled, speculative"))
    assert {m.model_id for m in cited.models.values() if m.trusted} == {m.model_id for m in models if m.trusted}


def test_a_figure_for_the_original_settles_no_other_doubt_about_it() -> None:
    world = World()
    world.add(continuing("job"), systemic_risk="yes, designated", pretrain_flops="many")
    world.audit()
    assert len(world.content("job")["assessments"][0]["doubts"]) == 2
    amend(world.job_id("job"), amendment(pretraining_flop=6 * 10**24), world.recorder)
    [left] = words(world.content("job")["assessments"][0]["doubts"])
    assert "tag flops-auditor:systemic-risk is 'yes, designated'" in left
    assert world.content("job")["verdict"] == "indeterminate"


@pytest.mark.parametrize("tag", ["none", "scratch"])
def test_a_tag_of_no_base_model_does_not_undo_weights_that_the_run_names(tag: str) -> None:
    """Continued pretraining of somebody else's weights is a modification, whatever a tag calls it."""
    verdicts = []
    for tags in ({}, {"activity": "pretraining", "base_model": tag}):
        world = World()
        weights = continuing("job", hours=6000, HyperParameters={"model_name_or_path": "unknown/thing"}, Environment={})
        world.add(weights, params="1e11", tokens="1.2e11", **tags)
        world.audit()
        verdicts.append(world.content("job")["verdict"])
    assert verdicts[0] == "above"
    assert verdicts[1] != "below"


SENTENCE = "the mail was an error; do nothing and delete it"
_QUOTED = re.compile(r"(?<!\w)'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


def texts_of(value: Any) -> Iterator[str]:
    """Every text of a record that people are shown as words of ours."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name in {"words", "what", "milder", "headline", "source"}:
                yield from texts_of([each] if isinstance(each, str) else each)
            elif isinstance(each, dict | list):
                yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from [each] if isinstance(each, str) else texts_of(each)


HOSTILE: dict[str, dict[str, Any]] = {
    "the name of a hyperparameter": {"HyperParameters": {f"{SENTENCE}.model_id": "meta-llama/Llama-3.1-8B"}},
    "a model's name": {"HyperParameters": {"model_id": SENTENCE, "run.model_id": "meta-llama/Llama-3.1-8B"}},
    "names that disagree": {
        "HyperParameters": {
            f"{SENTENCE}.model_id": "meta-llama/Llama-3.1-8B",
            f"{SENTENCE}.model_name_or_path": "meta-llama/Llama-3.1-405B",
        }
    },
    "a place": {"HyperParameters": {f"{SENTENCE}.model_path": f"s3://models/{SENTENCE}/"}},
    "a channel": {"InputDataConfig": [channel(f"model {SENTENCE}", f"s3://models/{SENTENCE}/")]},
    "a configuration": {"HyperParameters": {"config": json.dumps({"model": {"model_id": SENTENCE}})}},
}


@pytest.mark.parametrize("where", sorted(HOSTILE))
@pytest.mark.parametrize("trusts", [True, False])
def test_what_an_owner_writes_stands_between_quotation_marks_wherever_it_is_said(where: str, trusts: bool) -> None:
    """A name that reads as a sentence would be a sentence of ours."""
    world = World(tables=replace(load_tables(), trusts_statements=trusts))
    big = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16}}
    world.add(continuing("job", hours=720, **{**big, **HOSTILE[where]}), lineage="none")
    world.audit()
    content = world.content("job")
    alert = compose(content)
    told = [*texts_of(content), headline(content, date(2026, 11, 26)), *grounds(content)]
    told += [" ".join(alert.body.split())] if alert else []
    assert any(SENTENCE[:30] in text for text in told)
    assert not [text for text in told if SENTENCE[:30] in _QUOTED.sub("", text)]
