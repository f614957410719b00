"""What the law asks about a run: in which role it is trained, on which original, how much compute, and what is said."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from flops_auditor.domain.law.policy import Basis, Circumstance, Role
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.values.figures import Figures


@dataclass(frozen=True)
class Situation:
    """A run as policies see it. `role` is None for a run that trains nothing.

    `other_role` is the one that it would have if a name were that of a configuration, and not of weights, and
    `role_without_tag` the one if it does begin with weights, where only a tag says that it does not; `perhaps_own`: the
    name is taken for that of weights, and may be that of a configuration. `updates` and `cumulative` are the figures of
    the run and its ancestors on the two bases, `without_failed` both (updates first) without ancestors that failed,
    `alone` both of the run without any ancestor. `inherits`: the original's compute is not among them, and counts where
    a rule includes it. `circumstances` are those that a policy may read in one way or another; `on` is the day of the
    run. `if_not_public` are both figures where only a tag says that generated data is public, and it is not.
    """

    role: Role | None
    original: Original
    updates: Figures
    cumulative: Figures
    other_role: Role | None = None
    role_without_tag: Role | None = None
    perhaps_own: bool = False
    inherits: bool = True
    without_failed: tuple[Figures, Figures] | None = None
    alone: tuple[Figures, Figures] | None = None
    circumstances: frozenset[Circumstance] = frozenset()
    on: date | None = None
    if_not_public: tuple[Figures, Figures] | None = None

    @property
    def readable(self) -> frozenset[Circumstance]:
        """The circumstances of the run, and that two things are said of the original which exclude each other."""
        excluded = self.original.systemic_risk and self.original.general_purpose is False
        contradicting: frozenset[Circumstance] = frozenset({"designated-and-no-general-purpose"})
        return self.circumstances | (contradicting if excluded else frozenset())

    def figures(self, basis: Basis) -> Figures:
        """The figures on a basis."""
        return self.cumulative if basis == "cumulative" else self.updates

    def certain_alone(self, basis: Basis) -> int:
        """What "above" rests on of the run without its ancestors."""
        if self.alone is None:
            return 0
        updates, cumulative = self.alone
        return (cumulative if basis == "cumulative" else updates).certain_flop or 0

    def inherited(self) -> tuple[int | None, int | None]:
        """The original's compute by its lowest and its highest figure; None: not known; 0: nothing is inherited."""
        if not self.inherits:
            return 0, 0
        return self.original.inherited_flop, self.original.inherited_at_most

    def with_original(self, original: Original) -> "Situation":
        """The same on another original; one that is not said to be ours is somebody else's."""
        ours_no_longer = self.original.ours and not original.ours and self.inherits
        role: Role | None = "modifier" if ours_no_longer and self.role == "developer" else self.role
        return replace(self, original=original, role=role)

    def without_unconfirmed(self) -> Iterator[tuple[str, "Situation"]]:
        """The same without each statement that only a job's tags make."""
        for question, original in self.original.without_unconfirmed():
            yield question, self.with_original(original)


def situation_of_training(role: Role | None, original: Original, updates: Figures, cumulative: Figures) -> Situation:
    """A run that continues no other one: a model of one's own then begins with nothing, unless its original is ours."""
    inherits = role == "modifier" or (role == "developer" and bool(original.ours))
    return Situation(role, original, updates, cumulative, inherits=inherits)
