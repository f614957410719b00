"""Plans of the training jobs of a definition, whose own word may not be trusted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from flops_auditor.domain.audit.distrusted import wary_policies
from flops_auditor.domain.audit.heard import Heard, Readings
from flops_auditor.domain.audit.plan import NOTHING, NOTHING_OBSERVED, NothingToPlan, Plan
from flops_auditor.domain.audit.planned_word import on_trust
from flops_auditor.domain.law.policy import Policy
from flops_auditor.domain.lineage.lineage import NO_LINEAGE
from flops_auditor.domain.values.figures import Figures
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor_cli.job_definition import Definition, Step, inputs_of
from flops_auditor_cli.near_names import did_you_mean
from flops_auditor_cli.planned_run import Inputs, Planned, UnusablePlan, check_given, check_used, plan_run

STEP_IN_DOUBT = Kind("earlier-step-in-doubt", "step {step}, which it builds on, is in doubt itself")
STEP_NOT_COUNTED = Kind(
    "earlier-step-not-counted", "step {step}, which it builds on, trains, and its compute is not counted"
)
ONLY_A_TAG_SAYS = Kind(
    "earlier-step-by-its-tag",
    "only tags say that {steps:list}, which it builds on, make data and train nothing, without which it would be "
    "{verdict}",
)


@dataclass(frozen=True)
class Behind:
    """What a step builds on: compute of the runs that it continues, and of making its data; `doubts` are about both. Of
    what was `generated`, only the tags of the steps `tagged` say so: were they wrong, `perhaps_earlier` counts as well.
    """

    earlier: Figures
    generated: Figures
    doubts: tuple[Remark, ...]
    tagged: tuple[str, ...] = ()
    perhaps_earlier: Figures = NOTHING

    def added_to(self, inputs: Inputs, heard: tuple[Remark, ...] = ()) -> Inputs:
        """The inputs with that. Where somebody gives the compute of earlier runs, no doubt `heard` of them matters."""
        of_its_own = () if inputs.earlier is not None else (*inputs.doubts, *heard)
        return replace(
            inputs,
            earlier=(inputs.earlier or NOTHING).beside(self.earlier),
            generated=(inputs.generated or NOTHING).beside(self.generated),
            doubts=(*of_its_own, *self.doubts),
        )


def plan_step(
    step: Step,
    options: Inputs,
    behind: Behind,
    policies: tuple[Policy, ...],
    now: datetime,
    *,
    trusts_statements: bool,
) -> Planned:
    """Plan one step. Raises UnusablePlan, NothingToPlan."""
    whole = replace(step.inputs.overridden_by(options), name=step.name)
    wary = wary_policies(policies, trusts_statements=trusts_statements)
    planned = plan_run(behind.added_to(whole), policies, now)
    if behind.tagged and planned.chosen.verdict == "below":
        other = replace(behind, earlier=behind.earlier.beside(behind.perhaps_earlier)).added_to(whole)
        verdict = plan_run(other, policies, now).chosen.verdict
        if verdict == "above" or (wary and verdict != "below"):
            doubt = ONLY_A_TAG_SAYS(steps=behind.tagged, verdict=verdict)
            behind = replace(behind, doubts=(*behind.doubts, doubt))
            planned = plan_run(behind.added_to(whole), policies, now)
    if not wary:
        return planned
    known: dict[tuple[object, ...], Planned | None] = {}

    def by_what_is_heard(heard: Heard) -> Planned | None:
        """The plan by what is left of the definition's statements; None where nothing bounds the run then."""
        key = (heard.gone, heard.doubts)
        if key not in known:
            left = inputs_of(replace(step.run, declared=heard.declared), step.begins)
            inputs = behind.added_to(left.overridden_by(options), heard.doubts)
            known[key] = _planned_if_possible(inputs, policies, now)
        return known[key]

    def in_the_same_way(plan: Plan) -> Callable[[Heard], Plan | None]:
        """The same, trained in the way of a plan, or in full where that is no way any more."""

        def again(heard: Heard) -> Plan | None:
            other = by_what_is_heard(heard)
            if other is None:
                return None
            return next((each for each in other.plans if each.way.name == plan.way.name), other.chosen)

        return again

    heard = Heard(
        Readings(step.run.declared),
        NOTHING_OBSERVED,
        NO_LINEAGE,
        {},
        (),
        reads=step.run.reads if step.run.declared.lineage else (),
    )
    trusted = {
        plan.way.name: on_trust(plan, heard, in_the_same_way(plan), policies, wary)
        for plan in {each.way.name: each for each in (*planned.plans, planned.chosen)}.values()
    }
    chosen = trusted[planned.chosen.way.name]
    return replace(
        planned,
        wanted=replace(planned.wanted, doubts=(*planned.wanted.doubts, *chosen.doubts)),
        chosen=chosen.plan,
        plans=tuple(trusted[each.way.name].plan for each in planned.plans),
        without_its_word=chosen.without,
    )


def _planned_if_possible(inputs: Inputs, policies: tuple[Policy, ...], now: datetime) -> Planned | None:
    """A plan of what is left: tokens of a model of unknown size say nothing then, and the hardware alone is planned."""
    alone = replace(inputs, tokens=None, epochs=None, trainable_parameters=None, method=None)
    for each in (inputs, alone):
        try:
            return plan_run(each, policies, now)
        except (UnusablePlan, NothingToPlan):
            continue
    return None


def planned_steps(
    definition: Definition,
    step: str | None,
    options: Inputs,
    policies: tuple[Policy, ...],
    now: datetime,
    *,
    trusts_statements: bool,
) -> list[Planned]:
    """The plans of a definition's training jobs; what a step builds on counts, bound by bound."""
    names = [each.name for each in definition.steps]
    if step is not None and step not in names:
        raise UnusablePlan(f"no training step is called {step!r}.{did_you_mean(step, names)} There are {names}")
    done: dict[str, Planned] = {}
    for each in definition.steps:
        before = [done[name] for name in each.after]
        if step in (None, each.name):
            inputs = each.inputs.overridden_by(options)
            check_used(options, inputs)
            check_given(inputs)
        behind = Behind(
            each.before.added(partial(_alone, done, False)),
            each.before.added(partial(_alone, done, True)),
            (
                *(STEP_IN_DOUBT(step=p.name) for p in before if _in_doubt(p)),
                *(STEP_NOT_COUNTED(step=name) for name in each.after_not_counted),
            ),
            tuple(p.name for p in before if _only_tagged(p)),
            each.before.added(lambda name: _alone(done, True, name) if _only_tagged(done[name]) else NOTHING),
        )
        done[each.name] = plan_step(each, options, behind, policies, now, trusts_statements=trusts_statements)
    return [each for name, each in done.items() if step in (None, name)]


def _in_doubt(planned: Planned) -> bool:
    """Whether nothing bounds a step, also where its own word is not trusted, or what it builds on is not known."""
    return bool(planned.chosen.contradictions or planned.wanted.doubts) or planned.without_its_word is None


def _only_tagged(planned: Planned) -> bool:
    """Whether only a tag says that a step makes data."""
    return planned.wanted.activity == "synthetic-data" and planned.wanted.activity_tagged


def _alone(done: Mapping[str, Planned], generates: bool, name: str) -> Figures:
    """What an earlier step adds to the weights or, if it `generates` data, to the data; nothing of the other kind. With
    its own word or without, where that is not trusted.
    """
    planned = done[name]
    if (planned.wanted.activity == "synthetic-data") != generates:
        return NOTHING
    return planned.chosen.alone.either(planned.without_its_word or planned.chosen.alone)
