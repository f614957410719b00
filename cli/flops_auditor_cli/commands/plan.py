"""`flops-auditor plan`: the compute of a run before its launch, against each threshold; a gate for CI."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

import typer

from flops_auditor import data
from flops_auditor.domain.audit.assessment_words import assessment_members
from flops_auditor.domain.audit.plan import Plan, Targets, Wanted, document, due_in_plan, make_plan, ways
from flops_auditor.domain.compute.hardware import select_peak
from flops_auditor.domain.compute.tiers import HardwareUse
from flops_auditor.domain.messages.duties import duties_in_words
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import Activity
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.precision import recognise_precision
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor_cli.exits import OF_VERDICT
from flops_auditor_cli.options import OutputOption, PolicyFolderOption, PolicyOption, amount, number
from flops_auditor_cli.output import Output, digits, emit, say
from flops_auditor_cli.stated_options import GeneralPurposeOption, OursOption, SystemicRiskOption, stated


class MethodChoice(StrEnum):
    """Ways of training."""

    FULL = "full"
    LORA = "lora"
    SPECTRUM = "spectrum"


class ActivityChoice(StrEnum):
    """What the run is."""

    FINE_TUNING = "fine-tuning"
    PRETRAINING = "pretraining"
    SYNTHETIC_DATA = "synthetic-data"


class TargetChoice(StrEnum):
    """Which matrices get LoRA adapters."""

    ATTENTION = "attention"
    ALL_LINEAR = "all-linear"


ACTIVITIES: dict[ActivityChoice, Activity] = {
    ActivityChoice.FINE_TUNING: "fine-tuning",
    ActivityChoice.PRETRAINING: "pretraining",
    ActivityChoice.SYNTHETIC_DATA: "synthetic-data",
}
TARGETS: dict[TargetChoice, Targets] = {TargetChoice.ATTENTION: "attention", TargetChoice.ALL_LINEAR: "all-linear"}

COLUMNS = {
    "method": "Training",
    "policy": "Policy",
    "scenario": "Scenario",
    "best_flop": "Best (FLOP)",
    "upper_flop": "At most (FLOP)",
    "threshold_flop": "Threshold (FLOP)",
    "share_of_threshold": "Share",
    "verdict": "Verdict",
    "expected_hours_to_threshold": "Hours to threshold",
}
NUMBERS = ("best_flop", "upper_flop", "threshold_flop", "share_of_threshold", "expected_hours_to_threshold")

PEAK_GIVEN = Kind("peak-as-given", "peak as given: {peak:flop4} FLOP/s")
PLANNED_HARDWARE = Kind("planned-hardware", "{line}{count:g} x {name}, {peak:flop4} FLOP/s each, {basis}")
PARAMETERS = Kind("parameters", "parameters: {source}")


def check_together(
    instance_type: str | None, instances: int | None, accelerator: str | None, accelerators: str | None
) -> None:
    """No number of units may be ignored, since that understates the run. Raises typer.BadParameter."""
    if instance_type and accelerator:
        raise typer.BadParameter("give either --instance-type or --accelerator")
    if instances is not None and instance_type is None:
        raise typer.BadParameter("--instances needs --instance-type; --accelerators counts single accelerators")
    if accelerators and instance_type:
        raise typer.BadParameter("--accelerators belongs to --accelerator; an --instance-type has its own number")


def planned_hardware(
    instance_type: str | None,
    instances: int,
    accelerator: str | None,
    units: Fraction | None,
    seconds: Fraction,
    precision: str | None,
    peak: Fraction | None,
) -> tuple[HardwareUse | None, list[Remark]]:
    """The hardware of the plan and what is assumed of it. Raises typer.BadParameter for unknown names."""
    table = data.hardware_table()
    if instance_type is None and accelerator is None:
        if peak is None:
            return None, []
        lowest = data.published_utilisation().of("").lowest
        use = HardwareUse("accelerator", units or Fraction(1), seconds, peak, peak, lowest_utilisation=lowest)
        return use, [PEAK_GIVEN(peak=peak)]
    if instance_type is not None:
        kind = table.find(instance_type)
        if kind is None:
            raise typer.BadParameter(
                f"{instance_type!r} is no training instance type; see `flops-auditor catalog instance-types`"
            )
        name, peaks, count = kind.unit_name, kind.peaks, kind.units * instances
        watts, line = kind.power_watts, f"{instances} x {kind.name}: "
    else:
        unit = table.find_accelerator(accelerator or "")
        if unit is None:
            raise typer.BadParameter(f"accelerator {accelerator!r} is unknown: {', '.join(table.accelerators)}")
        name, peaks, count, line = unit.name, unit.peaks, units or Fraction(1), ""
        watts = None if unit.tdp_watts is None else Fraction(unit.tdp_watts)
    rate, basis, _ = select_peak(peaks, precision, name)
    if peak is not None:
        rate, basis = peak, "as given"
    note = PLANNED_HARDWARE(line=line, count=count, name=name, peak=rate, basis=basis)
    highest = max(rate, *peaks.values())
    shown = instance_type or name
    lowest = data.published_utilisation().of(name).lowest
    use = HardwareUse(shown, count, seconds, rate, highest, watts=watts or Fraction(0), lowest_utilisation=lowest)
    return use, [note]


def planned_model(
    base_model: str | None, params: int | None, active: int | None, pretrain: int | None, said: Stated
) -> tuple[ModelSize | None, Original, str]:
    """Size and original: what the options say overrides the table. Raises typer.BadParameter."""
    found = data.base_model_table().look_up(base_model) if base_model else None
    model = found.model if found else None
    size = model.size if model else None
    if active is not None and params is None and size is None:
        raise typer.BadParameter("--active-params needs --params or a --base-model of known size")
    if active is not None and active > (params or (size.total if size else active)):
        raise typer.BadParameter("--active-params are more than all parameters")
    if params is not None:
        size = ModelSize(params, active or params, "--params")
    elif size is not None and active is not None:
        size = ModelSize(size.total, active, f"{size.source} with --active-params")
    original = model.original if model else Original()
    if found and not model:
        original = Original(source=found.reason)
    if pretrain is not None:
        original = Original(pretrain, original.systemic_risk, source=f"--pretrain-flops {scientific(pretrain)}")
    original = replace(
        original,
        systemic_risk=original.systemic_risk or bool(said.systemic_risk),
        general_purpose=said.general_purpose,
        ours=said.ours,
    )
    return size, original, model.model_id if model else base_model or ""


def rows(plans: list[Plan], people: bool) -> list[dict[str, Any]]:
    """One row per way of training and threshold."""
    found = []
    for plan in plans:
        for outlook in plan.outlooks:
            a = outlook.assessment
            share, hours = outlook.share, outlook.expected_hours
            flop = {"best_flop": plan.best_flop, "upper_flop": plan.upper_flop, "threshold_flop": a.threshold_flop}
            found.append(
                {
                    "method": plan.way.name,
                    "policy": a.policy,
                    "scenario": a.scenario,
                    **{key: scientific(value) if people else str(value) for key, value in flop.items()},
                    "share_of_threshold": "" if share is None else f"{float(share):.3%}" if people else float(share),
                    "verdict": a.verdict,
                    "expected_hours_to_threshold": "" if hours is None else digits(hours),
                }
            )
    return found


def figures(plan: Plan, original: Original, now: datetime) -> list[dict[str, str]]:
    """The chosen plan as rows for people."""
    method = plan.choice.chosen.method if plan.choice.chosen else "unknown"
    lines = [
        ("Training", plan.way.name),
        ("Method", method),
        ("Lower bound", f"{scientific(plan.lower_flop)} FLOP"),
        ("Best estimate", f"{scientific(plan.best_flop)} FLOP"),
        ("Upper bound", f"{scientific(plan.upper_flop)} FLOP"),
    ]
    if plan.hardware is not None:
        lines.append(("Duration", f"{digits(plan.hardware.seconds / 3600)} hours"))
    if plan.energy_kwh:
        lines.append(("Energy", f"{digits(plan.energy_kwh)} kWh"))
    lines.append(("Original model", original.source))
    lines += [("Assumption", assumption.words) for assumption in plan.assumptions]
    lines += [("Due", words) for words in due_in_words(plan, now)]
    return [{"what": what, "value": value} for what, value in lines]


def due_in_words(plan: Plan, now: datetime) -> list[str]:
    """What is due by a day, if the run is launched as planned: from today on it is known that a line will be met."""
    said = [assessment_members(outlook.assessment, "JOB") for outlook in plan.outlooks]
    days = [each.to_json() for each in due_in_plan(plan, now)]
    dated = {(each["policy"], each["duty"]) for each in days}
    kept = [{**a, "duties": [duty for duty in a["duties"] if (a["policy"], duty["id"]) in dated]} for a in said]
    return duties_in_words(kept, days, now.date())


def command(
    instance_type: Annotated[str | None, typer.Option(help="SageMaker instance type, e.g. ml.p5.48xlarge.")] = None,
    instances: Annotated[int | None, typer.Option(min=1, help="How many of them; 1 if left out.")] = None,
    hours: Annotated[str | None, typer.Option(help="Hours of training; derived from the tokens if left out.")] = None,
    accelerator: Annotated[str | None, typer.Option(help="Instead of an instance type, e.g. H100.")] = None,
    accelerators: Annotated[str | None, typer.Option(help="How many of them; 1 if left out.")] = None,
    accelerator_hours: Annotated[str | None, typer.Option(help="Accelerators x hours, instead of --hours.")] = None,
    peak_flop_per_s: Annotated[
        str | None, typer.Option(help="Peak of one accelerator in FLOP/s, if not the table's.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Number format: bf16 (default), fp16, fp8, fp4, tf32 or fp32.")
    ] = None,
    mfu: Annotated[
        str | None, typer.Option(help="Expected model FLOPs utilisation (MFU), a fraction such as 0.4.")
    ] = None,
    base_model: Annotated[str | None, typer.Option(help="Model that is fine-tuned, by any name it goes by.")] = None,
    params: Annotated[str | None, typer.Option(help="Parameters, such as 8e9, if not the base model's.")] = None,
    active_params: Annotated[str | None, typer.Option(help="Parameters active per token.")] = None,
    tokens: Annotated[str | None, typer.Option(help="Training tokens of one epoch, such as 1.2e9.")] = None,
    epochs: Annotated[str, typer.Option(help="Passes over them.")] = "1",
    method: Annotated[MethodChoice, typer.Option(help="The way of training that is gated.")] = MethodChoice.FULL,
    lora_rank: Annotated[int, typer.Option(min=1, help="Rank of the adapters.")] = 16,
    lora_target: Annotated[TargetChoice, typer.Option(help="Matrices with adapters.")] = TargetChoice.ALL_LINEAR,
    spectrum_fraction: Annotated[str, typer.Option(help="Share of the parameters that Spectrum trains.")] = "0.5",
    trainable_params: Annotated[str | None, typer.Option(help="Adapter parameters, if known.")] = None,
    activity: Annotated[ActivityChoice, typer.Option(help="What the run is.")] = ActivityChoice.FINE_TUNING,
    pretrain_flops: Annotated[
        str | None, typer.Option(help="Compute of the original in FLOP, such as 1.5e24, if not the table's.")
    ] = None,
    earlier_flop: Annotated[
        str | None, typer.Option(help="Compute in FLOP of the runs that this one continues.")
    ] = None,
    original_is_ours: OursOption = None,
    original_is_general_purpose: GeneralPurposeOption = None,
    systemic_risk: SystemicRiskOption = None,
    policy: PolicyOption = None,
    policy_dir: PolicyFolderOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Plan a run before its launch: from hardware and hours, from a model and tokens, or from both.

    Exits with 0 when it stays below every threshold, 3 when it is over one, 4 when that cannot be said.
    """
    now = datetime.now(UTC)
    check_together(instance_type, instances, accelerator, accelerators)
    if hours and accelerator_hours:
        raise typer.BadParameter("give either --hours or --accelerator-hours")
    if precision is not None and recognise_precision(precision) is None:
        raise typer.BadParameter(f"--precision: {precision[:40]!r} is not one of bf16, fp16, fp8, fp4, tf32, fp32")
    time = number(hours, "--hours") or Fraction(0)
    hardware, notes = planned_hardware(
        instance_type,
        instances or 1,
        accelerator,
        number(accelerators, "--accelerators"),
        time * 3600,
        recognise_precision(precision) if precision else None,
        number(peak_flop_per_s, "--peak-flop-per-s"),
    )
    shared = number(accelerator_hours, "--accelerator-hours")
    if shared and hardware is not None:
        hardware = replace(hardware, seconds=shared * 3600 / hardware.units)
    if (time or shared) and hardware is None:
        raise typer.BadParameter("hours need hardware: --instance-type, --accelerator or --peak-flop-per-s")
    size, original, name = planned_model(
        base_model,
        amount(params, "--params"),
        amount(active_params, "--active-params"),
        amount(pretrain_flops, "--pretrain-flops"),
        stated(original_is_ours, original_is_general_purpose, systemic_risk, None, None, None),
    )
    one_pass, passes = amount(tokens, "--tokens"), number(epochs, "--epochs") or Fraction(1)
    if one_pass is not None and size is None:
        raise typer.BadParameter("tokens say nothing without a model: add --base-model (with a known size) or --params")
    if size is not None and one_pass is not None:
        notes.append(PARAMETERS(source=size.source))
    wanted = Wanted(
        hardware,
        size,
        None if one_pass is None else round(one_pass * passes),
        number(mfu, "--mfu", most=1),
        ACTIVITIES[activity],
        original,
        amount(earlier_flop, "--earlier-flop") or 0,
        tuple(notes),
        names_weights=base_model is not None,
        on=now.date(),
    )
    tables = data.load_tables(policy, policy_dir)
    fraction = number(spectrum_fraction, "--spectrum-fraction", most=1) or Fraction(1)
    possible = ways(
        size if one_pass is not None else None,
        lora_rank,
        TARGETS[lora_target],
        fraction,
        amount(trainable_params, "--trainable-params"),
    )
    plans = [make_plan(wanted, way, tables.policies) for way in possible]
    if method is not MethodChoice.FULL and len(plans) == 1:
        raise typer.BadParameter(f"--method {method.value} needs a model and --tokens")
    chosen = next(plan for plan in plans if plan.way.name == method.value)
    if activity is ActivityChoice.PRETRAINING:
        plans = [chosen]
    if output is Output.TABLE:
        emit(figures(chosen, original, now), output, {"what": "", "value": ""}, title="Plan")
    hosts = [{"type": instance_type, "count": instances or 1}] if instance_type else []
    shown = document(wanted, chosen, plans, name, hosts, now)
    emit(rows(plans, output is Output.TABLE), output, COLUMNS, document=shown, title="Thresholds", right=NUMBERS)
    if output is Output.TABLE:
        say(f"Verdict for {chosen.way.name} training: {chosen.verdict}")
        if len(plans) == 1 and activity is not ActivityChoice.PRETRAINING:
            say("Add a model and --tokens to see LoRA and Spectrum beside it.")
    raise typer.Exit(OF_VERDICT[chosen.verdict])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(command)
