"""Verifies bundles in a process of its own, so that its memory can be told: paths in, verdicts out as JSON."""

import json
import sys
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.memory import peak_memory


def main() -> None:
    """For each line `path as_of` the verdict, errors, files by digest, and the peak memory so far in bytes."""
    for line in sys.stdin:
        path, as_of = line.split()
        report = verify_bundle(Path(path), Demands(as_of=datetime.fromisoformat(as_of)))
        files = {}
        if report.verdict == "valid":
            with BundleFiles(Path(path)) as opened:
                files = {name: sha256(opened.need(name)).hexdigest() for name in opened.entries}
        errors = [each.error for each in report.findings]
        found = {"verdict": report.verdict, "errors": errors, "peak": peak_memory()}
        sys.stdout.write(json.dumps({**found, "files": files}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
