"""Where people look at a training job: its page of the AWS console."""

from urllib.parse import quote

from flops_auditor.domain.values.arns import name_of, partition_of, region_of

_HOSTS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def console_page(arn: str) -> str:
    """The page of a job; empty in a partition whose console is not known."""
    host, region = _HOSTS.get(partition_of(arn)), quote(region_of(arn), safe="")
    if host is None or not region:
        return ""
    return f"https://{host}/sagemaker/home?region={region}#/jobs/{quote(name_of(arn), safe='')}"
