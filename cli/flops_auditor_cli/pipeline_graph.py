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


Branches = tuple[tuple[str, str], ...]
"""Where a step stands: the conditions that hold it, the outermost first, each with the branch."""


@dataclass
class PipelineStep:
    """A step. `uses` names what it uses itself; `after` all steps that it uses directly, those too that a condition
    which it uses holds. `defaults` are the parameters that it takes by their default values.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any]
    branches: Branches = ()
    uses: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    holds: set[str] = field(default_factory=set)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inside(self) -> tuple[str, ...]:
        """The conditions that hold it."""
        return tuple(condition for condition, _ in self.branches)

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
    for step, branches in _flat(steps, ()):
        name, kind = _name(step), str(step.get("Type"))
        if name in nodes:
            raise NoJobDefinition(f"two steps are called {name[:64]!r}")
        given, taken = step.get("Arguments"), Taken(values)
        own = {key: each for key, each in (given or {}).items() if kind != CONDITION or key not in BRANCHES}
        arguments = taken.resolved(own)
        uses = taken.steps | {_dependency(each, name) for each in step.get("DependsOn") or ()}
        nodes[name] = PipelineStep(name, kind, arguments, branches, frozenset(uses), defaults=taken.defaults)
        for outer in nodes[name].inside:
            nodes[outer].holds.add(name)
    for node in nodes.values():
        node.after = _direct(node, nodes)
    return {name: nodes[name] for name in _in_order(nodes)}


def _flat(steps: Any, branches: Branches) -> Iterator[tuple[Mapping[str, Any], Branches]]:
    """Every step, those inside of conditions too, with the branches that hold it."""
    if not isinstance(steps, list) or not all(isinstance(each, Mapping) for each in steps):
        raise NoJobDefinition("its steps are no list of objects")
    if len(branches) > DEEPEST:
        raise NoJobDefinition(f"more than {DEEPEST} conditions stand inside of each other")
    for step in steps:
        name, given = _name(step), step.get("Arguments")
        if given is not None and not isinstance(given, Mapping):
            raise NoJobDefinition(f"the arguments of step {name[:64]!r} are no object")
        if not isinstance(step.get("DependsOn") or [], list):
            raise NoJobDefinition(f"DependsOn of step {name[:64]!r} is no list")
        yield step, branches
        if step.get("Type") == CONDITION:
            for branch in BRANCHES:
                yield from _flat((given or {}).get(branch) or [], (*branches, (name, branch)))


def _name(step: Mapping[str, Any]) -> str:
    name = step.get("Name")
    if not isinstance(name, str) or not name:
        raise NoJobDefinition("a step has no name")
    return name


def _dependency(given: Any, name: str) -> str:
    """The step that one of DependsOn means: its name, or a reference to it."""
    if isinstance(given, Mapping) and set(given) == {"Get"}:
        kind, _, rest = str(given["Get"]).partition(".")
        given = rest.partition(".")[0] if kind == "Steps" else None
    if not isinstance(given, str) or not given:
        raise NoJobDefinition(f"DependsOn of step {name[:64]!r} has what names no step")
    return given


def _direct(node: PipelineStep, nodes: Mapping[str, PipelineStep]) -> frozenset[str]:
    """The steps that a step uses: a condition stands for all that it holds."""
    if node.name in node.uses:
        raise NoJobDefinition(f"steps use each other in a circle: {node.name[:64]} -> {node.name[:64]}")
    wanted = node.uses.union(node.inside)
    missing = sorted(wanted - set(nodes))
    if missing:
        raise NoJobDefinition(f"step {node.name[:64]!r} uses {missing[0][:64]!r}, and there is no such step")
    held = (nodes[name].holds for name in wanted if name not in node.inside)
    return frozenset(wanted.union(*held))


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


@dataclass
class Taken:
    """What a part of a pipeline takes from elsewhere: `steps` that it refers to, and `defaults` of the parameters, of
    whose `values` None is none.
    """

    values: Mapping[str, Any]
    steps: set[str] = field(default_factory=set)
    defaults: dict[str, Any] = field(default_factory=dict)

    def resolved(self, value: Any) -> Any:
        """A part of a pipeline with the default values of its parameters. Raises NoJobDefinition.

        {"Get": "Parameters.X"}, {"Get": "Steps.Y.Z"}, {"Std:Join": {"On": ",", "Values": [...]}}. What is known only
        when the pipeline runs stays visible as ${...}.
        """
        if isinstance(value, list):
            return [self.resolved(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"Get"}:
            return self._got(str(value["Get"]))
        if set(value) == {"Std:Join"}:
            join = value["Std:Join"]
            parts = join.get("Values") if isinstance(join, Mapping) else None
            if not isinstance(parts, list) or not isinstance(join.get("On", ""), str):
                raise NoJobDefinition("a Std:Join has no list of Values, or its On is no text")
            return join.get("On", "").join(str(self.resolved(each)) for each in parts)
        return {name: self.resolved(each) for name, each in value.items()}

    def _got(self, reference: str) -> Any:
        kind, _, name = reference.partition(".")
        if kind == "Parameters" and self.values.get(name) is not None:
            self.defaults[name] = self.values[name]
            return self.values[name]
        if kind == "Steps":
            self.steps.add(name.partition(".")[0])
        return UNRESOLVED % reference
