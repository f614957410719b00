"""The core of verify.html under the Node.js that playwright brings, which is pinned with it: paths in, reports out."""

import json
import subprocess
from base64 import b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

import playwright

from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.verify_bundle import Demands, VerificationReport

NODE = Path(playwright.__file__).parent / "driver" / "node"
CORE = Path(__file__).parents[2] / "verifier" / "node.mjs"


class PageCore:
    """A process that judges one bundle after the other."""

    def __init__(self) -> None:
        command = [str(NODE), str(CORE)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def judge(self, path: Path, demands: Demands) -> dict[str, Any]:
        """What the page says of a bundle; `recompute` is not among what it can do."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {
            "path": str(path),
            "asOf": _iso(demands.as_of),
            "now": _iso(demands.now),
            "maxAgeHours": demands.max_age.total_seconds() / 3600,
            "pin": _base64(demands.pin),
            "keys": _base64(demands.keys),
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate()[1]
        found: dict[str, Any] = json.loads(answer)
        return found

    def end(self) -> None:
        self._process.communicate()


def page_said(report: dict[str, Any]) -> tuple[str, list[str]]:
    """Verdict and names, in an order that both verifiers can have."""
    return report["verdict"], sorted(each["error"] for each in (*report["findings"], *report["reservations"]))


def python_said(report: VerificationReport) -> tuple[str, list[str]]:
    return report.verdict, sorted(each.error for each in (*report.findings, *report.reservations))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()
