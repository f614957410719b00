"""What an audit takes is bounded by counts, whatever a job's owner writes and emits, and what is over them is said."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit import audit as auditing
from flops_auditor.domain.audit import heard, rests_on
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.runs import observations
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.meter_lines import word_of
from flops_auditor.domain.runs.sources.cases import case_of
from tests.unit.test_every_lever_is_named import LLAMA, TABLES, Job, grows, job
from tests.unit.test_plan_on_its_word import LIES, answer, request
from tests.unit.test_plan_on_its_word import doubts as told_of

KNOWN = sorted(load_tables().metrics.meanings)
OTHERS = [name for name in KNOWN if not word_of(name)]
FORMS = ("", " algo-1", " algo-2")
OF_THE_METER = ["flops_auditor:model_flop", "flops_auditor:covered", "flops_auditor:seq"]


def emitting(names: list[str], forms: tuple[str, ...] = ("",), hosts: int = 640) -> Job:
    """A job whose owner has these metrics defined, each with a last value."""
    metrics = [grows(name + form, 1e12 * n) for n, name in enumerate(names, start=1) for form in forms]
    description, _ = job(hosts, LLAMA)
    at = description["TrainingEndTime"]
    finals = [{"MetricName": name, "Value": 1e12 * n, "Timestamp": at} for n, name in enumerate(names, start=1)]
    return {**description, "FinalMetricDataList": finals}, metrics


def audited(of: Job) -> Audit:
    description, metrics = of
    return audit(case_of(Evidence(description, metrics=metrics)), TABLES)


def doubts(found: Audit) -> list[str]:
    return [doubt.kind.name for doubt in found.estimate.doubts]


@pytest.fixture
def audits() -> Iterator[Mock]:
    """Counts the audits that are made of one run."""
    with patch.object(auditing, "_audited", wraps=auditing._audited) as counted:
        yield counted


@pytest.mark.parametrize(("names", "most"), [(OTHERS[:20], 0), ([*OF_THE_METER, *OTHERS[:20]], 2)])
def test_a_meters_lines_are_read_once_whatever_else_is_left_out(names: list[str], most: int, audits: Mock) -> None:
    with patch.object(observations, "read_lines", wraps=observations.read_lines) as read:
        audited(emitting(names))
    assert audits.call_count > 100 and read.call_count <= most


def test_more_metrics_than_are_left_out_one_by_one_are_left_out_together_and_said(audits: Mock) -> None:
    found = audited(emitting(OTHERS[:40], FORMS))
    assert found.verdict == "indeterminate" and doubts(found) == ["too-many-statements"]
    assert found.without_statements.verdict != "below"
    assert audits.call_count < rests_on.MOST_AUDITS


def test_whole_metrics_are_left_out_one_by_one_before_forms_of_them() -> None:
    parts: list[heard.Part] = []
    with patch.object(heard, "MOST_EMITTED", 20), patch.object(rests_on, "parts_of") as given:
        given.side_effect = lambda of: parts.extend(heard.parts_of(of)) or list(parts)
        audited(emitting(OTHERS[:19], FORMS))
    emitted = [part for part in parts if part.ground.source == "emitted"]
    assert len(emitted) == 20
    assert [part.not_told_apart for part in emitted] == [*[False] * 19, True]
    assert not any(part.form_of for part in emitted)


def test_a_job_that_no_statement_makes_milder_may_emit_as_much_as_it_likes() -> None:
    found = audited(emitting(OTHERS[:40], FORMS, hosts=1))
    assert found.verdict == "below" and doubts(found) == []


HIDDEN: dict[str, dict[str, Any]] = {
    "a model's name": {"Tags": [{"Key": "flops-auditor:base-model", "Value": "meta-llama/Llama-3.1-405B"}]},
    "an activity": {"Tags": [{"Key": "flops-auditor:activity", "Value": "not-training"}]},
    "in two places": {
        "Tags": [{"Key": "flops-auditor:pretrain-flops", "Value": "5e26"}],
        "Environment": {"PRETRAIN_FLOPS": "5e26"},
    },
}


@pytest.mark.parametrize("budget", [1, 3, 8, 20])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_over_the_budget_of_audits_nothing_is_below_in_silence(hidden: str, budget: int, audits: Mock) -> None:
    description, metrics = job(2560, {"max_seq_length": "4096"}, grows("num_tokens", 1e11))
    with patch.object(rests_on, "MOST_AUDITS", budget):
        found = audited(({**description, **HIDDEN[hidden]}, metrics))
    lines = len(found.rests_on.lines) if found.rests_on else 0
    assert audits.call_count <= 1 + budget + 2 + lines
    named = {name for ground in found.rests_on.milder for _, name in ground.names} if found.rests_on else set()
    told = {tag["Key"] for tag in HIDDEN[hidden]["Tags"]}
    assert "too-many-statements" in doubts(found) or told & named
    assert found.verdict != "below" or told & named


def full_of_texts(hosts: int) -> Job:
    """As much text as SageMaker takes in hyperparameters, variables and arguments, of which much bears on the figures,
    beside figures of its own.
    """
    texts = {
        f"x{n}.recipe": " ".join(f"{n * 700 + k:x}".replace("0", "g") for k in range(700))[:2490] for n in range(90)
    }
    said = {
        "num_train_epochs": 2,
        "max_steps": 100,
        "per_device_train_batch_size": 2,
        "max_seq_length": 512,
        "gradient_accumulation_steps": 1,
        "lora_r": 8,
    }
    variables = {f"RUN{n}.{name}".upper(): f"{value + n}" for n in range(9) for name, value in said.items()}
    arguments = [f"--run{n}.{name}={value + n}" for n in range(19) for name, value in said.items()]
    description, metrics = job(hosts, {**LLAMA, **texts}, grows("num_tokens", 1e11))
    of_the_image = {"TrainingImage": "image", "ContainerArguments": arguments}
    return {**description, "Environment": variables, "AlgorithmSpecification": of_the_image}, metrics


def full_of_settings(hosts: int) -> Job:
    """As many short settings as are weighed, each of which names a format, beside figures of its own."""
    description, metrics = full_of_texts(hosts)
    texts = {f"precision{n}": " ".join(f"--fp{n}{k}=fp8" for k in range(260))[:2500] for n in range(90)}
    return {**description, "HyperParameters": {**LLAMA, **texts}}, metrics


@pytest.mark.parametrize("said", [full_of_texts, full_of_settings])
def test_statements_are_read_as_often_as_their_number_and_length_allow(said: Callable[[int], Job]) -> None:
    with patch.object(heard, "read_declared", wraps=heard.read_declared) as read:
        found = audited(said(2560))
    characters = sum(
        heard.OF_EACH + len(name) + len(value)
        for call in read.call_args_list
        for place in ("tags", "parameters", "environment", "arguments", "channels")
        for name, value in getattr(call.args[0], place).items()
    )
    assert characters <= rests_on.MOST_READ + 1_400_000
    assert found.verdict == "indeterminate" and "too-many-statements" in doubts(found)


def test_a_job_that_is_below_without_its_word_may_say_as_much_as_it_likes() -> None:
    found = audited(full_of_texts(1))
    assert (found.verdict, doubts(found)) == ("below", [])


@pytest.mark.parametrize("hidden", HIDDEN)
def test_over_the_budget_of_characters_nothing_is_below_in_silence(hidden: str) -> None:
    description, metrics = job(2560, {"max_seq_length": "4096"}, grows("num_tokens", 1e11))
    with patch.object(rests_on, "MOST_READ", 100):
        found = audited(({**description, **HIDDEN[hidden]}, metrics))
    named = {name for ground in found.rests_on.milder for _, name in ground.names} if found.rests_on else set()
    told = {tag["Key"] for tag in HIDDEN[hidden]["Tags"]}
    assert "too-many-statements" in doubts(found) or told & named


def test_what_is_above_stays_above_over_the_budget() -> None:
    with patch.object(rests_on, "MOST_AUDITS", 1):
        found = audited(job(2560, {**LLAMA, "max_seq_length": "4096"}))
    assert found.verdict == "above" and doubts(found) == ["too-many-statements"]


@pytest.mark.parametrize("of", ["tokens of a size", "lineage"])
def test_a_plan_over_the_budget_is_open_as_well(of: str, tmp_path: Path) -> None:
    with patch.object(rests_on, "MOST_AUDITS", 1):
        code, plan = answer("plan", request(LIES[of][0]), tmp_path, "--no-trust-statements")
    assert (code, plan["verdict"]) == (4, "indeterminate")
    assert "too-many-statements" in {doubt["kind"] for doubt in told_of(plan)}
