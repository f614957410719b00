"""What the operator of a cluster says of a run that it ran, whichever orchestrator the cluster has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import islice

from flops_auditor.domain.runs.cluster_time import Stay
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.run import RunState
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.remarks import Kind, Remark

LONGEST_NAME = 253
"""Characters of a name; Kubernetes takes no longer one."""

MOST_TAGS = 50
"""Of a run, as AWS takes of a resource (Tagging AWS Resources, "Tag naming limits and requirements")."""

TORN = Kind("operators-lines-torn", "{count} lines of it in the operator's file cannot be read", AMEND)
NO_END = Kind(
    "operators-line-without-end", "the operator's file does not say when {what:said} began, or when it ended", AMEND
)
REVERSED = Kind(
    "operators-times-reversed",
    "contradictory evidence: by the operator's file {what:said} ends before it starts",
    AMEND,
)
IN_THE_FUTURE = Kind(
    "operators-times-to-come",
    "contradictory evidence: by the operator's file {what:said} was later than the file",
    AMEND,
)
NO_HOSTS_NAMED = Kind(
    "operators-hosts-not-named", "the operator's file does not name the hosts of {what:said}, or not all of them", AMEND
)
LONGER_THAN_ITS_TIMES = Kind(
    "operators-times-contradict",
    "contradictory evidence: by the operator's file {what:said} took longer than from its start to its end",
    AMEND,
)
STATEMENTS_DIFFER = Kind(
    "operators-statements-differ",
    "contradictory evidence: lines of it in the operator's file say different things of it",
    AMEND,
)
TAGS_LEFT_OUT = Kind(
    "operators-tags-left-out", "{count} of its statements in the form of tags are more than are read", AMEND
)


class MalformedOperatorsFile(WrongInput):
    """A file of a cluster's operator that cannot be read as a whole."""

    remedy = "Export it with the command that `flops-auditor docs cluster` gives, and pass it unchanged."


@dataclass(frozen=True)
class SaidRun:
    """A run as the operator says. `run_id` is the orchestrator's, `created` when it was first asked for; `stays` are
    when it had which host, `tags` what its owner says of it in the form of tags; `doubts` say why its hours are not
    known. `given` are the accelerator-seconds that its orchestrator surely gave it. `of_no_run`: it is no
    run, but hours of hosts that none had.
    """

    run_id: str
    name: str
    status: str
    state: RunState
    created: datetime | None
    stays: tuple[Stay, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[Remark, ...] = ()
    given: Fraction = Fraction(0)
    of_no_run: bool = False


def first_tags(tags: Mapping[str, str]) -> tuple[dict[str, str], list[Remark]]:
    """As many as are read, and the doubt that there are more, if there are."""
    left_out = [TAGS_LEFT_OUT(count=len(tags) - MOST_TAGS)] if len(tags) > MOST_TAGS else []
    return dict(islice(tags.items(), MOST_TAGS)), left_out
