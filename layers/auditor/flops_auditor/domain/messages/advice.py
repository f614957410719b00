"""Advice about doubts that neither a tag, a metric nor an amendment can settle.

It is given where people read, not signed: a record's own words do not change with what is advised.
"""

from collections.abc import Iterable

from flops_auditor.domain.compute.hardware_use import UNKNOWN_TYPE

AMEND = "flops-auditor amend {job} --who NAME --why REASON --tokens NUMBER --parameters NUMBER"
KNOW_THE_TYPE = (
    "Upgrade to a release whose table has the instance type (flops-auditor catalog instance-types shows it), or add "
    "its row to instance_types.csv, and deploy."
)


def unknown_hardware(kinds: Iterable[str]) -> bool:
    """Whether an instance type is not known. Nothing then bounds or cross-checks what else is said (docs/adr/0002)."""
    return UNKNOWN_TYPE.name in kinds


def to_know_the_hardware(job: str) -> str:
    """What settles a recorded job on an instance type that was not known; `job` is its printable name."""
    return (
        f"Evidence alone does not settle that: nothing compares it with what the hardware can do. {KNOW_THE_TYPE} "
        f"Then have the job recorded again with what you know of it: {AMEND.format(job=job)}"
    )
