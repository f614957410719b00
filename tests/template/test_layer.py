"""The layer ships the SDK that the tests run with, and that SDK knows every field that an estimate rests on."""

import re

import botocore
import pytest
from botocore.session import get_session

from tests.template.loading import REPOSITORY


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
