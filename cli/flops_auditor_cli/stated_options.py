"""Options for what only people know of a model, and the law asks for."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from flops_auditor.domain.runs.spdx import unknown_in_words
from flops_auditor.domain.runs.stated import LONGEST_LICENCE, Stated
from flops_auditor.domain.values.moments import read_day
from flops_auditor_cli.options_together import with_options

OursOption = Annotated[
    bool | None,
    typer.Option(
        "--original-is-ours/--original-is-not-ours",
        help="The original is your organisation's, or was made on its behalf: training it is the same model's life.",
    ),
]
GeneralPurposeOption = Annotated[
    bool | None,
    typer.Option(
        "--original-is-general-purpose/--original-is-not-general-purpose",
        help="The original, or the model of one's own, is a general-purpose model, whatever its compute.",
    ),
]
SystemicRiskOption = Annotated[
    bool | None,
    typer.Option(
        "--systemic-risk/--no-systemic-risk",
        help="The original is classified as such a model; of a model of one's own: it was designated.",
    ),
]
PlacedOption = Annotated[
    str | None,
    typer.Option(
        "--placed-on-market",
        help="The resulting model is placed on the market, in the sense of the law that it is compared with: yes, no, "
        "or a day, such as 2026-11-24.",
    ),
]
LicenceOption = Annotated[
    str | None,
    typer.Option(
        "--licence", help="Under which the resulting model is released, as SPDX names it, such as Apache-2.0."
    ),
]


class GeneratedData(StrEnum):
    """Whether training data that the run generates is publicly accessible."""

    PUBLIC = "public"
    NOT_PUBLIC = "not-public"


GeneratedDataOption = Annotated[
    GeneratedData | None,
    typer.Option("--generated-data", help="Whether training data that the run generates is publicly accessible."),
]


FromScratchOption = Annotated[
    bool | None,
    typer.Option(
        "--from-scratch/--not-from-scratch",
        help="The model was begun from no weights, by this run or by an earlier one that it continues.",
    ),
]


def stated(
    ours: bool | None,
    general_purpose: bool | None,
    systemic_risk: bool | None,
    placed: str | None,
    licence: str | None,
    generated: GeneratedData | None = None,
) -> Stated:
    """What the options say. Raises typer.BadParameter."""
    on_market, since = placed_on_market(placed)
    if licence is not None and not licence.strip():
        raise typer.BadParameter("--licence: it is empty; leave it out where none is known")
    if licence is not None and len(licence) > LONGEST_LICENCE:
        raise typer.BadParameter(f"--licence: at most {LONGEST_LICENCE} characters")
    if unknown := unknown_in_words(licence or ""):
        raise typer.BadParameter(
            f"--licence: no licence of SPDX is called {unknown}. For one that it does not list, write LicenseRef- and "
            "a name, such as LicenseRef-Llama-3.1"
        )
    return Stated(
        ours=ours,
        general_purpose=general_purpose,
        systemic_risk=systemic_risk,
        generated_data_public=None if generated is None else generated is GeneratedData.PUBLIC,
        placed_on_market=on_market,
        placed_on=since,
        licence=licence or "",
    )


_OF_A_MODEL = {
    "original_is_ours": OursOption,
    "original_is_general_purpose": GeneralPurposeOption,
    "systemic_risk": SystemicRiskOption,
    "placed_on_market": PlacedOption,
    "licence": LicenceOption,
}
states = with_options(
    "stated", {**_OF_A_MODEL, "generated_data": GeneratedDataOption}, {}, lambda **given: stated(*given.values())
)
"""Gives a command the options about a model, and hands it what they say as its parameter `stated`."""
states_of_a_plan = with_options("stated", _OF_A_MODEL, {}, lambda **given: stated(*given.values()))
"""The same but for generated data, of which a plan is told how much compute it took."""


def placed_on_market(text: str | None) -> tuple[bool | None, date | None]:
    """Whether a model is placed on the market, and since when. Raises typer.BadParameter."""
    if text is None:
        return None, None
    if text.lower() in {"yes", "no"}:
        return text.lower() == "yes", None
    try:
        return True, read_day(text)
    except ValueError as error:
        raise typer.BadParameter(f"--placed-on-market: {text[:40]!r} is not yes, no or a day") from error
