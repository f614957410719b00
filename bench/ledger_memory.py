"""What exporting and verifying take of memory where evidence is large.

    python -m bench.ledger_memory --records 2000 --bytes 100000 [--json]

Target: below 300 MB on both sides, all processes together, and every bundle valid. Exits with 1 above it.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import Figure, show
from bench.ledger_verify import MOST_BYTES, family_memory
from flops_auditor.use_cases.ledger.export_bundle import export_part, export_whole
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.fakes.ledger_world import LEDGER, MODELS, World


class FolderArchive:
    """The Archive port in a folder, so that what is archived takes no memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Write a file unless it is there."""
        path = self._folder / key.replace("/", "@")
        if path.exists():
            return False
        path.write_bytes(body)
        return True

    def get(self, key: str) -> bytes | None:
        """Read a file."""
        path = self._folder / key.replace("/", "@")
        return path.read_bytes() if path.exists() else None

    def list(self, prefix: str, start_after: str = "", limit: int | None = None) -> Iterator[str]:
        """Names of files in order."""
        keys = sorted(path.name.replace("@", "/") for path in self._folder.iterdir())
        listed = [key for key in keys if key.startswith(prefix) and key > start_after]
        yield from listed[:limit]


def make(folder: Path, records: int, size: int) -> World:
    """An archived ledger whose evidence hardly compresses."""
    world = World(archive=FolderArchive(folder))
    noise = random.Random(0)  # noqa: S311 - only noise
    for number in range(records):
        made = world.draft()
        made.evidence = b64encode(noise.randbytes(size * 3 // 4))
        world.commit(made)
        if number % 200 == 199:
            world.seal()
    world.seal()
    return world


def peak(work: Callable[[], str]) -> tuple[str, int]:
    """What a piece of work says, and the most bytes that this process and all below it took meanwhile."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            most[0] = max(most[0], family_memory(os.getpid()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = work()
    done.set()
    watcher.join()
    return answer, most[0]


def fits(content: dict[str, Any]) -> bool:
    """Records of one model of three."""
    return bool(content["original"]["base_model"] == MODELS[0])


def work_of(name: str, folder: Path, at: datetime) -> Callable[[], str]:
    """One of the four pieces of work, in a folder with the archive."""
    what, which = name.split()
    path, archive = folder / f"{which}.zip", FolderArchive(folder / "archive")
    if what == "verify":
        demands = Demands(as_of=at + timedelta(minutes=1), processes=os.cpu_count() or 1)
        return lambda: str(verify_bundle(path, demands).verdict)
    if which == "whole":
        return lambda: str(export_whole(archive, LEDGER, path, at).records)
    return lambda: str(export_part(archive, LEDGER, path, at, "a model", chosen=fits).records)


def main() -> int:
    """Make, measure each piece of work in a process of its own, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=2000)
    options.add_argument("--bytes", type=int, default=100_000)
    options.add_argument("--work", nargs=3, metavar=("WHAT", "FOLDER", "AT"), help="one piece of work alone")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    if given.work:
        name, folder, at = given.work
        print(json.dumps(peak(work_of(name, Path(folder), datetime.fromisoformat(at)))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "archive").mkdir()
        at = make(Path(folder) / "archive", given.records, given.bytes).at.isoformat()
        by_name = {}
        for name in ("export whole", "verify whole", "export part", "verify part"):
            command = [sys.executable, "-m", "bench.ledger_memory", "--work", name, folder, at]
            by_name[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    wrong = [name for name, (verdict, _) in by_name.items() if name.startswith("verify") and verdict != "valid"]
    if wrong:
        raise SystemExit(f"not valid: {', '.join(wrong)}")
    of = f"of {given.records:,} records with evidence of {given.bytes:,} bytes"
    figures = [
        Figure(f"memory of {name} {of}", round(most / 1e6), "MB", target=MOST_BYTES / 1e6)
        for name, (_, most) in by_name.items()
    ]
    return show("ledger_memory", figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
