"""Write the golden transcripts that need no deployment, and the README's table of exit codes."""

import sys
import tempfile
from pathlib import Path

from tests.transcripts import WIDTHS, golden, transcript
from tests.transcripts.exit_codes import README, in_readme
from tests.transcripts.people import PEOPLE, lay_out


def main() -> None:
    """Every person at every width."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        for person, steps in PEOPLE.items():
            for width in WIDTHS:
                text, _ = transcript(steps, width, Path(sys.executable).parent, folder, {})
                golden(person, width).parent.mkdir(exist_ok=True)
                golden(person, width).write_text(text)
    README.write_text(in_readme(README.read_text()))


if __name__ == "__main__":
    main()
