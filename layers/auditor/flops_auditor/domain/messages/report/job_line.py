"""One job in the report, by its newest record: what is counted, sorted and listed. Small, since there may be many."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, get_args

from flops_auditor.domain.audit.tables import POLICY_FOLDER
from flops_auditor.domain.messages.documents.run_figures import TRAINING
from flops_auditor.domain.messages.record_words import WITH_ORIGINAL, counts_original, line_named, verdict_in_words
from flops_auditor.domain.runs.occupancy import ADDED_SAMPLES
from flops_auditor.domain.values.arns import account_of
from flops_auditor.domain.values.figures import SEVERITY, Verdict, nearest

Group = Literal["above", "indeterminate", "word", "below", "not_assessed"]
"""What a job is counted with, the most severe first: its verdict, or "word" where it is below on its own word alone, or
"not_assessed" where it was compared with no line.
"""
GROUPS: tuple[Group, ...] = get_args(Group)
UNBOUNDED = float("inf")
"""The share of a job whose compute nothing bounds from above: nearer to a line than any that is known."""


@dataclass(frozen=True, slots=True)
class NearestLine:
    """The threshold that a job's upper bound comes nearest to, or is farthest over, and what the job counts of it in
    FLOP, None: not known. Its shares are exact, since whoever shows them rounds them.

    `no_law`: the policy only words a law, and is more severe here than the law itself. `with_original`: what the
    original took counts, too.
    """

    policy: str
    scenario: str
    title: str
    threshold_flop: int
    no_law: bool
    lower_flop: int | None
    best_flop: int | None
    upper_flop: int | None
    with_original: bool = False

    @property
    def lower_share(self) -> Fraction | None:
        """How much of the threshold it took at least."""
        return self._share(self.lower_flop)

    @property
    def best_share(self) -> Fraction | None:
        """How much of it by the best estimate."""
        return self._share(self.best_flop)

    @property
    def upper_share(self) -> Fraction | None:
        """How much of it at most."""
        return self._share(self.upper_flop)

    def _share(self, flop: int | None) -> Fraction | None:
        return None if flop is None else Fraction(flop, self.threshold_flop)

    @property
    def called(self) -> str:
        """What stands beside a share."""
        return f"{self.of_line}, {WITH_ORIGINAL}" if self.with_original else self.of_line

    @property
    def of_line(self) -> str:
        """The threshold alone, beside its title."""
        return f"of {line_named(self.threshold_flop, self.no_law)}"


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job. FLOP include those of the runs that it continues; None where nothing bounds them.

    `samples_added`: somebody beside AWS's agent wrote into the occupancy of its hosts.
    `shown_as` is the verdict as people read it: that, or "disputed", "not in force", "silent". `parents` are job ids.
    `policies` are those that it was compared with, each with the SHA-256 of its file.
    """

    job_id: str
    arn: str
    name: str
    region: str
    status: str
    method: str
    trains: bool
    base_model: str
    verdict: Verdict
    shown_as: str
    on_the_jobs_word: bool
    without_statements: Verdict
    samples_added: bool
    lower_flop: int | None
    best_flop: int | None
    upper_flop: int | None
    nearest: NearestLine | None
    started: str
    ended: str
    recorded_at: str
    revision: int
    parents: tuple[str, ...]
    policies: tuple[tuple[str, str], ...]

    @property
    def group(self) -> Group:
        """What it is counted with: each job once."""
        if self.verdict == "below" and self.on_the_jobs_word:
            return "word"
        return "not_assessed" if self.shown_as == "silent" else self.verdict

    @property
    def rank(self) -> tuple[float, float, str, str]:
        """The place in a list that shows first what matters most."""
        return -SEVERITY[self.verdict], -upper_share(self), self.name, self.job_id


def upper_share(line: JobLine) -> float:
    """How much of its nearest threshold a job took at most; UNBOUNDED where nobody knows, 0 where none is assessed."""
    if line.nearest is None:
        return UNBOUNDED if line.verdict == "indeterminate" else 0
    upper = line.nearest.upper_flop
    return UNBOUNDED if upper is None else upper / line.nearest.threshold_flop


def line_of(content: Mapping[str, Any], today: date) -> JobLine:
    """A record's predicate as a line; `today` says which laws are in force."""
    job, total, rests = content["job"], content["cumulative"], content["rests_on"]
    return JobLine(
        job_id=job["id"],
        arn=job["arn"],
        name=job["name"],
        region=job["region"],
        status=job["status"],
        method=content["estimate"]["method"],
        trains=job["activity"] in TRAINING,
        base_model=content["original"]["base_model"],
        verdict=content["verdict"],
        shown_as=verdict_in_words(content, today),
        on_the_jobs_word=rests["on_the_jobs_word"],
        without_statements=rests["verdict_without_statements"],
        samples_added=any(each["kind"] == ADDED_SAMPLES.name for each in content["estimate"]["assumptions"]),
        lower_flop=_amount(total["lower_flop"]),
        best_flop=_amount(total["best_flop"]),
        upper_flop=_amount(total["upper_flop"]),
        nearest=_nearest(content),
        started=job["start"] or "",
        ended=job["end"] or "",
        recorded_at=content["recorded_at"],
        revision=content["revision"],
        parents=tuple(content["lineage"]["parents"]),
        policies=_policies(tuple(sorted(content["tables"].items()))),
    )


@lru_cache(64)
def _policies(tables: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Of the tables of a job its policies: nearly all jobs have the same ones, which are kept once."""
    policies = ((name, digest) for name, digest in tables if name.startswith(POLICY_FOLDER))
    return tuple((name.removeprefix(POLICY_FOLDER).removesuffix(".json"), digest) for name, digest in policies)


def places_of_namesakes(lines: Iterable[JobLine]) -> dict[str, str]:
    """Job id -> region and account, of each job whose name another job has, too."""
    by_name: dict[str, list[JobLine]] = defaultdict(list)
    for line in lines:
        by_name[line.name].append(line)
    shared = [line for namesakes in by_name.values() if len(namesakes) > 1 for line in namesakes]
    return {line.job_id: f"{line.region}, {account_of(line.arn)}" for line in shared}


def last_of_their_chains(lines: Iterable[JobLine]) -> list[JobLine]:
    """The jobs that no other one takes the place of: the models that are there now. A run that trained none, and that
    nothing is to be said of, is no model.

    A run takes the place of what it continues if it trains, and if its verdict is as severe: neither an evaluation nor
    a smaller run beside a line hides a model that is nearer to one.
    """
    jobs = list(lines)
    severity: dict[str, int] = {}
    for line in jobs:
        for parent in line.parents if line.trains else ():
            severity[parent] = max(severity.get(parent, 0), SEVERITY[line.verdict])
    models = (line for line in jobs if line.trains or line.group != "not_assessed")
    return [line for line in models if severity.get(line.job_id, -1) < SEVERITY[line.verdict]]


def _nearest(content: Mapping[str, Any]) -> NearestLine | None:
    closest = nearest(content["assessments"])
    if closest is None:
        return None
    return NearestLine(
        closest["policy"],
        closest["scenario"],
        closest["title"],
        int(closest["threshold_flop"]),
        bool(closest.get("wording_of")),
        _amount(closest["lower_flop"]),
        _amount(closest["best_flop"]),
        _amount(closest["upper_flop"]),
        counts_original(closest),
    )


def _amount(text: str | None) -> int | None:
    return None if text is None else int(text)
