"""What people recognise a job by: in mails, and nothing of it can break a line or an address."""

import pytest

from flops_auditor.domain.messages.job_in_words import job_in_words
from flops_auditor.domain.runs.sources.registry import page_of

JOB = {
    "source": "sagemaker:training-job",
    "arn": "arn:aws:sagemaker:eu-west-1:111122223333:training-job/tune",
    "instances": [{"type": "ml.p5.48xlarge", "count": 64}],
    "start": "2026-03-19T03:00:12.000Z",
    "end": "2026-03-19T06:04:00.000Z",
}


def test_model_hardware_time_and_page() -> None:
    assert job_in_words(JOB, "org/model") == [
        "Model: org/model",
        "Hardware: 64 x ml.p5.48xlarge",
        "Training: 2026-03-19 03:00 to 2026-03-19 06:04 (UTC)",
        "Job: arn:aws:sagemaker:eu-west-1:111122223333:training-job/tune",
        "https://console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/tune",
    ]


def test_what_is_not_known_is_said() -> None:
    said = job_in_words(JOB | {"source": "made-up", "instances": [], "start": None, "end": None}, "")
    assert said[:3] == ["Model: not named", "Hardware: not known", "Training: not known to not known (UTC)"]
    assert len(said) == 4, "a service without a page has no line for it"


def test_many_groups_of_hosts_are_bounded() -> None:
    groups = [{"type": f"ml.g{n}.xlarge", "count": n} for n in range(9)]
    assert job_in_words(JOB | {"instances": groups}, "")[1].endswith("3 x ml.g3.xlarge, and 5 more kinds")


def test_a_hostile_model_is_one_bounded_line() -> None:
    line = job_in_words(JOB, "x\r\nBcc: all@example.com" + "y" * 1000)[0]
    assert line.isprintable()
    assert len(line) < 140


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-iso", ""),
        ("aws\n", ""),
    ],
)
def test_each_partition_has_its_console(partition: str, host: str) -> None:
    page = page_of(JOB["source"], f"arn:{partition}:sagemaker:r-1:1:training-job/a b&c#")  # type: ignore[arg-type]
    assert page == (f"https://{host}/sagemaker/home?region=r-1#/jobs/a%20b%26c%23" if host else "")
