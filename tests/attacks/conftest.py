"""Whatever the Python verifier judges in these tests, the page's core judges as well: the same verdict, the same names.

What the page does not do, computing figures and making index.html again, neither does in this comparison.
FLOPS_AUDITOR_COMPARED names a file that gets a line of JSON for each bundle, from which `make test-verify-page` makes
the table of docs/verify-page.md.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.use_cases.ledger import verify_bundle as python
from tests.attacks.test_containers import Child
from tests.verifier.page_core import PageCore, page_said, python_said

COMPARED = os.environ.get("FLOPS_AUDITOR_COMPARED")
OF_INDEX = {"BadBundle", "PageNotCompared"}
"""What comparing index.html may find."""


@pytest.fixture(autouse=True, scope="package")
def both_verifiers_agree() -> Iterator[None]:
    """Put both in the place of one, in every module that has it."""
    page, original, child = PageCore(), python.verify_bundle, Child.verify

    def beside(path: Path, demands: python.Demands, *progress: Any) -> python.VerificationReport:
        report = original(path, demands, *progress)
        asked_alike = replace(demands, recompute=None, page=None)
        plain = original(path, asked_alike) if told_by_more(report, demands) else report
        compare(page, path, demands, python_said(plain))
        return report

    def beside_a_child(self: Child, path: Path, as_of: str) -> dict[str, Any]:
        found = child(self, path, as_of)
        demands = python.Demands(as_of=datetime.fromisoformat(as_of))
        compare(page, path, demands, (found["verdict"], sorted(found["errors"])))
        return found

    patch = pytest.MonkeyPatch()
    for module in list(sys.modules.values()):
        if getattr(module, "verify_bundle", None) is original:
            patch.setattr(module, "verify_bundle", beside)
    patch.setattr(Child, "verify", beside_a_child)
    yield
    patch.undo()
    page.end()


def told_by_more(report: python.VerificationReport, demands: python.Demands) -> bool:
    """Whether something that was found may come of what the page's core does not do."""
    _, names = python_said(report)
    of_index = demands.page is not None and not OF_INDEX.isdisjoint(names)
    return of_index or (demands.recompute is not None and bool(names))


def compare(page: PageCore, path: Path, demands: python.Demands, said: tuple[str, list[str]]) -> None:
    report = page.judge(path, demands)
    if COMPARED:
        test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
        line = json.dumps({"test": test, "python": said, "page": page_said(report)})
        with Path(COMPARED).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    assert page_said(report) == said, report["findings"]
