"""Record the runs in files that operators of clusters drop into a bucket: each version of a file once.

Whoever may write to that bucket decides what is signed as the operator's word, and can write anything: a file or a run
that cannot be read stops no other, and a record that says something else is never superseded by a file alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.run import NOT_ENDED
from flops_auditor.domain.runs.sources.cluster_answers import MalformedCluster
from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers
from flops_auditor.domain.runs.sources.cluster_run import SLURM
from flops_auditor.domain.runs.sources.dropped_file import FilePlace, WrongFileName, place_of, shown_key
from flops_auditor.domain.runs.sources.operators_file import read_operators_file
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile
from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.cluster_runs import (
    ClusterRuns,
    called_in_its_file,
    cases_of_hours,
    read_cluster_runs,
)
from flops_auditor.use_cases.auditing.keep_clusters import TooManyHosts
from flops_auditor.use_cases.auditing.record_cluster_run import record_cluster_run
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.clusters import DroppedFile, FileStage, FileState, FileStates, OperatorsFiles

LARGEST_DROPPED = 32 << 20
"""Bytes of a file that the function's memory and time are enough for."""
MOST_TRIES = 3
_NOTED_EVERY = 50
"""Runs. What a round that died did since is done again, to no effect."""
_MOST_NAMES = 5
_MOST_NOTED_LEFT = 100
"""Files for which a round had no time, of which it notes so."""
_MOST_UNLIKE = 1_000
"""Runs that are not on record as a file says: of a file with more, none explains hours."""
_LONGEST_REASON = 500
"""Characters."""
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = "~"
"""Comes after every moment: runs whose file does not say when they were asked for, then hours of no run."""


class DroppedFileTooLarge(WrongInput):
    """A file in the operators' bucket that is larger than the function reads."""

    remedy = "Export less time at once, or record the file with `flops-auditor record-cluster`."


class PeriodNotOver(WrongInput):
    """A file that is to be whole for a period was written before that had ended."""

    remedy = "Export again after the period's last day is over (UTC), and replace the file."


class NoHostOfThisCluster(WrongInput):
    """None of the hosts that a file names was ever seen in its cluster."""

    remedy = "Put the file under the name of its own cluster; `aws sagemaker list-cluster-nodes` shows whose hosts are."


class FileNotFinished(AuditorError):
    """A file with which the function ended without a word, several times."""

    remedy = "Export less time at once, or record the file with `flops-auditor record-cluster`."


class FileCutShort(WrongInput):
    """A file of Slurm whose last line does not end: its rest, or more, is missing."""

    remedy = "Put it there again, unchanged from `sacct`: a run that is recorded from half of it stays so."


class FileNotReached(AuditorError):
    """A file that no round had time for yet."""

    remedy = (
        "The next rounds read new files first, the smallest first. Where it stays, export less at once, or use "
        "`flops-auditor record-cluster`."
    )


_UNTIL_REPLACED = (
    WrongFileName,
    DroppedFileTooLarge,
    PeriodNotOver,
    NoHostOfThisCluster,
    FileCutShort,
    FileNotFinished,
    MalformedOperatorsFile,
    MalformedCluster,
    TooManyHosts,
)
"""What waiting does not mend."""
FAILED = "runs could not be recorded"
FAILED_REMEDY = "See the log; then put the file there again, or use `flops-auditor record-cluster`."
OTHERWISE = "runs are recorded otherwise than the file says"
OTHERWISE_REMEDY = "Compare them; where the file is right, `flops-auditor record-cluster FILE --why REASON` supersedes."

TORN = "lines or objects cannot be read, nor which run they are of: all runs that it recorded are open"
TORN_REMEDY = "Export it again, put it there, and use `flops-auditor record-cluster FILE --why REASON`."
EARLIER = "earlier clusters had this name, and may have had hosts in this time, whose hours are not recorded: "
EARLIER_REMEDY = (
    "Record them with `flops-auditor record-cluster` and what AWS answered about that cluster, which the archive has "
    "under clusters/."
)
GOES_ON = "runs go on: they have no record yet, and explain no hours"


@dataclass(frozen=True)
class FilesDoor:
    """What recording the operators' files works with. `known` gives what is kept of a cluster by region and name; it
    raises UnknownCluster and whatever says that the region was not read now.
    """

    files: OperatorsFiles
    states: FileStates
    recorder: Recorder
    known: Callable[[FilePlace], ClusterAnswers]
    out_of_time: Callable[[], bool]


@dataclass
class FilesLookedAt:
    """What a round did: states of the files that it worked on, runs that it recorded, how many files are left for the
    next round. `troubled` are all files that a person has to do something about.
    """

    worked: list[FileState] = field(default_factory=list)
    recorded: int = 0
    left: int = 0
    troubled: tuple[FileState, ...] = ()


def record_dropped_files(door: FilesDoor, listed: Sequence[DroppedFile], whole: bool = True) -> FilesLookedAt:
    """Work on each listed file that has something new, in turn. `whole`: these are all files that are looked at, so
    that what is noted of others is forgotten. Raises SourceDenied, SourceUnavailable where nothing can be noted.
    """
    states, done = dict(door.states.states()), FilesLookedAt()
    if whole:
        for key in sorted(set(states) - {file.key for file in listed}):
            door.states.forget(key, door.recorder.clock())
    waiting = [(_known_of(file, states), file) for file in listed]
    waiting = [(state, file) for state, file in waiting if state.stage not in ("recorded", "refused")]
    for state, file in sorted(waiting, key=_turn):
        if door.out_of_time():
            done.left += 1
            if states.get(file.key) is not state and done.left <= _MOST_NOTED_LEFT:
                states[file.key] = _not_reached(door, state)
            continue
        after = _worked_on(door, state, file)
        states[file.key] = after
        done.worked.append(after)
        done.recorded += after.recorded - state.recorded
    here = {file.key: file.version for file in listed}
    done.troubled = tuple(each for key, each in sorted(states.items()) if key in here and each.troubled)
    return done


def _known_of(file: DroppedFile, states: Mapping[str, FileState]) -> FileState:
    state = states.get(file.key)
    if state is not None and state.version == file.version:
        return state
    return FileState(file.key, file.version, file.dropped_at, "reading")


def _turn(each: tuple[FileState, DroppedFile]) -> tuple[bool, datetime, int, datetime, str]:
    """Files that no round took up come first, the smallest first, so that large ones keep none waiting; then the others
    in turn; last those with which two rounds died. One that died changes no order: what is recorded is the same.
    """
    state, file = each
    new = state.stage in ("reading", "not reached")
    return state.tries > 1, _FIRST if new else state.at, file.size, file.dropped_at, file.key


def _not_reached(door: FilesDoor, state: FileState) -> FileState:
    now = door.recorder.clock()
    after = _stopped(state, FileNotReached(f"{shown_key(state.key)}: no time was left for it yet"), "not reached", now)
    door.states.note(after)
    return after


def _worked_on(door: FilesDoor, state: FileState, file: DroppedFile) -> FileState:
    """What has become of a file now, noted."""
    now = door.recorder.clock()
    try:
        after = _progress(door, state, file, now)
    except _UNTIL_REPLACED as refusal:
        after = _stopped(state, refusal, "refused", now)
    except AuditorError as failure:
        after = _stopped(state, failure, "waits", now)
    except Exception as failure:  # one file stops no other
        reason = f"unexpected, {type(failure).__name__}: {shown_key(str(failure))}"
        after = replace(state, stage="waits", at=now, tries=0, reason=reason, remedy=AuditorError.remedy)
    door.states.note(after)
    return after


def _stopped(state: FileState, failure: AuditorError, stage: FileStage, now: datetime) -> FileState:
    reason = f"{failure.name}: {str(failure)[:_LONGEST_REASON]}"
    return replace(state, stage=stage, at=now, tries=0, reason=reason, remedy=failure.remedy)


def _progress(door: FilesDoor, state: FileState, file: DroppedFile, now: datetime) -> FileState:
    """What has become of a file. Raises AuditorError where it is not to be read, or cannot be."""
    if state.tries >= MOST_TRIES:
        raise FileNotFinished(f"{shown_key(file.key)}: {state.tries} rounds ended while they worked on it")
    place = place_of(file.key)
    if file.size > LARGEST_DROPPED:
        raise DroppedFileTooLarge(f"{shown_key(file.key)} has {file.size} bytes, and {LARGEST_DROPPED} are read")
    if place.period and file.dropped_at <= place.period.end:
        raise PeriodNotOver(f"{shown_key(file.key)} was written {iso(file.dropped_at)}")
    answers = door.known(place)
    before = state
    if not state.after:
        state = replace(state, looked_at=0, otherwise=0, failed=0, names=(), unlike=())
    state = replace(state, stage="reading", at=now, tries=state.tries + 1, reason="", remedy="")
    door.states.note(state)
    read = door.files.read(file)
    if read is None:  # replaced since it was listed
        return before
    body, version = read
    who = f"s3://{door.files.bucket}/{file.key}, version {version}"
    runs = read_cluster_runs(read_operators_file(body), answers, who, now)
    if runs.file.orchestrator == SLURM and not body.endswith(b"\n"):
        raise FileCutShort(f"{shown_key(file.key)} ends within a line: it is not whole")
    named = {stay.host for stays in runs.stays.values() for stay in stays}
    if named and not named & answers.names_of_nobody and not any(map(runs.hosts.of, named)):
        raise NoHostOfThisCluster(f"{shown_key(file.key)} names no host of {place.cluster} in {place.region}")
    return _recorded(door, state, runs, place, now)


def _in_order(runs: ClusterRuns) -> list[tuple[str, Case]]:
    """Runs in the order in which they were asked for, which is the same whenever the file is read; each with its place
    in that order, which no other has.
    """
    asked = [(iso(each.run.created) if each.run.created else _LAST, each) for each in runs.cases]
    placed = [(f"{moment} {each.run.arn} {called_in_its_file(each)}", each) for moment, each in asked]
    return sorted(placed, key=lambda each: each[0])


def _hours(runs: ClusterRuns, place: FilePlace, state: FileState, now: datetime) -> list[tuple[str, Case]]:
    """The hours of no run, each with its place behind all runs. Only runs that are on record as the file says, when all
    were looked at, explain any.
    """
    if place.period is None:
        return []
    all_known = state.otherwise + state.failed <= len(state.unlike)
    without = {
        called_in_its_file(each)
        for each in runs.cases
        if each.run.state in NOT_ENDED or not all_known or _digest(each) in state.unlike
    }
    hours = cases_of_hours(runs, place.period, now, without)
    return [(f"{_LAST}{_LAST} {each.run.arn}", each) for each in hours]


def _recorded(door: FilesDoor, state: FileState, runs: ClusterRuns, place: FilePlace, now: datetime) -> FileState:
    """The state once its runs are recorded, then the hours that none of them had, or no time is left."""
    state, whole = _through(door, state, _in_order(runs))
    if whole and state.failed and state.passes + 1 < MOST_TRIES:  # before hours: they rest on what is on record
        again = replace(state, stage="waits", after="", tries=0, passes=state.passes + 1)
        return replace(again, reason=f"{counted(state.failed, 'run')} could not be recorded", remedy=FAILED_REMEDY)
    if whole:
        state, whole = _through(door, state, _hours(runs, place, state, now))
    earlier = runs.answers.earlier_clusters(place.period.start) if place.period else ()
    return _with_reasons(state, runs, earlier) if whole else state


def _through(door: FilesDoor, state: FileState, placed: Sequence[tuple[str, Case]]) -> tuple[FileState, bool]:
    """The state when those behind its place were looked at, or no time is left, and whether all were."""
    for at, case in placed:
        if at <= state.after:
            continue
        if door.out_of_time():
            return replace(state, stage="recording", tries=0), False
        state = replace(_with_run(door.recorder, state, case), stage="recording", after=at)
        if state.looked_at % _NOTED_EVERY == 0:
            door.states.note(state)
    return state, True


def _with_reasons(state: FileState, runs: ClusterRuns, earlier: Sequence[str]) -> FileState:
    """The state of a file of which all was looked at, and what of it is not on record as it says."""
    torn, going_on = runs.file.lines_of_no_run, sum(each.run.state in NOT_ENDED for each in runs.cases)
    counted = [
        (state.otherwise, OTHERWISE, OTHERWISE_REMEDY),
        (state.failed, FAILED, FAILED_REMEDY),
        (torn, TORN, TORN_REMEDY),
        (len(earlier), EARLIER + ", ".join(earlier[:_MOST_NAMES]), EARLIER_REMEDY),
        (going_on, GOES_ON, ""),
    ]
    reasons = "; ".join(f"{count} {what}" for count, what, _ in counted if count)
    remedies = " ".join(remedy for count, _, remedy in counted if count and remedy)
    done = replace(state, stage="recorded", tries=0, passes=state.passes + 1, unlike=(), doubted=bool(torn or earlier))
    return replace(done, reason=reasons, remedy=remedies)


def _with_run(recorder: Recorder, state: FileState, case: Case) -> FileState:
    """The state when a run was looked at. Whatever fails is named, and stops no other run."""
    name = case.run.arn.rpartition(":cluster/")[2]
    state = replace(state, looked_at=state.looked_at + 1)
    try:
        outcome, _ = record_cluster_run(case, None, recorder)
    except Exception as failure:  # one run stops no other
        named = failure.name if isinstance(failure, AuditorError) else type(failure).__name__
        return replace(_unlike(state, case), failed=state.failed + 1, names=_named(state, f"{name} ({named})"))
    if outcome == "recorded otherwise":
        return replace(_unlike(state, case), otherwise=state.otherwise + 1, names=_named(state, name))
    return replace(state, recorded=state.recorded + (outcome == "recorded"))


def _unlike(state: FileState, case: Case) -> FileState:
    return replace(state, unlike=(*state.unlike, _digest(case))[:_MOST_UNLIKE])


def _digest(case: Case) -> str:
    """Names a run in few characters. Of two that are called alike here, neither explains hours."""
    return sha256(called_in_its_file(case).encode()).hexdigest()[:16]


def _named(state: FileState, name: str) -> tuple[str, ...]:
    return (*state.names, shown_key(name))[:_MOST_NAMES]
