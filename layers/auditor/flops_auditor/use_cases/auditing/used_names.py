"""Names used again, where no round of the reconciliation saw the later job: seen when both jobs have their records.

A job can be deleted, and its name used again, between two rounds. A record is committed after its run is in the index,
so of two jobs of one name the one that is recorded last finds the other one.
"""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.auditing.keep_record import Committed, newest
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.lineage import IndexEntry
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob

TOLD_OF_NAME = "name-used-again"
"""The note that people were told of a job whose name was used before."""


def note_used_names(kept: Committed, recorder: Recorder) -> None:
    """Have the reconciliation tell of a recorded job if its name was used before, and of the next one if it was since.

    Repeating it is no error: what was told is neither noted nor told again.
    """
    job = kept.content["job"]
    at, created = Location(job["arn"]), job["creation_time"]
    if len(recorder.index.exactly("output", at, "", 2)) < 2:  # as for almost every job
        return
    if recorder.index.newest("output", at, created, 1):
        _note(job, recorder)
    own = IndexEntry(at, created, job["id"], job["arn"])
    for later in recorder.index.exactly("output", at, own.cursor, 1):
        its = newest(later.job_id, recorder)
        if its is not None:  # else it finds this one when it is recorded
            _note(its.content["job"], recorder)


def _note(job: Mapping[str, Any], recorder: Recorder) -> None:
    if recorder.records.noted(job["id"], TOLD_OF_NAME) is not None:
        return
    ended = read_time(job["end"]) if job["end"] else None
    listed = ListedJob(
        job["name"], job["arn"], job["region"], job["status"], read_time(job["creation_time"]), last_modified=ended
    )
    recorder.seen.note([SeenJob(listed, recorder.clock(), untold=True)])
