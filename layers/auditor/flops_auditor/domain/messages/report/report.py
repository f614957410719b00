"""The report: what the newest records of a ledger say together. Summary first, then each model, then all jobs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

from flops_auditor.domain.law.policy import Policy
from flops_auditor.domain.messages.record_alert import remedies
from flops_auditor.domain.messages.report.job_line import (
    GROUPS,
    Group,
    JobLine,
    NearestLine,
    last_of_their_chains,
    line_of,
    places_of_namesakes,
)
from flops_auditor.domain.messages.report.model_part import ModelPart, model_part
from flops_auditor.domain.messages.report.pictures import Bar, bar_of
from flops_auditor.domain.values.moments import read_time

MOST_BARS = 6
MOST_MODELS = 40
"""Models that the report shows in full; all jobs are in its table."""
MOST_NAMED = 20
MOST_REMEDIES = 3

Made = Literal["deployment", "bundle"]
Contents = Callable[[Sequence[str]], Iterable[Mapping[str, Any]]]
"""Job ids -> the predicates of their newest records."""
Superseded = Callable[[Sequence["RecordedRevision"]], Iterable[Mapping[str, Any]]]
"""Records of which the history does not say enough -> their predicates."""
KnownPolicies = Callable[[str, str], Policy | None]
"""The id of a policy and the SHA-256 of its file -> the policy, if that version of it is known."""


@dataclass(frozen=True)
class BillSeen:
    """The statement on a bill that was made last: who says, with the rights of which `identity` (ARN), that records
    explain so much of what was charged from one moment to another. `share` is never more than it is; None where nobody
    can say. `open`: what else no record explains, in words; `size`: leaves of the log that the bill was compared with;
    `before`: how many statements it is in place of.
    """

    share: Fraction | None
    begins: datetime
    ends: datetime
    who: str
    identity: str
    at: datetime
    open: Sequence[str]
    size: str
    before: int


@dataclass(frozen=True)
class ShutDoorSeen:
    """A door that the stack shuts: `what` goes through it, in words, the `parameter` that does so where Doors does not,
    and the names of runs that were seen before it was shut and have no record.
    """

    what: str
    parameter: str
    without_record: tuple[str, ...] = ()


@dataclass(frozen=True)
class LedgerSeen:
    """What is known of the ledger beside its records.

    `selection` says in words which records these are, "" for all. `complete_to`: every job that ended before
    has a record, as comparing with the services found; None where this was not compared. `sealed_at` and `size` are
    of the newest checkpoint. `waiting_since`: the oldest record that has no place in the log yet. `checked` is what
    verifying the bundle said, "" where nobody verified it here. A `part` of a ledger may lack other records, of which
    `superseded_elsewhere` counts those that others of the same job in it supersede. What goes through `shut_doors` is
    in none of this.
    """

    made_from: Made
    ledger_id: str
    as_of: datetime
    selection: str
    size: int
    sealed_at: datetime | None
    complete_to: datetime | None = None
    waiting_since: datetime | None = None
    checked: str = ""
    part: bool = False
    superseded_elsewhere: int = 0
    bill: BillSeen | None = None
    shut_doors: tuple[ShutDoorSeen, ...] = ()


@dataclass(frozen=True)
class RecordedRevision:
    """One record of a job, superseded or not. `group` is what it was counted with; None where that is one of those
    that are below, and the record alone says which.
    """

    job_id: str
    revision: int
    recorded_at: str
    group: Group | None


@dataclass(frozen=True)
class BarOfModel:
    """A model and how near it is to a line."""

    line: JobLine
    bar: Bar


@dataclass(frozen=True)
class Turned:
    """A job that is counted with others than when the last report was made; `before` is with what it was then."""

    line: JobLine
    before: Group


@dataclass(frozen=True)
class Changes:
    """What happened since a moment: jobs that are new, those of them that are not below, and verdicts that turned."""

    since: datetime
    new: int
    new_and_not_below: tuple[JobLine, ...]
    turned: tuple[Turned, ...]


@dataclass(frozen=True)
class OpenJob:
    """A job of which nobody can say on which side it is, and what would settle it."""

    line: JobLine
    settle: tuple[str, ...]


@dataclass(frozen=True)
class ChosenPolicy:
    """A policy that jobs were compared with; where its file is not known, `title` is empty and there are no sources."""

    policy_id: str
    sha256: str
    title: str
    sources: tuple[str, ...]

    @property
    def shown(self) -> str:
        """What it is called where people read it."""
        return self.title or self.policy_id


@dataclass(frozen=True)
class Report:
    """Everything that the page shows. `counts` has each job once, `jobs` all of them, the most severe first; the other
    lists may be cut. `places` tells jobs of one name apart, by job id; `policies` are those of all jobs.
    """

    version: str
    ledger: LedgerSeen
    counts: Mapping[Group, int]
    on_their_word: tuple[JobLine, ...]
    nearest: tuple[BarOfModel, ...]
    changes: Changes
    open_jobs: tuple[OpenJob, ...]
    models: tuple[ModelPart, ...]
    models_in_all: int
    jobs: tuple[JobLine, ...]
    places: Mapping[str, str]
    policies: tuple[ChosenPolicy, ...]

    @property
    def nearest_lines(self) -> tuple[NearestLine, ...]:
        """The thresholds that the shares of the nearest models are of, each once."""
        lines: dict[tuple[str, str], NearestLine] = {}
        for near in (each.line.nearest for each in self.nearest):
            if near is not None:
                lines.setdefault((near.policy, near.scenario), near)
        return tuple(lines.values())


def report_of(
    jobs: Iterable[JobLine],
    contents: Contents,
    history: Iterable[RecordedRevision],
    ledger: LedgerSeen,
    since: datetime,
    version: str,
    policy_of: KnownPolicies,
    superseded: Superseded,
) -> Report:
    """The report of a ledger. `jobs` has each job by its newest record; of the few that are shown in full this is asked
    for with `contents`. `history` has all records, of which some are read with `superseded`; `version` is the
    program's, and `policy_of` knows its policies.
    """
    today = ledger.as_of.date()
    lines = sorted(jobs, key=lambda line: line.rank)
    by_id = {line.job_id: line for line in lines}
    places = places_of_namesakes(lines)
    names = {e.job_id: f"{e.name} ({places[e.job_id]})" if e.job_id in places else e.name for e in lines}
    models = last_of_their_chains(lines)
    shown = models[:MOST_MODELS]
    open_lines = [line for line in lines if line.verdict == "indeterminate"][:MOST_NAMED]
    asked = dict.fromkeys(line.job_id for line in (*shown, *open_lines))
    known = {content["job"]["id"]: content for content in contents(list(asked))}
    counted = Counter(line.group for line in lines)
    near = [line for line in shown if line.nearest is not None][:MOST_BARS]
    return Report(
        version=version,
        ledger=ledger,
        counts={group: counted[group] for group in GROUPS},
        on_their_word=tuple(line for line in lines if line.group == "word"),
        nearest=tuple(BarOfModel(line, bar_of(line.nearest)) for line in near if line.nearest),
        changes=changes_since(since, history, by_id, superseded),
        open_jobs=tuple(OpenJob(line, tuple(remedies(known[line.job_id])[:MOST_REMEDIES])) for line in open_lines),
        models=tuple(model_part(known[line.job_id], line, by_id, names, today) for line in shown),
        models_in_all=len(models),
        jobs=tuple(lines),
        places=places,
        policies=tuple(
            _chosen(*each, policy_of) for each in sorted({each for line in lines for each in line.policies})
        ),
    )


def _chosen(policy_id: str, sha256: str, policy_of: KnownPolicies) -> ChosenPolicy:
    policy = policy_of(policy_id, sha256)
    if policy is None:
        return ChosenPolicy(policy_id, sha256, "", ())
    return ChosenPolicy(policy_id, sha256, policy.title, tuple(source.title for source in policy.sources))


def changes_since(
    since: datetime, history: Iterable[RecordedRevision], lines: Mapping[str, JobLine], superseded: Superseded
) -> Changes:
    """What the records of before say otherwise, or do not say at all: also whether it rests on the job's word alone."""
    before: dict[str, RecordedRevision] = {}
    for each in history:
        known = before.get(each.job_id)
        if read_time(each.recorded_at) <= since and (known is None or each.revision > known.revision):
            before[each.job_id] = each
    new = [line for line in lines.values() if line.job_id not in before]
    replaced = [before[line.job_id] for line in lines.values() if _is_replaced(line, before)]
    read = superseded([each for each in replaced if each.group is None])
    groups = {line.job_id: line.group for line in (line_of(content, since.date()) for content in read)}
    groups |= {each.job_id: each.group for each in replaced if each.group is not None}
    turned = [
        Turned(lines[each.job_id], groups[each.job_id])
        for each in replaced
        if groups[each.job_id] != lines[each.job_id].group
    ]
    severe = [line for line in new if line.verdict != "below"]
    return Changes(since, len(new), tuple(severe), tuple(turned))


def _is_replaced(line: JobLine, before: Mapping[str, RecordedRevision]) -> bool:
    return line.job_id in before and line.revision > before[line.job_id].revision
