"""Watch the training jobs in progress in every region: warn in time, each level of a line once; stop a job if asked.

A level is noted after its warning was sent: it is sent again only if the function dies between the two. A metric that
wobbles around a level warns once, since a noted level stays noted.

A round has a time. Where it does not suffice for all jobs, whoever waited longest comes first in the next one, and
then whoever is nearest to a line; a look is noted before it begins, so that one that never ends keeps nobody waiting.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from threading import Lock
from typing import Any

from flops_auditor.domain.audit.audit import audit
from flops_auditor.domain.audit.forecast import (
    CROSSED,
    IMMINENT,
    PROJECTED,
    UNBOUNDED,
    RunForecast,
    ThresholdForecast,
    look,
    nearest_first,
)
from flops_auditor.domain.audit.record import due_part, lineage_part, result
from flops_auditor.domain.law.due_dates import DueDate, dated_duties, due_dates
from flops_auditor.domain.lineage.kept_ancestors import pack
from flops_auditor.domain.messages.early_warning import warn
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import TRAINING_JOB
from flops_auditor.domain.runs.pointer import PassedOver
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.training_job_answer import MOST_NEEDED, UNREAD
from flops_auditor.domain.values.amounts import percent
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.collect_evidence import SaidOfModels
from flops_auditor.use_cases.auditing.find_lineage import of_its_role
from flops_auditor.use_cases.auditing.keep_record import finish, first_record, foreseen, lineage_of, newest
from flops_auditor.use_cases.auditing.read_models import said_of_models
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.tags_before import note_tags, with_tags_seen
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.ports.records import LastLook, SeenJob, SeenJobs
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn
from flops_auditor.use_cases.ports.sources import (
    JobStopper,
    ListedJob,
    Regions,
    SourceDenied,
    SourceUnavailable,
    UnknownTrainingJob,
)

INTERVAL = timedelta(minutes=15)
"""Between two looks. A job that would cross before the look after the next one is stopped now."""
OVERDUE = INTERVAL + timedelta(minutes=5)
"""Since the last look at a job: the round before did not come to it."""
NEARLY = Fraction(4, 5)
"""Of a level: a line that has so much of it is told of together with one that has reached it, and has no mail of its
own for it."""
STOPPED = "WATCH#stopped"
"""The note that a job was stopped: it may go on for a while."""
LONGEST = timedelta(days=60)
"""From a job's creation to its end: 28 days of waiting and 28 of running (API Reference, StoppingCondition)."""
LONGEST_KEPT = 20_000
"""Bytes of a description that is noted whole."""
LONGEST_NEEDED = 100_000
"""Bytes of what is noted of a longer one: a table's item and a message have room for it, whatever its fields hold."""
MOST_SHARE = 10**6
"""Of a line; what is further beyond it is no nearer to it."""


@dataclass(frozen=True)
class Watcher:
    """What watching works with. `stopper` is None unless StopOnCrossing is on; `fractions` are the warning levels;
    `home` is the stack's region, which is never taken for one that is closed, empty where it may be; `service` is
    the source of the evidence of what is watched. Where it does not list, it watches what the reconciliation noted.
    Regions are asked `side_by_side`.
    """

    recorder: Recorder
    reader: JobReader
    seen: SeenJobs
    regions: Regions
    fractions: Sequence[Fraction]
    home: str
    stopper: JobStopper | None = None
    service: str = TRAINING_JOB
    lists: bool = True
    side_by_side: SideBySide = in_turn


@dataclass(frozen=True)
class Look:
    """One running job as it was seen, with its case. People are warned by `seen`, without the job's own word where that
    is not trusted; a job is stopped by `stops` alone, which trusts its word, and counts no run of another role, nor
    what only such runs continue. What people were told of a run in `heir_of` is not told again.
    """

    case: Case
    seen: RunForecast
    stops: RunForecast
    heir_of: tuple[str, ...]
    due: tuple[DueDate, ...] = ()

    @property
    def run(self) -> Run:
        """The run that was looked at."""
        return self.case.run


@dataclass
class Watched:
    """What one round did. `failures` name what could not be watched, `closed` the regions that refuse and were never
    read, with the reason; `left` is how many jobs the time did not suffice for.
    """

    jobs: int = 0
    warnings: int = 0
    stopped: int = 0
    left: int = 0
    failures: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


Turn = Callable[[], AbstractContextManager[bool]]
"""Gives the right to list while it is held; False where somebody else lists, who notes what is running, too."""


def watch_jobs(
    watcher: Watcher, out_of_time: Callable[[], bool] = lambda: False, turn: Turn = lambda: nullcontext(True)
) -> Watched:
    """Watch every running job. One that fails does not keep the others from being watched."""
    done, of_models = Watched(), said_of_models(watcher.recorder)
    for seen, last in running_jobs(watcher, done, out_of_time, turn):
        if out_of_time():
            done.left += 1
            continue
        try:
            begun = LastLook(watcher.reader.clock(), last.share if last else 0.0)
            watcher.seen.note_look(seen.job.job_id, begun)
            looked = look_at(seen.job, watcher.recorder, of_models, watcher.service)
            if looked is not None:
                watcher.seen.note_look(seen.job.job_id, replace(begun, share=share_of(looked.seen)))
                kept = kept_of(looked.case.evidence.description)
                if kept != seen.description:
                    watcher.seen.describe(seen.job.job_id, kept, begun.at)
                note_tags(looked.case, watcher.recorder)
                done.jobs += 1
                try:
                    done.warnings += warn_people(looked, watcher)
                finally:  # a mail that is refused keeps no job running
                    done.stopped += stop_if_due(looked, watcher)
        except Exception as error:  # whatever is wrong with one job, the others are watched
            done.failures += (f"{seen.job.arn}: {type(error).__name__}: {str(error)[:300]}",)
    return done


def running_jobs(
    watcher: Watcher,
    done: Watched,
    out_of_time: Callable[[], bool] = lambda: False,
    turn: Turn = lambda: nullcontext(True),
) -> Iterator[tuple[SeenJob, LastLook | None]]:
    """The jobs in progress of every enabled region, each with the last look at it; a region that refuses or does not
    answer is reported in `done`.

    A job is noted when it is first seen, and found by its note from then on: only new jobs are listed. First come those
    that the last round did not come to, the longest waiting first, then the others, the nearest to a line first.
    """
    enabled = watcher.regions.enabled()
    if enabled.unread:
        done.failures += (enabled.unread,)
    listing = _NewJobs(watcher, replace(watcher.reader, stop=out_of_time), done)
    with turn() if watcher.lists else nullcontext(False) as lists:
        of_regions = watcher.side_by_side([partial(listing.known_and_new, each, lists) for each in enabled.names])
    running = [seen for of_region in of_regions for seen in of_region]
    looks = watcher.seen.looks([seen.job.job_id for seen in running])
    now = watcher.reader.clock()
    known = [(seen, looks.get(seen.job.job_id)) for seen in running]
    yield from sorted(known, key=lambda each: _turn_of(each[0], each[1], now))
    if any(listing.has_older(region) for region in enabled.names):
        with turn() as lists:
            for region in enabled.names if lists else ():
                yield from ((seen, None) for seen in listing.older(region))


def _turn_of(seen: SeenJob, last: LastLook | None, now: datetime) -> tuple[bool, datetime, float]:
    """When it is a job's turn; the least comes first."""
    if last is None or now - last.at >= OVERDUE:
        return False, last.at if last else seen.seen_at, -last.share if last else 0.0
    return True, now, -last.share


def share_of(forecast: RunForecast) -> float:
    """The largest share of a line's room that the upper bound has, 0.0 where none is known."""
    closest = next(iter(nearest_first(forecast.outlooks)), None)
    return float(min(closest.upper_share or 0, MOST_SHARE)) if closest else 0.0


@dataclass
class _NewJobs:
    """Notes the running jobs among those that are listed."""

    watcher: Watcher
    reader: JobReader
    done: Watched
    failed: set[str] = field(default_factory=set)
    whole: dict[str, bool] = field(default_factory=dict)
    """Whether all of a region was read."""
    reporting: Lock = field(default_factory=Lock)

    def known_and_new(self, region: str, lists: bool) -> list[SeenJob]:
        """The running jobs that are noted, and those that are new."""
        known: dict[str, SeenJob] = {}
        with self._reported(region):
            known = {seen.job.job_id: seen for seen in self.watcher.seen.waiting(region)}
            if not self.watcher.lists:
                self.whole[region] = True
                return [seen for seen in known.values() if not seen.job.finished]
            reading = self.reader.store.read(region)
            for page in self.reader.head(region, reading, self._first_day()) if lists else ():
                known |= {seen.job.job_id: seen for seen in self._note(page.jobs, known)}
                reading = page.reading
            self.whole[region] = reading.whole
        return [seen for seen in known.values() if not seen.job.finished]

    def has_older(self, region: str) -> bool:
        """Whether jobs of the region are left unread that could be read."""
        return region not in self.failed and not self.whole[region]

    def older(self, region: str) -> Iterator[SeenJob]:
        """Running jobs that are older than what earlier rounds have read."""
        if self.has_older(region):
            with self._reported(region):
                for page in self.reader.rest(region, self._first_day()):
                    yield from self._note(page.jobs, {})

    def _note(self, jobs: Sequence[ListedJob], known: Mapping[str, SeenJob]) -> list[SeenJob]:
        """Note those that run, each once."""
        new = [SeenJob(job, self.reader.clock()) for job in jobs if job.state == "running" and job.job_id not in known]
        self.watcher.seen.note_new(new)
        return new

    def _first_day(self) -> datetime:
        return self.reader.clock() - LONGEST

    @contextmanager
    def _reported(self, region: str) -> Iterator[None]:
        try:
            yield
        except (SourceDenied, SourceUnavailable) as failure:
            self.failed.add(region)
            words = f"{region}: {failure}"
            closed = region != self.watcher.home and self.reader.closed(region, failure)
            with self.reporting:  # another region may fail at the same time
                if closed:
                    self.done.closed += (words,)
                else:
                    self.done.failures += (words,)


def kept_of(description: Mapping[str, Any]) -> str:
    """What is noted of a running job, as JSON: should it be deleted before its end is seen, this is all there is."""
    whole = json.dumps(description)
    if len(whole.encode()) <= LONGEST_KEPT:
        return whole
    kept: dict[str, Any] = {}
    for name in MOST_NEEDED:
        if name in description:
            more = {**kept, name: _as_read(description[name])}
            kept = more if len(json.dumps(more)) <= LONGEST_NEEDED else kept
    return json.dumps(kept)


def _as_read(part: Any) -> Any:
    """Without members that no audit reads."""
    if isinstance(part, Mapping):
        return {name: _as_read(value) for name, value in part.items() if name not in UNREAD}
    return [_as_read(each) for each in part] if isinstance(part, list | tuple) else part


def look_at(
    listed: ListedJob, recorder: Recorder, of_models: SaidOfModels | None = None, service: str = TRAINING_JOB
) -> Look | None:
    """See one running job now; None when it has ended or gone meanwhile, which is the audit's to record, or is no run.

    `of_models` gives what people say of models; left out, their file is read. `service` is the source of its evidence.
    """
    now = recorder.clock()
    try:
        collector = recorder.collectors[service]
        described = collector.describe(collector.pointer(listed.arn, listed.creation_time))
    except (UnknownTrainingJob, PassedOver):
        return None
    if described.state != "running":
        return None
    case = described.collect(now, of_models or said_of_models(recorder))
    case = with_tags_seen(case, recorder.records.tags_seen(case.run.job_id))
    traced = lineage_of(case, recorder)
    audited = audit(case, recorder.tables, traced.lineage)
    stated = look(audited, case.evidence.tags is not None)
    seen = stated if audited.trusts_statements else look(audited.distrusted(), stated.tags_read)
    stops = stated
    trusted = of_its_role(case.run, traced.lineage, recorder.index)
    if trusted is not traced.lineage:
        stops = look(audit(case, recorder.tables, trusted), stated.tags_read)
    return Look(case, seen, stops, traced.heir_of, traced.due)


@dataclass(frozen=True)
class News:
    """One warning that is due: a level, and the lines that have reached it (of fractions each its own highest one).

    `before` and `after` are what is noted before and after it is sent: lower levels first, or a retry would send them.
    """

    level: str
    lines: tuple[ThresholdForecast, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


def warn_people(looked: Look, watcher: Watcher) -> int:
    """Send the warnings that are due, each level once per job and line; the number of them."""
    recorder, now = watcher.recorder, watcher.recorder.clock()
    due = list(news_of(looked, watcher.fractions, recorder))
    for news in due:
        recorder.records.note_alerts(looked.run.job_id, news.before, now)
        recorder.alerts.send(
            warn(looked.seen, news.level, content_of_look(looked, recorder, now), looked.case, now, news.lines)
        )
        recorder.records.note_alerts(looked.run.job_id, news.after, now)
    return len(due)


def news_of(looked: Look, fractions: Sequence[Fraction], recorder: Recorder) -> Iterator[News]:
    """What people have not been told of yet: fractions of lines, lines that are or will be crossed; one warning of each
    kind, however many lines it is about.
    """
    climbing: dict[str, Fraction] = {}
    crossed, projected = [], []
    over = PROJECTED if looked.seen.as_a_whole else CROSSED
    for line in looked.seen.outlooks:
        levels = line.levels(fractions)
        if line.crossed:
            crossed += [] if _known(looked, line.line, over, recorder) else [line]
            continue
        if levels and not _known(looked, line.line, _name(levels[-1]), recorder):
            climbing[line.line] = levels[-1]
        if line.projected and not _known(looked, line.line, PROJECTED, recorder):
            projected.append(line)
    climbing |= _nearly(looked, climbing, fractions, recorder)
    if climbing:
        lines = tuple(o for o in looked.seen.outlooks if o.line in climbing)
        lower = [_note(o.line, _name(f)) for o in lines for f in o.levels(fractions) if f < climbing[o.line]]
        noted = tuple(_note(line, _name(level)) for line, level in climbing.items())
        yield News(_name(max(climbing.values())), lines, tuple(lower), noted)
    if crossed:  # a figure that wobbles is not told of below the line again
        below = [level for level in (*map(_name, fractions), PROJECTED) if level != over]
        lower = [_note(o.line, level) for o in crossed for level in below]
        yield News(over, tuple(crossed), tuple(lower), tuple(_note(o.line, over) for o in crossed))
    if projected:
        yield News(PROJECTED, tuple(projected), (), tuple(_note(o.line, PROJECTED) for o in projected))
    unbounded = looked.seen.audited.estimate.upper_flop is None and looked.run.hardware_disclosed
    if unbounded and not _known(looked, "", UNBOUNDED, recorder):
        yield News(UNBOUNDED, (), (), (_note("", UNBOUNDED),))


def _nearly(
    looked: Look, climbing: Mapping[str, Fraction], fractions: Sequence[Fraction], recorder: Recorder
) -> dict[str, Fraction]:
    """Lines that are about to reach a level that is told of another one now: they share its mail."""
    levels = {}
    for line in looked.seen.outlooks:
        share = line.upper_share
        level = min((f for f in fractions if share is not None and f > share), default=None)
        if line.line in climbing or line.crossed or share is None or level not in climbing.values():
            continue
        if level is not None and share >= NEARLY * level and not _known(looked, line.line, _name(level), recorder):
            levels[line.line] = level
    return levels


def _name(fraction: Fraction) -> str:
    return f"{float(fraction):.6g}"


def _note(line: str, level: str) -> str:
    """The note that people were told of a level of a line; of none where it is about the job as a whole."""
    return f"WATCH#{line}#{level}" if line else f"WATCH#{level}"


def _known(looked: Look, line: str, level: str, recorder: Recorder) -> bool:
    """Whether people were warned of this level of a line, by this job or by one that it is the heir of. That a line is
    crossed is told of each job: what was said of another one, and whose that is, its owner chooses.

    A level of a parent is noted for the job itself, so its own children need not look further.
    """
    note = _note(line, level)
    if recorder.records.alert_sent(looked.run.job_id, note):
        return True
    if level in {CROSSED, PROJECTED, UNBOUNDED}:
        return False
    if any(recorder.records.alert_sent(parent, note) for parent in looked.heir_of):
        recorder.records.note_alerts(looked.run.job_id, [note], recorder.clock())
        return True
    return False


def content_of_look(looked: Look, recorder: Recorder, now: datetime) -> dict[str, Any]:
    """The fields of a record, for a job that has none yet. Notes when it became known that a line will be crossed."""
    audited = looked.seen.audited
    packed = pack(looked.run.job_id, audited.lineage)
    over = [o.assessment for o in looked.seen.outlooks if o.will_cross]
    foreseen_at = {}
    for policy, duty in dated_duties(over):
        note = foreseen(policy, duty.duty_id)
        recorder.records.note(looked.run.job_id, note, now)
        foreseen_at[policy, duty.duty_id] = recorder.records.noted(looked.run.job_id, note) or now
    return {
        **result(audited, packed),
        "lineage": lineage_part(audited, packed),
        **due_part(due_dates(over, foreseen_at, now, looked.due)),
        "revision": None,
        "ledger_id": recorder.ledger_id,
    }


def stop_if_due(looked: Look, watcher: Watcher) -> int:
    """Stop a job whose best estimate would cross before the look after next: record, stop, tell, once. 1 if it was
    stopped.

    A record of the request is signed first, so there is no stop without a record.
    """
    soon = looked.stops.about_to_cross(2 * INTERVAL)
    recorder, run = watcher.recorder, looked.run
    if watcher.stopper is None or not soon or recorder.records.alert_sent(run.job_id, STOPPED):
        return 0
    now = recorder.clock()
    if looked.stops.never_stop:
        new = [line for line in soon if not recorder.records.alert_sent(run.job_id, _note(line.line, IMMINENT))]
        if new:
            recorder.alerts.send(
                warn(looked.seen, IMMINENT, content_of_look(looked, recorder, now), looked.case, now, new)
            )
        recorder.records.note_alerts(run.job_id, [_note(line.line, IMMINENT) for line in new], now)
        return 0
    kept = newest(run.job_id, recorder)
    if kept is None or kept.content["action"] is None:
        a = soon[0].assessment
        share = percent(soon[0].best_of_line)
        reason = f"its best estimate was {share} of the threshold of {a.policy}, {a.scenario}"
        action = {"kind": "stop", "requested_at": iso(now), "reason": reason}
        kept = first_record(looked.case, recorder, kept, action) or newest(run.job_id, recorder)
    watcher.stopper.stop(run.name, run.region)
    if kept is not None:
        finish(run.job_id, kept, recorder)
    recorder.records.note_alerts(run.job_id, [STOPPED], now)
    return 1
