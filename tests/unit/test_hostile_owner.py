"""A job's owner who tries at random what owners can do, beside the same jobs run honestly: nothing is milder unsaid.

Some of the jobs continue others. `tests/fakes/hostile_owner.py` holds the levers that he pulls; his jobs and decoys end
in any order, among replays, and some are deleted before they are looked at. The lines of the law lie nearer than they
are, so that the jobs of a campaign, of an hour each, are on both sides of them.

`FLOPS_AUDITOR_OWNERS=full` plays 2,000 campaigns, of up to 30 jobs each.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.law.policy import Rule
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.occupancy import LOWEST, MAXIMUM, SAMPLES
from flops_auditor.domain.values.archive_keys import job_id
from flops_auditor.domain.values.arns import name_of, region_of
from flops_auditor.domain.values.figures import SEVERITY
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.audit_job import Territory, handle_event, reassess
from flops_auditor.use_cases.ports.sources import MetricRequest
from tests.fakes.audit import (
    FakeTrainingJobs,
    FixedClock,
    FixedRegions,
    MemoryAlerts,
    MemoryReassessments,
    MemoryRecords,
    recorder,
)
from tests.fakes.hostile_owner import Launch, Owner, Samples, decoy, honest_job, innocents, one
from tests.fakes.jobs import CREATED, describe

FULL = os.environ.get("FLOPS_AUDITOR_OWNERS") == "full"
CAMPAIGNS, MOST_JOBS = (2000, 30) if FULL else (40, 5)
TOLD = ("RoleArn", "InputDataConfig", "OutputDataConfig", "CheckpointConfig", "Environment")
"""What AWS's event says of a job beside its state and hyperparameters (SageMaker Developer Guide, "Training job state
change"): it is all there is of a job that is deleted."""
HOME = Territory("123456789012", FixedRegions())
LEAVES_OUT = {
    *("named-by-another-role", "called-data", "also-in-a-runs-bucket", "maybe-overwritten"),
    *("data-not-followed", "no-output-of-a-run", "occupancy-has-added-samples", "evaluates-alone"),
}
"""Notes that name runs which are not counted on the job's own word, where that changes no verdict, data that nobody can
look up, samples that are not believed, or the job's word that it evaluates: of a run that failed, too, neither changes
the verdict without the other."""
Contents = Mapping[str, Mapping[str, Any]]
"""What records say, by job id."""


@cache
def nearer(scale: Fraction) -> Tables:
    """Tables whose lines, and the amounts that choose one, are those of the law times `scale`."""

    def amount(flop: int | None) -> int | None:
        return None if flop is None else int(flop * scale)

    def of_rule(rule: Rule) -> Rule:
        return replace(
            rule,
            at_least=int(rule.at_least * scale),
            over=amount(rule.over),
            at_most=amount(rule.at_most),
            amount=None if rule.amount is None else rule.amount * scale,
            takes_original_for=int(rule.takes_original_for * scale),
        )

    tables = load_tables()
    policies = (
        replace(
            policy,
            systemic_risk_over=amount(policy.systemic_risk_over),
            groups=tuple(tuple(map(of_rule, group)) for group in policy.groups),
        )
        for policy in tables.policies
    )
    return replace(tables, policies=tuple(policies))


@dataclass
class SampledMetrics:
    """The JobMetrics port over samples, by region and job: each period with the statistics that CloudWatch keeps."""

    samples: dict[tuple[str, str], Samples] = field(default_factory=dict)
    starts: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        start, period = self.starts[request.region, request.job_name].timestamp(), request.period_seconds
        periods: dict[int, list[tuple[float, float, float, float]]] = {}
        for minute, sets in enumerate(self.samples[request.region, request.job_name]):
            periods.setdefault(int((start + 60 * minute) // period) * period, []).extend(sets)
        kept = {begin: tuple(zip(*sets, strict=True)) for begin, sets in sorted(periods.items()) if sets}
        times = [datetime.fromtimestamp(begin, UTC) for begin in kept]
        values = {
            "": [sum(sums) / sum(counts) for sums, counts, _, _ in kept.values()],
            MAXIMUM: [max(highest) for _, _, _, highest in kept.values()],
            LOWEST: [min(lowest) for _, _, lowest, _ in kept.values()],
            SAMPLES: [sum(counts) for _, counts, _, _ in kept.values()],
        }
        return [
            {"Label": f"GPUUtilization algo-1{statistic}", "Timestamps": times, "Values": found}
            for statistic, found in values.items()
        ]


def whose(arn: str) -> tuple[str, str]:
    """Region and name of a job."""
    return region_of(arn), name_of(arn)


class Account:
    """An account with its recorder; jobs end in it."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self.jobs, self.metrics, self.records = FakeTrainingJobs(), SampledMetrics(), MemoryRecords()
        self.queue = MemoryReassessments()
        self.recorder = recorder(
            *(self.jobs, self.metrics),  # type: ignore[arg-type]
            records=self.records,
            alerts=MemoryAlerts(),
            queue=self.queue,
            tables=tables,
            clock=FixedClock(now),
        )
        self.sent = 0

    def start(self, launch: Launch) -> None:
        """A job as SageMaker and CloudWatch know it."""
        job = launch.job
        self.jobs.add(job)
        self.jobs.tags_by_arn[job["TrainingJobArn"]] = [{"Key": k, "Value": value} for k, value in launch.tags.items()]
        self.jobs.packages |= launch.packages
        self.metrics.samples[whose(job["TrainingJobArn"])] = launch.samples
        self.metrics.starts[whose(job["TrainingJobArn"])] = job["TrainingStartTime"]

    def tell(self, job: Mapping[str, Any], source: str = "aws.sagemaker", **said: Any) -> None:
        """An event about a job arrives."""
        self.sent += 1
        detail = {key: job[key] for key in ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus")}
        detail |= {"CreationTime": iso(job["CreationTime"]), "HyperParameters": job["HyperParameters"], **said}
        detail |= {key: job[key] for key in TOLD if key in job}
        event = {"source": source, "detail": detail}
        handle_event(event, self.recorder, f"message-{self.sent}", HOME)
        while self.queue.waiting:
            reassess(self.queue.waiting.pop(0), self.recorder)

    def contents(self) -> Contents:
        """The newest record of each job."""
        return {run: predicate_of(lines[max(lines)]) for run, lines in self.records.lines.items()}

    def told_of(self, content: Mapping[str, Any]) -> bool:
        """Whether people were told that a job is above, or may be."""
        run, verdicts = content["job"]["id"], ("above", "indeterminate")
        revisions = range(content["revision"] + 1)
        return any(self.records.alert_sent(run, f"{each:06d}#{verdict}") for each in revisions for verdict in verdicts)


def id_of(job: Mapping[str, Any]) -> str:
    """A job's id: its ARN may be that of another one, too."""
    return job_id(job["TrainingJobArn"], iso(job["CreationTime"]))


def says(contents: Contents, content: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Why a run may be milder than it is in truth, as its record and those of the runs that it continues say: doubts,
    statements of the job that make it so, runs that are left out, samples that do not count; of earlier runs all that
    they say and emit. Each with whose record.
    """
    found = {(content["job"]["arn"], "", said) for said in content["rests_on"]["milder"]}
    before = [each["job_id"] for each in content["cumulative"]["ancestors"]]
    for each in (content, *(contents[run] for run in before if run in contents)):
        notes = [*each["lineage"]["notes"], *each["estimate"]["assumptions"]]
        said = [("", doubt["kind"]) for doubt in each["estimate"]["doubts"]]
        said += [(a["scenario"], doubt["kind"]) for a in each["assessments"] for doubt in a["doubts"]]
        said += [("", note["kind"]) for note in notes if note["kind"] in LEAVES_OUT]
        if each is not content:
            grounds = [ground for ground in each["rests_on"]["grounds"] if ground["source"] in ("declared", "emitted")]
            said += [(ground["what"], ground["value"]) for ground in grounds]
        found |= {(each["job"]["arn"], *what) for what in said}
    return found


def says_otherwise(launch: Launch, spoilt: Launch, fair: Mapping[str, Any]) -> bool:
    """Whether another tag stands in place of one by which alone the honest run is as severe as it is."""
    return any(
        launch.tags.get(name) != spoilt.tags.get(name)
        for name in launch.tags
        for ground in fair["rests_on"]["grounds"]
        if ground["what"] == f"tag {name}" and SEVERITY[ground["verdict_without"]] < SEVERITY[fair["verdict"]]
    )


def flop(content: Mapping[str, Any]) -> int:
    """The upper bound that counts; more than any other where nothing bounds it."""
    upper = content["cumulative"]["upper_flop"]
    return 10**60 if upper is None else int(upper)


def may_be_over(content: Mapping[str, Any]) -> bool:
    """Whether a job may be over an amount, be it without its own word."""
    without = content["rests_on"]["without_statements"]
    lines = [*content["assessments"], *(without["assessments"] if without else ())]
    amounts = [(a["upper_flop"], int(a["threshold_flop"])) for a in lines if a["threshold_flop"] != "0"]
    return any(upper is None or int(upper) > amount for upper, amount in amounts)


def figures(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """The verdict, and what is added up to it; not what earlier runs would be without their word."""
    cumulative = content["cumulative"]
    ancestors = [
        {key: value for key, value in each.items() if key not in ("revision", "without_statements")}
        for each in cumulative["ancestors"]
    ]
    return content["verdict"], cumulative | {"ancestors": ancestors}


def truth(fair: Mapping[str, Any], metrics: SampledMetrics) -> int:
    """FLOP that the run and those before it can have taken, from every sample of the agent; what is recorded of an
    honest run bounds that, where a period lies partly outside of training.
    """
    runs = [fair["job"]["arn"], *(each["job_arn"] for each in fair["cumulative"]["ancestors"])]
    busy = sum(each[0] for arn in runs for minute in metrics.samples[whose(arn)] for each in minute)
    return int(busy / 100 * 60 * int(fair["estimate"]["peak_flop_per_s"]) * 0.999)


def end_in_any_order(
    rng: Owner, account: Account, jobs: Sequence[Launch], decoys: Sequence[Launch], innocent: Launch
) -> set[str]:
    """Jobs and decoys end, among replays; some are deleted before they are looked at, whose ids are returned. A decoy
    that uses the name of a job again runs once that one has ended.
    """
    deleted = set()
    ends = [*((each, False) for each in jobs), *((each, True) for each in decoys)]
    rng.shuffle(ends)
    real = {each.job["TrainingJobArn"] for each in jobs}
    ends.sort(key=lambda end: end[1] and end[0].job["TrainingJobArn"] in real)
    for launch, late in ends:
        if late:
            account.start(launch)
        for _ in range(rng.randint(0, 3)):
            wrong = iso(CREATED - timedelta(days=rng.randint(0, 9)))
            about = rng.choice([launch.job, innocent.job, describe("nobody")])
            account.tell(about, "flops-auditor.replay", CreationTime=wrong)
        if rng.pulls(0.2):
            region, name = whose(launch.job["TrainingJobArn"])
            del account.jobs.descriptions[name, region]
            deleted |= {id_of(launch.job)} - account.records.lines.keys()
        account.tell(launch.job)
    return deleted


@pytest.mark.parametrize("seed", range(CAMPAIGNS))
def test_no_lever_makes_a_run_milder_silently_or_moves_another_owners(seed: int) -> None:
    rng = Owner(seed)
    rng.eager = rng.choice([0.1, 0.4, 1])
    scale, now = Fraction(1, 10 ** rng.randint(3, 5)), CREATED + timedelta(days=rng.choice([12, 50, 268]))
    honest, hostile = Account(nearer(scale), now), Account(nearer(scale), now)
    theirs = innocents(rng)
    for each in theirs:
        honest.start(each)
        hostile.start(each)
    most = min(rng.randint(1, MOST_JOBS), rng.randint(1, MOST_JOBS))  # a small campaign hides less of what it says
    jobs: list[tuple[Launch, Launch]] = []
    decoys: dict[str, Launch] = {}
    for number in range(most):
        hours = rng.choice([0.5, 1.0, 3.0])
        original = rng.choice([None, 10**21, 10**23, 10**24, 10**26])
        job = Launch(
            honest_job(rng, number, hours, [before.job for before, _ in jobs]),
            {} if original is None else {"flops-auditor:pretrain-flops": f"{float(original * scale):.0e}"},
            [[one(float(rng.choice([0, 100, 760, 800])))] for _ in range(int(hours * 60))],
        )
        jobs.append((job, rng.spoil(job)))
        honest.start(job)
        hostile.start(jobs[-1][1])
        if rng.pulls(0.6):
            false = decoy(rng, number, most)
            decoys.setdefault(false.job["TrainingJobArn"], false)
    for launch, _ in jobs:
        honest.tell(launch.job)
    deleted = end_in_any_order(rng, hostile, [spoilt for _, spoilt in jobs], list(decoys.values()), theirs[0])
    for each in theirs:
        honest.tell(each.job)
        hostile.tell(each.job)
    truths, found = honest.contents(), hostile.contents()
    for launch, spoilt in jobs:
        fair, given = truths[id_of(launch.job)], found[id_of(spoilt.job)]
        lower = SEVERITY[given["verdict"]] < SEVERITY[fair["verdict"]] and not says_otherwise(launch, spoilt, fair)
        milder = lower or flop(given) < truth(fair, honest.metrics)
        behind = {each["job_id"] for each in fair["cumulative"]["ancestors"]}
        assert not milder or says(found, given) - says(truths, fair) or not behind.isdisjoint(deleted)
        assert given["verdict"] == "below" or not may_be_over(given) or hostile.told_of(given)
    assert all(found[run]["estimate"]["doubts"] for run in deleted)
    for each in theirs:
        assert figures(truths[id_of(each.job)]) == figures(found[id_of(each.job)])
