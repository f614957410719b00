"""What contract tests of SageMaker's doors share: a client whose answers are said beforehand."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber


@pytest.fixture
def sagemaker() -> Any:
    return boto3.client("sagemaker", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def stub(sagemaker: Any) -> Iterator[Stubber]:
    with Stubber(sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
