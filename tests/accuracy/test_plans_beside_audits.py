"""No plan is milder than the audit of the same job that ran as planned: neither its verdict nor its upper bound."""

import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context

import pytest

from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor_cli.job_definition import read_definition
from flops_auditor_cli.planned_run import Inputs, Planned, UnusablePlan, plan_run
from flops_auditor_cli.planned_steps import planned_steps
from tests.accuracy.made_up_jobs import TABLES
from tests.accuracy.planned_jobs import planned_job, request_of
from tests.fakes.cases import audit
from tests.fakes.jobs import describe, tagged

FULL = os.environ.get("FLOPS_AUDITOR_JOBS") == "full"
JOBS = 10_000 if FULL else 120
CHUNK = 20
WARY_JOBS = JOBS // 10
"""Without the job's own word each is planned and audited many times."""
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def plan_of(request: object) -> Planned:
    """The plan of a definition."""
    [step] = read_definition(request).steps
    return plan_run(step.inputs, TABLES.policies, NOW)


def beside(seed: int) -> tuple[str, str]:
    """The verdicts of plan and audit, and what is milder in the plan."""
    job = planned_job(seed)
    try:
        plan = plan_of(request_of(job)).chosen
    except UnusablePlan as refused:
        return f"refused: {type(refused).__name__}", ""
    finished = job.audited_alone()
    bound = finished.estimate.cautious_upper_flop
    milder = f"{plan.verdict} beside {finished.verdict}" if plan.verdict == "below" != finished.verdict else ""
    if bound is not None and plan.upper_flop < bound:
        milder += f" at most {plan.upper_flop:.4g} beside {bound:.4g}"
    return f"plan {plan.verdict}, audit {finished.verdict}", f"{seed}: {milder}" if milder else ""


def test_no_plan_is_milder_than_the_audit_of_the_job_that_ran_as_planned() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(beside, range(JOBS), chunksize=CHUNK))
    counts = Counter(verdicts for verdicts, _ in found)
    milder = [each for _, each in found if each]
    sys.stdout.write("\n".join([*milder, f"{JOBS} definitions: {dict(counts)}\n"]))
    assert counts["plan below, audit below"] > JOBS / 20
    assert not milder


def beside_without_trust(seed: int) -> tuple[str, str]:
    """The same where no statement is trusted."""
    job, tables = planned_job(seed), replace(TABLES, trusts_statements=False)
    definition = read_definition(request_of(job))
    try:
        [planned] = planned_steps(definition, None, Inputs(), TABLES.policies, NOW, trusts_statements=False)
    except UnusablePlan as refused:
        return f"refused: {type(refused).__name__}", ""
    plan, finished = planned.chosen, audit(job.evidence, tables)
    milder = f"{seed}: below beside {finished.verdict}" if plan.verdict == "below" != finished.verdict else ""
    return f"plan {plan.verdict}, audit {finished.verdict}", milder


def test_no_plan_is_milder_than_the_audit_where_no_statement_is_trusted() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(beside_without_trust, range(WARY_JOBS), chunksize=CHUNK // 10))
    counts = Counter(verdicts for verdicts, _ in found)
    milder = [each for _, each in found if each]
    sys.stdout.write("\n".join([*milder, f"{WARY_JOBS} definitions without trust: {dict(counts)}\n"]))
    assert counts["plan below, audit below"] > 0
    assert not milder


HOSTS_OF_P5 = 64
NLH_IN_A_DAY = HOSTS_OF_P5 * 8 * 989.4e12 * 86400
LLAMA = {"model_id": "meta-llama/Llama-3.1-8B", "max_seq_length": "4096"}
ROLE, GENERATES = {"activity": "pretraining", "params": "1e9"}, {"activity": "synthetic-data"}
LEFT_OPEN = [
    # days, hyperparameters, tags, what leaves the plan open
    (4, {"max_seq_length": "512"}, {**ROLE, "tokens": "8e12"}, "only-a-tag-says-from-none"),
    (64, {"max_seq_length": "512"}, {"base-model": "none", "precision": "fp32"}, "only-a-tag-says-from-none"),
    (10, {"max_seq_length": "512"}, {**GENERATES, "params": "8e9", "tokens": "2e12"}, "only-a-tag-says-activity"),
    (10, LLAMA, {**GENERATES, "tokens": "4.6e12"}, "activity-contradicted"),
    (4, {**LLAMA, "max_steps": "1000000", "global_batch_size": "1400"}, {}, ""),
    (4, {"model_name": "llama", "max_seq_length": "512"}, {**ROLE, "tokens": "8e12"}, "weights-or-configuration"),
    (6, {**LLAMA, "num_train_epochs": "3"}, {"tokens": "1.5e12"}, ""),
    (6, {**LLAMA, "trainer_type": "DPOTrainer"}, {"tokens": "1.8e12"}, ""),
    (6, {**LLAMA, "trainer_type": "GRPOTrainer", "num_iterations": "3"}, {"tokens": "1.5e12"}, ""),
    (4, {**LLAMA, "use_peft": "true"}, {"tokens": "4.5e12"}, ""),
]


@pytest.mark.parametrize(("days", "parameters", "tags", "kind"), LEFT_OPEN)
def test_what_leaves_an_audit_open_leaves_the_plan_open(
    days: int, parameters: dict[str, str], tags: dict[str, str], kind: str
) -> None:
    said = {"HyperParameters": parameters, "Tags": tagged(**tags)}
    hosts = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": HOSTS_OF_P5}}
    found = audit(Evidence(describe(hours=24 * days, **hosts, **said)), TABLES)
    limit = {"MaxRuntimeInSeconds": 86400 * days}
    plan = plan_of({"TrainingJobName": "job", "StoppingCondition": limit, **hosts, **said}).chosen
    assert (plan.verdict, plan.contradictions) == ("indeterminate", ())
    assert found.verdict == "indeterminate"
    doubts = {doubt.kind.name for outlook in plan.outlooks for doubt in outlook.assessment.doubts}
    assert kind in doubts or (not kind and not doubts)
    said_of_lines = {note.kind.name for outlook in plan.outlooks for note in outlook.assessment.notes}
    assert said_of_lines >= {note.kind.name for each in found.assessments for note in each.notes}
    assert plan.best_flop < NLH_IN_A_DAY * days
