"""What the law asks, on the deployed path: from the event to the signed record and the mail about it.

Each run trained a model of 1e11 parameters, or generated with one; its tokens give the figure.
"""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.fakes.lineage import channel
from tests.integration.deployed import Deployed, fresh_job

EU = "eu-gpai-guidelines-2025-07"
PARAMETERS = 10**11
HOST_DAY = 8 * 9894 * 10**11 * 86400
"""FLOP that a p5.48xlarge does in a day at most."""
LLAMA_405B = "meta-llama/Llama-3.1-405B"
"""Listed as one of systemic risk: 3.8e25 FLOP."""


def run(
    flop: float, ended: timedelta = timedelta(hours=1), days: int = 30, after: tuple[Any, ...] = (), **changes: Any
) -> dict[str, Any]:
    """A run on hosts that can do twice that many FLOP; it begins from what the runs before it left."""
    hosts = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": math.ceil(2 * flop / HOST_DAY / days)}
    job = fresh_job(hours=24 * days, ended=ended, ResourceConfig=hosts, HyperParameters={}, **changes)
    job["OutputDataConfig"] = {"S3OutputPath": "s3://law/"}
    job["ModelArtifacts"] = {"S3ModelArtifacts": f"s3://law/{job['TrainingJobName']}/output/model.tar.gz"}
    read = [channel(f"before{n}", each["ModelArtifacts"]["S3ModelArtifacts"]) for n, each in enumerate(after)]
    return job | {"InputDataConfig": read}


def record(deployed: Deployed, job: dict[str, Any], flop: float, passes: int = 6, **tags: str) -> dict[str, Any]:
    """The predicate of the run's record: so many FLOP, by its tokens, and what its tags say."""
    said = {"params": str(PARAMETERS), "tokens": str(round(flop / passes / PARAMETERS)), **tags}
    deployed.load(job, [{"Key": f"flops-auditor:{k.replace('_', '-')}", "Value": v} for k, v in said.items()])
    deployed.announce(job)
    return deployed.record(job["TrainingJobArn"]).predicate


def line(content: dict[str, Any], scenario: str) -> dict[str, Any]:
    """What the Guidelines' line says."""
    [found] = [a for a in content["assessments"] if (a["policy"], a["scenario"]) == (EU, scenario)]
    return found


def lines(content: dict[str, Any]) -> set[str]:
    """The Guidelines' lines that were held against the run."""
    return {a["scenario"] for a in content["assessments"] if a["policy"] == EU}


def mail(deployed: Deployed, job: dict[str, Any]) -> tuple[str, str]:
    """Subject and text of the newest mail about a run."""
    found = deployed.wait(lambda: deployed.mails_about(job["TrainingJobName"]), "a mail")
    return found[-1]["Subject"], " ".join(found[-1]["Message"].split())


def test_the_third_of_a_systemic_original_is_cumulative_on_both_sides(deployed: Deployed) -> None:
    """Updates of 1e24 are under a third of 3.8e25; with 2e25 of generated data the modification is over it."""
    data = run(2e25, ended=timedelta(days=40))
    record(deployed, data, 2e25, passes=2, activity="synthetic-data")
    job = run(1e24, after=(data,))
    content = record(deployed, job, 1e24, base_model=LLAMA_405B)
    found = line(content, "systemic-one-third")
    assert (found["verdict"], found["basis"], found["reading"]) == ("above", "cumulative", "ours")
    assert "notify-commission" in {duty["id"] for duty in found["duties"] if duty["state"] == "owed"}
    assert content["notification_due"]
    subject, text = mail(deployed, job)
    assert "ABOVE" in subject
    assert f"By {content['notification_due']}" in text
    assert "Notify the European Commission without delay" in text
    assert "Art. 55(1)" in text
    assert "Counted: all that contributed to the model" in text


def test_pretraining_somebody_elses_weights_is_a_modification(deployed: Deployed) -> None:
    """9.9e24 + 2e23 is over 1e25: who notifies is disputed, the day is kept, and the third is assessed."""
    job = run(2e23)
    content = record(deployed, job, 2e23, activity="pretraining", base_model="acme/large", pretrain_flops="9.9e24")
    assert lines(content) == {"one-third", "systemic-risk-total"}
    assert line(content, "one-third")["verdict"] == "below"
    total = line(content, "systemic-risk-total")
    assert (total["verdict"], total["reading"], total["inherited_flop"]) == (
        "indeterminate",
        "disputed",
        str(99 * 10**23),
    )
    assert {duty["state"] for duty in total["duties"]} == {"disputed"}
    subject, text = mail(deployed, job)
    assert "DISPUTED" in subject
    assert f"By {content['notification_due']}" in text
    assert "Art. 52(1) binds the provider" in text


def test_a_modification_alone_over_1e25_of_an_unknown_original_is_told(deployed: Deployed) -> None:
    job = run(2e25, days=60)
    content = record(deployed, job, 2e25, base_model="acme/secret")
    assert line(content, "original-unknown")["verdict"] == "above"
    alone = line(content, "systemic-risk-modification")
    assert (alone["verdict"], alone["reading"]) == ("above", "ours")
    assert content["notification_due"]
    subject, text = mail(deployed, job)
    assert "ABOVE" in subject
    assert "Notify the European Commission" in text


def test_generating_data_counts_without_the_generators_own_training(deployed: Deployed) -> None:
    """2e23 with a model of 9.9e24, and 1e20 with one whose compute nobody knows: neither is near 1e25."""
    large, unknown = run(2e23), run(1e20, days=1)
    found = [
        record(deployed, large, 2e23, passes=2, activity="synthetic-data", pretrain_flops="9.9e24"),
        record(deployed, unknown, 1e20, passes=2, activity="synthetic-data", base_model="acme/secret"),
    ]
    for content in found:
        assert lines(content) == {"systemic-risk-generation"}
        generated = line(content, "systemic-risk-generation")
        assert (generated["inherited_flop"], generated["duties"], generated["doubts"]) == ("0", [], [])
    assert [content["verdict"] for content in found] == ["below", "below"]
    assert [content["rests_on"]["on_the_jobs_word"] for content in found] == [True, False], (
        "its tag bears on 2e23 alone"
    )
    deployed.idle()
    mails = [deployed.mails_about(job["TrainingJobName"]) for job in (large, unknown)]
    assert mails == [[], []], "without the tag it would be open, not above"


def test_a_late_audit_postpones_no_day(deployed: Deployed) -> None:
    """The line was crossed half-way through a run that ended 60 days ago: 14 days from then, and the mail says so."""
    job = run(2e25, ended=timedelta(days=60), days=40)
    content = record(deployed, job, 2e25, base_model="acme/secret")
    met = datetime.fromisoformat(line(content, "systemic-risk-modification")["met_at"])
    crossed = job["TrainingEndTime"] - timedelta(days=20)
    assert abs(met - crossed) < timedelta(hours=1)
    assert content["notification_due"] == (met + timedelta(days=14)).date().isoformat()
    late = (datetime.now(UTC).date() - date.fromisoformat(content["notification_due"])).days
    assert late > 60
    _, text = mail(deployed, job)
    assert f"By {content['notification_due']}, which was {late} days ago: Notify the European Commission" in text


def test_what_is_disputed_is_not_certain_and_keeps_its_day(deployed: Deployed) -> None:
    """8.9e24 + 1.2e24 under the third; small originals whose sum is over 1e23; a failed run that was taken up."""
    total, small = run(1.2e24), run(2.9e22)
    content = record(deployed, total, 1.2e24, base_model="acme/a", pretrain_flops="8.9e24")
    assert line(content, "one-third")["verdict"] == "below"
    assert line(content, "systemic-risk-total")["reading"] == "disputed"
    assert content["notification_due"]
    subject, text = mail(deployed, total)
    assert "DISPUTED" in subject
    assert "Disputed, so have it decided: By" in text
    content = record(deployed, small, 2.9e22, base_model="acme/b", pretrain_flops="9e22")
    sum_ = line(content, "small-original")
    assert (sum_["verdict"], sum_["reading"]) == ("indeterminate", "disputed")
    subject, text = mail(deployed, small)
    assert "DISPUTED" in subject
    assert (
        "whether the original's pretraining counts towards 1e23 where the modification alone does not reach it" in text
    )
    failed = run(4e22, ended=timedelta(days=40), TrainingJobStatus="Failed", SecondaryStatus="Failed")
    record(deployed, failed, 4e22, base_model="acme/c")
    after = run(1e22, after=(failed,))
    content = record(deployed, after, 1e22, base_model="acme/c")
    third = line(content, "original-unknown")
    assert (third["verdict"], third["reading"]) == ("indeterminate", "disputed")
    _, text = mail(deployed, after)
    assert "that fail and whose results are discarded" in text


def test_reference_passes_count_on_the_cumulative_basis_alone(deployed: Deployed) -> None:
    """DPO: the frozen reference model's passes raise the bound of the total, not that of the updates.

    The hardware has room for both.
    """
    job = run(5.2e22, days=10) | {"HyperParameters": {"trainer_type": "dpo", "max_seq_length": "2048"}}
    content = record(deployed, job, 2.6e22, base_model="meta-llama/Llama-3.1-8B", params="8.03e9", tokens="5.4e11")
    third, total = line(content, "one-third"), line(content, "systemic-risk-total")
    own = int(total["upper_flop"]) - int(content["original"]["highest_flop"])
    assert own > int(third["upper_flop"]) == int(content["estimate"]["updates_upper_flop"])
    assert own == int(content["estimate"]["cautious_upper_flop"])
    words = " ".join(each["words"] for each in content["estimate"]["assumptions"])
    assert "counts on the cumulative basis alone" in words
