"""A job's owner who tries at random what owners can do, beside the same jobs run honestly: nothing is milder unsaid.

`FLOPS_AUDITOR_OWNERS=full` plays 2,000 campaigns, of up to 30 jobs each.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.occupancy import LOWEST, MAXIMUM, SAMPLES
from flops_auditor.domain.values.figures import SEVERITY
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.audit_job import Territory, handle_event
from flops_auditor.use_cases.ports.sources import MetricRequest
from flops_auditor_cli.local_aws.training_jobs import EmittedSeries
from tests.fakes.audit import FakeTrainingJobs, FixedRegions, MemoryAlerts, MemoryRecords, recorder
from tests.fakes.jobs import CREATED, describe

FULL = os.environ.get("FLOPS_AUDITOR_OWNERS") == "full"
CAMPAIGNS, MOST_JOBS = (2000, 30) if FULL else (40, 5)
HOME = Territory("123456789012", FixedRegions())
Samples = list[list[float]]


@dataclass
class SampledMetrics:
    """The JobMetrics port over single samples, by job: each period with the statistics that CloudWatch keeps of it."""

    samples: dict[str, Samples] = field(default_factory=dict)

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        start = (CREATED + timedelta(minutes=10)).timestamp()
        minutes = self.samples[request.job_name]
        points = [(start + 60 * minute, value) for minute, values in enumerate(minutes) for value in values]
        series, label = EmittedSeries.of(points), "GPUUtilization algo-1"
        found = []
        for end, stat in (("", "Average"), (MAXIMUM, "Maximum"), (LOWEST, "Minimum"), (SAMPLES, "SampleCount")):
            values = series.statistic(stat, (start, start + 1e6), request.period_seconds, start)
            times = [datetime.fromtimestamp(at, UTC) for at, _ in values]
            found.append({"Label": label + end, "Timestamps": times, "Values": [value for _, value in values]})
        return found


class Account:
    """An account with its recorder; jobs end in it."""

    def __init__(self) -> None:
        self.jobs, self.metrics, self.records = FakeTrainingJobs(), SampledMetrics(), MemoryRecords()
        self.alerts = MemoryAlerts()
        self.recorder = recorder(self.jobs, self.metrics, records=self.records, alerts=self.alerts)
        self.sent = 0

    def start(self, job: dict[str, Any], samples: Samples, tags: dict[str, str]) -> None:
        """A job as SageMaker and CloudWatch know it."""
        self.jobs.add(job)
        self.jobs.tags_by_arn[job["TrainingJobArn"]] = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.metrics.samples[job["TrainingJobName"]] = samples

    def tell(self, job: dict[str, Any], source: str = "aws.sagemaker", **said: Any) -> None:
        """An event about a job arrives."""
        self.sent += 1
        detail = {key: job[key] for key in ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus")}
        detail |= {"CreationTime": iso(job["CreationTime"]), "HyperParameters": job["HyperParameters"], **said}
        event = {"source": source, "detail": detail}
        handle_event(event, self.recorder, f"message-{self.sent}", HOME)

    def content(self, arn: str) -> dict[str, Any]:
        """The newest record of the job of this ARN."""
        contents = [predicate_of(lines[max(lines)]) for lines in self.records.lines.values()]
        [found] = [content for content in contents if content["job"]["arn"] == arn]
        return found


def attack(rng: Random, job: dict[str, Any], samples: Samples, tags: dict[str, str]) -> Samples:
    """Pull some levers of one job: its words and its samples."""
    if rng.random() < 0.7:
        share = rng.random()
        added = rng.choice([[0.0] * 99, [0.0], [-799.0], [-5000.0], [0.0, 800.0], [10.0] * 7])
        samples = [[*minute, *added] if rng.random() < share else minute for minute in samples]
    if rng.random() < 0.3:
        key = rng.choice(["tokens", "params", "activity", "lineage", "precision", "pretrain-flops", "x\ud800"])
        tags[f"flops-auditor:{key}"] = rng.choice(
            ["x", "1", "1e40", "not-training", "none", "fp32", "pretraining", "\ud800"]
        )
    if rng.random() < 0.3:
        job["HyperParameters"] |= {
            rng.choice(["note\ud800", "model_id", "bf16"]): rng.choice(["\ud800", "gpt2", "x" * 2500])
        }
    if rng.random() < 0.2:
        job["Environment"] = {"PRETRAIN_FLOPS": rng.choice(["1e40", "1e26", "0", "nan"])}
    return samples


def excused(content: dict[str, Any]) -> bool:
    """Whether the record says why it may be milder: a doubt, or a statement of the job that makes it so."""
    rests = content["rests_on"]
    doubts = [*content["estimate"]["doubts"], *(doubt for a in content["assessments"] for doubt in a["doubts"])]
    return bool(doubts or rests["milder"] or rests["verdict_without_statements"] != content["verdict"])


def flop(content: dict[str, Any]) -> int:
    """The upper bound that counts; more than any other where nothing bounds it."""
    upper = content["cumulative"]["upper_flop"]
    return 10**60 if upper is None else int(upper)


@pytest.mark.parametrize("seed", range(CAMPAIGNS))
def test_no_lever_makes_a_run_milder_silently_or_moves_another_owners(seed: int) -> None:
    rng = Random(seed)
    honest, hostile = Account(), Account()
    theirs = describe("innocent", hours=1)
    for account in (honest, hostile):
        account.start(theirs, [[400.0]] * 60, {})
    arns = []
    for number in range(rng.randint(1, MOST_JOBS)):
        hours = rng.choice([0.5, 1.0, 3.0])
        line = {"flops-auditor:pretrain-flops": rng.choice(["1e19", "1e20", "1e21"])}
        samples = [[float(rng.choice([0, 100, 760, 800]))] for _ in range(int(hours * 60))]
        job = describe(f"job-{number}", hours=hours)
        arns.append(job["TrainingJobArn"])
        honest.start(job, samples, dict(line))
        honest.tell(job)
        bad, tags = describe(f"job-{number}", hours=hours), dict(line)
        hostile.start(bad, attack(rng, bad, samples, tags), tags)
        for _ in range(rng.randint(0, 3)):
            wrong = iso(CREATED - timedelta(days=rng.randint(0, 9)))
            about = rng.choice([bad, theirs, describe("nobody")])
            hostile.tell(about, "flops-auditor.replay", CreationTime=wrong)
        if rng.random() < 0.2:
            del hostile.jobs.descriptions[bad["TrainingJobName"], "eu-west-1"]
        hostile.tell(bad)
    for account in (honest, hostile):
        account.tell(theirs)
    for arn in arns:
        fair, found = honest.content(arn), hostile.content(arn)
        assert SEVERITY[found["verdict"]] >= SEVERITY[fair["verdict"]] or excused(found)
        assert flop(found) >= flop(fair) or excused(found)
    before, after = honest.content(theirs["TrainingJobArn"]), hostile.content(theirs["TrainingJobArn"])
    assert (before["verdict"], before["cumulative"]) == (after["verdict"], after["cumulative"])
