"""A compliance officer sees what her golden transcripts show; `python -m tests.transcripts` writes them."""

from pathlib import Path

from tests.transcripts import WIDTHS, golden, transcript
from tests.transcripts.deployment import deployment
from tests.transcripts.people import PEOPLE, WITH_A_DEPLOYMENT
from tests.transcripts.warm import warm


def test_the_terminal_shows_what_it_showed(tmp_path: Path) -> None:
    """Of one deployment, which is a while in the making."""
    with deployment() as environment, warm(tmp_path, environment) as run:
        for person in WITH_A_DEPLOYMENT:
            for width in WIDTHS:
                assert transcript(PEOPLE[person], width, tmp_path, run) == golden(person, width).read_text()
