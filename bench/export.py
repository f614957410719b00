"""Exporting a whole ledger from an archive that takes 8 ms a call: time, calls, memory, and growth.

    python -m bench.export [--records 10000] [--growth 1000 10000 100000] [--json]

The real adapter reads a stand-in for S3, whose every call sleeps 8 ms, so whatever reads at once waits at once. Floor
of the time: the same calls, 20 at once, and no computing. Growth is processor time a record without any waiting; its
floor writes the same bytes into a zip alone. A quiet account's log, one record to each of 1,000 batches, is exported
as well; for the 35,040 batches of a year that time is multiplied, not measured. Each export is a process of its own.
Exits with 1 over a target.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from random import Random
from threading import Lock, current_thread, main_thread
from typing import Any

from bench.figures import Figure, show
from bench.ledger_bundle import KEYS, PER_BATCH, batches_of, make, notes_of, record_of
from flops_auditor.aws.calls.side_by_side import ahead
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.runs.places import AFTER_ALL
from flops_auditor.domain.values.archive_keys import KEYS as KEYS_JSON
from flops_auditor.domain.values.archive_keys import batch_key, checkpoint_key, evidence_key, job_id
from flops_auditor.domain.values.moments import iso
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger.export_bundle import export_whole
from tests.fakes.jobs import CREATED
from tests.fakes.ledger_world import LEDGER, START
from tests.memory import peak_memory

CALL_SECONDS = 0.008
AT_ONCE = 20
MOST_SECONDS = 15
MOST_MB = 300
QUIET = 1000
"""Batches of one record."""
BATCHES_OF_A_YEAR = 35_040
"""One every 15 minutes."""
LARGE = 444_000
"""Bytes of evidence of a record, of which 470 once took 791 MB."""
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/secret-job-"


class Bucket:
    """A client of S3 over a bundle's zip, with its evidence made when it is read; each call takes `seconds`."""

    def __init__(self, path: Path, records: int, seconds: float, evidence_bytes: int) -> None:
        self._zip, self._lock, self._seconds = zipfile.ZipFile(path), Lock(), seconds
        self._evidence = {evidence_key(job_id(f"{ARN}{n:06d}", iso(CREATED)), 0): n for n in range(records)}
        self._noise = Random(0).randbytes(evidence_bytes // 2).hex()  # noqa: S311 - only noise
        notes = {checkpoint_key(size): note for size, note in notes_of(self._zip).items()}
        self._small = notes | {KEYS_JSON: KEYS.to_bytes()}
        self._batches = {batch_key(begin): names for begin, names in batches_of(self._zip).items()}
        self._keys = sorted([*self._evidence, *self._small, *self._batches])
        self.calls = self.in_turn = 0

    def list_object_versions(self, **asked: Any) -> Any:
        """A page of the only versions."""
        self._called()
        prefix, most = asked["Prefix"], asked.get("MaxKeys", 1000)
        first = max(bisect_left(self._keys, prefix), bisect_right(self._keys, asked.get("KeyMarker", "")))
        end = bisect_left(self._keys, prefix + AFTER_ALL, lo=first)
        page, more = self._keys[first : min(end, first + most)], end > first + most
        last = {"NextKeyMarker": page[-1], "NextVersionIdMarker": "1"} if more else {}
        return {"Versions": [{"Key": key, "VersionId": "1", "Size": 1} for key in page], "IsTruncated": more, **last}

    def get_object(self, **asked: str) -> dict[str, Any]:
        """An object."""
        self._called()
        return {"Body": BytesIO(self._body(asked["Key"]))}

    def _body(self, key: str) -> bytes:
        if key in self._evidence:
            body = record_of(self._evidence[key])[1]
            return body[:-1] + b',"noise":"%s"}' % self._noise.encode() if self._noise else body
        if key in self._batches:
            with self._lock:
                return b"".join(self._zip.read(name) for name in self._batches[key])
        return self._small[key]

    def _called(self) -> None:
        with self._lock:
            self.calls += 1
            self.in_turn += current_thread() is main_thread()
        time.sleep(self._seconds)


def export_alone(path: Path, records: int, seconds: float, evidence_bytes: int) -> dict[str, Any]:
    """In a process of its own: export, and what it took."""
    bucket = Bucket(path, records, seconds, evidence_bytes)
    record_of(0)
    before, begin, cpu = peak_memory(), time.perf_counter(), time.process_time()
    archive = S3Archive(bucket, "archive")  # type: ignore[arg-type]
    written = export_whole(archive, LEDGER, path.with_suffix(".exported"), START, report_page, ahead)
    taken, used = time.perf_counter() - begin, time.process_time() - cpu
    path.with_suffix(".exported").unlink()
    if written.records != records:
        raise SystemExit(f"{written.records} records of {records} were exported")
    calls = {"calls": bucket.calls, "in_turn": bucket.in_turn}
    return {"seconds": taken, "cpu": used, **calls, "before": before, "peak": peak_memory()}


def zip_alone(path: Path, records: int) -> float:
    """Processor time of writing the same files into a zip, in seconds."""
    with zipfile.ZipFile(path) as source:
        names = [name for name in source.namelist() if name.startswith((form.LOG, form.EVIDENCE))]
        bodies = [(name, source.read(name)) for name in names]
    begin = time.process_time()
    with zipfile.ZipFile(BytesIO(), "w", zipfile.ZIP_DEFLATED) as target:
        for name, body in bodies:
            target.writestr(name, body)
    return time.process_time() - begin


def exported(
    folder: Path, records: int, seconds: float, evidence_bytes: int = 0, per_batch: int = PER_BATCH
) -> dict[str, Any]:
    """Make a ledger where there is none yet, and export it."""
    command = [sys.executable, "-m", "bench.export", "--alone"]
    command += [str(bundle_of(folder, records, per_batch)), str(records), str(seconds), str(evidence_bytes)]
    figures: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return figures


def bundle_of(folder: Path, records: int, per_batch: int = PER_BATCH) -> Path:
    """A bundle of so many records, rounded up to full batches."""
    whole = -(-records // per_batch) * per_batch
    path = folder / f"bundle-{whole}{'' if per_batch == PER_BATCH else f'-by-{per_batch}'}.zip"
    if not path.exists():
        make(path, whole, 2, per_batch)
    return path


def measure(folder: Path, records: int, growth: Sequence[int]) -> Iterator[Figure]:
    """Every figure."""
    slow = exported(folder, records, CALL_SECONDS)
    what = f"export of {records:,} records at 8 ms a call"
    wide = slow["calls"] * CALL_SECONDS / AT_ONCE
    yield Figure(what, round(slow["seconds"], 1), "s", floor=round(wide, 2), floor_is="20 at once", target=MOST_SECONDS)
    yield Figure(f"calls of the {what}", slow["calls"], "calls", floor=2 * records, floor_is="two a record")
    yield from quiet(folder)
    heavy = exported(folder, 1000, 0.0, LARGE)
    for name, each in ((what, slow), (f"export of 1,000 records of {LARGE // 1000} KB", heavy)):
        before = round(each["before"] / 1e6)
        peak = round(each["peak"] / 1e6)
        yield Figure(f"memory of the {name}", peak, "MB", floor=before, floor_is="before it", target=MOST_MB)
    floor = zip_alone(bundle_of(folder, 1000), 1000) / 1000
    for number in growth:
        cpu = exported(folder, number, 0.0)["cpu"] / number
        alone = round(floor * 1e6)
        yield Figure("export, CPU a record", round(cpu * 1e6), "us", floor=alone, floor_is="its zip alone", size=number)


def quiet(folder: Path) -> Iterator[Figure]:
    """Figures of a log of small batches."""
    slow = exported(folder, QUIET, CALL_SECONDS, per_batch=1)
    what = f"export of {QUIET:,} batches of one record at 8 ms a call"
    wide = round(slow["calls"] * CALL_SECONDS / AT_ONCE, 2)
    yield Figure(what, round(slow["seconds"], 1), "s", floor=wide, floor_is="20 at once", target=MOST_SECONDS)
    yield Figure(f"calls in turn of the {what}", slow["in_turn"], "calls")
    year = slow["seconds"] * BATCHES_OF_A_YEAR / QUIET
    yield Figure(
        f"growth, not measured: {BATCHES_OF_A_YEAR:,} such batches, of the time of {QUIET:,}", round(year), "s"
    )


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=10_000)
    options.add_argument("--growth", type=int, nargs="*", default=[1000, 10_000])
    options.add_argument("--folder", type=Path, help="keep ledgers here, and use them again")
    options.add_argument("--json", action="store_true")
    options.add_argument("--alone", nargs=4, metavar=("BUNDLE", "RECORDS", "SECONDS", "BYTES"), help="one export alone")
    given = options.parse_args()
    if given.alone:
        path, records, seconds, size = given.alone
        print(json.dumps(export_alone(Path(path), int(records), float(seconds), int(size))))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        return show("export", list(measure(folder, given.records, given.growth)), given.json)


if __name__ == "__main__":
    sys.exit(main())
