"""What `verify --recompute` costs for the demo's records, beyond what verifying costs anyway.

    python -m bench.recompute

Floor: at most 0.03 s of processor time a record. Exits with 1 above it.
"""

import sys
import tempfile
import time
from pathlib import Path

from bench.ledger_bundle import show
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.bundles import Bundle
from tests.fakes.demo_ledger import demo_ledger

MOST_SECONDS_A_RECORD = 0.03
ROUNDS = 5


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
