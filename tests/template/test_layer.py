"""The layer ships the SDK that the tests run with, with all that is called of it, and that SDK knows every field that
an estimate rests on.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import botocore
import pytest
from botocore.session import get_session

from flops_auditor.aws.sources.regions import regions_with
from tests.template.loading import REPOSITORY

LAYER = REPOSITORY / "layers" / "auditor"
MAKES_A_CLIENT = {"client", "_asked_once"}
ASKED = """
import json, sys
import boto3, botocore
from flops_auditor.aws.calls.clients import ServiceLeftOut, client
from flops_auditor.aws.sources.regions import regions_with
said = ""
try:
    client("athena", "eu-west-1")
except ServiceLeftOut as error:
    said = f"{error}. {error.remedy}"
operations = {name: sorted(client(name, "eu-west-1").meta.service_model.operation_names) for name in sys.argv[1:]}
regions = {name: sorted(regions_with(name)) for name in ("sagemaker", "bedrock", "batch")}
print(json.dumps([[boto3.__file__, botocore.__file__], said, operations, regions]))
"""


def pinned(requirements: str, package: str) -> str:
    """The version of a package in a requirements file."""
    text = (REPOSITORY / "requirements" / requirements).read_text()
    [version] = re.findall(rf"^{package}==(\S+)", text, re.M)
    return str(version)


@pytest.mark.parametrize("package", ["boto3", "botocore"])
def test_the_layer_and_the_command_line_have_the_same_sdk(package: str) -> None:
    assert pinned("layer.txt", package) == pinned("dev.txt", package)


def test_the_sdk_drops_nothing_that_an_estimate_reads() -> None:
    """botocore leaves out of an answer what its model of the service does not name."""
    assert botocore.__version__ == pinned("layer.txt", "botocore")
    sagemaker = get_session().get_service_model("sagemaker")
    answer = sagemaker.operation_model("DescribeTrainingJob").output_shape.members
    assert {"ServerlessJobConfig", "BillableTokenCount", "SecondaryStatusTransitions", "Environment"} <= set(answer)
    hardware = {"InstanceType", "InstanceCount", "InstanceGroups", "SelectedInstanceType", "SelectedInstanceCount"}
    assert hardware <= set(answer["ResourceConfig"].members)


def services_called(folder: Path) -> Iterator[str]:
    """Services that code under a folder makes clients of, by their names in it."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKES_A_CLIENT:
                match node.args[0]:
                    case ast.Constant(value=str(name)):
                        yield name
                    case _:
                        raise AssertionError(f"{path}: a client of a service that no name here tells")


def services_kept() -> list[str]:
    """Services whose descriptions the layer has."""
    [line] = re.findall(r"^AWS_SERVICES = (.*)$", (LAYER / "Makefile").read_text(), re.M)
    return str(line).split()


def test_the_layer_describes_the_services_that_its_code_calls_and_no_other() -> None:
    called = {*services_called(LAYER / "flops_auditor"), *services_called(REPOSITORY / "functions")}
    assert sorted(called) == services_kept()


def test_what_is_left_out_of_the_sdk_is_not_missed(tmp_path: Path) -> None:
    """Each client is made of what the Makefile leaves, calls all that it can call with the whole SDK, and knows the
    same regions; of another service it says what to do.
    """
    python = tmp_path / "python"
    for package in (boto3, botocore):
        shutil.copytree(Path(package.__file__).parent, python / package.__name__)
    subprocess.run(["make", "-s", "leave-out", f"ARTIFACTS_DIR={tmp_path}"], cwd=LAYER, check=True)
    environment = {**os.environ, "PYTHONPATH": f"{python}:{LAYER}"}
    asked = [sys.executable, "-c", ASKED, *services_kept()]
    done = subprocess.run(asked, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True)
    files, said, operations, regions = json.loads(done.stdout)
    assert all(Path(file).is_relative_to(python) for file in files)
    whole = get_session()
    assert operations == {name: sorted(whole.get_service_model(name).operation_names) for name in services_kept()}
    assert regions == {name: sorted(regions_with(name)) for name in regions}
    assert said.startswith("this build of boto3 cannot call the AWS service athena. Name the service in AWS_SERVICES")
    left = {path.name for path in (python / "botocore" / "data").iterdir() if path.is_dir()}
    assert left == set(services_kept())
    assert not (python / "boto3" / "data").exists()
