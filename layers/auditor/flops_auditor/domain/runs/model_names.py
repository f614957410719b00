"""How AWS spells the models that it offers: hub-content and foundation-model ARNs, JumpStart ids and buckets.

Facts: Amazon SageMaker API Reference, DescribeHubContent; Amazon Bedrock API Reference, GetFoundationModel; Amazon
SageMaker Developer Guide, "Built-in algorithms with pre-trained model table" (JumpStart model ids); the buckets of each
region: SageMaker Python SDK, jumpstart/region_config.json.
"""

import re

_HUB_CONTENT = re.compile(
    r"^arn:[\w-]+:sagemaker:[\w-]*:[\w-]*:hub-content/[^/]+/(?:Model|ModelReference)/(?P<name>[^/]+)", re.IGNORECASE
)
_FOUNDATION_MODEL = re.compile(r"^arn:[\w-]+:bedrock:[\w-]*:[\w-]*:foundation-model/(?P<name>.+)$", re.IGNORECASE)
_JUMPSTART_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "cn-north-1",
        "cn-northwest-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-gov-east-1",
        "us-gov-west-1",
        "us-west-1",
        "us-west-2",
    }
)
"""A bucket's name is anybody's who asks for it first: one of a region that JumpStart does not serve is not AWS's."""
_JUMPSTART_BUCKET = re.compile(r"s3://jumpstart-(?:private-)?cache-prod-(?P<region>[a-z0-9-]+)/")
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
    bucket = _JUMPSTART_BUCKET.match(uri)
    return bucket is not None and bucket["region"] in _JUMPSTART_REGIONS


HUB_ADDRESSES = ("https://huggingface.co/", "http://huggingface.co/", "hf://", "huggingface://")


def is_place(text: str) -> bool:
    """Whether a model's name is a place that the job's owner named, such as a path in a container: anybody may call
    anything so. An ARN, a hub's address and a place in JumpStart's bucket are none.
    """
    place = not text.strip() or "://" in text or text.startswith(("/", ".", "~", "$")) or text.count("/") > 1
    return place and not text.startswith(HUB_ADDRESSES) and not in_service_bucket(text) and name_in_arn(text) is None
