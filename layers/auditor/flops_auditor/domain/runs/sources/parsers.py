"""Which parser reads the evidence of which source. A new service is one more line here, and files beside this one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources import training_job
from flops_auditor.domain.values.errors import AuditorError

Parser = Callable[[Evidence], Run]
PARSERS: Mapping[str, Parser] = MappingProxyType({training_job.SOURCE: training_job.read_training_job})


class UnknownSource(AuditorError):
    """Evidence of a service that this release cannot read."""

    remedy = "Use the release that recorded it, or a later one."


def read_run(evidence: Evidence, parsers: Mapping[str, Parser] = PARSERS) -> Run:
    """The run that evidence describes. Raises UnknownSource, and what the source's parser raises."""
    parser = parsers.get(evidence.source)
    if parser is None:
        raise UnknownSource(f"evidence of {evidence.source[:80]!r}")
    return parser(evidence)
