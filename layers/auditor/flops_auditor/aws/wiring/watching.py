"""The watcher on AWS: the ports of watching, wired."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from flops_auditor.aws.calls.clients import client, sagemaker_in
from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.aws.sources.sagemaker import SageMakerStopper
from flops_auditor.aws.sources.sagemaker_jobs import SageMakerJobStopper
from flops_auditor.aws.sources.training_sessions import SessionStopper
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbSeenJobs
from flops_auditor.aws.wiring.doors import (
    BATCH,
    BATCH_WATCH_READER,
    BEDROCK,
    CUSTOMIZATION_WATCH_READER,
    NEWER_JOBS,
    NEWER_JOBS_WATCH_READER,
    SESSION_WATCH_READER,
    SESSIONS,
    WATCH_READER,
    sources_behind,
    sources_shut,
)
from flops_auditor.aws.wiring.environment import WatchEnvironment
from flops_auditor.aws.wiring.listing import (
    batch_reader_from,
    customization_reader_from,
    newer_jobs_reader_from,
    reader_from,
    regions_from,
    session_reader_from,
)
from flops_auditor.aws.wiring.recording import NoReassessments, recorder_with
from flops_auditor.domain.runs.evidence import BATCH_JOB, CUSTOMIZATION_JOB, SAGEMAKER_JOB, TRAINING_SESSION
from flops_auditor.domain.runs.sources.sagemaker_job_answer import TRAINS
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.watch_jobs import Watcher
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.ports.sources import JobStopper


class MalformedWarningLevels(AuditorError):
    """WARNING_FRACTIONS is not a list of fractions."""

    remedy = "Set the stack's parameter to fractions over 0 and at most 1, such as 0.03,0.5,0.8."


def read_fractions(text: str) -> tuple[Fraction, ...]:
    """Warning levels, lowest first. Raises MalformedWarningLevels."""
    try:
        levels = sorted({Fraction(part.strip()) for part in text.split(",") if part.strip()})
    except (ValueError, ZeroDivisionError) as error:
        raise MalformedWarningLevels(f"{text[:80]!r}: {error}") from error
    if not levels or not all(0 < level <= 1 for level in levels):
        raise MalformedWarningLevels(f"{text[:80]!r}")
    return tuple(levels)


def watchers_from(environment: WatchEnvironment) -> tuple[Watcher, ...]:
    """What watches each open door of which runs are watched, training jobs first. Not every region has the others.
    All but customization jobs and jobs of AWS Batch are stopped where StopOnCrossing is on; those are found as the
    reconciliation notes them.
    """
    jobs, table = watcher_from(environment), environment.table_name

    def watches(service: str, reader: JobReader, waits_as: str, stopper: JobStopper | None, **others: Any) -> Watcher:
        return replace(
            jobs,
            service=service,
            reader=replace(reader, again=False),
            seen=DynamoDbSeenJobs(client("dynamodb"), table, service=waits_as),
            home="",
            stopper=stopper if jobs.stopper else None,
            **others,
        )

    sessions = session_reader_from(environment, table, SESSION_WATCH_READER)
    training = newer_jobs_reader_from(environment, table, NEWER_JOBS_WATCH_READER, (TRAINS,))
    customization = customization_reader_from(environment, table, CUSTOMIZATION_WATCH_READER)
    in_batch = batch_reader_from(environment, table, BATCH_WATCH_READER)
    of_bedrock = regions_from(environment, BEDROCK)
    every = (
        jobs,
        watches(TRAINING_SESSION, sessions, SESSIONS, SessionStopper(sagemaker_in)),
        watches(SAGEMAKER_JOB, training, NEWER_JOBS, SageMakerJobStopper(sagemaker_in, TRAINS)),
        watches(CUSTOMIZATION_JOB, customization, BEDROCK, None, regions=of_bedrock, lists=False),
        watches(BATCH_JOB, in_batch, BATCH, None, regions=regions_from(environment, BATCH), lists=False),
    )
    opened = sources_behind(environment.doors)
    return tuple(each for each in every if each.service in opened)


def watcher_from(environment: WatchEnvironment) -> Watcher:
    """Everything that watching training jobs works with. A stopper exists only where StopOnCrossing is on."""
    stop = environment.stop_on_crossing.strip().lower() == "true"
    return Watcher(
        recorder=recorder_with(environment, NoReassessments(), sources_shut(environment.doors)),
        reader=replace(reader_from(environment, environment.table_name, WATCH_READER), again=False),
        seen=DynamoDbSeenJobs(client("dynamodb"), environment.table_name),
        regions=regions_from(environment),
        fractions=read_fractions(environment.warning_fractions),
        home=client("dynamodb").meta.region_name,
        stopper=SageMakerStopper(sagemaker_in) if stop else None,
        side_by_side=side_by_side,
    )
