"""A job of AWS Batch as a run.

AWS Batch knows neither models nor metrics: its hosts and their hours bound the compute. What its owner wrote - tags,
parameters, environment, command - is read as that of a training job of SageMaker's.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from flops_auditor.domain.runs.declared import NOT_READ
from flops_auditor.domain.runs.evidence import BATCH_JOB, Evidence
from flops_auditor.domain.runs.nested import LONGEST_TEXT
from flops_auditor.domain.runs.pointer import PassedOver
from flops_auditor.domain.runs.run import HostMetrics, Run
from flops_auditor.domain.runs.sources import training_job
from flops_auditor.domain.runs.sources.batch_job_answer import (
    BATCH_JOB_ARN,
    BatchJob,
    MalformedBatchJob,
    one_job,
    parse_batch_job,
    plain_path,
)
from flops_auditor.domain.runs.sources.batch_job_hosts import Environments, asked_of, hosts_of_job
from flops_auditor.domain.runs.sources.batch_job_time import batch_job_time, limit_of
from flops_auditor.domain.runs.sources.channel_paths import ANY_CHANNEL
from flops_auditor.domain.runs.sources.training_job_answer import (
    MOST_ENTRIES,
    PLACES_NOT_KNOWN,
    MalformedJob,
    TrainingJob,
    parse_training_job,
)
from flops_auditor.domain.runs.sources.variables import LONGEST_VARIABLE, filled_in
from flops_auditor.domain.values.parts import objects_in

SOURCE = BATCH_JOB
ENVIRONMENTS = "computeEnvironments"
"""What a file of a person's may have beside the jobs: the answer of DescribeComputeEnvironments."""
WRAPS = "a service job wraps a training job of SageMaker's, which is recorded itself"
PART_OF_A_JOB = "a node is part of its multi-node job, which is recorded whole"
OF_CHILDREN = "an array job has no run of its own: each of its children is one"
NOT_BEGUN = "no host has had this child of an array, so that it has taken nothing"
NO_ACCELERATORS = "it asks for no accelerators"
_SLASHES = r"/(?:\./|/)*"
"""What is one slash of a path to whoever opens it."""
_PATH = re.compile(
    r"(?<![\w./:-])(?P<above>/(?:[\w.@+-]++/)*+)(?P<rest>[\w./@+-]*+)(?P<several>[*?\[{][^\s'\",;|&<>()]*+)?"
)
"""A whole path, whose last part may be a pattern that stands for several."""
_MOST_VARIABLES = 50
"""Of a text, that are filled in."""
_ATTEMPT = re.compile(r"\$(?:AWS_BATCH_JOB_ATTEMPT\b|\{AWS_BATCH_JOB_ATTEMPT\})")
_MOST_ATTEMPTS = 10
"""API Reference, RetryStrategy."""


def read_batch_job(evidence: Evidence) -> Run:
    """The run of what DescribeJobs says of one job, with what was asked beside it. Raises MalformedBatchJob, and
    PassedOver where it is no run.
    """
    arn = str(one_job(evidence.description).get("jobArn"))
    if reason := passed_over_by_name(arn):  # what is said of these has another form
        raise PassedOver(f"{arn}: {reason}")
    job = parse_batch_job(evidence.description, evidence.tags)
    if reason := passed_over(job):
        raise PassedOver(f"{job.job_arn}: {reason}")
    return run_of(job, evidence)


def passed_over(job: BatchJob) -> str:
    """Why a job is no run, in words; empty for one that is."""
    if reason := passed_over_by_name(job.job_arn):
        return reason
    if job.is_array:
        return OF_CHILDREN
    if job.is_child and not job.begun:
        return NOT_BEGUN
    told = bool(job.works) and job.state != "gone"
    return NO_ACCELERATORS if told and all(asked_of(work).nothing for work in job.works) else ""


def passed_over_by_name(arn: str) -> str:
    """Why what an ARN names is no run, whatever is said of it; empty where it may be one."""
    match = BATCH_JOB_ARN.fullmatch(arn)
    if match is None:
        return ""
    return WRAPS if match["kind"] == "service-job" else PART_OF_A_JOB if match["node"] else ""


def run_of(job: BatchJob, evidence: Evidence) -> Run:
    """The run of a job whose answer is parsed already; `job` has the tags of the evidence."""
    environments = environments_of(evidence)
    hosts, remarks = hosts_of_job(job, environments)
    time = batch_job_time(job, evidence.collected_at)
    time = replace(time, notes=(*time.notes, *(each for each in remarks if each.kind.remedy is None)))
    written = _written_in(job, environments, bool(evidence.description.get(PLACES_NOT_KNOWN)))
    told = training_job.run_of(written.job, Evidence({}))
    unread = [NOT_READ(what=written.unread)] if written.unread else []
    started = [each.started_at for each in job.tries if each.started_at]
    return replace(
        told,
        source=SOURCE,
        kind="Batch job",
        name=job.job_name,
        status=job.status,
        state=job.state,
        started=min(started, default=job.started_at),
        ended=job.stopped_at or max((span.end for span in time.spans), default=None),
        time=time,
        hosts=hosts,
        host_metrics=HostMetrics(),
        data_doubts=tuple(each for each in remarks if each.kind.remedy is not None),
        declared=replace(told.declared, figure_doubts=(*told.declared.figure_doubts, *unread)),
        limit_seconds=limit_of(job),
        role=next(filter(None, (work.role for work in job.works)), ""),
        stop_command=f"aws batch terminate-job --job-id {job.job_id} --reason REASON --region {job.region}",
    )


def environments_of(evidence: Evidence) -> Environments:
    """What was answered about compute environments, or stands beside the job in a person's file."""
    listed = objects_in(evidence.description.get(ENVIRONMENTS))
    return {**{str(each.get("computeEnvironmentArn")): each for each in listed}, **evidence.objects}


@dataclass(frozen=True)
class _Written:
    """What its owner wrote, in the members that a training job has for it, and kinds of texts, in words, of which there
    is more than is read.
    """

    job: TrainingJob
    unread: tuple[str, ...]


def _written_in(job: BatchJob, environments: Environments, by_its_event: bool) -> _Written:
    """Its texts as a training job's; volumes are its channels of file systems. `by_its_event`: there is more of them
    than is known. Raises MalformedBatchJob.
    """
    mounts = {path: name for work in job.works for path, name in work.mounts.items()}
    filled, whole = _filled_in(list(dict.fromkeys(container.line for container in job.all_containers)), job.parameters)
    lines = [each for line in filled for each in _in_each_attempt(line, job)]
    words = [word for line in lines for word in line]
    given, stated = _given(job, environments), _variables(job, lines[:-1])
    moved = _Moved(mounts, {**stated, **given})
    parameters, variables = _few(job.parameters), {**_few(stated, MOST_ENTRIES - len(given)), **given}
    unread = {
        "hyperparameters": len(parameters) < len(job.parameters),
        "variables": len(stated) > MOST_ENTRIES - len(given),
        "arguments": not whole or len(words) > MOST_ENTRIES,
    }
    answer = {
        "TrainingJobName": job.job_id,
        "TrainingJobArn": job.job_arn,
        "TrainingJobStatus": "Completed",
        "CreationTime": job.created_at,
        "HyperParameters": {name: moved.text(text) for name, text in parameters.items()},
        "Environment": {name: moved.text(text) for name, text in variables.items()},
        "AlgorithmSpecification": {"ContainerArguments": [moved.text(word) for word in words[:MOST_ENTRIES]]},
        "InputDataConfig": [
            {"ChannelName": name, "DataSource": {"FileSystemDataSource": {"FileSystemType": "EFS"}}}
            for name in dict.fromkeys(mounts.values())
        ],
        **({PLACES_NOT_KNOWN: True} if by_its_event else {}),
    }
    try:
        told = parse_training_job(answer, [{"Key": key, "Value": value} for key, value in job.tags.items()])
    except MalformedJob as error:
        raise MalformedBatchJob(str(error)) from error
    return _Written(told, tuple(what for what, more in unread.items() if more))


class _Moved:
    """Texts with paths in volumes as those in the channels that stand for these."""

    def __init__(self, mounts: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._mounts = mounts
        self._variables = {name: text for name, text in variables.items() if len(text) <= LONGEST_VARIABLE}
        self._room = LONGEST_TEXT
        paths = "|".join(re.escape(path).replace("/", _SLASHES) for path in sorted(mounts, key=len, reverse=True))
        self._paths = re.compile(rf"(?<![\w./-])(?:{paths})(?![\w.-])") if mounts else None

    def text(self, text: str) -> str:
        """A text that is moved, with its variables filled in where only these tell that a path is in a volume."""
        if self._paths is None:
            return text
        moved = filled = self._moved(text, self._paths)
        if "$" in text and self._room > 0:
            filled = self._moved(filled_in(text, self._variables, _MOST_VARIABLES), self._paths)
            self._room -= len(filled)
        inputs = training_job.FOLDERS.inputs
        return filled if filled.count(inputs) > moved.count(inputs) else moved

    def _moved(self, text: str, paths: re.Pattern[str]) -> str:
        return paths.sub(self._channel, _PATH.sub(lambda match: self._path(match, paths), text))

    def _path(self, match: re.Match[str], paths: re.Pattern[str]) -> str:
        """A path as whoever opens it goes it, where that leads into a volume, or may lead into several."""
        several, above = match["several"] or "", f"{plain_path(match['above'])}/"
        if several and "/" not in match["rest"] and any(path.startswith(above) for path in self._mounts):
            return f"{training_job.FOLDERS.inputs}{ANY_CHANNEL}"
        path = plain_path(f"{match['above']}{match['rest']}")
        return f"{path}{several}" if "/.." in match[0] and paths.match(path) else match[0]

    def _channel(self, match: re.Match[str]) -> str:
        return f"{training_job.FOLDERS.inputs}{self._mounts[plain_path(match[0])]}"


def _few(texts: Mapping[str, str], most: int = MOST_ENTRIES) -> dict[str, str]:
    return dict(islice(texts.items(), most))


def _variables(job: BatchJob, lines: Sequence[Sequence[str]]) -> dict[str, str]:
    """The variables of all containers: where two say unlike things by one name, both, the other by a name that is read
    alike. So do the options of several command lines, of which one alone would be heard: `lines` are the others.
    """
    told = dict.fromkeys((each.name, each.value) for container in job.all_containers for each in container.variables)
    pairs = dict.fromkeys((name, text) for name, value in told for [text] in _in_each_attempt([value], job))
    pairs |= dict.fromkeys(("command", shlex.join(line)) for line in lines if line)
    variables: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs):
        variables[f"{number}.{name}" if name in variables else name] = value
    return variables


def _in_each_attempt(texts: Sequence[str], job: BatchJob) -> Iterator[list[str]]:
    """Texts with the number of the attempt in place of the variable that has it: those of each attempt."""
    attempts = max(1, min(len(job.tries), _MOST_ATTEMPTS)) if any(map(_ATTEMPT.search, texts)) else 1
    return ([_ATTEMPT.sub(str(number), text) for text in texts] for number in range(1, attempts + 1))


def _given(job: BatchJob, environments: Environments) -> dict[str, str]:
    """Variables that AWS Batch gives its containers (User Guide, "AWS Batch job environment variables"), as far as each
    has one value that is known.
    """
    index, nodes = job.array_properties.index, job.node_properties
    names = [each.get("computeEnvironmentName") for each in environments.values() if isinstance(each, Mapping)]
    given = {
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JQ_NAME": job.job_queue.rsplit("/", 1)[-1],
        "AWS_BATCH_CE_NAME": names[0] if len(names) == len(environments) == 1 else None,
        "AWS_BATCH_JOB_ARRAY_INDEX": index,
        "AWS_BATCH_JOB_NUM_NODES": nodes.num_nodes if nodes else None,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def _filled_in(lines: Sequence[Sequence[str]], parameters: Mapping[str, str]) -> tuple[list[list[str]], bool]:
    """Command lines with the parameters in place of `Ref::name`, once, as AWS Batch fills them in (User Guide,
    "Parameters"), and whether that is all: no more is filled in than is read of a command line.
    """
    left = LONGEST_TEXT

    def value(match: re.Match[str]) -> str:
        nonlocal left
        left -= len(parameters[match["name"]])
        return parameters[match["name"]] if left >= 0 else match[0]

    names = "|".join(map(re.escape, sorted(parameters, key=len, reverse=True)))
    named = re.compile(f"Ref::(?P<name>{names})")
    filled = [[named.sub(value, word) if parameters else word for word in line] for line in lines]
    return filled, left >= 0
