"""One round over HyperPod clusters: what AWS says of them is kept, what their operators say is recorded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers
from flops_auditor.domain.runs.sources.dropped_file import FilePlace, WrongFileName, place_of
from flops_auditor.domain.values.archive_keys import CLUSTERS
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.keep_clusters import keep_clusters, known_cluster
from flops_auditor.use_cases.auditing.record_dropped_files import FilesDoor, FilesLookedAt, record_dropped_files
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.clusters import (
    MOST_FILES,
    AskedTimes,
    Clusters,
    DroppedFile,
    FileStates,
    OperatorsFiles,
)
from flops_auditor.use_cases.ports.sources import Regions, SourceDenied, SourceUnavailable


class ClusterNotAsked(AuditorError):
    """AWS was not asked about a cluster in this round, or did not answer: it may have hosts that nobody has seen."""

    remedy = (
        "The next round asks again; the log of the clusters function says what is refused, the parameters Regions and "
        "ExcludedRegions what is left out."
    )


@dataclass(frozen=True)
class ClustersDoor:
    """The ports of a round."""

    regions: Regions
    clusters: Clusters
    times: AskedTimes
    files: OperatorsFiles
    states: FileStates
    recorder: Recorder


@dataclass
class ClustersLookedAt:
    """What a round did: how many clusters were asked about, why regions or clusters could not be, and what became of
    files. A region that refuses, and of which nothing was ever kept, is `closed` where another one answers: where all
    refuse, nobody looks. `unlisted` says why the bucket could
    not be listed, or not as a whole.
    """

    clusters: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    files: FilesLookedAt = field(default_factory=FilesLookedAt)
    unlisted: str = ""


def look_after_clusters(door: ClustersDoor, out_of_time: Callable[[], bool], only: str = "") -> ClustersLookedAt:
    """A round over all regions, or `only` one. A region or a file that fails costs no other. Raises SourceDenied,
    SourceUnavailable where the states of files cannot be read.
    """
    done = ClustersLookedAt()
    enabled = door.regions.enabled()
    if enabled.unread:
        done.failed["other regions"] = enabled.unread
    regions = [each for each in enabled.names if only in ("", each)]
    asked = {region: names for region in regions if (names := _ask_about(region, door, out_of_time, done)) is not None}
    if not (only or asked or done.failed or done.left):
        done.failed, done.closed = done.closed, {}

    @cache
    def known(region: str, cluster: str) -> ClusterAnswers:
        name = f"{region}/{cluster}"
        if region not in asked or name in done.failed or name in done.left:
            reason = done.failed.get(name) or (done.failed | done.closed).get(region) or "not in this round"
            raise ClusterNotAsked(f"{name}: {reason}")
        asked_now = cluster in asked[region]
        return known_cluster(region, cluster, door.recorder.archive, door.recorder.at_once, asked_now=asked_now)

    def known_of(place: FilePlace) -> ClusterAnswers:
        return known(place.region, place.cluster)

    try:
        listed = door.files.listed()
    except (SourceDenied, SourceUnavailable) as failure:
        done.unlisted = f"{failure.name}: {failure}"
        return done
    if len(listed) > MOST_FILES:
        done.unlisted = f"there are more than {MOST_FILES} files: the last in the order of names are not read"
        listed = listed[:MOST_FILES]
    mine = [each for each in listed if not only or _region_of(each) == only]
    work = FilesDoor(door.files, door.states, door.recorder, known_of, out_of_time)
    done.files = record_dropped_files(work, mine, whole=not only)
    return done


def _ask_about(
    region: str,
    door: ClustersDoor,
    out_of_time: Callable[[], bool],
    done: ClustersLookedAt,
) -> frozenset[str] | None:
    """The clusters that it was asked about; None where the region did not answer."""
    if out_of_time():
        done.left.append(region)
        return None
    recorder = door.recorder
    try:
        of_region = keep_clusters(
            region, door.clusters, door.times, recorder.archive, recorder.clock(), recorder.at_once, out_of_time
        )
    except (SourceDenied, SourceUnavailable) as failure:
        known = next(iter(recorder.archive.list(f"{CLUSTERS}{region}/", limit=1)), "")
        closed = isinstance(failure, SourceDenied) and not known
        (done.closed if closed else done.failed)[region] = f"{failure.name}: {failure}"
        return None
    done.clusters += len(of_region.asked)
    done.failed.update({f"{region}/{name}": reason for name, reason in of_region.failed.items()})
    done.left += [f"{region}/{name}" for name in of_region.left]
    return frozenset(of_region.asked)


def _region_of(file: DroppedFile) -> str:
    try:
        return place_of(file.key).region
    except WrongFileName:
        return ""
