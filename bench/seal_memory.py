"""What sealing takes of memory where many large records wait.

    python -m bench.seal_memory --records 5000 --bytes 160000 [--json]

Target: below 400 MB. The records are made in this process and sealed in one of its own. Exits with 1 above it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import Figure, show
from bench.ledger_memory import FolderArchive
from flops_auditor.use_cases.ledger.seal_log import Sealer, seal_log
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.ports.ledger import LogPlace, PendingRecord
from tests.fakes.ledger import MemoryMailbox, MemoryMailedDays, MemorySigner
from tests.fakes.ledger_world import LEDGER, START, draft
from tests.memory import peak_memory

MOST_BYTES = 400_000_000


class FolderPending:
    """The PendingRecords port in a folder, one file for each record, so that what waits takes no memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.logged: set[str] = set()

    def waiting(self) -> Iterator[PendingRecord]:
        """What has no place yet."""
        for path in sorted(self._folder.iterdir()):
            job = path.name.partition("@")[2]
            if job not in self.logged:
                yield PendingRecord(job, 0, path.read_bytes())

    def mark_logged(self, places: Sequence[LogPlace]) -> None:
        """Note which have one."""
        self.logged |= {place.job_id for place in places}


def make(folder: Path, records: int, size: int) -> bytes:
    """Signed records of so many bytes, as non-ASCII words make them; the public key."""
    signer = MemorySigner()
    for number in range(records):
        made = draft(number, START + timedelta(milliseconds=number))
        made.content["original"]["source"] = "\N{CJK UNIFIED IDEOGRAPH-8A9E}" * (size // 4 - 3000)
        (folder / f"{number:06d}@{made.content['job']['id']}").write_bytes(made.line(signer))
    return signer.public_key()


def seal(folder: Path, spki: bytes, at: datetime) -> dict[str, Any]:
    """Seal what waits in a folder; what was sealed, in how many batches, and the peak of memory in bytes."""
    before = peak_memory()
    archive, pending = FolderArchive(folder / "archive"), FolderPending(folder / "pending")
    mailbox, mailed = MemoryMailbox(), MemoryMailedDays()
    sealer = Sealer(archive, pending, MemorySigner("sealer"), spki, mailbox, mailed, lambda: at, verifies, LEDGER)
    sealed = seal_log(sealer)
    batches = sum(1 for _ in archive.list("log/"))
    counts = {"records": sealed.records, "held": len(sealed.held), "batches": batches}
    return {**counts, "bytes_before": before, "bytes_at_most": peak_memory()}


def measured(records: int, size: int) -> dict[str, Any]:
    """Make records, and seal them in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("archive", "pending"):
            (folder / part).mkdir()
        spki = make(folder / "pending", records, size)
        command = [sys.executable, "-m", "bench.seal_memory", "--seal", name, spki.hex()]
        figures: dict[str, Any] = json.loads(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        )
        return figures


def main() -> int:
    """Make, seal, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=5000)
    options.add_argument("--bytes", type=int, default=160_000)
    options.add_argument("--seal", nargs=2, metavar=("FOLDER", "KEY"), help="seal alone")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    if given.seal:
        folder, spki = given.seal
        print(json.dumps(seal(Path(folder), bytes.fromhex(spki), START + timedelta(minutes=1))))
        return 0
    figures = measured(given.records, given.bytes)
    if figures["records"] != given.records:
        raise SystemExit(f"not all of {given.records} records were sealed: {figures}")
    what = f"memory of a seal of {given.records:,} records of {given.bytes:,} bytes"
    before, peak = (round(figures[name] / 1e6) for name in ("bytes_before", "bytes_at_most"))
    memory = Figure(what, peak, "MB", floor=before, floor_is="before it", target=MOST_BYTES / 1e6)
    return show("seal_memory", [memory], given.json, sealed=figures)


if __name__ == "__main__":
    sys.exit(main())
