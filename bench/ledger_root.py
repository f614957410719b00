"""The Merkle root of 1,000,000 leaves alone, in one process.

    python -m bench.ledger_root [--json]

Floor: SHA-256 over the leaves alone; target: below 3 s from leaves of 700 bytes to the root. Exits with 1 above it.
"""

import argparse
import os
import sys
import time
from hashlib import sha256

from bench.figures import Figure, show
from flops_auditor.domain.ledger.merkle import CompactRange, leaf_hash

MOST_SECONDS = 3.0


def main() -> int:
    """Make the leaves, hash them, hash the tree."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--leaves", type=int, default=1_000_000)
    options.add_argument("--bytes", type=int, default=700)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    filling = os.urandom(given.bytes - 8)
    leaves = [number.to_bytes(8) + filling for number in range(given.leaves)]
    begin = time.process_time()
    hashes = [leaf_hash(leaf) for leaf in leaves]
    hashed = time.process_time()
    root = CompactRange.of(0, hashes).root()
    done = time.process_time()
    for leaf in leaves:
        sha256(leaf)
    floor = time.process_time() - done
    what = f"Merkle root of {given.leaves:,} leaves of {given.bytes} bytes, CPU"
    alone, took = "SHA-256 of each leaf", round(done - begin, 3)
    figure = Figure(what, took, "s", floor=round(floor, 3), floor_is=alone, target=MOST_SECONDS)
    parts = {"leaf_hash_cpu_s": round(hashed - begin, 2), "tree_cpu_s": round(done - hashed, 2)}
    return show("ledger_root", [figure], given.json, **parts, root=root.hex()[:16])


if __name__ == "__main__":
    sys.exit(main())
