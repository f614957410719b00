"""What `verify --recompute` costs for the demo's records, beyond what verifying costs anyway.

    python -m bench.recompute

Floor: at most 0.03 s of processor time a record. Exits with 1 above it.
"""

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench.ledger_bundle import show
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from flops_auditor_cli.demo import dense, sample_jobs
from tests.fakes.bundles import Bundle
from tests.fakes.live_ledger import LiveLedger

MOST_SECONDS_A_RECORD = 0.03
ROUNDS = 5


def demo_ledger() -> LiveLedger:
    """The demo's jobs with their metrics, audited and sealed."""
    ledger = LiveLedger()
    for job, metrics in sample_jobs():
        results = dense(job, metrics, timedelta(0), ledger.clock.now)["MetricDataResults"]
        ledger.metrics.results[job["TrainingJobName"]] = results
        ledger.add(job)
    ledger.audit()
    ledger.seal()
    return ledger


def seconds(bundle: Bundle, **demands: object) -> float:
    """The least processor time of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        if bundle.verify(**demands).verdict != "valid":
            raise SystemExit("the demo's bundle is not valid")
        rounds.append(time.process_time() - begin)
    return min(rounds)


def main() -> int:
    """Make, measure, compare."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = demo_ledger().bundle(Path(folder))
        records = bundle.verify(recompute=Recomputing()).records
        without, with_figures = seconds(bundle), seconds(bundle, recompute=Recomputing())
    a_record = (with_figures - without) / records
    show({"records": records, "seconds_a_record": round(a_record, 4), "verifying_alone": round(without / records, 5)})
    return 0 if a_record <= MOST_SECONDS_A_RECORD else 1


if __name__ == "__main__":
    sys.exit(main())
