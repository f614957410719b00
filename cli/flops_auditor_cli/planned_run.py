"""What a run is planned to be: from options, from a definition of a training job, or from both."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from fractions import Fraction
from functools import partial
from typing import Any

from flops_auditor import data
from flops_auditor.domain.audit.plan import NOTHING, Plan, Targets, Wanted, make_plan, ways
from flops_auditor.domain.compute.cautions import ACTIVE_PARAMETERS_CONTRADICT
from flops_auditor.domain.compute.hardware import bounding_peak, select_peak
from flops_auditor.domain.compute.tiers import HardwareUse
from flops_auditor.domain.law.policy import Policy
from flops_auditor.domain.lineage.lineage import NO_LINEAGE
from flops_auditor.domain.originals.find_origin import MORE_THAN_ANY, Origin, find_origin
from flops_auditor.domain.runs.declared import Activity, Declared, ModelName
from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.runs.model_size import is_partial
from flops_auditor.domain.runs.stated import NOTHING_STATED, Stated
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.figures import Figures
from flops_auditor.domain.values.precision import recognise_precision
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor_cli.near_names import did_you_mean

NO_MODEL = "none"
FROM_NONE = "none: the run begins with no weights"
OF_TOKENS = (
    "epochs",
    "parameters",
    "active_parameters",
    "sequence_length",
    "lora_rank",
    "lora_target",
    "spectrum_fraction",
    "trainable_parameters",
)
"""What counts in a product of parameters and tokens alone."""
OF_LORA = ("lora_rank", "lora_target", "trainable_parameters")
OF_SPECTRUM = ("spectrum_fraction",)
"""What counts in one way of training alone."""
LORA_RANK = 16
SPECTRUM_FRACTION = Fraction(1, 2)
OF_HARDWARE = ("accelerators", "precision", "mfu")
NOT_GIVEN = re.compile(r"\$\{Parameters\.([^${}]*)\}")
"""What a pipeline's parameter without a default value leaves, until somebody starts the pipeline."""
OPTION_NAMES = {
    "parameters": "--params",
    "active_parameters": "--active-params",
    "trainable_parameters": "--trainable-params",
}
PEAK_GIVEN = Kind("peak-as-given", "peak as given: {peak:flop4} FLOP/s")
PLANNED_HARDWARE = Kind("planned-hardware", "{count:g} x {name}, {peak:flop4} FLOP/s each, {basis}")
PLANNED_HOSTS = Kind(
    "planned-hosts", "{hosts} x {instance_type}: {count:g} x {name}, {peak:flop4} FLOP/s each, {basis}"
)
PARAMETERS = Kind("parameters", "parameters: {source}")


class UnusablePlan(WrongInput):
    """The inputs of a plan do not go together, or name what is not known."""

    remedy = "`flops-auditor plan --help` says what each option means."


@dataclass(frozen=True)
class Inputs:
    """A run as it is described, every part of it optional. `seconds` is how long it trains; amounts are whole.

    `base_model` is what an option calls the original, and overrides the `names` that a definition gives it.
    `declared` is what a definition says of the run beside that.
    `of_a_job`: a job's own definition plans it, whose arithmetic may turn out faster than it says, as in an audit.
    `guessed_precision` is what hyperparameters point at: a bound takes no slower peak than the default for it, and none
    slower than that of a format that anything of a job's definition mentions.
    `parameters_source` and `pretraining_source` are who says so. `earlier` is what the runs took that it
    continues, None where nobody says; `doubts` are about what is not known.
    """

    name: str = "plan"
    instance_type: str | None = None
    instances: int | None = None
    accelerator: str | None = None
    accelerators: Fraction | None = None
    seconds: Fraction | None = None
    accelerator_seconds: Fraction | None = None
    peak_flop_per_s: Fraction | None = None
    precision: str | None = None
    guessed_precision: str | None = None
    mfu: Fraction | None = None
    base_model: str | None = None
    names: tuple[ModelName, ...] = ()
    parameters: int | None = None
    active_parameters: int | None = None
    parameters_source: str = "--params"
    tokens: int | None = None
    epochs: Fraction | None = None
    sequence_length: int | None = None
    method: str | None = None
    lora_rank: int | None = None
    lora_target: Targets | None = None
    spectrum_fraction: Fraction | None = None
    trainable_parameters: int | None = None
    activity: Activity | None = None
    pretraining_flop: int | None = None
    pretraining_source: str = "--pretrain-flops gives"
    earlier: Figures | None = None
    generated: Figures | None = None
    stated: Stated = NOTHING_STATED
    notes: tuple[Remark, ...] = field(default=())
    doubts: tuple[Remark, ...] = field(default=())
    declared: Declared = field(default_factory=Declared)
    of_a_job: bool = False

    def overridden_by(self, options: "Inputs") -> "Inputs":
        """These inputs with what the options say in place of what they say."""
        default = Inputs()
        given = {
            each.name: value
            for each in fields(Inputs)
            if each.name != "stated" and (value := getattr(options, each.name)) != getattr(default, each.name)
        }
        stated = self.stated.overridden_by(options.stated)
        if options.parameters is not None or options.active_parameters is not None:
            given["parameters_source"] = options.parameters_source
        if options.pretraining_flop is not None:
            given["pretraining_source"], stated = options.pretraining_source, stated.with_figure_confirmed()
        return replace(self, **given, stated=stated)


@dataclass(frozen=True)
class Planned:
    """A run with its plans: the chosen way of training, and all ways side by side. `without_its_word` are its own
    figures in FLOP without what its definition says, where that is not trusted; None where nothing bounds them.
    """

    wanted: Wanted
    chosen: Plan
    plans: tuple[Plan, ...]
    base_model: str
    hosts: tuple[dict[str, Any], ...]
    name: str
    now: datetime
    without_its_word: Figures | None = None


def plan_run(inputs: Inputs, policies: tuple[Policy, ...], now: datetime) -> Planned:
    """Plan a run from today on. Raises UnusablePlan, NothingToPlan."""
    check_together(inputs)
    hardware, notes = planned_hardware(inputs)
    if (inputs.seconds or inputs.accelerator_seconds) and hardware is None:
        raise UnusablePlan("hours need hardware: --instance-type, --accelerator or --peak-flop-per-s")
    declared = declared_in(inputs)
    origin = planned_origin(inputs, declared)
    size, original = origin.size, origin.original
    if inputs.tokens is not None and size is None:
        raise UnusablePlan("tokens say nothing without a model: add --base-model (with a known size) or --params")
    sized = size is not None and inputs.tokens is not None
    if size is not None and (inputs.trainable_parameters or 0) > size.total:
        raise UnusablePlan("the trainable parameters are more than all parameters of the model")
    of_size = [PARAMETERS(source=size.source)] if size is not None and sized else []
    wanted = Wanted(
        hardware,
        size,
        inputs.mfu,
        original,
        declared,
        inputs.of_a_job and inputs.activity == inputs.declared.activity,
        inputs.earlier or NOTHING,
        inputs.generated or NOTHING,
        (*inputs.notes, *origin.notes, *notes, *of_size),
        inputs.doubts,
        tuple(_contradicting(origin, sized=sized)),
        on=now.date(),
        known_peak=known_peak(inputs),
        known_peaks=known_peaks(inputs),
    )
    possible = ways(
        size if sized else None,
        inputs.lora_rank or LORA_RANK,
        inputs.lora_target or "all-linear",
        inputs.spectrum_fraction or SPECTRUM_FRACTION,
        inputs.trainable_parameters,
        unknown_adapters=inputs.declared.parameter_efficient,
    )
    adapters_only = sized and is_partial(inputs.declared, size)
    method = inputs.method or ("lora" if adapters_only else "full")
    if method != "full" and len(possible) == 1:
        raise UnusablePlan(f"--method {method} needs a model and --tokens")
    plans = tuple(make_plan(wanted, way, policies) for way in possible)
    chosen = next(plan for plan in plans if plan.way.name == method)
    hosts = ({"type": inputs.instance_type, "count": inputs.instances or 1},) if inputs.instance_type else ()
    shown = (chosen,) if declared.activity == "pretraining" or from_scratch(inputs) else plans
    return Planned(wanted, chosen, shown, origin.base_model, hosts, inputs.name, now, chosen.alone)


def from_scratch(inputs: Inputs) -> bool:
    """Whether the run is said to begin with no weights."""
    if inputs.base_model is not None:
        return inputs.base_model.lower() == NO_MODEL
    return not inputs.names and bool(inputs.stated.from_scratch)


def check_together(inputs: Inputs) -> None:
    """No number of units may be ignored, since that understates the run. Raises UnusablePlan."""
    if inputs.instance_type and inputs.accelerator:
        raise UnusablePlan("give either --instance-type or --accelerator")
    if inputs.instances is not None and inputs.instance_type is None:
        raise UnusablePlan("--instances needs --instance-type; --accelerators counts single accelerators")
    if inputs.accelerators and inputs.instance_type:
        raise UnusablePlan("--accelerators belongs to --accelerator; an --instance-type has its own number")
    if from_scratch(inputs) and (inputs.pretraining_flop is not None or inputs.stated.ours is not None):
        raise UnusablePlan("--base-model none says that there is no original: leave out what is said of it")
    if inputs.accelerators is not None and inputs.accelerators.denominator != 1:
        raise UnusablePlan("--accelerators is a whole number of them; a part of one has a peak of its own")
    if inputs.seconds and inputs.accelerator_seconds:
        raise UnusablePlan("give either --hours or --accelerator-hours")


def precision_of(inputs: Inputs) -> str | None:
    """The number format. Raises UnusablePlan for one that is not known."""
    if inputs.precision is None:
        return inputs.guessed_precision
    known = recognise_precision(inputs.precision)
    if known is None:
        raise UnusablePlan(f"--precision: {inputs.precision[:40]!r} is not one of bf16, fp16, fp8, fp4, tf32, fp32")
    return known


def planned_hardware(inputs: Inputs) -> tuple[HardwareUse | None, list[Remark]]:
    """The hardware of the plan with its time, and what is assumed of it. Raises UnusablePlan for unknown names."""
    table, peak, precision = data.hardware_table(), inputs.peak_flop_per_s, precision_of(inputs)
    if inputs.instance_type is None and inputs.accelerator is None:
        if peak is None:
            return None, []
        units = inputs.accelerators or Fraction(1)
        lowest = data.published_utilisation().of("").lowest
        use = HardwareUse("accelerator", units, _seconds(inputs, units), peak, peak, lowest_utilisation=lowest)
        return use, [PEAK_GIVEN(peak=peak)]
    if inputs.instance_type is not None:
        kind = table.find(inputs.instance_type)
        if kind is None:
            near = did_you_mean(inputs.instance_type, table.instance_types)
            raise UnusablePlan(
                f"{inputs.instance_type!r} is no training instance type.{near} "
                "`flops-auditor catalog instance-types` lists them"
            )
        count = inputs.instances or 1
        name, peaks, units = kind.unit_name, kind.peaks, kind.units * count
        watts, hardware = kind.power_watts, partial(PLANNED_HOSTS, hosts=count, instance_type=kind.name)
    else:
        unit = table.find_accelerator(inputs.accelerator or "")
        if unit is None:
            known = ", ".join(table.accelerators)
            near = did_you_mean(inputs.accelerator or "", table.accelerators)
            raise UnusablePlan(f"accelerator {inputs.accelerator!r} is unknown.{near} Known are {known}")
        name, peaks, units = unit.name, unit.peaks, inputs.accelerators or Fraction(1)
        hardware = partial(PLANNED_HARDWARE)
        watts = None if unit.tdp_watts is None else Fraction(unit.tdp_watts)
    rate, basis, _ = select_peak(peaks, precision, name)
    bound = bounding_peak(peaks, name, rate, inputs.declared.hinted_precision, sure=inputs.precision is not None)
    if peak is not None:
        rate, bound, basis = peak, peak, "as given"
    note = hardware(count=units, name=name, peak=rate, basis=basis)
    shown = inputs.instance_type or name
    lowest, seconds = data.published_utilisation().of(name).lowest, _seconds(inputs, units)
    use = HardwareUse(
        shown,
        units,
        seconds,
        rate,
        max([bound, *(peaks.values() if inputs.of_a_job and peak is None else ())]),
        watts=watts or Fraction(0),
        bound_peak=bound,
        lowest_utilisation=lowest,
    )
    return use, [note]


def known_peak(inputs: Inputs) -> Fraction | None:
    """The table's own peak of a unit in FLOP/s, where another one is given; None where there is nothing to compare."""
    if inputs.peak_flop_per_s is None or (inputs.instance_type is None and inputs.accelerator is None):
        return None
    return of_table.peak if (of_table := planned_hardware(replace(inputs, peak_flop_per_s=None))[0]) else None


def known_peaks(inputs: Inputs) -> tuple[Fraction, Fraction] | None:
    """The lowest and the highest peak of all accelerators, in FLOP/s, where only a peak says which hardware it is."""
    if inputs.peak_flop_per_s is None or inputs.instance_type is not None or inputs.accelerator is not None:
        return None
    peaks = [peak for unit in data.hardware_table().accelerators.values() for peak in unit.peaks.values()]
    return min(peaks), max(peaks)


def _seconds(inputs: Inputs, units: Fraction) -> Fraction:
    return inputs.accelerator_seconds / units if inputs.accelerator_seconds else inputs.seconds or Fraction(0)


def declared_in(inputs: Inputs) -> Declared:
    """What is said of the run: by its definition, and by options in its place."""
    scratch, option, defined = from_scratch(inputs), inputs.base_model, inputs.declared
    names = inputs.names if option is None else (ModelName(option, "--base-model", loaded=True, explains=True),)
    loads = defined.loads_weights if option is None else not scratch
    stated = inputs.stated if option is None or not scratch else inputs.stated.overridden_by(Stated(from_scratch=True))
    return replace(
        defined,
        activity=inputs.activity or "fine-tuning",
        base_model="" if scratch else next((name.text for name in names), ""),
        names=() if scratch else names,
        loads_weights=loads,
        pretraining_flop=inputs.pretraining_flop,
        pretraining_source=inputs.pretraining_source,
        parameters=inputs.parameters,
        active_parameters=inputs.active_parameters,
        parameters_source=inputs.parameters_source,
        tokens=None if inputs.tokens is None else round(inputs.tokens * (inputs.epochs or 1)),
        epochs=None if inputs.epochs else defined.epochs,
        sequence_length=inputs.sequence_length,
        stated=stated,
    )


def planned_origin(inputs: Inputs, declared: Declared) -> Origin:
    """Size and original of what is declared, by the rules of an audit: of contradicting names and figures the lowest
    line counts. Raises UnusablePlan.
    """
    scratch = from_scratch(inputs)
    origin = find_origin(declared, NO_LINEAGE, data.base_model_table())
    if inputs.active_parameters is not None:
        if origin.size is None:
            raise UnusablePlan("--active-params needs --params or a --base-model of known size")
        if inputs.active_parameters > origin.size.total:
            raise UnusablePlan("--active-params are more than all parameters")
    return replace(origin, original=replace(origin.original, source=FROM_NONE)) if scratch else origin


def _contradicting(origin: Origin, *, sized: bool) -> Iterator[Remark]:
    """What of a model contradicts what is known of it. `sized`: the figures rest on its size."""
    size = origin.size
    most = max((other.active for other in size.others), default=0) if sized and size is not None else 0
    if size is not None and most > size.active:
        yield ACTIVE_PARAMETERS_CONTRADICT(active=size.active, source=size.source, most=most)
    if origin.original.beyond_any and "pretraining_flop" not in origin.original.unconfirmed:
        yield from (note for note in origin.notes if note.kind is MORE_THAN_ANY)


def check_used(options: Inputs, inputs: Inputs) -> None:
    """No option may be ignored: who gives it believes that it counts. Raises UnusablePlan."""
    hardware = inputs.instance_type or inputs.accelerator or inputs.peak_flop_per_s
    method = inputs.method or ("lora" if is_partial(inputs.declared, None) else "full")
    other = f"it is {method} training that is planned: add --method"
    for names, used, why in (
        (OF_TOKENS, inputs.tokens is not None, "there are no tokens to count: add --tokens"),
        (OF_LORA, method == "lora", f"{other} lora"),
        (OF_SPECTRUM, method == "spectrum", f"{other} spectrum"),
        (OF_HARDWARE, bool(hardware), "no hardware is named: add --instance-type, --accelerator or --peak-flop-per-s"),
        (("precision",), inputs.peak_flop_per_s is None, "--peak-flop-per-s gives the peak already"),
    ):
        unused = [] if used else [name for name in names if getattr(options, name) != getattr(Inputs(), name)]
        if unused:
            given = ", ".join(OPTION_NAMES.get(name, "--" + name.replace("_", "-")) for name in unused)
            raise UnusablePlan(f"nothing uses {given}, since {why}, or leave it out")


def check_given(inputs: Inputs) -> None:
    """A model that a pipeline's parameter is to name is not unknown, it is not given yet. Raises UnusablePlan."""
    for name in inputs.names if inputs.base_model is None else ():
        if (missing := NOT_GIVEN.search(name.text)) and not is_place(NOT_GIVEN.sub("given", name.text)):
            raise UnusablePlan(
                f"parameter {missing[1][:64]!r} of the pipeline is to name the model and has no default: "
                "give --base-model"
            )
