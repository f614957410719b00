"""Say in a run's evidence which doors were shut when it was recorded."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.use_cases.auditing.collect_evidence import Collector, Described, SaidOfModels


@dataclass(frozen=True)
class WithShutDoors:
    """A Collector of a recorder that does not look after some sources."""

    collector: Collector
    shut: tuple[str, ...]

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a run that is known."""
        return self.collector.pointer(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What the service says of the run."""
        described = self.collector.describe(pointer)
        return replace(described, collect=partial(self._collect, described))

    def _collect(self, described: Described, now: datetime, of_models: SaidOfModels) -> Case:
        return case_of(replace(described.collect(now, of_models).evidence, shut_doors=self.shut))
