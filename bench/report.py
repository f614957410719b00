"""The report on a bundle of so many records: time, memory, and the size of the page.

    python -m bench.report --records 10000

Floors for 10,000 records: made within 10 s, a page under 3 MB. Exits with 1 above them.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.ledger_bundle import make, show
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.report_bundle import report_bundle

MOST_SECONDS, MOST_BYTES = 10.0, 3_000_000


def main() -> int:
    """Make a bundle, then its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="a multiple of 1000")
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        make(path, records, 2)
        begun = time.process_time()
        with BundleFiles(path) as files:
            report = report_bundle(files)
        page = report_page(report)
        seconds = time.process_time() - begun
    figures = {
        "records": len(report.jobs),
        "seconds": round(seconds, 2),
        "page_bytes": len(page),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    show(figures)
    return 0 if seconds <= MOST_SECONDS and len(page) <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
