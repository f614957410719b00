"""Which run each line of a file of Slurm's accounting is of, and which lines say nothing that others do not."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile
from flops_auditor.domain.runs.sources.slurm_rows import JOB_ID, columns_of, had_nothing

_WAITING = re.compile(r"[0-9]{1,10}_\[[0-9,:-]*(?:\.\.\.)?(?:%[0-9]{1,10})?\]")
"""Tasks of an array that have not begun: whoever names a job may write this before the times of one that has."""
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
    of_runs, torn = dict[str, list[str]](), 0
    header = ""
    places: Mapping[str, int] = {}
    for raw in lines:
        line = raw.rstrip("\r\n")
        if line and not header:
            header, places = line, columns_of(line)
        elif line and line != header:
            job_id = _job_id(line[:_LONGEST_LINE].split("|", places["JobID"] + 1), places["JobID"])
            if match := JOB_ID.fullmatch(job_id):
                of_runs.setdefault(match["run"], []).append(line)
            elif not (_WAITING.fullmatch(job_id) and had_nothing(line, places)):
                torn += 1
    if not header:
        raise MalformedOperatorsFile("it is empty")
    return SlurmLines(header, {run: tuple(each) for run, each in of_runs.items()}, torn)


def is_of_a_step(line: str, place: int) -> bool:
    """Whether a line is of a step, by its JobID, which has that place."""
    match = JOB_ID.fullmatch(_job_id(line.split("|", place + 1), place))
    return match is not None and match["step"] is not None


def _job_id(texts: Sequence[str], place: int) -> str:
    """The JobID of a line; empty where no column follows, since it may be torn then."""
    return texts[place] if len(texts) > place + 1 else ""
