"""verify.html on a large ledger in Debian's headless Chromium: seconds, memory, how long the page ever stands still.

    python -m bench.verify_page --records 100000

Bars: 100,000 records within 60 s, below 1 GB in all of the browser's processes together, the page never busy for half a
second. Exits with 1 beyond them. The browser's memory before the bundle is dropped is told beside it.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.ledger_bundle import make, show
from bench.ledger_verify import cpu_seconds, family_memory
from tests.browser.harness import ARGUMENTS, CHROMIUM, new_context, opened
from tests.fakes.ledger_world import START
from verifier.build import OUTPUT

MOST_SECONDS_PER_100_000 = 60
MOST_BYTES = 1_000_000_000
MOST_STILL_MS = 500
_WATCH = """() => {
  window.longest = 0;
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    window.longest = Math.max(window.longest, now - before - 10);
    before = now;
  }, 10);
}"""


class Watched:
    """Memory at most, and processor time, of the browser while it is watched."""

    def __init__(self) -> None:
        self.peak, self.cpu, self._done = 0, 0.0, threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _watch(self) -> None:
        own = os.getpid()
        while not self._done.wait(0.25):
            self.peak = max(self.peak, family_memory(own) - family_memory_alone(own))
            self.cpu = max(self.cpu, cpu_seconds(own))

    def end(self) -> None:
        self._done.set()
        self._watcher.join()


def family_memory_alone(pid: int) -> int:
    """Bytes of proportional set size of one process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def main() -> int:
    """Make, measure, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--folder", type=Path, default=None, help="keep the bundle here, and use it again")
    given = options.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    path = folder / f"bundle-{given.records}.zip"
    if not path.exists():
        make(path, given.records, os.cpu_count() or 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = opened(new_context(browser), OUTPUT)
        page.page.locator("#known summary").click()
        page.page.locator("#received").fill(START.date().isoformat())
        page.page.evaluate(_WATCH)
        before = family_memory(os.getpid()) - family_memory_alone(os.getpid())
        cpu_before = cpu_seconds(os.getpid())
        watched, begin = Watched(), time.perf_counter()
        page.drop("#drop", path)
        page.page.locator("#verdict:not(:empty)").wait_for(timeout=600_000)
        seconds = time.perf_counter() - begin
        watched.end()
        verdict = page.page.locator("#verdict").inner_text()
        listed = page.page.locator("#which").inner_text()
        still = page.page.evaluate("() => window.longest")
        version, trouble = browser.version, page.take_trouble()
        browser.close()
    show(
        {
            "records": given.records,
            "verdict": verdict,
            "listed": listed,
            "bundle_bytes": path.stat().st_size,
            "seconds": round(seconds, 1),
            "records_per_s": round(given.records / seconds),
            "cpu_seconds": round(watched.cpu - cpu_before, 1),
            "browser_bytes_before": before,
            "browser_bytes_at_most": watched.peak,
            "page_stood_still_ms": round(still),
            "chromium": version,
            "cores": os.cpu_count(),
            "trouble": trouble,
        }
    )
    if given.folder is None:
        path.unlink()
    fast = seconds <= MOST_SECONDS_PER_100_000 * max(1, given.records / 100_000)
    sound = verdict == "Valid" and not trouble
    return 0 if sound and fast and watched.peak <= MOST_BYTES and still <= MOST_STILL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
