"""A run before its launch as its definition has it: a CreateTrainingJob request, a DescribeTrainingJob answer, or a
definition of a SageMaker pipeline, whose parameters have their default values.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flops_auditor.domain.runs.evidence import Evidence, plain
from flops_auditor.domain.runs.sources.training_job import read_training_job
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.remarks import Kind
from flops_auditor_cli.planned_run import Inputs

RUNS_TO_ITS_LIMIT = Kind("runs-to-its-limit", "it trains until its time limit, MaxRuntimeInSeconds: {seconds} s")
UNRESOLVED = "${%s}"


class NoJobDefinition(WrongInput):
    """A file that defines no training job, or one that cannot be planned from it."""

    remedy = (
        "Give a CreateTrainingJob request, an answer of `aws sagemaker describe-training-job`, or the definition of a "
        "pipeline (`aws sagemaker describe-pipeline --query PipelineDefinition`)."
    )


@dataclass(frozen=True)
class Step:
    """One training job of a definition; `after` names the steps whose results it uses."""

    name: str
    inputs: Inputs
    after: tuple[str, ...] = ()


def read_definition(document: Any) -> list[Step]:
    """The training jobs of a definition, in its order. Raises NoJobDefinition, MalformedJob."""
    if isinstance(document, str):  # a pipeline's definition comes as text inside of JSON
        try:
            document = json.loads(document)
        except ValueError as error:
            raise NoJobDefinition(f"a text that is not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise NoJobDefinition("not a JSON object")
    if isinstance(document.get("PipelineDefinition"), str):
        return read_definition(document["PipelineDefinition"])
    if "Steps" in document:
        return list(_training_steps(document))
    if "TrainingJobName" not in document and "AlgorithmSpecification" not in document:
        raise NoJobDefinition("neither a training job nor a pipeline")
    return [Step(str(document.get("TrainingJobName", "plan")), inputs_of(document))]


def inputs_of(request: Mapping[str, Any]) -> Inputs:
    """The inputs of a plan from one training job. Raises NoJobDefinition, MalformedJob."""
    described = {"TrainingJobName": "plan", "TrainingJobStatus": "InProgress", **plain(request)}
    tags = [each for each in described.get("Tags") or () if isinstance(each, Mapping)]
    run = read_training_job(Evidence(described, tags=tags))
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
    limit = run.limit_seconds
    return Inputs(
        name=run.name,
        instance_type=next(iter(kinds), None),
        instances=sum(group.instance_count for group in run.hosts) or None,
        seconds=Fraction(limit) if limit else None,
        precision=declared.precision or None,
        base_model=declared.base_model or None,
        parameters=declared.parameters,
        active_parameters=declared.active_parameters,
        tokens=declared.tokens,
        sequence_length=declared.sequence_length,
        method="lora" if declared.parameter_efficient and declared.tokens else None,
        trainable_parameters=declared.trainable_parameters,
        activity=declared.activity if declared.activity != "fine-tuning" else None,
        pretraining_flop=declared.pretraining_flop,
        stated=declared.stated,
        notes=(*declared.notes, *([RUNS_TO_ITS_LIMIT(seconds=limit)] if limit else [])),
    )


def _training_steps(pipeline: Mapping[str, Any]) -> Iterator[Step]:
    values = {
        str(each.get("Name")): each.get("DefaultValue")
        for each in pipeline.get("Parameters") or ()
        if isinstance(each, Mapping)
    }
    steps = [each for each in pipeline["Steps"] if isinstance(each, Mapping) and each.get("Type") == "Training"]
    if not steps:
        raise NoJobDefinition("the pipeline has no training step")
    names = {str(each.get("Name")) for each in steps}
    for each in steps:
        name, used = str(each.get("Name")), set[str]()
        arguments = resolved(each.get("Arguments") or {}, values, used)
        after = tuple(sorted((used | set(map(str, each.get("DependsOn") or ()))) & names - {name}))
        yield Step(name, inputs_of({**arguments, "TrainingJobName": name}), after)


def resolved(value: Any, values: Mapping[str, Any], used: set[str]) -> Any:
    """A part of a pipeline with the default values of its parameters; `used` gains the steps that it refers to.

    Amazon SageMaker Developer Guide, "Pipeline definition JSON schema": {"Get": "Parameters.X"}, {"Get": "Steps.Y.Z"},
    {"Std:Join": {"On": ",", "Values": [...]}}. What is known only when the pipeline runs stays visible as ${...}.
    """
    if isinstance(value, Mapping):
        if set(value) == {"Get"}:
            kind, _, name = str(value["Get"]).partition(".")
            if kind == "Parameters" and values.get(name) is not None:
                return values[name]
            if kind == "Steps":
                used.add(name.partition(".")[0])
            return UNRESOLVED % value["Get"]
        if set(value) == {"Std:Join"}:
            join = value["Std:Join"]
            parts = [resolved(each, values, used) for each in join.get("Values", ())]
            return str(join.get("On", "")).join(map(str, parts))
        return {name: resolved(each, values, used) for name, each in value.items()}
    return [resolved(each, values, used) for each in value] if isinstance(value, list) else value
