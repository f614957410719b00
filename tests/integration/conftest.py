"""The deployed template on a local AWS, once for all integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flops_auditor_cli.local_aws import Stack, deploy, start, stop
from tests.integration.deployed import Deployed


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A local AWS on free ports of 127.0.0.1 with template.yaml deployed, as sam built it; ended by its own pids."""
    state: Path = tmp_path_factory.mktemp("local-aws")
    running = start(state)
    try:
        deploy(running)
        yield running
    finally:
        stop(state)


@pytest.fixture(scope="session")
def deployed(stack: Stack) -> Deployed:
    """What tests ask of the deployed stack."""
    return Deployed(stack)
