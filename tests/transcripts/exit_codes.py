"""The README's table of exit codes, made from the transcripts: what people typed, what came of it, and the code."""

from bench.marked import between
from tests.transcripts import ROOT, WIDTHS, Step, codes_in, golden
from tests.transcripts.people import PEOPLE

BEGIN, END = "<!-- exit codes: written by `python -m tests.transcripts` -->", "<!-- exit codes: end -->"
README = ROOT / "README.md"


def table() -> str:
    """Commands x outcomes as Markdown, each pair once."""
    rows: dict[str, None] = {}
    for person, steps in PEOPLE.items():
        codes = codes_in(golden(person, WIDTHS[0]).read_text())
        rows |= {_row(step, code): None for step, code in zip(steps, codes, strict=True)}
    return "\n".join(["| command | what came of it | exit code |", "| --- | --- | --- |", *rows])


def _row(step: Step, code: int) -> str:
    return f"| `{step.name}` | {step.outcome} | {code} |"


def in_readme(text: str) -> str:
    """The README with the table as it is now."""
    return between(text, BEGIN, END, f"\n\n{table()}\n\n")
