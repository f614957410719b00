"""Which run each line of a file of Slurm's accounting is of, and which lines say nothing that others do not."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile
from flops_auditor.domain.runs.sources.slurm_rows import JOB_ID, columns_of, is_outside, rows_of, time_of

_WAITING = re.compile(r"[0-9]{1,10}_\[[0-9,:-]*(?:\.\.\.)?(?:%[0-9]{1,10})?\]")
"""Tasks of an array that have not begun."""
_LONGEST_LINE = 200_000
"""Characters in which the columns are looked for that say which run a line is of."""


@dataclass(frozen=True)
class SlurmLines:
    """The lines of a file, by run, and how many cannot be told to be of any; `header` is the file's first line."""

    header: str
    of_runs: Mapping[str, tuple[str, ...]]
    torn: int


def slurm_lines(lines: Iterable[str]) -> SlurmLines:
    """Sort a file's lines by run. Raises MalformedOperatorsFile where it is no such file."""
    header, places, of_runs, torn = "", dict[str, int](), dict[str, list[str]](), 0
    for raw in lines:
        line = raw.rstrip("\r\n")
        if line and not header:
            header, places = line, columns_of(line[:_LONGEST_LINE])
        elif line and line != header:
            run = _run_of(line[:_LONGEST_LINE].split("|", places["JobID"] + 1), places["JobID"])
            if run is None:
                torn += 1
            elif run:
                of_runs.setdefault(run, []).append(line)
    if not header:
        raise MalformedOperatorsFile("it is empty")
    return SlurmLines(header, {run: tuple(each) for run, each in of_runs.items()}, torn)


def is_of_a_step(line: str) -> bool:
    """Whether a line is of a step, by its first column, which JobID usually is."""
    match = JOB_ID.fullmatch(line.split("|", 1)[0])
    return match is not None and match["step"] is not None


def _run_of(texts: Sequence[str], place: int) -> str | None:
    """Which run a line is of; empty for tasks that have not begun, None where that cannot be told: what no column
    follows may be torn.
    """
    job_id = texts[place] if len(texts) > place + 1 else ""
    if _WAITING.fullmatch(job_id):
        return ""
    match = JOB_ID.fullmatch(job_id)
    return match["run"] if match else None


def outside(header: str, whole: Sequence[str], steps: Iterable[str]) -> list[str]:
    """Lines of steps that do not lie in the time of their run's allocations. Raises MalformedOperatorsFile."""
    places = columns_of(header)
    time = time_of(rows_of(places, whole)[0])
    of_a_time = [places[name] for name in ("Start", "End", "Elapsed", "State")]
    inside, contradicting = set[tuple[str, ...]](), list[str]()
    for line in steps:
        texts = line.split("|")
        when = tuple(texts[place] for place in of_a_time) if len(texts) == len(places) else ()
        if when in inside:
            continue
        rows, _ = rows_of(places, [line])
        if any(is_outside(row, time) for row in rows):
            contradicting.append(line)
        elif rows:
            inside.add(when)
    return contradicting
