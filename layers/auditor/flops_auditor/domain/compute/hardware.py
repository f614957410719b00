"""What hardware a SageMaker instance type has and how fast it is: the H of `C = N x L x H x U`.

Peaks are dense (no structured sparsity) FLOP/s, exact. The default basis is dense BF16, which the Commission's own
worked examples use (Guidelines C(2025) 5045, Annex A.3: 989 TFLOP/s for an H100). Pure: tables arrive as CSV text.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from types import MappingProxyType

from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.precision import PRECISIONS, RANK, UnknownPrecision

LOW = "low"
"""The confidence of a row whose figures are derived."""
_CONFIDENCES = frozenset({"high", "medium", LOW})
_TERA = 10**12


CPU_FLOP_PER_CYCLE: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "AVX2": {"fp32": 32},
        "AVX512": {"fp32": 64},
        "AVX512-AMX": {"fp32": 64, "bf16": 1024},
    }
)
"""FLOP per cycle and physical core: two fused multiply-add units x 8 (AVX2) or 16 (AVX-512) FP32 lanes x 2 operations;
with AMX 1,024 BF16 operations, sixteen times AVX-512's 64.

Source: Intel 64 and IA-32 Architectures Optimization Reference Manual (248966), chapters on AVX-512 and on Intel AMX
(TDPBF16PS: 16 x 16 x 32 multiply-adds, one every 16 cycles).
"""

THREADS_PER_CORE = 2
"""A vCPU of the Intel and AMD training hosts is a hyper-thread (Amazon EC2 User Guide, "CPU options")."""

CPU_WATTS_PER_CORE = 10
"""Assumption: processor makers publish 240 W for 24 cores (Xeon Platinum 8175 class) to 300 W for 32 (8375 class) and
less per core since; AWS does not publish the power of its own models."""


class HardwareTableInvalid(AuditorError):
    """A row of the accelerator or instance-type table breaks a rule."""

    remedy = "Correct the named row in flops_auditor/data and give its source."


@dataclass(frozen=True)
class Accelerator:
    """One accelerator as AWS counts units (a K80 die, a Trainium chip)."""

    name: str
    peaks: Mapping[str, Fraction]
    """Precision -> dense FLOP/s of one unit."""
    tdp_watts: int | None
    source: str
    confidence: str


@dataclass(frozen=True)
class InstanceType:
    """One value of SageMaker's `TrainingInstanceType`, or a type that EC2 alone has, with SageMaker's `ml.` before it.

    The counted unit is the accelerator; a host without one counts as a single unit, its CPU.
    """

    name: str
    accelerator: Accelerator | None
    accelerator_count: Fraction
    vcpus: int
    cpu_manufacturer: str
    source: str
    confidence: str
    cpu_peaks: Mapping[str, Fraction] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def units(self) -> Fraction:
        """Units per host: accelerators (a fraction where AWS shares one between hosts), or 1, the host's CPU."""
        return self.accelerator_count if self.accelerator else Fraction(1)

    @property
    def derived(self) -> bool:
        """Whether its figures are derived from like hardware, as upper bounds, since none are published."""
        return LOW in {self.confidence, self.accelerator.confidence if self.accelerator else ""}

    @property
    def unit_name(self) -> str:
        """What one unit is, for people."""
        return self.accelerator.name if self.accelerator else f"{self.cpu_manufacturer} CPU ({self.vcpus} vCPU)"

    @property
    def peaks(self) -> Mapping[str, Fraction]:
        """Precision -> dense FLOP/s of one unit."""
        return self.accelerator.peaks if self.accelerator else self.cpu_peaks

    def peak(self, precision: str | None = None) -> tuple[Fraction, str]:
        """FLOP/s of one unit and the basis in words.

        None asks for the default: dense BF16, or the training peak of hardware without it. A precision that the
        hardware lacks gives its fastest format that is not faster than the one asked for.
        Raises UnknownPrecision for a name outside PRECISIONS.
        """
        rate, basis, _ = select_peak(self.peaks, precision, self.unit_name)
        return rate, basis

    @property
    def ceiling_peak(self) -> Fraction:
        """The highest dense FLOP/s of one unit in any precision: what no figure may exceed."""
        return max(self.peaks.values())

    @property
    def power_watts(self) -> Fraction | None:
        """Rated power (TDP) of one unit in watts, None where neither published nor assumed."""
        if self.accelerator:
            return None if self.accelerator.tdp_watts is None else Fraction(self.accelerator.tdp_watts)
        return Fraction(self.vcpus, THREADS_PER_CORE) * CPU_WATTS_PER_CORE

    @property
    def power_basis(self) -> str:
        """Where power_watts comes from, in words."""
        if not self.accelerator:
            return f"assumed {CPU_WATTS_PER_CORE} W per physical core"
        if self.accelerator.tdp_watts is None:
            return f"no rated power published for {self.accelerator.name}"
        return f"rated power (TDP) of one {self.accelerator.name}"


def select_peak(peaks: Mapping[str, Fraction], precision: str | None, unit: str) -> tuple[Fraction, str, str]:
    """The rate, the basis in words and the precision used, out of `peaks` (precision -> FLOP/s of one unit)."""
    if precision is None:
        chosen = next(name for name in ("bf16", "fp16", "fp32") if name in peaks)
        basis = f"dense {chosen.upper()}"
        return peaks[chosen], basis if chosen == "bf16" else f"{basis} ({unit} has no BF16)", chosen
    if precision not in RANK:
        raise UnknownPrecision(f"{precision!r} is not a precision")
    if precision in peaks:
        return peaks[precision], f"dense {precision.upper()}", precision
    slower = [name for name in peaks if RANK[name] <= RANK[precision]]
    chosen = max(slower, key=lambda name: peaks[name])
    return peaks[chosen], f"dense {chosen.upper()} ({unit} has no {precision.upper()})", chosen


def bounding_peak(peaks: Mapping[str, Fraction], unit: str, peak: Fraction, hinted: str, *, sure: bool) -> Fraction:
    """What a bound takes, in FLOP/s of one unit, where the best estimate takes `peak`: no less than the default where
    the precision is not `sure`, nor than what the unit has for a `hinted` format, "" where nothing hints at one.
    """
    others = (*(() if sure else (None,)), *((hinted,) if hinted else ()))
    return max((peak, *(select_peak(peaks, each, unit)[0] for each in others)))


@dataclass(frozen=True)
class HardwareTable:
    """Every known accelerator and instance type."""

    accelerators: Mapping[str, Accelerator]
    instance_types: Mapping[str, InstanceType]

    @classmethod
    def parse(cls, accelerators_csv: str, instance_types_csv: str) -> "HardwareTable":
        """Read and validate both tables. Raises HardwareTableInvalid naming table and row."""
        accelerators: dict[str, Accelerator] = {}
        for line, row in _rows(accelerators_csv, "accelerators", "accelerator"):
            accelerator = _accelerator(row, f"accelerators row {line}")
            if accelerator.name in accelerators:
                raise HardwareTableInvalid(f"accelerators row {line}: {accelerator.name} is a duplicate")
            accelerators[accelerator.name] = accelerator
        instance_types: dict[str, InstanceType] = {}
        for line, row in _rows(instance_types_csv, "instance types", "instance_type"):
            instance_type = _instance_type(row, accelerators, f"instance types row {line}")
            if instance_type.name in instance_types:
                raise HardwareTableInvalid(f"instance types row {line}: {instance_type.name} is a duplicate")
            instance_types[instance_type.name] = instance_type
        return cls(MappingProxyType(accelerators), MappingProxyType(instance_types))

    def find(self, instance_type: str) -> InstanceType | None:
        """The instance type of that exact name, or None: an unknown one is never guessed."""
        return self.instance_types.get(instance_type)

    def family(self, name: str) -> tuple[InstanceType, ...]:
        """The instance types of a family, such as `ml.p5`."""
        return tuple(each for each in self.instance_types.values() if each.name.startswith(f"{name}."))

    def find_accelerator(self, name: str) -> Accelerator | None:
        """The accelerator of that name, case ignored, or its beginning ("A100") where all it could mean are alike."""
        wanted = name.strip().casefold()
        units = {key.casefold(): unit for key, unit in self.accelerators.items()}
        if wanted in units:
            return units[wanted]
        variants = [unit for key, unit in units.items() if wanted and key.startswith((f"{wanted}-", f"{wanted} "))]
        return variants[0] if variants and all(unit.peaks == variants[0].peaks for unit in variants) else None


def _rows(text: str, table: str, key: str) -> list[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    rows = [(line, row) for line, row in enumerate(reader, start=2)]
    if not rows:
        raise HardwareTableInvalid(f"{table}: no rows")
    for line, row in rows:
        if None in row or any(value is None for value in row.values()):
            raise HardwareTableInvalid(f"{table} row {line}: wrong number of columns")
        for name in (key, "source"):
            if not row.get(name, "").strip():
                raise HardwareTableInvalid(f"{table} row {line}: no {name}")
        if row.get("confidence") not in _CONFIDENCES:
            raise HardwareTableInvalid(f"{table} row {line}: confidence must be high, medium or low")
    return rows


def _number(row: Mapping[str, str], column: str, where: str) -> Fraction | None:
    text = row.get(column, "").strip()
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise HardwareTableInvalid(f"{where}: {column} {text!r} is not a number") from error
    if not value.is_finite() or value <= 0:
        raise HardwareTableInvalid(f"{where}: {column} {text!r} must be positive")
    return Fraction(value)


def _whole(row: Mapping[str, str], column: str, where: str) -> int | None:
    value = _number(row, column, where)
    if value is not None and value.denominator != 1:
        raise HardwareTableInvalid(f"{where}: {column} {row[column]!r} must be a whole number")
    return None if value is None else int(value)


def _accelerator(row: Mapping[str, str], where: str) -> Accelerator:
    peaks = {name: _number(row, f"{name}_tflops", where) for name in PRECISIONS}
    known = {name: tflops * _TERA for name, tflops in peaks.items() if tflops is not None}
    if "fp32" not in known:
        raise HardwareTableInvalid(f"{where}: no fp32_tflops, which every accelerator has")
    return Accelerator(
        name=row["accelerator"],
        peaks=MappingProxyType(known),
        tdp_watts=_whole(row, "tdp_watts", where),
        source=row["source"],
        confidence=row["confidence"],
    )


def _instance_type(row: Mapping[str, str], accelerators: Mapping[str, Accelerator], where: str) -> InstanceType:
    vcpus = _whole(row, "vcpus", where)
    if vcpus is None:
        raise HardwareTableInvalid(f"{where}: no vcpus")
    name = row["accelerator"].strip()
    if name and name not in accelerators:
        raise HardwareTableInvalid(f"{where}: accelerator {name!r} is not in the accelerator table")
    count = Fraction(0) if row["accelerator_count"].strip() == "0" else _number(row, "accelerator_count", where)
    if count is None or bool(name) != bool(count):
        raise HardwareTableInvalid(f"{where}: accelerator and accelerator_count contradict each other")
    gigahertz = _number(row, "sustained_clock_ghz", where)
    simd = row["cpu_simd"].strip()
    cpu_peaks: Mapping[str, Fraction] = {}
    if not name:
        if gigahertz is None or simd not in CPU_FLOP_PER_CYCLE:
            raise HardwareTableInvalid(f"{where}: a CPU host needs a clock and one of {', '.join(CPU_FLOP_PER_CYCLE)}")
        cycles = Fraction(vcpus, THREADS_PER_CORE) * gigahertz * 10**9
        cpu_peaks = {precision: cycles * per_cycle for precision, per_cycle in CPU_FLOP_PER_CYCLE[simd].items()}
    return InstanceType(
        name=row["instance_type"],
        accelerator=accelerators[name] if name else None,
        accelerator_count=count,
        vcpus=vcpus,
        cpu_manufacturer=row["cpu_manufacturer"],
        source=row["source"],
        confidence=row["confidence"],
        cpu_peaks=MappingProxyType(dict(cpu_peaks)),
    )
