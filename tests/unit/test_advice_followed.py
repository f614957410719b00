"""Advice that was followed is not given again: what would settle an open verdict is something that was not done yet."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

from flops_auditor.domain.messages.record_alert import remedies
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.use_cases.auditing.amend_record import amend
from tests.fakes.audit import NOW, FakeMetrics
from tests.fakes.jobs import throughout
from tests.fakes.lineage import World, continuing

LLAMA = "meta-llama/Llama-3.1-8B"
IN_HOUSE = {"base_model": "in-house/base", "pretraining_flop": "1e23", "params": "34e9"}
NO_LENGTH: dict[str, Any] = {"HyperParameters": {"bf16": "true"}}
HOSTS = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16, "VolumeSizeInGB": 500}
LARGE = {"ResourceConfig": HOSTS | {"InstanceCount": 100}}
LONGER: dict[str, Any] = {"HyperParameters": {"rope_scaling": "yarn"}}
FIGURES: dict[str, Any] = {
    "--tokens": {"tokens": 10**11},
    "--parameters": {"parameters": 34 * 10**9},
    "--sequence-length": {"sequence_length": 8192},
    "--layers": {"layers": 48},
    "--width": {"width": 8192},
    "--pretraining-flop": {"pretraining_flop": 10**23},
    "--mfu": {"mfu": Fraction(2, 5)},
    "--from-scratch": {"stated": Stated(from_scratch=True)},
    "--original-is-ours": {"stated": Stated(ours=True)},
    "--original-is-not-general-purpose": {"stated": Stated(general_purpose=False)},
    "--no-systemic-risk": {"stated": Stated(systemic_risk=False)},
}
"""What a person says for each option that an advice may name."""
FLOS = [{"Id": "m0", "Label": "total_flos", "Values": [1.8e23], "StatusCode": "Complete"}]
JOBS: dict[str, tuple[dict[str, Any], dict[str, str], list[dict[str, Any]]]] = {
    "hardware alone": ({}, {}, []),
    "a model that nobody knows": (NO_LENGTH, {**IN_HOUSE, "tokens": "1e11"}, []),
    "a length without a shape": ({"HyperParameters": {"max_seq_length": "8192"}}, {**IN_HOUSE, "tokens": "1e11"}, []),
    "a shape without a length": (NO_LENGTH | LARGE, {"base_model": LLAMA, "tokens": "2.5e12"}, []),
    "a longer context": (LONGER | LARGE, {"base_model": LLAMA, "tokens": "2.5e12"}, []),
    "fewer tokens than the hardware did": (NO_LENGTH, {**IN_HOUSE, "tokens": "1e8"}, []),
    "two epochs": ({"HyperParameters": {"num_train_epochs": "3"}}, {**IN_HOUSE, "tokens": "1e11"}, []),
    "preferences": ({"HyperParameters": {"rlhf": "dpo", "beta": "0.1"}}, {**IN_HOUSE, "tokens": "1e11"}, []),
    "no times": ({"SecondaryStatusTransitions": [], "TrainingStartTime": None}, {"base_model": LLAMA}, []),
    "a trainer's own count": ({"HyperParameters": {"model_name_or_path": LLAMA}} | LARGE, {}, FLOS),
    "tokens that cannot be read": (NO_LENGTH, {**IN_HOUSE, "tokens": "many"}, []),
    "an original that cannot be read": (NO_LENGTH, {**IN_HOUSE, "pretraining_flop": "much", "tokens": "1e11"}, []),
    "begun with no weights": (NO_LENGTH, {"activity": "pretraining", "base_model": "none", "tokens": "1e11"}, []),
    "an original of one's own": (NO_LENGTH, {**IN_HOUSE, "original_is_ours": "true", "tokens": "1e11"}, []),
    "no figure for the original": (NO_LENGTH, {"base_model": "in-house/base", "params": "34e9", "tokens": "1e11"}, []),
}
_ADVISED = re.compile(r"`flops-auditor amend \S+ --who NAME --why REASON ([^`]+)`")


def advised(content: Mapping[str, Any]) -> set[str]:
    """The options of all amendments that a record, and a mail about it, advise; to ask again is no figure."""
    words = [*(each["words"] for a in content["assessments"] for each in a["settle"]), *remedies(content)]
    return {options for each in words for options in _ADVISED.findall(each)} - {"--ask-again"}


def followed(options: str) -> Amendment:
    """What a person gives who does that."""
    given = {name: value for each in options.split() if each in FIGURES for name, value in FIGURES[each].items()}
    assert given, f"nothing is given for {options}"
    return Amendment(who="ada", why="counted", at=NOW, **given)


def world_of(job: str) -> World:
    description, tags, metrics = JOBS[job]
    found = {"job": [throughout(each, 120) for each in metrics]}
    world = World(metrics=FakeMetrics(found))
    changes = {name: value for name, value in description.items() if value is not None}
    made = continuing("job", hours=120, **{"ResourceConfig": HOSTS, **changes})
    world.add({name: value for name, value in made.items() if description.get(name, "") is not None}, **tags)
    world.audit()
    return world


@pytest.mark.parametrize("job", JOBS)
def test_followed_advice_is_not_given_again(job: str) -> None:
    world, done = world_of(job), set[str]()
    for _ in range(5):
        content = world.content("job")
        asked = advised(content)
        assert not asked & done, f"{job}: advised again: {asked & done}"
        if content["verdict"] != "indeterminate" or not asked:
            break
        for options in sorted(asked):
            amend(world.job_id("job"), followed(options), world.recorder)
        done |= asked
    else:
        pytest.fail(f"{job}: advice does not end: {asked}")
