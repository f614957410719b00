"""`flops-auditor plan`: the compute of a run before its launch, against each threshold; a gate for CI."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flops_auditor import data
from flops_auditor.domain.audit.plan import Targets
from flops_auditor.domain.runs.declared import Activity
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.figures import Figures, exactly
from flops_auditor_cli.exits import OF_VERDICT
from flops_auditor_cli.json_files import read_json
from flops_auditor_cli.options import OutputOption, PolicyFolderOption, PolicyOption, TrustOption, amount, number
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.pipeline_graph import NoJobDefinition
from flops_auditor_cli.plan_view import verdict_of, view_of
from flops_auditor_cli.planned_run import Inputs, Planned, UnusablePlan, check_used, plan_run
from flops_auditor_cli.stated_options import states_of_a_plan
from flops_auditor_cli.view import show


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
SECONDS = 3600


@states_of_a_plan
def command(
    definition: Annotated[
        Path | None,
        typer.Argument(
            metavar="JOB.json",
            help="A CreateTrainingJob request, a job's description, or a pipeline definition; - reads stdin.",
        ),
    ] = None,
    instance_type: Annotated[str | None, typer.Option(help="SageMaker instance type, e.g. ml.p5.48xlarge.")] = None,
    instances: Annotated[int | None, typer.Option(min=1, max=10**6, help="How many of them; 1 if left out.")] = None,
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
    base_model: Annotated[
        str | None,
        typer.Option(help="Model that is fine-tuned, by any name it goes by; none: the run begins with no weights."),
    ] = None,
    params: Annotated[str | None, typer.Option(help="Parameters, such as 8e9, if not the base model's.")] = None,
    active_params: Annotated[str | None, typer.Option(help="Parameters active per token.")] = None,
    tokens: Annotated[str | None, typer.Option(help="Training tokens of one epoch, such as 1.2e9.")] = None,
    epochs: Annotated[str | None, typer.Option(help="Passes over them; 1 if left out.")] = None,
    sequence_length: Annotated[
        int | None,
        typer.Option(
            min=1, max=10**9, help="Tokens of a sequence: attention over them counts; else at most the longest."
        ),
    ] = None,
    method: Annotated[
        MethodChoice | None, typer.Option(help="The way of training that is gated; full if left out.")
    ] = None,
    lora_rank: Annotated[
        int | None, typer.Option(min=1, max=10**6, help="Rank of the adapters of --method lora; 16 if left out.")
    ] = None,
    lora_target: Annotated[
        TargetChoice | None, typer.Option(help="Matrices with adapters of --method lora; all-linear if left out.")
    ] = None,
    spectrum_fraction: Annotated[
        str | None, typer.Option(help="Share of the parameters that --method spectrum trains; 0.5 if left out.")
    ] = None,
    trainable_params: Annotated[str | None, typer.Option(help="Adapter parameters of --method lora, if known.")] = None,
    activity: Annotated[ActivityChoice | None, typer.Option(help="What the run is; fine-tuning if left out.")] = None,
    pretrain_flops: Annotated[
        str | None, typer.Option(help="Compute of the original in FLOP, such as 1.5e24, if not the table's.")
    ] = None,
    earlier_flop: Annotated[
        str | None,
        typer.Option(help="Compute in FLOP of the runs that this one continues, 0 if none: parameter updates."),
    ] = None,
    generated_flop: Annotated[
        str | None,
        typer.Option(help="Compute in FLOP of generating its training data, if that is not publicly accessible."),
    ] = None,
    step: Annotated[str | None, typer.Option(help="Only this step of a pipeline definition.")] = None,
    policy: PolicyOption = None,
    policy_dir: PolicyFolderOption = None,
    trust_statements: TrustOption = True,
    output: OutputOption = Output.TABLE,
    *,
    stated: Stated,
) -> None:
    """Plan a run before its launch: from its definition, from hardware and hours, from a model and tokens, or from all.

    Options override what JOB.json says. Exits with 0 when it stays below every threshold, 3 when it is over one, 4 when
    that cannot be said, also because the inputs contradict each other.
    """
    time, shared = number(hours, "--hours"), number(accelerator_hours, "--accelerator-hours")
    options = Inputs(
        instance_type=instance_type,
        instances=instances,
        accelerator=accelerator,
        accelerators=number(accelerators, "--accelerators"),
        seconds=time * SECONDS if time else None,
        accelerator_seconds=shared * SECONDS if shared else None,
        peak_flop_per_s=number(peak_flop_per_s, "--peak-flop-per-s"),
        precision=precision,
        mfu=number(mfu, "--mfu", most=1),
        base_model=base_model,
        parameters=amount(params, "--params"),
        active_parameters=amount(active_params, "--active-params"),
        tokens=amount(tokens, "--tokens"),
        epochs=number(epochs, "--epochs"),
        sequence_length=sequence_length,
        method=method.value if method else None,
        lora_rank=lora_rank,
        lora_target=TARGETS[lora_target] if lora_target else None,
        spectrum_fraction=number(spectrum_fraction, "--spectrum-fraction", most=1),
        trainable_parameters=amount(trainable_params, "--trainable-params"),
        activity=ACTIVITIES[activity] if activity else None,
        pretraining_flop=amount(pretrain_flops, "--pretrain-flops"),
        earlier=exact(earlier_flop, "--earlier-flop"),
        generated=exact(generated_flop, "--generated-flop"),
        stated=stated,
    )
    now = datetime.now(UTC)
    policies = data.load_tables(policy, policy_dir).policies
    if step is not None and definition is None:
        raise UnusablePlan("--step needs the definition of a pipeline")
    if not trust_statements and definition is None:
        raise UnusablePlan("--no-trust-statements is about what JOB.json says: options are the word of whoever plans")
    if base_model is not None and not base_model.strip():
        raise UnusablePlan("--base-model is empty: leave it out, or say none where the run begins with no weights")
    if definition is None:
        check_used(options, options)
        planned = [plan_run(options, policies, now)]
        view = view_of(planned)
        verdict = verdict_of(planned)
    else:
        from flops_auditor_cli.job_definition import read_definition  # noqa: PLC0415 - few starts need its parser
        from flops_auditor_cli.planned_steps import planned_steps  # noqa: PLC0415 - the same

        steps = read_definition(read_json(definition, NoJobDefinition.remedy))
        planned = planned_steps(steps, step, options, policies, now, trusts_statements=trust_statements)
        others = () if step else steps.not_counted
        view = view_of(planned, others, pipeline=steps.pipeline and step is None)
        verdict = verdict_of(planned, others)
    show(view, output)
    if output is Output.TABLE and len(planned) == 1:
        say(*to_compare(planned[0]))
    raise typer.Exit(OF_VERDICT[verdict])


def to_compare(planned: Planned) -> list[str]:
    """What to add to a plan so that it has other ways of training beside it; nothing where it has, or cannot have."""
    wanted = planned.wanted
    begins = wanted.declared.activity == "pretraining" or wanted.declared.stated.from_scratch
    if wanted.tokens is not None or begins:
        return []
    size = "" if wanted.size is not None else "--params and " if planned.base_model else "a model and "
    return [f"Add {size}--tokens to see LoRA and Spectrum beside it."]


NOUGHT = r"0+(\.0*)?([eE][+-]?[0-9]{1,3})?"
"""However it is written."""


def exact(text: str | None, option: str) -> Figures | None:
    """An amount in FLOP that is known, 0 included; None where nobody gave it."""
    flop = 0 if text is not None and re.fullmatch(NOUGHT, text.strip()) else amount(text, option)
    return None if flop is None else exactly(flop)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(command)
