"""`python -m tests.template` prints every point of the bar and exits 1 if one does not hold."""

import sys

from tests.template.bar import subject_of_repository
from tests.template.switch_points import POINTS


def main() -> int:
    """Print the table; 1 if a point fails."""
    subject = subject_of_repository()
    failed = 0
    for each in POINTS:
        problems = list(dict.fromkeys(each.check(subject)))
        failed += bool(problems)
        print(f"{each.number:3}  {'FAIL' if problems else 'ok  '}  {each.by:6} {each.title}")
        for problem in problems:
            print(f"              {problem}")
    print(f"{len(POINTS) - failed} of {len(POINTS)} points hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
