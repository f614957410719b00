"""Ask Bedrock what made the custom models that a run begins from, whichever service ran it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Unread, plain
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.custom_models import custom_models
from flops_auditor.domain.values.arns import region_of
from flops_auditor.use_cases.auditing.collect_evidence import CompletingCollector
from flops_auditor.use_cases.ports.sources import CustomModels, SourceDenied

_LEVELS = 2
"""What a run names, and what the model that it made names."""


@dataclass(frozen=True)
class WithCustomModels(CompletingCollector):
    """A Collector of runs that may begin from custom models: of a run that neither names nor made one, nothing more is
    asked.
    """

    models: CustomModels

    def completed(self, case: Case) -> Case:
        """Refusals become evidence, passing faults are raised."""
        for _ in range(_LEVELS):
            fresh = [arn for arn in custom_models(case.run) if arn not in case.evidence.packages]
            if not fresh:
                break
            answers = {arn: self._answer(arn) for arn in fresh}
            case = case_of(replace(case.evidence, packages={**case.evidence.packages, **answers}))
        return case

    def _answer(self, arn: str) -> Mapping[str, Any] | Unread:
        try:
            answer: Mapping[str, Any] = plain(self.models.model(arn, region_of(arn)))
        except SourceDenied as denied:
            return denied.unread
        return answer
