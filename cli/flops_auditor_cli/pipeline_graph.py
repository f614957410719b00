"""The steps of a SageMaker pipeline as a graph: which steps each one uses, directly, whatever order they are listed in.

Amazon SageMaker Developer Guide, "Pipeline definition JSON schema": steps name each other in `DependsOn`, by references
such as {"Get": "Steps.A.ModelArtifacts"}, and by standing inside of a condition.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from flops_auditor.domain.values.errors import WrongInput

UNRESOLVED = "${%s}"
OF_A_STEP = "${Steps."
"""How what an earlier step makes begins, until the pipeline runs."""
TRAINING, CONDITION = "Training", "Condition"
TRAINS = frozenset({"Tuning", "AutoML"})
"""Steps that train models as often as they like: their compute is not counted, and never taken for little."""
TRAINS_NOT = frozenset(
    {CONDITION, "Model", "CreateModel", "RegisterModel", "Transform", "Fail", "QualityCheck", "ClarifyCheck"}
)
"""Steps that train nothing; any other one may."""
BRANCHES = ("IfSteps", "ElseSteps")
DEEPEST = 20
"""Conditions inside of each other; SageMaker allows fewer."""


class NoJobDefinition(WrongInput):
    """A file that defines no training job, or one that cannot be planned from it."""

    remedy = (
        "Give a CreateTrainingJob request, an answer of `aws sagemaker describe-training-job`, or the definition of a "
        "pipeline (`aws sagemaker describe-pipeline --query PipelineDefinition`)."
    )


@dataclass(frozen=True)
class OtherStep:
    """A step that is no training job; `kind` is its type."""

    name: str
    kind: str

    @property
    def trains(self) -> bool:
        """Whether it surely trains."""
        return self.kind in TRAINS

    @property
    def may_train(self) -> bool:
        """Whether nobody can say that it does not."""
        return self.kind not in TRAINS | TRAINS_NOT


@dataclass
class PipelineStep:
    """A step. `after` names the steps that it uses directly."""

    name: str
    kind: str
    arguments: Mapping[str, Any]
    after: frozenset[str] = frozenset()
    inside: tuple[str, ...] = ()
    holds: set[str] = field(default_factory=set)

    @property
    def counted(self) -> bool:
        """Whether it is a training job."""
        return self.kind == TRAINING

    @property
    def other(self) -> OtherStep:
        """What is said of it where it is none."""
        return OtherStep(self.name, self.kind)


def read_graph(steps: Any, values: Mapping[str, Any]) -> dict[str, PipelineStep]:
    """All steps by name, each after those that it uses. `values` are those of the pipeline's parameters.

    Raises NoJobDefinition for steps that use each other in a circle, or one that is not there.
    """
    nodes: dict[str, PipelineStep] = {}
    for step, inside in _flat(steps, ()):
        name, kind = str(step.get("Name")), str(step.get("Type"))
        if name in nodes:
            raise NoJobDefinition(f"two steps are called {name[:64]!r}")
        given = step.get("Arguments")
        used: set[str] = set()
        own = {key: each for key, each in (given or {}).items() if kind != CONDITION or key not in BRANCHES}
        arguments = resolved(own, values, used)
        depends = step.get("DependsOn") or ()
        used |= {each for each in depends if isinstance(each, str)}
        resolved([each for each in depends if not isinstance(each, str)], values, used)
        nodes[name] = PipelineStep(name, kind, arguments, frozenset(used), inside)
        for outer in inside:
            nodes[outer].holds.add(name)
    for node in nodes.values():
        node.after = _direct(node, nodes)
    return {name: nodes[name] for name in _in_order(nodes)}


def _flat(steps: Any, inside: tuple[str, ...]) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Every step, those inside of conditions too, with the conditions that hold it."""
    if not isinstance(steps, list) or not all(isinstance(each, Mapping) for each in steps):
        raise NoJobDefinition("its steps are no list of objects")
    if len(inside) > DEEPEST:
        raise NoJobDefinition(f"more than {DEEPEST} conditions stand inside of each other")
    for step in steps:
        given = step.get("Arguments")
        if given is not None and not isinstance(given, Mapping):
            raise NoJobDefinition(f"the arguments of step {str(step.get('Name'))[:64]!r} are no object")
        if not isinstance(step.get("DependsOn") or [], list):
            raise NoJobDefinition(f"DependsOn of step {str(step.get('Name'))[:64]!r} is no list")
        yield step, inside
        if step.get("Type") == CONDITION:
            for branch in BRANCHES:
                yield from _flat((given or {}).get(branch) or [], (*inside, str(step.get("Name"))))


def _direct(node: PipelineStep, nodes: Mapping[str, PipelineStep]) -> frozenset[str]:
    """The steps that a step uses: a condition stands for all that it holds."""
    wanted = (set(node.after) | set(node.inside)) - {node.name}
    missing = sorted(wanted - set(nodes))
    if missing:
        raise NoJobDefinition(f"step {node.name[:64]!r} uses {missing[0][:64]!r}, and there is no such step")
    held = (nodes[name].holds for name in wanted if name not in node.inside)
    return frozenset(wanted.union(*held) - {node.name})


def _in_order(nodes: Mapping[str, PipelineStep]) -> Iterator[str]:
    """Names of the steps, each after those that it uses, else as the definition has them."""
    sorter = TopologicalSorter({name: node.after for name, node in nodes.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(str(name)[:64] for name in error.args[1])
        raise NoJobDefinition(f"steps use each other in a circle: {circle}") from error
    place = {name: number for number, name in enumerate(nodes)}
    while sorter.is_active():
        for name in sorted(sorter.get_ready(), key=place.__getitem__):
            yield name
            sorter.done(name)


def resolved(value: Any, values: Mapping[str, Any], used: set[str]) -> Any:
    """A part of a pipeline with the default values of its parameters; `used` gains the steps that it refers to.

    {"Get": "Parameters.X"}, {"Get": "Steps.Y.Z"}, {"Std:Join": {"On": ",", "Values": [...]}}. What is known only when
    the pipeline runs stays visible as ${...}.
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
