"""What a seal of 1,000 new records costs on a long log, beside a short one.

    python -m bench.ledger_seal --leaves 1000000 [--json]

Floor: each of the same lines hashed once (SHA-256) and its signature verified once (ECDSA), by OpenSSL and in the same
run. Target: at most twice the cost at 1,000 leaves. Exits with 1 above it.
"""

import argparse
import statistics
import sys
import tempfile
import time
import zipfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from bench.figures import SAME_CODE, Figure, show
from bench.ledger_bundle import CHECKPOINT, KEYS, RECORD, batches_of, make, notes_of
from flops_auditor.domain.ledger.dsse import PAYLOAD_TYPE, pre_authentication_encoding
from flops_auditor.domain.values.archive_keys import CHECKPOINTS, LOG, batch_key, checkpoint_key
from flops_auditor.domain.values.archive_keys import KEYS as KEYS_JSON
from flops_auditor.use_cases.ports.ledger import PendingRecord
from tests.fakes.ledger_world import Draft, World, draft, sign

NEW = 1000
ROUNDS = 7
MOST_RATIO = 2.0
SHORT = 1000
"""Leaves of the log that others are compared with."""


class BundleArchive:
    """The Archive port over a bundle's zip, with new objects in memory; counts what is asked of it."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._objects = {checkpoint_key(size): note for size, note in notes_of(self._zip).items()}
        self._batches = {batch_key(begin): names for begin, names in batches_of(self._zip).items()}
        self._order = {CHECKPOINTS: sorted(self._objects), LOG: sorted(self._batches)}
        self._objects[KEYS_JSON] = KEYS.to_bytes()
        self.calls = 0

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
        if key in self._batches:
            return b"".join(self._zip.read(name) for name in self._batches[key])
        return self._objects.get(key)

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        """Keys of the log or of the checkpoints."""
        self.calls += 1
        order = self._order.get(prefix, [])
        first = bisect_right(order, start_after)
        yield from order[first : None if limit is None else first + limit]


@dataclass(frozen=True)
class Cost:
    """Of sealing NEW records, in the median: processor time and its floor in seconds, calls to the archive."""

    seconds: float
    least: float
    calls: float


def verified_once(drafts: Sequence[Draft], lines: Sequence[bytes]) -> float:
    """Processor time of one hash and one verified signature a record, in seconds."""
    key, one = RECORD.key.public_key(), ec.ECDSA(SHA256())
    signed = [
        (pre_authentication_encoding(PAYLOAD_TYPE, made.payload), sign(made.payload, RECORD).der) for made in drafts
    ]
    begin = time.process_time()
    for line, (payload, signature) in zip(lines, signed, strict=True):
        sha256(line).digest()
        key.verify(signature, payload, one)
    return time.process_time() - begin


def cost(path: Path) -> Cost:
    """Seal NEW records ROUNDS times on the log of a bundle."""
    archive = BundleArchive(path)
    world = World(archive=archive, record=RECORD, checkpoint=CHECKPOINT, made=10**7)
    world.at += timedelta(hours=1)
    world.seal()  # keeps the frontier, as every seal does for the next one
    seconds, floors, calls = [], [], []
    for _ in range(ROUNDS):
        drafts = [draft(world.made + number, world.at) for number in range(NEW)]
        lines = [made.line(RECORD) for made in drafts]
        for made, line in zip(drafts, lines, strict=True):
            world.pending.commit(PendingRecord(made.content["job"]["id"], 0, line))
        world.made += NEW
        floors.append(verified_once(drafts, lines))
        archive.calls = 0
        begin = time.process_time()
        sealed = world.seal()
        seconds.append(time.process_time() - begin)
        calls.append(archive.calls)
        if sealed.records != NEW:
            raise RuntimeError(f"sealed {sealed.records} records")
        world.pending.records.clear()
    return Cost(statistics.median(seconds), statistics.median(floors), statistics.median(calls))


def main() -> int:
    """Compare long logs with a short one."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--leaves", type=int, nargs="+", default=[10_000, 100_000], help="multiples of 1000")
    options.add_argument("--folder", type=Path, default=None, help="keep bundles here, and use them again")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    costs = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for records in (SHORT, *given.leaves):
            path = folder / f"bundle-{records}.zip"
            if not path.exists():
                make(path, records, 2)
            costs[records] = cost(path)
    figures, short = [], costs[SHORT]
    for leaves, taken in costs.items():
        aim: dict[str, Any] = {"target": MOST_RATIO * short.seconds, "asked": f"<= {MOST_RATIO:g} x at {SHORT:,}"}
        aim |= {"floor": round(taken.least, 3), "floor_is": "each hashed and verified once", "size": leaves}
        figures.append(Figure(f"seal of {NEW:,} records, CPU", round(taken.seconds, 3), "s", **aim))
        fewest = {"floor": short.calls, "floor_is": f"{SAME_CODE}{SHORT:,}", "size": leaves}
        figures.append(Figure("calls to the archive of a seal", taken.calls, "calls", **fewest))
    return show("ledger_seal", figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
