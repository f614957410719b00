"""Every figure of docs/performance.md in one run: `make bench`.

    python -m bench.everything [--folder build/bench] [--growth | --quick] [--only NAME ...]

One benchmark after another, each a command of its own with --json. The folder has what each printed, and all.json with
all of it and the machine's facts. With `--growth` the largest sizes alone are measured, which takes an hour and more,
into growth.json; with `--quick` small ones, which say nothing but that everything runs. A target that is missed is a
figure and no failure; exits with 1 where a benchmark could not measure.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rows import with_figures

ROOT = Path(__file__).parents[1]
LEDGERS = "FOLDER/ledgers"
"""Made once for all benchmarks that need a ledger, and taken away at the end."""
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "audit_calls": (),
    "walk": (),
    "audit_cpu": (),
    "recompute": (),
    "large_batch": (),
    "audit_memory": (),
    "watch": ("--jobs", "200"),
    "start_up": (),
    "cold_import": (),
    "queries": ("--jobs", "1000", "10000"),
    "reconcile": ("--jobs", "1000", "10000", "100000"),
    "ledger_root": (),
    "ledger_verify": ("--records", "1000", "10000", "20000", "100000", "--folder", LEDGERS),
    "ledger_seal": ("--leaves", "10000", "100000", "--folder", LEDGERS),
    "export": ("--growth", "1000", "10000", "--folder", LEDGERS),
    "report": (),
    "seal_memory": ("--records", "2000"),
    "ledger_memory": ("--records", "1000"),
    "explain_bill": (),
    "cost": (),
    "cost_beside": (),
    "deployed": (),
    "load": ("--jobs", "400"),
}
GROWTH: Mapping[str, tuple[str, ...]] = {
    "queries": ("--jobs", "100000"),
    "ledger_verify": ("--records", "1000000", "--folder", LEDGERS),
    "ledger_seal": ("--leaves", "1000000", "--folder", LEDGERS),
    "export": ("--growth", "100000", "--folder", LEDGERS),
}
"""Up to a million for verify and seal, 100,000 for query and export: moto looks through a whole table for each page."""

QUICK: Mapping[str, tuple[str, ...]] = {
    **COMMANDS,
    "audit_cpu": ("--seconds", "0.1"),
    "large_batch": ("--jobs", "2"),
    "watch": ("--jobs", "10"),
    "queries": ("--jobs", "100", "1000"),
    "reconcile": ("--jobs", "1000", "10000"),
    "ledger_root": ("--leaves", "100000"),
    "ledger_verify": ("--records", "1000", "2000", "--folder", LEDGERS),
    "ledger_seal": ("--leaves", "2000", "--folder", LEDGERS),
    "export": ("--records", "1000", "--growth", "1000", "2000", "--folder", LEDGERS),
    "report": ("--records", "1000"),
    "seal_memory": ("--records", "100"),
    "ledger_memory": ("--records", "200", "--bytes", "50000"),
    "explain_bill": ("--lines", "20000", "--jobs", "200", "--months", "3"),
    "deployed": ("--quick",),
    "load": ("--jobs", "50"),
}


def machine() -> dict[str, Any]:
    """What the figures were measured on; nothing that tells whose it is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "openssl": " ".join(_said_by("openssl", "version").split()[:2]),
        "revision": _said_by("git", "rev-parse", "--short", "HEAD"),
        "date": datetime.now(UTC).date().isoformat(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def _said_by(*command: str) -> str:
    """What a command prints; nothing where it is not there."""
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def run(name: str, arguments: Sequence[str], folder: Path) -> dict[str, Any] | None:
    """One benchmark's document; None where it could not measure. Its words go to the screen."""
    given = [each.replace("FOLDER", str(folder)) for each in arguments]
    begin = time.perf_counter()
    program = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *given, "--json"],
        check=False,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds = round(time.perf_counter() - begin)
    try:
        document = with_figures(name, program.stdout)
    except (ValueError, KeyError, TypeError):
        print(f"could not measure: exit code {program.returncode} after {seconds} s", flush=True)
        return None
    document |= {"arguments": list(arguments), "seconds": seconds}
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    missed = [each["name"] for each in document["figures"] if each["met"] is False]
    print(f"{seconds} s" + f", {len(set(missed))} over target" * bool(missed), flush=True)
    return document


def main() -> int:
    """All, or those that are named."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    group = options.add_mutually_exclusive_group()
    group.add_argument("--growth", action="store_true")
    group.add_argument("--quick", action="store_true")
    options.add_argument("--only", nargs="+", metavar="NAME", default=[])
    given = options.parse_args()
    commands = GROWTH if given.growth else QUICK if given.quick else COMMANDS
    chosen = {name: commands[name] for name in given.only or commands}
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    facts, documents = machine(), []
    for place, (name, arguments) in enumerate(chosen.items(), 1):
        print(f"{place}/{len(chosen)} {name}: ", end="", flush=True)
        documents.append(run(name, arguments, folder))
    for ledger in (folder / "ledgers").glob("*.zip"):
        ledger.unlink()
    benches = [each for each in documents if each is not None]
    sizes = "growth" if given.growth else "quick" if given.quick else "full"
    facts["load_after"] = round(os.getloadavg()[0], 1)
    everything = {"sizes": sizes, "machine": facts, "benches": benches}
    target = folder / ("growth.json" if given.growth else "all.json")
    target.write_text(json.dumps(everything, indent=1) + "\n")
    print(f"{target.name}: {len(benches)} of {len(chosen)} benchmarks in {sum(b['seconds'] for b in benches)} s")
    return int(len(benches) < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
