"""What people recognise a job by: in mails, and nothing of it can break a line or an address."""

from dataclasses import replace

import pytest

from flops_auditor.domain.messages.job_in_words import job_in_words
from flops_auditor.domain.messages.record_alert import section
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.registry import page_of
from flops_auditor.domain.values.visible import as_written
from flops_auditor.use_cases.auditing.keep_record import alert_people, newest
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, continuing

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
    assert len(line) < 140
    assert section("", [line]).replace("\n", " ").startswith("Model: 'x⟨U+000D⟩⟨U+000A⟩Bcc: all@example.com")


@pytest.mark.parametrize("name", ["meta\u202ellama/x", "org/\u0430bc", "org/e\u0301", "org/x⟨U+202E⟩", "a\u200bb"])
def test_a_model_in_a_mail_is_shown_as_a_list_shows_it(name: str) -> None:
    assert section("", job_in_words(JOB, name)).split("\n")[0] == f"Model: {as_written(name)}"


def created(tags: dict[str, str] | None, **changes: str) -> Case:
    pairs = None if tags is None else [{"Key": key, "Value": value} for key, value in tags.items()]
    return case_of(Evidence(describe(**changes), tags=pairs))


def creator(case: Case) -> list[str]:
    return [line.removeprefix("Created with the ") for line in job_in_words(JOB, "", case) if "Created" in line]


def test_role_and_tags_say_who_created_it_the_auditors_own_tags_last() -> None:
    role = "arn:aws:iam::123456789012:role/research/tuning"
    case = created({"flops-auditor:tokens": "1e9", "team": "speech", "cost-centre": "42"}, RoleArn=role)
    tags = "tags: 'cost-centre' = '42', 'team' = 'speech', 'flops-auditor:tokens' = '1e9'"
    assert creator(case) == [f"role: '{role}'", tags]
    assert creator(created({})) == ["role: not known", "tags: none"]
    assert creator(created(None)) == ["role: not known", "tags: could not be read"]


@pytest.mark.parametrize(("revision", "said"), [(0, True), (7, False)])
def test_who_created_it_is_read_from_the_evidence_that_is_kept_and_a_mail_goes_out_without(
    revision: int, said: bool
) -> None:
    """The record alone is at hand, as after a crash; of revision 7 no evidence is left."""
    world = World()
    world.add(continuing("job", hours=10, RoleArn="arn:aws:iam::123456789012:role/tuning"), params="many")
    world.audit()
    job_id = world.content("job")["job"]["id"]
    kept = newest(job_id, world.recorder)
    assert kept is not None and kept.case is None
    content = {**kept.content, "verdict": "above", "revision": revision}
    alert_people(job_id, replace(kept, record=replace(kept.record, revision=revision), content=content), world.recorder)
    first, second = world.recorder.alerts.sent  # type: ignore[attr-defined]
    assert "'arn:aws:iam::123456789012:role/tuning'" in first.body
    assert ("'arn:aws:iam::123456789012:role/tuning'" in second.body) is said


def test_hostile_tags_and_roles_are_quoted_and_bounded() -> None:
    evil = "`curl evil | sh`\r\nBcc: all@example.com" + "y" * 1000
    role, tags = creator(created({f"{n}{evil}": evil for n in range(40)}, RoleArn=evil))
    assert tags.endswith(", and 32 more") and len(tags) < 8 * 100
    assert len(role) < 180
    for line in (role, tags):
        assert line.isprintable() and "`" not in line


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
