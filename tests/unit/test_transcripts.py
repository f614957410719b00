"""An engineer and a regulator see what the golden transcripts show; `python -m tests.transcripts` writes them.

A compliance officer asks a deployment: tests/contract.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transcripts import WIDTHS, Run, golden, transcript
from tests.transcripts.exit_codes import README, in_readme
from tests.transcripts.people import PEOPLE, WITH_A_DEPLOYMENT, lay_out
from tests.transcripts.warm import warm

ALONE = sorted(PEOPLE.keys() - WITH_A_DEPLOYMENT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that they have."""
    made = tmp_path_factory.mktemp("people")
    lay_out(made)
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Run]:
    """The command line, once for all."""
    with warm(folder, {}) as run:
        yield run


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("person", ALONE)
def test_the_terminal_shows_what_it_showed(person: str, width: int, folder: Path, run: Run) -> None:
    assert transcript(PEOPLE[person], width, folder, run) == golden(person, width).read_text()


@pytest.mark.parametrize("person", ALONE)
def test_no_line_of_people_is_wider_than_the_terminal(person: str) -> None:
    """But for what may not be broken: a command that is typed, an ARN, a line of CSV or Markdown."""
    whole = ("$ ", "|", "###", "- ", "lora-llama-3-1-8b,", "job,")
    for line in golden(person, 80).read_text().splitlines():
        assert len(line) <= 80 or line.startswith(whole) or len(line.split()) < 3, line


def test_the_readme_has_the_exit_codes_of_the_transcripts() -> None:
    assert README.read_text() == in_readme(README.read_text())
