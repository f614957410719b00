"""Write the golden transcripts, of all or of those who are named, and the README's table of exit codes."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.transcripts import WIDTHS, golden, transcript
from tests.transcripts.deployment import deployment
from tests.transcripts.exit_codes import README, in_readme
from tests.transcripts.people import PEOPLE, WITH_A_DEPLOYMENT, lay_out
from tests.transcripts.warm import warm


def main(names: Sequence[str]) -> None:
    """Every person at every width."""
    wanted = {person: steps for person, steps in PEOPLE.items() if not names or person in names}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        lay_out(folder)
        deployed = stack.enter_context(deployment()) if WITH_A_DEPLOYMENT & wanted.keys() else {}
        for person, steps in wanted.items():
            environment = deployed if person in WITH_A_DEPLOYMENT else {}
            with warm(folder, environment) as run:
                for width in WIDTHS:
                    golden(person, width).write_text(transcript(steps, width, folder, run))
    README.write_text(in_readme(README.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
