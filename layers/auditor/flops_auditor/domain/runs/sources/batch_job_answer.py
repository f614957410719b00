"""A job of AWS Batch as DescribeJobs describes it.

Parsed once, at the edge, with pydantic; everything further in works on a run made from it (`batch_job.py`). Facts about
the API: AWS Batch API Reference, DescribeJobs, JobDetail; User Guide, "Array jobs", "Multi-node parallel jobs" (a child
is called as its parent, with `:` and its index, a node with `#` and its index).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from flops_auditor.domain.runs.run import NOT_ENDED, RunState
from flops_auditor.domain.runs.sources.training_job_answer import (
    DELETED,
    MOST_HOSTS,
    CamelShape,
    OptionalText,
    Seconds,
    Texts,
    Time,
    or_nothing,
    what_is_wrong,
)
from flops_auditor.domain.values.arns import region_of, service_of
from flops_auditor.domain.values.errors import WrongInput

DESCRIBE_BATCH_JOBS = "batch:DescribeJobs"
BATCH_JOB_ARN = re.compile(
    r"arn:aws[a-z-]*:batch:(?P<region>[a-z0-9-]{1,20}):(?P<account>\d{12}):(?P<kind>job|service-job)/"
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,127}(?::\d{1,6})?(?P<node>#\d{1,6})?)"
)
"""`kind` tells a service job, which wraps a training job of SageMaker's, and `node` a node, a part of its job."""
_STATES: Mapping[str, RunState] = {
    **dict.fromkeys(("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"), "running"),
    "SUCCEEDED": "succeeded",
    "FAILED": "error",
    DELETED: "gone",
}
_LONG_ARN = re.compile(r"[^:]+:[^:]+:ecs:[^:]*:\d*:(?:container-instance|task)/(?P<cluster>[^/]+)/.+")


class MalformedBatchJob(WrongInput):
    """A DescribeJobs answer that lacks or distorts what the API promises."""

    remedy = "Pass the unchanged answer of `aws batch describe-jobs` about one job."


def _job_arn(text: str) -> str:
    if BATCH_JOB_ARN.fullmatch(text) is None:
        raise ValueError("it is no ARN of a job")
    return text


def _not_zero(value: object) -> object:
    """What never was is said by 0, or not at all."""
    return None if value == 0 else value


Moment = Annotated[Time | None, BeforeValidator(_not_zero)]
_Nodes = Annotated[int, Field(ge=1, le=MOST_HOSTS)]
_Of = TypeVar("_Of")
_Listed = Annotated[tuple[_Of, ...], BeforeValidator(lambda value: value or ())]
"""Parts of an answer that may be null as well."""
_Lines = Annotated[tuple[str, ...], BeforeValidator(lambda value: () if value is None else value)]


class _Variable(CamelShape):
    name: OptionalText = ""
    value: OptionalText = ""


class _Requirement(CamelShape):
    type: OptionalText = ""
    value: OptionalText = ""


class _Device(CamelShape):
    host_path: OptionalText = ""


class _Linux(CamelShape):
    devices: _Listed[_Device] = ()


class _Resources(CamelShape):
    limits: Texts = Field(default_factory=dict)
    requests: Texts = Field(default_factory=dict)


class _Security(CamelShape):
    privileged: bool | None = None


class _Mount(CamelShape):
    source_volume: OptionalText = ""
    container_path: OptionalText = ""
    name: OptionalText = ""
    mount_path: OptionalText = ""


def plain_path(text: str) -> str:
    """A path in a container, or on its host, as both read it."""
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return f"/{'/'.join(parts)}"


class _HostFolder(CamelShape):
    source_path: OptionalText = ""


class _Volume(CamelShape):
    """A volume; what else it holds says of which kind it is."""

    model_config = ConfigDict(extra="allow")

    name: OptionalText = ""
    host: Annotated[_HostFolder, BeforeValidator(or_nothing)] = _HostFolder.model_construct()
    host_path: dict[str, Any] | None = None
    empty_dir: dict[str, Any] | None = None
    secret: dict[str, Any] | None = None

    @property
    def folder(self) -> str:
        """The folder, or file, of its host that it is; "" where it is none."""
        return self.host.source_path or str((self.host_path or {}).get("path") or "")

    @property
    def outlives_the_job(self) -> bool:
        """Whether what lies in it may be of others: it is of no kind that ends with its job."""
        elsewhere = (self.host_path, *(self.model_extra or {}).values())
        return bool(self.host.source_path) or any(each is not None for each in elsewhere)


class Container(CamelShape):
    """A container of a job, of Amazon ECS or of EKS."""

    command: _Lines = ()
    args: _Lines = ()
    environment: _Listed[_Variable] = ()
    env: _Listed[_Variable] = ()
    secrets: _Listed[_Variable] = ()
    job_role_arn: OptionalText = ""
    privileged: bool | None = None
    security_context: Annotated[_Security, BeforeValidator(or_nothing)] = _Security.model_construct()
    resource_requirements: _Listed[_Requirement] = ()
    linux_parameters: Annotated[_Linux, BeforeValidator(or_nothing)] = _Linux.model_construct()
    resources: Annotated[_Resources, BeforeValidator(or_nothing)] = _Resources.model_construct()
    instance_type: OptionalText = ""
    container_instance_arn: OptionalText = ""
    task_arn: OptionalText = ""
    log_stream_name: OptionalText = ""
    volumes: _Listed[_Volume] = ()
    mount_points: _Listed[_Mount] = ()
    volume_mounts: _Listed[_Mount] = ()

    @property
    def line(self) -> tuple[str, ...]:
        """What it starts with."""
        return (*self.command, *self.args)

    @property
    def variables(self) -> tuple[_Variable, ...]:
        """Its environment, under either name."""
        return (*self.environment, *self.env)

    @property
    def reaches_the_host(self) -> bool:
        """Whether it sees all devices of its host."""
        return bool(self.privileged or self.security_context.privileged)


class _Task(CamelShape):
    containers: _Listed[Container] = ()
    volumes: _Listed[_Volume] = ()
    task_role_arn: OptionalText = ""
    container_instance_arn: OptionalText = ""
    task_arn: OptionalText = ""


class _Ecs(CamelShape):
    task_properties: _Listed[_Task] = ()


class _Pod(CamelShape):
    containers: _Listed[Container] = ()
    init_containers: _Listed[Container] = ()
    volumes: _Listed[_Volume] = ()
    pod_name: OptionalText = ""
    node_name: OptionalText = ""


class _Eks(CamelShape):
    pod_properties: Annotated[_Pod, BeforeValidator(or_nothing)] = _Pod.model_construct()


class Work(CamelShape):
    """What runs on a host: one container, several of a task, or a pod."""

    container: Annotated[Container, BeforeValidator(or_nothing)] = Container.model_construct()
    ecs_properties: Annotated[_Ecs, BeforeValidator(or_nothing)] = _Ecs.model_construct()
    eks_properties: Annotated[_Eks, BeforeValidator(or_nothing)] = _Eks.model_construct()

    @property
    def together(self) -> tuple[Container, ...]:
        """The containers that run beside each other."""
        tasks = (each for task in self.ecs_properties.task_properties for each in task.containers)
        own = (self.container,) if "container" in self.model_fields_set else ()
        return (*own, *tasks, *self.eks_properties.pod_properties.containers)

    @property
    def before(self) -> tuple[Container, ...]:
        """Those that run before them, one by one."""
        return self.eks_properties.pod_properties.init_containers

    @property
    def containers(self) -> tuple[Container, ...]:
        """All of them."""
        return (*self.together, *self.before)

    @property
    def volumes(self) -> tuple[_Volume, ...]:
        """What its containers may mount."""
        of_tasks = (each for task in self.ecs_properties.task_properties for each in task.volumes)
        return (*self.container.volumes, *of_tasks, *self.eks_properties.pod_properties.volumes)

    @property
    def mounts(self) -> dict[str, str]:
        """Where volumes that outlive the job are mounted: path -> name of the volume."""
        lasting = {each.name for each in self.volumes if each.outlives_the_job}
        mounts = [each for one in self.containers for each in (*one.mount_points, *one.volume_mounts)]
        named = [(each.container_path or each.mount_path, each.source_volume or each.name) for each in mounts]
        return {plain_path(path): name for path, name in named if name in lasting and path.strip("/")}

    @property
    def was_placed(self) -> bool:
        """Whether a host is named on which it runs, or a task, a pod or a log of it."""
        pod = self.eks_properties.pod_properties
        both: tuple[Container | _Task, ...] = (*self.containers, *self.ecs_properties.task_properties)
        had = [name for each in both for name in (each.container_instance_arn, each.task_arn)]
        return any((*had, *(each.log_stream_name for each in self.containers), pod.pod_name, pod.node_name))

    @property
    def role(self) -> str:
        """Whose rights it has, as far as AWS Batch gives them; "" where it gives none."""
        roles = (each.task_role_arn for each in self.ecs_properties.task_properties)
        return self.container.job_role_arn or next(filter(None, roles), "")


class NodeRange(Work):
    """What runs on some nodes of a multi-node job: `first:last`, either of which may be left out."""

    target_nodes: OptionalText = ""
    instance_types: _Lines = ()


class _NodeProperties(CamelShape):
    num_nodes: _Nodes
    node_range_properties: _Listed[NodeRange] = ()


class _Array(CamelShape):
    size: int | None = None
    index: int | None = None


class _Retries(CamelShape):
    attempts: int | None = None


class _Timeout(CamelShape):
    attempt_duration_seconds: Seconds | None = None


class _TaskOfAttempt(CamelShape):
    container_instance_arn: OptionalText = ""


class Attempt(CamelShape):
    """One try of a job."""

    started_at: Moment = None
    stopped_at: Moment = None
    container: Annotated[Container, BeforeValidator(or_nothing)] = Container.model_construct()
    task_properties: _Listed[_TaskOfAttempt] = ()
    eks_cluster_arn: OptionalText = ""

    @property
    def clusters(self) -> frozenset[str]:
        """Where it ran, as far as that is said."""
        tasks = (each.container_instance_arn for each in self.task_properties)
        told = _clusters_of(self.container.container_instance_arn, *tasks)
        return frozenset(filter(None, (*told, self.eks_cluster_arn)))


class BatchJob(Work):
    """One job: what DescribeJobs answers, as far as the audit reads it."""

    job_arn: Annotated[str, AfterValidator(_job_arn)]
    job_name: str = Field(min_length=1)
    job_id: str = Field(min_length=1)
    job_queue: OptionalText = ""
    status: str
    created_at: Time
    started_at: Moment = None
    stopped_at: Moment = None
    attempts: _Listed[Attempt] = ()
    eks_attempts: _Listed[Attempt] = ()
    node_properties: _NodeProperties | None = None
    array_properties: Annotated[_Array, BeforeValidator(or_nothing)] = _Array.model_construct()
    parameters: Annotated[dict[str, str], BeforeValidator(or_nothing)] = Field(default_factory=dict)
    retry_strategy: Annotated[_Retries, BeforeValidator(or_nothing)] = _Retries.model_construct()
    timeout: Annotated[_Timeout, BeforeValidator(or_nothing)] = _Timeout.model_construct()
    tags: Texts = Field(default_factory=dict)

    @property
    def state(self) -> RunState:
        """What `status` means."""
        return state_of_batch_job(self.status)

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self.state not in NOT_ENDED

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return region_of(self.job_arn)

    @property
    def is_array(self) -> bool:
        """Whether it only stands for its children, each of which is a job."""
        array = self.array_properties
        return array.size is not None and array.index is None and ":" not in self.job_id

    @property
    def tries(self) -> tuple[Attempt, ...]:
        """Its attempts, on Amazon ECS or on EKS."""
        return (*self.attempts, *self.eks_attempts)

    @property
    def works(self) -> tuple[Work, ...]:
        """What runs on each kind of its hosts."""
        return self.node_properties.node_range_properties if self.node_properties else (self,)

    @property
    def all_containers(self) -> tuple[Container, ...]:
        """Those of all its hosts."""
        return tuple(each for work in self.works for each in work.containers)

    @property
    def says_what_it_asks_for(self) -> bool:
        """Whether the resources of all of its containers are told: each asks for some."""
        told = [
            each.resource_requirements or each.resources.limits or each.resources.requests
            for each in self.all_containers
        ]
        return bool(told) and all(told)

    @property
    def ever_started(self) -> bool:
        """Whether anything of it is known to have run."""
        return self.started_at is not None or any(each.started_at for each in self.tries)

    @property
    def is_child(self) -> bool:
        """Whether it is one of the jobs of an array."""
        return self.array_properties.index is not None or ":" in self.job_id

    @property
    def begun(self) -> bool:
        """Whether anything shows that a host had it, be it for a try that never started, or it neither waits nor
        failed.
        """
        placed = self.ever_started or bool(self.tries) or any(each.was_placed for each in (self, *self.works))
        return placed or self.state not in ("running", "error")

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters that it ran on, as far as they are said: names of Amazon ECS, ARNs of EKS."""
        return frozenset(self._clusters()).union(*(each.clusters for each in self.tries))

    @property
    def tells_its_clusters(self) -> bool:
        """Whether it is said of each of its attempts where it ran."""
        started = [each for each in self.tries if each.started_at or each.stopped_at]
        return all(each.clusters for each in started) if started else bool(self.clusters)

    def _clusters(self) -> Iterator[str]:
        tasks = (each.container_instance_arn for each in self.ecs_properties.task_properties)
        return _clusters_of(self.container.container_instance_arn, *tasks)


def _clusters_of(*hosts: str) -> Iterator[str]:
    """The clusters in the long ARNs of hosts of Amazon ECS."""
    matches = map(_LONG_ARN.fullmatch, hosts)
    return (match["cluster"] for match in matches if match)


def state_of_batch_job(status: str) -> RunState:
    """What a status means, and our own word. One that is not known shows neither that the job goes on nor that it has
    ended.
    """
    return _STATES.get(status, "ending")


def is_of_batch(arn: object) -> bool:
    """Whether something is an ARN of AWS Batch's, whatever it names: Bedrock's events have it in the same member."""
    return service_of(str(arn)) == "batch"


def is_batch_job(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is one of DescribeJobs, or the part of it that is about one job, or of DescribeServiceJob."""
    return "jobQueue" in answer or "jobs" in answer or is_of_batch(answer.get("jobArn"))


def one_job(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of an answer that is about its one job. Raises MalformedBatchJob where it is not about one."""
    if "jobs" not in answer:
        return answer
    jobs = answer["jobs"]
    if not isinstance(jobs, Sequence) or len(jobs) != 1 or not isinstance(jobs[0], Mapping):
        raise MalformedBatchJob("the answer is not about one job: ask for each by itself")
    return jobs[0]


def parse_batch_job(answer: Mapping[str, Any], tags: Sequence[Mapping[str, str]] | None = None) -> BatchJob:
    """Read what DescribeJobs says of one job; `tags`, or those inside of it. Raises MalformedBatchJob with the field
    that is wrong.
    """
    try:
        job = one_job(answer)
        within = job.get("tags") or {}
        pairs = {str(tag["Key"]): str(tag["Value"]) for tag in tags} if tags is not None else within
        present = {key: value for key, value in job.items() if value is not None}
        return BatchJob.model_validate({**present, "tags": pairs})
    except ValidationError as error:
        raise MalformedBatchJob(what_is_wrong(error)) from error
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise MalformedBatchJob(f"not a description of a job: {error}") from error
