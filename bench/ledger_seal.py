"""What a seal of 1,000 new records costs on a long log, beside a short one.

    python -m bench.ledger_seal --leaves 1000000

Floor: at most twice the cost at 1,000 leaves. Exits with 1 above it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import zipfile
from bisect import bisect_right
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

from bench.ledger_bundle import CHECKPOINT, KEYS, RECORD, make, show
from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.values.archive_keys import CHECKPOINTS, LOG, batch_key, checkpoint_key, number_of
from flops_auditor.domain.values.archive_keys import KEYS as KEYS_JSON
from flops_auditor.use_cases.ports.ledger import PendingRecord
from tests.fakes.ledger_world import World, draft

NEW = 1000
ROUNDS = 7
MOST_RATIO = 2.0


class BundleArchive:
    """The Archive port over a bundle's zip, with new objects in memory; counts what is asked of it."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        notes = [json.loads(line)["note"].encode() for line in self._zip.read(form.CHECKPOINTS).splitlines()]
        self._objects = {checkpoint_key(int(note.split(b"\n")[1])): note for note in notes}
        begins = self._begins()
        self._batches = {batch_key(begin): form.chunk_name(form.LOG, begin) for begin in begins}
        self._order = {CHECKPOINTS: sorted(self._objects), LOG: sorted(self._batches)}
        self._objects[KEYS_JSON] = KEYS.to_bytes()
        self.calls = 0

    def _begins(self) -> list[int]:
        numbers = (number_of(name, partial(form.chunk_name, form.LOG)) for name in self._zip.namelist())
        return [begin for begin in numbers if begin is not None]

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store in memory."""
        self.calls += 1
        if key in self._objects or key in self._batches:
            return False
        self._objects[key] = body
        for prefix, order in self._order.items():
            if key.startswith(prefix):
                order.append(key)
        return True

    def get(self, key: str) -> bytes | None:
        """From memory or from the zip."""
        self.calls += 1
        return self._zip.read(self._batches[key]) if key in self._batches else self._objects.get(key)

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        """Keys of the log or of the checkpoints."""
        self.calls += 1
        order = self._order.get(prefix, [])
        first = bisect_right(order, start_after)
        yield from order[first : None if limit is None else first + limit]


def cost(path: Path) -> tuple[float, float]:
    """Median processor time (s) and calls to the archive of sealing NEW records."""
    archive = BundleArchive(path)
    world = World(archive=archive, record=RECORD, checkpoint=CHECKPOINT, made=10**7)
    world.at += timedelta(hours=1)
    world.seal()  # keeps the frontier, as every seal does for the next one
    seconds, calls = [], []
    for _ in range(ROUNDS):
        for _ in range(NEW):
            made = draft(world.made, world.at)
            world.pending.commit(PendingRecord(made.content["job"]["id"], 0, made.line(RECORD)))
            world.made += 1
        archive.calls = 0
        begin = time.process_time()
        sealed = world.seal()
        seconds.append(time.process_time() - begin)
        calls.append(archive.calls)
        if sealed.records != NEW:
            raise RuntimeError(f"sealed {sealed.records} records")
        world.pending.records.clear()
    return statistics.median(seconds), statistics.median(calls)


def main() -> int:
    """Compare a long log with a short one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--leaves", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path, default=None, help="keep bundles here, and use them again")
    given = options.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    costs = {}
    for records in (1000, given.leaves):
        path = folder / f"bundle-{records}.zip"
        if not path.exists():
            make(path, records, 2)
        costs[records] = cost(path)
    (short, short_calls), (long, long_calls) = costs[1000], costs[given.leaves]
    show(
        {
            "new_records": NEW,
            "leaves": given.leaves,
            "cpu_s_at_1000": round(short, 3),
            "cpu_s_at_leaves": round(long, 3),
            "ratio": round(long / short, 2),
            "archive_calls_at_1000": short_calls,
            "archive_calls_at_leaves": long_calls,
        }
    )
    return 0 if long <= MOST_RATIO * short else 1


if __name__ == "__main__":
    sys.exit(main())
