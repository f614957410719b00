"""How AWS spells the models that it offers: hub-content and foundation-model ARNs, JumpStart ids and buckets.

Facts: Amazon SageMaker API Reference, DescribeHubContent; Amazon Bedrock API Reference, GetFoundationModel; Amazon
SageMaker Developer Guide, "Built-in algorithms with pre-trained model table" (JumpStart model ids).
"""

import re

_HUB_CONTENT = re.compile(
    r"^arn:[\w-]+:sagemaker:[\w-]*:[\w-]*:hub-content/[^/]+/(?:Model|ModelReference)/(?P<name>[^/]+)", re.IGNORECASE
)
_FOUNDATION_MODEL = re.compile(r"^arn:[\w-]+:bedrock:[\w-]*:[\w-]*:foundation-model/(?P<name>.+)$", re.IGNORECASE)
_JUMPSTART_BUCKET = re.compile(r"^s3://jumpstart-(?:private-)?cache-")
_JUMPSTART_TASK = re.compile(
    r"^(?:huggingface|meta|deepseek|openai|model|pytorch|tensorflow|nova|qwen|mistral)-(?:llmneuron|llm|textgenerationneuron"
    r"|textgeneration\d?|text2text|vlm|reasoning|textembedding|sentencesimilarity|fillmask|tc|spc|eqa|ner|asr|txt2img"
    r"|txt2imgneuron|imagegeneration|translation|summarization)-(?P<name>.+)$"
)


def name_in_arn(text: str) -> str | None:
    """The model's name in the ARN of a service's model; None for anything else."""
    arn = _HUB_CONTENT.match(text) or _FOUNDATION_MODEL.match(text)
    return arn["name"] if arn else None


def service_model_id(name: str) -> str | None:
    """The model's name in a JumpStart model id such as "huggingface-llm-falcon-7b", lower case; None for another."""
    task = _JUMPSTART_TASK.match(name)
    return task["name"] if task else None


def in_service_bucket(uri: str) -> bool:
    """Whether an S3 URI lies in a bucket from which JumpStart serves its models."""
    return _JUMPSTART_BUCKET.match(uri) is not None


HUB_ADDRESSES = ("https://huggingface.co/", "http://huggingface.co/", "hf://", "huggingface://")


def is_place(text: str) -> bool:
    """Whether a model's name is a place that the job's owner named, such as a path in a container: anybody may call
    anything so. An ARN, a hub's address and a place in JumpStart's bucket are none.
    """
    place = not text.strip() or "://" in text or text.startswith(("/", ".", "~")) or text.count("/") > 1
    return place and not text.startswith(HUB_ADDRESSES) and not in_service_bucket(text) and name_in_arn(text) is None
