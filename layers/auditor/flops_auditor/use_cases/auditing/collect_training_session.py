"""Collect what SageMaker knows about a training session."""

from collections.abc import Mapping, Sequence
from typing import Any

from flops_auditor.domain.runs.evidence import TRAINING_SESSION
from flops_auditor.domain.runs.sources.training_session import run_of
from flops_auditor.domain.runs.sources.training_session_answer import (
    DESCRIBE_SESSION,
    DETAIL,
    TrainingSession,
    parse_training_session,
)
from flops_auditor.domain.runs.sources.training_session_events import last_word, pointer_to
from flops_auditor.use_cases.auditing.collect_self_described import SelfDescribed, SelfDescribedCollector
from flops_auditor.use_cases.ports.sources import TrainingSessions


def _tags_apart(answer: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[Mapping[str, str]]]:
    detail = answer[DETAIL]
    return {**answer, DETAIL: {k: value for k, value in detail.items() if k != "Tags"}}, detail.get("Tags") or []


_SESSIONS = SelfDescribed(
    source=TRAINING_SESSION,
    operation=DESCRIBE_SESSION,
    called="session",
    parse=parse_training_session,
    run_of=run_of,
    tags_apart=_tags_apart,
    pointer_to=pointer_to,
    last_word=last_word,
)


def training_session_collector(sessions: TrainingSessions) -> SelfDescribedCollector[TrainingSession]:
    """The Collector of SageMaker's training sessions."""
    return SelfDescribedCollector(_SESSIONS, lambda pointer: sessions.describe(pointer.name, pointer.region))
