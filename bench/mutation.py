"""Mutation score of the estimate and the policies: `make mutation`. Floor: 95 %. While tests are written, one module
alone: `python -m bench.mutation --module compute.hardware_use` (several with several `--module`).

mutmut changes one thing at a time in the modules below and runs the tests that reach it; a change that no test notices
has survived. Those that do are listed in docs/mutation.md with the reason. The tests run in a copy (build/mutation),
since mutmut knows sources by the folder name `src`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGE = ROOT / "build" / "mutation"
FLOOR = 95.0
MODULES = (
    "values.amounts",
    "compute.tiers",
    "compute.run_estimate",
    "compute.cautions",
    "compute.hardware_use",
    "compute.run_tokens",
    "runs.model_size",
    "law.policy",
)
"""Of flops_auditor.domain, by room."""
TESTS = (
    "test_amounts",
    "test_estimate",
    "test_estimate_exact",
    "test_estimate_factors",
    "test_policy",
    "test_job_estimate",
    "test_hardware",
    "test_reinforcement_and_recipes",
    "test_trainer_metrics",
    "test_rests_on",
)
CONFTEST = """

from hypothesis import settings  # noqa: E402

settings.register_profile("mutation", max_examples=20, derandomize=True, deadline=None, database=None)
settings.load_profile("mutation")
"""
KILLED = {"killed", "timeout", "segfault", "caught by type check"}


def settings(modules: Sequence[str]) -> str:
    """What mutmut is told: what to change, and which tests to run."""
    return f"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = {json.dumps([f"src/flops_auditor/domain/{name.replace('.', '/')}.py" for name in modules])}
also_copy = ["cli", "meter"]
pytest_add_cli_args_test_selection = {json.dumps([f"tests/unit/{name}.py" for name in TESTS])}
pytest_add_cli_args = ["-x"]
"""


def stage(modules: Sequence[str]) -> None:
    """Copy what the tests need to where mutmut finds it."""
    shutil.rmtree(STAGE, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
    shutil.copytree(ROOT / "layers" / "auditor", STAGE / "src", ignore=ignored)
    for folder in ("tests", "cli", "meter"):
        shutil.copytree(ROOT / folder, STAGE / folder, ignore=ignored)
    project = (ROOT / "pyproject.toml").read_text()
    (STAGE / "pyproject.toml").write_text(
        project.replace('"layers/auditor", "cli", "."', '"src", "cli", "."') + settings(modules)
    )
    conftest = STAGE / "tests" / "conftest.py"
    conftest.write_text(conftest.read_text() + CONFTEST)


def results() -> dict[str, str]:
    """Mutant -> what became of it."""
    answer = subprocess.run(
        [sys.executable, "-m", "mutmut", "results", "--all", "true"],
        cwd=STAGE,
        check=True,
        capture_output=True,
        text=True,
    )
    pairs = (line.strip().rpartition(": ") for line in answer.stdout.splitlines() if ": " in line)
    return {name: outcome for name, _, outcome in pairs if name.startswith("flops_auditor.")}


def change_of(name: str) -> str:
    """A mutant as docs/mutation.md spells it: function, line before, line after. Numbers change with every edit."""
    shown = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", name], cwd=STAGE, check=True, capture_output=True, text=True
    )
    lines = [line for line in shown.stdout.splitlines() if not line.startswith(("---", "+++"))]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    function = name.removeprefix("flops_auditor.domain.").rpartition("__mutmut_")[0]
    return f"- {function.replace('.x_', '.')}: `{before}` becomes `{after}`"


def explained() -> set[str]:
    """Changes that docs/mutation.md says why no test notices."""
    return {line for line in (ROOT / "docs" / "mutation.md").read_text().splitlines() if line.startswith("- ")}


def main() -> int:
    """Run, count, and hold the score to its floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", action="append", choices=MODULES, help="change this module alone (repeatable)")
    modules: Sequence[str] = parser.parse_args().module or MODULES
    begun = time.monotonic()
    stage(modules)
    run = [sys.executable, "-m", "mutmut", "run", "--max-children", "2"]
    with (STAGE / "log").open("w") as log:
        if subprocess.run(run, cwd=STAGE, stdout=log, stderr=subprocess.STDOUT, check=False).returncode:
            print((STAGE / "log").read_text()[-2000:])
            return 1
    outcomes = results()
    by_module = Counter((".".join(name.split(".")[2:4]), outcome in KILLED) for name, outcome in outcomes.items())
    for module in modules:
        killed, total = by_module[module, True], by_module[module, True] + by_module[module, False]
        print(f"{module:22} {killed:5} of {total:5} killed  {100 * killed / max(1, total):5.1f} %")
        if not total:
            print(f"nothing was changed in {module}: is it still there?")
            return 1
    killed = sum(outcome in KILLED for outcome in outcomes.values())
    score = 100 * killed / max(1, len(outcomes))
    print(f"{'all':22} {killed:5} of {len(outcomes):5} killed  {score:5.1f} %  (floor {FLOOR:g} %)")
    print(f"{time.monotonic() - begun:.0f} s")
    survived = {change_of(name) for name, outcome in outcomes.items() if outcome not in KILLED}
    if unexplained := sorted(survived - explained()):
        print("survived and not explained in docs/mutation.md:", *unexplained, sep="\n")
    if modules == MODULES and (noticed := sorted(explained() - survived)):
        print("noticed now, or gone; docs/mutation.md need not explain:", *noticed, sep="\n")
    return 0 if score >= FLOOR and not unexplained else 1


if __name__ == "__main__":
    sys.exit(main())
