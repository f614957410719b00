"""What a step of a pipeline builds on where conditions decide: of a condition's branches only one runs."""

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from functools import reduce

from flops_auditor.domain.values.figures import Figures, exactly
from flops_auditor_cli.pipeline_graph import BRANCHES, CONDITION, Branches, PipelineStep


@dataclass(frozen=True)
class Before:
    """The training steps that count wherever this holds, and choices of which one each is taken."""

    steps: tuple[str, ...] = ()
    choices: tuple[tuple["Before", ...], ...] = ()

    def added(self, figures_of: Callable[[str], Figures]) -> Figures:
        """All together, in FLOP: of a choice at least the least, at most the greatest."""
        chosen = (reduce(Figures.either, (each.added(figures_of) for each in choice)) for choice in self.choices)
        return reduce(Figures.beside, (*map(figures_of, self.steps), *chosen), exactly(0))


def before(
    name: str, counted: Collection[str], graph: Mapping[str, PipelineStep], uses: Mapping[str, Set[str]]
) -> Before:
    """What a step builds on, of the `counted` training steps behind it. `uses` names what each one uses itself, a place
    that another one writes to included.
    """
    needed, waiting = {name}, [name]
    while waiting:
        node = graph[waiting.pop()]
        more = (uses[node.name] | set(node.inside)) - needed
        needed |= more
        waiting += more
    whole = {each for used in needed for each in uses[used] if graph[each].kind == CONDITION}
    return _Level(counted, graph, needed, whole).at((), surely=False)


@dataclass(frozen=True)
class _Level:
    """`needed` surely run where the step does; of the conditions in `whole` all counts that runs."""

    counted: Collection[str]
    graph: Mapping[str, PipelineStep]
    needed: Set[str]
    whole: Set[str]

    def at(self, branches: Branches, *, surely: bool) -> Before:
        """What counts of a branch, and of those inside of it. `surely`: if it runs, all of it counts."""
        here = [each for each in self.counted if self.graph[each].branches == branches]
        steps = [each for each in here if surely or each in self.needed]
        choices: list[tuple[Before, ...]] = [(Before((each,)), Before()) for each in here if each not in steps]
        for condition in self._conditions(branches):
            whole = surely or condition in self.whole
            taken = [each for each in BRANCHES if self._runs((*branches, (condition, each)))]
            options = [self.at((*branches, (condition, each)), surely=whole) for each in taken or BRANCHES]
            choices.append(tuple(options if taken or whole else [*options, Before()]))
        return Before(tuple(steps), tuple(choices))

    def _conditions(self, branches: Branches) -> dict[str, None]:
        """The conditions of a branch that hold something counted."""
        places = (self.graph[each].branches for each in self.counted)
        return {at[len(branches)][0]: None for at in places if len(at) > len(branches) and _within(at, branches)}

    def _runs(self, branches: Branches) -> bool:
        """Whether a branch surely runs: something that is needed stands in it."""
        return any(_within(self.graph[each].branches, branches) for each in self.needed)


def _within(inner: Branches, outer: Branches) -> bool:
    return inner[: len(outer)] == outer
