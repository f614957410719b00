"""What flops-meter says of a run, whichever way it came: how much it counted, and what speaks against its count.

Its words are those of its lines (docs/meter.md), cumulative over the run. They are the job's own statement: bounded,
compared with the hardware, and doubted where they say themselves that something is missing (docs/adr/1705).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flops_auditor.domain.runs.emitted import Emitted
from flops_auditor.domain.runs.remedies import BETTER
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

MODEL_FLOP = "model_flop"
AMOUNTS = (
    MODEL_FLOP,
    "generation_flop",
    "reference_flop",
    "discarded_flop",
    "inferred_flop",
    "uncertain_flop",
)
"""Those that are FLOP."""
WORDS = (
    *AMOUNTS,
    "uncounted_steps",
    "steps",
    "seq",
    "attempt",
    "ranks",
    "reporting",
    "since",
    "to",
    "covered",
    "unknown_ops",
    "failed",
    "job_check",
    "chain_check",
)
"""The words of a line that an audit reads."""
BINDING = (
    "job_check",
    "since",
    "to",
    "covered",
    "seq",
    "attempt",
    "ranks",
    "reporting",
    "failed",
    "unknown_ops",
    "uncounted_steps",
    "steps",
    "generation_flop",
    "reference_flop",
    "discarded_flop",
)
"""Those without which nothing says whose count it is, for which time, and whether it is whole."""
_NOTHING = Fraction(0)
_MINUTE = Fraction(60)
CLOCKS_DIFFER = Fraction(15 * 60)
"""Seconds that a line may come late, or a clock be wrong."""
_ROUNDING = 100
"""A process does not begin and end with the training to the second: a hundredth of it is left, a minute at most."""

CHECK_THE_LOG = Remedy(
    "check-the-log",
    "see which lines of the job's log are not its meter's: flops-meter verify-log LOG --job ARN; then give better "
    f"evidence: {BETTER}",
)
_COUNT_AGAIN = Remedy(
    "count-otherwise",
    f"the job's log says what went wrong (search it for flops-meter); give better evidence: {BETTER}",
)
_ALL_DEFINITIONS = Remedy(
    "all-metric-definitions",
    "give the job all metric definitions that `flops-meter metric-definitions` prints, and amend this record: "
    f"{BETTER}",
)
OTHER_JOB = Kind(
    "meter-of-another-job",
    "contradictory evidence: {source} is, or has in it, the count of another job or of none; it is not used",
    CHECK_THE_LOG,
)
STOPPED_COUNTING = Kind(
    "meter-failed", "the meter met an error and stopped counting: its {flop:flop} FLOP may be short", _COUNT_AGAIN
)
UNKNOWN_OPERATIONS = Kind(
    "meter-unknown-operations",
    "{kinds:.6g} kinds of operations ran whose FLOP the meter does not know: its {flop:flop} FLOP may be short",
    _COUNT_AGAIN,
)
RANKS_SILENT = Kind(
    "meter-ranks-silent",
    "{reporting:.6g} of {ranks:.6g} processes said what they counted; if the others did as much, it is {times:.3g} "
    "times as much",
    _COUNT_AGAIN,
)
HOSTS_WITHOUT_RANK = Kind(
    "meter-hosts-without-rank",
    "the meter knows of {ranks:.6g} processes, but the job has {hosts} hosts: what the others trained is not in its "
    "count",
    _COUNT_AGAIN,
)
STEPS_NOT_COUNTED = Kind(
    "meter-steps-not-counted",
    "{steps:.6g} steps are not in the count: they were done before the meter knew of them, or it saw nothing of them; "
    "were they this run's and like those that are in it, it is {times:.3g} times as much",
    Remedy(
        "record-the-steps",
        "name the run that did these steps (tag flops-auditor:lineage), keep the meter's state in checkpoints, or give "
        f"better evidence: {BETTER}",
    ),
)
COVERS_TOO_MUCH = Kind(
    "meter-covers-too-much",
    "contradictory evidence: the meter says that it ran for {covered:.6g} s, the training took {seconds:.6g} s: its "
    "lines may be another run's, or of several processes",
    CHECK_THE_LOG,
)
TIMES_DISAGREE = Kind(
    "meter-times-disagree",
    "contradictory evidence: the count says that it began {seconds:.6g} s after it was written: its times are wrong",
    CHECK_THE_LOG,
)
UNBOUND = Kind(
    "meter-words-missing",
    "the count comes without {missing:list}, so that nothing says whether it is whole and this job's",
    _ALL_DEFINITIONS,
)
CHANGED_DEFINITIONS = Kind(
    "meter-definitions-changed",
    "contradictory evidence: the job's metric definitions of {words:list} are not the meter's: what they read in its "
    "log need not be what the meter wrote",
    _ALL_DEFINITIONS,
)
COUNTED_NOTHING = Kind(
    "meter-counted-nothing",
    "the meter knows of {steps:.6g} steps that trained, and counted none: training without a backward pass, or of a "
    "model that it was not given, is not counted",
    _COUNT_AGAIN,
)
LOST_AND_DONE_AGAIN = Kind(
    "meter-work-done-again",
    "{flop:flop} FLOP were lost in interruptions and done again: the upper bound counts them",
)
INFERRED = Kind("meter-inferred", "{flop:flop} of the FLOP counted were inferred, and err upwards")
UNCERTAIN = Kind(
    "meter-uncertain",
    "calls of the model that look alike did not take the same work, so that the count is an estimate from steps "
    "counted at random, or products may be recomputation: it may be off by {flop:flop} FLOP",
)
SIGNAL = Kind(
    "meter-signal",
    "{flop:flop} FLOP of rollouts, reference models, teachers and passes whose gradients never came back were counted "
    "beside: they update nothing and count on the cumulative basis alone",
)


@dataclass(frozen=True)
class Suspicion:
    """What speaks against a count: were it right, it could be `times` as much; None: only the hardware bounds it."""

    remark: Remark
    times: Fraction | None = None


@dataclass(frozen=True)
class Counted:
    """What a meter counted in a run, in FLOP, and what is to be said of it.

    `generation_flop` made training data and `reference_flop` a training signal: the cumulative basis (Annex A.1).
    """

    model: Emitted
    generation_flop: Fraction = Fraction(0)
    reference_flop: Fraction = Fraction(0)
    suspicions: tuple[Suspicion, ...] = ()
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What is known of the run from elsewhere: its ARN, its training time in seconds (None: not known), its hosts;
    words of the meter that its metric definitions leave out or read in a way of their own.
    """

    arn: str
    seconds: Fraction | None
    hosts: int
    undefined: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def check_of(arn: str) -> int:
    """48 bits of SHA-256 of a job's ARN: the word `job_check` of its lines."""
    return int(hashlib.sha256(arn.encode()).hexdigest()[:12], 16)


def share_covered(covered: Fraction, seconds: Fraction | None) -> Fraction | None:
    """The part of the training time in which a meter ran, 0..1; None where the training time is not known."""
    if not seconds:
        return None
    left = seconds - covered
    return Fraction(1) if left <= min(_MINUTE, seconds / _ROUNDING) else covered / seconds


def counted(values: Mapping[str, Fraction], facts: Facts, source: str, binding: Sequence[str] = BINDING) -> Counted:
    """What the words of a run amount to; `binding` are those that must be there."""
    flop, share = values[MODEL_FLOP], None
    suspicions = suspicions_of(values, facts, binding)
    if "covered" in values:
        share = share_covered(values["covered"], facts.seconds)
        if facts.seconds and values["covered"] > facts.seconds + max(_MINUTE, facts.seconds / _ROUNDING):
            suspicions.append(Suspicion(COVERS_TOO_MUCH(covered=values["covered"], seconds=facts.seconds)))
    discarded, inferred = values.get("discarded_flop", _NOTHING), values.get("inferred_flop", _NOTHING)
    generation, reference = values.get("generation_flop", _NOTHING), values.get("reference_flop", _NOTHING)
    uncertain = values.get("uncertain_flop", _NOTHING)
    amounts = (
        (LOST_AND_DONE_AGAIN, discarded),
        (INFERRED, inferred),
        (UNCERTAIN, uncertain),
        (SIGNAL, generation + reference),
    )
    notes = tuple(kind(flop=amount) for kind, amount in amounts if amount)
    least, most = flop - min(inferred + uncertain, flop), flop + discarded + uncertain
    model = Emitted(flop, source, share, counts=True, least=least, most=most)
    return Counted(model, generation, reference, tuple(suspicions), notes)


def suspicions_of(values: Mapping[str, Fraction], facts: Facts, binding: Sequence[str] = BINDING) -> list[Suspicion]:
    """What the words themselves say is missing."""
    flop, suspicions = values[MODEL_FLOP], []
    missing = [name for name in binding if name not in values]
    missing += [name for name in facts.undefined if name not in missing]
    if missing:
        suspicions.append(Suspicion(UNBOUND(missing=missing)))
    if facts.changed:
        suspicions.append(Suspicion(CHANGED_DEFINITIONS(words=facts.changed)))
    steps, uncounted = values.get("steps", _NOTHING), values.get("uncounted_steps", _NOTHING)
    if not flop and (steps or uncounted or values.get("covered")):
        suspicions.append(Suspicion(COUNTED_NOTHING(steps=steps + uncounted)))
    if values.get("failed"):
        suspicions.append(Suspicion(STOPPED_COUNTING(flop=flop)))
    if kinds := values.get("unknown_ops"):
        suspicions.append(Suspicion(UNKNOWN_OPERATIONS(kinds=kinds, flop=flop)))
    late = values.get("since", _NOTHING) - values.get("to", values.get("since", _NOTHING))
    if late > CLOCKS_DIFFER:
        suspicions.append(Suspicion(TIMES_DISAGREE(seconds=late)))
    ranks = values.get("ranks", Fraction(facts.hosts))
    reporting = values.get("reporting", ranks)
    if reporting < ranks:
        times = ranks / max(reporting, Fraction(1))
        suspicions.append(Suspicion(RANKS_SILENT(reporting=reporting, ranks=ranks, times=times), times))
    if ranks < facts.hosts:
        suspicions.append(Suspicion(HOSTS_WITHOUT_RANK(ranks=ranks, hosts=facts.hosts)))
    if uncounted:
        times = 1 + uncounted / max(steps, Fraction(1))  # the two are all steps that are known of
        suspicions.append(Suspicion(STEPS_NOT_COUNTED(steps=uncounted, times=times), times))
    return suspicions
