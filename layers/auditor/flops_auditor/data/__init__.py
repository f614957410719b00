"""Tables shipped with the product: accelerators, instance types, base models, policies. Each row names its source.

Loaders read a file once per process; `digests` says by SHA-256 which version of each file a figure rests on.
"""

import hashlib
from functools import cache
from importlib import resources

from flops_auditor.domain.hardware import HardwareTable

ACCELERATORS = "accelerators.csv"
INSTANCE_TYPES = "instance_types.csv"
FILES = (ACCELERATORS, INSTANCE_TYPES)


@cache
def read(name: str) -> str:
    """The text of one shipped file."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def digest(name: str) -> str:
    """The SHA-256 of one shipped file, in hex."""
    return hashlib.sha256(resources.files(__name__).joinpath(name).read_bytes()).hexdigest()


def digests() -> dict[str, str]:
    """File name -> SHA-256 (hex) of every shipped table."""
    return {name: digest(name) for name in FILES}


@cache
def hardware_table() -> HardwareTable:
    """The validated accelerators and instance types. Raises HardwareTableInvalid."""
    return HardwareTable.parse(read(ACCELERATORS), read(INSTANCE_TYPES))
