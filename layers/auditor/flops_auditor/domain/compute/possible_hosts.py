"""Hosts of which it is known what they may have been: bounds take the fastest, and nothing certain rests on them.

A run that had some of a host's accelerators alone counts with these (Annex A.2 of the Guidelines, C(2025) 5045: N is
the number of units in use).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from flops_auditor.domain.compute.hardware import HardwareTable, InstanceType, select_peak
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.run import Hosts
from flops_auditor.domain.values.precision import PRECISIONS
from flops_auditor.domain.values.remarks import Kind, Remark

ONE_OF = Kind(
    "one-of-several-instance-types",
    "it ran on one of {names:list}: the bounds take {name}, or what is faster in a precision, and no lower bound rests "
    "on it",
)
NONE_HAS_AS_MANY = Kind(
    "no-instance-type-with-as-many",
    "contradictory evidence: it had {count} accelerators of a host, and none of {names:list} has so many",
    AMEND,
)


@dataclass(frozen=True)
class PossibleHost:
    """What a host is taken for: None where that is not known. `sure`: it is of this type. `unknown` are types that the
    hardware table does not have. `fastest` is as fast as any that it may be of all the same, None: it is none of these.
    """

    kind: InstanceType | None
    sure: bool = True
    unknown: tuple[str, ...] = ()
    notes: tuple[Remark, ...] = ()
    doubts: tuple[Remark, ...] = ()
    fastest: InstanceType | None = None


def possible_host(hosts: Hosts, table: HardwareTable) -> PossibleHost:
    """The fastest of the types that a host may be of, in each precision, with the accelerators that the run had."""
    named = {name: _named(name, table) for name in hosts.one_of}
    unknown = tuple(name for name, kinds in named.items() if not kinds)
    fits = _fitting((kind for kinds in named.values() for kind in kinds), hosts.accelerators)
    if not fits:
        doubts = () if unknown else (NONE_HAS_AS_MANY(count=hosts.accelerators or 1, names=hosts.one_of),)
        return PossibleHost(None, unknown=unknown, doubts=doubts)
    fastest = max(fits, key=lambda kind: (_speed(kind, None), kind.units))
    alike = len({(kind.unit_name, kind.units) for kind in fits}) == 1
    notes = () if alike else (ONE_OF(names=hosts.one_of, name=fastest.name),)
    bound = fastest if alike else _at_its_fastest(fastest, fits)
    others = (kind for kind in table.instance_types.values() if kind.name.startswith(hosts.may_be_of))
    every = [*fits, *_fitting(others, hosts.accelerators)]
    fastest_of_all = _at_its_fastest(bound, every) if hosts.may_be_of else None
    return PossibleHost(bound, alike and not hosts.unsure, unknown, notes, fastest=fastest_of_all)


def _fitting(kinds: Iterable[InstanceType], accelerators: int | None) -> list[InstanceType]:
    """Those that have so many accelerators, with these."""
    having = (kind for kind in kinds if kind.accelerator is not None and _has(kind, accelerators))
    return [_with(kind, accelerators) for kind in having]


def _at_its_fastest(kind: InstanceType, fits: Sequence[InstanceType]) -> InstanceType:
    """A host as fast as the fastest of these in each precision that any of them has."""
    if kind.accelerator is None:
        return kind
    precisions = [each for each in PRECISIONS if any(each in other.peaks for other in fits)]
    peaks = {each: max(_speed(other, each) for other in fits) / kind.units for each in precisions}
    return replace(kind, accelerator=replace(kind.accelerator, peaks=MappingProxyType(peaks)))


def _named(name: str, table: HardwareTable) -> Sequence[InstanceType]:
    kind = table.find(name)
    return table.family(name) if kind is None else (kind,)


def _has(kind: InstanceType, accelerators: int | None) -> bool:
    """Whether a host has so many; one that has a share of one gives that."""
    return accelerators is None or kind.units < 1 or kind.units >= accelerators


def _with(kind: InstanceType, accelerators: int | None) -> InstanceType:
    had = kind.units if accelerators is None else min(kind.units, Fraction(accelerators))
    return replace(kind, accelerator_count=had)


def _speed(kind: InstanceType, precision: str | None) -> Fraction:
    """FLOP/s of what the run had of a host."""
    return kind.units * select_peak(kind.peaks, precision, kind.unit_name)[0]
