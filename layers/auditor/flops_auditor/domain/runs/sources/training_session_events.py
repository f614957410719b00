"""What points at a training session: SageMaker sends no event of one, so the reconciliation's messages alone do.

Everything they say is asked again; it counts only of a session that was deleted since.
"""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.evidence import TRAINING_SESSION, plain
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE, JobPointer, Pointing
from flops_auditor.domain.runs.sources.training_session_answer import (
    DETAIL,
    SESSION_ARN,
    MalformedTrainingSession,
    TrainingSession,
    parse_training_session,
    state_of_session,
)

DETAIL_TYPE = "SageMaker Training Session State Change"
"""Our own word, as SageMaker calls events of training jobs."""


_POINTING = Pointing(
    service=TRAINING_SESSION,
    event_source=RECONCILE_SOURCE,
    form=SESSION_ARN,
    arn_in="TrainingSessionArn",
    created_in="CreationTime",
    status_in="TrainingSessionStatus",
    state_of=state_of_session,
)
pointer_to = _POINTING.by_arn
"""A training session by its ARN. Raises MalformedEvent for another ARN."""


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The training session of an event of that source; None where it names none. Raises MalformedEvent."""
    told = detail.get(DETAIL)
    return _POINTING.by_event(source, told) if isinstance(told, Mapping) else None


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
