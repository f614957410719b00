"""Small worlds at random: runs of a few roles at a few places that they share, recorded in any order and side by side.

A world comes to rest once no message is left. What an assessment made anew would then change, nobody was told of.
"""

from datetime import timedelta
from functools import lru_cache, partial
from random import Random
from typing import Any

import pytest

from flops_auditor.data import default_policies, load_tables
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.runs.sources.registry import SERVICES
from flops_auditor.use_cases.auditing import crowds, find_holders, find_lineage, keep_record, tell_descendants
from flops_auditor.use_cases.auditing.audit_job import gather, reassess
from flops_auditor.use_cases.auditing.find_lineage import recorded_lineage
from flops_auditor.use_cases.auditing.keep_record import case_behind, examine, first_record, lineage_of, newest
from tests.fakes.audit import MemoryClaims, MemoryIndex, MemoryReassessments, MemoryRecords
from tests.fakes.jobs import CREATED
from tests.fakes.lineage import World, channel, continuing

PREDICATES, CASES = lru_cache(1000)(predicate_of), lru_cache(1000)(partial(read_case, services=SERVICES))
ONE_POLICY = load_tables(default_policies()[:1])
ROLES = [f"arn:aws:iam::123456789012:role/{name}" for name in ("team", "stranger", "third")]
FAMILIES = [f"arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/{name}" for name in "xy"]
PLACES = (
    *("s3://m/a", "s3://m/a", "s3://m/a", "s3://m/a/b", "s3://m/a/b/output"),
    *("s3://m/ab", "s3://m", "s3://m/a/b/c/d"),
)


def narrow(seed: int, patch: pytest.MonkeyPatch) -> None:
    """Bounds so low that a few runs reach them; and what is read again is parsed once."""
    chance = Random(f"bounds of {seed}")
    bounds = {
        "MOST_SHARING": chance.choice([1, 2, 3]),
        "MOST_BELOW": chance.choice([2, 3, 5, 2000]),
        "ENTRIES_IN_A_PAGE": chance.choice([2, 3, 100]),
    }
    for module in (crowds, find_holders, find_lineage, tell_descendants):
        for name in bounds.keys() & vars(module).keys():
            patch.setattr(module, name, bounds[name])
    patch.setattr(find_holders, "MOST_PAGES", chance.choice([2, 3, 5]))
    patch.setattr(tell_descendants, "MOST_PAGES", chance.choice([1, 3, 10]))
    patch.setattr(tell_descendants, "MOST_LOOKS", chance.choice([2, 5, 60]))
    for module in (keep_record, find_lineage):
        patch.setattr(module, "predicate_of", PREDICATES)
    patch.setattr(keep_record, "read_case", lambda body, services=SERVICES: CASES(body))


class Sharing(Random):
    """A world's chance: how many runs there are, who they are, and in what order they are worked off."""

    def description(self, number: int, size: int, alike: bool, tuned: float) -> dict[str, Any]:
        """One run; where they are `alike`, of one role at one place. `tuned`: how many are trials of a search."""
        places = PLACES[:1] if alike else PLACES
        hours = self.choice([1, 1, 30, 80])
        changes: dict[str, Any] = {
            "RoleArn": ROLES[0] if alike else self.choice(ROLES[: self.choice([1, 2, 2, 3])]),
            "TrainingJobStatus": self.choice(["Completed", "Completed", "Completed", "Failed", "Stopped"]),
            "HyperParameters": {},
            "OutputDataConfig": {"S3OutputPath": self.choice(places)},
            "InputDataConfig": [self._channel(n, size, places) for n in range(self.choice([0, 1, 1, 2]))],
        }
        name = f"job-{number}"
        changes["ModelArtifacts"] = {
            "S3ModelArtifacts": f"{changes['OutputDataConfig']['S3OutputPath']}/{name}/output/model.tar.gz"
        }
        if self.random() < 0.1:
            changes["ModelArtifacts"] = {"S3ModelArtifacts": f"{self.choice(places)}/output"}
        if self.random() < 0.7:
            changes["CheckpointConfig"] = {"S3Uri": self.choice(places)}
        if self.random() < tuned:
            changes["TuningJobArn"] = self.choice(FAMILIES)
        if self.random() < 0.05:
            changes["RoleArn"] = ""
        if self.random() < 0.15:
            said = self.choice(["log_path", "output_dir", "model_name_or_path", "resume_from_checkpoint"])
            changes["HyperParameters"] = {said: self.choice(places)}
        day = self.choice([number, number, self.randrange(3)])
        job = continuing(name, day=day, hours=hours, **changes)
        created = job["CreationTime"]
        job |= {
            "TrainingStartTime": created + timedelta(minutes=10),
            "TrainingEndTime": created + timedelta(minutes=10, hours=hours),
            "LastModifiedTime": created + timedelta(minutes=10, hours=hours),
            "SecondaryStatusTransitions": [],
        }
        if job["TrainingJobStatus"] == "Stopped" and self.random() < 0.5:
            del job["TrainingStartTime"]
        return job

    def _channel(self, number: int, size: int, places: tuple[str, ...]) -> dict[str, Any]:
        name = self.choice(["model", "model", "train", "checkpoint"])
        about = f"{self.choice(places)}/job-{self.randrange(size)}"
        uri = self.choice([*places, f"{about}/output/model.tar.gz", about, f"{about}/output", f"{places[0]}/jo"])
        return channel(f"{name}{number}", uri)

    def tags(self, size: int, alike: bool) -> dict[str, str]:
        """Now and then a person says what a run continues."""
        if alike or self.random() < 0.9:
            return {}
        return {"lineage": self.choice([f"job-{self.randrange(size)}", *self.sample(PLACES, 2), "none"])}


class Interleaved:
    """Wraps a port: before some calls another worker does what it has to do."""

    def __init__(self, inner: Any, between: Any, names: tuple[str, ...]) -> None:
        self._inner, self._between, self._names = inner, between, names

    def __getattr__(self, name: str) -> Any:
        if name in self._names:
            self._between()
        return getattr(self._inner, name)


class SharedPlaces:
    """One such world, worked off to rest."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Sharing(seed)
        alike = chance.random() < 0.2
        tuned = chance.choice([0.0, 0.15, 0.8])
        size = chance.randint(4, 9)
        self.queue = MemoryReassessments()
        self.depth = 0
        self.busy = chance.choice([0.0, 0.0, 0.01, 0.05])
        ports = {
            "records": Interleaved(MemoryRecords(), self._between, ("commit", "note", "latest")),
            "index": Interleaved(MemoryIndex(), self._between, ("add", "exactly", "within")),
            "claims": Interleaved(MemoryClaims(), self._between, ("claim", "release")),
        }
        self.world = World(tables=ONE_POLICY, queue=self.queue, **ports)
        self.world.recorder.clock.now = CREATED + timedelta(days=100)  # type: ignore[attr-defined]
        order = list(range(size))
        for number in order:
            self.world.add(chance.description(number, size, alike, tuned), **chance.tags(size, alike))
        order.sort(reverse=chance.random() < 0.5)
        if chance.random() < 0.7:
            chance.shuffle(order)
        self.events = [f"job-{number}" for number in order]
        self.messages = 0
        self.working: set[str] = set()

    def play(self) -> None:
        """Deliver all events and messages, in the order of chance."""
        now_and_then = self.chance.choice([0.3, 0.6, 1.0])
        while self.events or self.queue.waiting:
            if self.queue.waiting and (not self.events or self.chance.random() < now_and_then):
                self._message()
            else:
                self._event()
            assert self.messages < 5000, "the world does not come to rest"

    def _message(self) -> None:
        at = self.chance.randrange(len(self.queue.waiting))
        self.messages += 1
        reassess(self.queue.waiting.pop(at), self.world.recorder)

    def _event(self) -> None:
        name = self.events.pop(0)
        if self.chance.random() < 0.15:
            self._interim(name)
            self.events.insert(self.chance.randint(0, len(self.events)), name)
        else:
            self.world.deliver(name)

    def _interim(self, name: str) -> None:
        """Record a run while it goes on, as the watch does of one that it stops."""
        pointer, jobs, recorder = self.world.pointers[name], self.world.jobs, self.world.recorder
        key = pointer.name, pointer.region
        ended = jobs.descriptions[key]
        jobs.descriptions[key] = {
            **{k: v for k, v in ended.items() if k not in ("TrainingEndTime", "ModelArtifacts")},
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Training",
        }
        described = recorder.collectors[pointer.service].describe(pointer)
        jobs.descriptions[key] = ended
        if newest(described.job_id, recorder) is None:
            first_record(gather(described, 0, recorder, ()), recorder)

    def _between(self) -> None:
        if self.depth < 2 and self.chance.random() < self.busy:
            self.depth += 1
            if self.queue.waiting and self.chance.random() < 0.6:
                self._message()
            elif self.events:
                self._event()
            self.depth -= 1

    def passed_over(self) -> list[str]:
        """Runs whose record an assessment made anew would change, and how."""
        self.busy = 0.0
        return [said for name in self.world.pointers if (said := self._changed(name))]

    def _changed(self, name: str) -> str:
        recorder, job_id = self.world.recorder, self.world.job_id(name)
        kept = newest(job_id, recorder)
        assert kept is not None, name
        case = case_behind(job_id, kept, recorder)
        now = lineage_of(case, recorder)
        known, again = recorded_lineage(kept.content, recorder.archive), now.lineage
        verdict = examine(case, now, recorder).audited.verdict
        if again.same_as(known) and verdict == kept.content["verdict"]:
            return ""
        return (
            f"{name}: {sorted(known.open_kinds)} -> {sorted(again.open_kinds)}, {kept.content['verdict']} -> {verdict},"
            f" {[a.name for a in known.ancestors]} -> {[a.name for a in again.ancestors]}"
        )
