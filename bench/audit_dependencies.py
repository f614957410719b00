"""Compare every pinned package with the known advisories (pip-audit), and never call unaudited packages clean.

    python -m bench.audit_dependencies [--allow-unreachable] requirements/*.txt

Exits with 0 when every package was audited and none has an advisory, 1 when one has, 4 when some could not be audited
(pip-audit itself exits with 0 then); with --allow-unreachable that is said, and exits with 0.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CLEAN, VULNERABLE, INCOMPLETE = 0, 1, 4
SERVICES = ("pypi", "osv")
"""Asked in this order; the next one only for what the one before could not audit."""
TIMEOUT_SECONDS = 300


@dataclass
class Audited:
    """One requirements file: what was audited, what has advisories, and why the rest was not audited."""

    clean: set[str] = field(default_factory=set)
    vulnerable: dict[str, list[str]] = field(default_factory=dict)
    unaudited: dict[str, str] = field(default_factory=dict)


def pip_audit(requirements: Path, service: str) -> Audited:
    """Ask one advisory service about one file of pinned, hashed requirements."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", str(requirements)),
        *("--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Audited(unaudited={"*": f"{service} did not answer within {TIMEOUT_SECONDS} s"})
    return read_answer(done.stdout, done.stderr)


def read_answer(stdout: str, stderr: str) -> Audited:
    """pip-audit's JSON. What it skipped was not audited; no JSON means that nothing was."""
    try:
        dependencies = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = stderr.strip().splitlines() or ["no answer"]
        return Audited(unaudited={"*": lines[-1][:200]})
    audited = Audited()
    for each in dependencies:
        if "skip_reason" in each:
            audited.unaudited[each["name"]] = each["skip_reason"]
        elif each["vulns"]:
            audited.vulnerable[f"{each['name']} {each['version']}"] = [
                vulnerability["id"] for vulnerability in each["vulns"]
            ]
        else:
            audited.clean.add(each["name"])
    return audited


def audit(requirements: Path) -> Audited:
    """Ask service after service until every package is audited."""
    audited = Audited()
    for service in SERVICES:
        answer = pip_audit(requirements, service)
        audited.clean |= answer.clean
        audited.vulnerable |= answer.vulnerable
        if not audited.unaudited or "*" not in answer.unaudited:
            audited.unaudited = answer.unaudited
        audited.unaudited = {name: why for name, why in audited.unaudited.items() if name not in audited.clean}
        if not audited.unaudited:
            break
    return audited


def verdict(by_file: dict[Path, Audited], allow_unreachable: bool) -> int:
    """Say what was found of every file, and the exit code."""
    for path, one in by_file.items():
        print(f"{path}: {len(one.clean)} audited and clean, {len(one.vulnerable)} with advisories")
        for name, advisories in one.vulnerable.items():
            print(f"  {name}: {', '.join(advisories)}")
        if one.unaudited:
            reason = next(iter(one.unaudited.values()))
            print(
                f"  NOT AUDITED: {len(one.unaudited)} packages: the advisory service did not know or answer ({reason})"
            )
    if any(one.vulnerable for one in by_file.values()):
        return VULNERABLE
    if any(one.unaudited for one in by_file.values()):
        print("Incomplete: nothing is said about the packages that were not audited. Run it again with access.")
        return CLEAN if allow_unreachable else INCOMPLETE
    print("Every pinned package was audited; none has a known advisory.")
    return CLEAN


def main() -> int:
    """Audit the files given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("requirements", nargs="+", type=Path)
    parser.add_argument("--allow-unreachable", action="store_true", help="an unreachable service is said, not an error")
    arguments = parser.parse_args()
    return verdict({path: audit(path) for path in arguments.requirements}, arguments.allow_unreachable)


if __name__ == "__main__":
    sys.exit(main())
