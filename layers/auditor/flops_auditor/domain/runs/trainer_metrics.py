"""What the metrics that training code emits mean, by name: an extensible data file, read and applied."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from flops_auditor.domain.runs.meter_lines import PREFIX
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.spelling import squeezed

METER = "meter"
QUANTITIES = (
    "model_flop",
    METER,
    "trainer_flop",
    "tokens",
    "mfu",
    "model_flop_rate",
    "model_flop_rate_of_all",
    "token_rate",
    "token_rate_per_unit",
    "sample_rate",
)
"""model_flop: counted FLOP; meter: another word of flops-meter's lines (meter_words.py); trainer_flop: the trainer's
own 6 N D, in FLOP; tokens; mfu: a fraction of the peak; model_flop_rate: model FLOP/s of one accelerator, or of_all
accelerators together; token_rate: tokens/s of the job, or per_unit; sample_rate: samples/s, recognised to say that it
measures no compute."""


class MalformedTrainerMetrics(AuditorError):
    """The vocabulary file is not what it must be."""

    remedy = "Each entry of trainer_metrics.json needs names, quantity, scale, cumulative and source."


@dataclass(frozen=True)
class Meaning:
    """`value x scale` is the quantity in its unit; a cumulative metric counts from the start of the process.

    `lowest_too`: a period's lowest value is asked for beside its highest one.
    """

    quantity: str
    scale: Fraction
    cumulative: bool
    lowest_too: bool = False


@dataclass(frozen=True)
class TrainerMetrics:
    """Names of metrics, normalised, and what they mean."""

    meanings: Mapping[str, Meaning]
    by_spelling: Mapping[str, Meaning]

    @classmethod
    def parse(cls, text: str) -> "TrainerMetrics":
        """Read the vocabulary file. Raises MalformedTrainerMetrics naming the entry."""
        meanings: dict[str, Meaning] = {}
        for index, entry in enumerate(json.loads(text)["metrics"]):
            try:
                lowest = bool(entry.get("lowest_too", False))
                meaning = Meaning(entry["quantity"], Fraction(entry["scale"]), bool(entry["cumulative"]), lowest)
                names = [normalise(name) for name in entry["names"]]
                known = meaning.quantity in QUANTITIES and meaning.scale > 0 and bool(entry["source"])
            except (KeyError, TypeError, ValueError) as error:
                raise MalformedTrainerMetrics(f"entry {index}: {error!r}") from error
            if not known or not names or any(name in meanings for name in names):
                raise MalformedTrainerMetrics(f"entry {index}: unknown quantity, no source, or a duplicate name")
            meanings.update(dict.fromkeys(names, meaning))
        spelt = {squeezed(name): meaning for name, meaning in meanings.items() if not name.startswith(PREFIX)}
        return cls(meanings, spelt)

    def recognise(self, name: str) -> Meaning | None:
        """What a metric of this name means; None for a name the file does not know. Those of flops-meter's lines are
        written in one way: what its definitions print is read together, and checked, by these names alone.
        """
        if is_like_the_meters(name):
            return None
        plain = normalise(name)
        return self.meanings.get(plain) or self.by_spelling.get(squeezed(plain))


def is_like_the_meters(name: str) -> bool:
    """Whether a name would be one of flops-meter's, were it not written otherwise than its definitions print it."""
    plain = normalise(name)
    return plain.startswith(PREFIX) and name != plain


def normalise(name: str) -> str:
    """Lower case, `-`, `.`, `/` and blanks as `_`, without a leading `train_` or `train:`, which SageMaker's own
    algorithms write: loggers differ in these alone.
    """
    text = name.strip().lower()
    for separator in "-./ ":
        text = text.replace(separator, "_")
    return text.removeprefix("train_").removeprefix("train:")
