"""What a meter writes: a line an interval, the state that survives a kill, flops_meter.json at the end."""

import itertools
import json
import logging
import os
import sys
import time
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
from flops_meter.work import Totals

_log = logging.getLogger("flops_meter")
_SEQUENCE = itertools.count()
_CHECKPOINTS = Path("/opt/ml/checkpoints")
"""Where SageMaker keeps what a job that is interrupted and restarted finds again."""
_PUBLISH_TIMES = 4
_BEFORE = -1
"""Stands for the meters of the process that a checkpoint came from."""
STATE_FILE = "flops_meter_state.json"
_NO_JOB = Job("none", "none")
_DEFAULT = Threshold.from_environment({})


def _to_standard_output(line: str) -> None:
    sys.stdout.write(line + "\n")
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

    `latest` are the totals of each meter as it last said; a line carries their sum.
    """

    def __init__(self, settings: Settings) -> None:
        self.began = process_start() if _nothing_ran() else time.time()
        self.since, self.covered_before = self.began, 0.0
        self.sequence, self.attempt = 0, 1
        self.chain = lines.genesis(settings.job.arn)
        self.last = self.began, 0
        self.lost: Totals | None = None
        self.latest: dict[int, Totals] = {}
        self.warned = False

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint or the state file kept. Raises ValueError."""
        try:
            self.sequence, self.attempt = int(state["sequence"]), int(state["attempt"]) + 1
            self.chain = str(state["chain"])
            self.since, self.covered_before = float(state["since"]), float(state["covered"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no state of a flops meter: {error!r}") from error

    def covered(self, now: float) -> float:
        """Seconds in which a meter ran."""
        return round(self.covered_before + max(now - self.began, 0.0), 1)

    def beside(self, meter: int) -> Totals:
        """The other meters' totals."""
        whole = Totals()
        for each, totals in self.latest.items():
            whole = whole if each == meter else whole.plus(totals)
        return whole


_STORIES: dict[tuple[str, Path | None], _Story] = {}


def _story_of(settings: Settings, meter: int) -> _Story:
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
        self._story = _story_of(settings, self._number)
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
            "beside": self._story.beside(self._number).to_dict(),
        }

    def resume(self, state: Mapping[str, Any], carried: Totals) -> None:
        """Go on from a checkpoint's state, or from the state file where that is later. Raises ValueError."""
        self._carried = carried
        story = self._story
        if not any(each != self._number for each in story.latest):
            story.latest[_BEFORE] = Totals.from_dict(state.get("beside", {}))
        story.last = story.began, carried.model_flop + story.beside(self._number).model_flop
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
        own = self._carried.plus(self._account.totals)
        if self._ranks.rank != 0:
            self._ranks.publish(own)
            if final:
                self._ranks.publish(own, "final")
            return
        whole, reporting = self._ranks.gather(own, "final") if final else self._ranks.collect(own)
        story = self._story
        story.latest[self._number] = whole
        whole = whole.plus(story.beside(self._number))
        if story.lost is not None:
            kept = self._carried.model_flop + story.latest.get(_BEFORE, Totals()).model_flop
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
