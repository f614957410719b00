"""On which hosts a job of AWS Batch ran, and how many of their accelerators it had.

It asks for accelerators; which instance type gave them is what its queue's compute environments may launch. Facts: AWS
Batch API Reference, ResourceRequirement (GPU), NodeRangeProperty (a range within another overrides it), ComputeResource
(instanceTypes: types and families); Amazon ECS Developer Guide, "Amazon ECS task definitions for GPU workloads"
(NVIDIA_VISIBLE_DEVICES); AWS Neuron, "Neuron plugin for containers" (/dev/neuron0 is a chip) and "Tutorial: Docker
Neuron OCI hook setup" (AWS_NEURON_VISIBLE_DEVICES); AMD Container Toolkit (AMD_VISIBLE_DEVICES).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.remedies import AMEND, GRANT
from flops_auditor.domain.runs.run import Hosts
from flops_auditor.domain.runs.sources.batch_job_answer import BatchJob, Container, NodeRange, Work, plain_path
from flops_auditor.domain.values.parts import members
from flops_auditor.domain.values.remarks import Kind, Remark

Environments = Mapping[str, Mapping[str, Any] | Unread]
"""What DescribeComputeEnvironments says, by ARN, or why nothing is known of one, or of a queue."""
DESCRIBE_ENVIRONMENTS = "batch:DescribeComputeEnvironments"
_GPU = "GPU"
_OF_NEURON = "aws.amazon.com/neuron"
_OF_KUBERNETES = re.compile(rf"(?:nvidia\.com|amd\.com|{re.escape(_OF_NEURON)}).*")
_NOTHING_TO_COMPUTE_WITH = re.compile(r"cpu|memory|ephemeral-storage|hugepages-.*|vpc\.amazonaws\.com/.*")
"""Resources of a pod that are surely no accelerators: Kubernetes' own, and network interfaces (Amazon EKS User Guide,
"Elastic Fabric Adapter"). The API Reference, EksContainerResourceRequirements, has `nvidia.com/gpu` beside two.
"""
_WHOLE = frozenset({"nvidia.com/gpu", "amd.com/gpu", _OF_NEURON, f"{_OF_NEURON}device"})
"""Resources of a pod that are accelerators; others are parts of them."""
_CORES, _LEAST_CORES = f"{_OF_NEURON}core", 2
"""Parts of a chip of Neuron, of which a chip has two or more (AWS Neuron, "Amazon EC2 AI Chips Architecture")."""
_NEURON = re.compile(r"/dev/neuron\d{1,3}")
_OTHER_DEVICE = re.compile(r"/dev/(?!nvidia|neuron|dri|kfd|char|block|fd|disk).+")
"""Devices that are surely no accelerators, such as those of the network, and no folders of all devices."""
_OF_DATA = re.compile(
    r"/(?:tmp|mnt|media|fsx|efs|ebs|lustre|nfs|nvme\d*|raid\d*|scratch|shared|data|datasets?|models?|checkpoints?|cache"
    r"|workspace|work|projects?|results?|output|logs?)(?:/.*)?"
    r"|/var/(?:tmp|log|cache)(?:/.*)?|/etc/(?:localtime|timezone)|/usr/share/zoneinfo(?:/.*)?"
)
"""Folders of a host that hold data alone. In any other one (`/etc`, `/sys`, `/var/lib/docker`, `/root`) there may be
its devices, what starts containers (docker.sock), or what the host itself starts or believes.
"""
_VISIBLE = frozenset({"NVIDIA_VISIBLE_DEVICES", "AWS_NEURON_VISIBLE_DEVICES", "AMD_VISIBLE_DEVICES"})
"""What runtimes of containers read, to show one more accelerators than it was given."""
_NOTHING_VISIBLE = frozenset({"", "void", "none"})
_NUMBER = re.compile(r"\d{1,6}")
_NODES = re.compile(r"(?P<first>\d{0,7})(?P<to>:?)(?P<last>\d{0,7})")
_NO_ACCELERATORS = re.compile(r"(?:[acdhimrtxz]\d|im\d|is\d|hpc\d|mac\d|u[\d-]|optimal$|default_).*")
"""Families of EC2 without accelerators (Amazon EC2 Instance Types Guide, naming conventions): no job that asks for any
is placed there.
"""
_OF_SAGEMAKER = "ml."
"""Before EC2's name the table of hardware has SageMaker's, of the same hardware."""
_FARGATE = "FARGATE"
"""How the kinds of computing begin that have no hosts of one's own, nor any accelerators."""
MOST_NAMED = 3
"""Types that are named where one stands for them."""
_WITH_GPUS = (f"{_OF_SAGEMAKER}p", f"{_OF_SAGEMAKER}g")
_WITH_NEURON = (f"{_OF_SAGEMAKER}trn",)
"""How the names of all types begin that have accelerators of either kind (Amazon EC2 Instance Types Guide, naming
conventions).
"""

UNREAD_ENVIRONMENT = Kind(
    "compute-environment-denied", "{what:said200} could not be read: on which instance types it ran is not known", GRANT
)
UNKNOWN_ENVIRONMENT = Kind(
    "compute-environment-not-known",
    "nothing is known of its compute environment {what:said200} ({error}): on which instance types it ran is not known",
    AMEND,
)
NO_ENVIRONMENTS = Kind(
    "no-compute-environments", "nothing says which compute environments it may have run in, or on which hosts", AMEND
)
NO_INSTANCE_TYPES = Kind(
    "compute-environment-without-instance-types",
    "its compute environment {what:said200} ({kind}) does not say which instance types it has",
    AMEND,
)
OTHER_CLUSTER = Kind(
    "cluster-of-no-compute-environment",
    "it ran on {clusters:list}, which is of none of its queue's compute environments now",
    AMEND,
)
NOTHING_LAUNCHED = Kind(
    "no-instance-type-with-accelerators",
    "contradictory evidence: its compute environments launch {names:list} alone, which have no accelerators",
    AMEND,
)
AS_OF_THE_AUDIT = Kind(
    "instance-types-as-of-the-audit",
    "the instance types are those that its compute environment allowed at the audit: that it allowed no others while "
    "the job ran is the account's word, on which no verdict of below rests",
)
UPDATED = Kind(
    "compute-environment-updated",
    "its compute environment {what:said200} was updated, or is being updated, and nothing says when: its attempts may "
    "have run on other instance types, and no lower bound rests on these",
)
NODES_NOT_KNOWN = Kind("nodes-not-known", "what ran on {nodes} of its {all} nodes is not known", AMEND)
MAY_REACH_MORE = Kind(
    "may-reach-all-accelerators",
    "its containers may use accelerators of their hosts that they did not ask for: the upper bound takes all, and no "
    "lower bound rests on any",
)
UNREAD_REQUIREMENT = Kind(
    "accelerators-not-read", "how many accelerators it asked for cannot be read: {text:said40}", AMEND
)
UNKNOWN_RESOURCE = Kind(
    "resource-of-a-pod-not-known",
    "it asked for {names:list}, and whether these are accelerators is not known: the upper bound takes all of its "
    "hosts, and no lower bound rests on any",
    AMEND,
)


@dataclass(frozen=True)
class Asked:
    """What a host's containers ask for: `accelerators`, or `parts` of so many, and whether they may `reach` others."""

    accelerators: int
    reach: bool
    parts: bool = False

    @property
    def nothing(self) -> bool:
        """Whether they neither ask for accelerators nor may reach any."""
        return not self.accelerators and not self.reach


def asked_of(work: Work) -> Asked:
    """What containers ask for that run beside each other on a host, or before these."""
    beside = sum(map(_accelerators, work.together))
    before = max(map(_accelerators, work.before), default=0)
    parts = any(set(_of_pod(each)) - _WHOLE for each in work.containers)
    reach = any(map(_reaches, work.containers)) or any(_opens_the_host(each.folder) for each in work.volumes)
    reach = reach or any(map(_unknown_resources, work.containers))
    return Asked(max(beside, before), reach, parts)


def hosts_of_job(job: BatchJob, environments: Environments) -> tuple[tuple[Hosts, ...], tuple[Remark, ...]]:
    """The hosts, and remarks about them: doubts where it is not known which these were."""
    of_queue, doubts = types_of(job, environments)
    updated = [UPDATED(what=arn) for arn, each in _ran_in(job, environments).items() if _was_updated(each, job)]
    parts = [(count, _Part.of(works)) for count, works in _parts(job)]
    had = [(count, part) for count, part in parts if not part.asked.nothing]
    as_told = [*updated, AS_OF_THE_AUDIT()] if of_queue else []
    remarks = [] if all(part.types for _, part in had) else [*doubts, *as_told]
    remarks += [MAY_REACH_MORE()] if any(part.asked.reach for _, part in had) else []
    texts = [text for each in job.all_containers for text in _not_numbers(each)]
    remarks += [UNREAD_REQUIREMENT(text=texts[0])] if texts else []
    unknown = sorted({name for each in job.all_containers for name in _unknown_resources(each)})
    remarks += [UNKNOWN_RESOURCE(names=unknown)] if unknown else []
    nodes = job.node_properties.num_nodes if job.node_properties else 1
    if missing := nodes - sum(count for count, _ in parts):
        remarks.append(NODES_NOT_KNOWN(nodes=missing, all=nodes))
    hosts = (part.hosts(count, of_queue, bool(updated)) for count, part in had)
    return tuple(each for each in hosts if each.one_of), tuple(remarks)


@dataclass(frozen=True)
class _Part:
    """Hosts on which the same ran: what it asks for at most, the types that the job names for them, how the names of
    all types begin that these may be of (Hosts), and whether what is said of them is not all `alike`.
    """

    asked: Asked
    types: tuple[str, ...]
    may_be_of: tuple[str, ...]
    alike: bool

    @classmethod
    def of(cls, works: Sequence[Work]) -> "_Part":
        """What may run on them."""
        asked = [asked_of(work) for work in works]
        most = Asked(
            max(each.accelerators for each in asked),
            any(each.reach for each in asked),
            any(each.parts for each in asked),
        )
        types = dict.fromkeys(name for work in works for name in _own_types(work))
        containers = [each for work in works for each in work.containers]
        gpus, chips = any(map(_asks_gpus, containers)), any(map(_asks_chips, containers))
        either = any(map(_unknown_resources, containers)) or gpus == chips
        alike = (*(_WITH_GPUS if gpus or either else ()), *(_WITH_NEURON if chips or either else ()))
        named_in_full = bool(types) and not any(map(_is_family, types))
        return cls(most, tuple(types), () if named_in_full else alike, len(set(asked)) == 1)

    def hosts(self, count: int, of_queue: Sequence[str], updated: bool) -> Hosts:
        """So many of them, of the types that the job names, or of those of its queue, which may have been `updated`."""
        types = self.types or of_queue
        reach = self.asked.reach
        return Hosts(
            " or ".join(types[:MOST_NAMED]),
            count,
            one_of=tuple(types),
            may_be_of=self.may_be_of,
            accelerators=None if reach else self.asked.accelerators,
            unsure=reach or self.asked.parts or not self.alike or (updated and not self.types),
        )


def may_have_accelerators(environment: Mapping[str, Any]) -> bool:
    """Whether a compute environment may launch hosts with accelerators: what is not said is not ruled out."""
    if _kind_of(environment).startswith(_FARGATE):
        return False
    names = _launched(environment)
    return not names or any(not _NO_ACCELERATORS.fullmatch(name) for name in names)


def has_no_accelerators(job: BatchJob, environments: Environments) -> bool:
    """Whether a job that asks for none ran on hosts that surely have none, whatever its containers may reach: in
    clusters of Amazon ECS, of which each environment has one of its own.
    """
    if any(asked_of(work).accelerators or _own_types(work) for work in job.works):
        return False
    told = _told(environments).values()
    if not job.ever_started and job.finished:
        return 0 < len(told) == len(environments) and not any(map(may_have_accelerators, told))
    as_it_was = [each for each in told if not _is_being_updated(each)]
    without = {_ecs_cluster(each) for each in as_it_was if not may_have_accelerators(each)}
    return job.tells_its_clusters and job.clusters <= without


def types_of(job: BatchJob, environments: Environments) -> tuple[tuple[str, ...], tuple[Remark, ...]]:
    """The instance types, and families of these, with accelerators that its compute environments may launch; and a
    doubt for each that does not say so, or of which nothing is known. The clusters that it ran on tell which these are.
    """
    told = _told(environments)
    elsewhere = job.clusters - {cluster for each in told.values() for cluster in _clusters_of(each)}
    everywhere = not job.tells_its_clusters
    launched = {arn: _launched(each) for arn, each in _ran_in(job, environments).items()}
    doubts = [NO_INSTANCE_TYPES(what=arn, kind=_kind_of(told[arn])) for arn, each in launched.items() if not each]
    unread = [(arn, each) for arn, each in environments.items() if isinstance(each, Unread)]
    if elsewhere or everywhere:
        doubts += [_unread_environment(arn, each) for arn, each in unread]
    if elsewhere and not unread and environments:
        doubts.append(OTHER_CLUSTER(clusters=sorted(elsewhere)))
    if not environments:
        doubts.append(NO_ENVIRONMENTS())
    names = dict.fromkeys(name for each in launched.values() for name in each)
    with_accelerators = [_OF_SAGEMAKER + name for name in names if not _NO_ACCELERATORS.fullmatch(name)]
    if not with_accelerators and not doubts:
        doubts.append(NOTHING_LAUNCHED(names=list(names)))
    return tuple(with_accelerators), tuple(doubts)


def _ran_in(job: BatchJob, environments: Environments) -> Mapping[str, Mapping[str, Any]]:
    """Those environments of which something is known that it may have run in."""
    everywhere = not job.tells_its_clusters
    return {a: each for a, each in _told(environments).items() if everywhere or job.clusters & _clusters_of(each)}


def _told(environments: Environments) -> Mapping[str, Mapping[str, Any]]:
    """Those of which something is known."""
    return {arn: each for arn, each in environments.items() if not isinstance(each, Unread)}


def _was_updated(environment: Mapping[str, Any], job: BatchJob) -> bool:
    """Whether something hints that it allowed other types while the job ran: it is being updated; or, for a job of
    several attempts, it has a policy of updates, which UpdateComputeEnvironment takes and CreateComputeEnvironment not.
    """
    several = sum(each.started_at is not None for each in job.tries) > 1
    return _is_being_updated(environment) or (several and bool(environment.get("updatePolicy")))


def _is_being_updated(environment: Mapping[str, Any]) -> bool:
    return environment.get("status") == "UPDATING"


def _unread_environment(arn: str, unread: Unread) -> Remark:
    if unread.denied:
        return UNREAD_ENVIRONMENT(what=arn, source=unread.source)
    return UNKNOWN_ENVIRONMENT(what=arn, error=unread.error)


def _own_types(work: Work) -> list[str]:
    """Those that a multi-node job names itself."""
    named = [work.container.instance_type, *(work.instance_types if isinstance(work, NodeRange) else ())]
    return [_OF_SAGEMAKER + name for name in named if name]


def _is_family(name: str) -> bool:
    return "." not in name.removeprefix(_OF_SAGEMAKER)


def _parts(job: BatchJob) -> Iterator[tuple[int, Sequence[Work]]]:
    """How many hosts are alike, and what may run on them: of ranges within each other the properties of all."""
    if job.node_properties is None:
        yield 1, (job,)
        return
    nodes = job.node_properties.num_nodes
    ranges = [(*_span(each.target_nodes, nodes), each) for each in job.node_properties.node_range_properties]
    edges = sorted({edge for first, beyond, _ in ranges for edge in (first, beyond)})
    for first, beyond in pairwise(edges):
        here = [work for begin, end, work in ranges if begin <= first and beyond <= end]
        if here:
            yield beyond - first, here


def _span(text: str, nodes: int) -> tuple[int, int]:
    """The first node of a range, and the one beyond its last; (0, 0) where it cannot be read."""
    match = _NODES.fullmatch(text.strip())
    if match is None or not (match["first"] or match["to"]):
        return 0, 0
    first = int(match["first"] or 0)
    last = int(match["last"] or nodes - 1) if match["to"] else first
    return (first, min(last + 1, nodes)) if first <= last and first < nodes else (0, 0)


def _accelerators(container: Container) -> int:
    chips = sum(bool(_NEURON.fullmatch(path)) for path in _devices(container))
    of_pod = sum(_whole(name, max(map(_number, texts))) for name, texts in _of_pod(container).items())
    return sum(map(_number, _gpus(container))) + of_pod + chips


def _asks_gpus(container: Container) -> bool:
    return bool(_gpus(container)) or any(not name.startswith(_OF_NEURON) for name in _of_pod(container))


def _asks_chips(container: Container) -> bool:
    chips = any(map(_NEURON.fullmatch, _devices(container)))
    return chips or any(name.startswith(_OF_NEURON) for name in _of_pod(container))


def _whole(name: str, count: int) -> int:
    """So many of a resource as accelerators, at most."""
    return ceil(count / _LEAST_CORES) if name == _CORES else count


def _gpus(container: Container) -> list[str]:
    return [each.value for each in container.resource_requirements if each.type.upper() == _GPU]


def _of_pod(container: Container) -> dict[str, list[str]]:
    """What a pod's container may have, and asks for, of each kind of accelerators, and parts of these."""
    told = [(name.lower(), text) for name, text in _resources(container)]
    names = {name for name, _ in told if _OF_KUBERNETES.fullmatch(name)}
    return {name: [text for other, text in told if other == name] for name in names}


def _unknown_resources(container: Container) -> list[str]:
    """What a pod's container asks for that may be accelerators of a kind, or a vendor, that is not known here."""
    return [
        name
        for name, text in _resources(container)
        if text.strip() != "0"
        and not (_NOTHING_TO_COMPUTE_WITH.fullmatch(name) or _OF_KUBERNETES.fullmatch(name.lower()))
    ]


def _resources(container: Container) -> list[tuple[str, str]]:
    """All that a pod's container may have, and asks for."""
    return [*container.resources.limits.items(), *container.resources.requests.items()]


def _not_numbers(container: Container) -> list[str]:
    """What it asks for in words that are no number."""
    texts = [*_gpus(container), *(text for each in _of_pod(container).values() for text in each)]
    return [text for text in texts if not _NUMBER.fullmatch(text.strip())]


def _number(text: str) -> int:
    """A number of accelerators; 1 where it cannot be read, which is a doubt."""
    return int(text) if _NUMBER.fullmatch(text.strip()) else 1


def _reaches(container: Container) -> bool:
    visible = [each.value.strip().lower() for each in container.variables if each.name in _VISIBLE]
    shown = any(each not in _NOTHING_VISIBLE for each in visible) or any(
        each.name in _VISIBLE for each in container.secrets
    )
    mapped = (not _NEURON.fullmatch(path) and not _OTHER_DEVICE.fullmatch(path) for path in _devices(container))
    return container.reaches_the_host or shown or any(mapped)


def _devices(container: Container) -> list[str]:
    return [plain_path(each.host_path) for each in container.linux_parameters.devices]


def _opens_the_host(folder: str) -> bool:
    """Whether a container that has this folder of its host may reach the host's devices."""
    path = plain_path(folder)
    return bool(folder) and not (_OF_DATA.fullmatch(path) or _OTHER_DEVICE.fullmatch(path))


def _clusters_of(environment: Mapping[str, Any]) -> frozenset[str]:
    eks = members(environment, "eksConfiguration").get("eksClusterArn")
    return frozenset({_ecs_cluster(environment), str(eks or "")} - {""})


def _ecs_cluster(environment: Mapping[str, Any]) -> str:
    return str(environment.get("ecsClusterArn") or "").rsplit("/", 1)[-1]


def _kind_of(environment: Mapping[str, Any]) -> str:
    resources = members(environment, "computeResources")
    return str(resources.get("type") or environment.get("type") or "of an unknown kind")[:40]


def _launched(environment: Mapping[str, Any]) -> list[str]:
    """The types and families that an environment of EC2's instances may launch."""
    resources = members(environment, "computeResources")
    launched = resources.get("instanceTypes") if resources.get("type") in ("EC2", "SPOT") else None
    return [str(name) for name in launched] if isinstance(launched, list) else []
