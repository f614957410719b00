"""Processor time of starting the command line, beside floors in the same run.

    python -m bench.start_up [--json]

Each row is a process of its own, run several times; the least of them counts, user and system time together, so that
work of others on the machine weighs little; a first run compiles what is imported. Floors: `python -c pass`, and the
import of what a command that reads options cannot do without: typer with pydantic, which it reads every option with.
`import boto3` is what a command without AWS is spared. Exits with 1 over the target.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMES = 7
TARGET_SECONDS = 0.7
OF_VERSION = 0.2
"""Of what reads no options of a command."""
LLAMA = ("--instance-type", "ml.p5.48xlarge", "--base-model", "meta-llama/Llama-3.1-8B", "--hours", "24")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--version",),
    ("--help",),
    ("docs",),
    ("schema",),
    ("catalog", "policies"),
    ("catalog", "explain", "meta-llama/Llama-3.1-8B"),
    ("plan", *LLAMA),
    ("audit", str(ROOT / "events" / "jobs" / "lora-llama-3-1-8b.json")),
    ("verify", "missing.zip"),
)
FLOORS = {
    "python -c pass": "pass",
    "import typer, pydantic": "import typer.main; from pydantic import TypeAdapter",
    "import boto3": "import boto3",
}


def seconds(command: Sequence[str], folder: str) -> float:
    """The least processor time of a command, in seconds."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": f"{ROOT / 'layers' / 'auditor'}:{ROOT / 'cli'}",
        "PYTHONPYCACHEPREFIX": folder,
        "COLUMNS": "80",
    }
    taken = []
    for _ in range(1 + TIMES):
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as program:
            _, _, usage = os.wait4(program.pid, 0)
            program.returncode = 0
        taken.append(usage.ru_utime + usage.ru_stime)
    return min(taken)


def target_of(name: str) -> float:
    """What a command may take, in seconds."""
    return OF_VERSION if name.endswith(("--version", "--help")) else TARGET_SECONDS


def measured() -> dict[str, float]:
    """Every floor and every command, in seconds; the first is the floor of all."""
    with tempfile.TemporaryDirectory() as folder:
        rows = {name: seconds([sys.executable, "-c", code], folder) for name, code in FLOORS.items()}
        for command in COMMANDS:
            name = " ".join(["flops-auditor", *command[:2]]).replace(f"{ROOT}/", "")
            rows[name] = seconds([sys.executable, "-m", "flops_auditor_cli", *command], folder)
    return rows


def main() -> None:
    """The table, or its figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true", help="print the figures as JSON")
    wanted = options.parse_args()
    rows = measured()
    floor = next(iter(rows.values()))
    figures = {
        name: {
            "seconds": round(taken, 3),
            "ratio": round(taken / floor, 1),
            "over_target": name not in FLOORS and taken > target_of(name),
        }
        for name, taken in rows.items()
    }
    if wanted.json:
        print(json.dumps({"target_seconds": TARGET_SECONDS, "processes": figures}, indent=2))
    else:
        for name, each in figures.items():
            missed = f"  over {target_of(name)} s" if each["over_target"] else ""
            print(f"{name:<52} {each['seconds']:>7.3f} s {each['ratio']:>6.1f} x{missed}")
    sys.exit(any(each["over_target"] for each in figures.values()))


if __name__ == "__main__":
    main()
