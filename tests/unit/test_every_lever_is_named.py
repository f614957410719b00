"""Whatever a job's owner writes or emits that makes the verdict of a job milder is named in its record.

Jobs that are above as their owners describe them get each lever that readers know, in each place
(tests/fakes/levers.py), one by one, in two places at once, and several at random. `FLOPS_AUDITOR_LEVERS=full` pulls all
of them, and thousands.
"""

import os
import re
from collections.abc import Sequence
from copy import deepcopy
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit import heard
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.law.assessment import Line
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.metric_signs import OF_ROLLOUTS, only_rollouts_emit
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.trainer_metrics import normalise
from flops_auditor.domain.values.figures import SEVERITY
from tests.fakes.jobs import CREATED, describe, throughout
from tests.fakes.levers import ROLLOUTS, Lever, is_named, levers

FULL = os.environ.get("FLOPS_AUDITOR_LEVERS") == "full"
CAMPAIGNS = 2000 if FULL else 40
HOURS = 72
TABLES = load_tables()
LLAMA = {"model_name_or_path": "meta-llama/Llama-3.1-8B"}
Job = tuple[dict[str, Any], list[dict[str, Any]]]


def job(hosts: int, parameters: dict[str, str], *metrics: dict[str, Any]) -> Job:
    hardware = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts}
    return describe(hours=HOURS, ResourceConfig=hardware, HyperParameters=parameters), list(metrics)


def grows(name: str, most: float) -> dict[str, Any]:
    """A counter that grows evenly."""
    times = [CREATED + timedelta(minutes=10, hours=hour) for hour in range(HOURS + 1)]
    return {"Id": "g", "Label": name, "Timestamps": times, "Values": [most * n / HOURS for n in range(HOURS + 1)]}


def says(name: str, value: float) -> dict[str, Any]:
    return throughout({"Id": "s", "Label": name, "Values": [value]}, HOURS)


def of_last_value(name: str, value: float) -> Job:
    description, metrics = job(640, LLAMA)
    description["FinalMetricDataList"] = [
        {"MetricName": name, "Value": value, "Timestamp": description["TrainingEndTime"]}
    ]
    return description, metrics


ABOVE: dict[str, Job] = {
    "by its hardware": job(2560, LLAMA),
    "by its hardware, without a model's name": job(640, {}, says("loss", 1.0)),
    "by its tokens": job(640, {**LLAMA, "max_seq_length": "4096"}, grows("num_tokens", 7e12)),
    "by its MFU": job(640, {**LLAMA, "mixed_precision": "bf16"}, says("mfu", 0.4)),
    "by its trainer's count": job(640, LLAMA, grows("total_flos", 4.5e23)),
    "by the last value of its trainer's count": of_last_value("total_flos", 4.5e23),
}
OWN = {
    "by its tokens": "num_tokens",
    "by its MFU": "mfu",
    "by its trainer's count": "total_flos",
    "by the last value of its trainer's count": "total_flos",
}
"""What the job emits itself: a second value under the same name is no lever beside it."""


def audited(which: str, pulled: Sequence[Lever] = ()) -> Audit:
    description, metrics = deepcopy(ABOVE[which])
    for lever in pulled:
        lever.pull(description, metrics)
    return audit(case_of(Evidence(description, metrics=metrics)), TABLES)


@cache
def severities(which: str) -> dict[Line | None, int]:
    """Of a job without levers: of each line, and of the whole."""
    return _severities(audited(which))


def _severities(found: Audit) -> dict[Line | None, int]:
    return {None: SEVERITY[found.verdict], **{a.line: SEVERITY[a.verdict] for a in found.assessments}}


def unsaid(which: str, pulled: Sequence[Lever]) -> str:
    """What was pulled, if it makes a verdict milder and the record names none of it; else empty."""
    if any(lever.name == OWN.get(which) for lever in pulled):
        return ""
    found = audited(which, pulled)
    now = _severities(found)
    milder = any(now.get(line, 0) < before for line, before in severities(which).items())
    said = [ground.words for ground in found.rests_on.milder] if found.rests_on else []
    if not milder or any(is_named(lever, words) for lever in pulled for words in said):
        return ""
    return f"{which}: {', '.join(lever.words for lever in pulled)}: {found.verdict}, named: {said}"


@cache
def every_lever() -> list[Lever]:
    """All of them."""
    return levers(HOURS)


@cache
def known_levers() -> tuple[Lever, ...]:
    """All, or of those that say the same of the job one of each kind of place in turn."""
    if FULL:
        return tuple(every_lever())
    alike: dict[str, list[Lever]] = {}
    for lever in every_lever():
        alike.setdefault(_kind(lever), []).append(lever)
    return tuple(several[number % len(several)] for number, several in enumerate(alike.values()))


def _kind(lever: Lever) -> str:
    """What fields of the declaration a setting bears on; of others what they are."""
    fields = ", ".join(sorted(part.partition(" = ")[0] for part in lever.says.split(", ")))
    of_a_setting = lever.place not in {"tag", "channel", "last value", "metric", "metric of a host"}
    return fields if of_a_setting else f"{lever.name} {lever.says if lever.place == 'tag' else ''}"


def test_each_name_that_only_rollouts_emit_is_a_lever() -> None:
    assert all(map(only_rollouts_emit, ROLLOUTS))
    depth, alternatives = 0, [""]
    for character in OF_ROLLOUTS.pattern:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and not depth:
            alternatives.append("")
        else:
            alternatives[-1] += character
    for each in alternatives:
        assert any(re.fullmatch(each, normalise(name)) for name in ROLLOUTS), each


@pytest.mark.parametrize("which", ABOVE)
def test_the_jobs_are_above_without_levers(which: str) -> None:
    assert audited(which).verdict == "above"


def test_no_lever_takes_above_away_unnamed() -> None:
    jobs = list(ABOVE)
    in_turn = [(jobs[number % len(jobs)], lever) for number, lever in enumerate(known_levers())]
    pulled = [(which, lever) for lever in known_levers() for which in jobs] if FULL else in_turn
    assert [wrong for which, lever in pulled if (wrong := unsaid(which, [lever]))] == []


def test_what_is_said_in_two_places_is_named() -> None:
    """Each of both is enough, so leaving out one of them changes nothing."""
    alike: dict[str, list[Lever]] = {}
    for lever in every_lever():
        alike.setdefault(lever.says if FULL else _kind(lever), []).append(lever)
    found = []
    for number, several in enumerate(alike.values()):
        rng = Random(number)
        two = rng.sample(several, min(2, len(several)))
        found += [wrong for which in (ABOVE if FULL else [rng.choice(list(ABOVE))]) if (wrong := unsaid(which, two))]
    assert found == []


@pytest.mark.parametrize("seed", range(CAMPAIGNS))
def test_of_several_levers_one_is_named(seed: int) -> None:
    rng = Random(seed)
    for which in ABOVE if FULL else [rng.choice(list(ABOVE))]:
        assert not unsaid(which, rng.sample(known_levers(), rng.choice([2, 2, 3])))


def test_more_statements_than_are_left_out_one_by_one_are_left_out_together() -> None:
    """Whoever says much else hides nothing behind it."""
    which = "by its hardware"
    description, metrics = deepcopy(ABOVE[which])
    many = {f"flops-auditor:{name}": "x" for name in ("tokens", "params", "active-params", "trainable-params")}
    description["Tags"] = [{"Key": key, "Value": value} for key, value in many.items()]
    description["Environment"] = {"SM_HP_NUM_GENERATIONS": "8"}
    with patch.object(heard, "MOST_STATEMENTS", 3):
        found = audit(case_of(Evidence(description, metrics=metrics)), TABLES)
    assert found.verdict == "indeterminate" and found.rests_on is not None
    assert any("variable SM_HP_NUM_GENERATIONS" in ground.what for ground in found.rests_on.milder)
