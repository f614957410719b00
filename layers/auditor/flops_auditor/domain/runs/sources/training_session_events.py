"""What points at a training session: SageMaker sends no event of one, so the reconciliation's messages alone do.

Everything they say is asked again; it counts only of a session that was deleted since.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.evidence import TRAINING_SESSION, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE, JobPointer, read_creation_time
from flops_auditor.domain.runs.run import NOT_ENDED
from flops_auditor.domain.runs.sources.training_session_answer import (
    DETAIL,
    SESSION_ARN,
    MalformedTrainingSession,
    TrainingSession,
    parse_training_session,
    state_of_session,
)
from flops_auditor.domain.values.errors import MalformedEvent

DETAIL_TYPE = "SageMaker Training Session State Change"
"""Our own word, as SageMaker calls events of training jobs."""


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The training session of an event of that source; None where it names none. Raises MalformedEvent."""
    told = detail.get(DETAIL)
    if not isinstance(told, Mapping):
        return None
    pointer = pointer_to(str(told.get("TrainingSessionArn", "")))
    created = read_creation_time(told, "CreationTime")
    status = str(told.get("TrainingSessionStatus", ""))
    members = {str(key): value for key, value in told.items()}
    finished = state_of_session(status) not in NOT_ENDED
    update = {"creation_time": created, "status": status, "finished": finished, "source": source, "detail": members}
    return pointer.model_copy(update=update)


def pointer_to(arn: str, created: datetime | None = None) -> JobPointer:
    """A training session by its ARN. Raises MalformedEvent for another ARN."""
    match = SESSION_ARN.fullmatch(arn)
    if match is None:
        raise MalformedEvent(f"TrainingSessionArn is {arn[:120]!r}")
    return JobPointer(
        service=TRAINING_SESSION,
        event_source=RECONCILE_SOURCE,
        arn=arn,
        name=match["name"],
        region=match["region"],
        account=match["account"],
        creation_time=created,
    )


def last_word(pointer: JobPointer) -> tuple[Mapping[str, Any], TrainingSession]:
    """A description of a session that is gone, from what points at it; only who it was, where the rest cannot be
    read.
    """
    identity = {
        "TrainingSessionName": pointer.name,
        "TrainingSessionArn": pointer.arn,
        "TrainingSessionStatus": pointer.status,
        "CreationTime": pointer.creation_time,
    }
    whole = plain({DETAIL: {key: value for key, value in pointer.detail.items() if key != "Tags"} | identity})
    try:
        return whole, parse_training_session(whole)
    except MalformedTrainingSession:
        alone = plain({DETAIL: identity})
        return alone, parse_training_session(alone)
