"""What the audit function's cold start takes of a processor, and what the layer weighs.

    python -m bench.cold_import [--rounds 7] [--layer FOLDER] [--json]

Each start is a process of its own: the function's module is imported and its clients are made. Floor: boto3 alone makes
the same clients. User time, the median, in turns. The layer is built as `sam build` does, by pip for Lambda's
processor, unless a built one is given; its floor is what of it a cold start reads. Exits with 1 over a target.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure, show
from tests.faults.account import REGION, ROOT, account

SERVICES = ("dynamodb", "s3", "kms", "sns", "sqs", "sagemaker", "cloudwatch")
MOST_TIMES = 1.4
MOST_MB = 48
LAYER = ROOT / "layers" / "auditor"
AUDIT = f"""
import boto3, json, runpy, sys
made, make = [], boto3.Session.client
def noted(session, service, *given, **named):
    made.append(service)
    return make(session, service, *given, **named)
boto3.Session.client = noted
runpy.run_path({str(ROOT / "functions" / "audit" / "app.py")!r})
from flops_auditor.aws.calls.clients import client
for service in {SERVICES!r}:
    client(service, {REGION!r} if service in ("sagemaker", "cloudwatch") else None)
"""
BARE = """
import boto3, json, sys
for service in json.loads(sys.argv[1]):
    boto3.client(service)
"""
TOLD = """
import json, sys
opened = set()
sys.addaudithook(lambda event, given: opened.add(str(given[0])) if event == "open" else None)
{}
modules = {{module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)}}
print(json.dumps([made, sorted(opened | modules)]))
"""


def started(code: str, environment: dict[str, str], *arguments: str) -> tuple[float, str]:
    """User time of a process, in seconds, and what it prints."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    ) as program:
        printed = program.stdout.read() if program.stdout else ""
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = status
    if status:
        raise SystemExit(f"a start ended with {status}")
    return usage.ru_utime, printed


def environment_of_function() -> dict[str, str]:
    """What the audit function finds in its environment."""
    with account() as made:
        return {**made.environment, "PATH": os.environ["PATH"], "PYTHONPATH": str(LAYER)}


def built(folder: Path) -> Path:
    """The layer as it is deployed, for Lambda's processor."""
    pip = ROOT / ".tools" / "bootstrap" / "bin" / "python"
    command = ["make", "-s", "-C", str(LAYER), "build-AuditorLayer", f"ARTIFACTS_DIR={folder}"]
    environment = {**os.environ, "FLOPS_AUDITOR_LAYER_PIP": str(pip), "FLOPS_AUDITOR_LAYER_TARGET": "lambda"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return folder


def part_of_layer(path: str) -> str:
    """A file's name in the layer, without what differs between processors and what a compiler made of it."""
    of_layer = path.rpartition("/site-packages/")[2].replace(f"{LAYER}/", "").replace("__pycache__/", "")
    folder, _, name = of_layer.rpartition("/")
    return f"{folder}/{name if name.endswith('.gz') else name.partition('.')[0]}"


def sizes(layer: Path) -> dict[str, int]:
    """Bytes of each file of a layer."""
    root = layer / "python"
    return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}


def measure_start(rounds: int, environment: dict[str, str], services: Sequence[str]) -> Figure:
    """A cold start beside boto3 alone."""
    audit, bare = [], []
    for _ in range(rounds):
        audit.append(started(AUDIT, environment)[0])
        bare.append(started(BARE, environment, json.dumps(services))[0])
    whole, floor = statistics.median(audit) * 1000, statistics.median(bare) * 1000
    what = f"cold import of the audit and its {len(set(services))} clients, CPU"
    asked, alone = f"<= {MOST_TIMES} x boto3 alone", "boto3 and the same clients"
    return Figure(what, round(whole), "ms", floor=round(floor), floor_is=alone, target=MOST_TIMES * floor, asked=asked)


def measure(rounds: int, layer: Path | None) -> Iterator[Figure]:
    """Both figures."""
    environment = environment_of_function()
    started(AUDIT, environment)  # compiles what was not yet
    services, files = json.loads(started(TOLD.format(AUDIT), environment)[1])
    yield measure_start(rounds, environment, services)
    with tempfile.TemporaryDirectory() as folder:
        weights = sizes(layer or built(Path(folder)))
    reads = {part_of_layer(path) for path in files}
    needed = sum(size for name, size in weights.items() if part_of_layer(name) in reads)
    whole: dict[str, Any] = {"floor": round(needed / 1e6, 1), "floor_is": "what a cold start reads", "target": MOST_MB}
    yield Figure("layer, unzipped", round(sum(weights.values()) / 1e6, 1), "MB", **whole)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--layer", type=Path, help="a built layer, such as .aws-sam/build/AuditorLayer")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    return show("cold_import", list(measure(given.rounds, given.layer)), given.json)


if __name__ == "__main__":
    sys.exit(main())
