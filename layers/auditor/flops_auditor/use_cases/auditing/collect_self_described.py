"""Collect what a service knows about a run where its description is all of it: the run's tags stand in there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Evidence, Unread, plain
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.run import Run
from flops_auditor.use_cases.auditing.collect_evidence import Described, SaidOfModels, amendments_of, check_identity
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob

A = TypeVar("A")
_Description = Mapping[str, Any]
_Tags = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class SelfDescribed(Generic[A]):
    """How a service describes its runs: the evidence's source, the operation, and what one is called; how its answer is
    parsed, with the tags given or those within, and becomes a run; the answer without its tags, and these; what points
    at a run, and the answer that is left, parsed, of one that is gone.
    """

    source: str
    operation: str
    called: str
    parse: Callable[[_Description, _Tags | None], A]
    run_of: Callable[[A], Run]
    tags_apart: Callable[[_Description], tuple[_Description, _Tags]]
    pointer_to: Callable[[str, datetime | None], JobPointer]
    last_word: Callable[[JobPointer], tuple[_Description, A]]


@dataclass(frozen=True)
class SelfDescribedCollector(Generic[A]):
    """The Collector of such runs; `ask` is the service's operation. It raises UnknownTrainingJob and SourceDenied."""

    service: SelfDescribed[A]
    ask: Callable[[JobPointer], _Description]

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a run that is known."""
        return self.service.pointer_to(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What SageMaker says of the run, or, when it was deleted, what was seen of it, with that doubt."""
        service = self.service
        try:
            answer = plain(self.ask(pointer))
            run = service.run_of(service.parse(answer, None))
            check_identity(pointer, run.arn, run.created, "one")
            return self._described(answer, run)
        except UnknownTrainingJob as unknown:
            if not pointer.known_to_exist:
                raise
            seen = f"SageMaker no longer knows the {service.called}, what {pointer.source} said is all there is"
            last, parsed = service.last_word(pointer)
            gone = Unread(service.operation, unknown.name, f"{seen}: {unknown}"[:400])
            return self._described(last, service.run_of(parsed), gone)

    def _described(self, answer: _Description, run: Run, *gone: Unread) -> Described:
        ask = partial(self._collect, answer, gone)
        return Described(run.job_id, run.name, run.status, run.state, ask, bool(gone))

    def _collect(self, answer: _Description, gone: Sequence[Unread], now: datetime, of_models: SaidOfModels) -> Case:
        """The case of a run. Its tags are kept apart from its description, as those of other services are."""
        description, within = self.service.tags_apart(answer)
        tags = None if gone else within
        run = self.service.run_of(self.service.parse(answer, tags))
        amendments, refused = amendments_of(of_models, run)
        evidence = Evidence(description, tags, collected_at=now, source=self.service.source)
        return Case(replace(evidence, unread=(*gone, *refused), amendments=amendments), run)
