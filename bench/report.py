"""The report on a bundle of so many records: time, memory, and the size of the page.

    python -m bench.report --records 10000 [--json]

Floor of the time: every record of the bundle read from JSON. Targets for 10,000 records: made within 10 s, a page under
3 MB. Exits with 1 above them.
"""

import argparse
import json
import sys
import tempfile
import time
import zipfile
from base64 import b64decode
from pathlib import Path

from bench.figures import Figure, show
from bench.ledger_bundle import make
from flops_auditor.domain.ledger import bundle as form
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.report_bundle import report_bundle
from tests.memory import peak_memory

MOST_SECONDS, MOST_BYTES = 10.0, 3_000_000


def read_alone(path: Path) -> float:
    """Processor time of reading every record of a bundle from JSON, in seconds."""
    begun = time.process_time()
    with zipfile.ZipFile(path) as zipped:
        for name in zipped.namelist():
            if name.startswith(form.LOG):
                for line in zipped.read(name).splitlines():
                    json.loads(b64decode(json.loads(line)["payload"]))
    return time.process_time() - begun


def main() -> int:
    """Make a bundle, then its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000, help="a multiple of 1000")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        make(path, given.records, 2)
        begun = time.process_time()
        with BundleFiles(path) as files:
            report = report_bundle(files)
        page = report_page(report)
        seconds, floor = time.process_time() - begun, read_alone(path)
    what, took = f"report on {len(report.jobs):,} records", round(seconds, 3)
    figures = [
        Figure(f"{what}, CPU", took, "s", floor=round(floor, 3), floor_is="read from JSON", target=MOST_SECONDS),
        Figure(f"page of the {what}", round(len(page) / 1e6, 2), "MB", target=MOST_BYTES / 1e6),
        Figure(f"memory of the {what}", round(peak_memory() / 1e6), "MB"),
    ]
    return show("report", figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
