"""Verifies bundles in a process of its own, so that its memory can be told: paths in, verdicts out as JSON."""

import json
import resource
import sys
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle


def peak_memory() -> int:
    """The most memory of this program so far, in bytes. `ru_maxrss` would count the parent's, from before the exec."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


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
