"""`flops-auditor catalog`: the tables that every figure rests on: hardware and its use, policies, base models."""

import shlex
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor import data
from flops_auditor.domain.compute.published_utilisation import QUANTILES
from flops_auditor.domain.law.assessment import assess
from flops_auditor.domain.law.policy import MalformedPolicy, Policy, Rule
from flops_auditor.domain.law.situation import situation_of_training
from flops_auditor.domain.originals.base_models import BaseModel
from flops_auditor.domain.values.amounts import flop, percent, scientific
from flops_auditor.domain.values.figures import Figures
from flops_auditor_cli.exits import OF_VERDICT, USAGE
from flops_auditor_cli.near_names import did_you_mean, model_names
from flops_auditor_cli.options import OutputOption, PolicyFolderOption, WideOption
from flops_auditor_cli.output import Output, plain, say
from flops_auditor_cli.schemas import INSTANCE_TYPE, MODEL, POLICY_RULE, UTILISATION, fields_of
from flops_auditor_cli.view import Block, FactList, Headline, PointList, Table, View, show

SearchOption = Annotated[str, typer.Option("--search", "-s", help="Only rows whose name contains this text.")]

INSTANCE_COLUMNS = {
    "instance_type": "Instance type",
    "units": "Units",
    "unit": "Unit",
    "peak": "Peak (FLOP/s)",
    "power": "Power (W)",
}
WIDE_INSTANCE_COLUMNS = {
    **INSTANCE_COLUMNS,
    "basis": "Basis",
    "ceiling": "Highest peak (FLOP/s)",
    "confidence": "Confidence",
    "source": "Source",
}
POLICY_COLUMNS = {
    "threshold_title": "Threshold",
    "threshold": "FLOP",
    "role": "For whom",
    "basis": "What counts",
    "meaning": "What being over it means",
}
WIDE_POLICY_COLUMNS = {**POLICY_COLUMNS, "original": "Original model", "reading": "Reading", "source": "Source"}
MODEL_COLUMNS = {
    "model_id": "Model",
    "params": "Parameters",
    "pretraining": "Pretraining (FLOP)",
    "confidence": "Confidence",
}
WIDE_MODEL_COLUMNS = {
    "model_id": "Model",
    "developer": "Developer",
    "params": "Parameters",
    "active": "Active",
    "tokens": "Tokens",
    "pretraining": "Pretraining (FLOP)",
    "method": "Method",
    "confidence": "Confidence",
    "source": "Source",
}
THRESHOLD_FIELDS = ("model", "policy", "scenario", "threshold_flop", "meaning")
RIGHT = ("units", "peak", "ceiling", "power", "params", "active", "tokens", "pretraining")


def instance_rows(search: str) -> list[dict[str, Any]]:
    """One row per training instance type."""
    rows = []
    for kind in data.hardware_table().instance_types.values():
        if search.lower() not in f"{kind.name} {kind.unit_name}".lower():
            continue
        peak, basis = kind.peak()
        rows.append(
            {
                "instance_type": kind.name,
                "units": f"{float(kind.units):g}",
                "unit": kind.unit_name,
                "peak_flop_per_s": str(round(peak)),
                "basis": basis,
                "ceiling_flop_per_s": str(round(kind.ceiling_peak)),
                "power_watts": "" if kind.power_watts is None else f"{float(kind.power_watts):g}",
                "power_basis": kind.power_basis,
                "confidence": kind.confidence,
                "source": kind.source,
                "unit_source": kind.accelerator.source if kind.accelerator else "",
            }
        )
    return rows


def policy_rows(folder: Path | None = None) -> tuple[list[dict[str, Any]], list[MalformedPolicy]]:
    """One row per rule of every policy, those on by default first, and what is wrong with the files that are none."""
    first = data.default_policies()
    others = [name for name in (*data.policy_ids(), *(data.policy_ids(folder) if folder else ())) if name not in first]
    names = dict.fromkeys((*first, *others))
    rows: list[dict[str, Any]] = []
    malformed: list[MalformedPolicy] = []
    for name in names:
        try:
            policy = data.policy(name, folder)
        except MalformedPolicy as error:
            malformed.append(error)
        else:
            rows += [_policy_row(policy, rule, name in first) for group in policy.groups for rule in group]
    return rows, malformed


def _policy_row(policy: Policy, rule: Rule, on_by_default: bool) -> dict[str, Any]:
    line = "any amount" if rule.at_any_compute else f"{scientific(round(rule.amount or 0))} FLOP"
    line = f"{rule.share} of the original's" if rule.share is not None else line
    return {
        "policy": policy.policy_id,
        "on_by_default": on_by_default,
        "title": policy.title,
        "jurisdiction": policy.jurisdiction,
        "in_force": str(policy.in_force or ""),
        "scenario": rule.scenario,
        "threshold_title": rule.title,
        "role": ", ".join(rule.roles),
        "original": _original(rule),
        "threshold": line if rule.comparison == "greater than" else f"{line}, the line included",
        "basis": rule.basis + (" with pretraining" if rule.includes_pretraining else ""),
        "meaning": rule.meaning,
        "duties": [
            {"what": duty.what, "article": duty.article, "to": duty.to, "within_days": duty.within_days}
            for duty in rule.duties
        ],
        "reading": rule.reading,
        "left_open": rule.left_open,
        "disputed_if_crossed": rule.disputed.left_open if rule.disputed else "",
        "source": rule.source,
    }


def _original(rule: Rule) -> str:
    parts: list[str] = [rule.original]
    if rule.at_least:
        parts.append(f"at least {scientific(rule.at_least)}")
    if rule.over is not None:
        parts.append(f"over {scientific(rule.over)}")
    if rule.at_most is not None:
        parts.append(f"at most {scientific(rule.at_most)}")
    if rule.general_purpose is not None:
        parts.append("said to be general-purpose" if rule.general_purpose else "said not to be general-purpose")
    if rule.systemic_risk is not None:
        parts.append("of systemic risk" if rule.systemic_risk else "not of systemic risk")
    return ", ".join(parts)


def model_row(model: BaseModel) -> dict[str, Any]:
    """One base model, with the pretraining figure that thresholds are taken from."""
    figure = model.pretraining_for_threshold()
    return {
        "model_id": model.model_id,
        "aliases": list(model.aliases),
        "developer": model.developer,
        "params_total": _text(model.params_total),
        "params_active": _text(model.params_active),
        "pretraining_tokens": _text(model.pretraining_tokens),
        "pretraining_flop": _text(figure.flop),
        "weak_pretraining_flop": _text(figure.weak_flop),
        "other_pretraining_flop": _text(figure.other_flop),
        "systemic_risk": model.systemic_risk,
        "method": model.method,
        "explanation": figure.explanation,
        "confidence": model.confidence,
        "source": model.source,
    }


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def for_people(row: dict[str, Any]) -> dict[str, Any]:
    """Long amounts in scientific notation; what is not known said so."""
    weak, known = row["weak_pretraining_flop"], row["pretraining_flop"]
    undisclosed = f"undisclosed ({flop(weak)}, weak)" if weak else "undisclosed"
    amounts = {"params": "params_total", "active": "params_active", "tokens": "pretraining_tokens"}
    return {
        **row,
        **{shown: flop(row[field]) if row[field] else "" for shown, field in amounts.items()},
        "pretraining": flop(known) if known else undisclosed,
    }


def instance_types(search: SearchOption = "", wide: WideOption = False, output: OutputOption = Output.TABLE) -> None:
    """Training instance types: accelerators, peaks, power, each with its source."""
    rows = instance_rows(search)
    people = [
        {
            **row,
            "peak": scientific(int(row["peak_flop_per_s"]), 4),
            "ceiling": scientific(int(row["ceiling_flop_per_s"]), 4),
            "power": row["power_watts"],
        }
        for row in rows
    ]
    table = Table(WIDE_INSTANCE_COLUMNS if wide else INSTANCE_COLUMNS, people, right=RIGHT)
    show(View("instance-types", {"instance_types": rows}, [table], rows, fields_of(INSTANCE_TYPE)), output)
    if search and not rows:
        say(f"No instance type is called like {search!r}.{did_you_mean(search, data.hardware_table().instance_types)}")


def policies(
    policy_dir: PolicyFolderOption = None, wide: WideOption = False, output: OutputOption = Output.TABLE
) -> None:
    """Policies: which threshold applies when, what then is due, and where that is written."""
    rows, malformed = policy_rows(policy_dir)
    tables = [
        Table(WIDE_POLICY_COLUMNS if wide else POLICY_COLUMNS, list(lines), _policy_title(name, list(lines)))
        for name, lines in ((name, tuple(lines)) for name, lines in groupby(rows, lambda row: row["policy"]))
    ]
    show(View("policies", {"policies": rows}, tables, rows, fields_of(POLICY_RULE)), output)
    on = ", ".join(data.default_policies())
    say(f"On by default: {on}. Others: the option --policy, or the stack's parameter Policies.")
    if malformed:
        say(*(f"{error.name}: {error}" for error in malformed), MalformedPolicy.remedy)
        raise typer.Exit(USAGE)


def _policy_title(name: str, lines: list[dict[str, Any]]) -> str:
    first = lines[0]
    begun = f", in force from {first['in_force']}" if first["in_force"] else ""
    on = ", on by default" if first["on_by_default"] else ""
    return f"{name}: {first['title']} ({first['jurisdiction']}{begun}{on})"


def models(search: SearchOption = "", wide: WideOption = False, output: OutputOption = Output.TABLE) -> None:
    """Base models and the pretraining compute that thresholds are taken from."""
    table = data.base_model_table()
    rows = [model_row(model) for model in table.models.values()]
    wanted = search.lower()
    rows = [row for row in rows if wanted in " ".join([row["model_id"], row["developer"], *row["aliases"]]).lower()]
    people = [for_people(row) for row in rows]
    shown = Table(WIDE_MODEL_COLUMNS if wide else MODEL_COLUMNS, people, right=RIGHT, cut=() if wide else ("model_id",))
    show(View("models", {"models": rows}, [shown], rows, fields_of(MODEL)), output)
    if search and not rows:
        say(f"No model is called like {search!r}.{did_you_mean(search, model_names())}")
    say('Mostly Epoch AI, "Data on AI Models" (CC-BY 4.0); JSON, CSV and --wide name the source of each row.')


def utilisation(output: OutputOption = Output.TABLE) -> None:
    """Utilisation that published training runs reached: the bounds of an estimate from hardware alone."""
    published = data.published_utilisation()
    rows = [
        {
            "hardware_class": group.hardware_class,
            "accelerators": [name for name in data.hardware_table().accelerators if published.of(name) is group],
            "runs": group.runs,
            **{name: float(share) for name, share in group.quantiles.items()},
        }
        for group in published.classes
    ]
    people = [
        {**row, **{name: percent(share) for name, share in group.quantiles.items()}}
        for row, group in zip(rows, published.classes, strict=True)
    ]
    columns = {"hardware_class": "Hardware", "runs": "Runs", **{name: name.capitalize() for name in QUANTILES}}
    table = Table(columns, people, right=("runs", *QUANTILES))
    show(View("utilisation", {"utilisation": rows}, [table], rows, fields_of(UTILISATION)), output)
    say("From tests/accuracy/published_runs.csv, which names the source of each run.")


def next_steps(model: str, near: Sequence[str]) -> list[str]:
    """What to do about a name that means no model of the table."""
    search = model.strip().lower()
    count = sum(search in name.lower() for name in model_names()) if search else 0
    within = f"{count} names have it in them: `flops-auditor catalog models --search {shlex.quote(plain(search))}`"
    return [
        *([within] if count and not near else []),
        "Say what is known of one that the table lacks: `flops-auditor models set MODEL --pretraining-flop NUMBER`, "
        "for a plan `flops-auditor plan --params NUMBER --pretrain-flops NUMBER`.",
    ]


def explain(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model id, alias, JumpStart id, hub-content ARN, S3 URI or path.")
    ],
    output: OutputOption = Output.TABLE,
) -> None:
    """Which model a name means, what is known of it, and the thresholds for modifying it.

    Exits with 4 when the name means no model of the table.
    """
    table = data.base_model_table()
    resolution = table.look_up(model)
    if resolution.model is None:
        near = table.nearest(model)
        document: dict[str, Any] = {
            "model": model,
            "resolved": None,
            "reason": resolution.reason,
            "near": near,
            "thresholds": [],
        }
        blocks: list[Block] = [Headline(f"Not found: {resolution.reason}"), PointList(near, "Did you mean")]
        show(View("model", document, blocks, [], THRESHOLD_FIELDS), output)
        if output is not Output.JSON:
            say(*next_steps(model, near))
        raise typer.Exit(OF_VERDICT["indeterminate"])
    known = resolution.model
    row = model_row(known)
    thresholds = [
        {
            "policy": a.policy,
            "scenario": a.scenario,
            "threshold_flop": str(a.threshold_flop),
            "meaning": a.rule.meaning,
        }
        for policy in data.load_tables().policies
        for a in assess(policy, situation_of_training("modifier", known.original, Figures(0, 0), Figures(0, 0)))
    ]
    shown = for_people(row)
    facts = [
        ("Model", known.model_id),
        ("Resolved", resolution.reason),
        ("Developer", known.developer),
        ("Parameters", shown["params"] or "not disclosed"),
        ("Active per token", shown["active"] or "not disclosed"),
        ("Tokens", shown["tokens"] or "not disclosed"),
        ("Pretraining", row["explanation"]),
        ("Systemic risk", _systemic(known)),
        ("Source", f"{known.source} (confidence: {known.confidence})"),
    ]
    people = [{**each, "threshold": flop(each["threshold_flop"])} for each in thresholds]
    columns = {"policy": "Policy", "scenario": "Threshold", "threshold": "FLOP", "meaning": "What being over it means"}
    document = {"model": model, "resolved": row, "reason": resolution.reason, "near": [], "thresholds": thresholds}
    blocks = [FactList(facts), Table(columns, people, "Thresholds for changing it", right=("threshold",))]
    rows = [{"model": known.model_id, **each} for each in thresholds]
    show(View("model", document, blocks, rows, THRESHOLD_FIELDS), output)


def _systemic(model: BaseModel) -> str:
    """Whether the model is one of systemic risk, as the policies on by default define it."""
    if model.systemic_risk:
        return "listed as one of systemic risk"
    lines = {policy.systemic_risk_over for policy in data.load_tables().policies if policy.systemic_risk_over}
    flop = model.pretraining_for_threshold().flop
    above = [scientific(line, 1) for line in sorted(lines) if flop is not None and flop > line]
    return f"above {', '.join(above)} FLOP" if above else "not known to be"


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("instance-types")(instance_types)
    app.command("policies")(policies)
    app.command("models")(models)
    app.command("utilisation")(utilisation)
    app.command("explain")(explain)
