"""The demo's jobs in memory: audited by the real use cases, sealed, and exported, without the local AWS."""

from datetime import timedelta
from typing import Any

from flops_auditor.domain.values.moments import read_time
from flops_auditor_cli.demo import dense, sample_jobs
from flops_auditor_cli.local_aws.stack import ACCOUNT_ID
from tests.fakes.live_ledger import LiveLedger


def demo_ledger(*names: str) -> LiveLedger:
    """The records that the demo makes of these jobs, or of all, with the times that they have in events/."""
    samples = sample_jobs()
    ledger = LiveLedger(f"flops-auditor/{ACCOUNT_ID}/eu-west-1/demo")
    ledger.clock.now = max(read_time(job["TrainingEndTime"]) for job, _ in samples) + timedelta(minutes=10)
    for job, metrics in samples:
        if not names or job["TrainingJobName"] in names:
            _add(ledger, job, metrics)
    ledger.audit()
    ledger.seal()
    return ledger


def _add(ledger: LiveLedger, job: dict[str, Any], metrics: dict[str, Any]) -> None:
    tags = job.get("Tags", [])
    ledger.add({name: value for name, value in job.items() if name != "Tags"})
    ledger.jobs.tags_by_arn[job["TrainingJobArn"]] = tags
    results = dense(job, metrics, timedelta(), ledger.clock.now)["MetricDataResults"]
    ledger.metrics.results[job["TrainingJobName"]] = results
