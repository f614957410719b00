"""Twins of the ports of the operators' bucket and of the clusters, and a world of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import md5
from typing import Any

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.use_cases.auditing.look_after_clusters import ClustersDoor, ClustersLookedAt, look_after_clusters
from flops_auditor.use_cases.ports.clusters import DroppedFile, FileState, LastAsked
from flops_auditor.use_cases.ports.sources import SourceDenied
from tests.fakes.audit import FixedClock, FixedRegions, MemoryAlerts, MemoryReassessments, recorder
from tests.fakes.clusters import READ, describe_cluster, node
from tests.fakes.door_world import work_off

BUCKET = "files-of-operators"
RESEARCH = "eu-west-1/research/"


@dataclass
class FakeClusters:
    """The Clusters port: what it answers of each cluster, by region and name; `denied` are regions that refuse."""

    answers: dict[tuple[str, str], tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    """Names of clusters that are listed, and refused when they are asked about."""

    def names(self, region: str) -> Sequence[str]:
        if region in self.denied:
            raise SourceDenied(Unread("sagemaker:ListClusters", "AccessDeniedException", "not authorised"))
        return [name for place, name in self.answers if place == region]

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        if name in self.silent:
            raise SourceDenied(Unread("sagemaker:DescribeCluster", "AccessDeniedException", "not authorised"))
        return self.answers[region, name][0]

    def hosts(self, name: str, region: str) -> Sequence[Mapping[str, Any]]:
        return self.answers[region, name][1]


@dataclass
class MemoryOperatorsFiles:
    """The OperatorsFiles port; `reads` are the keys that were read."""

    bodies: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    bucket: str = BUCKET

    def drop(self, key: str, body: bytes, at: datetime) -> None:
        self.bodies[key] = body, at

    def listed(self) -> Sequence[DroppedFile]:
        return [
            DroppedFile(key, md5(body, usedforsecurity=False).hexdigest(), len(body), at)
            for key, (body, at) in sorted(self.bodies.items())
        ]

    def read(self, file: DroppedFile) -> tuple[bytes, str] | None:
        self.reads.append(file.key)
        now = {each.key: each for each in self.listed()}.get(file.key)
        return (self.bodies[file.key][0], file.etag) if now == file else None


@dataclass
class MemoryFileStates:
    """The FileStates port."""

    kept: dict[str, FileState] = field(default_factory=dict)

    def states(self) -> Mapping[str, FileState]:
        return dict(self.kept)

    def note(self, state: FileState) -> None:
        self.kept[state.key] = state

    def forget(self, key: str, at: datetime) -> None:
        self.kept.pop(key, None)


@dataclass
class MemoryAskedTimes:
    """The AskedTimes port; `kept` by region and name."""

    kept: dict[tuple[str, str], LastAsked] = field(default_factory=dict)

    def asked(self, region: str) -> Mapping[str, LastAsked]:
        return {name: last for (place, name), last in self.kept.items() if place == region}

    def note_asked(self, last: LastAsked) -> None:
        self.kept[last.region, last.name] = last


class ClusterWorld:
    """An account with one cluster of two hosts, and a bucket that its operator writes to."""

    def __init__(self) -> None:
        self.clusters, self.files, self.states = FakeClusters(), MemoryOperatorsFiles(), MemoryFileStates()
        self.times = MemoryAskedTimes()
        self.clusters.answers["eu-west-1", "research"] = describe_cluster(), [node(1), node(2)]
        self.alerts, self.again, self.clock = MemoryAlerts(), MemoryReassessments(), FixedClock(READ)
        self.recorder = recorder(alerts=self.alerts, queue=self.again, clock=self.clock)
        self.regions = FixedRegions()

    def drop(self, body: bytes, key: str = f"{RESEARCH}runs.txt") -> None:
        self.files.drop(key, body, self.clock.now)

    def round(self, runs: int | None = None, only: str = "", **ports: Any) -> ClustersLookedAt:
        """A round an hour later, with time for so many looks at the clock."""
        self.clock.advance(hours=1)
        left = iter(range(runs)) if runs is not None else None
        door = ClustersDoor(self.regions, self.clusters, self.times, self.files, self.states, self.recorder)
        done = look_after_clusters(replace(door, **ports), lambda: left is not None and next(left, None) is None, only)
        work_off(self.again, self.recorder)
        return done

    def state(self, key: str = f"{RESEARCH}runs.txt") -> FileState:
        return self.states.kept[key]
