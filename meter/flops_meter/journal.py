"""What a meter writes: a line an interval, the state that survives a kill, flops_meter.json at the end."""

import itertools
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
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
from flops_meter.work import Totals

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


class _Story:
    """What the lines of one job in this process have in common, however many meters it makes, one after the other too.

    `latest` are the totals of each count as its meter last said, by the count's name; a line carries their sum. A meter
    that goes on from a checkpoint takes the name of the count in it, so that no count is there twice. `restored` are
    those that came with a checkpoint.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = uuid.uuid4().hex
        self.began = process_start() if _nothing_ran() else time.time()
        self.since, self.covered_before = self.began, 0.0
        self.sequence, self.attempt = 0, 1
        self.chain = lines.genesis(settings.job.arn)
        self.last = self.began, 0
        self.lost: Totals | None = None
        self.latest: dict[str, Totals] = {}
        self.restored: set[str] = set()
        self.owners: dict[str, int] = {}
        self.warned = False

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint or the state file of an earlier process kept. Raises ValueError."""
        if state.get("story") == self.name:
            return
        try:
            self.sequence, self.attempt = int(state["sequence"]), int(state["attempt"]) + 1
            self.chain = str(state["chain"])
            self.since, self.covered_before = float(state["since"]), float(state["covered"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of a flops meter: {error!r}") from error

    def covered(self, now: float) -> float:
        """Seconds in which a meter ran."""
        return round(self.covered_before + max(now - self.began, 0.0), 1)

    def beside(self, count: str) -> dict[str, Totals]:
        """The other counts."""
        return {name: totals for name, totals in self.latest.items() if name != count}


_STORIES: dict[tuple[str, Path | None], _Story] = {}


def lost_since(kept: Totals, done: Totals) -> int:
    """All model FLOP that were lost, when a run that had done so much goes back to what a checkpoint kept."""
    return max(done.model_flop + done.discarded_flop - kept.model_flop, kept.discarded_flop)


def _sum(counts: Iterable[Totals]) -> Totals:
    whole = Totals()
    for each in counts:
        whole = whole.plus(each)
    return whole


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
        self._carried = Totals()
        self._unknown: Mapping[str, int] = {}
        self._failure: str | None = None
        self._dirty = self._finished = False
        self._next = time.monotonic() + settings.interval_seconds
        self._adopt_file()

    def tick(self, carried: Totals, unknown: Mapping[str, int], failure: str | None) -> None:
        """At the end of a step: write a line when an interval is over."""
        self._carried, self._unknown, self._failure = carried, unknown, failure
        self._dirty = True
        now = time.monotonic()
        if now < self._next:
            return
        first = self._ranks.rank == 0
        self._next = now + self._settings.interval_seconds / (1 if first else _PUBLISH_TIMES)
        self._tell(final=False)

    def finish(self, carried: Totals, unknown: Mapping[str, int], failure: str | None) -> None:
        """Write the last line and the file. A second call does nothing."""
        self._carried, self._unknown, self._failure = carried, unknown, failure
        self._dirty = True
        self.close()

    def close(self) -> None:
        """The same, with what the meter said last: for one that was never closed."""
        if not self._finished and self._dirty:
            self._finished = True
            self._tell(final=True)

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to go on with the lines."""
        return {
            "job": self._settings.job.arn,
            "sequence": self._story.sequence,
            "attempt": self._story.attempt,
            "chain": self._story.chain,
            "since": self._story.since,
            "covered": self._story.covered(time.time()),
            "story": self._story.name,
            "count": self.count,
            "beside": {name: totals.to_dict() for name, totals in self._story.beside(self.count).items()},
        }

    def resume(self, state: Mapping[str, Any], carried: Totals) -> None:
        """Go on from a checkpoint's state, or from the state file where that is later. Raises ValueError.

        Where this process went on from the same count before, what it did since then is lost: it is added to what
        `carried` has as discarded.
        """
        beside = {name: Totals.from_dict(totals) for name, totals in state.get("beside", {}).items()}
        story, name = self._story, str(state.get("count", self.count))
        own = story.latest.pop(self.count, None)
        before = own if name == self.count else story.latest.pop(name, None)
        if before is not None and name not in story.restored:
            carried.discarded_flop = lost_since(carried, before)
            story.attempt += 1  # what the lines say of it goes back
        self.count, self._carried = name, carried
        story.owners[name] = self._number
        story.restored.discard(name)
        for other in beside.keys() - story.latest.keys() - {name}:
            story.latest[other] = beside[other]
            story.restored.add(other)
        story.last = story.began, carried.model_flop + _sum(story.beside(name).values()).model_flop
        if story.lost is None:
            story.adopt(state)

    def gather(self, name: str, own: Totals) -> Totals | None:
        """The sum over all ranks, on the first one, once all have called this with the same name."""
        if self._ranks.rank != 0:
            self._ranks.publish(own, name)
            return None
        return self._ranks.gather(own, name)[0]

    # ----- Inside

    def _adopt_file(self) -> None:
        path = self._settings.state_path
        if self._story.sequence or path is None or not path.is_file() or self._ranks.rank != 0:
            return
        try:
            state = json.loads(path.read_text())
            if state["job"] != self._settings.job.arn:
                return  # left by another job: its lines are not ours to go on with
            lost = Totals.from_dict(state["totals"])
            self._story.adopt(state)
            self._story.lost = lost
        except (ValueError, KeyError, TypeError, OSError) as error:
            _log.warning("flops-meter: %s could not be read (%s); counting begins anew", path, error)

    def _tell(self, final: bool) -> None:
        if self._story.owners.get(self.count, self._number) != self._number:
            return  # another meter went on from this one's checkpoint
        own = self._carried.plus(self._account.totals)
        if self._ranks.rank != 0:
            self._ranks.publish(own)
            if final:
                self._ranks.publish(own, "final")
            return
        whole, reporting = self._ranks.gather(own, "final") if final else self._ranks.collect(own)
        story = self._story
        story.latest[self.count] = whole
        whole = whole.plus(_sum(story.beside(self.count).values()))
        if story.lost is not None:
            kept = self._carried.model_flop + _sum(story.latest[name] for name in story.restored).model_flop
            lost = max(story.lost.model_flop - kept, 0) + story.lost.discarded_flop
            whole.discarded_flop = max(lost, whole.discarded_flop)
        self._write(whole, reporting, final)

    def _write(self, totals: Totals, reporting: int, final: bool) -> None:
        now, settings, count, story = time.time(), self._settings, self._ranks.count, self._story
        story.sequence += 1
        device = device_name()
        words: dict[str, Any] = {
            "seq": story.sequence,
            "job": settings.job.arn,
            "ranks": count,
            "reporting": reporting,
            "attempt": story.attempt,
            "since": int(story.since),
            "to": int(now),
            "covered": story.covered(now),
            **{name: getattr(totals, name) for name in lines.AMOUNTS},
            "unknown_ops": len(self._unknown),
            "failed": int(self._failure is not None),
            "job_check": lines.check_number(settings.job.arn),
            **({"uncertain_flop": totals.uncertain_flop} if totals.uncertain_flop else {}),
            **self._utilisation(totals, count, now, device),
        }
        line, story.chain = lines.write(words, story.chain)
        if settings.write is not None:
            settings.write(line)
        if settings.state_path is not None:
            self._save_state(settings.state_path, totals)
        warning = settings.threshold.warning(totals, self.total_steps)
        if warning is not None and not story.warned:
            story.warned = True
            _log.warning("flops-meter: %s", warning)
        if self._unknown and story.sequence == 1:
            _log.warning("flops-meter: operations whose FLOP nobody knows: %s", ", ".join(sorted(self._unknown)))
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


def _save(path: Path, content: dict[str, Any]) -> None:
    try:
        toolkit_file.save(path, content)
    except OSError as error:
        _log.warning("flops-meter: a file could not be written: %s", error)


def _nothing_ran() -> bool:
    """Whether autograd recorded nothing in this thread so far: then nothing can have been trained before the meter."""
    asked = getattr(getattr(torch._C, "_autograd", None), "_get_sequence_nr", None)
    return asked is not None and asked() == 0
