"""The deployed template on a local AWS that enforces every policy, once for all integration tests of a process."""

import os
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flops_auditor_cli.local_aws import Stack, start, stop
from flops_auditor_cli.local_aws.processes import REPOSITORY
from tests.fakes.clients import forget_clients
from tests.integration.built import deploy_shared
from tests.integration.deployed import Deployed

OPERATORS_BUCKET = "files-of-cluster-operators"
"""Where operators of clusters drop their files: this door is shut by default."""
SAM = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())["local"]["deploy"]["parameters"]
LOCAL = dict(each.split("=", 1) for each in shlex.split(SAM["parameter_overrides"]))
"""Parameters of the local AWS: what is given beside them takes the place of all."""
RECORDING = Path(__file__).with_name("recording")


@pytest.fixture(scope="session")
def calls_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every call that a function makes is noted, a line of JSON each."""
    return tmp_path_factory.mktemp("calls") / "calls.jsonl"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the processes of this run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, calls_file: Path, shared: Path) -> Iterator[Stack]:
    """A local AWS on free ports of 127.0.0.1 with template.yaml deployed, as sam built it; ended by its own pids."""
    state: Path = tmp_path_factory.mktemp("local-aws")
    running = start(state, {"PYTHONPATH": str(RECORDING), "RECORD_CALLS_IN": str(calls_file)}, enforce=True)
    try:
        place = {"LocationConstraint": running.region}
        running.client("s3").create_bucket(Bucket=OPERATORS_BUCKET, CreateBucketConfiguration=place)
        deploy_shared(running, shared, {**LOCAL, "ClusterFiles": OPERATORS_BUCKET})
        yield running
    finally:
        stop(state)


@pytest.fixture(scope="session")
def deployed(stack: Stack) -> Deployed:
    """What tests ask of the deployed stack."""
    return Deployed(stack)


@pytest.fixture
def operator(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """The command line talks to the stack, through its environment alone."""
    for name, value in deployed.stack.environment().items():
        monkeypatch.setenv(name, value)
    _forget_clients(monkeypatch)
    yield deployed
    _forget_clients(monkeypatch)


def _forget_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of another stack, with boto3's session, which keeps the credentials and addresses that it found first."""
    forget_clients()
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
