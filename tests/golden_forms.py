"""The forms that tests/unit/golden/forms holds. `python -m tests.golden_forms` writes them again."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from flops_auditor.data import MODEL_DOCUMENTATION_FORM, form_text, hardware_table
from flops_auditor.domain.messages.documents.fill_form import fill_form
from flops_auditor.domain.messages.documents.form import FilledForm
from flops_auditor.domain.messages.documents.form_file import FormText, parse_form
from flops_auditor_cli.form_view import document_of, form_blocks
from flops_auditor_cli.output import json_text
from flops_auditor_cli.schemas import versioned
from flops_auditor_cli.view import in_markdown
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.lineage import World, continuing
from tests.fakes.live_ledger import LiveLedger

FOLDER = Path(__file__).parent / "unit" / "golden" / "forms"
TODAY = date(2026, 11, 26)
UNLISTED = "unlisted-accelerator"
DEMO = ("domain-adapt-1", "domain-adapt-2", "domain-adapt-3", "serverless-llama-3-2-3b", "evaluation-suite", UNLISTED)
HOSTS = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}


@cache
def demo() -> LiveLedger:
    """Jobs of the demo: a chain of three that is above a threshold, one on hidden hardware, one that trains nothing."""
    return demo_ledger(*DEMO)


@cache
def asked() -> FormText:
    """What the form asks for."""
    return parse_form(form_text(MODEL_DOCUMENTATION_FORM))


def filled(*records: dict[str, Any]) -> FilledForm:
    """The form from these records."""
    return fill_form(records, asked(), hardware_table())


def runs(world: World, names: Sequence[str]) -> list[dict[str, Any]]:
    """The newest records of these jobs."""
    return [world.content(name) for name in names]


def above_in_the_demo() -> FilledForm:
    """The third run of one model, that brings it over the line."""
    return filled(*runs(demo(), ["domain-adapt-3", "domain-adapt-2", "domain-adapt-1"]))


def hardware_not_disclosed() -> FilledForm:
    """A job of which nobody says on what it ran."""
    return filled(*runs(demo(), ["serverless-llama-3-2-3b"]))


def hardware_not_in_the_table() -> FilledForm:
    """A job on an instance type that the service named, and the table of this tool lacks."""
    return filled(*runs(demo(), [UNLISTED]))


@cache
def frontier() -> dict[str, Any]:
    """The record of a model of one's own over 1e25, by so little that two figures do not show it."""
    world = World()
    world.add(continuing("frontier", hours=12_000, **HOSTS), params="1e12", tokens="1.674e12", activity="pretraining")
    world.audit()
    return world.content("frontier")


def systemic_risk_with_its_notification() -> FilledForm:
    """A model that is to be notified."""
    return filled(frontier())


CASES: tuple[Callable[[], FilledForm], ...] = (
    above_in_the_demo,
    hardware_not_disclosed,
    hardware_not_in_the_table,
    systemic_risk_with_its_notification,
)


def in_words(form: FilledForm) -> str:
    """A form in Markdown."""
    return "\n\n".join(filter(None, map(in_markdown, form_blocks(form, TODAY)))) + "\n"


def files_of(case: Callable[[], FilledForm]) -> dict[Path, str]:
    """A case's files, by path."""
    form, path = case(), FOLDER / case.__name__
    document = json_text(versioned("form", document_of(form))) + "\n"
    return {path.with_suffix(".md"): in_words(form), path.with_suffix(".json"): document}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for each in CASES:
        for path, content in files_of(each).items():
            path.write_text(content, encoding="utf-8")
