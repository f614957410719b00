"""Say in a run's evidence which doors were shut when it was recorded."""

from dataclasses import dataclass, replace

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.use_cases.auditing.collect_evidence import CompletingCollector


@dataclass(frozen=True)
class WithShutDoors(CompletingCollector):
    """A Collector of a recorder that does not look after some sources."""

    shut: tuple[str, ...]

    def completed(self, case: Case) -> Case:
        """With these in its evidence."""
        return case_of(replace(case.evidence, shut_doors=self.shut))
