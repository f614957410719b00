"""The linters' findings on a template, as data: cfn-lint raw, with the serverless rules, and expanded; checkov."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.template.loading import TEMPLATE, TOOLS, expanded_template

ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": tempfile.gettempdir(), "AWS_DEFAULT_REGION": "eu-west-1"}


@dataclass(frozen=True)
class Findings:
    """What the tools say. cfn-lint: texts, empty when clean. checkov: result and reason by check and resource."""

    raw: list[str] = field(default_factory=list)
    serverless: list[str] = field(default_factory=list)
    expanded: list[str] = field(default_factory=list)
    checkov_failed: list[str] = field(default_factory=list)
    checkov_checked: dict[str, list[str]] = field(default_factory=dict)
    checkov_skipped: list[str] = field(default_factory=list)


def cfn_lint(path: Path, *arguments: str) -> list[str]:
    """cfn-lint's findings as `RULE line message`."""
    finished = subprocess.run(
        [TOOLS / "lint" / "bin" / "cfn-lint", "--format", "json", *arguments, "--template", path],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    if not finished.stdout.strip():
        if finished.returncode:
            raise AssertionError(f"cfn-lint did not run: {finished.stderr[-2000:]}")
        return []
    return [
        f"{each['Rule']['Id']} line {each['Location']['Start']['LineNumber']}: {each['Message']}"
        for each in json.loads(finished.stdout)
    ]


def cfn_lint_expanded(expanded: dict[str, Any]) -> list[str]:
    """cfn-lint's findings on an expanded template."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "expanded.json"
        path.write_text(json.dumps(expanded, indent=1))
        return cfn_lint(path)


def checkov(path: Path) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """checkov's failures; for each check the resources that passed or skipped it; and what was skipped.

    What is skipped reads `<type>.<logical id> <check>`.
    """
    command = [TOOLS / "checkov" / "bin" / "checkov", "-f", path, "--framework", "cloudformation", "-o", "json"]
    finished = subprocess.run(
        [*command, "--skip-download", "--compact"], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    try:
        results = json.loads(finished.stdout)["results"]
    except (ValueError, KeyError, TypeError):
        raise AssertionError(f"checkov did not run: {finished.stderr[-2000:]}") from None
    failed = [f"{each['check_id']} {each['resource']}: {each['check_name']}" for each in results["failed_checks"]]
    skipped = [f"{each['resource']} {each['check_id']}" for each in results["skipped_checks"]]
    checked: dict[str, list[str]] = {}
    for each in results["passed_checks"] + results["skipped_checks"]:
        checked.setdefault(each["check_id"], []).append(each["resource"])
    return failed, checked, skipped


@lru_cache(maxsize=1)
def findings() -> Findings:
    """All of it for template.yaml."""
    failed, checked, skipped = checkov(TEMPLATE)
    return Findings(
        raw=cfn_lint(TEMPLATE),
        serverless=cfn_lint(TEMPLATE, "--append-rules", "cfn_lint_serverless.rules"),
        expanded=cfn_lint_expanded(expanded_template()),
        checkov_failed=failed,
        checkov_checked=checked,
        checkov_skipped=skipped,
    )
