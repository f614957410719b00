"""A training run, whatever service ran it: what every room after this one works on.

One parser per service makes it from evidence (`sources/`). It holds who the run is, when and on what it trained, what
it says of itself, where it begins from and leaves results, and which metrics it has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Literal

from flops_auditor.domain.runs.billable_tokens import BillableTokens
from flops_auditor.domain.runs.data_tokens import DataTokens
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values import archive_keys
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.remarks import Remark

RunState = Literal["running", "ending", "succeeded", "stopped", "error", "gone"]
"""What a run's service says of it, in words of our own, which its parser chooses. It is `running`; `ending`, so that it
no longer trains and has not ended; or it has ended: it `succeeded`, was `stopped`, met an `error`, or is `gone` and
nobody says how. One that ended without success *failed*, in whichever way.
"""
NOT_ENDED: frozenset[RunState] = frozenset({"running", "ending"})
_STATES: Mapping[str, RunState] = {
    "InProgress": "running",
    "Stopping": "ending",
    "Completed": "succeeded",
    "Stopped": "stopped",
    "Failed": "error",
}


def state_of(status: str) -> RunState:
    """What AWS's status of a job means. One that is not known, such as "Deleting", shows neither that the job goes on
    nor that it has ended.
    """
    return _STATES.get(status, "ending")


@dataclass(frozen=True)
class Hosts:
    """`instance_count` hosts of one instance type. Where nothing says of which, `one_of` has the types, and families of
    types, that it may be, and `instance_type` says so in words. Where that is somebody's word, `may_be_of` has the
    beginnings of the names of all types that it may be all the same. The run had so many `accelerators` of each host,
    None: all; `unsure`: at most. It had them for so many `seconds`, None: for as long as it trained.
    """

    instance_type: str
    instance_count: int
    one_of: tuple[str, ...] = ()
    may_be_of: tuple[str, ...] = ()
    accelerators: int | None = None
    unsure: bool = False
    seconds: Fraction | None = None


@dataclass(frozen=True)
class HostMetrics:
    """How a service measures the hosts of its runs: `occupancy` names the metric of how busy a host's accelerators
    were, in per cent, up to 100 for each (empty: there is none); hosts are called `host` and a number from 1; `where`
    people find the metric, in words.
    """

    occupancy: str = ""
    host: str = "host-"
    where: str = "the service"


@dataclass(frozen=True)
class FinalValue:
    """The last value of a metric that the run emitted, and when (None: not known)."""

    name: str
    value: float
    at: datetime | None = None


@dataclass(frozen=True)
class Run:
    """One run. `source` names the service and kind, such as "sagemaker:training-job", `kind` is the kind as people call
    it. `status` is the service's word, which people are shown and nothing is decided by; `state` is what it means.

    `built_in`: it runs an algorithm of the service that trains no language model. `undisclosed` says what kind of run
    it is where the service keeps its hardware to itself, such as "serverless job". `billed_tokens` are those that the
    service charged for training on, which it calls `billed_as`, `limit_seconds` how long it may run; None: not known.
    `billed_all_trained`: whether parameters were surely updated by each of them, `generated_tokens` are those that it
    charged for besides, which passed forward alone.
    `billable_tokens` are all that the service charges for, None where nobody says how many.
    `data_tokens` are those that its data holds, where its service counts none; `data_doubts` say why nothing bounds
    its tokens, which a person's number settles.
    `metric_expressions`: names of metrics, and what finds each in the log. `family` is shared by runs that are trials
    of one search: they are no ancestors of each other. `role` is whose rights it had, "" where the service does not
    say. `checkpoints` are those of its `results` that its owner named, where others may
    write, or whose content others may have; `artifact` is where the service says that it wrote the run's model.
    `begins_doubts` are about what it begins from and cannot be looked up. `reads` is what it reads a model from, where
    its lineage tag says what it continues, and `auxiliary` are inputs that do not count for what their owner calls
    them, such as a teacher. `surely_given` are accelerator-seconds that it was given of its hosts, None: all that they
    had. `shut_doors` are the sources of runs that were not looked after when it was recorded. `stop_command` is what a
    person types to end it.
    """

    source: str
    arn: str
    name: str
    region: str
    status: str
    state: RunState
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    time: TrainingTime
    declared: Declared
    kind: str = "Training run"
    hosts: tuple[Hosts, ...] = ()
    built_in: bool = False
    host_metrics: HostMetrics = HostMetrics()
    undisclosed: str = ""
    billed_tokens: int | None = None
    billed_as: str = "tokens that the service charged for"
    billed_all_trained: bool = True
    generated_tokens: int = 0
    billable_tokens: BillableTokens | None = None
    data_tokens: DataTokens | None = None
    data_doubts: tuple[Remark, ...] = ()
    limit_seconds: int | None = None
    metric_names: tuple[str, ...] = ()
    metric_expressions: tuple[tuple[str, str], ...] = ()
    final_values: tuple[FinalValue, ...] = ()
    begins: tuple[Reference, ...] = ()
    begins_notes: tuple[Remark, ...] = ()
    begins_doubts: tuple[Remark, ...] = ()
    reads: tuple[str, ...] = ()
    may_read_a_checkpoint: bool = False
    auxiliary: tuple[str, ...] = ()
    results: tuple[Location, ...] = ()
    checkpoints: tuple[Location, ...] = ()
    artifact: Location | None = None
    family: str = ""
    role: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    surely_given: Fraction | None = None
    shut_doors: tuple[str, ...] = ()
    stop_command: str = ""

    @property
    def hardware_disclosed(self) -> bool:
        """Whether the service says what hardware it ran on."""
        return not self.undisclosed

    @property
    def finished(self) -> bool:
        """Whether it has ended, with success or without."""
        return self.state not in NOT_ENDED

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with success."""
        return self.state == "succeeded"

    @cached_property
    def job_id(self) -> str:
        """The identity of the run: a name may be used again after deletion, ARN and creation time may not."""
        return archive_keys.job_id(self.arn, self.created_text)

    @cached_property
    def created_text(self) -> str:
        """Creation time as records and indexes hold it (ISO 8601, UTC); empty where not known."""
        return iso(self.created) if self.created else ""

    @property
    def ended_text(self) -> str:
        """The time of its end in the same way; empty for a run that goes on, or where it is not known."""
        return iso(self.ended) if self.ended else ""
