"""How much of their hardware's peak published training runs really used: what is plausible, and what is low.

The table is made from tests/accuracy/published_runs.csv by `python -m bench.published_utilisation`. A run's utilisation
is its published FLOP over N L H: everything that its hardware did not do counts, waiting, restarts and failures too.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from flops_auditor.domain.values.amounts import UnreadableAmount, exact
from flops_auditor.domain.values.errors import AuditorError

QUANTILES = ("lowest", "p5", "p25", "median", "p75", "highest")
_ALL = "all"


class UtilisationTableInvalid(AuditorError):
    """The table of published utilisations breaks a rule."""

    remedy = "Make it again: python -m bench.published_utilisation"


@dataclass(frozen=True)
class Utilisations:
    """Utilisations (0..1) of the published runs on one class of hardware."""

    hardware_class: str
    runs: int
    quantiles: Mapping[str, Fraction]

    @property
    def lowest(self) -> Fraction:
        """The lowest of any run: less than this is not plausible, and what hardware did at least if it was busy."""
        return self.quantiles["lowest"]


@dataclass(frozen=True)
class PublishedUtilisation:
    """Utilisations by accelerator; of accelerators with few published runs, those of all hardware together."""

    classes: tuple[Utilisations, ...]
    _by_accelerator: Mapping[str, Utilisations]
    _all: Utilisations

    @classmethod
    def parse(cls, text: str) -> "PublishedUtilisation":
        """Read and validate the table. Raises UtilisationTableInvalid naming the row."""
        classes: list[Utilisations] = []
        by_accelerator: dict[str, Utilisations] = {}
        try:
            for row in csv.DictReader(io.StringIO(text), strict=True):
                quantiles = {name: exact(row[name]) for name in QUANTILES}
                ordered = [*quantiles.values()]
                if ordered != sorted(ordered) or not ordered[0] > 0 or ordered[-1] > 1:
                    raise UtilisationTableInvalid(f"{row['class']}: quantiles are not in order between 0 and 1")
                shares = Utilisations(row["class"], int(row["runs"]), MappingProxyType(quantiles))
                classes.append(shares)
                by_accelerator.update((name, shares) for name in row["accelerators"].split(";") if name)
        except (KeyError, ValueError, TypeError, csv.Error, UnreadableAmount) as error:
            raise UtilisationTableInvalid(f"published utilisations: {error!r}") from error
        everything = next((shares for shares in classes if shares.hardware_class == _ALL), None)
        if everything is None:
            raise UtilisationTableInvalid("published utilisations: no row for all hardware")
        return cls(tuple(classes), MappingProxyType(by_accelerator), everything)

    @property
    def highest(self) -> Fraction:
        """The highest of any run on any hardware."""
        return self._all.quantiles["highest"]

    def of(self, accelerator: str) -> Utilisations:
        """Those of an accelerator of the hardware table, or of all hardware where too few runs are published."""
        return self._by_accelerator.get(accelerator, self._all)
