"""A person's better evidence, on the deployed template: asked for, recorded, and told."""

from tests.integration.deployed import Deployed, fresh_job, run


def tag(name: str, value: str) -> dict[str, str]:
    return {"Key": f"flops-auditor:{name}", "Value": value}


def test_a_corrected_tag_settles_a_record_as_its_mail_says(operator: Deployed) -> None:
    """The mail's advice, followed word for word."""
    job = fresh_job()
    name, arn = job["TrainingJobName"], job["TrainingJobArn"]
    operator.load(job, [tag("activity", "fine-toning")])
    operator.announce(job)
    assert operator.record(arn).predicate["verdict"] == "indeterminate"
    operator.idle()
    [mail] = operator.mails_about(name)
    command = f"flops-auditor amend {job['TrainingJobArn']} --who NAME --why REASON --ask-again"
    assert command in " ".join(mail["Message"].split())
    operator.load(job, [tag("activity", "fine-tuning")])
    advised = command.replace("NAME", "ada@example.com").replace("REASON", "corrected").split()[1:]
    code, document = run(*advised, "--dry-run")
    assert (code, document["settled"], document["after"]["verdict"]) == (0, True, "below")
    assert operator.record(arn).predicate["revision"] == 0
    code, document = run(*advised)
    assert (code, document["after"]["verdict"]) == (0, "below")
    assert operator.record(arn).predicate["revision"] == 1
    operator.idle()
    assert len(operator.mails_about(name)) == 2
