"""Texts in a description of a training job that are read for the places they name alone.

Whoever starts a job writes them; its container finds them in its configuration, or by asking SageMaker (Developer
Guide, "How Amazon SageMaker AI Provides Training Information"; API Reference, DescribeTrainingJob). Of evidence that
has no room long ones are kept by their digest, which is a doubt.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

LEFT_OUT_PLACES = "leftOutPlaces"
"""Our own member of a description: where its texts say that results are left, whatever is left of the texts."""
_READ_ELSEWHERE = frozenset(
    {
        *("TrainingJobName", "TrainingJobArn", "RoleArn", "TuningJobArn", "LabelingJobArn", "AutoMLJobArn", "Tags"),
        *("HyperParameters", "Environment", "AlgorithmSpecification.ContainerEntrypoint"),
        *("AlgorithmSpecification.ContainerArguments", "InputDataConfig.DataSource.S3DataSource.S3Uri"),
        *("InputDataConfig.DataSource.S3DataSource.HubAccessConfig", "CheckpointConfig.S3Uri"),
        *("OutputDataConfig.S3OutputPath", "TensorBoardOutputConfig.S3OutputPath", "DebugHookConfig.S3OutputPath"),
        *("DebugHookConfig.HookParameters", "ProfilerConfig.S3OutputPath", "ProfilerConfig.ProfilingParameters"),
        *("ModelPackageConfig", "ServerlessJobConfig.BaseModelArn", "MlflowConfig.MlflowResourceArn"),
        LEFT_OUT_PLACES,
    }
)
"""Members that say something by themselves."""
_OF_THE_SERVICE = frozenset(
    {
        *("ModelArtifacts", "OutputModelPackageArn", "FailureReason", "SecondaryStatusTransitions", "WarmPoolStatus"),
        *("FinalMetricDataList", "ResponseMetadata", "DebugRuleEvaluationStatuses", "ProfilerRuleEvaluationStatuses"),
        *("ProgressInfo", "ServerlessJobProgressInfo", "MlflowDetails"),
    }
)
"""Members that SageMaker writes."""


def other_texts(answer: Mapping[str, Any]) -> dict[str, str]:
    """Texts in which a place may stand, by the names that they stand under, and names that are places."""
    texts: dict[str, str] = {}
    passed = _READ_ELSEWHERE | _OF_THE_SERVICE
    waiting: deque[tuple[str, str, object]] = deque([("", "", answer)])
    while waiting:
        member, name, value = waiting.popleft()
        if isinstance(value, str) and "/" in value:
            _add(texts, name, value)
        elif isinstance(value, Mapping):
            for key, each in value.items():
                below = f"{member}.{key}".lstrip(".")
                if below in passed:
                    continue
                waiting.append((below, f"{name}.{key}".lstrip("."), each))
                if "/" in str(key):
                    _add(texts, name, str(key))
        elif isinstance(value, list | tuple):
            waiting += [(member, f"{name}.{number}", each) for number, each in enumerate(value)]
    return texts


def _add(texts: dict[str, str], name: str, text: str) -> None:
    """Add a text, also where another one has its name: owners choose names."""
    while name in texts:
        name = f"{name}.{len(texts)}"
    texts[name] = text
