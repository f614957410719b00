"""Is the deployment healthy and complete? Each finding says what is wrong and what to do; unknown is not healthy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flops_auditor.domain.runs.sources.dropped_file import shown_key
from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.listing.reading import JobReading
from flops_auditor.use_cases.operations.compare_jobs import JobComparison
from flops_auditor.use_cases.operations.reconcile_doors import EVERY_DOOR
from flops_auditor.use_cases.ports.clusters import FileState
from flops_auditor.use_cases.ports.stack import Alarm, LogState, Queues, Subscribers

SEAL_LATE = timedelta(minutes=45)
"""Three intervals of the sealer."""
RECONCILE_LATE = timedelta(hours=3)
"""Three intervals of the reconciliation."""
RECENT = timedelta(days=30)
"""Of jobs that ended since, the doctor says which are below on their own word alone."""
_MOST_NAMED = 5


@dataclass(frozen=True)
class HealthCheck:
    """One answer of the doctor: `ok`, what was seen, and what to do. `names` are all that `detail` is about; it has
    the first few.
    """

    check: str
    ok: bool
    detail: str
    remedy: str = ""
    names: Sequence[str] = ()

    @property
    def names_all(self) -> bool:
        """Whether `detail` has all of them."""
        return len(self.names) <= _MOST_NAMED


def states_of_doors(shut: Mapping[str, str], compared: Mapping[str, JobComparison]) -> list[HealthCheck]:
    """Of each door whether it is open, shut, or open and refuses. `shut` has the stack's parameter that shuts one,
    `compared` the doors through which could be asked.
    """
    return [_state_of_door(name, shut.get(name), compared.get(name)) for name in EVERY_DOOR]


def _state_of_door(name: str, shut_by: str | None, compared: JobComparison | None) -> HealthCheck:
    check = f"door of {name}"
    if shut_by:
        return HealthCheck(check, True, f"shut, as the stack's parameter {shut_by} says: nothing of them is recorded")
    if compared is None:
        return HealthCheck(check, False, "open, and could not be asked", "See what is said of their records.")
    refuses = [state.region for state in compared.unread]
    if refuses:
        detail = f"open, and refuses in {len(refuses)} of {counted(len(compared.regions), 'region')}: {named(refuses)}"
        return HealthCheck(check, False, detail, "See what is said of each region.", refuses)
    return HealthCheck(check, True, f"open in {counted(len(compared.regions), 'region')}")


def state_of_clusters(bucket: str, states: Mapping[str, FileState]) -> list[HealthCheck]:
    """Whether clusters are looked after, and which files of their operators, by key, somebody has to do something
    about; `bucket` is "" where that door is shut.
    """
    check, place = "door of clusters", f"s3://{bucket}"
    if not bucket:
        detail = "shut, as the stack's parameter ClusterFiles says: `flops-auditor record-cluster` records their runs"
        return [HealthCheck(check, True, detail)]
    troubled = [(shown_key(key), state) for key, state in sorted(states.items()) if state.troubled]
    if not troubled:
        seen = counted(len(states), f"file of {place} was", f"files of {place} were")
        return [HealthCheck(check, True, f"open: {seen} looked at")]
    were = counted(len(troubled), "was", "were")
    detail = f"open: of {counted(len(states), 'file')} of {place}, {were} not recorded as they are"
    files = [f"{key}: {state.reason}" for key, state in troubled]
    each = [HealthCheck(f"file {key}", False, _why(state), state.remedy) for key, state in troubled[:_MOST_NAMED]]
    return [HealthCheck(check, False, detail, "See what is said of each.", files), *each]


def _why(state: FileState) -> str:
    return f"{state.stage}, {state.reason}" + (f": {named(state.names)}" if state.names else "")


def completeness(comparison: JobComparison, lists: str = "sagemaker:ListTrainingJobs") -> list[HealthCheck]:
    """Whether every finished job has a record, and up to when; `lists` is the action that lists them."""
    checks = [
        HealthCheck(
            f"region {state.region}",
            False,
            f"could not be compared: {state.error}",
            f"Grant {lists} there, or disable the region, or name it in ExcludedRegions; "
            "until then nothing is known of its jobs.",
        )
        for state in comparison.unread
    ]
    if comparison.unknown:
        remedy = "Grant ec2:DescribeRegions, or name the regions in the stack's parameter Regions."
        checks.append(HealthCheck("regions", False, comparison.unknown, remedy))
    jobs = sum(state.finished for state in comparison.regions)
    settling = sum(state.settling for state in comparison.regions)
    were, regions = counted(jobs, "finished job was", "finished jobs were"), counted(len(comparison.regions), "region")
    seen = f"{were} looked at in {regions}"
    if settling:
        seen += f", {settling} of them ended in the last half hour and may still be on their way"
    if comparison.missing:
        names = [f"{job.name} ({job.region})" for job in comparison.missing]
        upto = f"; complete up to {iso(comparison.complete_to)}" if comparison.complete_to else ""
        detail = f"{len(comparison.missing)} without a record: {named(names)}"
        remedy = "`flops-auditor reconcile` queues them now; then look at the dead letters: `flops-auditor redrive`."
        checks.append(HealthCheck("records", False, f"{detail}; {seen}{upto}", remedy, names))
    elif comparison.complete_to is not None:
        checks.append(HealthCheck("records", True, f"complete up to {iso(comparison.complete_to)}; {seen}"))
    else:
        remedy = "See the regions and the reconciliation."
        checks.append(HealthCheck("records", False, f"nothing missing where it could be read; {seen}", remedy))
    return checks


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def progress_of(regions: Mapping[str, JobReading], now: datetime) -> list[HealthCheck]:
    """Whether the reconciliation runs by itself."""
    never = sorted(name for name, reading in regions.items() if reading.whole_at is None)
    reached = {name: reading.read_to for name, reading in regions.items() if reading.read_to is not None}
    late = sorted(name for name, moment in reached.items() if now - moment > RECONCILE_LATE)
    remedy = "Look at the log and the alarms of the reconcile function; its schedule may be off."
    if late:
        detail = f"behind by more than {RECONCILE_LATE}: {named(late)}"
        return [HealthCheck("reconciliation", False, detail, remedy, late)]
    if never:
        begun = {n: r.stretches[-1].older for n, r in regions.items() if r.whole_at is None and r.stretches}
        down = ", ".join(f"{name} down to {iso(moment)}" for name, moment in sorted(begun.items())[:1] if moment)
        of = f"{len(never)} of {counted(len(regions), 'region')}"
        detail = f"the history of {of} is not yet read to its first job: {named(never)}"
        detail += f"; read so far: {down}" if down else ""
        return [HealthCheck("reconciliation", False, detail, "Wait for the next hourly round. " + remedy, never)]
    oldest = min(reached.values(), default=now)
    detail = f"{counted(len(regions), 'region')}, the oldest round is of {iso(oldest)}"
    return [HealthCheck("reconciliation", True, detail)]


def health_of(queues: Queues, alarms: Sequence[Alarm], log: LogState, now: datetime) -> list[HealthCheck]:
    """Dead letters, alarms and the log."""
    return [_dead(queues), _alarms(alarms), _log(log, now)]


def told_of_alerts(subscribers: Subscribers) -> list[HealthCheck]:
    """Whether anybody would be told. SNS forgets a subscription that nobody confirms."""
    if subscribers.confirmed:
        return [HealthCheck("subscribers", True, f"{counted(subscribers.confirmed, 'is', 'are')} told of alerts")]
    if subscribers.pending:
        pending = counted(subscribers.pending, "subscription is", "subscriptions are")
        detail = f"nobody is told of alerts: {pending} not confirmed"
        return [HealthCheck("subscribers", False, detail, "Confirm it in the e-mail that AWS sent.")]
    remedy = "Deploy with AlertEmail, or subscribe to the topic; AWS drops an e-mail address that is not confirmed."
    return [HealthCheck("subscribers", False, "nobody is told of alerts: the topic has no subscription", remedy)]


def on_their_word(names: Sequence[str]) -> list[HealthCheck]:
    """Which jobs are below on their own word alone: no fault, and worth a look."""
    if not names:
        return [
            HealthCheck("job's word", True, f"no job of the last {RECENT.days} days is below on its own word alone")
        ]
    recent = f"of the last {RECENT.days} days"
    are = counted(len(names), f"job {recent} is below on its", f"jobs {recent} are below on their")
    detail = f"{are} own word alone: {named(names)}"
    remedy = "`flops-auditor records show` says what each rests on; whoever knows signs for it: `flops-auditor amend`."
    return [HealthCheck("job's word", True, detail, remedy, names)]


def _dead(queues: Queues) -> HealthCheck:
    if queues.dead_jobs or queues.dead_deliveries:
        deliveries = counted(queues.dead_deliveries, "delivery", "deliveries")
        detail = f"{counted(queues.dead_jobs, 'job')} and {deliveries} are dead letters"
        remedy = "`flops-auditor redrive --dry-run` says why, `flops-auditor redrive` sends them again."
        return HealthCheck("dead letters", False, detail, remedy)
    waiting = counted(queues.waiting, "job waits for its", "jobs wait for their")
    return HealthCheck("dead letters", True, f"none; {waiting} audit")


def _alarms(alarms: Sequence[Alarm]) -> HealthCheck:
    ringing = [alarm for alarm in alarms if alarm.state == "ALARM"]
    if ringing:
        detail = "; ".join(f"{alarm.name}: {alarm.reason}" if alarm.reason else alarm.name for alarm in ringing)
        return HealthCheck("alarms", False, detail, "`flops-auditor docs operations` says what each alarm means.")
    if not alarms:
        return HealthCheck("alarms", False, "the stack has no alarms", "Deploy the stack again.")
    return HealthCheck("alarms", True, f"none of {len(alarms)} is ringing")


def _log(log: LogState, now: datetime) -> HealthCheck:
    last = f"the last checkpoint is of {iso(log.checkpoint_at)}" if log.checkpoint_at else "there is no checkpoint yet"
    if log.waiting_since is not None and now - log.waiting_since > SEAL_LATE:
        detail = f"a record waits for its place since {iso(log.waiting_since)}; {last}"
        return HealthCheck("log", False, detail, "Look at the log and the alarms of the seal function.")
    return HealthCheck("log", True, last + ("; records wait for the next" if log.waiting_since else ""))
