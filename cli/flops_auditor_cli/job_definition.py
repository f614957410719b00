"""A run before its launch as its definition has it: a CreateTrainingJob request, a DescribeTrainingJob answer, or a
definition of a SageMaker pipeline, whose parameters have their default values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from flops_auditor.domain.lineage.lineage import unknown_beginnings
from flops_auditor.domain.runs.declared import ModelName
from flops_auditor.domain.runs.evidence import Evidence, plain
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.domain.runs.sources.training_job import read_training_job
from flops_auditor.domain.values.remarks import Kind, Remedy
from flops_auditor_cli.pipeline_branches import Before, before
from flops_auditor_cli.pipeline_graph import OF_A_STEP, NoJobDefinition, OtherStep, PipelineStep, read_graph
from flops_auditor_cli.planned_run import Inputs

RUNS_TO_ITS_LIMIT = Kind("runs-to-its-limit", "it trains until its time limit, MaxRuntimeInSeconds: {seconds} s")
BY_DEFAULT = Kind(
    "parameters-by-default",
    "parameters of the pipeline have their default values, and whoever starts it may give others: {values:list}",
)
BEGINS_ELSEWHERE = Kind(
    "begins-elsewhere",
    "it begins with what may be another run's result, whose compute counts as well and is not known: {places:list}",
    Remedy(
        "give-earlier-flop",
        "give it with --earlier-flop (0 where nobody of yours trained it), or tag the job with "
        "flops-auditor:lineage = none",
    ),
)


@dataclass(frozen=True)
class Step:
    """One training job of a definition. `after` names the training steps that it builds on, each of which comes before
    it, and `before` says which of them count together; `after_not_counted` are those that train and are not counted.
    `run` and what it `begins` with are what the inputs were read from.
    """

    name: str
    inputs: Inputs
    run: Run
    begins: tuple[Reference, ...]
    after: tuple[str, ...] = ()
    after_not_counted: tuple[str, ...] = ()
    before: Before = field(default_factory=Before)


@dataclass(frozen=True)
class Definition:
    """The training jobs of a definition, each after those that it builds on, and the steps that `trains` or may train
    but are none.
    """

    steps: tuple[Step, ...]
    not_counted: tuple[OtherStep, ...] = ()
    pipeline: bool = False


def read_definition(document: Any) -> Definition:
    """What is to be planned. Raises NoJobDefinition, MalformedJob."""
    if isinstance(document, str):  # a pipeline's definition comes as text inside of JSON
        try:
            document = json.loads(document)
        except ValueError as error:
            raise NoJobDefinition(f"a text that is not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise NoJobDefinition("not a JSON object")
    job = "TrainingJobName" in document or "AlgorithmSpecification" in document
    if sum((job, "Steps" in document, "PipelineDefinition" in document)) > 1:
        raise NoJobDefinition("it is both a training job and a pipeline, or two pipelines: which one is meant?")
    if isinstance(document.get("PipelineDefinition"), str):
        return read_definition(document["PipelineDefinition"])
    if "Steps" in document:
        return _pipeline(document)
    if not job:
        raise NoJobDefinition("neither a training job nor a pipeline")
    run = run_of(document)
    return Definition(
        (Step(str(document.get("TrainingJobName", "plan")), inputs_of(run, run.begins), run, run.begins),)
    )


def run_of(request: Mapping[str, Any]) -> Run:
    """One training job as a run. Raises NoJobDefinition, MalformedJob."""
    resources = request.get("ResourceConfig")
    if isinstance(resources, Mapping) and resources.get("InstanceGroups") and resources.get("InstanceCount"):
        raise NoJobDefinition("it has both InstanceCount and InstanceGroups, and SageMaker takes one of them")
    described = {"TrainingJobName": "plan", "TrainingJobStatus": "InProgress", **plain(request)}
    tags = [each for each in described.get("Tags") or () if isinstance(each, Mapping)]
    return read_training_job(Evidence(described, tags=tags))


def inputs_of(run: Run, begins: Sequence[Reference]) -> Inputs:
    """The inputs of a plan from one training job; `begins` are places whose makers are not planned with it. Raises
    NoJobDefinition.
    """
    declared = run.declared
    if declared.activity == "not-training":
        raise NoJobDefinition("it says of itself that it trains nothing")
    if not run.hardware_disclosed:
        raise NoJobDefinition("a serverless job names no hardware: give the model and --tokens instead")
    kinds = {group.instance_type for group in run.hosts}
    if len(kinds) > 1:
        raise NoJobDefinition(f"it has unlike hosts ({', '.join(sorted(kinds))}), and a plan takes one instance type")
    if doubts := [remark.words for remark in (*declared.figure_doubts, *declared.threshold_doubts)]:
        raise NoJobDefinition("; ".join(doubts))
    hosts = sum(group.instance_count for group in run.hosts)
    if run.hosts and not hosts:
        raise NoJobDefinition("it has no hosts: InstanceCount is 0")
    limit, places = run.limit_seconds, unknown_beginnings(begins, run.results)
    return Inputs(
        name=run.name,
        instance_type=next(iter(kinds), None),
        instances=hosts or None,
        seconds=Fraction(limit) if limit else None,
        precision=declared.precision if declared.precision_tagged else None,
        guessed_precision=declared.precision or None,
        names=tuple(_placed(name) for name in declared.names),
        parameters=declared.parameters,
        active_parameters=declared.active_parameters,
        parameters_source=declared.parameters_source,
        tokens=declared.tokens,
        sequence_length=declared.sequence_length,
        trainable_parameters=declared.trainable_parameters,
        activity=declared.activity if declared.activity != "fine-tuning" else None,
        pretraining_flop=declared.pretraining_flop,
        pretraining_source=declared.pretraining_source,
        stated=declared.stated,
        notes=(*declared.notes, *([RUNS_TO_ITS_LIMIT(seconds=limit)] if limit else [])),
        declared=declared,
        of_a_job=True,
        doubts=(*([BEGINS_ELSEWHERE(places=places)] if places else []), *run.begins_doubts),
    )


def _placed(name: ModelName) -> ModelName:
    """A name that is what an earlier step makes: a place, though the pipeline does not know it yet."""
    return replace(name, text=f"s3://{name.text}") if name.text.startswith(OF_A_STEP) else name


def _pipeline(document: Mapping[str, Any]) -> Definition:
    """The training steps of a pipeline. Its order of steps means nothing: what a step uses comes before it."""
    values = {
        str(each.get("Name")): each.get("DefaultValue")
        for each in document.get("Parameters") or ()
        if isinstance(each, Mapping)
    }
    graph = read_graph(document["Steps"], values)
    runs = {name: run_of({**graph[name].arguments, "TrainingJobName": name}) for name in graph if graph[name].counted}
    if not runs:
        raise NoJobDefinition("the pipeline has no training step")
    steps: list[Step] = []
    behind: dict[str, frozenset[str]] = {}
    uses: dict[str, frozenset[str]] = {}
    for name, node in graph.items():
        begins = runs[name].begins if node.counted else ()
        made_by = {place: _makers(place, steps, graph, runs) for place in begins}
        direct = node.after.union(*made_by.values())
        uses[name] = node.uses.union(*made_by.values())
        behind[name] = direct.union(*(behind[each] for each in direct))
        if node.counted:
            unknown = [place for place in begins if not made_by[place]]
            trained = tuple(each.name for each in steps if each.name in behind[name])
            uncounted = tuple(each for each in graph if each in behind[name] and graph[each].other.trains)
            inputs = inputs_of(runs[name], unknown)
            if defaults := tuple(f"{key}={value}" for key, value in node.defaults.items()):
                inputs = replace(inputs, notes=(*inputs.notes, BY_DEFAULT(values=defaults)))
            behind_it = before(name, trained, graph, uses)
            steps.append(Step(name, inputs, runs[name], tuple(unknown), trained, uncounted, behind_it))
    others = (node.other for node in graph.values() if not node.counted)
    return Definition(tuple(steps), tuple(each for each in others if each.trains or each.may_train), pipeline=True)


def _makers(
    place: Reference, steps: Sequence[Step], graph: Mapping[str, PipelineStep], runs: Mapping[str, Run]
) -> set[str]:
    """The earlier steps that leave results at a place that a step begins from; none of what is data."""
    earlier = () if place.data else tuple(each.name for each in steps)
    return {name for name in earlier if _writes_to(graph[name].arguments, runs[name], place.location)}


def _writes_to(arguments: Mapping[str, Any], run: Run, place: Location) -> bool:
    """Whether a training step leaves results at a place. SageMaker chooses the job's name, which its path has."""
    output = arguments.get("OutputDataConfig")
    path = read_location(str(output.get("S3OutputPath"))) if isinstance(output, Mapping) else None
    below = path is not None and not path.whole_bucket and path.holds(place)
    return below or any(result.holds(place) for result in run.results)
