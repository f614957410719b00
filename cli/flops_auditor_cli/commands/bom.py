"""`flops-auditor bom`: a model and what its training took, in formats that other tools read."""

from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

import typer

from flops_auditor.data import MODEL_DOCUMENTATION_FORM, form_text, hardware_table
from flops_auditor.domain.messages.documents.bom import GridFactor, ModelBom, bom_of
from flops_auditor.domain.messages.documents.cyclonedx import cyclonedx
from flops_auditor.domain.messages.documents.fill_form import fill_form
from flops_auditor.domain.messages.documents.form_file import parse_form
from flops_auditor.domain.messages.documents.spdx_ai import spdx_ai
from flops_auditor_cli.card_view import model_card
from flops_auditor_cli.deployment import Target, talks_to_aws
from flops_auditor_cli.model_runs import ModelOrJob, rows_of_runs
from flops_auditor_cli.options import number
from flops_auditor_cli.output import json_text
from flops_auditor_cli.record_source import BundleOption, RecordSource, open_records
from flops_auditor_cli.written import OutputFileOption, OverwriteOption, check_file, write

MOST_GRAMS = 10_000
"""Per kilowatt-hour; the dirtiest power is near 1,500."""


class BomFormat(StrEnum):
    """The formats."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
    MODEL_CARD = "model-card"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bom")(bom_command)


@talks_to_aws()
def bom_command(
    what: ModelOrJob,
    bundle: BundleOption = None,
    output: Annotated[
        BomFormat,
        typer.Option("--output", "-o", help="CycloneDX 1.7, SPDX 3.0.1 with the AI profile, or Hugging Face's card."),
    ] = BomFormat.CYCLONEDX,
    grid_factor: Annotated[
        str | None, typer.Option(help="Grams of CO2 equivalent per kWh of the grid; left out, no emissions are told.")
    ] = None,
    grid_source: Annotated[str, typer.Option(help="Where that factor comes from.")] = "",
    output_file: OutputFileOption = None,
    overwrite: OverwriteOption = False,
    *,
    target: Target,
) -> None:
    """Describe the model that a run made: its base model, and the compute and energy of its training.

    Nothing is invented: where the energy came from is unknown, and emissions need a grid factor.
    """
    check_file(output_file, overwrite, binary=False)
    grid = grid_of(grid_factor, grid_source)
    bom = bom_from(open_records(target, bundle), what, grid)
    write(in_format(bom, output).encode(), output_file)


def grid_of(factor: str | None, source: str) -> GridFactor | None:
    """The grid factor of the options. Raises typer.BadParameter: a figure without a source is none."""
    grams = number(factor, "--grid-factor", MOST_GRAMS)
    if (grams is None) != (not source.strip()):
        raise typer.BadParameter("--grid-factor and --grid-source belong together")
    return None if grams is None else GridFactor(Decimal(grams.numerator) / Decimal(grams.denominator), source.strip())


def bom_from(source: RecordSource, what: str, grid: GridFactor | None) -> ModelBom:
    """The bill of materials of a model's newest run, or of a job."""
    rows = rows_of_runs(source, what)
    records = source.contents(rows)
    digests = [sha256(source.line(row)).hexdigest() for row in rows]
    hardware = hardware_table()
    form = fill_form(records, parse_form(form_text(MODEL_DOCUMENTATION_FORM)), hardware)
    return bom_of(records, digests, form, hardware, grid, source.caveats)


def in_format(bom: ModelBom, output: BomFormat) -> str:
    """The text of a file in one of the formats."""
    if output is BomFormat.MODEL_CARD:
        return model_card(bom)
    document = cyclonedx(bom) if output is BomFormat.CYCLONEDX else spdx_ai(bom)
    return json_text(document) + "\n"
