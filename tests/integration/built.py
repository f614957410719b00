"""The template, built once for all stacks of a run. `make demo`, which test_readme runs, builds its own."""

import fcntl
import shutil
from collections.abc import Mapping
from pathlib import Path

from flops_auditor_cli.local_aws import Stack
from flops_auditor_cli.local_aws.deployment import build, deploy_built


def deploy_shared(stack: Stack, shared: Path, parameters: Mapping[str, str] | None = None) -> None:
    """Deploy this working tree on a stack; the first to ask builds it into the folder that all processes share."""
    place, built = stack.state_dir / "build", shared / "built"
    if place.exists():
        shutil.rmtree(place)
    with (shared / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            build(stack)
            place.rename(built)
    place.symlink_to(built)
    deploy_built(stack, parameters)
