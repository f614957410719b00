"""The doors that the stack's parameters open, and under which names the table keeps what was read of each."""

from collections.abc import Mapping

from flops_auditor.domain.runs.evidence import (
    BATCH_JOB,
    CUSTOMIZATION_JOB,
    SAGEMAKER_JOB,
    TRAINING_JOB,
    TRAINING_SESSION,
)
from flops_auditor.domain.values.errors import AuditorError

ALL_DOORS = "all"
TRAINING_JOBS_ALONE = "training-jobs"
"""Values of the parameter Doors."""
SOURCE_OF_WORD = {
    TRAINING_JOBS_ALONE: TRAINING_JOB,
    "training-sessions": TRAINING_SESSION,
    "sagemaker-jobs": SAGEMAKER_JOB,
    "bedrock": CUSTOMIZATION_JOB,
    "batch": BATCH_JOB,
}
"""The words of the variable DOORS, and the source that the evidence of what goes through each door names."""
WORD_OF_PARAMETER = {
    "TrainingSessions": "training-sessions",
    "SageMakerJobs": "sagemaker-jobs",
    "BedrockJobs": "bedrock",
    "BatchJobs": "batch",
}
"""The stack's parameters that shut a door each, where Doors does not shut them all."""
PARAMETER_OF_SOURCE = {SOURCE_OF_WORD[word]: parameter for parameter, word in WORD_OF_PARAMETER.items()}
BEDROCK = "bedrock"
SESSIONS = "training-session"
NEWER_JOBS = "sagemaker-job"
BATCH = "batch"
"""Services whose jobs wait apart from training jobs."""
READER = "RECONCILE"
WATCH_READER = "WATCH"
CUSTOMIZATION_READER = f"{READER}#{BEDROCK}"
CUSTOMIZATION_WATCH_READER = f"{WATCH_READER}#{BEDROCK}"
SESSION_READER = f"{READER}#{SESSIONS}"
SESSION_WATCH_READER = f"{WATCH_READER}#{SESSIONS}"
NEWER_JOBS_READER = f"{READER}#{NEWER_JOBS}"
NEWER_JOBS_WATCH_READER = f"{WATCH_READER}#{NEWER_JOBS}"
BATCH_READER = f"{READER}#{BATCH}"
BATCH_WATCH_READER = f"{WATCH_READER}#{BATCH}"
"""Who reads a listing on from where it stopped."""


class UnknownDoor(AuditorError):
    """DOORS has a word that is no door."""

    remedy = "Deploy the stack again with `sam deploy`; do not edit a function's environment by hand."


def shut_by(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameter of a stack that shuts a door, by the source of what would go through it. A stack of an older
    template has no parameter Doors, and sees training jobs alone; one that has only that parameter sees what it says.
    """
    others = parameters.get("Doors", TRAINING_JOBS_ALONE) == ALL_DOORS
    named = {name: others and parameters.get(name, "true") == "true" for name in WORD_OF_PARAMETER}
    shut = [name for name, is_open in named.items() if not is_open]
    return {SOURCE_OF_WORD[WORD_OF_PARAMETER[name]]: name if others else "Doors" for name in shut}


def doors_by(parameters: Mapping[str, str]) -> str:
    """What the template makes DOORS of a stack's parameters."""
    shut = shut_by(parameters)
    return ",".join(word for word, source in SOURCE_OF_WORD.items() if source not in shut)


def sources_behind(doors: str) -> frozenset[str]:
    """The sources of what goes through the doors that DOORS names, separated by commas, with nothing between two commas
    for one that is shut. Raises UnknownDoor.
    """
    words = {word for word in doors.split(",") if word}
    unknown = sorted(words - SOURCE_OF_WORD.keys())
    if unknown:
        raise UnknownDoor(f"{unknown[0][:80]!r}")
    return frozenset(SOURCE_OF_WORD[word] for word in words)


def sources_shut(doors: str) -> tuple[str, ...]:
    """The sources of what goes through the other doors. Raises UnknownDoor."""
    opened = sources_behind(doors)
    return tuple(sorted(source for source in SOURCE_OF_WORD.values() if source not in opened))
