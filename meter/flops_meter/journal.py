"""What a meter writes: a line an interval, the state that survives a kill, flops_meter.json at the end."""

import itertools
import json
import logging
import math
import os
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flops_meter import lines, toolkit_file
from flops_meter.account import Account
from flops_meter.job import Job, process_start
from flops_meter.peaks import device_name, peak_flop_per_second
from flops_meter.ranks import Ranks
from flops_meter.size import ModelSize
from flops_meter.threshold import Threshold
from flops_meter.work import Gaps, Totals, together

_log = logging.getLogger("flops_meter")
_SEQUENCE = itertools.count()
_CHECKPOINTS = Path("/opt/ml/checkpoints")
"""Where SageMaker keeps what a job that is interrupted and restarted finds again."""
_PUBLISH_TIMES = 4
STATE_FILE = "flops_meter_state.json"
_NO_JOB = Job("none", "none")
_DEFAULT = Threshold.from_environment({})


def _to_standard_output(line: str) -> None:
    sys.stdout.write("\n" + line + "\n")  # a progress bar may stand unfinished on the same stream
    sys.stdout.flush()


@dataclass(frozen=True)
class Settings:
    """How a meter writes.

    interval_seconds: a line at the first step that ends after so many seconds (FLOPS_METER_INTERVAL, default 60).
    write: takes a line; None writes none. state_path: a file for the last line's chain and totals, kept over
    interruptions (FLOPS_METER_STATE; by default in SageMaker's checkpoint folder, where a job has one). json_path:
    flops_meter.json (FLOPS_METER_OUT; by default SageMaker's output folder in a job, no file outside of one).
    """

    interval_seconds: float = 60.0
    write: Callable[[str], None] | None = _to_standard_output
    state_path: Path | None = None
    json_path: Path | None = None
    job: Job = _NO_JOB
    threshold: Threshold = _DEFAULT

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment. An interval that is no number is the default's."""
        given = os.environ if environment is None else environment
        job = Job.from_environment(given)
        state, out = given.get("FLOPS_METER_STATE"), given.get("FLOPS_METER_OUT")
        in_job = job.arn != "none"
        kept = _CHECKPOINTS / STATE_FILE if in_job and _CHECKPOINTS.is_dir() else None
        json_path = job.output_folder / toolkit_file.FILE_NAME if in_job else None
        try:
            seconds = max(float(given.get("FLOPS_METER_INTERVAL", "60")), 0.0)
        except ValueError:
            seconds = 60.0
        return cls(
            seconds,
            _to_standard_output,
            Path(state) if state else kept,
            Path(out) if out else json_path,
            job,
            Threshold.from_environment(given),
        )


@dataclass(frozen=True)
class _Count:
    """One count among those of a story, as its meter last said: this rank's own, and on the first rank all ranks'.

    `all_heard`: whether no rank has yet to say what it went on from. `writer`: its meter's number; None for one that
    came with another count's checkpoint. `planned`: the steps that it is going to have.
    """

    own: Totals
    whole: Totals
    all_heard: bool = True
    writer: int | None = None
    planned: int | None = None


class _Story:
    """What the lines of one job in this process have in common, however many meters it makes, one after the other too.

    `counts` by their names; a line carries their sum. A meter that goes on from a checkpoint takes the name of the
    count in it, so that no count is there twice. What the run did and no count has was lost: `worked` is the model FLOP
    that each meter's processes did, by its number, `done_before` what earlier ones did, as far as a state file or a
    checkpoint says, and `lost_before` what was lost when that one was made. `told`: what this process's last line said.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = uuid.uuid4().hex
        self.began = process_start() if _nothing_ran() else time.time()
        self.since, self.covered_before = self.began, 0.0
        self.sequence, self.attempt = 0, 1
        self.chain = lines.genesis(settings.job.arn)
        self.last = self.began, 0
        self.adopted = False
        self.done_before = self.lost_before = 0
        self.counts: dict[str, _Count] = {}
        self.worked: dict[int, int] = {}
        self.journals: weakref.WeakSet[Journal] = weakref.WeakSet()
        self.told: Totals | None = None
        self.gaps = Gaps()
        self.warned = False

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint or the state file of an earlier process kept, once. Raises ValueError."""
        if state.get("story") == self.name:
            return
        try:
            sequence, attempt, lost = int(state["sequence"]), int(state["attempt"]), int(state.get("lost", 0))
            chain, since, covered = str(state["chain"]), float(state["since"]), float(state["covered"])
            if not (math.isfinite(since) and math.isfinite(covered)):
                raise ValueError("times are numbers of seconds")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"no state of a flops meter: {error!r}") from error
        self.lost_before = max(lost, 0)
        if not self.adopted:
            self.sequence, self.attempt, self.chain = sequence, attempt + 1, chain
            self.since, self.covered_before, self.adopted = since, covered, True

    def covered(self, now: float) -> float:
        """Seconds in which a meter ran."""
        return round(self.covered_before + max(now - self.began, 0.0), 1)

    @property
    def shrank(self) -> bool:
        """Whether a line would say less of something than the last one of this process."""
        return self.told is not None and any(getattr(self.whole, n) < getattr(self.told, n) for n in lines.AMOUNTS)

    @property
    def whole(self) -> Totals:
        """What a line says: all counts, and what was done that is in none of them."""
        whole = self._counted
        if self._all_heard:
            whole.discarded_flop = self.done_before + sum(self.worked.values()) - whole.model_flop
        else:  # what else was lost since the checkpoint is not known before all ranks said how they go on from it
            whole.discarded_flop = self.lost_before
        return whole

    def settle(self) -> None:
        """What the counts have was done, and what was lost before them: a checkpoint may be later than the file."""
        if self._all_heard:
            least = self._counted.model_flop + self.lost_before - sum(self.worked.values())
            self.done_before = max(self.done_before, least)

    @property
    def _counted(self) -> Totals:
        return together(each.whole for each in self.counts.values())

    @property
    def _all_heard(self) -> bool:
        return all(each.all_heard for each in self.counts.values())


_STORIES: dict[tuple[str, Path | None], _Story] = {}


def lost_since(kept: Totals, done: Totals) -> int:
    """All model FLOP that were lost, when a run that had done so much goes back to what a checkpoint kept."""
    return max(done.done_flop - kept.model_flop, kept.discarded_flop)


def _story_of(settings: Settings) -> _Story:
    """One for a job; outside of jobs, one for each meter."""
    if settings.job.arn == "none":
        return _Story(settings)
    return _STORIES.setdefault((settings.job.arn, settings.state_path), _Story(settings))


class Journal:
    """Writes the lines of one meter. Holds no reference to the meter, so that it can write the last line without it."""

    def __init__(self, account: Account, size: ModelSize, settings: Settings, total_steps: int | None) -> None:
        self._account, self._size, self._settings = account, size, settings
        self.total_steps = total_steps
        self._number = next(_SEQUENCE)
        self._ranks = Ranks(self._number)
        self.count = uuid.uuid4().hex
        self._story = _story_of(settings)
        self._story.journals.add(self)
        self._carried = Totals()
        self._lost = 0
        """Model FLOP that this meter counted here and that are in its account no more."""
        self._reporting = 1
        self._gaps = Gaps()
        self._dirty = self._finished = False
        self._next = time.monotonic() + settings.interval_seconds
        self._adopt_file()

    def tick(self, carried: Totals, gaps: Gaps) -> None:
        """At the end of a step: write a line when an interval is over."""
        self._carried, self._gaps, self._dirty = carried, gaps, True
        first = self._ranks.rank == 0  # asked in each step: the process group may be gone when the run is over
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._settings.interval_seconds / (1 if first else _PUBLISH_TIMES)
        self._tell(final=False)

    def finish(self, carried: Totals, gaps: Gaps) -> None:
        """Write the last line and the file. A second call does nothing."""
        self._carried, self._gaps, self._dirty = carried, gaps, True
        self.close()

    def close(self) -> None:
        """The same, with what the meter said last: for one that was never closed."""
        if not self._finished and self._dirty:
            self._finished = True
            self._tell(final=True)

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to go on with the lines."""
        for each in self._story.journals:
            if each._dirty and each._writes():
                each._note()
        return {
            "job": self._settings.job.arn,
            "sequence": self._story.sequence,
            "attempt": self._story.attempt,
            "chain": self._story.chain,
            "since": self._story.since,
            "covered": self._story.covered(time.time()),
            "failed": self._all_gaps().failed,
            "story": self._story.name,
            "lost": self._story.whole.discarded_flop,
            "count": self.count,
            "beside": {name: each.whole.to_dict() for name, each in self._story.counts.items() if name != self.count},
        }

    def resume(self, state: Mapping[str, Any], carried: Totals, now: Totals) -> None:
        """Go on from a checkpoint's state, or from the state file where that is later. Raises ValueError.

        `now` is what the meter has before. Where this process went on from the same count before, what it did since
        then is lost: it is added to what `carried` has as discarded.
        """
        story, name = self._story, str(state.get("count", self.count))
        beside = _counts_of(state.get("beside", {}))
        story.adopt(state)
        if not self._writes():  # what it did is with the meter that went on from its checkpoint
            self._forget()
            now, self.count = Totals(), uuid.uuid4().hex
        own = story.counts.pop(self.count, None)
        known = own if name == self.count else story.counts.pop(name, None)
        if known is not None and known.writer is None:
            known = None  # it came with another count's checkpoint: nothing was done since
        before = Totals() if known is None else known.own
        if name == self.count:
            before = now
            self._forget()
        heard = self._ranks.count == 1 or bool(state.get("gathered"))
        if known is not None:
            before, heard = known.whole if state.get("gathered") else before, heard or known.all_heard
        carried.discarded_flop = lost_since(carried, before)
        self.count, self._carried = name, carried
        self._ranks.goes_back()
        self._note(heard)
        story.counts |= {each: _Count(Totals(), beside[each]) for each in beside.keys() - story.counts.keys()}
        story.settle()
        story.gaps = story.gaps.plus(Gaps(failed=bool(state.get("failed"))))
        story.last = story.began, story.whole.model_flop
        if known is not None or story.shrank:
            story.attempt += 1

    def gather(self, name: str, own: Totals) -> Totals | None:
        """The sum over all ranks, on the first one, once all have called this with the same name."""
        if self._ranks.rank != 0:
            self._ranks.publish(own, self._all_gaps(), self._worked, name)
            return None
        return self._ranks.gather(own, name)[0]

    # ----- Inside

    def _all_gaps(self) -> Gaps:
        """Those of this process and of what it goes on from; on the first rank, the others' too."""
        return self._story.gaps.plus(self._gaps).plus(self._ranks.gaps)

    def _adopt_file(self) -> None:
        path = self._settings.state_path
        if self._story.sequence or path is None or not path.is_file() or self._ranks.rank != 0:
            return
        try:
            state = json.loads(path.read_text())
            if state["job"] != self._settings.job.arn:
                return  # left by another job: its lines are not ours to go on with
            done = Totals.from_dict(state["totals"]).done_flop
            self._story.adopt(state)
            self._story.done_before = done
        except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
            _log.warning("flops-meter: %s could not be read (%s); counting begins anew", path, error)

    def _tell(self, final: bool) -> None:
        if not self._writes():
            return
        self._note(final=final)
        if self._ranks.rank == 0:
            self._write(final)

    @property
    def _worked(self) -> int:
        return self._lost + self._account.totals.model_flop

    def _forget(self) -> None:
        """What this meter counted here is lost."""
        self._lost = self._worked
        self._account.clear()

    def _writes(self) -> bool:
        """Whether this meter's count is still its own: no other meter went on from its checkpoint."""
        known = self._story.counts.get(self.count)
        return known is None or known.writer == self._number

    def _note(self, heard: bool | None = None, final: bool = False) -> None:
        """Leave what this meter counted for the line: for the first rank, where this is another one.

        `heard`: whether no other rank has yet to say what it went on from; None: as it was.
        """
        known = self._story.counts.get(self.count)
        if heard is None:
            heard = known is None or known.all_heard
        own, ranks = self._carried.plus(self._account.totals), self._ranks
        whole, reporting = own, 1
        if ranks.rank != 0:
            for name in ("now", "final") if final else ("now",):
                ranks.publish(own, self._all_gaps(), self._worked, name)
        else:
            whole, reporting = ranks.gather(own, "final") if final else ranks.collect(own)
        self._reporting = reporting
        heard = heard or reporting == ranks.count
        self._story.worked[self._number] = self._worked + ranks.worked
        self._story.counts[self.count] = _Count(own, whole, heard, self._number, self.total_steps)
        self._story.settle()

    def _write(self, final: bool) -> None:
        now, settings, count, story = time.time(), self._settings, self._ranks.count, self._story
        totals = story.told = story.whole
        story.sequence += 1
        found = self._all_gaps().unknown - story.gaps.unknown
        story.gaps = self._all_gaps()
        device = device_name()
        words: dict[str, Any] = {
            "seq": story.sequence,
            "job": settings.job.arn,
            "ranks": count,
            "reporting": self._reporting,
            "attempt": story.attempt,
            "since": int(story.since),
            "to": int(now),
            "covered": story.covered(now),
            **{name: getattr(totals, name) for name in lines.AMOUNTS},
            "unknown_ops": len(story.gaps.unknown),
            "failed": int(story.gaps.failed),
            "job_check": lines.check_number(settings.job.arn),
            **({"uncertain_flop": totals.uncertain_flop} if totals.uncertain_flop else {}),
            **self._utilisation(totals, count, now, device),
        }
        line, story.chain = lines.write(words, story.chain)
        if settings.write is not None:
            settings.write(line)
        if settings.state_path is not None:
            self._save_state(settings.state_path, totals)
        warning = settings.threshold.warning((each.whole, each.planned) for each in story.counts.values())
        if warning is not None and not story.warned:
            story.warned = True
            _log.warning("flops-meter: %s", warning)
        if found:
            _log.warning("flops-meter: operations whose FLOP nobody knows: %s", ", ".join(sorted(found)))
        if final and settings.json_path is not None:
            content = toolkit_file.document(totals, self._size, settings.job, settings.threshold, words, device)
            _save(settings.json_path, content)

    def _utilisation(self, totals: Totals, count: int, now: float, device: str | None) -> dict[str, str]:
        since, before = self._story.last
        self._story.last = now, totals.model_flop
        peak = peak_flop_per_second(device)
        if peak is None or now <= since:
            return {}
        return {"mfu": f"{max(totals.model_flop - before, 0) / ((now - since) * count * peak):.4f}"}

    def _save_state(self, path: Path, totals: Totals) -> None:
        _save(path, {**self.state(), "totals": totals.to_dict()})


def _counts_of(state: Any) -> dict[str, Totals]:
    """Totals by their counts' names. Raises ValueError."""
    try:
        return {str(name): Totals.from_dict(totals) for name, totals in state.items()}
    except AttributeError as error:
        raise ValueError(f"no counts of a flops meter: {error!r}") from error


def _save(path: Path, content: dict[str, Any]) -> None:
    try:
        toolkit_file.save(path, content)
    except OSError as error:
        _log.warning("flops-meter: a file could not be written: %s", error)


def _nothing_ran() -> bool:
    """Whether autograd recorded nothing in this thread so far: then nothing can have been trained before the meter."""
    asked = getattr(getattr(torch._C, "_autograd", None), "_get_sequence_nr", None)
    return asked is not None and asked() == 0
