"""Collect what SageMaker knows about a training session; its tags stand in its description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import TRAINING_SESSION, Evidence, Unread, plain
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.sources.training_session import run_of
from flops_auditor.domain.runs.sources.training_session_answer import (
    DESCRIBE_SESSION,
    DETAIL,
    TrainingSession,
    parse_training_session,
)
from flops_auditor.domain.runs.sources.training_session_events import last_word, pointer_to
from flops_auditor.use_cases.auditing.collect_evidence import Described, SaidOfModels, amendments_of, check_identity
from flops_auditor.use_cases.ports.sources import TrainingSessions, UnknownTrainingJob


@dataclass(frozen=True)
class TrainingSessionCollector:
    """The Collector of SageMaker's training sessions."""

    sessions: TrainingSessions

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a training session that is known."""
        return pointer_to(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What SageMaker says of the session, or, when it was deleted, what was seen of it, with that doubt."""
        try:
            answer = plain(self.sessions.describe(pointer.name, pointer.region))
            session = parse_training_session(answer)
            check_identity(pointer, session.training_session_arn, session.creation_time, "one")
            return _described(answer, session)
        except UnknownTrainingJob as unknown:
            if not pointer.known_to_exist:
                raise
            doubt = f"SageMaker no longer knows the session, what {pointer.source} said is all there is: {unknown}"
            return _described(*last_word(pointer), Unread(DESCRIBE_SESSION, unknown.name, doubt[:400]))


def _described(answer: Mapping[str, Any], session: TrainingSession, *gone: Unread) -> Described:
    run = run_of(session)
    ask = partial(_collect, answer, gone)
    return Described(run.job_id, run.name, run.status, run.state, ask, bool(gone))


def _collect(answer: Mapping[str, Any], gone: Sequence[Unread], now: datetime, of_models: SaidOfModels) -> Case:
    """The case of a session. Its tags are kept apart from its description, as those of other services are."""
    detail = {name: value for name, value in answer[DETAIL].items() if name != "Tags"}
    tags = None if gone else answer[DETAIL].get("Tags") or []
    evidence = Evidence({**answer, DETAIL: detail}, tags, collected_at=now, source=TRAINING_SESSION)
    run = run_of(parse_training_session(answer, tags))
    amendments, refused = amendments_of(of_models, run)
    evidence = replace(evidence, unread=(*gone, *refused), amendments=amendments)
    return Case(evidence, run)
