"""Collecting what a service knows about a run, and what it refused to say: one collector for each service."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.models_file import MalformedModels
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.run import Run, RunState
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob

SaidOfModels = Callable[[Run], tuple[Amendment, ...]]
"""What people say of the model that a run trains. Raises MalformedModels."""


def nothing_said(run: Run) -> tuple[Amendment, ...]:
    """Nobody has said anything of any model."""
    return ()


def amendments_of(of_models: SaidOfModels, run: Run) -> tuple[tuple[Amendment, ...], tuple[Unread, ...]]:
    """What people say of the model that a run trains, or why their file could not be read."""
    try:
        return of_models(run), ()
    except MalformedModels as error:
        return (), (Unread("the file of models", error.name, str(error)[:200]),)


def check_identity(pointer: JobPointer, arn: str, created: datetime | None, named: str) -> None:
    """Refuse a description of another run than the pointer's: names may be used again after deletion. Raises
    UnknownTrainingJob; `named` is what the description is of.
    """
    if arn != pointer.arn:
        raise UnknownTrainingJob(f"asked for {pointer.arn}, SageMaker described {arn}")
    wanted = pointer.creation_time
    if wanted and created and abs(wanted - created) >= timedelta(seconds=1):
        raise UnknownTrainingJob(
            f"{pointer.name} created {iso(wanted)} is gone; the name now means {named} created {iso(created)}"
        )


@dataclass(frozen=True)
class Described:
    """A run as its service describes it. `collect` asks for everything else that is known of it, now: refusals become
    part of the evidence, passing faults are raised. `gone`: the service no longer knows the run.
    """

    job_id: str
    name: str
    status: str
    state: RunState
    collect: Callable[[datetime, SaidOfModels], Case]
    gone: bool = False


class Collector(Protocol):
    """Asks one service about its runs."""

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a run that is known."""

    def describe(self, pointer: JobPointer) -> Described:
        """What the service says of the run; of one that is gone what the pointer says, if that proves it.

        Raises UnknownTrainingJob, also where the name means another run by now, SourceDenied, MalformedJob.
        """


@dataclass(frozen=True)
class CompletingCollector(ABC):
    """A Collector that adds to what another one collects, whichever service that asks."""

    collector: Collector

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a run that is known."""
        return self.collector.pointer(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What the service says of the run."""
        described = self.collector.describe(pointer)
        return replace(described, collect=partial(self._collect, described))

    def _collect(self, described: Described, now: datetime, of_models: SaidOfModels) -> Case:
        return self.completed(described.collect(now, of_models))

    @abstractmethod
    def completed(self, case: Case) -> Case:
        """The case of a run with what is added to it."""


Collectors = Mapping[str, Collector]
"""By the source that the evidence names."""
