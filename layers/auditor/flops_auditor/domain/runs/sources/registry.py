"""The services whose runs are known: how the evidence of each is read, and which events point at its runs.

A new service is one more entry here with files beside this one, and a collector where the recorder is made
(aws/wiring/recording.py).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from flops_auditor.domain.runs.bounded_evidence import NO_MEMBERS, Least
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources import (
    batch_job,
    batch_job_events,
    cluster_run,
    customization_job,
    customization_job_events,
    sagemaker_job,
    sagemaker_job_events,
    training_job,
    training_job_events,
    training_session,
    training_session_events,
)
from flops_auditor.domain.runs.sources.batch_job_answer import is_batch_job
from flops_auditor.domain.runs.sources.custom_models import with_custom_models
from flops_auditor.domain.runs.sources.customization_job_answer import is_customization_job
from flops_auditor.domain.runs.sources.sagemaker_job_answer import is_sagemaker_job
from flops_auditor.domain.runs.sources.training_job_page import console_page
from flops_auditor.domain.runs.sources.training_job_places import PLACE_MEMBERS, least
from flops_auditor.domain.runs.sources.training_session_answer import is_training_session
from flops_auditor.domain.values.errors import AuditorError, MalformedEvent


def no_page(arn: str) -> str:
    """Of a service that has no page for a run."""
    return ""


def points_at_none(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """Of runs that no event names: a person hands in what is known of them."""
    return None


def recognises_none(description: Mapping[str, Any]) -> bool:
    """Of a service whose description is known by what it is not."""
    return False


@dataclass(frozen=True)
class Service:
    """One service: `read` makes a run of its evidence; `points_at` says which run an event is about, from the event's
    source and detail, None where it is another service's, and raises MalformedEvent, or PassedOver where that is no
    run; `console` is where people look at the run of an ARN, empty where there is no such page. `least` is a
    description without what `read` does not read, and `place_members` are its members whose texts are places.
    `recognises` tells its description from others.
    """

    read: Callable[[Evidence], Run]
    points_at: Callable[[str, Mapping[str, Any]], JobPointer | None]
    console: Callable[[str], str] = no_page
    least: Least = dict
    place_members: frozenset[str] = NO_MEMBERS
    recognises: Callable[[Mapping[str, Any]], bool] = recognises_none


Services = Mapping[str, Service]
SERVICES: Services = MappingProxyType(
    {
        training_job.SOURCE: Service(
            training_job.read_training_job, training_job_events.points_at, console_page, least, PLACE_MEMBERS
        ),
        customization_job.SOURCE: Service(
            customization_job.read_customization_job,
            customization_job_events.points_at,
            recognises=is_customization_job,
        ),
        training_session.SOURCE: Service(
            training_session.read_training_session, training_session_events.points_at, recognises=is_training_session
        ),
        sagemaker_job.SOURCE: Service(
            sagemaker_job.read_sagemaker_job, sagemaker_job_events.points_at, recognises=is_sagemaker_job
        ),
        cluster_run.SOURCE: Service(cluster_run.read_cluster_run, points_at_none, least=cluster_run.least),
        batch_job.SOURCE: Service(batch_job.read_batch_job, batch_job_events.points_at, recognises=is_batch_job),
    }
)
"""By the name that evidence has for it."""


class UnknownSource(AuditorError):
    """Evidence of a service that this release cannot read."""

    remedy = "Use the release that recorded it, or a later one."


def read_run(evidence: Evidence, services: Services = SERVICES) -> Run:
    """The run that evidence describes. Raises UnknownSource, and what the source's reader raises."""
    source = services.get(evidence.source)
    if source is None:
        raise UnknownSource(f"evidence of {evidence.source[:80]!r}")
    run = with_custom_models(source.read(evidence), evidence.packages)
    return replace(run, shut_doors=evidence.shut_doors) if evidence.shut_doors else run


def source_of(description: Mapping[str, Any], services: Services = SERVICES) -> str:
    """Which service's run a description is of; a training job's, where none recognises it."""
    return next((name for name, each in services.items() if each.recognises(description)), training_job.SOURCE)


def page_of(source: str, arn: str, services: Services = SERVICES) -> str:
    """Where people look at a run; empty where its service has no such page, or is not known."""
    service = services.get(source)
    return service.console(arn) if service else ""


def read_event(body: str) -> object:
    """The event that a queued message holds. Raises MalformedEvent."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"the message is not JSON: {error}") from error


def read_pointer(event: object, services: Services = SERVICES) -> JobPointer:
    """The run that an EventBridge event points at. Raises MalformedEvent, PassedOver."""
    detail = event.get("detail") if isinstance(event, Mapping) else None
    if not isinstance(event, Mapping) or not isinstance(detail, Mapping):
        raise MalformedEvent("the event has no detail object")
    for source in services.values():
        pointer = source.points_at(str(event.get("source", "")), detail)
        if pointer is not None:
            return pointer
    raise MalformedEvent(f"the event points at no run of a known service: it has {', '.join(map(str, detail))[:120]!r}")
