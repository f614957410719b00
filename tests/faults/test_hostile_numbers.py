"""Numbers that would take all of the time or memory to write out, in every place that a job, an event, a bundle or a
person can fill: each gets an answer within 10 s of CPU and 300 MB, in a process of its own. None takes 2 s on a quick
machine.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import told
from tests.faults.hostile_numbers import PLACES

ROOT = Path(__file__).parents[2]
MOST_SECONDS_OF_AN_ANSWER = 10.0
MOST_BYTES = 300 * 10**6
MOST_SECONDS_OF_A_PLACE = 240
"""Of CPU: what hangs is ended by the kernel."""


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS_OF_A_PLACE, MOST_SECONDS_OF_A_PLACE))


@pytest.mark.parametrize("place", PLACES)
def test_every_number_gets_an_answer_in_time(place: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.hostile_numbers", place, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, preexec_fn=limited, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{place}: ended with {ended.returncode}: {ended.stderr[-2000:]}"
    found = json.loads(ended.stdout)
    told(f"hostile numbers in {place}: {found['answers']}, at most {found['slowest']:.2f} s, {found['peak'] >> 20} MiB")
    assert found["answers"] > 30
    assert not found["wrong"]
    assert found["slowest"] <= MOST_SECONDS_OF_AN_ANSWER, found["of"]
    assert found["peak"] <= MOST_BYTES
