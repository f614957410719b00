"""The folder that bears a job's own name: nobody else can have left anything there before, so under whatever word a
text names it, the job leaves results there.

Only a name that says when it was given is nobody else's, such as those of SageMaker's SDK (`base_name_from_image` and
`name_from_base` end in a time), of a tuning job's trials, and of a pipeline's steps.
"""

import re

from flops_auditor.domain.runs.places import Location

_OF_ONE_TIME = re.compile(r"20\d\d[-_]?(?:0[1-9]|1[0-2])[-_]?(?:[0-2]\d|3[01])|\d{10}|^pipelines-|\d{6}-\d{4}-\d{3}-")
"""A day, a second since 1970, a step of a pipeline, a trial (`<tuning job>-yymmdd-hhmm-001-...`)."""
_NO_RESULTS = re.compile(
    r"data|train_|train-|valid|test|eval|corpus|input|tokeni[sz]er|vocab|config|log|submit|source|code", re.IGNORECASE
)
"""Of labels of what is put into such a folder before the job begins."""


def own_folder(place: Location, label: str, job: str) -> Location | None:
    """The folder of the job's own name in which a place lies, that a text names under a label; None where there is none
    or the label says that something else than results is there.
    """
    if not place.in_s3 or job not in place.path or not _OF_ONE_TIME.search(job) or _NO_RESULTS.search(label):
        return None
    return Location(place.space, place.path[: place.path.index(job) + 1])
