"""Which training job this process belongs to, and when the process began: from its environment."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

IMPORTED = time.time()
"""When this package was imported: the beginning of the process, where FLOPS_METER=1 switched it on."""


@dataclass(frozen=True)
class Job:
    """The job's ARN and name as SageMaker sets them in the container; `none` outside of one."""

    arn: str
    name: str
    instance_type: str | None = None
    model_package_group: str | None = None
    output_folder: Path = Path()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Job":
        """Read TRAINING_JOB_ARN and TRAINING_JOB_NAME."""
        given = os.environ if environment is None else environment
        output = Path("/opt/ml/output")
        return cls(
            _word(given.get("TRAINING_JOB_ARN")),
            _word(given.get("TRAINING_JOB_NAME")),
            given.get("SM_CURRENT_INSTANCE_TYPE") or given.get("TRAINING_INSTANCE_TYPE"),
            given.get("MODEL_PACKAGE_GROUP_NAME"),
            output if output.is_dir() else Path(),
        )


def _word(value: str | None) -> str:
    """A value that stands in a line of its own words: without blanks."""
    return "".join((value or "none").split()) or "none"


def process_start() -> float:
    """When this process began, in Unix seconds; when this package was imported where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        booted = time.time() - float(Path("/proc/uptime").read_text().split()[0])
        return min(booted + since_boot, IMPORTED)
    except (OSError, ValueError, IndexError):
        return IMPORTED
